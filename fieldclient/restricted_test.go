package fieldclient

import (
	"context"
	"errors"
	"testing"

	"kua/syncproto"
)

// What cannot be read may have been "yes": a lock, a gate and an erasure open nothing.
func TestARestrictionThatCannotBeReadStands(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru, dana := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75"), o.laptop("Dana", syncproto.RoleHealth, "KZ-75")
	dauren := o.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	o.share()
	visit := saule.visit(aru, dana)
	(&building{team: o}).meet()
	id := aru.add(visit, Evidence{Kind: "file"}, []byte("a back with marks"))
	carry(t, aru, dana)
	stick(t, aru, dana)
	dana.enterGate(visit)
	dana.put(visit, id, "evidence", "restricted", "yes")
	if _, err := dana.original(visit, id); err != nil {
		t.Fatalf("the health expert herself: %v", err)
	}
	carry(t, dana, aru)
	closed := func(when string) {
		t.Helper()
		if _, err := aru.original(visit, id); !errors.Is(err, ErrRestricted) {
			t.Errorf("%s: %v", when, err)
		}
		if v := aru.evidence(visit, id); !v.Restricted || v.MayOpen {
			t.Errorf("%s: %+v", when, v)
		}
	}
	closed("sealed at a gate")
	dana.reopen()
	if v := dana.evidence(visit, id); !v.Restricted {
		t.Errorf("closed to its writer it says: %+v", v)
	}
	aru.put(visit, id, "evidence", "restricted", "no")
	closed("a monitor's no")

	other := aru.add(visit, Evidence{Kind: "file", Restricted: true}, []byte("another"))
	carry(t, aru, dauren)
	if _, err := dauren.Erase(context.Background(), Target{Scope: visit, Entity: other, Field: field(t, "evidence", "restricted")}, "request no. 8"); err != nil {
		t.Fatal(err)
	}
	carry(t, dauren, aru)
	if _, err := aru.original(visit, other); !errors.Is(err, ErrRestricted) {
		t.Errorf("erased: %v", err)
	}
}
