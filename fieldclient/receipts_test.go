package fieldclient

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
)

// A courier brought a spoiled body; the server signed for what it got.
func TestAReceiptForAnotherBodyIsNone(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	pub, server, _ := ed25519.GenerateKey(rand.Reader)
	o.append(syncproto.RosterRecord{Server: &syncproto.ServerKey{ID: syncproto.DeviceIDOf(pub), Key: pub, Origin: "kua.test/log/1"}})
	o.share()
	visit := saule.visit(saule)
	saule.set(visit, "summary", "only here")
	var all []replica.Logged
	if err := saule.rep.Pull(ctx, visit, 0, 10, func(l replica.Logged) error { all = append(all, l); return nil }); err != nil {
		t.Fatal(err)
	}
	epoch := syncproto.Hash{1}
	sign := func(body func(replica.Logged) syncproto.Hash) {
		r := syncproto.Receipt{Epoch: epoch, Scope: visit}
		for _, l := range all {
			r.Entries = append(r.Entries, syncproto.ReceiptEntry{ID: l.ID, Position: l.Position, Body: body(l), Received: 1})
		}
		message, err := syncproto.SignReceipt(server, r)
		if err == nil {
			err = saule.keepReceipt(ctx, message)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &syncRun{c: saule.Client, hello: syncproto.Hello{Epoch: epoch}}
	check := func(what, state string, first uint64) {
		t.Helper()
		got, err := saule.StateOf(ctx, all[1])
		if err != nil || got != state {
			t.Errorf("%s: the state is %s, want %s (%v)", what, got, state, err)
		}
		if h := saule.field(visit, "summary").Heads[0]; h.State != state {
			t.Errorf("%s: it shows as %s, want %s", what, h.State, state)
		}
		if n, err := s.firstUnsigned(ctx, all[0].Feed); err != nil || n != first {
			t.Errorf("%s: the first to send again is %d, want %d (%v)", what, n, first, err)
		}
	}
	right := func(l replica.Logged) syncproto.Hash { return l.Body }
	spoiled := func(l replica.Logged) syncproto.Hash {
		if l.ID == all[1].ID {
			return syncproto.Hash{9}
		}
		return l.Body
	}
	check("before", StateSaved, 1)
	sign(spoiled)
	check("another body", StateSaved, 2)
	sign(right)
	check("the right body", StateStored, 0)
	sign(spoiled)
	check("another body again", StateSaved, 2)
	epoch = syncproto.Hash{2}
	s.hello.Epoch = epoch
	check("another life", StateSaved, 1)
}
