package fieldclient

import (
	"context"
	"slices"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
)

// refuse plays a server that refuses the laptop's own changesets of a visit from number n on.
func (l *laptop) refuse(visit syncproto.ScopeID, n uint64) int {
	l.t.Helper()
	f := l.feeds[visit]
	feed := syncproto.NewFeedID(l.keys.device.ID, visit, f.Incarnation)
	redone, err := l.reissue(context.Background(), feed, n, syncproto.PushResult{Status: syncproto.StatusRefused, Code: syncproto.CodeBadChain})
	if err != nil {
		l.t.Fatal(err)
	}
	return redone
}

func (l *laptop) sees(visit syncproto.ScopeID, name string, want ...string) {
	l.t.Helper()
	if got := l.field(visit, name).values(); !slices.Equal(got, want) {
		l.t.Errorf("%s sees %s = %q, want %q", l.name, name, got, want)
	}
}

// A server may refuse anything, even what opens a visit and carries its only key.
func TestNothingIsLostWhenAServerRefusesAWholeVisit(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(saule, aru)
	saule.set(visit, "summary", "first")
	saule.set(visit, "summary", "second")
	saule.set(visit, "refusals", "one door")
	id, err := saule.ItemID(visit, "cells", "")
	if err != nil {
		t.Fatal(err)
	}
	if n := saule.refuse(visit, 1); n != 4 {
		t.Fatalf("%d changesets were signed again", n)
	}
	for range 2 {
		saule.sees(visit, "summary", "second")
		saule.sees(visit, "refusals", "one door")
		if again, err := saule.ItemID(visit, "cells", ""); err != nil || again != id {
			t.Errorf("a checklist item has another record: %v", err)
		}
		saule.reopen()
	}
	saule.set(visit, "summary", "third")
	saule.sees(visit, "summary", "third")
	carry(t, saule, aru)
	aru.sees(visit, "summary", "third")
	if n := saule.refuse(visit, 2); n != 0 {
		t.Errorf("what was signed again is signed a third time: %d", n)
	}
	saule.sees(visit, "summary", "third")
}

func TestWhatWasRefusedInTheMiddleOfAFeedStillReplacesWhatItReplaced(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(saule, aru)
	carry(t, saule, aru)
	aru.set(visit, "summary", "by Aru")
	carry(t, aru, saule)
	saule.set(visit, "refusals", "before")
	saule.set(visit, "refusals", "in the middle")
	saule.set(visit, "refusals", "at the end")
	saule.set(visit, "summary", "by Saule")
	if n := saule.refuse(visit, 3); n != 3 {
		t.Fatalf("%d changesets were signed again", n)
	}
	saule.sees(visit, "refusals", "at the end")
	saule.sees(visit, "summary", "by Saule")
	if f := saule.field(visit, "summary"); len(f.Review) != 1 {
		t.Errorf("the review item is gone: %+v", f)
	}
}

// kill -9 after the work was set aside and before it was signed again.
func TestACrashInTheMiddleOfARefusalLosesNothing(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	saule.set(visit, "summary", "first")
	saule.set(visit, "summary", "second")
	f := saule.feeds[visit]
	var all []replica.Logged
	err := saule.rep.FeedFrom(ctx, syncproto.NewFeedID(saule.keys.device.ID, visit, f.Incarnation), 1, 10, func(l replica.Logged) error {
		all = append(all, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := saule.setAside(ctx, all, "a test refused it"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		saule.reopen()
		saule.sees(visit, "summary", "second")
	}
	v, err := saule.Verify(ctx)
	if err != nil || len(v.Faults) > 0 || v.Refused != 3 || v.Changesets != 3 {
		t.Errorf("%+v %v", v, err)
	}
}

// An image of the whole disk is put back, and nobody notices before the next save.
func TestAForkedFeedIsNotAppendedTo(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	aru.set(visit, "population", "1")
	data, state := t.TempDir()+"/data", t.TempDir()+"/state"
	if err := aru.Client.Close(); err != nil {
		t.Fatal(err)
	}
	copyDir(t, aru.cfg.Vault.Dir, data)
	copyDir(t, aru.cfg.Vault.StateDir, state)
	aru.unlock()
	aru.set(visit, "population", "2")
	carry(t, aru, saule)
	if err := aru.Client.Close(); err != nil {
		t.Fatal(err)
	}
	// The image is put back in place: the same files, so that nothing on this machine shows it.
	aru.cfg.Vault.Dir, aru.cfg.Vault.StateDir = data, state
	aru.unlock()
	if aru.Restored() != "" {
		aru.reopen()
	}
	aru.feeds[visit] = oldFeed(t, aru, visit)
	aru.set(visit, "entry", "09:30")
	aru.set(visit, "summary", "after")
	carry(t, saule, aru) // its own lost work, numbered as what it wrote since
	forks, err := aru.Replica().Forks(ctx, visit)
	if err != nil || len(forks) != 1 {
		t.Fatalf("forks: %v %v", forks, err)
	}
	before := *aru.feeds[visit]
	aru.set(visit, "refusals", "later")
	if now := aru.feeds[visit]; now.Incarnation == before.Incarnation {
		t.Error("the laptop appends to a forked feed")
	}
	carry(t, aru, saule)
	for _, l := range []*laptop{aru, saule} {
		l.sees(visit, "entry", "09:30")
		l.sees(visit, "refusals", "later")
	}
}

// oldFeed is the feed that a laptop would go on with if it noticed nothing.
func oldFeed(t *testing.T, l *laptop, visit syncproto.ScopeID) *ownFeed {
	t.Helper()
	for _, f := range l.Replica().Feeds(visit) {
		if f.Device == l.Device().ID {
			lg, err := l.Replica().Changeset(context.Background(), f.Head)
			if err != nil {
				t.Fatal(err)
			}
			cs, err := l.changesetOf(context.Background(), lg, nil)
			if err != nil {
				t.Fatal(err)
			}
			return &ownFeed{Incarnation: cs.Header.Incarnation, N: f.N, NextSeq: f.NextSeq, Head: f.Head}
		}
	}
	t.Fatal("no feed")
	return nil
}
