package fieldclient

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kua/fieldclient/form"
	"kua/syncproto"
)

const playedForm = `
type         | name    | label   | default | repeat_count
text         | block   | Block   | A       |
select_one s | smell   | Smell   |         |
integer      | n       | Shifts  |         |
begin repeat | shifts  | Shifts  |         | ${n}
integer      | guards  | Guards  | 4       |
end repeat   |         |         |         |
begin group  | rooms   | Rooms   |         |
begin repeat | cells   | Cells   |         |
decimal      | area    | Area    |         |
begin repeat | beds    | Beds    |         |
text         | bed     | Bed     |         |
end repeat   |         |         |         |
end repeat   |         |         |         |
end group    |         |         |         |
`

// playedNext has another question in place of the block, and the cells elsewhere.
var playedNext = strings.NewReplacer("text         | block   | Block   | A       |", "text         | floor   | Floor   | |",
	"begin group  | rooms   | Rooms   |         |\n", "", "end group    |         |         |         |\n", "").Replace(playedForm)

// heldAnswer names an item in an instance, as a person's model knows it: "" outside repeats.
type heldAnswer struct{ item, row string }

// heldRow is an instance that a person added.
type heldRow struct {
	name, parent string
	repeat       string
	struck       bool
}

// player is a member with the model of what they have said and never taken out.
type player struct {
	*laptop
	begun   bool
	said    map[heldAnswer]SaidValue
	rows    []heldRow
	records map[string]syncproto.EntityID // of rows by their names
}

// stage is one visit in which members play.
type stage struct {
	t        *rapid.T
	visit    syncproto.ScopeID
	id       syncproto.EntityID
	versions [2]syncproto.EntityID
	players  []*player
	agreed   map[heldAnswer]SaidValue
	rowCount int
}

func (st *stage) on(p *player) *Checklist {
	k, err := p.Checklist(context.Background(), st.visit, st.id)
	if err != nil {
		st.t.Fatal(err)
	}
	return k
}

// place is where the model has a row of the person's form now: "" where it is struck.
func (st *stage) place(p *player, name string) form.Ref {
	i := slices.IndexFunc(p.rows, func(r heldRow) bool { return r.name == name })
	r := p.rows[i]
	if r.struck {
		return ""
	}
	around := st.cells(p)
	if r.parent != "" {
		outer := st.place(p, r.parent)
		if outer == "" {
			return ""
		}
		around = outer + "/beds"
	}
	n := 0
	for _, o := range p.rows[:i+1] {
		if o.parent == r.parent && o.repeat == r.repeat && !o.struck {
			n++
		}
	}
	return around + form.Ref(fmt.Sprintf("[%d]", n))
}

func (st *stage) next(p *player) bool { return st.on(p).Info().Template == st.versions[1] }

func (st *stage) cells(p *player) form.Ref {
	if st.next(p) {
		return "/data/cells"
	}
	return "/data/rooms/cells"
}

// refOf is where the model has an item now; "" where the version has no place for it, or it is struck.
func (st *stage) refOf(p *player, a heldAnswer) form.Ref {
	switch {
	case a.item == "guards":
		return form.Ref("/data/shifts[" + a.row + "]/guards")
	case a.row != "":
		if place := st.place(p, a.row); place != "" {
			return place + form.Ref("/"+a.item)
		}
		return ""
	case a.item == "block" && st.next(p), a.item == "floor" && !st.next(p):
		return ""
	}
	return form.Ref("/data/" + a.item)
}

// begins saves what the form begins with, with the first thing that a person saves.
func (st *stage) begins(p *player) {
	if _, said := p.said[heldAnswer{"block", ""}]; !p.begun && !said && !st.next(p) {
		p.said[heldAnswer{"block", ""}] = SaidValue{Value: "A"}
	}
	p.begun = true
}

// shifts is how many instances follow the count: while it is not known, all in which something was ever said.
func (p *player) shifts() (n int) {
	if _, err := fmt.Sscan(p.said[heldAnswer{"n", ""}].Value, &n); err == nil {
		return n
	}
	for a := range p.said {
		if i, err := strconv.Atoi(a.row); a.item == "guards" && err == nil {
			n = max(n, i)
		}
	}
	return n
}

// answer lets a person answer something in their form.
func (st *stage) answer(p *player) {
	all := []heldAnswer{{"block", ""}, {"floor", ""}, {"smell", ""}, {"n", ""}}
	for i := range p.shifts() {
		all = append(all, heldAnswer{"guards", fmt.Sprint(i + 1)})
	}
	for _, r := range p.rows {
		all = append(all, heldAnswer{map[string]string{"cells": "area", "beds": "bed"}[r.repeat], r.name})
	}
	all = slices.DeleteFunc(all, func(a heldAnswer) bool { return st.refOf(p, a) == "" })
	a := rapid.SampledFrom(all).Draw(st.t, "item")
	ch, what := st.value(a.item)
	if a == (heldAnswer{"block", ""}) && ch.Value != nil {
		p.said[a] = what // taken back before it was saved is said, too
	}
	st.begins(p)
	ref := st.refOf(p, a)
	if rapid.Bool().Draw(st.t, "lasting") {
		it, err := st.on(p).Item(context.Background(), ref)
		if err != nil {
			st.t.Fatal(err)
		}
		ref = it.Lasting
	}
	if _, err := st.on(p).Answer(context.Background(), ref, ch); err != nil {
		st.t.Fatalf("%s answers %v: %v", p.name, a, err)
	}
	if _, had := p.said[a]; had || what != (SaidValue{}) {
		p.said[a] = what
	}
	for i := range p.shifts() {
		if g := (heldAnswer{"guards", fmt.Sprint(i + 1)}); a.item == "n" {
			if _, had := p.said[g]; !had {
				p.said[g] = SaidValue{Value: "4"}
			}
		}
	}
}

func (st *stage) value(item string) (ch AnswerChange, what SaidValue) {
	if s := form.Silence(rapid.IntRange(-6, 3).Draw(st.t, "silence")); s >= form.NotChecked && s <= form.AccessRefused {
		return AnswerChange{Silence: &s}, SaidValue{Silence: s}
	}
	values := map[string][]string{"block": {"B", "", " x\ny "}, "floor": {"1", ""}, "smell": {"none", "damp", ""}, "n": {"0", "1", "3", ""}, "guards": {"1", "2", ""}, "area": {"1.50", "2", ""}, "bed": {"007", "iron", ""}}
	v := rapid.SampledFrom(values[item]).Draw(st.t, "value")
	return AnswerChange{Value: &v}, SaidValue{Value: v}
}

func (st *stage) addRow(p *player) {
	r := heldRow{repeat: "cells"}
	at := st.cells(p)
	var open []heldRow
	for _, o := range p.rows {
		if o.repeat == "cells" && !o.struck {
			open = append(open, o)
		}
	}
	if len(open) > 0 && rapid.Bool().Draw(st.t, "inside") {
		outer := rapid.SampledFrom(open).Draw(st.t, "outer")
		r.repeat, r.parent = "beds", outer.name
		at = st.place(p, outer.name) + "/beds"
	}
	st.rowCount++
	r.name = fmt.Sprintf("row %d", st.rowCount)
	k := st.on(p)
	ref, _, err := k.AddRow(context.Background(), at)
	if err != nil {
		st.t.Fatalf("%s adds to %s: %v", p.name, at, err)
	}
	st.begins(p)
	p.rows = append(p.rows, r)
	if want := st.place(p, r.name); ref != want {
		st.t.Fatalf("%s gets %s, want %s", p.name, ref, want)
	}
	it, err := k.Item(context.Background(), ref)
	if err != nil {
		st.t.Fatal(err)
	}
	p.records[r.name] = it.Row.Record
}

func (st *stage) strike(p *player) {
	var open []int
	for i, r := range p.rows {
		if st.place(p, r.name) != "" {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return
	}
	i := rapid.SampledFrom(open).Draw(st.t, "row")
	if _, err := st.on(p).StrikeRow(context.Background(), st.place(p, p.rows[i].name)); err != nil {
		st.t.Fatalf("%s strikes %s: %v", p.name, p.rows[i].name, err)
	}
	p.rows[i].struck = true
}

// agree lets the leader, who is the first player, set the group's answer to something that they see.
func (st *stage) agree(p *player) {
	k := st.on(p)
	items := mustGroup(st.t, k)
	items = slices.DeleteFunc(items, func(it GroupItem) bool { return !it.Asked || !it.Relevant })
	it := rapid.SampledFrom(items).Draw(st.t, "agreed")
	_, what := st.value(it.Node.Name)
	if what == (SaidValue{}) {
		return
	}
	if _, err := k.Agree(context.Background(), it.Lasting, what.Value, what.Silence, "why", it.Seen); err != nil {
		st.t.Fatalf("agreeing on %s: %v", it.Ref, err)
	}
	row := ""
	if at := placeRow(it.Lasting); at != "" {
		row = at
	}
	st.agreed[heldAnswer{it.Node.Name, row}] = what
}

// placeRow is the innermost instance of a lasting place.
func placeRow(lasting form.Ref) string {
	i, j := strings.LastIndexByte(string(lasting), '['), strings.LastIndexByte(string(lasting), ']')
	if i < 0 {
		return ""
	}
	return string(lasting[i+1 : j])
}

func (st *stage) move(p *player) {
	to := st.versions[rapid.IntRange(0, 1).Draw(st.t, "version")]
	if _, err := st.on(p).Move(context.Background(), to); err != nil {
		st.t.Fatal(err)
	}
}

func (st *stage) carry(from, to *player) {
	var stick bytes.Buffer
	if _, err := from.ExportBundle(context.Background(), &stick, []syncproto.ScopeID{st.visit}, true); err != nil {
		st.t.Fatal(err)
	}
	if _, err := to.ImportBundle(context.Background(), &stick); err != nil {
		st.t.Fatal(err)
	}
}

// shownOf writes down all that a form shows: answers, and instances that are relevant.
func shownOf(in *form.Instance) (out []string) {
	for _, a := range in.Answers() {
		if strings.HasPrefix(string(a.Ref), "/data/meta/") || strings.HasSuffix(string(a.Ref), "_count") {
			continue
		}
		if v, err := in.View(a.Ref); a.Value == "" && a.Silence == form.None && (err != nil || !v.Relevant) {
			continue
		}
		out = append(out, a.String())
	}
	slices.Sort(out)
	return out
}

// wanted is the same as the model has it.
func (st *stage) wanted(p *player) (out []string) {
	for a, v := range p.said {
		if ref := st.refOf(p, a); ref != "" && v != (SaidValue{}) {
			out = append(out, form.Answer{Ref: ref, Value: v.Value, Silence: v.Silence}.String())
		}
	}
	for _, r := range p.rows {
		if ref := st.place(p, r.name); ref != "" {
			out = append(out, form.Answer{Ref: ref}.String())
		}
	}
	for i := range p.shifts() {
		out = append(out, form.Answer{Ref: form.Ref(fmt.Sprintf("/data/shifts[%d]", i+1))}.String())
	}
	if !p.begun && !st.next(p) {
		out = append(out, form.Answer{Ref: "/data/block", Value: "A"}.String())
	}
	slices.Sort(out)
	return out
}

// check compares a person's form with the model, and the checklist that was kept up to date with one read afresh.
func (st *stage) check(p *player) {
	k := st.on(p)
	want := st.wanted(p)
	if diff := cmp.Diff(want, shownOf(k.mine.in)); diff != "" {
		st.t.Fatalf("the form of %s: %s", p.name, diff)
	}
	fresh := &Checklist{c: p.Client, scope: st.visit, id: st.id}
	if diff := cmp.Diff(want, func() []string { _ = fresh.written(); return shownOf(fresh.mine.in) }()); diff != "" {
		st.t.Fatalf("the form of %s read afresh: %s", p.name, diff)
	}
	if diff := cmp.Diff(fresh.groupWritten(), k.groupWritten()); diff != "" {
		st.t.Fatalf("the group's form with %s, read afresh: %s", p.name, diff)
	}
	if diff := cmp.Diff(statements(fresh), statements(k)); diff != "" {
		st.t.Fatalf("what is said with %s, read afresh: %s", p.name, diff)
	}
}

// statements is all that anybody says, by person, item and instance.
func statements(k *Checklist) map[string]SaidValue {
	out := map[string]SaidValue{}
	for _, s := range k.said {
		row := ""
		if r := k.rows[s.row]; r != nil {
			row = s.row.String()
			if n := placeOf(r.order); n > 0 {
				row = fmt.Sprint(n)
			}
		}
		for p, said := range s.by {
			if said.answered() && s.item != "instanceID" {
				out[p.String()+" "+s.item+" "+row] = SaidValue{said.Value, said.Silence}
			}
			if len(said.Also) > 0 {
				out[p.String()+" also "+s.item+" "+row] = said.Also[0]
			}
		}
		for _, a := range s.values {
			out["agreed "+s.item+" "+row+" "+a.Name] = SaidValue{a.Value, a.Silence}
		}
	}
	return out
}

// allSaid is the same as the models have it.
func (st *stage) allSaid() map[string]SaidValue {
	out := map[string]SaidValue{}
	for _, p := range st.players {
		for a, v := range p.said {
			row := a.row
			if id, ok := p.records[a.row]; ok {
				row = id.String()
			}
			if v != (SaidValue{}) {
				out[p.person.String()+" "+a.item+" "+row] = v
			}
		}
	}
	for a, v := range st.agreed {
		out["agreed "+a.item+" "+a.row+" "+st.players[0].name] = v
	}
	return out
}

// Two members play with a checklist, each on their own laptop, and carry their work to each other whenever they like.
func TestWhateverMembersDoEverybodysFormIsWhatTheySaid(t *testing.T) {
	s := newSeason(t, workbook(t, "played", "1", playedForm, smells))
	next := workbook(t, "played", "2", playedNext, smells)
	s.approve(next)
	s.spread()
	versions := [2]syncproto.EntityID{s.on(s.a).Info().Template, TemplateID(next)}
	fewer(t, 25)
	rapid.Check(t, func(t *rapid.T) {
		st := &stage{t: t, versions: versions, agreed: map[heldAnswer]SaidValue{}, visit: s.office.visit(s.leader, s.a)}
		for _, l := range []*laptop{s.leader, s.a} {
			st.players = append(st.players, &player{laptop: l, said: map[heldAnswer]SaidValue{}, records: map[string]syncproto.EntityID{}})
			st.carry(&player{laptop: s.office}, st.players[len(st.players)-1])
		}
		var err error
		if st.id, err = s.leader.OpenChecklist(context.Background(), st.visit, versions[0], nil, ""); err != nil {
			t.Fatal(err)
		}
		st.carry(st.players[0], st.players[1])
		for range rapid.IntRange(6, 24).Draw(t, "actions") {
			i := rapid.IntRange(0, 1).Draw(t, "player")
			p, other := st.players[i], st.players[1-i]
			switch rapid.SampledFrom([]string{"answer", "answer", "answer", "answer", "row", "row", "row", "strike", "strike", "agree", "move", "carry", "carry", "reopen"}).Draw(t, "action") {
			case "answer":
				st.answer(p)
			case "row":
				st.addRow(p)
			case "strike":
				st.strike(p)
			case "agree":
				st.agree(st.players[0])
			case "move":
				st.move(p)
			case "carry":
				st.carry(other, p)
			case "reopen":
				p.reopen()
			}
			st.check(p)
		}
		st.carry(st.players[0], st.players[1])
		st.carry(st.players[1], st.players[0])
		want := st.on(st.players[0]).groupWritten()
		for _, p := range st.players {
			st.check(p)
			if diff := cmp.Diff(want, st.on(p).groupWritten()); diff != "" {
				t.Fatalf("the group's form with %s: %s", p.name, diff)
			}
			if diff := cmp.Diff(st.allSaid(), statements(st.on(p))); diff != "" {
				t.Fatalf("what is said, with %s: %s", p.name, diff)
			}
		}
	})
}

// fewer makes the trials of a test fewer than usual, each of which takes long. -rapid.checks still asks for more.
func fewer(t *testing.T, n int) {
	checks := flag.Lookup("rapid.checks")
	if checks == nil || checks.Value.String() != checks.DefValue {
		return
	}
	if err := checks.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
}
