package fieldclient

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
)

// twins is a season in which Marat has two laptops that both hold the visit.
func twins(t testing.TB, template *form.Template) (s *season, first, second *laptop) {
	s = newSeason(t, template)
	second = s.second(s.a)
	s.share()
	if _, err := s.office.ShareKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.spread()
	return s, s.a, second
}

func TestNoClockTakesAPersonsOwnAnswerAway(t *testing.T) {
	s, first, second := twins(t, workbook(t, "cells", "1", cells, smells))
	sayAt(t, s.on(first), "/data/smell", "none")
	sayAt(t, s.on(second), "/data/smell", "damp")
	s.spread()
	for _, l := range []*laptop{first, second, s.leader} {
		it := groupItem(t, s.on(l), "smell")
		if len(it.Said) != 1 || it.Standing != StandsDiffering {
			t.Fatalf("%s sees %s %+v", l.name, it.Standing, it.Said)
		}
		if diff := cmp.Diff([]SaidValue{{Value: "none"}}, it.Said[0].Also); it.Said[0].Value != "damp" || diff != "" {
			t.Errorf("of two answers %s sees %q, and beside it %s", l.name, it.Said[0].Value, diff)
		}
	}
	sayAt(t, s.on(first), "/data/smell", "damp") // the one that is shown: said again, it settles
	s.spread()
	for _, l := range []*laptop{second, s.leader} {
		if it := groupItem(t, s.on(l), "smell"); it.Standing != StandsAlone || len(it.Said[0].Also) > 0 || it.Said[0].Value != "damp" {
			t.Errorf("settled, %s sees %s %+v", l.name, it.Standing, it.Said)
		}
	}
}

func TestAnAnswerTakenBackOnOneLaptopStandsWhereItWasGivenOnAnother(t *testing.T) {
	s, first, second := twins(t, workbook(t, "cells", "1", cells, smells))
	sayAt(t, s.on(first), "/data/smell", "none")
	s.spread()
	sayAt(t, s.on(first), "/data/smell", "damp")
	sayAt(t, s.on(second), "/data/smell", "")
	s.spread()
	for _, l := range []*laptop{first, second, s.leader} {
		if it := groupItem(t, s.on(l), "smell"); it.Said[0].Value != "damp" {
			t.Errorf("%s sees %+v", l.name, it.Said)
		}
	}
}

// A screen names an instance by its number. When it is answered, that number may be another instance's.
func TestAnAnswerGoesToTheInstanceThatThePersonSaw(t *testing.T) {
	s, first, second := twins(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(first)
	for _, area := range []string{"11", "12"} {
		sayAt(t, k, addRow(t, k, "/data/cells")+"/area", area)
	}
	seen, err := k.Item(t.Context(), "/data/cells[2]/area")
	if err != nil {
		t.Fatal(err)
	}
	row, err := k.Item(t.Context(), "/data/cells[2]")
	if err != nil {
		t.Fatal(err)
	}
	s.spread()
	if _, err := s.on(second).StrikeRow(t.Context(), "/data/cells[1]"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		sayAt(t, s.on(second), addRow(t, s.on(second), "/data/cells")+"/area", "20")
	}
	s.spread()
	sayAt(t, k, seen.Lasting, "13")
	if it, err := k.Item(t.Context(), seen.Lasting); err != nil || it.Value != "13" || it.Ref != "/data/cells[1]/area" {
		t.Errorf("it stands at %s with %q, %v", it.Ref, it.Value, err)
	}
	if it, err := k.Item(t.Context(), "/data/cells[2]/area"); err != nil || it.Value != "20" {
		t.Errorf("another instance has %q, %v", it.Value, err)
	}
	if _, err := k.StrikeRow(t.Context(), row.Lasting); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Answer(t.Context(), seen.Lasting, AnswerChange{Value: &seen.Value}); err == nil {
		t.Error("an instance that is struck is answered")
	}
	if it, err := k.Item(t.Context(), "/data/cells[1]/area"); err != nil || it.Value != "20" {
		t.Errorf("the wrong instance was struck: %q, %v", it.Value, err)
	}
}

func TestTheGroupsAnswerGoesToTheInstanceThatTheLeaderSaw(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	sayAt(t, s.on(s.a), addRow(t, s.on(s.a), "/data/cells")+"/area", "10")
	for range 5 { // some of Dana's cells sort before Marat's
		sayAt(t, s.on(s.b), addRow(t, s.on(s.b), "/data/cells")+"/area", "20")
	}
	carry(t, s.a, s.leader)
	seen := groupItem(t, s.on(s.leader), "CELL-1")
	carry(t, s.b, s.leader)
	if _, err := s.on(s.leader).Agree(t.Context(), seen.Lasting, "10.5", form.None, "", seen.Seen); err != nil {
		t.Fatal(err)
	}
	for _, it := range mustGroup(t, s.on(s.leader)) {
		if it.Key == "CELL-1" && (it.Standing == StandsAgreed) != (it.Said[0].Value == "10") {
			t.Errorf("the group's answer stands on %s: %+v", it.Ref, it.Said)
		}
	}
}

// fataler is a test, or a trial of one.
type fataler interface {
	Helper()
	Fatal(...any)
}

func mustGroup(t fataler, k *Checklist) []GroupItem {
	t.Helper()
	all, err := k.Group(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
