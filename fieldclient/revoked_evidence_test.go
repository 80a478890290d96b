package fieldclient

import (
	"bytes"
	"testing"

	"kua/syncproto"
)

// A server takes no originals from a laptop that was revoked: who found it may send what they like. The work of its owner
// is not lost with that: a stick carries records and originals to a colleague, whose sync brings both.
func TestTheOriginalsOfARevokedLaptopGoByStick(t *testing.T) {
	o := newTeam(t)
	saule, aru := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	want := photo(t)
	id := aru.add(visit, Evidence{}, want)
	device := aru.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &device, Reason: "seized"}})
	o.share()
	carry(t, aru, saule)
	if got := stick(t, aru, saule); got.Taken != 1 {
		t.Fatalf("by stick: %+v", got)
	}
	list, err := saule.Evidence(t.Context(), visit)
	if err != nil || len(list) != 1 || !list[0].Waiting || !list[0].Held {
		t.Fatalf("%+v, %v", list, err)
	}
	if got, err := saule.original(visit, id); err != nil || !bytes.Equal(got, want) {
		t.Errorf("whoever decides on it cannot look: %v", err)
	}
	if held, err := saule.heldBlobs(t.Context()); err != nil || len(held) != 1 || held[0].state == StateStored {
		t.Errorf("her sync would not bring it: %+v, %v", held, err)
	}
}
