package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"kua/syncproto"
	"kua/syncproto/prooflog"
	"kua/syncproto/prototest"
)

// kit writes bundles of one organisation.
type kit struct {
	*prototest.Cast
	t     *testing.T
	dir   string
	visit *prototest.Visit
	all   []*syncproto.Changeset
}

// newKit returns a visit with a conflict, a fork, an erasure, and late work of which a part was admitted.
func newKit(t *testing.T) *kit {
	c := prototest.NewCast(t, 3)
	k := &kit{Cast: c, t: t, dir: t.TempDir()}
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Monitor2.Owner, c.Leader.Owner)
	k.visit = v
	k.all = append(k.all, opening)
	e := c.Entity()
	one := k.by(c.Monitor, prototest.Create(e, 2200), prototest.Set(e, 2201, "beds"))
	k.by(c.Monitor2, prototest.Set(e, 2201, "no beds").Seeing(prototest.OpOf(one, 1)))
	k.by(c.Leader, prototest.Set(e, 2201, "few beds"))
	copied := c.Leader.Feed(v).Fork()
	k.by(c.Leader, prototest.Set(e, 2202, "cell 1"))
	k.all = append(k.all, copied.Sign(prototest.Set(e, 2202, "cell 2")))
	name := k.by(c.Monitor, prototest.Set(e, 2203, "a name"))
	k.by(c.Protection, prototest.Erase(e, prototest.OpOf(name, 0)))
	cut := c.Monitor2.Feed(v).Cut()
	late := k.by(c.Monitor2, prototest.Set(e, 2201, "late"))
	k.by(c.Monitor2, prototest.Set(e, 2201, "later"))
	c.RevokeDevice(c.Monitor2, cut)
	k.by(c.Coordinator, prototest.Admit(v.Scope, late))
	f := c.Entity()
	k.all = append(k.all, c.Coordinator.Feed(nil).Sign(prototest.Create(f, 1000), prototest.Set(f, 1001, "colony")))
	return k
}

func (k *kit) by(d *prototest.Device, ops ...prototest.Op) *syncproto.Changeset {
	cs := d.Feed(k.visit).Sign(ops...)
	k.all = append(k.all, cs)
	return cs
}

var epoch = syncproto.Hash{7}

// items are the roster, all changesets and their receipts.
func (k *kit) items() (out []syncproto.BundleItem) {
	for _, r := range k.Roster.Records(0) {
		out = append(out, syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: r})
	}
	var visit, registry []*syncproto.Changeset
	for _, cs := range k.all {
		out = append(out, syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: cs.Packet.Encode()})
		if cs.Header.Scope == k.Registry {
			registry = append(registry, cs)
		} else {
			visit = append(visit, cs)
		}
	}
	return append(out,
		syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: k.Receipt(k.visit.Scope, epoch, 1, visit...)},
		syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: k.Receipt(k.Registry, epoch, 1, registry...)})
}

func (k *kit) write(name string, key ed25519.PrivateKey, items []syncproto.BundleItem) string {
	k.t.Helper()
	var b bytes.Buffer
	w, err := syncproto.NewBundleWriter(&b, syncproto.BundleManifest{Kind: syncproto.BundleChangesets}, key)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, i := range items {
		if err := w.Add(i); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		k.t.Fatal(err)
	}
	return k.file(name, b.Bytes())
}

func (k *kit) file(name string, content []byte) string {
	k.t.Helper()
	path := filepath.Join(k.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// verify runs the command with --json.
func (k *kit) verify(args ...string) (r report, err error) {
	k.t.Helper()
	var out bytes.Buffer
	err = run(append([]string{"--json"}, args...), &out)
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			k.t.Fatal(err)
		}
	}
	return r, err
}

// log puts the changesets into a log and returns a checkpoint and the proof of one.
func (k *kit) log(origin string, index int) (checkpoint, proof []byte) {
	k.t.Helper()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	for i, cs := range k.all {
		more, err := tlog.StoredHashes(int64(i), prooflog.Entry("changeset", cs.ID), reader)
		if err != nil {
			k.t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(int64(len(k.all)), reader)
	if err != nil {
		k.t.Fatal(err)
	}
	path, err := tlog.ProveRecord(int64(len(k.all)), int64(index), reader)
	if err != nil {
		k.t.Fatal(err)
	}
	signer, err := prooflog.NewSigner(origin, k.Server)
	if err != nil {
		k.t.Fatal(err)
	}
	checkpoint, err = prooflog.SignCheckpoint(origin, prooflog.Tree{Size: uint64(len(k.all)), Root: root}, signer)
	if err != nil {
		k.t.Fatal(err)
	}
	proof, err = prooflog.Proof{Index: uint64(index), Hashes: path, Checkpoint: checkpoint}.Format()
	if err != nil {
		k.t.Fatal(err)
	}
	return checkpoint, proof
}

func (k *kit) root() string { return hex.EncodeToString(k.Root.Public().(ed25519.PublicKey)) }

func TestSoundBundleHolds(t *testing.T) {
	k := newKit(t)
	path := k.write("all.kua", k.Coordinator.Key, k.items())
	r, err := k.verify("--root", k.root(), path)
	if err != nil {
		t.Fatalf("%v: %q", err, r.Faults)
	}
	if !r.RootKnown || r.Changesets != len(k.all) || r.Receipted != len(k.all) || r.OtherBodies != 0 || len(r.Roster) != k.Roster.Len() {
		t.Fatalf("report = %+v", r)
	}
	if len(r.Forks) != 1 || r.Forks[0].N != 2 || len(r.Forks[0].Changesets) != 2 {
		t.Fatalf("forks = %+v", r.Forks)
	}
	if len(r.Quarantine) != 2 || r.Quarantine[0].Code != syncproto.CodeQuarantineLate || r.Quarantine[0].Admitted == r.Quarantine[1].Admitted {
		t.Fatalf("quarantine = %+v", r.Quarantine)
	}
	ops, counted := 0, 0
	for _, cs := range k.all {
		ops += len(cs.Ops)
	}
	for _, s := range r.Scopes {
		counted += s.Heads + s.Superseded + s.Quarantined + s.Erased
		if s.Scope == k.visit.Scope && (s.Erased != 1 || s.Quarantined != 1 || s.Superseded != 1 || s.Attention == 0 || len(s.Team) != 3) {
			t.Fatalf("visit = %+v", s)
		}
	}
	if ops != counted {
		t.Fatalf("I4: %d operations, %d have a fate", ops, counted)
	}
	var text bytes.Buffer
	if err := run([]string{path}, &text); err != nil || !strings.Contains(text.String(), "Everything holds") || !strings.Contains(text.String(), k.root()) {
		t.Fatalf("%v:\n%s", err, text.String())
	}
	if strings.Contains(text.String(), "beds") {
		t.Fatal("the report shows content")
	}
}

// A key of a revoked laptop can sign another past for it; the auditor judges that as every store does.
func TestForgedPastOfARevokedDeviceIsQuarantined(t *testing.T) {
	k := newKit(t)
	thief, head := k.Protection.Feed(k.visit).Fork(), k.Roster.Head()
	thief.RosterHead = &head
	k.by(k.Protection, prototest.Set(k.Entity(), 2201, "beds"))
	kept := k.by(k.Protection, prototest.Set(k.Entity(), 2201, "beds"))
	forged := []*syncproto.Changeset{thief.Sign(prototest.Set(k.Entity(), 2201, "x")), thief.Sign(prototest.Set(k.Entity(), 2201, "y"))}
	k.RevokeDevice(k.Protection, kept.Cut())
	before := len(k.all)
	k.all = append(k.all, forged...)
	r, err := k.verify("--root", k.root(), k.write("all.kua", k.Coordinator.Key, k.items()))
	if err != nil {
		t.Fatalf("%v: %q", err, r.Faults)
	}
	late := map[syncproto.ChangesetID]bool{}
	for _, q := range r.Quarantine {
		late[q.Changeset] = !q.Admitted
	}
	for i, cs := range k.all {
		if cs.Header.Device == k.Protection.ID && late[cs.ID] != (i >= before) {
			t.Errorf("changeset %d of the revoked device, forged %t: quarantined %t", cs.Header.N, i >= before, late[cs.ID])
		}
	}
}

func TestBundlesAreReadTogether(t *testing.T) {
	k := newKit(t)
	all := k.items()
	a := k.write("a.kua", k.Coordinator.Key, all[len(all)/2:])
	b := k.write("b.kua", k.Monitor.Key, all[:len(all)/2+3])
	if r, err := k.verify(a, b); err != nil || r.Changesets != len(k.all) {
		t.Fatalf("%v: %+v", err, r.Faults)
	}
}

func TestEveryFaultIsFound(t *testing.T) {
	k := newKit(t)
	sound := k.items()
	first := 0 // of the packets
	for sound[first].Kind != syncproto.ItemPacket {
		first++
	}
	stranger := k.Stranger(k.Monitor.Owner)
	with := func(i int, content []byte) []syncproto.BundleItem {
		out := append([]syncproto.BundleItem(nil), sound...)
		out[i].Content = content
		return out
	}
	flip := func(i, at int) []syncproto.BundleItem {
		b := bytes.Clone(sound[i].Content)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return with(i, b)
	}
	add := func(i syncproto.BundleItem) []syncproto.BundleItem {
		return append(append([]syncproto.BundleItem(nil), sound...), i)
	}
	forgedRecord := k.Record(k.Monitor.Key, k.Roster.NextRecord(syncproto.RosterRecord{Grant: &syncproto.Grant{ID: k.Entity(), Person: k.Monitor.Owner.ID, Role: syncproto.RoleCoordinator, Region: "*"}}))
	badReceipt, err := syncproto.SignReceipt(stranger.Key, syncproto.Receipt{Epoch: epoch, Scope: k.visit.Scope})
	if err != nil {
		t.Fatal(err)
	}
	wild := k.Monitor.Feed(k.visit).Fork()
	wild.Seq += 3
	jump := wild.Sign(prototest.Set(k.Entity(), 2201, "x"))
	unknown := stranger.Feed(k.visit).Sign(prototest.Set(k.Entity(), 2201, "x"))
	packet := func(cs *syncproto.Changeset) syncproto.BundleItem {
		return syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: cs.Packet.Encode()}
	}
	for name, c := range map[string]struct {
		items []syncproto.BundleItem
		key   ed25519.PrivateKey
		args  []string
		want  string
	}{
		"a changed signature":          {items: flip(first+1, len(k.all[1].Packet.Header)+3), want: "bad-signature"},
		"changed sealed bytes":         {items: flip(first+1, -1), want: "changed on the way"},
		"a lost changeset":             {items: append(append([]syncproto.BundleItem(nil), sound[:first+1]...), sound[first+2:]...), want: "not in the bundle"},
		"a lost roster record":         {items: append(append([]syncproto.BundleItem(nil), sound[:5]...), sound[6:]...), want: "roster record"},
		"a changed roster record":      {items: flip(4, -1), want: "roster record 4"},
		"a grant by a monitor":         {items: add(syncproto.BundleItem{Kind: syncproto.ItemRoster, Content: forgedRecord}), want: "may not change the roster"},
		"a receipt of nobody":          {items: add(syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: badReceipt}), want: "not in the roster"},
		"a server contradicts itself":  {items: add(syncproto.BundleItem{Kind: syncproto.ItemReceipt, Content: k.Receipt(k.visit.Scope, epoch, 1, k.all[1])}), want: "contradicts itself"},
		"numbers that jump":            {items: add(packet(jump)), want: "does not continue its feed"},
		"work of an unknown device":    {items: add(packet(unknown)), want: "not in the roster"},
		"another root key":             {items: sound, args: []string{"--root", strings.Repeat("00", 32)}, want: "another root key"},
		"a bundle of a stranger":       {items: sound, key: stranger.Key, want: "not signed by exporter"},
		"no roster":                    {items: sound[first:], want: "no roster"},
		"something that is no message": {items: add(syncproto.BundleItem{Kind: syncproto.ItemPacket, Content: []byte("junk")}), want: "packet"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.key == nil {
				c.key = k.Coordinator.Key
			}
			r, err := k.verify(append(c.args, k.write("x.kua", c.key, c.items))...)
			if !errors.Is(err, errFaults) || !strings.Contains(strings.Join(r.Faults, "\n"), c.want) {
				t.Fatalf("%v: faults = %q, want one about %q", err, r.Faults, c.want)
			}
		})
	}
	t.Run("a cut file", func(t *testing.T) {
		whole, err := os.ReadFile(k.write("x.kua", k.Coordinator.Key, sound))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := k.verify(k.file("cut.kua", whole[:len(whole)-40])); !errors.Is(err, errFaults) {
			t.Fatalf("%v: %+v", err, r)
		}
	})
	t.Run("a part of what there is", func(t *testing.T) {
		items := append(append([]syncproto.BundleItem(nil), sound[:first+1]...), sound[first+2:]...)
		if r, err := k.verify("--partial", k.write("x.kua", k.Coordinator.Key, items)); err != nil || r.Missing == 0 {
			t.Fatalf("%v: %+v", err, r)
		}
	})
}

func TestProofsAreChecked(t *testing.T) {
	k := newKit(t)
	bundle := k.write("all.kua", k.Coordinator.Key, k.items())
	checkpoint, proof := k.log(prototest.Origin, 0)
	c, p := k.file("checkpoint", checkpoint), k.file("0.tlog-proof", proof)
	r, err := k.verify("--checkpoint", c, "--proof", p, bundle)
	if err != nil || len(r.Trees) != 1 || r.Trees[0].Size != uint64(len(k.all)) || len(r.Proven) != 1 || r.Proven[0].Changeset != k.all[0].ID {
		t.Fatalf("%v: %+v %q", err, r.Proven, r.Faults)
	}
	_, wrong := k.log("other.test/log", 0)
	_, other := k.log(prototest.Origin, 3) // the receipts of the kit say entry 0
	shorter := &kit{Cast: k.Cast, t: t, all: k.all[1:]}
	fork, foreign := shorter.log(prototest.Origin, 0)
	forked, _ := (&kit{Cast: k.Cast, t: t, all: append([]*syncproto.Changeset{k.all[1], k.all[0]}, k.all[2:]...)}).log(prototest.Origin, 0)
	damaged := bytes.Clone(proof)
	damaged[len(damaged)-20] ^= 1
	for name, c := range map[string]struct {
		flag    string
		content []byte
		want    string
	}{
		"a log that nobody named":   {"--proof", wrong, "names no server"},
		"another entry":             {"--proof", other, "its receipt says"},
		"a damaged signature":       {"--proof", damaged, "opening checkpoint"},
		"a fork":                    {"--checkpoint", forked, "forked"},
		"something else":            {"--proof", []byte("junk"), "parsing proof"},
		"a checkpoint that is none": {"--checkpoint", []byte("junk"), "names no server"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := k.verify("--checkpoint", k.file("c", checkpoint), c.flag, k.file("x", c.content), bundle)
			if !errors.Is(err, errFaults) || !strings.Contains(strings.Join(r.Faults, "\n"), c.want) {
				t.Fatalf("%v: faults = %q, want one about %q", err, r.Faults, c.want)
			}
		})
	}
	if r, err := k.verify("--checkpoint", k.file("shorter", fork), bundle); err != nil {
		t.Fatalf("an earlier checkpoint: %q", r.Faults)
	}
	_ = foreign
}

func TestNamesCannotForgeTheReport(t *testing.T) {
	k := newKit(t)
	k.Person("Aru\n\nEverything holds.\x1b[2J", syncproto.RoleMonitor, prototest.Region)
	var text bytes.Buffer
	if err := run([]string{k.write("all.kua", k.Coordinator.Key, k.items())}, &text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "\n\nEverything holds.\x1b") || strings.Contains(text.String(), "\x1b") {
		t.Fatalf("%q", text.String())
	}
}

func TestUsageIsClear(t *testing.T) {
	k := newKit(t)
	for _, args := range [][]string{{}, {filepath.Join(k.dir, "absent")}, {k.file("text", []byte("no bundle"))}, {"--no-such-flag", "x"}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Fatalf("%q passed", args)
		}
	}
}

// TestImportsNothingElseOfKua keeps the verifier one that an outsider can read whole.
func TestImportsNothingElseOfKua(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("listing dependencies: %v", err)
	}
	for _, path := range strings.Fields(string(out)) {
		if strings.HasPrefix(path, "kua/") && !strings.HasPrefix(path, "kua/syncproto") {
			t.Fatalf("imports %s", path)
		}
	}
}

func FuzzReadBundle(f *testing.F) {
	f.Add([]byte("junk"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := newEvidence()
		if e.read("fuzz", bytes.NewReader(b)) == nil {
			e.examine("", true)
		}
	})
}
