package syncproto

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func seededRand(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

// drawUnsigned draws a changeset with everything that the format can hold.
func drawUnsigned(t *rapid.T, device DeviceID) Unsigned {
	var u Unsigned
	h := &u.Header
	r := seededRand(rapid.Byte().Draw(t, "ids"))
	for _, b := range [][]byte{h.Scope[:], h.Incarnation[:], h.RosterHead[:]} {
		io.ReadFull(r, b)
	}
	h.Device = device
	h.N, h.Seq0 = 1, 1
	if rapid.Bool().Draw(t, "later") {
		h.N, h.Seq0 = rapid.Uint64Range(2, maxCount).Draw(t, "n"), rapid.Uint64Range(2, maxCount).Draw(t, "seq0")
		io.ReadFull(r, h.Prev[:])
	}
	h.HLC0, h.Schema = HLC(rapid.Uint64().Draw(t, "hlc")), rapid.Uint64Range(0, 300).Draw(t, "schema")
	h.App = rapid.StringN(0, 10, maxAppLength).Draw(t, "app")
	for range rapid.IntRange(0, 3).Draw(t, "deps") {
		d := Dep{N: rapid.Uint64Range(1, maxCount).Draw(t, "depN")}
		io.ReadFull(r, d.Feed[:])
		io.ReadFull(r, d.Short[:])
		h.Deps = append(h.Deps, d)
	}
	if rapid.Bool().Draw(t, "clock") {
		h.Clock = &ClockEvidence{rapid.Int64().Draw(t, "offset"), rapid.Int64().Draw(t, "error"), rapid.Int64().Draw(t, "age")}
	}
	if rapid.Bool().Draw(t, "checkpoint") {
		h.Checkpoint = &CheckpointSeen{Size: rapid.Uint64().Draw(t, "size")}
	}
	entities := make([]EntityID, 3)
	for i := range entities {
		io.ReadFull(r, entities[i][:])
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "ops") {
		o := Op{
			Kind: Kind(rapid.Uint16().Draw(t, "kind")), Entity: rapid.SampledFrom(entities).Draw(t, "entity"),
			Field: Field(rapid.Uint32().Draw(t, "field")), Delta: rapid.Uint64().Draw(t, "delta"), Flags: Flags(rapid.Byte().Draw(t, "flags")),
		}
		for range rapid.IntRange(0, 3).Draw(t, "dots") {
			d := Dot{Feed: rapid.IntRange(0, len(h.Deps)).Draw(t, "feed"), Seq: rapid.Uint64Range(1, maxCount).Draw(t, "seq")}
			if d.Feed == 0 {
				if d.Seq = min(d.Seq, h.Seq0+uint64(i)-1); d.Seq == 0 {
					continue
				}
			}
			o.Dots = append(o.Dots, d)
		}
		if rapid.Bool().Draw(t, "clear") {
			o.Clear = appendText(nil, "clear")
		}
		u.Ops = append(u.Ops, o)
		u.Values = append(u.Values, rapid.SampledFrom([][]byte{Null, {0x01}, appendText(nil, "дождь"), {0x82, 0x01, 0x02}}).Draw(t, "value"))
	}
	return u
}

func toySeal(aad, plain []byte) ([]byte, error) { return append(bytes.Clone(aad[:16]), plain...), nil }

func toyOpen(aad, box []byte) ([]byte, error) {
	if !bytes.HasPrefix(box, aad[:16]) {
		return nil, errors.New("another changeset's box")
	}
	return box[16:], nil
}

func TestAChangesetReadsBackAsItWasWritten(t *testing.T) {
	key := testKey(1)
	pub := key.Public().(ed25519.PublicKey)
	rapid.Check(t, func(t *rapid.T) {
		u := drawUnsigned(t, DeviceIDOf(pub))
		var seal Sealer
		var open Opener
		if rapid.Bool().Draw(t, "sealed") {
			seal, open = toySeal, toyOpen
			u.Header.Key = &KeyRef{Epoch: 3, Commitment: Hash{9}}
		}
		cs, err := u.Sign(seededRand(1), key, seal)
		if err != nil {
			t.Fatal(err)
		}
		packet, err := DecodePacket(cs.Packet.Encode())
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePacket(packet)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Verify(pub); err != nil {
			t.Fatal(err)
		}
		want := u.Header
		want.Count, want.Skeleton, want.ValueRoot = len(u.Ops), again.Header.Skeleton, again.Header.ValueRoot
		if diff := cmp.Diff(want, again.Header); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(u.Ops, again.Ops); diff != "" {
			t.Fatal(diff)
		}
		values, err := again.Open(open)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range values.Leaves {
			if !bytes.Equal(l.Value, u.Values[i]) {
				t.Fatalf("value %d = %x, want %x", i, l.Value, u.Values[i])
			}
		}
		sameBytes(t, again)
	})
}

// sameBytes checks that a parsed changeset encodes again to the bytes that it came from.
func sameBytes(t interface{ Fatalf(string, ...any) }, cs *Changeset) {
	signed, err := ParseSigned(cs.Packet.Header, ContextChangeset)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if b := cs.Header.append(nil); !bytes.Equal(b, signed.Payload) {
		t.Fatalf("header %x encodes again as %x", signed.Payload, b)
	}
	if b := appendSkeleton(nil, cs.Ops); !bytes.Equal(b, cs.Packet.Skeleton) {
		t.Fatalf("skeleton %x encodes again as %x", cs.Packet.Skeleton, b)
	}
	if b := cs.Body.append(nil); !bytes.Equal(b, cs.Packet.Body) {
		t.Fatalf("body %x encodes again as %x", cs.Packet.Body, b)
	}
}

// plain returns a signed changeset of n operations in a plain scope.
func plain(t testing.TB, n int) (*Changeset, ed25519.PrivateKey) {
	t.Helper()
	key := testKey(2)
	u := Unsigned{Header: Header{Device: DeviceIDOf(key.Public().(ed25519.PublicKey)), N: 1, Seq0: 1, App: "test"}}
	for i := range n {
		u.Ops = append(u.Ops, Op{Kind: KindSet, Entity: EntityID{1}, Field: 1001})
		u.Values = append(u.Values, appendUint(nil, uint64(i)))
	}
	cs, err := u.Sign(seededRand(2), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cs, key
}

func TestASealedValueThatNobodyCouldReadIsNotSigned(t *testing.T) {
	_, key := plain(t, 1)
	for name, v := range map[string][]byte{"nothing": nil, "two items": {1, 2}, "a float": {0xf9, 0x3c, 0x00}, "half an item": {0x61}} {
		u := Unsigned{Header: Header{Device: DeviceIDOf(key.Public().(ed25519.PublicKey)), N: 1, Seq0: 1, Key: &KeyRef{}}, Ops: []Op{{Kind: KindSet}}, Values: [][]byte{v}}
		if _, err := u.Sign(seededRand(1), key, toySeal); CodeOf(err) != CodeMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitsOfAChangeset(t *testing.T) {
	_, key := plain(t, 1)
	unsigned := func(n int, value []byte) Unsigned {
		u := Unsigned{Header: Header{Device: DeviceIDOf(key.Public().(ed25519.PublicKey)), N: 1, Seq0: 1}}
		for range n {
			u.Ops, u.Values = append(u.Ops, Op{Kind: KindSet}), append(u.Values, value)
		}
		return u
	}
	if _, err := unsigned(MaxOps, Null).Sign(seededRand(1), key, nil); err != nil {
		t.Error(err)
	}
	for name, u := range map[string]Unsigned{
		"no operation":             unsigned(0, Null),
		"one operation over":       unsigned(MaxOps+1, Null),
		"too many bytes":           unsigned(1, appendBytes(nil, make([]byte, MaxPacket))),
		"operations without value": {Ops: make([]Op, 2), Values: [][]byte{Null}},
	} {
		if _, err := u.Sign(seededRand(1), key, nil); CodeOf(err) != CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodePacket(make([]byte, MaxPacket+1)); CodeOf(err) != CodeTooLarge {
		t.Error(err)
	}
	if _, err := unsigned(1, Null).Sign(bytes.NewReader(nil), key, nil); err == nil {
		t.Error("signed without randomness")
	}
}

// resign signs a header payload as it is.
func resign(key ed25519.PrivateKey, p Packet, payload []byte) Packet {
	p.Header, _ = Sign(key, ContextChangeset, payload)
	return p
}

func TestForgedPacketsAreRefusedWithTheirCode(t *testing.T) {
	cs, key := plain(t, 3)
	signed, _ := ParseSigned(cs.Packet.Header, ContextChangeset)
	header := func(change func(*Header)) Packet {
		h := cs.Header
		change(&h)
		return resign(key, cs.Packet, h.append(nil))
	}
	swapped := bytes.Replace(signed.Payload, []byte{0x05, 0x01, 0x06, 0x01}, []byte{0x06, 0x01, 0x05, 0x01}, 1)
	emptyDeps := append(bytes.Clone(signed.Payload), 0)
	emptyDeps[0]++
	at := bytes.Index(emptyDeps, []byte{0x0d, 0x58, 0x20})
	copy(emptyDeps[at+2:], emptyDeps[at:])
	emptyDeps = append(emptyDeps[:at+2], signed.Payload[at:]...)
	copy(emptyDeps[at:], []byte{0x0c, 0x80})
	otherValues := NewValues([32]byte{7}, [][]byte{{1}, {2}, {3}}).Encode()
	cases := map[string]struct {
		packet Packet
		code   Code
	}{
		"keys out of order":         {resign(key, cs.Packet, swapped), CodeMalformed},
		"empty list of deps":        {resign(key, cs.Packet, emptyDeps), CodeMalformed},
		"later version":             {resign(key, cs.Packet, bytes.Replace(signed.Payload, []byte{0x01, 0x01, 0x02}, []byte{0x01, 0x02, 0x02}, 1)), CodeVersion},
		"no keys":                   {resign(key, cs.Packet, []byte{0xa0}), CodeMalformed},
		"an array for a header":     {resign(key, cs.Packet, []byte{0x80}), CodeMalformed},
		"number 0":                  {header(func(h *Header) { h.N = 0 }), CodeMalformed},
		"prev on the first":         {header(func(h *Header) { h.N, h.Seq0 = 1, 2 }), CodeMalformed},
		"a number beyond all feeds": {header(func(h *Header) { h.N = maxCount + 1 }), CodeMalformed},
		"another count":             {header(func(h *Header) { h.Count = 2 }), CodeMalformed},
		"501 operations":            {header(func(h *Header) { h.Count = 501 }), CodeTooLarge},
		"a long build id":           {header(func(h *Header) { h.App = string(make([]byte, maxAppLength+1)) }), CodeMalformed},
		"another skeleton":          {Packet{cs.Packet.Header, appendSkeleton(nil, cs.Ops[:2]), cs.Packet.Body}, CodeBadSkeleton},
		"other values":              {cs.Packet.WithBody(Body{BodyPlain, otherValues}), CodeBadValues},
		"sealed in a plain scope":   {cs.Packet.WithBody(Body{BodySealed, []byte{1}}), CodeMalformed},
		"plain in a sealed scope":   {header(func(h *Header) { h.Key = &KeyRef{} }), CodeMalformed},
		"unknown body form":         {Packet{cs.Packet.Header, cs.Packet.Skeleton, []byte{0x82, 0x03, 0x40}}, CodeMalformed},
		"junk behind the body":      {Packet{cs.Packet.Header, cs.Packet.Skeleton, append(bytes.Clone(cs.Packet.Body), 0)}, CodeMalformed},
	}
	for name, c := range cases {
		if _, err := ParsePacket(c.packet); CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %s", name, err, c.code)
		}
	}
	if _, err := ParsePacket(header(func(h *Header) {})); err != nil {
		t.Errorf("the header as it was: %v", err)
	}
}

func TestHostileSkeletonsAreRefused(t *testing.T) {
	h := Header{N: 2, Seq0: 5, Count: 2, Deps: []Dep{{N: 1}}}
	a, b := EntityID{1}, EntityID{2}
	good := []Op{{Kind: KindSet, Entity: a, Dots: []Dot{{1, 9}, {0, 4}}}, {Kind: KindSet, Entity: b, Dots: []Dot{{0, 5}}}}
	if _, err := parseSkeleton(appendSkeleton(nil, good), &h); err != nil {
		t.Fatal(err)
	}
	with := func(d Dot) []byte {
		return appendSkeleton(nil, []Op{{Kind: KindSet, Entity: a, Dots: []Dot{d}}, good[1]})
	}
	twice := appendSkeleton(nil, good)
	copy(twice[bytes.Index(twice, b[:]):], a[:])
	for name, s := range map[string][]byte{
		"an operation of its own future": with(Dot{0, 6}),
		"the operation itself":           with(Dot{0, 5}),
		"a feed without dependency":      with(Dot{2, 1}),
		"operation number 0":             with(Dot{1, 0}),
		"an operation beyond all feeds":  with(Dot{1, maxCount + 1}),
		"an entity twice":                twice,
		"entities out of order":          {0x82, 0x82, 0x50, 15: 0, 19: 0x50, 36: 0x82},
		"one operation too few":          appendSkeleton(nil, good[:1]),
		"nothing":                        {},
		"junk behind":                    append(appendSkeleton(nil, good), 0),
	} {
		if _, err := parseSkeleton(s, &h); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	unordered := appendArray(nil, 2)
	unordered = appendBytes(appendBytes(appendArray(unordered, 2), a[:]), b[:])
	unordered = appendArray(unordered, 3)
	for _, entity := range []int{1, 0, 1} {
		unordered = (&Op{Kind: KindSet}).append(unordered, entity)
	}
	if _, err := parseSkeleton(unordered, &Header{N: 2, Seq0: 5, Count: 3}); err == nil {
		t.Error("entities out of the order of first use were accepted: one skeleton has two encodings")
	}
}

// I11, I16: what this program does not know is passed over and kept byte for byte.
func TestUnknownKeysAndKindsSurvive(t *testing.T) {
	cs, key := plain(t, 1)
	signed, _ := ParseSigned(cs.Packet.Header, ContextChangeset)
	payload := append(bytes.Clone(signed.Payload), 0x18, 40, 0x82, 0x01, 0x02)
	payload[0]++
	got, err := ParsePacket(resign(key, cs.Packet, payload))
	if err != nil {
		t.Fatal(err)
	}
	if got.Header.App != cs.Header.App || !bytes.Contains(got.Packet.Encode(), payload) {
		t.Fatal("the header of a later minor version did not survive")
	}
	if err := got.Verify(key.Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
}

// I12
func TestAnErasureKeepsIDSignatureRootAndTheOtherProofs(t *testing.T) {
	cs, key := plain(t, 7)
	values, err := cs.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	redacted := values.Redact(map[int]bool{2: true, 5: true}).Redact(map[int]bool{2: true, 6: true})
	got, err := ParsePacket(cs.Packet.WithBody(Body{BodyPlain, redacted.Encode()}))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != cs.ID || got.Verify(key.Public().(ed25519.PublicKey)) != nil || got.Packet.BodyHash() == cs.Packet.BodyHash() {
		t.Fatal("the redacted packet is not the same changeset with another body")
	}
	left, err := got.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, got)
	for i, l := range left.Leaves {
		erased := i == 2 || i == 5 || i == 6
		if l.Erased != erased || (l.Value == nil) != erased || erased && l.Salt != (Salt{}) {
			t.Fatalf("leaf %d = %+v", i, l)
		}
		proof, err := ProveValue(left.Leaves, i)
		if erased {
			if err == nil {
				t.Fatalf("an erased value %d is proved", i)
			}
			continue
		}
		if err != nil || proof.Check(cs.Header.ValueRoot) != nil {
			t.Fatalf("value %d is not proved any more: %v", i, err)
		}
	}
	encoded := redacted.Encode()
	if bytes.Contains(encoded, values.seed[:]) {
		t.Fatal("the seed survived: an erased value can be guessed")
	}
	for _, i := range []int{2, 5, 6} {
		if salt := values.Leaves[i].Salt; bytes.Contains(encoded, salt[:]) {
			t.Fatalf("the salt of value %d survived", i)
		}
	}
	withheld, err := ParsePacket(cs.Packet.WithBody(Body{}))
	if err != nil || withheld.ID != cs.ID {
		t.Fatalf("a withheld body: %v", err)
	}
}

func TestAProofIsForOneValueInOnePlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(t, "n")
		raw := make([][]byte, n)
		for i := range raw {
			raw[i] = appendUint(nil, rapid.Uint64Range(0, 3).Draw(t, "value"))
		}
		values := NewValues([32]byte{rapid.Byte().Draw(t, "seed")}, raw)
		root := ValueRoot(values.Leaves)
		i := rapid.IntRange(0, n-1).Draw(t, "i")
		p, err := ProveValue(values.Leaves, i)
		if err != nil || p.Check(root) != nil || len(p.Path) > 7 {
			t.Fatalf("proof of %d of %d: %v", i, n, err)
		}
		for name, change := range map[string]func(p *ValueProof){
			"value":      func(p *ValueProof) { p.Value = appendUint(nil, 99) },
			"index":      func(p *ValueProof) { p.Index++ },
			"lower":      func(p *ValueProof) { p.Index-- },
			"salt":       func(p *ValueProof) { p.Salt[0] ^= 1 },
			"longer":     func(p *ValueProof) { p.Path = append(p.Path, Hash{}) },
			"other root": func(p *ValueProof) { p.Path = append(p.Path[:0:0], p.Path...); p.Salt[31] ^= 1 },
		} {
			q := p
			change(&q)
			if q.Check(root) == nil {
				t.Fatalf("a proof with another %s holds", name)
			}
		}
		if len(p.Path) > 0 {
			q := p
			q.Path = q.Path[1:]
			if q.Check(root) == nil {
				t.Fatal("a proof without its first step holds")
			}
		}
	})
	if (ValueProof{Count: MaxOps + 1}).Check(Hash{}) == nil || (ValueProof{Index: -1, Count: 1}).Check(Hash{}) == nil {
		t.Fatal("a proof outside the limits holds")
	}
}

// The shape of RFC 9162 §2.1.1, written out for five leaves.
func TestTheValueTreeHasTheShapeOfRFC9162(t *testing.T) {
	raw := [][]byte{{0}, {1}, {2}, {3}, {4}}
	v := NewValues([32]byte{1}, raw)
	var l [5]Hash
	for i := range l {
		b := append([]byte{0, 0, 0, 0, byte(i)}, v.Leaves[i].Salt[:]...)
		l[i] = sha256.Sum256(append(b, raw[i]...))
	}
	node := func(a, b Hash) Hash { return sha256.Sum256(append(append([]byte{1}, a[:]...), b[:]...)) }
	if got, want := ValueRoot(v.Leaves), node(node(node(l[0], l[1]), node(l[2], l[3])), l[4]); got != want {
		t.Fatalf("root = %s, want %s", got, want)
	}
}

func FuzzParsePacket(f *testing.F) {
	cs, _ := plain(f, 3)
	f.Add(cs.Packet.Encode())
	f.Add(cs.Packet.WithBody(Body{}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePacket(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatalf("packet %x encodes again as %x", b, p.Encode())
		}
		if cs, err := ParsePacket(p); err == nil {
			cs.Claim()
			cs.Opening()
			cs.TeamChanges()
		}
	})
}

// The hash in the header keeps a fuzzer out of the skeleton, and the signature out of nothing: so each is its own target.
func FuzzParseHeader(f *testing.F) {
	cs, _ := plain(f, 3)
	signed, _ := ParseSigned(cs.Packet.Header, ContextChangeset)
	f.Add(signed.Payload)
	full := cs.Header
	full.N, full.Seq0, full.Deps, full.Clock, full.Checkpoint, full.Key = 2, 4, []Dep{{N: 1}}, &ClockEvidence{-1, 2, 3}, &CheckpointSeen{}, &KeyRef{}
	f.Add(full.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("an error without code: %v", err)
			}
			return
		}
		if CheckCanonical(b) != nil {
			t.Fatalf("header %x is not canonical", b)
		}
		if again := h.append(nil); len(again) == len(b) && !bytes.Equal(again, b) || len(again) > len(b) {
			t.Fatalf("header %x encodes again as %x", b, again)
		}
	})
}

func FuzzParseSkeleton(f *testing.F) {
	h := Header{N: 2, Seq0: 5, Count: 2, Deps: []Dep{{N: 1}}}
	f.Add(appendSkeleton(nil, []Op{{Kind: KindSet, Dots: []Dot{{1, 9}}, Clear: []byte{1}}, {Kind: KindSet, Entity: EntityID{1}, Dots: []Dot{{0, 5}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		ops, err := parseSkeleton(b, &h)
		if err != nil {
			return
		}
		if again := appendSkeleton(nil, ops); !bytes.Equal(again, b) {
			t.Fatalf("skeleton %x encodes again as %x", b, again)
		}
	})
}

func FuzzDecodeValues(f *testing.F) {
	v := NewValues([32]byte{1}, [][]byte{{1}, {0x61, 'a'}, Null})
	f.Add(v.Encode())
	f.Add(v.Redact(map[int]bool{1: true}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeValues(b, 3)
		if err != nil {
			return
		}
		if again := v.Encode(); !bytes.Equal(again, b) {
			t.Fatalf("values %x encode again as %x", b, again)
		}
		if _, err := DecodeValues(b, 3, ValueRoot(v.Leaves)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseBody(f *testing.F) {
	f.Add([]byte{0x81, 0x00})
	f.Add(Body{BodySealed, []byte("box")}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if body, err := parseBody(b); err == nil && !bytes.Equal(body.append(nil), b) {
			t.Fatalf("body %x encodes again as %x", b, body.append(nil))
		}
	})
}
