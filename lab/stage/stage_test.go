package stage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

func TestOneSyncsTheOtherCarriesAndTheCoordinatorSettles(t *testing.T) {
	ctx := context.Background()
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := s.Laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	visit := s.Lead.Visit("KZ-75", aru, dana)
	s.Lead.Sync()
	aru.Sync()
	dana.Sync()
	aru.SetField(visit, "population", "412")
	aru.SetField(visit, "summary", "canaryword in the quarantine cell")
	dana.SetField(visit, "population", "421")
	rep := aru.Sync()
	if rep.Sent == 0 {
		t.Fatalf("the sync sent nothing: %+v", rep)
	}
	if rep.Proven == 0 {
		untilProven(t, aru)
	}
	// Dana's work goes by stick, delivered from the coordinator's laptop.
	var stick bytes.Buffer
	if _, err := dana.ExportBundle(ctx, &stick, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lead.ImportBundle(ctx, &stick); err != nil {
		t.Fatal(err)
	}
	s.Lead.Sync()
	if f := s.Lead.Field(visit, "population"); !f.Conflict {
		t.Fatalf("no conflict: %+v", f)
	}
	target := Target(t, visit, "population")
	v, _ := target.Field.ParseValue("421")
	if _, err := s.Lead.Resolve(ctx, target, v, "roll call list"); err != nil {
		t.Fatal(err)
	}
	s.Lead.Sync()
	for _, l := range []*Laptop{aru, dana} {
		l.Sync()
		if f := l.Field(visit, "population"); f.Conflict || len(f.Heads) != 1 || f.Heads[0].Value != "421" {
			t.Fatalf("%s does not see what was settled: %+v", l.Name, f)
		}
	}
	want, _ := aru.Replica().Digest(ctx, visit)
	for _, l := range []*Laptop{dana, s.Lead} {
		if got, err := l.Replica().Digest(ctx, visit); err != nil || got != want {
			t.Errorf("%s holds another state: %v", l.Name, err)
		}
	}
	if h, err := dana.History(ctx, target); err != nil || len(h) != 3 || h[0].State == fieldclient.StateSaved {
		t.Errorf("history: %+v %v", h, err)
	}
	noWords(t, s.Server.Cfg.Dir, "canaryword")
	noWords(t, aru.Cfg.Vault.Dir, "canaryword")
}

// untilProven syncs until the server has signed a checkpoint over the laptop's work: it does so a moment after storing it.
func untilProven(t *testing.T, l *Laptop) {
	t.Helper()
	for l.Sync().Proven == 0 {
		time.Sleep(50 * time.Millisecond)
	}
}

func noWords(t *testing.T, dir, word string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("%s holds the word %q in clear", filepath.Base(path), word)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARevokedLaptopsLateWorkIsQuarantinedAndAdmitted(t *testing.T) {
	ctx := context.Background()
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	visit := s.Lead.Visit("KZ-75", aru)
	s.Lead.Sync()
	aru.Sync()
	aru.SetField(visit, "population", "1")
	aru.Sync()
	s.Lead.Sync()
	if err := s.Lead.RevokeDevice(ctx, aru.Device().ID, "lost at the gate"); err != nil {
		t.Fatal(err)
	}
	aru.SetField(visit, "population", "2")
	rep := aru.Sync()
	if rep.Quarantined != 1 {
		t.Fatalf("late work was not quarantined: %+v", rep)
	}
	s.Lead.Sync()
	if f := s.Lead.Field(visit, "population"); f.Heads[0].Value != "1" {
		t.Fatalf("late work took effect: %+v", f)
	}
	q, err := s.Lead.Quarantine(ctx, visit)
	if err != nil || len(q) != 1 || q[0].Code != syncproto.CodeQuarantineLate {
		t.Fatalf("the quarantine does not show it: %+v %v", q, err)
	}
	if _, err := s.Lead.Decide(ctx, visit, []syncproto.ChangesetID{q[0].Changeset}, true, "she called before"); err != nil {
		t.Fatal(err)
	}
	if f := s.Lead.Field(visit, "population"); f.Heads[0].Value != "2" {
		t.Fatalf("admitted work has no effect: %+v", f)
	}
	s.Lead.Sync()
	other := s.Laptop("Timur", syncproto.RoleCoordinator, syncproto.AllRegions)
	other.Sync()
	s.Lead.Sync() // shares the key
	other.Sync()
	if f := other.Field(visit, "population"); len(f.Heads) == 0 || f.Heads[0].Value != "2" {
		t.Fatalf("a new laptop does not see what was admitted: %+v", f)
	}
}

func TestAnOutsiderSeesNothingOfAVisit(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	zhan := s.Laptop("Zhan", syncproto.RoleMonitor, "KZ-75")
	visit := s.Lead.Visit("KZ-75", aru)
	s.Lead.Sync()
	zhan.Sync()
	if _, ok := zhan.Replica().Scope(visit); ok {
		t.Error("a monitor who is not on the team received the visit")
	}
	if _, err := zhan.Record(context.Background(), visit, syncproto.EntityID(visit)); !errors.Is(err, fieldclient.ErrNotFound) {
		t.Errorf("want not found, got %v", err)
	}
}

func TestAMemberWhoseRoleEndedWritesIntoQuarantine(t *testing.T) {
	ctx := context.Background()
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	visit := s.Lead.Visit("KZ-75", aru)
	s.Lead.Sync()
	aru.Sync()
	aru.SetField(visit, "population", "1")
	aru.Sync()
	role := s.Lead.Roster().ActiveGrants(aru.Person)[0].ID
	if err := s.Lead.RevokeGrant(ctx, role, "mandate ended"); err != nil {
		t.Fatal(err)
	}
	aru.SetField(visit, "population", "2") // she does not know yet
	if rep := aru.Sync(); rep.Quarantined == 0 {
		t.Errorf("what was written by an ended role took effect: %+v", rep)
	}
	s.Lead.Sync()
	if f := s.Lead.Field(visit, "population"); len(f.Heads) != 1 || f.Heads[0].Value != "1" {
		t.Errorf("the work before the end does not stand alone: %+v", f)
	}
	if _, err := s.Lead.GrantRole(ctx, aru.Person, syncproto.RoleMonitor, "KZ-75"); err != nil {
		t.Fatal(err)
	}
	aru.Sync()
	aru.SetField(visit, "population", "3")
	aru.Sync()
	s.Lead.Sync()
	if f := s.Lead.Field(visit, "population"); f.Heads[0].Value != "3" {
		t.Errorf("work under a new role has no effect: %+v", f)
	}
	if err := s.Lead.RevokeGrant(ctx, role, "again"); err == nil {
		t.Error("a role that had ended was ended again")
	}
}
