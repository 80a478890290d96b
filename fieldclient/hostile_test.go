package fieldclient

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"testing"

	"kua/syncproto"
)

// facility is a changeset in the registry, signed by key in the name of a device.
func facility(t *testing.T, l *laptop, device syncproto.DeviceID, key ed25519.PrivateKey, n uint64, app string) *syncproto.Changeset {
	t.Helper()
	kind, _ := syncproto.KindNamed("facility")
	id, _ := syncproto.RandomID(rand.Reader)
	h := syncproto.Header{Scope: l.Roster().Registry(), Device: device, Incarnation: syncproto.Incarnation(id[:8]), N: n, Seq0: n, RosterHead: l.Roster().Head(), Schema: 1, App: app}
	if n > 1 {
		h.Prev = syncproto.ChangesetID{1}
	}
	cs, err := syncproto.Unsigned{Header: h, Ops: []syncproto.Op{{Kind: syncproto.KindCreate, Entity: id, Field: kind.ID}}, Values: [][]byte{syncproto.Null}}.Sign(rand.Reader, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func bundle(t *testing.T, packets ...[]byte) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := syncproto.NewBundleWriter(&out, syncproto.BundleManifest{Exporter: syncproto.DeviceIDOf(key.Public().(ed25519.PublicKey)),
		Kind: syncproto.BundleChangesets, Items: uint64(len(packets))}, key)
	for _, p := range packets {
		if err == nil {
			err = w.Add(syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: p})
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A page is verified beside other work. A device may come into the roster between that and the merge, and what was let
// through as a stranger's, to be checked later, would then never be.
func TestAForgeryOfADeviceThatBecomesKnownMeanwhileIsDropped(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	timur := o.laptop("Timur", syncproto.RoleCoordinator, syncproto.AllRegions)
	_, forger, _ := ed25519.GenerateKey(rand.Reader)
	forged := facility(t, saule, timur.Device().ID, forger, 1, "forged")
	arrivals := saule.verifyAll([][]byte{forged.Packet.Encode()})
	if arrivals[0].cs == nil {
		t.Fatal("a changeset of a device that is not known yet is not let through")
	}
	o.share()
	saule.mu.Lock()
	err := saule.absorb(ctx, arrivals, nil)
	saule.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := saule.Replica().Changeset(ctx, forged.ID); err == nil {
			t.Fatal("a forged changeset stands")
		}
		saule.reopen()
	}
}

func TestTheSameStickTwiceFillsNothing(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	id := syncproto.DeviceIDOf(stranger.Public().(ed25519.PublicKey))
	waits := facility(t, saule, id, stranger, 1, "stranger").Packet.Encode()
	stick := bundle(t, waits, waits)
	for range 3 {
		if _, err := saule.ImportBundle(ctx, bytes.NewReader(stick)); err != nil {
			t.Fatal(err)
		}
	}
	rows := 0
	_ = saule.vault.Scan(ctx, 0, func(_ int64, kind uint8, _ []byte) error {
		if kind == rowPacket {
			rows++
		}
		return nil
	})
	if rows != 1 {
		t.Errorf("one changeset that waits was stored %d times", rows)
	}
}

// Whoever makes a stick invents as many devices as they like.
func TestStrangersTogetherHaveOneShareOfTheMemory(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	var by []syncproto.DeviceID
	for range 2 {
		_, stranger, _ := ed25519.GenerateKey(rand.Reader)
		id := syncproto.DeviceIDOf(stranger.Public().(ed25519.PublicKey))
		by = append(by, broughtBy(saule.Roster(), facility(t, saule, id, stranger, 1, "stranger")))
	}
	if by[0] != by[1] || by[0] == (syncproto.DeviceID{}) {
		t.Errorf("shares %v", by)
	}
	if got := broughtBy(saule.Roster(), facility(t, saule, saule.Device().ID, saule.keys.signing, 1, "own")); got != saule.Device().ID {
		t.Errorf("a member's work is %v's", got)
	}
}

// The box of a sealed body is not signed. Whoever carries it can spoil it, but not for good.
func TestASpoiledBodyIsReplacedByTheNextThatOpens(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	carry(t, saule, aru)
	saule.set(visit, "summary", "what the carrier would rather not deliver")
	var good, bad [][]byte
	err := saule.vault.Scan(ctx, 0, func(id int64, kind uint8, payload []byte) error {
		if kind != rowPacket {
			return nil
		}
		a, err := saule.stored(id, payload)
		if err != nil {
			return err
		}
		p := a.cs.Packet
		good = append(good, p.Encode())
		box := slices.Clone(a.cs.Body.Content)
		box[len(box)-1] ^= 1
		bad = append(bad, p.WithBody(syncproto.Body{Form: a.cs.Body.Form, Content: box}).Encode())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, stick := range [][]byte{bundle(t, bad...), bundle(t, good...), bundle(t, bad...)} {
		if _, err := aru.ImportBundle(ctx, bytes.NewReader(stick)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if got := aru.field(visit, "summary").values(); !slices.Equal(got, []string{"what the carrier would rather not deliver"}) {
			t.Errorf("a spoiled body took the place of the answer: %q", got)
		}
		aru.reopen()
	}
}

// The last frame of a damaged stick says that it is longer than any frame: what came before it is good.
func TestWhatComesBeforeTheDamageOfAStickIsTaken(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru)
	var stick bytes.Buffer
	if _, err := saule.ExportBundle(ctx, &stick, nil, true); err != nil {
		t.Fatal(err)
	}
	whole := stick.Bytes()
	at := bytes.LastIndexByte(whole, 0xd2) // the trailer begins with COSE's tag 18
	damaged := append(slices.Clone(whole[:at]), 0x5a, 0x7f, 0xff, 0xff, 0xff)
	_, err := aru.ImportBundle(ctx, bytes.NewReader(damaged))
	if _, ok := aru.Replica().Scope(visit); !ok {
		t.Errorf("what was whole on the stick was not taken: %v", err)
	}
}

// A server may relay what only a newer program can read. The cursor goes on, and comes back with the update.
func TestWhatCouldNotBeReadIsAskedForAgainAfterAnUpdate(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	registry, epoch := saule.Roster().Registry(), syncproto.Hash{1}
	at := func(n uint64) syncproto.Cursor { return syncproto.Cursor{Epoch: epoch, Position: n} }
	page := func(next uint64, packet []byte) {
		t.Helper()
		s := &syncRun{c: saule.Client}
		if err := s.takePage(ctx, registry, []syncproto.PullItem{{Position: next, Packet: packet, Received: 1}}, at(next)); err != nil {
			t.Fatal(err)
		}
	}
	readable := func(n uint64) []byte {
		return facility(t, saule, saule.Device().ID, saule.keys.signing, 1, "other").Packet.Encode()
	}
	page(1, readable(1))
	page(2, []byte("of a newer program"))
	page(3, readable(3))
	page(4, []byte("of a newer program"))
	begin := func() uint64 {
		t.Helper()
		c, err := saule.fromUnread(ctx, registry, at(4))
		if err != nil {
			t.Fatal(err)
		}
		return c.Position
	}
	if n := begin(); n != 4 {
		t.Errorf("the same program asks again from %d", n)
	}
	if err := saule.Client.Close(); err != nil {
		t.Fatal(err)
	}
	saule.cfg.App = "newer"
	saule.unlock()
	if n := begin(); n != 1 {
		t.Errorf("a newer program begins at %d", n)
	}
	if n := begin(); n != 4 {
		t.Errorf("it begins at %d again and again", n)
	}
}

func TestLongTextsAreSavedInAsManyChangesetsAsTheyNeed(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	kind, _ := syncproto.KindNamed("observation")
	long := slices.IndexFunc(kind.Fields, func(f syncproto.FieldSpec) bool { return f.Type == syncproto.TypeLong })
	f := kind.Fields[long]
	var changes []Change
	for range 9 {
		id, _ := syncproto.RandomID(rand.Reader)
		value, err := f.ParseValue(string(bytes.Repeat([]byte("x"), 60<<10)))
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, Change{Kind: syncproto.KindCreate, Entity: id, Field: kind.ID},
			Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: value})
	}
	saved, err := saule.Save(ctx, visit, changes)
	if err != nil || saved.Operations != len(changes) {
		t.Fatalf("%d of %d saved: %v", saved.Operations, len(changes), err)
	}
}

func TestALabelDoesNotWriteOverTheWordsBesideIt(t *testing.T) {
	for label, want := range map[string]string{
		"Aru's ThinkPad":                         "Aru's ThinkPad",
		"Әрудің ноутбугі":                        "Әрудің ноутбугі",
		"x\r\x1b[2Kwords: babab":                 "x??[2Kwords: babab",
		"two\nlines":                             "two?lines",
		"turned " + string(rune(0x202e)) + "abc": "turned ?abc",
	} {
		if got := printable(label); got != want {
			t.Errorf("%q shows as %q, want %q", label, got, want)
		}
	}
}

func TestAnAnswerOfCountlessTinyItemsIsRefused(t *testing.T) {
	if _, err := sequence(make([]byte, maxItems+1)); err == nil {
		t.Error("an answer has as many items as bytes")
	}
	if items, err := sequence(make([]byte, maxItems)); err != nil || len(items) != maxItems {
		t.Errorf("%d items: %v", len(items), err)
	}
}
