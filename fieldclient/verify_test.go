package fieldclient

import (
	"context"
	"strings"
	"testing"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// spoil rewrites one row of a laptop's log as somebody would who holds its passphrase.
func (l *laptop) spoil(kind uint8, change func([]byte) []byte) {
	l.t.Helper()
	ctx := context.Background()
	var row int64
	var payload []byte
	err := l.vault.Scan(ctx, 0, func(id int64, k uint8, b []byte) error {
		if k == kind {
			row, payload = id, append([]byte(nil), b...)
		}
		return nil
	})
	if err == nil {
		err = l.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Replace(row, kind, change(payload)) })
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *laptop) faults() []string {
	l.t.Helper()
	v, err := l.Verify(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	return v.Faults
}

// repack changes the parts of a stored packet.
func repack(t *testing.T, change func(*syncproto.Packet)) func([]byte) []byte {
	return func(b []byte) []byte {
		var s storedPacket
		if err := syncproto.DecodeMessage(b, &s); err != nil {
			t.Fatal(err)
		}
		p, err := syncproto.DecodePacket(s.Packet)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []*[]byte{&p.Header, &p.Skeleton, &p.Body} {
			*part = append([]byte(nil), *part...)
		}
		change(&p)
		s.Packet = p.Encode()
		if b, err = syncproto.EncodeMessage(s); err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestVerifyFindsEveryByteThatWasChanged(t *testing.T) {
	flip := func(b []byte, at int) { b[(at+len(b))%len(b)] ^= 1 }
	for name, spoil := range map[string]struct {
		kind   uint8
		change func([]byte) []byte
	}{
		"signature":     {rowPacket, repack(t, func(p *syncproto.Packet) { flip(p.Header, -1) })},
		"signed header": {rowPacket, repack(t, func(p *syncproto.Packet) { flip(p.Header, 60) })},
		"skeleton":      {rowPacket, repack(t, func(p *syncproto.Packet) { flip(p.Skeleton, -1) })},
		"sealed values": {rowPacket, repack(t, func(p *syncproto.Packet) { flip(p.Body, -1) })},
		"roster":        {rowRoster, func(b []byte) []byte { flip(b, -1); return b }},
		"packet gone":   {rowPacket, func([]byte) []byte { return []byte{0xf6} }},
	} {
		o := newTeam(t)
		saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
		o.share()
		visit := saule.visit(saule)
		saule.set(visit, "summary", "first")
		saule.set(visit, "summary", "second")
		if f := saule.faults(); len(f) != 0 {
			t.Fatalf("%s: faults before anything was changed: %v", name, f)
		}
		saule.spoil(spoil.kind, spoil.change)
		if f := saule.faults(); len(f) == 0 {
			t.Errorf("%s: verify did not notice", name)
		}
	}
}

func TestVerifyFindsAMissingLink(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	for _, text := range []string{"first", "second", "third"} {
		saule.set(visit, "summary", text)
	}
	ctx := context.Background()
	var rows []int64
	err := saule.vault.Scan(ctx, 0, func(id int64, kind uint8, _ []byte) error {
		if kind == rowPacket {
			rows = append(rows, id)
		}
		return nil
	})
	if err == nil { // the middle one becomes a note that says nothing
		err = saule.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Replace(rows[len(rows)-2], rowRefused, nil) })
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := saule.Verify(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v.Held != 1 || !strings.Contains(strings.Join(v.Faults, " "), "differs") {
		t.Errorf("a missing link went unnoticed: %+v", v)
	}
}
