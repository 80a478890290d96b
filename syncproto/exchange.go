package syncproto

// The messages of docs/protocol.md §9. Bodies are CBOR, compressed with zstd where they carry packets; a stream of
// packets is a CBOR sequence (RFC 8742).

// Hello is what a server says of itself to anybody.
type Hello struct {
	Server     DeviceID `cbor:"1,keyasint" json:"server"`
	Key        []byte   `cbor:"2,keyasint" json:"key"` // Ed25519 public key of receipts and checkpoints
	Epoch      Hash     `cbor:"3,keyasint" json:"epoch"`
	MinVersion uint64   `cbor:"4,keyasint" json:"minVersion"`
	MaxVersion uint64   `cbor:"5,keyasint" json:"maxVersion"`
	Time       uint64   `cbor:"6,keyasint" json:"time"` // Unix milliseconds
	Origin     string   `cbor:"7,keyasint" json:"origin"`
	RosterHead Hash     `cbor:"8,keyasint" json:"rosterHead"`
	RosterLen  uint64   `cbor:"9,keyasint" json:"rosterLength"`
	Root       []byte   `cbor:"10,keyasint,omitempty" json:"root,omitempty"` // the organisation's root key
	Limits     Limits   `cbor:"11,keyasint" json:"limits"`
}

// Limits are what a server accepts in one request.
type Limits struct {
	RequestBytes uint64 `cbor:"1,keyasint" json:"requestBytes"` // compressed
	PacketBytes  uint64 `cbor:"2,keyasint" json:"packetBytes"`
	Ops          uint64 `cbor:"3,keyasint" json:"ops"`
	BlobChunk    uint64 `cbor:"4,keyasint" json:"blobChunk"`
}

// FeedHead says how much of a feed somebody holds. Short makes the vector of heads a fork detector.
type FeedHead struct {
	Feed  FeedID `cbor:"1,keyasint"`
	N     uint64 `cbor:"2,keyasint"`
	Short Short  `cbor:"3,keyasint"`
}

// FeedWant asks for a feed's changesets from number From on.
type FeedWant struct {
	Feed FeedID `cbor:"1,keyasint"`
	From uint64 `cbor:"2,keyasint"`
}

// Cursor is where a client is in a scope's server order. A cursor of another epoch is answered from the beginning.
type Cursor struct {
	Epoch    Hash   `cbor:"1,keyasint"`
	Position uint64 `cbor:"2,keyasint"`
}

// Offer is the client's side of one reconciliation: one exact round trip (docs/protocol.md §8).
type Offer struct {
	Heads  []FeedHead `cbor:"1,keyasint"`
	Cursor Cursor     `cbor:"2,keyasint"`
}

// OfferAnswer is the server's side.
type OfferAnswer struct {
	Want     []FeedWant `cbor:"1,keyasint"` // what the server lacks
	Heads    []FeedHead `cbor:"2,keyasint"` // what the server holds
	CursorOK bool       `cbor:"3,keyasint"` // false: the epoch has changed, pull from the beginning
	Position uint64     `cbor:"4,keyasint"` // newest position of the scope
	Epoch    Hash       `cbor:"5,keyasint"`
	Forks    []FeedID   `cbor:"6,keyasint,omitempty"` // feeds on which client and server hold different branches
}

// Status says what became of a pushed changeset.
type Status string

// The statuses of docs/protocol.md §9.
const (
	StatusAccepted    Status = "accepted"
	StatusDuplicate   Status = "duplicate"
	StatusHeld        Status = "held"
	StatusQuarantined Status = "quarantined"
	StatusOpaque      Status = "opaque"
	StatusRefused     Status = "refused"
)

// Stored reports whether the changeset is durably in the scope's order.
func (s Status) Stored() bool {
	return s == StatusAccepted || s == StatusDuplicate || s == StatusQuarantined || s == StatusOpaque
}

// PushResult is the server's answer for one changeset, in the order of the request.
type PushResult struct {
	ID     ChangesetID `cbor:"1,keyasint"`
	Status Status      `cbor:"2,keyasint"`
	Code   Code        `cbor:"3,keyasint,omitempty"`
	Detail string      `cbor:"4,keyasint,omitempty"`
	Fork   bool        `cbor:"5,keyasint,omitempty"` // another changeset of this feed carries the same number
}

// PushAnswer is the server's answer to a push: a result each, and one signed receipt for all that is stored.
type PushAnswer struct {
	Results []PushResult `cbor:"1,keyasint"`
	Receipt []byte       `cbor:"2,keyasint,omitempty"`
}

// PullItem is one packet with its place in the scope's order. A pull answer is a CBOR sequence of PullItem followed
// by one PullEnd.
type PullItem struct {
	Position uint64 `cbor:"1,keyasint"`
	Packet   []byte `cbor:"2,keyasint"`
	Received uint64 `cbor:"3,keyasint"` // Unix milliseconds by the server's clock
}

// PullEnd closes a pull answer.
type PullEnd struct {
	Next Cursor `cbor:"1,keyasint"`
	More bool   `cbor:"2,keyasint"`
	Last uint64 `cbor:"3,keyasint"` // newest position of the scope, for progress
}

// ScopeInfo is one scope that a device may pull.
type ScopeInfo struct {
	Scope    ScopeID `cbor:"1,keyasint" json:"scope"`
	Position uint64  `cbor:"2,keyasint" json:"position"`
}

// Redaction replaces the body of a changeset after an erasure (docs/protocol.md §2, I12).
type Redaction struct {
	Changeset ChangesetID `cbor:"1,keyasint"`
	Body      []byte      `cbor:"2,keyasint"` // as in Packet.Body
	Erased    []uint64    `cbor:"3,keyasint"` // indexes of the operations whose values are not in it: nobody without the key can see that
}

// SnapshotManifest lists the chunks of a first sync. Each chunk is a zstd frame of a CBOR sequence of PullItem, named by
// its SHA-256, so that a download resumes and any relay can serve it. The client verifies every changeset itself.
type SnapshotManifest struct {
	Scope    ScopeID `cbor:"1,keyasint"`
	Epoch    Hash    `cbor:"2,keyasint"`
	Position uint64  `cbor:"3,keyasint"` // the snapshot holds every position up to this one
	Chunks   []Chunk `cbor:"4,keyasint"`
}

// Chunk is one part of a snapshot.
type Chunk struct {
	Hash  Hash   `cbor:"1,keyasint"`
	Bytes uint64 `cbor:"2,keyasint"`
	Last  uint64 `cbor:"3,keyasint"` // position of its last packet
}

// AttentionItem is one thing that waits for a person, as far as structure shows it.
type AttentionItem struct {
	Entity  EntityID     `cbor:"1,keyasint" json:"entity"`
	Reasons []string     `cbor:"2,keyasint" json:"reasons"`
	Fields  []Field      `cbor:"3,keyasint,omitempty" json:"fields,omitempty"`
	Feed    *FeedID      `cbor:"4,keyasint,omitempty" json:"feed,omitempty"`
	ID      *ChangesetID `cbor:"5,keyasint,omitempty" json:"changeset,omitempty"`
	Code    Code         `cbor:"6,keyasint,omitempty" json:"code,omitempty"`
}

// HistoryItem is one operation on a field: who wrote it, what it replaced, what became of it. Values stay sealed.
type HistoryItem struct {
	ID       ChangesetID `cbor:"1,keyasint" json:"changeset"`
	Index    uint64      `cbor:"2,keyasint" json:"index"`
	Kind     Kind        `cbor:"3,keyasint" json:"kind"`
	Device   DeviceID    `cbor:"4,keyasint" json:"device"`
	Person   PersonID    `cbor:"5,keyasint" json:"person"`
	HLC      uint64      `cbor:"6,keyasint" json:"hlc"`
	Received uint64      `cbor:"7,keyasint" json:"received"` // Unix milliseconds; 0 before the server has it
	Fate     string      `cbor:"8,keyasint" json:"fate"`
	By       []string    `cbor:"9,keyasint,omitempty" json:"by,omitempty"`
	Entity   EntityID    `cbor:"10,keyasint" json:"entity"`
	Field    Field       `cbor:"11,keyasint" json:"field"`
}

// GateEpoch stands outside the succession of epochs: a key of epoch 0 is a gate key, which its maker forgets and no
// program passes on to the people in the building by itself. Releasing it is wrapping it under an epoch (docs/protocol.md §7).
const GateEpoch = 0

// KeyWraps is the clear part of a key-wrap operation: one visit-key epoch for each entitled device, and for the
// organisation's recovery key (docs/protocol.md §7).
type KeyWraps struct {
	Epoch      uint64    `cbor:"1,keyasint"` // from 1, or GateEpoch
	Commitment Hash      `cbor:"2,keyasint"`
	Wraps      []KeyWrap `cbor:"3,keyasint"`
}

// KeyWrap is one recipient's wrap: the HPKE encapsulation and ciphertext of the visit key.
type KeyWrap struct {
	Recipient DeviceID `cbor:"1,keyasint"` // a device, or the first 16 bytes of SHA-256 of the recovery key
	Wrap      []byte   `cbor:"2,keyasint"`
}

// Problem is an error answer (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code"`
}
