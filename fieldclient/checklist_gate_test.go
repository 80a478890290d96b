package fieldclient

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// atGate is a season in which Marat answered two questions at the gate, one of them for the first time, and was locked.
func atGate(t *testing.T) *season {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	sayAt(t, k, addRow(t, k, "/data/cells")+"/area", "11")
	s.a.enterGate(s.visit)
	note := "the guard said so"
	if _, err := k.Answer(t.Context(), "/data/smell", AnswerChange{Note: &note, Sources: &[]string{"observation"}}); err != nil {
		t.Fatal(err)
	}
	sayAt(t, s.on(s.a), "/data/smell", "none")
	sayAt(t, s.on(s.a), "/data/cells[1]/area", "12")
	s.a.reopen()
	return s
}

func (s *season) smell(l *laptop) Item {
	s.t.Helper()
	it, err := s.on(l).Item(s.t.Context(), "/data/smell")
	if err != nil {
		s.t.Fatal(err)
	}
	return it
}

func TestAnAnswerSealedAtTheGateIsNotAnOpenQuestion(t *testing.T) {
	s := atGate(t)
	k := s.on(s.a)
	for _, ref := range []form.Ref{"/data/smell", "/data/cells[1]/area"} {
		it, err := k.Item(t.Context(), ref)
		if err != nil || !it.Mine.Sealed() || !it.Mine.Gate || it.Value != "" {
			t.Errorf("%s was answered at the gate, and is said to be %q %+v %v", ref, it.Value, it.Mine, err)
		}
	}
	if it := s.smell(s.a); !slices.Contains(it.Mine.Closed, "note") || !slices.Contains(it.Mine.Closed, "sources") {
		t.Errorf("a sealed note is said to be none: %+v", it.Mine)
	}
	progress, err := k.Progress(t.Context())
	if err != nil || progress[0].Sealed != 2 || progress[0].Answered != 1 {
		t.Errorf("two answers were sealed, and one was given before: %+v %v", progress[0], err)
	}
	for step, err := k.Next(t.Context(), ""); ; step, err = k.Next(t.Context(), step.Ref) {
		if err != nil || step.Mine.Sealed() {
			t.Errorf("%s was answered, and is asked again: %v", step.Ref, err)
		}
		if err != nil || !step.Left {
			break
		}
	}
	problems, err := k.Problems(t.Context())
	for _, p := range problems {
		if err != nil || p.Code == form.CodeRequired && p.Ref == "/data/smell" {
			t.Errorf("an answer is required that was given: %+v %v", p, err)
		}
	}
	s.spread()
	if it := groupItem(t, s.on(s.b), "smell"); len(it.Said) != 1 || !it.Said[0].Sealed() {
		t.Errorf("what Marat sealed is nothing to Dana: %+v", it.Said)
	}
}

func TestWhatWasAnsweredAgainAfterALockStandsBesideWhatWasSealed(t *testing.T) {
	s := atGate(t)
	note, urgent := "I did smell it", true
	if _, err := s.on(s.a).Answer(t.Context(), "/data/smell", AnswerChange{Note: &note, Urgent: &urgent, Sources: &[]string{"interview"}}); err != nil {
		t.Fatal(err)
	}
	sayAt(t, s.on(s.a), "/data/smell", "damp")
	if it := s.smell(s.a); it.Value != "damp" || !it.Mine.Gate || it.Mine.Sealed() {
		t.Errorf("answered again: %q %+v", it.Value, it.Mine)
	}
	if err := s.a.LeaveGate(t.Context(), s.visit); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.spread()
		if _, err := s.office.ReleaseGate(t.Context(), s.visit); err != nil {
			t.Fatal(err)
		}
		if _, err := s.office.ShareKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.spread()
	for _, l := range []*laptop{s.a, s.leader, s.office} {
		it := groupItem(t, s.on(l), "smell")
		if len(it.Said) != 1 || it.Standing != StandsDiffering || it.Said[0].Gate {
			t.Fatalf("%s sees %s %+v", l.name, it.Standing, it.Said)
		}
		said := it.Said[0]
		if diff := cmp.Diff([]SaidValue{{Value: "none"}}, said.Also); diff != "" || said.Value != "damp" {
			t.Errorf("of two answers %s sees %q, and beside it %s", l.name, said.Value, diff)
		}
		want := []SaidPart{{Part: "note", Text: "the guard said so"}, {Part: "sources", Text: "observation"}}
		if diff := cmp.Diff(want, said.Beside); diff != "" || said.Note != note || !said.Urgent {
			t.Errorf("of two notes %s sees %q, and beside it %s", l.name, said.Note, diff)
		}
	}
	sayAt(t, s.on(s.a), "/data/smell", "none") // the one that stood beside is chosen
	s.spread()
	if it := groupItem(t, s.on(s.leader), "smell"); it.Standing != StandsAlone || len(it.Said[0].Also) > 0 || it.Said[0].Value != "none" {
		t.Errorf("settled, the leader sees %s %+v", it.Standing, it.Said)
	}
}

// What was answered first at the gate has nothing in clear that says which question it is of: it is found by its id.
func TestARecordMadeAtTheGateIsFoundByItsID(t *testing.T) {
	s := atGate(t)
	it := s.smell(s.a)
	if it.Record == (syncproto.EntityID{}) {
		t.Fatal("the record of a sealed answer is not found")
	}
	sayAt(t, s.on(s.a), "/data/smell", "damp")
	if again := s.smell(s.a); again.Record != it.Record {
		t.Errorf("answered again, it is another record: %s, %s", again.Record, it.Record)
	}
}
