package syncproto_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto"
	"kua/syncproto/prototest"
	"kua/syncproto/seal"
)

// The vectors of testdata/vectors are for other languages: every key, input and result that an implementation needs, in
// JSON with bytes in hexadecimal. They are made from one seed and compared on each run.
var updateVectors = flag.Bool("update", false, "write testdata/vectors anew")

const vectorSeed = 20261123

type (
	h    = map[string]any
	list = []any
)

func hx(b []byte) string { return hex.EncodeToString(b) }

// golden compares v with a file of vectors, or writes it.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	path := filepath.Join("testdata", "vectors", name)
	if *updateVectors {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b) {
		t.Errorf("%s is not what the program makes now: a change of the protocol, or run with -update\n%s", path, cmp.Diff(string(want), string(b)))
	}
}

func TestVectorsOfTheCanonicalProfile(t *testing.T) {
	var good, bad list
	for _, s := range []string{"00", "17", "1818", "18ff", "190100", "1a00010000", "1b0000000100000000", "1bffffffffffffffff", "20", "3863", "3bffffffffffffffff",
		"40", "4401020304", "60", "62d0b6", "80", "820102", "a0", "a201020304", "f4", "f5", "f6", "8181818181818181f6"} {
		b, _ := hex.DecodeString(s)
		if err := syncproto.CheckCanonical(b); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		good = append(good, s)
	}
	for _, row := range [][2]string{{"1817", "not the shortest"}, {"190017", "not the shortest"}, {"5800", "not the shortest"}, {"9f01ff", "indefinite length"},
		{"bf0102ff", "indefinite length"}, {"f93c00", "float"}, {"f7", "undefined"}, {"f820", "simple value"}, {"c000", "tag"}, {"a203040102", "keys descend"},
		{"a201020103", "a key twice"}, {"a1616101", "a key that is no unsigned integer"}, {"61ff", "not UTF-8"}, {"818181818181818181f6", "nested nine deep"},
		{"0000", "two items"}, {"4101"[:2], "cut off"}, {"", "nothing"}} {
		b, _ := hex.DecodeString(row[0])
		if syncproto.CheckCanonical(b) == nil {
			t.Errorf("%s (%s) was accepted", row[0], row[1])
		}
		bad = append(bad, h{"bytes": row[0], "why": row[1]})
	}
	golden(t, "canonical.json", h{"about": "docs/protocol.md §2: items of the CBOR profile, and items outside it", "good": good, "bad": bad})
}

func TestVectorsOfIdentifiers(t *testing.T) {
	c := prototest.NewCast(t, vectorSeed)
	inc, nonce := syncproto.Incarnation{1, 2, 3, 4, 5, 6, 7, 8}, syncproto.Nonce{9}
	clear := encoded(t, syncproto.ScopeOpening{Kind: syncproto.ScopeVisit, Region: prototest.Region, Team: []syncproto.PersonID{c.Monitor.Owner.ID}, Nonce: nonce})
	scope := syncproto.NewScopeID(c.Monitor.ID, clear)
	feed := syncproto.NewFeedID(c.Monitor.ID, scope, inc)
	golden(t, "ids.json", h{
		"about":    "docs/protocol.md §1: derived identifiers",
		"device":   h{"publicKey": hx(c.Monitor.Public()), "id": hx(c.Monitor.ID[:])},
		"scope":    h{"device": hx(c.Monitor.ID[:]), "opening": hx(clear), "id": hx(scope[:])},
		"feed":     h{"device": hx(c.Monitor.ID[:]), "scope": hx(scope[:]), "incarnation": hx(inc[:]), "id": hx(feed[:])},
		"registry": h{"rootKey": hx(c.Roster.Organisation().Root), "id": hx(c.Registry[:])},
	})
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := syncproto.EncodeMessage(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// visitOf returns a visit without wraps: those draw from the system and are in the vectors of package seal.
func visitOf(t *testing.T, d *prototest.Device) *prototest.Visit {
	t.Helper()
	key, err := seal.NewVisitKey(d.Org.Rand)
	if err != nil {
		t.Fatal(err)
	}
	clear := encoded(t, syncproto.ScopeOpening{Kind: syncproto.ScopeVisit, Region: prototest.Region, Team: []syncproto.PersonID{d.Owner.ID}, Nonce: syncproto.Nonce{9}})
	return &prototest.Visit{Scope: syncproto.NewScopeID(d.ID, clear), Region: prototest.Region, Epoch: 1, Key: key, Team: []syncproto.PersonID{d.Owner.ID}}
}

func describe(cs *syncproto.Changeset) h {
	x := &cs.Header
	feed := x.Feed()
	ops := list{}
	for _, o := range cs.Ops {
		dots := list{}
		for _, d := range o.Dots {
			dots = append(dots, []uint64{uint64(d.Feed), d.Seq})
		}
		ops = append(ops, h{"kind": uint16(o.Kind), "entity": hx(o.Entity[:]), "field": uint32(o.Field), "dots": dots, "delta": o.Delta, "flags": uint8(o.Flags), "clear": hx(o.Clear)})
	}
	return h{"id": hx(cs.ID[:]), "feed": hx(feed[:]), "n": x.N, "seq0": x.Seq0, "hlc0": x.HLC0, "skeletonHash": hx(x.Skeleton[:]), "valueRoot": hx(x.ValueRoot[:]),
		"needs": uint16(cs.Claim().Needs), "ops": ops}
}

func TestVectorsOfChangesets(t *testing.T) {
	c := prototest.NewCast(t, vectorSeed)
	d, e := c.Coordinator, c.Entity()
	registry := d.Feed(nil)
	registry.Clock = &syncproto.ClockEvidence{OffsetMillis: -1500, ErrorMillis: 40, AgeSeconds: 3600}
	registry.Checkpoint = &syncproto.CheckpointSeen{Size: 7, Root: syncproto.Hash{7}}
	first := registry.Sign(prototest.Create(e, 1000), prototest.Set(e, 1001, "Учреждение 159/6"), prototest.Set(e, 1006, 120))
	second := registry.Sign(prototest.Set(e, 1006, 118).Seeing(prototest.OpOf(first, 2)))
	theirs := c.Coordinator2.Feed(nil).Sign(prototest.Resolve(e, 1006, 119, prototest.OpOf(first, 2), prototest.OpOf(second, 0)), prototest.Op{Kind: 4242, Entity: e, Flags: syncproto.FlagCritical, Clear: "kept"})
	v := visitOf(t, c.Monitor)
	sealed := c.Monitor.Feed(v).Sign(prototest.Create(c.Entity(), 2200), prototest.Set(c.Entity(), 2201, "холодно"))

	values, err := first.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	redacted := first.Packet.WithBody(syncproto.Body{Form: syncproto.BodyPlain, Content: values.Redact(map[int]bool{1: true}).Encode()})
	var good, bad list
	add := func(name string, d *prototest.Device, p syncproto.Packet, extra h) {
		cs, err := syncproto.ParsePacket(p)
		if err == nil {
			err = cs.Verify(d.Public())
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		one := h{"name": name, "publicKey": hx(d.Public()), "packet": hx(p.Encode()), "bodyHash": p.BodyHash(), "is": describe(cs)}
		for k, v := range extra {
			one[k] = v
		}
		good = append(good, one)
	}
	opened, err := v.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	add("the first of a plain feed", d, first.Packet, h{"privateSeed": hx(d.Key.Seed())})
	add("the second, with prev and an own dot", d, second.Packet, nil)
	add("another device's resolve, and an unknown critical kind", c.Coordinator2, theirs.Packet, nil)
	add("sealed values", c.Monitor, sealed.Packet, h{"visitKey": hx(v.Key.Bytes()), "values": hx(opened.Encode())})
	add("redacted: operation 1 was erased", d, redacted, nil)
	add("withheld values", d, first.Packet.WithBody(syncproto.Body{}), nil)

	refuse := func(name string, key *prototest.Device, packet []byte, want syncproto.Code) {
		p, err := syncproto.DecodePacket(packet)
		var cs *syncproto.Changeset
		if err == nil {
			cs, err = syncproto.ParsePacket(p)
		}
		if err == nil {
			err = cs.Verify(key.Public())
		}
		if syncproto.CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		bad = append(bad, h{"name": name, "publicKey": hx(key.Public()), "packet": hx(packet), "code": want})
	}
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	signed, err := syncproto.ParseSigned(first.Packet.Header, syncproto.ContextChangeset)
	if err != nil {
		t.Fatal(err)
	}
	resign := func(ctx syncproto.Context, payload []byte) []byte {
		p := first.Packet
		p.Header, _ = syncproto.Sign(d.Key, ctx, payload)
		return p.Encode()
	}
	with := func(change func(*syncproto.Packet)) []byte {
		p := first.Packet
		change(&p)
		return p.Encode()
	}
	refuse("an altered signature", d, with(func(p *syncproto.Packet) { p.Header = flip(p.Header, -1) }), syncproto.CodeBadSignature)
	refuse("another device's key", c.Monitor, first.Packet.Encode(), syncproto.CodeBadSignature)
	refuse("signed for another purpose", d, resign(syncproto.ContextRoster, signed.Payload), syncproto.CodeBadSignature)
	refuse("another changeset's skeleton", d, with(func(p *syncproto.Packet) { p.Skeleton = second.Packet.Skeleton }), syncproto.CodeBadSkeleton)
	refuse("an altered value", d, with(func(p *syncproto.Packet) { p.Body = flip(p.Body, -1) }), syncproto.CodeBadValues)
	refuse("values that are sealed in a plain scope", d, first.Packet.WithBody(syncproto.Body{Form: syncproto.BodySealed, Content: []byte{1}}).Encode(), syncproto.CodeMalformed)
	refuse("plain values in a sealed scope", c.Monitor, sealed.Packet.WithBody(syncproto.Body{Form: syncproto.BodyPlain, Content: opened.Encode()}).Encode(), syncproto.CodeMalformed)
	refuse("no COSE tag", d, with(func(p *syncproto.Packet) { p.Header = p.Header[1:] }), syncproto.CodeMalformed)
	refuse("a later version", d, resign(syncproto.ContextChangeset, bytes.Replace(signed.Payload, []byte{1, 1, 2}, []byte{1, 2, 2}, 1)), syncproto.CodeVersion)
	refuse("a header without keys", d, resign(syncproto.ContextChangeset, []byte{0xa0}), syncproto.CodeMalformed)
	refuse("bytes behind the packet", d, append(first.Packet.Encode(), 0), syncproto.CodeMalformed)
	golden(t, "changeset.json", h{"about": "docs/protocol.md §2: packets with what they say, and packets with the code of their refusal", "good": good, "bad": bad})
}

func TestVectorsOfTheValueTree(t *testing.T) {
	seed := [32]byte(bytes.Repeat([]byte{0x5a}, 32))
	var cases list
	for _, n := range []int{1, 2, 3, 5, 8} {
		var raw [][]byte
		for i := range n {
			b, err := syncproto.EncodeMessage([]any{i, "да"})
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, b)
		}
		v := syncproto.NewValues(seed, raw)
		root := syncproto.ValueRoot(v.Leaves)
		p, err := syncproto.ProveValue(v.Leaves, n-1)
		if err != nil || p.Check(root) != nil {
			t.Fatal(err)
		}
		var path, values list
		for _, step := range p.Path {
			path = append(path, hx(step[:]))
		}
		for _, b := range raw {
			values = append(values, hx(b))
		}
		red := v.Redact(map[int]bool{0: true})
		if syncproto.ValueRoot(red.Leaves) != root {
			t.Fatal("I12: a redaction changed the root")
		}
		cases = append(cases, h{"seed": hx(seed[:]), "values": values, "encoded": hx(v.Encode()), "root": hx(root[:]), "encodedWithoutFirst": hx(red.Encode()),
			"proof": h{"index": p.Index, "count": p.Count, "salt": hx(p.Salt[:]), "value": hx(p.Value), "path": path}})
	}
	golden(t, "values.json", h{"about": "docs/protocol.md §2: salts, roots, proofs and redacted forms", "cases": cases})
}

func TestVectorsOfRosterJudgeAndReceipt(t *testing.T) {
	c := prototest.NewCast(t, vectorSeed)
	v := visitOf(t, c.Monitor)
	scope := hx(v.Scope[:])
	thief := c.Monitor.Feed(v).Fork()
	kept := c.Monitor.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "x"))
	late := c.Monitor.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "y"))
	medical := c.Leader.Feed(v).Sign(prototest.Set(c.Entity(), 2308, "z"))
	resolved := c.Coordinator.Feed(v).Sign(prototest.Resolve(c.Entity(), 2201, "w"))
	outside := c.Monitor2.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "v"))
	forged := thief.Sign(prototest.Set(c.Entity(), 2201, "u"))
	before := c.Roster.Head()
	c.RevokeDevice(c.Monitor, kept.Cut())
	v.Team = append(v.Team, c.Leader.Owner.ID)

	var records, refused, verdicts list
	for _, rec := range c.Roster.Records(0) {
		records = append(records, hx(rec))
	}
	for name, row := range map[string]struct {
		key  *prototest.Device
		rec  syncproto.RosterRecord
		want syncproto.Code
	}{
		"a-monitor":        {c.Monitor2, syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID{1}, Name: "x"}}, syncproto.CodeUnauthorized},
		"a-revoked-device": {c.Monitor, syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID{1}, Name: "x"}}, syncproto.CodeUnauthorized},
		"nothing-in-it":    {c.Coordinator, syncproto.RosterRecord{}, syncproto.CodeMalformed},
	} {
		rec := c.Record(row.key.Key, c.Roster.NextRecord(row.rec))
		if err := c.Roster.Clone().Append(rec); syncproto.CodeOf(err) != row.want {
			t.Errorf("%s: %v, want %s", name, err, row.want)
		}
		refused = append(refused, h{"name": name, "record": hx(rec), "code": row.want})
	}
	sortByName(refused)
	if err := c.Roster.Clone().Append(c.Roster.Records(1)[0]); syncproto.CodeOf(err) != syncproto.CodeRosterStale {
		t.Error(err)
	}
	for _, row := range []struct {
		name string
		cs   *syncproto.Changeset
		want syncproto.Code
	}{
		{"within the cut of a revocation", kept, ""},
		{"beyond the cut", late, syncproto.CodeQuarantineLate},
		{"another changeset with the number of the cut", forged, syncproto.CodeQuarantineLate},
		{"a medical finding by a leader", medical, syncproto.CodeQuarantineField},
		{"a coordinator's resolve", resolved, ""},
		{"a monitor who is not on the team", outside, syncproto.CodeQuarantineNoRight},
	} {
		verdict, err := c.Roster.Judge(row.cs.Claim(), v.Standing())
		if err != nil || verdict.Quarantine != row.want {
			t.Errorf("%s: %+v, %v", row.name, verdict, err)
		}
		claim := row.cs.Claim()
		verdicts = append(verdicts, h{"name": row.name, "rights": uint16(verdict.Rights), "person": hx(verdict.Person[:]), "quarantine": verdict.Quarantine,
			"claim": h{"device": hx(claim.Device[:]), "feed": hx(claim.Feed[:]), "n": claim.N, "changeset": row.cs.ID, "rosterHead": hx(claim.RosterHead[:]), "needs": uint16(claim.Needs)}})
	}
	var team list
	for _, p := range v.Team {
		team = append(team, hx(p[:]))
	}
	head := c.Roster.Head()
	golden(t, "roster.json", h{"about": "docs/protocol.md §6: a roster, records that it refuses at its end, and verdicts in one visit",
		"records": records, "head": hx(head[:]), "headBeforeRevocation": hx(before[:]), "refused": refused,
		"visit": h{"scope": scope, "region": v.Region, "team": team}, "verdicts": verdicts})
	golden(t, "receipt.json", h{"about": "docs/protocol.md §9: a receipt of the server that roster.json names",
		"receipt": hx(c.Receipt(v.Scope, syncproto.Hash{5}, 41, kept, late)), "scope": scope, "firstPosition": 41, "changesets": list{kept.ID, late.ID}})
}

func sortByName(l list) {
	for i := range l {
		for j := range l[:i] {
			if l[i].(h)["name"].(string) < l[j].(h)["name"].(string) {
				l[i], l[j] = l[j], l[i]
			}
		}
	}
}

func TestVectorsOfTheMerge(t *testing.T) {
	const write, all = syncproto.RightWrite, syncproto.RightWrite | syncproto.RightResolve | syncproto.RightRemove | syncproto.RightEndorse
	a, b, x := syncproto.PersonID{0xa}, syncproto.PersonID{0xb}, syncproto.PersonID{0xc}
	at := func(changesets ...uint64) (out []syncproto.Target) {
		for _, cs := range changesets {
			out = append(out, syncproto.Target{Changeset: cs, Seq: 1})
		}
		return out
	}
	say := func(cs uint64, p syncproto.PersonID, r syncproto.Rights, kind syncproto.Kind, targets ...syncproto.Target) syncproto.Contribution {
		return syncproto.Contribution{Changeset: cs, Feed: cs, N: 1, Person: p, Rights: r, Ops: []syncproto.MergeOp{{Seq: 1, Kind: kind, Field: 2201, Targets: targets}}}
	}
	personal := func(c syncproto.Contribution) syncproto.Contribution {
		c.Ops[0].Flags = syncproto.FlagPersonal
		return c
	}
	late := func(c syncproto.Contribution) syncproto.Contribution { c.Quarantined = true; return c }
	set := syncproto.KindSet
	var cases list
	for _, row := range []struct {
		name string
		in   []syncproto.Contribution
	}{
		{"two people answer at once", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set)}},
		{"an author replaces their own answer", []syncproto.Contribution{say(1, a, write, set), say(2, a, write, set, at(1)...)}},
		{"one answer of somebody else's is replaced: a review", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set, at(1)...)}},
		{"and endorsed", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set, at(1)...), say(3, x, all, syncproto.KindEndorse, at(2)...)}},
		{"an ordinary edit buries two people's answers: nothing is retired", []syncproto.Contribution{say(1, a, write, set), say(2, x, write, set), say(3, b, write, set, at(1, 2)...)}},
		{"a dangling target counts as somebody else's", []syncproto.Contribution{say(1, a, write, set), say(3, b, write, set, append(at(1), syncproto.Target{Dangling: true})...)}},
		{"a resolve hides what it lists", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set), say(3, x, all, syncproto.KindResolve, at(1, 2)...)}},
		{"a third answer reopens it", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set), say(3, x, all, syncproto.KindResolve, at(1, 2)...), say(4, b, write, set)}},
		{"a resolve without the right is an ordinary edit", []syncproto.Contribution{say(1, a, write, set), say(2, x, write, set), say(3, b, write, syncproto.KindResolve, at(1, 2)...)}},
		{"a quarantined resolve has no effect", []syncproto.Contribution{say(1, a, write, set), say(2, b, write, set), late(say(3, x, all, syncproto.KindResolve, at(1, 2)...))}},
		{"personal statements never meet", []syncproto.Contribution{personal(say(1, a, write, set)), personal(say(2, b, write, set, at(1)...))}},
		{"removed by a right-holder, but edited meanwhile", []syncproto.Contribution{say(1, a, write, syncproto.KindCreate), say(2, x, all, syncproto.KindRemove, at(1)...), say(3, b, write, set)}},
		{"removed by its author, over somebody else's answer", []syncproto.Contribution{say(1, a, write, syncproto.KindCreate), say(2, b, write, set), say(3, a, write, syncproto.KindRemove, at(1, 2)...)}},
		{"an erased answer keeps its place", []syncproto.Contribution{say(1, a, write, set), say(2, x, all|syncproto.RightErase, syncproto.KindErase, at(1)...)}},
	} {
		cases = append(cases, h{"name": row.name, "contributions": row.in, "state": stateOf(syncproto.Fold(row.in, true))})
	}
	golden(t, "merge.json", h{"about": "docs/protocol.md §3: contributions to one record (rights as bits, kinds and fields as numbers) and what they merge to; operations are named [changeset, index]", "cases": cases})
}

func stateOf(s syncproto.RecordState) h {
	ref := func(r syncproto.OpRef) [2]uint64 { return [2]uint64{r.Changeset, uint64(r.Index)} }
	fields, fates, edited := list{}, list{}, list{}
	for _, f := range s.Fields {
		heads, reviews := list{}, list{}
		for _, x := range f.Heads {
			heads = append(heads, ref(x.OpRef))
		}
		for _, r := range f.Reviews {
			reviews = append(reviews, h{"by": ref(r.By), "replaced": ref(r.Replaced)})
		}
		one := h{"field": uint32(f.Field), "heads": heads, "reviews": reviews}
		if f.Personal {
			one["person"] = hx(f.Person[:])
		}
		fields = append(fields, one)
	}
	for cs := uint64(1); cs < 9; cs++ {
		if f, ok := s.Fates[syncproto.OpRef{Changeset: cs}]; ok {
			by := list{}
			for _, r := range f.By {
				by = append(by, ref(r))
			}
			fates = append(fates, h{"op": [2]uint64{cs, 0}, "fate": []string{"head", "superseded", "quarantined", "erased"}[f.Kind], "by": by})
		}
	}
	for _, r := range s.Edited {
		edited = append(edited, ref(r))
	}
	return h{"kind": uint32(s.Kind), "exists": s.Exists, "removed": s.Removed, "attention": uint8(s.Attention), "fields": fields, "fates": fates, "edited": edited}
}

// The bytes of a bundle depend on the compressor, so only its reading is compared.
func TestVectorsOfBundles(t *testing.T) {
	c := prototest.NewCast(t, vectorSeed)
	path := filepath.Join("testdata", "vectors", "bundle.json")
	if *updateVectors {
		items := []syncproto.BundleItem{{Kind: syncproto.ItemRoster, Content: c.Roster.Records(0)[0]}, {Kind: 99, Content: []byte("of a later version")}}
		file, out := writeBundle(t, c.Monitor, items), list{}
		for _, i := range items {
			out = append(out, h{"kind": uint64(i.Kind), "content": hx(i.Content)})
		}
		golden(t, "bundle.json", h{"about": "docs/protocol.md §10: a whole bundle; cut anywhere behind the manifest it is incomplete, without an error", "publicKey": hx(c.Monitor.Public()), "file": hx(file), "items": out})
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		File  string
		Items []struct {
			Kind    uint64
			Content string
		}
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	file, err := hex.DecodeString(v.File)
	if err != nil {
		t.Fatal(err)
	}
	items, info, err := readBundle(bytes.NewReader(file))
	if err != nil || !info.Complete || info.Verify(c.Monitor.Public()) != nil || len(items) != len(v.Items) {
		t.Fatalf("%+v, %v", info, err)
	}
	for i, item := range items {
		if uint64(item.Kind) != v.Items[i].Kind || hx(item.Content) != v.Items[i].Content {
			t.Errorf("item %d = %d %x", i, item.Kind, item.Content)
		}
	}
}
