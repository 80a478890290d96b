package fieldclient

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// twice saves one sealed original under the same record id in two visits.
func (l *laptop) twice(one, two syncproto.ScopeID) (id syncproto.EntityID, h vault.BlobHash) {
	l.t.Helper()
	ctx := l.t.Context()
	s, err := l.sealOriginal(ctx, one, bytes.NewReader([]byte("the only original")), false)
	if err != nil {
		l.t.Fatal(err)
	}
	id, _ = syncproto.RandomID(rand.Reader)
	for _, visit := range []syncproto.ScopeID{one, two} {
		key, err := l.mayAddTo(visit)
		if err != nil {
			l.t.Fatal(err)
		}
		changes, err := s.changes(rand.Reader, key, visit, id, Evidence{Kind: "file"})
		if err == nil && visit == one {
			err = l.keepEvidence(ctx, visit, s, Evidence{}, changes)
		} else if err == nil {
			_, err = l.Save(ctx, visit, changes)
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return id, s.blob
}

func TestAnOriginalThatTwoVisitsNameStaysUntilBothLetItGo(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule, dauren := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), o.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	o.share()
	one, two := saule.visit(), saule.visit()
	id, h := saule.twice(one, two)
	carry(t, saule, dauren)
	stick(t, saule, dauren)

	epoch := syncproto.Hash{1}
	if err := saule.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateEpoch, epoch) }); err != nil {
		t.Fatal(err)
	}
	if err := saule.markStored(ctx, one, h, epoch); err != nil {
		t.Fatal(err)
	}
	if err := saule.DropOriginal(ctx, one, id); !errors.Is(err, ErrNotStored) {
		t.Errorf("the other visit's is dropped with it: %v", err)
	}
	if n := len(sealedFiles(t, saule)); n != 1 {
		t.Errorf("%d files are left", n)
	}

	for i, visit := range []syncproto.ScopeID{one, two} {
		if _, err := dauren.Erase(ctx, Target{Scope: visit, Entity: id, Field: field(t, "evidence", "key")}, "request no. 9"); err != nil {
			t.Fatal(err)
		}
		if n := len(sealedFiles(t, dauren)); n != 1-i {
			t.Errorf("%d files are left after %d erasures", n, i+1)
		}
	}
}

// Somebody outside can read the name of a file that its writer cannot read any more.
func TestAFileOfTheGateIsNotErasedByNamingItAndIsWithItsRecord(t *testing.T) {
	ctx := t.Context()
	o := newTeam(t)
	saule, dauren := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), o.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	b := &building{team: o, visit: saule.visit(aru)}
	b.meet()
	aru.enterGate(b.visit)
	id := aru.add(b.visit, Evidence{Kind: "file"}, []byte("taken inside"))
	aru.reopen()
	b.meet()
	v := saule.evidence(b.visit, id)
	copied := saule.make(b.visit, "evidence", map[string]string{"kind": "file", "size": "12", "hash": v.Hash, "blob": v.Blob})
	erase := func(id syncproto.EntityID) {
		t.Helper()
		b.meet()
		if _, err := dauren.Erase(ctx, Target{Scope: b.visit, Entity: id, Field: field(t, "evidence", "blob")}, "request no. 10"); err != nil {
			t.Fatal(err)
		}
		b.meet()
	}
	erase(copied)
	if n := len(sealedFiles(t, aru)); n != 1 {
		t.Errorf("%d files are left", n)
	}
	if _, err := saule.ReleaseGate(ctx, b.visit); err != nil {
		t.Fatal(err)
	}
	erase(id)
	if n := len(sealedFiles(t, aru)); n != 0 {
		t.Errorf("%d files are left of what was erased", n)
	}
}
