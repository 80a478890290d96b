package fieldclient

import (
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
