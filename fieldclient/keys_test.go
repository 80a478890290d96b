package fieldclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"testing"

	"kua/syncproto"
	"kua/syncproto/seal"
)

func TestARevokedLaptopCannotReadWhatIsSavedAfterwards(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := o.laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru, dana)
	saule.set(visit, "title", "before")
	carry(t, saule, aru)
	carry(t, saule, dana)
	lost := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized"}})
	o.share()
	if n, err := saule.ShareKeys(ctx); err != nil || n == 0 {
		t.Fatalf("no new key epoch began: %d %v", n, err)
	}
	if n, err := saule.ShareKeys(ctx); err != nil || n != 0 {
		t.Fatalf("a second new epoch began for nothing: %d %v", n, err)
	}
	saule.set(visit, "summary", "after the seizure")
	carry(t, saule, dana)
	carry(t, saule, aru)
	if got := dana.field(visit, "summary").values(); !slices.Equal(got, []string{"after the seizure"}) {
		t.Errorf("an entitled laptop cannot read: %v", got)
	}
	if h := aru.field(visit, "summary").Heads; len(h) != 1 || h[0].Value != "" || !h[0].Locked {
		t.Errorf("a revoked laptop reads what was saved after its revocation: %+v", h)
	}
	if got := aru.field(visit, "title").values(); !slices.Equal(got, []string{"before"}) {
		t.Errorf("what it could read before is gone: %v", got)
	}
	dana.set(visit, "refusals", "none")
	carry(t, dana, saule)
	if got := saule.field(visit, "refusals").values(); !slices.Equal(got, []string{"none"}) {
		t.Errorf("work under the new epoch does not open: %v", got)
	}
}

func TestTwoPeopleBeginTheSameEpochAndNothingIsLost(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	timur := o.laptop("Timur", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, timur)
	lost := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized"}})
	o.share()
	for _, l := range []*laptop{saule, timur} {
		if _, err := l.ShareKeys(ctx); err != nil {
			t.Fatal(err)
		}
	}
	saule.set(visit, "summary", "by Saule")
	timur.set(visit, "refusals", "by Timur")
	carry(t, saule, timur)
	carry(t, timur, saule)
	for _, l := range []*laptop{saule, timur} {
		if got := l.field(visit, "summary").values(); !slices.Equal(got, []string{"by Saule"}) {
			t.Errorf("%s: %v", l.name, got)
		}
		if got := l.field(visit, "refusals").values(); !slices.Equal(got, []string{"by Timur"}) {
			t.Errorf("%s: %v", l.name, got)
		}
	}
	if saule.scopes[visit].current != timur.scopes[visit].current {
		t.Error("the two go on under different keys")
	}
}

func TestTheRecoveryKeyOpensAVisitWhenNoHolderIsLeft(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	saule.set(visit, "summary", "only copy")
	late := o.laptop("Late", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	carry(t, saule, late)
	if h := late.field(visit, "summary").Heads; !h[0].Locked {
		t.Fatalf("a laptop without a wrap reads: %+v", h)
	}
	if n, err := late.Recover(ctx, o.recovery.Bytes()); err != nil || n != 1 {
		t.Fatalf("recovering: %d %v", n, err)
	}
	late.reopen()
	if got := late.field(visit, "summary").values(); !slices.Equal(got, []string{"only copy"}) {
		t.Errorf("not recovered: %v", got)
	}
	other, _ := seal.GenerateRecipient(rand.Reader)
	third := o.laptop("Third", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	carry(t, saule, third)
	if n, err := third.Recover(ctx, other.Bytes()); err == nil || n != 0 {
		t.Errorf("another key was taken for the recovery key: %d %v", n, err)
	}
}

// wrap saves a key in a visit as a hostile client may: for whom and under which number it likes.
func (l *laptop) wrap(visit syncproto.ScopeID, epoch uint64, key seal.VisitKey, to ...*laptop) {
	l.t.Helper()
	var devices []syncproto.Device
	for _, d := range to {
		devices = append(devices, syncproto.Device{ID: d.Device().ID, Sealing: d.Device().Sealing})
	}
	change, err := l.wrapsFor(visit, epoch, key, devices, false)
	if err == nil {
		_, err = l.Save(context.Background(), visit, []Change{change})
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func newKey(t *testing.T) seal.VisitKey {
	t.Helper()
	key, err := seal.NewVisitKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A member who expects to be removed begins an epoch, leaves the own laptop out of the wraps, and keeps the key.
func TestWhoeverMadeAKeyIsCountedAmongThoseWhoHoldIt(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	theirs := newKey(t)
	aru.wrap(visit, 2, theirs, saule)
	carry(t, aru, saule)
	lost, feed := aru.Device().ID, aru.Replica().Feeds(visit)
	var cut []syncproto.FeedCut
	for _, f := range feed {
		if f.Device == lost {
			cut = append(cut, syncproto.FeedCut{Feed: f.Feed, N: f.N, Short: f.Head.Short()})
		}
	}
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized", Cut: cut}})
	o.share()
	if n, err := saule.ShareKeys(ctx); err != nil || n == 0 {
		t.Fatalf("no new key epoch began: %d %v", n, err)
	}
	if got := saule.scopes[visit].current.commitment; got == theirs.Commitment() {
		t.Error("what is saved now is sealed under a key that the removed member made")
	}
}

func TestNobodyUsesUpTheNumbersOfEpochs(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	last := newKey(t)
	aru.wrap(visit, ^uint64(0), last, saule, aru)
	carry(t, aru, saule)
	saule.set(visit, "summary", "sealed under the first key")
	if got := saule.scopes[visit].current; got.epoch != 1 {
		t.Errorf("epoch %d is current, and there is no number behind it", got.epoch)
	}
	lost := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized"}})
	o.share()
	for i, want := range []bool{true, false} {
		if n, err := saule.ShareKeys(ctx); err != nil || n > 0 != want {
			t.Fatalf("round %d: %d wraps: %v", i, n, err)
		}
	}
	saule.reopen()
	if got := saule.scopes[visit].current; got.epoch != 2 {
		t.Errorf("epoch %d is current after the removal", got.epoch)
	}
}

// A revocation without a cut quarantines what its device chose before, too.
func TestAKeyOfQuarantinedWorkIsNotSealedUnder(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	theirs := newKey(t)
	aru.wrap(visit, 2, theirs, saule, aru)
	aru.set(visit, "summary", "under the second key")
	carry(t, aru, saule)
	if saule.scopes[visit].current.epoch != 2 {
		t.Fatal("the second epoch is not current")
	}
	lost := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "seized"}})
	o.share()
	for range 2 {
		if got := saule.scopes[visit].current; got.epoch != 1 {
			t.Errorf("epoch %d of a revoked laptop is current", got.epoch)
		}
		if found, err := saule.Search(context.Background(), "second"); err != nil || len(found) != 1 {
			t.Errorf("quarantined work cannot be read by who decides on it: %v %v", found, err)
		}
		saule.reopen()
	}
}

// Aru's laptop is revoked while she is on the way, and opens a visit because nobody can tell her.
func TestAVisitOfARevokedLaptopCanBeReadDecidedOnAndContinued(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	lost := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &lost, Reason: "left in a taxi"}})
	if err := saule.AppendRoster(ctx, o.roster.Records(saule.Roster().Len())); err != nil {
		t.Fatal(err)
	}
	visit := aru.visit(aru, saule)
	aru.set(visit, "summary", "what a prisoner said")
	carry(t, aru, saule)
	for range 2 {
		if found, err := saule.Search(ctx, "prisoner"); err != nil || len(found) != 1 {
			t.Fatalf("nobody can read what waits for a decision: %v %v", found, err)
		}
		saule.reopen()
	}
	list, err := saule.Quarantine(ctx, visit)
	if err != nil || len(list) != 2 {
		t.Fatalf("quarantine: %v %v", list, err)
	}
	if _, err := saule.Decide(ctx, visit, []syncproto.ChangesetID{list[1].Changeset}, true, "she was there"); err != nil {
		t.Fatal(err)
	}
	saule.set(visit, "refusals", "none")
	for range 2 {
		if got := saule.field(visit, "summary").values(); !slices.Equal(got, []string{"what a prisoner said"}) {
			t.Errorf("admitted work does not show: %v", got)
		}
		if saule.scopes[visit].epochs[saule.scopes[visit].first] != 1 {
			t.Error("the visit's key still counts as quarantined")
		}
		saule.reopen()
	}
	aru.set(visit, "refusals", "a corridor") // her own laptop never stops
}

// Timur's work came on a stick before the roster knew his laptop.
func TestWorkThatWaitedForTheRosterShowsAfterUnlockingAgain(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	timur := o.laptop("Timur", syncproto.RoleMonitor, "KZ-75")
	if err := timur.AppendRoster(context.Background(), o.roster.Records(0)); err != nil {
		t.Fatal(err)
	}
	visit := timur.visit(timur, saule)
	timur.set(visit, "summary", "written by a stranger")
	var stick bytes.Buffer // without the roster
	if _, err := timur.ExportBundle(context.Background(), &stick, nil, false); err != nil {
		t.Fatal(err)
	}
	if _, err := saule.ImportBundle(context.Background(), &stick); err != nil {
		t.Fatal(err)
	}
	if _, ok := saule.Replica().Scope(visit); ok {
		t.Fatal("nothing waits")
	}
	o.share()
	for range 3 {
		if got := saule.field(visit, "summary").values(); !slices.Equal(got, []string{"written by a stranger"}) {
			t.Errorf("the answer is %q", got)
		}
		saule.reopen()
	}
}

// A holder who leaves the recovery key out does not take it from the organisation.
func TestEveryKeyReachesTheRecoveryKey(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	key := newKey(t)
	aru.wrap(visit, 2, key, saule, aru)
	carry(t, aru, saule)
	for i, want := range []int{1, 0} {
		if n, err := saule.ShareKeys(ctx); err != nil || n != want {
			t.Fatalf("round %d: %d wraps: %v", i, n, err)
		}
	}
	if !saule.scopes[visit].recipients[key.Commitment()][recoveryID(saule.Roster().Organisation())] {
		t.Error("the recovery key has no wrap")
	}
}
