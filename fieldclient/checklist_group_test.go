package fieldclient

import (
	"errors"
	"testing"

	"kua/fieldclient/form"
	"kua/syncproto"
)

func TestTheGroupsAnswerIsNotReplacedByWhoSawNothing(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	say(t, s.on(s.a), "smell", "none")
	s.spread()
	it := groupItem(t, s.on(s.leader), "smell")
	if _, err := s.on(s.leader).Agree(t.Context(), it.Ref, "damp", form.None, "", nil); err != nil {
		t.Fatal(err)
	}
	s.spread()
	if _, err := s.on(s.office).Agree(t.Context(), it.Ref, "none", form.None, "", nil); err != nil {
		t.Fatal(err)
	}
	if it := groupItem(t, s.on(s.office), "smell"); it.Standing != StandsContested {
		t.Errorf("the leader's answer was replaced unseen: %s %v", it.Standing, it.Agreed)
	}
}

func TestWhoMayNotAgreeLeavesNoTrace(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	before := s.a.count(t, s.visit)
	if _, err := s.on(s.a).Agree(t.Context(), "/data/smell", "damp", form.None, "", nil); !errors.Is(err, ErrNoRight) {
		t.Fatal(err)
	}
	if n := s.a.count(t, s.visit); n != before {
		t.Errorf("%d changesets were saved", n-before)
	}
}

// count counts the changesets of a visit.
func (l *laptop) count(t testing.TB, visit syncproto.ScopeID) (n int) {
	t.Helper()
	for _, f := range l.rep.Feeds(visit) {
		n += int(f.N)
	}
	return n
}

func TestWhatALeaderAgreesIsNoInstanceOfTheirOwnForm(t *testing.T) {
	s := newSeason(t, workbook(t, "shifts", "1", `
type         | name    | label   | repeat_count
integer      | n       | Shifts  |
begin repeat | shifts  | Shifts  | ${n}
integer      | guards  | Guards  |
end repeat   |         |         |
`, ""))
	sayAt(t, s.on(s.a), "/data/n", "2")
	carry(t, s.a, s.leader)
	k := s.on(s.leader)
	before := answersOf(k.written())
	if _, err := k.Agree(t.Context(), "/data/shifts[2]/guards", "3", form.None, "", nil); err != nil {
		t.Fatal(err)
	}
	if got := answersOf(k.written()); got != before {
		t.Errorf("the leader, who has answered nothing, has the form\n%s", got)
	}
}
