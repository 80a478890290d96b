package fieldclient

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// A teammate who writes records by hand, with all that a signature allows.
func (l *laptop) write(t testing.TB, visit syncproto.ScopeID, changes ...Change) {
	t.Helper()
	if _, err := l.Save(t.Context(), visit, changes); err != nil {
		t.Fatal(err)
	}
}

func anyID(t testing.TB) (id syncproto.EntityID) {
	t.Helper()
	id, err := syncproto.RandomID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func made(t testing.TB, kind string, id syncproto.EntityID, fields map[string]string) []Change {
	t.Helper()
	changes, err := createChanges(kind, id, fields)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestNobodyTakesAnothersAnswersAwayByWritingIntoTheirRecords(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	both := []*laptop{s.a, s.b}
	for _, l := range both {
		k := s.on(l)
		for _, area := range []string{"11", "12"} {
			sayAt(t, k, addRow(t, k, "/data/cells")+"/area", area)
		}
		sayAt(t, k, "/data/smell", "damp")
	}
	s.spread()
	mine := []string{s.on(s.a).written(), s.on(s.b).written()}
	group := s.on(s.leader).groupWritten()
	for i, l := range both { // each against the other: of two who claim a record one has the smaller id
		s.spoil(s.on(both[1-i]), l)
	}
	s.spread()
	for i, l := range both {
		if got := s.on(l).written(); got != mine[i] {
			t.Error("the author sees", cmp.Diff(mine[i], got))
		}
	}
	for _, l := range s.laptops {
		if got := s.on(l).groupWritten(); got != group {
			t.Error(l.name, "sees the group's form as", cmp.Diff(group, got))
		}
	}
}

// spoil makes another member's records again as something else, strikes their instances, and writes into their fields.
func (s *season) spoil(k *Checklist, by *laptop) {
	s.t.Helper()
	other := anyID(s.t)
	var some syncproto.EntityID
	for id, r := range k.rows {
		if r.addedBy(by.person) {
			continue
		}
		some = id
		by.write(s.t, s.visit, made(s.t, "row", id, map[string]string{"checklist": s.checklist.String(), "repeat": "elsewhere", "parent": other.String(), "order": "00000000-", "struck": "yes"})...)
		by.write(s.t, s.visit, made(s.t, "visit", id, map[string]string{"title": "x"})...)
	}
	for id := range k.said {
		by.write(s.t, s.visit, made(s.t, "answer", id, map[string]string{"item": "total", "checklist": s.checklist.String(), "row": other.String()})...)
		by.write(s.t, s.visit, made(s.t, "visit", id, nil)...)
		for name, text := range map[string]string{"item": "block", "row": some.String(), "checklist": other.String(), "value": "none"} {
			f := field(s.t, "answer", name) // "value" is a personal field, flagged as a shared one
			value, err := f.ParseValue(text)
			if err != nil {
				s.t.Fatal(err)
			}
			by.write(s.t, s.visit, Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Value: value})
		}
	}
}

func TestRecordsThatOnlyClaimToBeOfAChecklistAreShownApart(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	sayAt(t, s.on(s.a), "/data/smell", "damp")
	s.spread()
	group := s.on(s.leader).groupWritten()
	for range 3 {
		id := anyID(t)
		changes := made(t, "answer", id, map[string]string{"item": "smell", "checklist": s.checklist.String()})
		f := field(t, "answer", "value")
		s.b.write(t, s.visit, append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: syncproto.AnswerValue("none")})...)
	}
	s.spread()
	for _, l := range s.laptops {
		k := s.on(l)
		if got := k.groupWritten(); got != group {
			t.Error(l.name, cmp.Diff(group, got))
		}
		if away, err := k.Away(t.Context()); err != nil || len(away) != 3 {
			t.Errorf("%s is shown %d apart, %v", l.name, len(away), err)
		}
	}
}

func TestInstancesThatAreMadeByHandDisturbNobody(t *testing.T) {
	s := newSeason(t, workbook(t, "blocks", "1", `
type         | name    | label   | repeat_count
integer      | n       | Blocks  |
begin repeat | blocks  | Blocks  | ${n}
text         | letter  | Letter  |
end repeat   |         |         |
begin repeat | cells   | Cells   |
decimal      | area    | Area    |
begin repeat | beds    | Beds    |
text         | bed     | Bed     |
end repeat   |         |         |
end repeat   |         |         |
`, ""))
	name := s.b.namerOf(s.visit)
	row := func(repeat, order string, parent syncproto.EntityID) syncproto.EntityID {
		r := &row{repeat: repeat, order: order, parent: parent}
		id := name(rowName(s.checklist, r))
		fields := map[string]string{"checklist": s.checklist.String(), "repeat": repeat, "order": order}
		if parent != (syncproto.EntityID{}) {
			fields["parent"] = parent.String()
		}
		s.b.write(t, s.visit, made(t, "row", id, fields)...)
		return id
	}
	for _, order := range []string{"ffffffff-00", "7fffffff-00", "zz", "-1", "00000000-", "99999999999999999999", "01", " 1"} {
		row("cells", order, syncproto.EntityID{})
		row("blocks", order, syncproto.EntityID{})
	}
	row("beds", "00000001-00", anyID(t))
	row("beds", "00000001-00", syncproto.EntityID{})
	s.spread()
	k := s.on(s.a)
	sayAt(t, k, "/data/n", "2")
	sayAt(t, k, "/data/blocks[1]/letter", "A")
	var want []string
	for i := range 12 {
		ref := addRow(t, k, "/data/cells")
		sayAt(t, k, ref+"/area", fmt.Sprint(i+1))
		want = append(want, fmt.Sprintf("/data/cells[%d] \"\"", i+1), fmt.Sprintf("/data/cells[%d]/area \"%d\"", i+1, i+1))
	}
	want = append([]string{`/data/n "2"`, `/data/blocks[1] ""`, `/data/blocks[1]/letter "A"`, `/data/blocks[2] ""`}, want...)
	for _, said := range k.said {
		if said.item == "letter" && k.rows[said.row].order != "1" {
			t.Errorf("the first block's letter is filed under the instance %q", k.rows[said.row].order)
		}
	}
	withoutCount := func(k *Checklist) string {
		return strings.Replace(answersOf(k.written()), "/data/blocks_count \"2\"\n", "", 1)
	}
	if diff := cmp.Diff(want, strings.Split(withoutCount(k), "\n")); diff != "" {
		t.Error(diff)
	}
	s.a.reopen()
	if diff := cmp.Diff(want, strings.Split(withoutCount(s.on(s.a)), "\n")); diff != "" {
		t.Error("read again:", diff)
	}
}

func TestAFloodOfInstancesLeavesOnesOwnFormAsItIs(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	sayAt(t, k, addRow(t, k, "/data/cells")+"/area", "11")
	want := k.written()
	name := s.b.namerOf(s.visit)
	var changes []Change
	for i := range 10000 {
		r := &row{repeat: "cells", order: fmt.Sprintf("%08x-00", i%5)}
		if i >= 5 {
			r.order = fmt.Sprintf("%08x-%x", i/3, i)
		}
		changes = append(changes, made(t, "row", name(rowName(s.checklist, r)), map[string]string{"checklist": s.checklist.String(), "repeat": r.repeat, "order": r.order})...)
	}
	s.b.write(t, s.visit, changes...)
	carry(t, s.b, s.a)
	if got := k.written(); got != want {
		t.Error(cmp.Diff(want, got))
	}
	sayAt(t, k, addRow(t, k, "/data/cells")+"/area", "12")
	if got := k.written(); !strings.Contains(got, `/data/cells[2]/area "12"`) {
		t.Error(got)
	}
	if _, err := k.Group(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOnlyAHealthExpertsWordCountsWhereOneIsAskedFor(t *testing.T) {
	first := workbook(t, "injuries", "1", "type | name | label\nselect_one s | consistency | Consistency\ntext | account | Account", smells)
	second := workbook(t, "injuries", "2", "type | name | label | kua::right\nbegin group | exam | Examination | Medical\nselect_one s | consistency | Consistency |\nend group\ntext | account | Account |", smells)
	s := newSeason(t, first)
	doctor := s.laptop("Aslan", syncproto.RoleHealth, "KZ-75")
	s.share()
	if _, err := s.office.AddToTeam(t.Context(), s.visit, []syncproto.PersonID{doctor.person}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.office.ShareKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.approve(second)
	s.spread()
	sayAt(t, s.on(s.a), "/data/consistency", "none")
	if _, err := s.on(s.a).Move(t.Context(), TemplateID(second)); err != nil {
		t.Fatal(err)
	}
	s.spread()
	sayAt(t, s.on(doctor), "/data/exam/consistency", "damp")
	value := "damp"
	if _, err := s.on(s.a).Answer(t.Context(), "/data/exam/consistency", AnswerChange{Value: &value}); err == nil {
		t.Error("in a section for health experts a monitor answers")
	}
	s.spread()
	k := s.on(s.leader)
	if it := groupItem(t, k, "consistency"); it.Standing != StandsAlone || it.Said[len(it.Said)-1].Value != "damp" && it.Said[0].Value != "damp" || it.Value != "damp" {
		t.Errorf("the leader sees %s %+v", it.Standing, it.Said)
	}
	if away, err := k.Away(t.Context()); err != nil || len(away) != 1 || away[0].Said[0].Value != "none" {
		t.Errorf("what was said before is not shown: %+v, %v", away, err)
	}
	// Moved back, both stand; and what the doctor says then takes the place of what they said as one.
	if _, err := s.on(s.a).Move(t.Context(), TemplateID(first)); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if it := groupItem(t, s.on(s.leader), "consistency"); it.Standing != StandsDiffering {
		t.Errorf("moved back, the leader sees %s %+v", it.Standing, it.Said)
	}
	sayAt(t, s.on(doctor), "/data/consistency", "none")
	s.spread()
	if it := groupItem(t, s.on(s.leader), "consistency"); it.Standing != StandsUnanimous {
		t.Errorf("answered anew, the leader sees %s %+v", it.Standing, it.Said)
	}
}

func TestAnAnswerIsTextAsItWasTyped(t *testing.T) {
	s := newSeason(t, workbook(t, "texts", "1", "type | name | label\ntext | a | A\nselect_one s | pick | Pick", "list_name | name | label\ns | with blank | Blank\ns | 007 | Bond"))
	k := s.on(s.a)
	for _, text := range []string{"007", "7", "-0", "1.0", " 1 ", "+5", "99999999999999999999", "-9223372036854775808", "true", "two\nlines\r\n", "\t", "(not-checked)", "қ́", "\x00", strings.Repeat("ж", 1<<15)} {
		sayAt(t, k, "/data/a", text)
		s.a.reopen()
		k = s.on(s.a)
		if it, err := k.Item(t.Context(), "/data/a"); err != nil || it.Value != text || it.Mine.Value != text {
			t.Errorf("%.20q comes back as %.20q, %v", text, it.Value, err)
		}
	}
	for _, choice := range []string{"with blank", "007"} {
		sayAt(t, k, "/data/pick", choice)
		s.a.reopen()
		k = s.on(s.a)
		if it, err := k.Item(t.Context(), "/data/pick"); err != nil || it.Value != choice {
			t.Errorf("%q comes back as %q, %v", choice, it.Value, err)
		}
	}
	before := k.written()
	for _, text := range []string{"\xff", strings.Repeat("x", 1<<16+1)} {
		if _, err := k.Answer(t.Context(), "/data/a", AnswerChange{Value: &text}); err == nil {
			t.Errorf("%.10q is taken", text)
		}
	}
	long, value := strings.Repeat("x", 1<<16+1), "kept?"
	if _, err := k.Answer(t.Context(), "/data/a", AnswerChange{Value: &value, Note: &long}); err == nil {
		t.Error("a note that nobody can read again is taken")
	}
	silence := form.NotChecked
	if _, err := k.Answer(t.Context(), "/data/a", AnswerChange{Value: &value, Silence: &silence}); err == nil {
		t.Error("a value and a silence at once are taken")
	}
	if got := k.written(); got != before {
		t.Error("what was refused is in the form:", cmp.Diff(before, got))
	}
}
