package fieldclient

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"

	"kua/syncproto"
)

func TestTwoMonitorsDisagreeAndTheLeaderSettles(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	marat := o.laptop("Marat", syncproto.RoleLeader, "KZ-75")
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := o.laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(marat, aru, dana)
	for _, l := range []*laptop{marat, aru, dana} {
		if rep := carry(t, saule, l); !rep.Complete || rep.Bad > 0 {
			t.Fatalf("the visit did not reach %s: %+v", l.name, rep)
		}
	}
	aru.set(visit, "population", "412")
	dana.set(visit, "population", "421")
	carry(t, aru, marat)
	carry(t, dana, marat)
	f := marat.field(visit, "population")
	if !f.Conflict || len(f.Heads) != 2 {
		t.Fatalf("two different answers do not conflict: %+v", f)
	}
	spec := field(t, "visit", "population")
	value, _ := spec.ParseValue("421")
	if _, err := marat.Resolve(ctx, Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: spec}, value, "counted at roll call"); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*laptop{aru, dana, saule} {
		carry(t, marat, l)
		f := l.field(visit, "population")
		if f.Conflict || !slices.Equal(f.values(), []string{"421"}) {
			t.Fatalf("%s does not see what was resolved: %+v", l.name, f)
		}
	}
	want, err := marat.Replica().Digest(ctx, visit)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*laptop{aru, dana, saule} {
		l.reopen()
		got, err := l.Replica().Digest(ctx, visit)
		if err != nil || got != want {
			t.Errorf("%s holds another state after unlocking again: %v", l.name, err)
		}
	}
	h, err := aru.History(ctx, Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: spec})
	if err != nil || len(h) != 3 || h[2].Reason != "counted at roll call" {
		t.Errorf("the history does not tell who answered and why it was settled: %+v %v", h, err)
	}
}

func TestAForeignOverwriteWaitsForAnEndorsement(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := o.laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru, dana)
	carry(t, saule, aru)
	carry(t, saule, dana)
	aru.set(visit, "summary", "two cells without windows")
	carry(t, aru, dana)
	dana.set(visit, "summary", "one cell without windows")
	f := dana.field(visit, "summary")
	if f.Conflict || len(f.Review) != 1 || f.Review[0].Replaced.Value != "two cells without windows" {
		t.Fatalf("a foreign overwrite does not stand as a review item: %+v", f)
	}
	target := Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: field(t, "visit", "summary")}
	if _, err := dana.Endorse(ctx, target); err == nil {
		t.Error("a monitor endorsed their own overwrite")
	}
	carry(t, dana, saule)
	if _, err := saule.Endorse(ctx, target); err != nil {
		t.Fatal(err)
	}
	if f := saule.field(visit, "summary"); len(f.Review) != 0 || f.values()[0] != "one cell without windows" {
		t.Errorf("an endorsement did not clear the review: %+v", f)
	}
}

func TestARestoredLaptopOpensANewFeedAndLosesNothing(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	aru.set(visit, "population", "1")
	copyOf := t.TempDir() + "/copy"
	if err := aru.Client.Close(); err != nil {
		t.Fatal(err)
	}
	copyDir(t, aru.cfg.Vault.Dir, copyOf)
	aru.unlock()
	aru.set(visit, "population", "2")
	carry(t, aru, saule)
	if err := aru.Client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(aru.cfg.Vault.Dir); err != nil {
		t.Fatal(err)
	}
	copyDir(t, copyOf, aru.cfg.Vault.Dir)
	aru.unlock()
	if aru.Restored() == "" {
		t.Fatal("an old copy put back was not noticed")
	}
	aru.set(visit, "entry", "09:30")
	carry(t, saule, aru)
	carry(t, aru, saule)
	for _, l := range []*laptop{aru, saule} {
		if got := l.field(visit, "population").values(); !slices.Equal(got, []string{"2"}) {
			t.Errorf("%s lost the work that was saved after the copy: %v", l.name, got)
		}
		if got := l.field(visit, "entry").values(); !slices.Equal(got, []string{"09:30"}) {
			t.Errorf("%s lost the work that was saved after the restore: %v", l.name, got)
		}
		forks, err := l.Replica().Forks(ctx, visit)
		if err != nil || len(forks) != 0 {
			t.Errorf("the restored laptop forked its feed: %v %v", forks, err)
		}
	}
	aru.reopen()
	if aru.Restored() != "" {
		t.Error("a restore is reported again at the next unlock")
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copying: %v %s", err, out)
	}
}

func TestSearchFindsCurrentWordsInKazakhTypedWithRussianLetters(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	saule.set(visit, "summary", "Камерада терезе жоқ, қысым көрсетілді")
	saule.set(visit, "refusals", "карантин жабық")
	found, err := saule.Search(ctx, "кысым")
	if err != nil || len(found) != 1 || !found[0].Current || found[0].Field != "summary" {
		t.Fatalf("search: %+v %v", found, err)
	}
	saule.set(visit, "summary", "басқа мәтін")
	if found, _ = saule.Search(ctx, "қысым"); len(found) != 1 || found[0].Current {
		t.Errorf("a replaced text is shown as current: %+v", found)
	}
}

func TestErasedValuesAreGoneAndNeverComeBack(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	gulnar := o.laptop("Gulnar", syncproto.RoleProtection, syncproto.AllRegions)
	late := o.laptop("Late", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	saule.set(visit, "summary", "secretword of a witness")
	saule.set(visit, "title", "kept title")
	carry(t, saule, gulnar)
	target := Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: field(t, "visit", "summary")}
	if _, err := gulnar.Erase(ctx, target, "request of the person"); err != nil {
		t.Fatal(err)
	}
	carry(t, gulnar, late)
	carry(t, saule, late) // still holds the words
	carry(t, gulnar, saule)
	for _, l := range []*laptop{gulnar, late, saule} {
		l.reopen()
		if found, err := l.Search(ctx, "secretword"); err != nil || len(found) != 0 {
			t.Errorf("%s still finds erased words: %+v %v", l.name, found, err)
		}
		if f := l.field(visit, "title"); !slices.Equal(f.values(), []string{"kept title"}) {
			t.Errorf("%s lost a value that was not erased: %v", l.name, f.values())
		}
	}
}
