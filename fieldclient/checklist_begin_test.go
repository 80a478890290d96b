package fieldclient

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
)

func TestADefaultThatWasTakenBackDoesNotComeBack(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	k := s.on(s.a)
	sayAt(t, k, "/data/block", "")
	for range 2 {
		if got := k.written(); strings.Contains(got, "block") {
			t.Errorf("taken back, the form has\n%s", got)
		}
		s.a.reopen()
		k = s.on(s.a)
	}
	if it := groupItem(t, k, "block"); len(it.Said) != 1 || it.Said[0].answered() {
		t.Errorf("that it was asked and taken back is not kept: %+v", it.Said)
	}
	sayAt(t, k, "/data/smell", "damp")
	if got := k.written(); strings.Contains(got, "block") {
		t.Errorf("with another answer it comes back:\n%s", got)
	}
}

func TestWhatAFormSetsWhenItBeginsIsSavedWithTheFirstAnswer(t *testing.T) {
	first := `
type         | name    | label   | default | calculation    | repeat_count
text         | block   | Block   | A       |                |
calculate    | code    |         |         | once(uuid())   |
begin repeat | shifts  | Shifts  |         |                | 2
integer      | guards  | Guards  | 4       |                |
end repeat   |         |         |         |                |
`
	s := newSeason(t, workbook(t, "shifts", "1", first, ""))
	k := s.on(s.a)
	sayAt(t, k, "/data/block", "B")
	want := k.written()
	for _, part := range []string{`/data/shifts[1]/guards "4"`, `/data/shifts[2]/guards "4"`, `/data/code "`} {
		if !strings.Contains(want, part) {
			t.Errorf("the form lacks %s:\n%s", part, want)
		}
	}
	s.a.reopen()
	k = s.on(s.a)
	if got := k.written(); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if it := groupItem(t, k, "guards"); it.Standing != StandsAlone {
		t.Errorf("the number of guards is %s", it.Standing)
	}
	// A newer version with one more value that is to be set once.
	second := workbook(t, "shifts", "2", first+"calculate | drawn | | | once(uuid()) |", "")
	s.approve(second)
	s.spread()
	if _, err := k.Move(t.Context(), TemplateID(second)); err != nil {
		t.Fatal(err)
	}
	sayAt(t, k, "/data/block", "C")
	want = k.written()
	if !strings.Contains(want, "/data/drawn") {
		t.Fatalf("the form lacks what is drawn once:\n%s", want)
	}
	s.a.reopen()
	if got := s.on(s.a).written(); got != want {
		t.Error("drawn again:", cmp.Diff(want, got))
	}
}

func TestWhatWasTakenBackStaysTakenBackWhenACountShrinksAndGrows(t *testing.T) {
	s := newSeason(t, workbook(t, "shifts", "1", `
type         | name    | label   | default | repeat_count
integer      | n       | Shifts  |         |
begin repeat | shifts  | Shifts  |         | ${n}
integer      | guards  | Guards  | 4       |
end repeat   |         |         |         |
`, ""))
	k := s.on(s.a)
	sayAt(t, k, "/data/n", "3")
	sayAt(t, k, "/data/shifts[2]/guards", "5")
	sayAt(t, k, "/data/shifts[3]/guards", "")
	sayAt(t, k, "/data/n", "1")
	s.a.reopen()
	k = s.on(s.a)
	sayAt(t, k, "/data/n", "2")
	sayAt(t, k, "/data/n", "3")
	for range 2 {
		for i, want := range []string{"4", "5", ""} {
			if it, err := k.Item(t.Context(), form.Ref(fmt.Sprintf("/data/shifts[%d]/guards", i+1))); err != nil || it.Value != want {
				t.Errorf("shift %d has %q, want %q, %v", i+1, it.Value, want, err)
			}
		}
		s.a.reopen()
		k = s.on(s.a)
	}
}

func TestTheLastAnswerIsTheEndOfTheForm(t *testing.T) {
	s := newSeason(t, workbook(t, "ended", "1", "type | name | label\nstart | begun |\nend | ended |\ntext | a | A", ""))
	k := s.on(s.a)
	if strings.Contains(k.written(), "/data/ended") {
		t.Errorf("it has an end before anybody has answered:\n%s", k.written())
	}
	say(t, k, "a", "one")
	first := k.written()
	say(t, k, "a", "two")
	last := k.written()
	if !strings.Contains(first, "/data/ended") || first == last {
		t.Errorf("the end is not that of the last answer:\n%s\n%s", first, last)
	}
	s.a.reopen()
	if got := s.on(s.a).written(); got != last {
		t.Errorf("read again, it ended at another time:\n%s\n%s", got, last)
	}
}
