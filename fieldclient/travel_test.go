package fieldclient

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// packed is a laptop that packed a visit with one sealed original and a part of another, and kept a second visit.
func packed(t *testing.T) (l *laptop, p *packing, kept vault.BlobHash, left syncproto.ScopeID, whole vault.BlobHash) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	home, ahead := saule.visit(), saule.visit()
	hash := func(scope syncproto.ScopeID, id syncproto.EntityID) vault.BlobHash {
		h, _ := parseBlob(saule.evidence(scope, id).Blob)
		return h
	}
	whole = hash(home, saule.add(home, Evidence{Kind: "file"}, []byte("whole")))
	part := hash(home, saule.add(home, Evidence{Kind: "file"}, []byte("in part")))
	kept = hash(ahead, saule.add(ahead, Evidence{Kind: "file"}, []byte("kept")))
	if err := saule.vault.RemoveBlob(part); err != nil {
		t.Fatal(err)
	}
	f, _, err := saule.vault.PartBlob(part)
	if err == nil {
		_, err = f.Write([]byte("beginning"))
		err = errors.Join(err, f.Close(), saule.markStored(t.Context(), home, whole, syncproto.Hash{1}))
	}
	if err != nil {
		t.Fatal(err)
	}
	p = &packing{c: saule.Client, epoch: syncproto.Hash{1}, stays: map[syncproto.ScopeID]string{home: ""}}
	if p.names, err = saule.allBlobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = saule.vault.Scan(t.Context(), 0, func(id int64, kind uint8, payload []byte) error {
		if kind != rowPacket {
			return nil
		}
		a, err := saule.stored(id, payload)
		if err == nil && a.cs.Header.Scope == home {
			p.rows = append(p.rows, removedRow{home, id})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return saule, p, kept, home, whole
}

func TestNothingOfTheOriginalsOfARemovedVisitIsLeft(t *testing.T) {
	ctx := context.Background()
	for _, killed := range []bool{false, true} {
		l, p, kept, home, whole := packed(t)
		if before := len(sealedFiles(t, l)); before != 3 {
			t.Fatalf("%d files before", before)
		}
		l.mu.Lock()
		remove := l.removeVisits
		if killed { // right after the commit
			remove = func(ctx context.Context, p *packing) error { _, err := l.forgetVisits(ctx, p); return err }
		}
		err := remove(ctx, p)
		l.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(sealedFiles(t, l)); killed != (n == 3) {
			t.Errorf("killed %v: %d files are left before the next unlock", killed, n)
		}
		l.reopen()
		if names := sealedFiles(t, l); !slices.Equal(names, []string{kept.String()}) {
			t.Errorf("killed %v: left are %v", killed, names)
		}
		for _, name := range []string{stateBlob(home, whole), stateLeavingBlobs} {
			if _, err := l.vault.Get(ctx, name); !errors.Is(err, vault.ErrNotFound) {
				t.Errorf("the vault still has %q: %v", name, err)
			}
		}
	}
}
