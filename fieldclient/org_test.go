package fieldclient

import (
	"bytes"
	"context"
	"testing"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// A laptop that waits for its approval has no roster yet. Whoever answers it, or hands it a stick, in the meantime must
// not become its organisation: visits would be wrapped to their keys.
func TestAWaitingLaptopTakesNoRosterButThatOfItsInvitation(t *testing.T) {
	ctx := context.Background()
	ours, theirs := newTeam(t), newTeam(t)
	aru := ours.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	mallory := theirs.laptop("Mallory", syncproto.RoleCoordinator, syncproto.AllRegions)
	theirs.append(syncproto.RosterRecord{Member: &syncproto.Member{Person: aru.person, Name: "Aru"}})
	theirs.append(syncproto.RosterRecord{Device: aru.certificate(aru.person, "taken over")})
	if err := mallory.AppendRoster(ctx, theirs.roster.Records(0)); err != nil {
		t.Fatal(err)
	}
	if err := aru.AppendRoster(ctx, theirs.roster.Records(0)); err == nil || aru.Roster().Len() != 0 {
		t.Errorf("a server made the laptop its own: %d records, %v", aru.Roster().Len(), err)
	}
	var stick bytes.Buffer
	if _, err := mallory.ExportBundle(ctx, &stick, nil, true); err != nil {
		t.Fatal(err)
	}
	if rep, err := aru.ImportBundle(ctx, &stick); err != nil || rep.Roster != 0 || aru.Roster().Len() != 0 {
		t.Errorf("a stick made the laptop its own: %+v %v", rep, err)
	}
	ours.share()
	if _, err := aru.Person(); err != nil {
		t.Errorf("the roster of the invitation was not taken: %v", err)
	}
}

func TestALaptopWithoutInvitationTakesNoRoster(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	if err := aru.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Delete(statePending) }); err != nil {
		t.Fatal(err)
	}
	if err := aru.AppendRoster(ctx, o.roster.Records(0)); err == nil || aru.Roster().Len() != 0 {
		t.Errorf("a laptop that nobody invited took a roster: %v", err)
	}
}

// A roster may come from a sync and from an approval at once, and again after a crash in the middle of it.
func TestRosterRecordsThatAreHereAlreadyArePassedOver(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	if err := aru.AppendRoster(ctx, o.roster.Records(0)[:2]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := aru.AppendRoster(ctx, o.roster.Records(0)); err != nil || aru.Roster().Len() != o.roster.Len() {
			t.Fatalf("%d of %d records: %v", aru.Roster().Len(), o.roster.Len(), err)
		}
	}
	aru.reopen()
	if aru.Roster().Head() != o.roster.Head() {
		t.Error("another roster after unlocking again")
	}
}
