package syncproto

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
)

// Version is the protocol version that this package speaks.
const Version = 1

// Limits of docs/protocol.md §2.
const (
	MaxOps       = 500
	MaxPacket    = 256 << 10
	MaxRequest   = 1 << 20 // compressed
	MaxDecoded   = 8 << 20 // memory of one decompressed request
	MaxDeps      = 512
	MaxDots      = 1024 // targets of one operation
	MaxClear     = 128 << 10
	maxAppLength = 64
)

// Header is what a device signs. Everything else in a packet is bound to it by hash.
type Header struct {
	Scope       ScopeID
	Device      DeviceID
	Incarnation Incarnation
	N           uint64      // number of the changeset in its feed, from 1
	Seq0        uint64      // sequence number of the first operation, from 1
	Count       int         // operations in the changeset
	Prev        ChangesetID // the feed's previous changeset; zero where N is 1
	Skeleton    Hash
	ValueRoot   Hash
	HLC0        HLC
	Deps        []Dep
	RosterHead  Hash
	Schema      uint64 // revision of the vocabulary
	Clock       *ClockEvidence
	Checkpoint  *CheckpointSeen
	Key         *KeyRef // sealed scopes only
	App         string  // build of the program that signed
}

// Dep says which changeset of another feed the author had seen. It pins every dot on that feed to one branch, and
// makes it impossible to bury an answer before it exists.
type Dep struct {
	Feed  FeedID
	N     uint64
	Short Short // first half of the changeset's id
}

// ClockEvidence is what the device knew of its clock when it signed (docs/protocol.md §4).
type ClockEvidence struct {
	OffsetMillis int64 // server time minus device time at the last contact
	ErrorMillis  int64 // half of that contact's round trip
	AgeSeconds   int64 // time since that contact
}

// CheckpointSeen is the newest log checkpoint that the author had verified.
type CheckpointSeen struct {
	Size uint64
	Root Hash
}

// KeyRef names the visit key that seals the body.
type KeyRef struct {
	Epoch      uint64
	Commitment Hash
}

// Feed returns the identifier of the feed that the changeset belongs to.
func (h *Header) Feed() FeedID { return NewFeedID(h.Device, h.Scope, h.Incarnation) }

// Op is one operation as the server sees it. The value travels in the body.
type Op struct {
	Kind   Kind
	Entity EntityID
	Field  Field
	Dots   []Dot  // earlier operations that the author saw and that this one refers to
	Delta  uint64 // HLC minus the header's HLC0
	Flags  Flags
	Clear  []byte // one canonical CBOR item that routing needs; nil in nearly every operation
}

// Dot names an earlier operation: Feed 0 is the author's own feed, Feed i is the header's Deps[i-1].
type Dot struct {
	Feed int
	Seq  uint64
}

// Flags of an operation.
type Flags uint8

// The flags that are assigned. Others are kept and ignored.
const (
	FlagPersonal Flags = 1   // addressed by (entity, field, author): docs/protocol.md §3
	FlagCritical Flags = 128 // a program that does not know the kind must show the record read-only
)

// Packet is a changeset as it travels: signed header, skeleton, body. The three byte strings are kept as received.
type Packet struct {
	Header   []byte // COSE_Sign1
	Skeleton []byte
	Body     []byte
}

// Changeset is a packet that has been taken apart.
type Changeset struct {
	ID     ChangesetID
	Header Header
	Ops    []Op
	Body   Body
	Packet Packet
	signed Signed
}

// Encode returns the packet as one CBOR item: [header, skeleton, body], each a byte string.
func (p Packet) Encode() []byte {
	b := make([]byte, 0, len(p.Header)+len(p.Skeleton)+len(p.Body)+16)
	b = appendArray(b, 3)
	b = appendBytes(b, p.Header)
	b = appendBytes(b, p.Skeleton)
	return appendBytes(b, p.Body)
}

// BodyHash returns SHA-256 of the body as carried; a receipt names it so that the author knows which bytes are held.
func (p Packet) BodyHash() Hash { return sha256.Sum256(p.Body) }

// WithBody returns the packet with another body: after an erasure, or where values are withheld.
func (p Packet) WithBody(b Body) Packet {
	p.Body = b.append(nil)
	return p
}

// Unsigned is a changeset on its author's laptop before it is signed. Header.Count, Skeleton and ValueRoot are
// filled in by Sign.
type Unsigned struct {
	Header Header
	Ops    []Op
	Values [][]byte // one canonical CBOR item for each operation; use Null where it has none
}

// Sealer seals the encoded values of a changeset; aad is the changeset's id.
type Sealer func(aad, plaintext []byte) (box []byte, err error)

// Null is the CBOR item null: the value of an operation that has none.
var Null = []byte{cborNull}

// Sign returns the signed changeset. rand gives the 32-byte seed of the salts; seal is nil in a plain scope.
func (u Unsigned) Sign(rand io.Reader, key ed25519.PrivateKey, seal Sealer) (*Changeset, error) {
	var seed [32]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, fmt.Errorf("drawing the salt seed: %w", err)
	}
	if len(u.Ops) != len(u.Values) || len(u.Ops) == 0 || len(u.Ops) > MaxOps {
		return nil, Refuse(CodeTooLarge, "signing a changeset of %d operations and %d values: want 1 to %d, a value each", len(u.Ops), len(u.Values), MaxOps)
	}
	for i, v := range u.Values { // in a sealed body nobody else could see it before it is too late
		if err := CheckCanonical(v); err != nil {
			return nil, Refuse(CodeMalformed, "signing a changeset: value %d: %w", i, err)
		}
	}
	values := NewValues(seed, u.Values)
	h := u.Header
	h.Count = len(u.Ops)
	skeleton := appendSkeleton(nil, u.Ops)
	h.Skeleton = sha256.Sum256(skeleton)
	h.ValueRoot = ValueRoot(values.Leaves)
	header, id := Sign(key, ContextChangeset, h.append(nil))
	body := Body{BodyPlain, values.Encode()}
	if seal != nil {
		box, err := seal(id[:], body.Content)
		if err != nil {
			return nil, fmt.Errorf("sealing a changeset: %w", err)
		}
		body = Body{BodySealed, box}
	}
	return ParsePacket(Packet{header, skeleton, body.append(nil)})
}

// DecodePacket parses what Packet.Encode returns. The result refers to b.
func DecodePacket(b []byte) (Packet, error) {
	var p Packet
	if len(b) > MaxPacket {
		return p, Refuse(CodeTooLarge, "decoding packet: %d bytes, the limit is %d", len(b), MaxPacket)
	}
	c := cursor{b: b}
	n, err := c.array(3)
	if err == nil && n != 3 {
		err = fmt.Errorf("want 3 parts, got %d", n)
	}
	for _, part := range []*[]byte{&p.Header, &p.Skeleton, &p.Body} {
		if err == nil {
			*part, err = c.bytes()
		}
	}
	if err == nil && !c.done() {
		err = fmt.Errorf("bytes follow the packet")
	}
	if err != nil {
		return Packet{}, Refuse(CodeMalformed, "decoding packet: %w", err)
	}
	return p, nil
}

// ParsePacket takes a packet apart and checks everything that needs no key: form, limits, that the skeleton is the
// signed one, and in a plain body that the values are. It does not verify the signature; see Changeset.Verify.
func ParsePacket(p Packet) (*Changeset, error) {
	if n := len(p.Header) + len(p.Skeleton) + len(p.Body); n > MaxPacket {
		return nil, Refuse(CodeTooLarge, "parsing packet: %d bytes, the limit is %d", n, MaxPacket)
	}
	signed, err := ParseSigned(p.Header, ContextChangeset)
	if err != nil {
		return nil, err
	}
	cs := &Changeset{ID: ChangesetID(signed.ID()), Packet: p, signed: signed}
	if cs.Header, err = parseHeader(signed.Payload); err != nil {
		return nil, err
	}
	if sha256.Sum256(p.Skeleton) != cs.Header.Skeleton {
		return nil, Refuse(CodeBadSkeleton, "checking skeleton: it is not the one that was signed")
	}
	if cs.Ops, err = parseSkeleton(p.Skeleton, &cs.Header); err != nil {
		return nil, Refuse(CodeMalformed, "parsing skeleton: %w", err)
	}
	if cs.Body, err = parseBody(p.Body); err != nil {
		return nil, Refuse(CodeMalformed, "parsing body: %w", err)
	}
	return cs, cs.checkBody()
}

// checkBody checks the values of a plain body, and that a scope with a key is never written in clear.
func (cs *Changeset) checkBody() error {
	switch {
	case cs.Body.Form == BodyWithheld:
		return nil
	case (cs.Header.Key != nil) != (cs.Body.Form == BodySealed):
		return Refuse(CodeMalformed, "checking body: a scope with a key carries sealed values, a scope without one plain values")
	case cs.Body.Form == BodyPlain:
		_, err := DecodeValues(cs.Body.Content, cs.Header.Count, cs.Header.ValueRoot)
		return err
	}
	return nil
}

// Verify checks the signature against the device's key.
func (cs *Changeset) Verify(pub ed25519.PublicKey) error {
	if DeviceIDOf(pub) != cs.Header.Device {
		return Refuse(CodeBadSignature, "verifying changeset: the key is not that of device %s", cs.Header.Device)
	}
	return cs.signed.Verify(pub)
}

// Opener opens a sealed body; aad is the changeset's id.
type Opener func(aad, box []byte) (plaintext []byte, err error)

// Open returns the changeset's values, checked against the signed root. open may be nil in a plain scope. A withheld
// body gives Values without leaves.
func (cs *Changeset) Open(open Opener) (Values, error) {
	content := cs.Body.Content
	switch cs.Body.Form {
	case BodyWithheld:
		return Values{}, nil
	case BodySealed:
		if open == nil {
			return Values{}, fmt.Errorf("opening changeset %s: no key", cs.ID)
		}
		var err error
		if content, err = open(cs.ID[:], content); err != nil {
			return Values{}, fmt.Errorf("opening changeset %s: %w", cs.ID, err)
		}
	}
	return DecodeValues(content, cs.Header.Count, cs.Header.ValueRoot)
}

// LastSeq returns the sequence number of the changeset's last operation.
func (h *Header) LastSeq() uint64 { return h.Seq0 + uint64(h.Count) - 1 }
