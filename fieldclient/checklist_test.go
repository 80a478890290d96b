package fieldclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// workbook makes an XLSForm of lines such as "integer | persons | How many?"; the first line of each sheet names its
// columns.
func workbook(t testing.TB, id, version, survey, choices string) *form.Template {
	t.Helper()
	f := excelize.NewFile()
	sheet := func(name, lines string) {
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for r, line := range strings.Split(strings.TrimSpace(lines), "\n") {
			for c, cell := range strings.Split(line, "|") {
				at, _ := excelize.CoordinatesToCellName(c+1, r+1)
				if err := f.SetCellStr(name, at, strings.TrimSpace(cell)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	sheet("survey", survey)
	if choices != "" {
		sheet("choices", choices)
	}
	sheet("settings", "form_id | form_title | version\n"+id+" | "+id+" | "+version)
	if err := f.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	template, issues, err := form.Import(context.Background(), bytes.NewReader(b.Bytes()), int64(b.Len()), id+".xlsx")
	if err != nil {
		t.Fatal(err, issues)
	}
	return template
}

func starter(t testing.TB, name string) *form.Template {
	t.Helper()
	b, err := checklists.Workbook(name)
	if err != nil {
		t.Fatal(err)
	}
	template, _, err := form.Import(context.Background(), bytes.NewReader(b), int64(len(b)), name+".xlsx")
	if err != nil {
		t.Fatal(err)
	}
	return template
}

const cells = `
type         | name    | label                | calculation              | constraint | default | required | kua::id | kua::sources
text         | block   | Block                |                          |            | A       |          |         |
begin repeat | cells   | Cells                |                          |            |         |          |         |
decimal      | area    | Floor area           |                          | . > 0      |         |          | CELL-1  | observation document
integer      | persons | Persons              |                          |            |         | yes      |         |
calculate    | m2      |                      | ${area} div ${persons}   |            |         |          |         |
end repeat   |         |                      |                          |            |         |          |         |
integer      | total   | Persons in all cells | sum(${persons})          |            |         |          |         |
select_one s | smell   | Smell                |                          |            |         |          |         |
`

const smells = `
list_name | name | label
s         | none | None
s         | damp | Damp
`

// season is a coordinator, two monitors and their leader, with a visit whose checklist all of them hold.
type season struct {
	*team
	office, leader, a, b *laptop
	visit                syncproto.ScopeID
	checklist            syncproto.EntityID
}

func newSeason(t testing.TB, template *form.Template) *season {
	t.Helper()
	o := newTeam(t)
	s := &season{team: o, office: o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), leader: o.laptop("Aigerim", syncproto.RoleLeader, "KZ-75"),
		a: o.laptop("Marat", syncproto.RoleMonitor, "KZ-75"), b: o.laptop("Dana", syncproto.RoleMonitor, "KZ-75")}
	o.share()
	s.approve(template)
	s.visit = s.office.OpenVisitFor(t, s.leader, s.a, s.b)
	s.spread()
	s.checklist = s.a.open(s.visit, TemplateID(template))
	s.spread()
	return s
}

func (l *laptop) OpenVisitFor(t testing.TB, people ...*laptop) syncproto.ScopeID {
	return l.visit(people...)
}

func (s *season) approve(template *form.Template) {
	s.t.Helper()
	info, err := s.office.ImportTemplate(s.t.Context(), template)
	if err == nil {
		err = s.office.ApproveTemplate(s.t.Context(), info.ID)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// spread brings everybody's work to everybody.
func (s *season) spread() {
	s.t.Helper()
	for _, from := range s.laptops {
		for _, to := range s.laptops {
			if from != to {
				carry(s.t, from, to)
			}
		}
	}
}

func (l *laptop) open(visit syncproto.ScopeID, template syncproto.EntityID) syncproto.EntityID {
	l.t.Helper()
	id, err := l.OpenChecklist(context.Background(), visit, template, nil, "")
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

func (s *season) on(l *laptop) *Checklist {
	s.t.Helper()
	k, err := l.Checklist(context.Background(), s.visit, s.checklist, "en")
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

func say(t testing.TB, k *Checklist, name, value string) Answered {
	t.Helper()
	ref, err := k.Find(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := k.Answer(context.Background(), ref, AnswerChange{Value: &value})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func addRow(t testing.TB, k *Checklist, repeat string) form.Ref {
	t.Helper()
	ref, _, err := k.AddRow(context.Background(), form.Ref(repeat))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// sheetOf writes a form down: every place with an answer, in document order.
func sheetOf(in *form.Instance) string {
	var out []string
	for _, a := range in.Answers() {
		out = append(out, a.String())
	}
	return strings.Join(out, "\n")
}

func (k *Checklist) written() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(context.Background()); err != nil {
		return err.Error()
	}
	return sheetOf(k.mine.in)
}

func (k *Checklist) groupWritten() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(context.Background()); err != nil {
		return err.Error()
	}
	return sheetOf(k.everybody().in)
}

func TestAChecklistIsTheSameAfterALockAndOnAnotherLaptop(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	addRow(t, k, "/data/cells")
	addRow(t, k, "/data/cells")
	say(t, k, "CELL-1", "12.5")
	say(t, k, "persons", "3")
	say(t, k, "CELL-1:2", "20")
	say(t, k, "smell", "damp")
	want := k.written()
	for _, part := range []string{`/data/block "A"`, `/data/cells[1]/area "12.5"`, `/data/cells[1]/m2 "4.16`, `/data/cells[2]/area "20"`, `/data/total "3"`, `/data/smell "damp"`} {
		if !strings.Contains(want, part) {
			t.Errorf("the form lacks %s:\n%s", part, want)
		}
	}
	s.a.reopen()
	if got := s.on(s.a).written(); got != want {
		t.Errorf("after a lock: %s", cmp.Diff(want, got))
	}
	s.spread()
	if got := s.on(s.leader).groupWritten(); got != want {
		t.Errorf("the leader sees the group's form as: %s", cmp.Diff(want, got))
	}
	if got := s.on(s.b).written(); strings.Contains(got, "12.5") {
		t.Errorf("another member's answers stand in the form of Dana:\n%s", got)
	}
}

func TestTwoMembersWhoAnswerOneItemDoNotConflict(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	say(t, s.on(s.a), "smell", "none")
	say(t, s.on(s.b), "smell", "damp")
	s.spread()
	for _, l := range s.laptops {
		if waits, err := l.Attention(t.Context(), s.visit); err != nil || len(waits) > 0 {
			t.Errorf("%s has %v waiting, %v", l.name, waits, err)
		}
	}
	it := groupItem(t, s.on(s.leader), "smell")
	if it.Standing != StandsDiffering || len(it.Said) != 2 {
		t.Fatalf("the leader sees %s with %d answers", it.Standing, len(it.Said))
	}
	if _, err := s.on(s.leader).Agree(t.Context(), it.Ref, "damp", form.None, "", it.Seen); err != nil {
		t.Fatal(err)
	}
	minority := "I smelled nothing in block A"
	if _, err := s.on(s.a).Answer(t.Context(), it.Ref, AnswerChange{Minority: &minority}); err != nil {
		t.Fatal(err)
	}
	s.spread()
	for _, l := range s.laptops {
		it := groupItem(t, s.on(l), "smell")
		if it.Standing != StandsAgreed || it.Agreed[0].Value != "damp" || it.Agreed[0].Name != "Aigerim" {
			t.Errorf("%s sees %s %v", l.name, it.Standing, it.Agreed)
		}
		m := it.Minorities()
		if len(m) != 1 || m[0].Minority != minority || m[0].Value != "none" {
			t.Errorf("%s sees the minority %v", l.name, m)
		}
	}
	if _, err := s.on(s.a).Agree(t.Context(), it.Ref, "none", form.None, "", it.Seen); !errors.Is(err, ErrNoRight) {
		t.Errorf("a monitor agrees for the group: %v", err)
	}
}

func groupItem(t testing.TB, k *Checklist, key string) GroupItem {
	t.Helper()
	all, err := k.Group(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(it GroupItem) bool { return it.Key == key })
	if i < 0 {
		t.Fatalf("the group's form has no item %s", key)
	}
	return all[i]
}

func TestWhatTheGroupAgreedIsReplacedOnlyAsSeen(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	say(t, s.on(s.a), "smell", "none")
	s.spread()
	it := groupItem(t, s.on(s.leader), "smell")
	if _, err := s.on(s.leader).Agree(t.Context(), it.Ref, "damp", form.None, "", it.Seen); err != nil {
		t.Fatal(err)
	}
	// The office sets another answer without having seen the leader's.
	old := groupItem(t, s.on(s.office), "smell")
	if _, err := s.on(s.office).Agree(t.Context(), old.Ref, "none", form.None, "", old.Seen); err != nil {
		t.Fatal(err)
	}
	s.spread()
	both := groupItem(t, s.on(s.leader), "smell")
	if both.Standing != StandsContested || len(both.Agreed) != 2 {
		t.Fatalf("two agreed answers stand as %s: %v", both.Standing, both.Agreed)
	}
	if _, err := s.on(s.leader).Agree(t.Context(), both.Ref, "damp", form.None, " ", both.Seen); !errors.Is(err, ErrNoReason) {
		t.Errorf("an agreed answer was replaced without a reason: %v", err)
	}
	if _, err := s.on(s.leader).Agree(t.Context(), both.Ref, "damp", form.None, "smelled again", both.Seen); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if it := groupItem(t, s.on(s.office), "smell"); it.Standing != StandsAgreed || it.Agreed[0].Value != "damp" {
		t.Errorf("settled, the office sees %s %v", it.Standing, it.Agreed)
	}
}

func TestSilencesAreNeverMixedWithValues(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	ref, err := k.Find(t.Context(), "smell")
	if err != nil {
		t.Fatal(err)
	}
	for _, silence := range []form.Silence{form.NotChecked, form.NotApplicable, form.AccessRefused} {
		if _, err := k.Answer(t.Context(), ref, AnswerChange{Silence: &silence}); err != nil {
			t.Fatal(err)
		}
		s.a.reopen()
		k = s.on(s.a)
		it, err := k.Item(t.Context(), ref)
		if err != nil || it.Silence != silence || it.Value != "" || it.Mine.Silence != silence {
			t.Errorf("%s is kept as %v %q, %v", silence, it.Silence, it.Value, err)
		}
		progress, err := k.Progress(t.Context())
		if err != nil || progress[0].Silent != 1 || progress[0].Answered != 1 { // the block has a default
			t.Errorf("%s counts as %+v, %v", silence, progress[0], err)
		}
	}
	say(t, k, "smell", "none")
	if it, _ := k.Item(t.Context(), ref); it.Silence != form.None || it.Mine.Value != "none" {
		t.Errorf("a value does not end the silence: %+v", it.Mine)
	}
}

func TestAnAnswerIsMoreThanAValue(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	addRow(t, k, "/data/cells")
	ref, err := k.Find(t.Context(), "CELL-1")
	if err != nil {
		t.Fatal(err)
	}
	interview, err := s.a.Create(t.Context(), s.visit, "interview", map[string]string{"pseudonym": "7K-R4M-01-X", "kind": "private", "consent": "C1"})
	if err != nil {
		t.Fatal(err)
	}
	value, note, yes := "11", "measured twice", true
	if _, err := k.Answer(t.Context(), ref, AnswerChange{Value: &value, Sources: &[]string{"observation", "document"}, Note: &note, Urgent: &yes,
		Links: &[]syncproto.EntityID{interview}, Transcribed: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Answer(t.Context(), ref, AnswerChange{Sources: &[]string{"interview"}}); !errors.Is(err, ErrSource) {
		t.Errorf("a kind of source that the item does not allow: %v", err)
	}
	s.spread()
	it := groupItem(t, s.on(s.leader), "CELL-1")
	want := Said{Person: s.a.person, Name: "Marat", Value: "11", Sources: []string{"document", "observation"}, Note: note, Urgent: true, Links: []syncproto.EntityID{interview}, Transcribed: true}
	if diff := cmp.Diff([]Said{want}, it.Said); diff != "" {
		t.Error(diff)
	}
	if found, err := s.leader.Search(t.Context(), "twice"); err != nil || len(found) != 1 {
		t.Errorf("the note is not found: %v, %v", found, err)
	}
}

func TestOnlyAHealthExpertAnswersWhatIsForHealthExperts(t *testing.T) {
	s := newSeason(t, workbook(t, "injuries", "1", `
type         | name        | label       | required | kua::right
text         | account     | Account     |          |
select_one s | consistency | Consistency | yes      | medical
`, smells))
	doctor := s.laptop("Aslan", syncproto.RoleHealth, "KZ-75")
	s.share()
	if _, err := s.office.AddToTeam(t.Context(), s.visit, []syncproto.PersonID{doctor.person}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.office.ShareKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.spread()
	damp := "damp"
	for l, want := range map[*laptop]error{s.a: ErrNoRight, doctor: nil} {
		k := s.on(l)
		if _, err := k.Answer(t.Context(), "/data/consistency", AnswerChange{Value: &damp}); !errors.Is(err, want) {
			t.Errorf("%s answers: %v, want %v", l.name, err, want)
		}
		it, err := k.Item(t.Context(), "/data/consistency")
		if err != nil || it.Medical != (want != nil) || (it.Value == "") != (want != nil) {
			t.Errorf("%s sees %+v, %v", l.name, it, err)
		}
		if problems, err := k.Problems(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("%s has %v, %v", l.name, problems, err)
		}
		if p, err := k.Progress(t.Context()); err != nil || p[0].Open != 1 {
			t.Errorf("%s has %+v open, %v", l.name, p[0], err)
		}
	}
	s.spread()
	if it := groupItem(t, s.on(s.leader), "consistency"); it.Standing != StandsAlone || it.Said[0].Name != "Aslan" {
		t.Errorf("the leader sees %+v", it)
	}
}

func TestAMoveToANewerVersionKeepsEveryAnswerAndCanBeTakenBack(t *testing.T) {
	first := workbook(t, "cells", "1", cells, smells)
	second := workbook(t, "cells", "2", strings.Replace(strings.Replace(cells, "text         | block   | Block ", "text         | floor   | Floor ", 1),
		"begin repeat | cells   | Cells ", "begin group  | rooms   | Rooms\nbegin repeat | cells   | Cells ", 1)+"end group | \n", smells)
	s := newSeason(t, first)
	k := s.on(s.a)
	addRow(t, k, "/data/cells")
	say(t, k, "CELL-1", "12")
	say(t, k, "persons", "3")
	say(t, k, "block", "B")
	before := k.written()
	id := TemplateID(second)
	if _, err := k.PreviewMove(t.Context(), id); err == nil {
		t.Error("a version that nobody has imported was previewed")
	}
	if _, err := s.office.ImportTemplate(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if _, err := k.Move(t.Context(), id); !errors.Is(err, ErrNotApproved) {
		t.Errorf("moving to a draft: %v", err)
	}
	s.approve(second)
	s.spread()
	p, err := k.PreviewMove(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Gone) != 1 || p.Gone[0].Key != "block" || len(p.New) != 1 || p.New[0].Key != "floor" || len(p.Away) != 1 || p.Away[0].Said[0].Value != "B" {
		t.Errorf("the preview is %+v", p)
	}
	if k.written() != before {
		t.Error("the preview changed the form")
	}
	if _, err := k.Move(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := k.written(); !strings.Contains(got, `/data/rooms/cells[1]/area "12"`) {
		t.Errorf("the answer did not move with its question into the group:\n%s", got)
	}
	away, err := k.Away(t.Context())
	if err != nil || len(away) != 1 || away[0].Item != "block" || away[0].Said[0].Value != "B" {
		t.Errorf("the answer whose question has gone is shown as %+v, %v", away, err)
	}
	s.spread()
	if got := s.on(s.leader).groupWritten(); !strings.Contains(got, `/data/rooms/cells[1]/area "12"`) {
		t.Errorf("the leader sees\n%s", got)
	}
	if _, err := k.Move(t.Context(), TemplateID(first)); err != nil {
		t.Fatal(err)
	}
	if got := k.written(); got != before {
		t.Errorf("moved back: %s", cmp.Diff(before, got))
	}
}

func TestAVisitFixesItsVersion(t *testing.T) {
	first, second := workbook(t, "cells", "1", cells, smells), workbook(t, "cells", "2", cells+"\ntext | more | More", smells)
	s := newSeason(t, first)
	s.approve(second)
	s.spread()
	id, err := s.b.OpenChecklist(t.Context(), s.visit, TemplateID(second), nil, "")
	if !errors.Is(err, ErrOtherVersion) || id != s.checklist {
		t.Errorf("opening another version: %v, %v", id, err)
	}
	if id := s.b.open(s.visit, TemplateID(first)); id != s.checklist {
		t.Errorf("the same version opens another checklist: %s", id)
	}
	if err := s.office.WithdrawTemplate(t.Context(), TemplateID(first)); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if id := s.b.open(s.visit, TemplateID(first)); id != s.checklist {
		t.Error("a withdrawn version is gone from the visit that uses it")
	}
	other := s.office.visit(s.leader, s.a, s.b)
	if _, err := s.office.OpenChecklist(t.Context(), other, TemplateID(first), nil, ""); !errors.Is(err, ErrNotApproved) {
		t.Errorf("a withdrawn version opens in a new visit: %v", err)
	}
}

func TestNobodyPutsAnotherFormUnderATemplatesID(t *testing.T) {
	first, second := workbook(t, "cells", "1", cells, smells), workbook(t, "cells", "2", cells+"\ntext | more | More", smells)
	s := newSeason(t, first)
	changes, err := s.office.templateChanges(t.Context(), s.office.Roster().Registry(), second, false)
	if err != nil {
		t.Fatal(err)
	}
	part := templatePartID(TemplateID(first), 0)
	kind, _ := syncproto.KindNamed("template-part")
	content, _ := kind.FieldNamed("content")
	for _, ch := range changes {
		if ch.Field == content.ID {
			if _, err := s.office.Set(t.Context(), Target{Scope: s.office.Roster().Registry(), Entity: part, Field: content}, ch.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.spread()
	s.b.reopen()
	if _, _, err := s.b.Template(t.Context(), TemplateID(first)); !errors.Is(err, errTemplateSpoiled) {
		t.Fatalf("a spoiled template is read: %v", err)
	}
	if _, err := s.office.ImportTemplate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if got, _, err := s.b.Template(t.Context(), TemplateID(first)); err != nil || got.Hash() != first.Hash() {
		t.Errorf("imported again, it is not mended: %v", err)
	}
}

func TestAnInstanceThatIsStruckStaysWhereOthersAnsweredInIt(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	for i := range 3 {
		addRow(t, k, "/data/cells")
		say(t, k, fmt.Sprintf("CELL-1:%d", i+1), fmt.Sprint(10+i))
	}
	if _, err := k.StrikeRow(t.Context(), "/data/cells[2]"); err != nil {
		t.Fatal(err)
	}
	if got := k.written(); strings.Contains(got, `"11"`) || !strings.Contains(got, `/data/cells[2]/area "12"`) {
		t.Errorf("struck, the form is\n%s", got)
	}
	s.spread()
	if got := s.on(s.leader).groupWritten(); strings.Contains(got, `"11"`) {
		t.Errorf("the leader still sees it:\n%s", got)
	}
}

func TestEveryStarterChecklistIsFilledInAndReadAgain(t *testing.T) {
	for _, list := range checklists.All() {
		t.Run(list.Name, func(t *testing.T) {
			s := newSeason(t, starter(t, list.Name))
			k := s.on(s.a)
			answered := 0
			for range 400 {
				it, err := k.Next(t.Context(), "")
				if err != nil {
					t.Fatal(err)
				}
				if !it.Left {
					break
				}
				ch := AnswerChange{}
				value := map[string]string{"int": "3", "decimal": "2.5", "date": "2026-11-24", "time": "10:00:00", "dateTime": "2026-11-24T10:00:00"}[it.Node.Data]
				silence := form.NotChecked
				switch {
				case len(it.Choices) > 0:
					value = it.Choices[len(it.Choices)-1].Value
				case value == "" && it.Node.Data == "string":
					value = "words"
				}
				if it.Node.Kua("strict") == "yes" {
					value = "7K-R4M-01-X"
				}
				if ch.Value = &value; value == "" {
					ch = AnswerChange{Silence: &silence}
				}
				if _, err := k.Answer(t.Context(), it.Ref, ch); err != nil {
					t.Fatalf("%s = %q: %v", it.Ref, value, err)
				}
				answered++
			}
			if answered < 8 {
				t.Errorf("only %d questions were asked", answered)
			}
			want := k.written()
			s.a.reopen()
			if got := s.on(s.a).written(); got != want {
				t.Error(cmp.Diff(want, got))
			}
		})
	}
}
