package fieldclient

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto"
)

func TestAnOpenChecklistShowsWhatComesLater(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	late := s.laptop("Late", syncproto.RoleMonitor, "KZ-75")
	// The office knows the new colleague before the others do.
	if err := s.office.AppendRoster(t.Context(), s.roster.Records(s.office.Roster().Len())); err != nil {
		t.Fatal(err)
	}
	if err := late.AppendRoster(t.Context(), s.roster.Records(late.Roster().Len())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.office.AddToTeam(t.Context(), s.visit, []syncproto.PersonID{late.person}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.office.ShareKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	withoutRoster(t, s.office, late)
	withoutRoster(t, s.office, s.b)
	say(t, s.on(late), "smell", "damp")
	k := s.on(s.b)
	_ = k.groupWritten()
	withoutRoster(t, late, s.b)
	_ = k.groupWritten()
	if err := s.b.AppendRoster(t.Context(), s.roster.Records(s.b.Roster().Len())); err != nil {
		t.Fatal(err)
	}
	got := k.groupWritten()
	s.b.reopen()
	if want := s.on(s.b).groupWritten(); got != want || !strings.Contains(want, "damp") {
		t.Errorf("open: %s", cmp.Diff(want, got))
	}
}

func TestAnOpenChecklistShowsValuesThatCameWithoutThemFirst(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	out := say(t, s.on(s.a), "smell", "damp")
	k := s.on(s.b)
	for _, withheld := range []bool{true, false} {
		l, err := s.a.rep.Changeset(t.Context(), out.Saved.Changesets[0])
		if err != nil {
			t.Fatal(err)
		}
		a, err := s.a.arrivalOf(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if withheld {
			p := a.cs.Packet.WithBody(syncproto.Body{Form: syncproto.BodyWithheld})
			if a.cs, err = syncproto.ParsePacket(p); err != nil {
				t.Fatal(err)
			}
		}
		s.b.mu.Lock()
		err = s.b.absorb(t.Context(), []arrival{{cs: a.cs, received: 1}}, nil)
		s.b.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if got := k.groupWritten(); strings.Contains(got, "damp") == withheld {
			t.Errorf("withheld %v: the form is\n%s", withheld, got)
		}
	}
}

// withoutRoster carries what no server has signed for from one laptop to another.
func withoutRoster(t testing.TB, from, to *laptop) {
	t.Helper()
	var stick bytes.Buffer
	if _, err := from.ExportBundle(context.Background(), &stick, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := to.ImportBundle(context.Background(), &stick); err != nil {
		t.Fatal(err)
	}
}
