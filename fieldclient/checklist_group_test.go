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
