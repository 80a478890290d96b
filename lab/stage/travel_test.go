package stage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"kua/fieldclient"
	"kua/server"
	"kua/syncproto"
)

// journey is a monitor with two visits, all of whose work is on the server.
func journey(t *testing.T) (s *Stage, aru *Laptop, home, ahead syncproto.ScopeID) {
	s = New(t)
	aru = s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	home, ahead = s.Lead.Visit("KZ-75", aru), s.Lead.Visit("KZ-75", aru)
	s.Lead.Sync()
	aru.Sync()
	aru.SetField(home, "summary", "first night")
	s.Lead.SetField(home, "population", "412")
	aru.SetField(ahead, "summary", "still to come")
	s.Lead.Sync()
	aru.Sync()
	return s, aru, home, ahead
}

// whole holds that a laptop's whole store verifies.
func (l *Laptop) whole() {
	l.T.Helper()
	if v, err := l.Verify(context.Background()); err != nil || len(v.Faults) > 0 {
		l.T.Errorf("%s: verifying: %v %v", l.Name, v.Faults, err)
	}
}

func (l *Laptop) travel(keep ...syncproto.ScopeID) fieldclient.TravelReport {
	l.T.Helper()
	rep, err := l.TravelLight(context.Background(), keep)
	check(l.T, err)
	return rep
}

func TestAVisitLeavesTheLaptopAndComesBackOnDemand(t *testing.T) {
	ctx := context.Background()
	s, aru, home, ahead := journey(t)
	want, err := aru.Replica().Digest(ctx, home)
	check(t, err)
	rep := aru.travel(ahead)
	if !slices.Equal(rep.Removed, []syncproto.ScopeID{home}) || len(rep.Stayed) != 0 || rep.Changesets == 0 {
		t.Fatalf("travelling light: %+v", rep)
	}
	for range 2 {
		if _, err := aru.Record(ctx, home, syncproto.EntityID(home)); !errors.Is(err, fieldclient.ErrNotFound) {
			t.Errorf("the visit is still here: %v", err)
		}
		if found, err := aru.Search(ctx, "night"); err != nil || len(found) != 0 {
			t.Errorf("a removed visit is found: %v %v", found, err)
		}
		if f := aru.Field(ahead, "summary"); len(f.Heads) != 1 || f.Heads[0].Value != "still to come" {
			t.Errorf("the visit that was to be kept: %+v", f)
		}
		if rep := aru.Sync(); rep.Away != 1 || rep.Received != 0 || len(rep.Warnings) != 0 {
			t.Errorf("a sync brings a removed visit back by itself: %+v", rep)
		}
		if _, err := aru.Set(ctx, Target(t, home, "summary"), syncproto.Null); !errors.Is(err, fieldclient.ErrAway) {
			t.Errorf("a save in a removed visit: %v", err)
		}
		aru.whole()
		aru.Reopen()
	}
	// A stick does not bring it back by the way either, and says so.
	var stick bytes.Buffer
	_, err = s.Lead.ExportBundle(ctx, &stick, nil, true)
	check(t, err)
	if rep, err := aru.ImportBundle(ctx, &stick); err != nil || rep.Away == 0 || rep.Fresh != 0 {
		t.Errorf("importing a stick: %+v %v", rep, err)
	}

	check(t, aru.BringBack(ctx, []syncproto.ScopeID{home}))
	if err := aru.BringBack(ctx, []syncproto.ScopeID{home}); !errors.Is(err, fieldclient.ErrNotFound) {
		t.Errorf("brought back twice: %v", err)
	}
	aru.Sync()
	if got, err := aru.Replica().Digest(ctx, home); err != nil || got != want {
		t.Errorf("the visit came back in another state: %v", err)
	}
	if f := aru.Field(home, "summary"); len(f.Heads) != 1 || f.Heads[0].Value != "first night" || f.Heads[0].State == fieldclient.StateSaved {
		t.Errorf("the visit came back without its values: %+v", f)
	}
	aru.SetField(home, "summary", "second night")
	if rep := aru.Sync(); len(rep.Warnings)+len(rep.Refused) != 0 {
		t.Errorf("work after the return: %+v", rep)
	}
	s.Lead.Sync()
	if f := s.Lead.Field(home, "summary"); len(f.Heads) != 1 || f.Heads[0].Value != "second night" {
		t.Errorf("work after the return does not arrive: %+v", f)
	}
	for _, f := range s.Lead.Replica().Feeds(home) {
		if f.Forked {
			t.Error("a number was used twice")
		}
	}
	if list, err := aru.Incidents(ctx); err != nil || len(list) != 0 || aru.Restored() != "" {
		t.Errorf("a return is taken for a restored copy: %v %v", list, err)
	}
	aru.whole()
	s.Lead.whole()
}

func TestNothingUnacknowledgedLeavesTheLaptop(t *testing.T) {
	ctx := context.Background()
	s, aru, home, ahead := journey(t)
	aru.SetField(home, "summary", "not on the server")
	dana := s.Laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	_, err := s.Lead.AddToTeam(ctx, ahead, []syncproto.PersonID{dana.Person})
	check(t, err)
	s.Lead.Sync()
	dana.Sync()
	dana.SetField(ahead, "summary", "by stick only")
	var stick bytes.Buffer
	_, err = dana.ExportBundle(ctx, &stick, nil, false)
	check(t, err)
	_, err = aru.ImportBundle(ctx, &stick)
	check(t, err)
	local, err := aru.OpenVisit(ctx, "KZ-75", []syncproto.PersonID{aru.Person}, nil)
	check(t, err)
	rep := aru.travel()
	if len(rep.Removed) != 0 || len(rep.Stayed) != 3 {
		t.Fatalf("work that the server does not hold was removed: %+v", rep)
	}
	for _, id := range []syncproto.ScopeID{home, ahead, local} {
		if _, err := aru.Record(ctx, id, syncproto.EntityID(id)); err != nil {
			t.Errorf("visit %s: %v", id, err)
		}
	}
	aru.Sync()
	if rep := aru.travel(); len(rep.Removed) != 3 {
		t.Errorf("after a sync nothing keeps them here: %+v", rep)
	}
	aru.whole()
	check(t, aru.BringBack(ctx, aru.Away()))
	aru.Sync()
	for want, id := range map[string]syncproto.ScopeID{"not on the server": home, "by stick only": ahead} {
		if f := aru.Field(id, "summary"); !slices.ContainsFunc(f.Heads, func(h fieldclient.Statement) bool { return h.Value == want }) {
			t.Errorf("%q is lost: %+v", want, f)
		}
	}
}

// A restored server may lack what a laptop no longer holds. It cannot be sent again, so somebody has to hear of it.
func TestARestoredServerThatLacksARemovedVisitIsNoticed(t *testing.T) {
	ctx := context.Background()
	s, aru, home, _ := journey(t)
	backup := filepath.Join(t.TempDir(), "backup")
	_, err := server.MakeBackup(ctx, s.Server.Cfg, backup, false)
	check(t, err)
	aru.SetField(home, "summary", "after the backup")
	aru.Sync()
	aru.travel()
	s.Server.Stop()
	_, err = server.Restore(ctx, s.Server.Cfg, backup)
	check(t, err)
	s.Restart()
	rep := aru.Sync()
	if !rep.NewEpoch || len(rep.Warnings) == 0 {
		t.Fatalf("nobody is told: %+v", rep)
	}
	if list, err := aru.Incidents(ctx); err != nil || len(list) == 0 {
		t.Errorf("no incident: %v", err)
	}
}

func TestPhotosOfARemovedVisitGoWithItAndOnlyWhenTheServerHasThem(t *testing.T) {
	ctx := context.Background()
	_, aru, home, ahead := journey(t)
	photo := bytes.Repeat([]byte("a wall "), 40_000)
	id, err := aru.AddEvidence(ctx, home, fieldclient.Evidence{Kind: "file", Name: "wall.bin"}, bytes.NewReader(photo))
	check(t, err)
	if rep := aru.travel(ahead); len(rep.Removed) != 0 || len(rep.Stayed) != 1 {
		t.Fatalf("a visit went whose photo is at no server: %+v", rep)
	}
	aru.Sync()
	aru.Sync() // what it sent is known to be there
	if rep := aru.travel(ahead); len(rep.Removed) != 1 {
		t.Fatalf("nothing keeps the visit, and it stays: %+v", rep)
	}
	left, err := filepath.Glob(filepath.Join(aru.Cfg.Vault.Dir, "blobs", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("the sealed photo is still there: %v %v", left, err)
	}
	check(t, aru.BringBack(ctx, []syncproto.ScopeID{home}))
	aru.Sync()
	r, err := aru.Remote()
	check(t, err)
	check(t, aru.FetchEvidence(ctx, r, home, id))
	o, _, err := aru.OpenEvidence(ctx, home, id)
	check(t, err)
	defer o.Close()
	if back, err := io.ReadAll(o); err != nil || !bytes.Equal(back, photo) {
		t.Errorf("the photo came back as %d bytes, %v", len(back), err)
	}
}

// The laptop cannot read the record any more, and still has to bring what it names to safety.
func TestAPhotoThatWasTakenAtTheGateReachesTheServerAfterALock(t *testing.T) {
	s, aru, home, ahead := journey(t)
	check(t, aru.EnterGate(context.Background(), ahead))
	original := noise(5000)
	photo := aru.addEvidence(ahead, original)
	aru.Reopen()
	if n, _, err := aru.Unstored(context.Background(), ahead); err != nil || n != 1 {
		t.Errorf("%d originals are said to be only here: %v", n, err)
	}
	check(t, aru.LeaveGate(context.Background(), ahead))
	if rep := aru.travel(home); len(rep.Removed) != 0 {
		t.Errorf("the visit left with a photo that nobody else has: %+v", rep)
	}
	if rep := aru.Sync(); rep.Attachments != 1 || rep.AttachmentsWaiting != 0 {
		t.Errorf("syncing what was sealed at the gate: %+v", rep)
	}
	s.Lead.Sync()
	check(t, s.Lead.fetchEvidence(ahead, photo))
	if got := s.Lead.readEvidence(ahead, photo); !bytes.Equal(got, original) {
		t.Error("the photo does not open outside")
	}
}
