package fieldclient

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// screen shows one question, and answers by what it showed.
type screen struct {
	t  testing.TB
	k  *Checklist
	it Item
}

func (s *season) screen(l *laptop, item string) *screen {
	s.t.Helper()
	p := &screen{t: s.t, k: s.on(l)}
	ref, err := p.k.Find(s.t.Context(), item)
	if err != nil {
		s.t.Fatal(err)
	}
	p.it.Lasting = ref
	p.look()
	return p
}

func (p *screen) look() {
	p.t.Helper()
	it, err := p.k.Item(p.t.Context(), p.it.Lasting)
	if err != nil {
		p.t.Fatal(err)
	}
	p.it = it
}

// save answers a part of the question, and shows it as it is then.
func (p *screen) save(part string, ch AnswerChange) {
	p.t.Helper()
	ch.Seen = append([]Seen{}, p.it.Seen[part]...)
	if _, err := p.k.Answer(p.t.Context(), p.it.Lasting, ch); err != nil {
		p.t.Fatal(err)
	}
	p.look()
}

// parts are changes of each part of an answer, two different ones, and what is read of the first where it stands beside.
var parts = map[string]struct {
	newer, typed AnswerChange
	beside       SaidPart
}{
	"note":     {AnswerChange{Note: ptr("newer")}, AnswerChange{Note: ptr("typed")}, SaidPart{"note", "newer"}},
	"minority": {AnswerChange{Minority: ptr("newer")}, AnswerChange{Minority: ptr("typed")}, SaidPart{"minority", "newer"}},
	"sources":  {AnswerChange{Sources: &[]string{"interview", "document"}}, AnswerChange{Sources: &[]string{"management"}}, SaidPart{"sources", "document interview"}},
	"urgent":   {AnswerChange{Urgent: ptr(true)}, AnswerChange{Urgent: ptr(false)}, SaidPart{"urgent", "yes"}},
	"links": {AnswerChange{Links: &[]syncproto.EntityID{{1}}}, AnswerChange{Links: &[]syncproto.EntityID{{2}}},
		SaidPart{"links", syncproto.EntityID{1}.String()}},
}

func ptr[T any](v T) *T { return &v }

func TestAPageThatIsStaleReplacesNoNewerAnswerOfItsOwnPerson(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	old, newer := s.screen(s.a, "smell"), s.screen(s.a, "smell")
	newer.save("value", AnswerChange{Value: ptr("damp")})
	old.save("value", AnswerChange{Silence: ptr(form.AccessRefused)})
	if diff := cmp.Diff([]SaidValue{{Value: "damp"}}, old.it.Mine.Also); old.it.Mine.Silence != form.AccessRefused || diff != "" {
		t.Errorf("a stale page left %+v: %s", old.it.Mine, diff)
	}
	old.save("value", AnswerChange{Value: ptr("none")}) // and goes on, not having looked at the other
	newer.look()
	s.a.reopen()
	for _, it := range []Item{old.it, newer.it, s.screen(s.a, "smell").it} {
		if diff := cmp.Diff([]SaidValue{{Value: "damp"}}, it.Mine.Also); it.Mine.Value != "none" || diff != "" {
			t.Errorf("%+v: %s", it.Mine, diff)
		}
	}
	p := s.screen(s.a, "smell")
	if _, err := p.k.Answer(t.Context(), p.it.Lasting, AnswerChange{Value: ptr("damp"), Seen: slices.Concat(p.it.Seen["value"], p.it.Beside["value"])}); err != nil {
		t.Fatal(err)
	}
	if p.look(); len(p.it.Mine.Also) > 0 || p.it.Mine.Value != "damp" || len(p.it.Beside["value"]) > 0 {
		t.Errorf("settled by who saw both: %+v", p.it.Mine)
	}
}

func TestAPageThatIsStaleReplacesNoOtherPartOfAnAnswer(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part := parts[name]
		s := newSeason(t, workbook(t, "cells", "1", cells, smells))
		s.screen(s.a, "smell").save(name, part.typed)
		old, newer := s.screen(s.a, "smell"), s.screen(s.a, "smell")
		newer.save(name, part.newer)
		old.save(name, part.typed)
		s.a.reopen()
		for _, it := range []Item{old.it, s.screen(s.a, "smell").it} {
			if diff := cmp.Diff([]SaidPart{part.beside}, it.Mine.Beside); diff != "" {
				t.Errorf("%s: %+v: %s", name, it.Mine, diff)
			}
		}
		p := s.screen(s.a, "smell")
		part.typed.Seen = slices.Concat(p.it.Seen[name], p.it.Beside[name])
		if _, err := p.k.Answer(t.Context(), p.it.Lasting, part.typed); err != nil {
			t.Fatal(err)
		}
		if p.look(); len(p.it.Mine.Beside) > 0 || len(p.it.Beside[name]) > 0 {
			t.Errorf("%s: settled by who saw both: %+v", name, p.it.Mine)
		}
	}
}

func TestWhoTypesQuicklyIsNotInTheirOwnWay(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	p := s.screen(s.a, "smell")
	for _, reopen := range []bool{false, true} {
		for _, v := range []string{"none", "damp", "", "damp"} {
			p.save("value", AnswerChange{Value: &v, Transcribed: ptr(true)})
			p.save("note", AnswerChange{Note: ptr(v + "!")})
			p.save("value", AnswerChange{Silence: ptr(form.NotChecked), Transcribed: ptr(true)})
			p.save("value", AnswerChange{Value: &v})
			for _, name := range slices.Sorted(maps.Keys(parts)) {
				p.save(name, parts[name].newer)
				p.save(name, parts[name].typed)
			}
			if p.it.Mine.Also != nil || p.it.Mine.Beside != nil || p.it.Value != v {
				t.Fatalf("after %q: %+v", v, p.it.Mine)
			}
		}
		if reopen {
			s.a.reopen()
			if p = s.screen(s.a, "smell"); p.it.Mine.Also != nil || p.it.Mine.Beside != nil {
				t.Errorf("opened again: %+v", p.it.Mine)
			}
		}
	}
	stands, err := s.a.Record(t.Context(), s.visit, p.it.Record)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stands.Fields {
		if len(f.Heads) > 1 {
			t.Errorf("%d statements stand on %s", len(f.Heads), f.Name)
		}
	}
}

func TestAPageNamesOnlyWhatItsPersonSaidOfTheQuestion(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	s.screen(s.a, "smell").save("value", AnswerChange{Value: ptr("damp")})
	s.spread()
	p := s.screen(s.b, "smell")
	if len(p.it.Seen["value"]) > 0 {
		t.Fatalf("another person's answer counts as seen: %+v", p.it.Seen)
	}
	p.it.Seen = s.screen(s.a, "smell").it.Seen // a page that claims otherwise
	p.save("value", AnswerChange{Value: ptr("none")})
	if it := groupItem(t, s.on(s.b), "smell"); len(it.Said) != 2 || it.Standing != StandsDiffering {
		t.Errorf("an answer of somebody else was replaced: %+v", it.Said)
	}
}
