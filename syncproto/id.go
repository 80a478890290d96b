package syncproto

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
)

// id16 is the shape that all 128-bit identifiers share.
type id16 [16]byte

// The identifiers of docs/protocol.md §1. Each is its own type so that a signature explains itself.
type (
	// EntityID names a record. In sealed scopes it is random (UUID version 4) or derived under the visit key.
	EntityID id16
	// ScopeID names a scope: the registry, or one visit.
	ScopeID id16
	// PersonID names a member of the mechanism.
	PersonID id16
	// DeviceID is the first 16 bytes of SHA-256 of the device's Ed25519 public key.
	DeviceID id16
	// FeedID is derived from device, scope and incarnation; see NewFeedID.
	FeedID id16
	// Incarnation is a random nonce drawn when a device opens a feed.
	Incarnation [8]byte
	// Hash is a SHA-256 value.
	Hash [32]byte
	// Short is the first half of a changeset's id.
	Short [16]byte
	// Nonce is 16 random bytes.
	Nonce [16]byte
	// ChangesetID is SHA-256 of the COSE Sig_structure that the author signed.
	ChangesetID Hash
)

// String returns the identifier in UUID form.
func (id EntityID) String() string { return uuid.UUID(id).String() }

// String returns the identifier in UUID form.
func (id ScopeID) String() string { return uuid.UUID(id).String() }

// String returns the identifier in UUID form.
func (id PersonID) String() string { return uuid.UUID(id).String() }

// String returns the identifier in hexadecimal.
func (id DeviceID) String() string { return hex.EncodeToString(id[:]) }

// String returns the identifier in hexadecimal.
func (id FeedID) String() string { return hex.EncodeToString(id[:]) }

// String returns the value in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// String returns the identifier in hexadecimal.
func (id ChangesetID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 16 bytes, as causal dependencies carry them (docs/protocol.md §2).
func (id ChangesetID) Short() Short { return Short(id[:16]) }

// MarshalText returns the form of String.
func (id EntityID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the form of String.
func (id ScopeID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the form of String.
func (id PersonID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the form of String.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the form of String.
func (id FeedID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// MarshalText returns the form of String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// MarshalText returns the form of String.
func (id ChangesetID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText parses the form of String.
func (id *EntityID) UnmarshalText(b []byte) error { return parse16((*id16)(id), string(b)) }

// UnmarshalText parses the form of String.
func (id *ScopeID) UnmarshalText(b []byte) error { return parse16((*id16)(id), string(b)) }

// UnmarshalText parses the form of String.
func (id *PersonID) UnmarshalText(b []byte) error { return parse16((*id16)(id), string(b)) }

// UnmarshalText parses the form of String.
func (id *DeviceID) UnmarshalText(b []byte) error { return parse16((*id16)(id), string(b)) }

// UnmarshalText parses the form of String.
func (id *FeedID) UnmarshalText(b []byte) error { return parse16((*id16)(id), string(b)) }

// UnmarshalText parses the form of String.
func (h *Hash) UnmarshalText(b []byte) error { return parse32((*[32]byte)(h), string(b)) }

// UnmarshalText parses the form of String.
func (id *ChangesetID) UnmarshalText(b []byte) error { return parse32((*[32]byte)(id), string(b)) }

// parse16 accepts 32 hexadecimal digits, with or without the hyphens of a UUID.
func parse16(id *id16, s string) error {
	if len(s) != 32 && len(s) != 36 {
		return fmt.Errorf("parsing identifier: want 32 hexadecimal digits or a UUID, got %d characters", len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return fmt.Errorf("parsing identifier: %w", err)
	}
	*id = id16(u)
	return nil
}

func parse32(h *[32]byte, s string) error {
	if len(s) != 64 {
		return fmt.Errorf("parsing hash: want 64 hexadecimal digits, got %d characters", len(s))
	}
	_, err := hex.Decode(h[:], []byte(s))
	return err
}

// ParseEntityID parses the form of EntityID.String.
func ParseEntityID(s string) (id EntityID, err error) { return id, id.UnmarshalText([]byte(s)) }

// ParseScopeID parses the form of ScopeID.String.
func ParseScopeID(s string) (id ScopeID, err error) { return id, id.UnmarshalText([]byte(s)) }

// ParsePersonID parses the form of PersonID.String.
func ParsePersonID(s string) (id PersonID, err error) { return id, id.UnmarshalText([]byte(s)) }

// ParseDeviceID parses the form of DeviceID.String.
func ParseDeviceID(s string) (id DeviceID, err error) { return id, id.UnmarshalText([]byte(s)) }

// ParseChangesetID parses the form of ChangesetID.String.
func ParseChangesetID(s string) (id ChangesetID, err error) { return id, id.UnmarshalText([]byte(s)) }

// RandomID returns 16 bytes in the form of a version-4 UUID. A time-ordered identifier would betray when a record in
// a sealed scope was made (docs/protocol.md §1).
func RandomID(rand io.Reader) ([16]byte, error) {
	u, err := uuid.NewRandomFromReader(rand)
	return [16]byte(u), err
}

// DeviceIDOf returns the identifier of the device that signs with pub.
func DeviceIDOf(pub ed25519.PublicKey) DeviceID {
	sum := sha256.Sum256(pub)
	return DeviceID(sum[:16])
}

// NewFeedID returns the identifier of one device's feed in one scope and incarnation.
func NewFeedID(device DeviceID, scope ScopeID, inc Incarnation) FeedID {
	h := sha256.New()
	h.Write([]byte("kua/feed/1"))
	h.Write(device[:])
	h.Write(scope[:])
	h.Write(inc[:])
	return FeedID(h.Sum(nil)[:16])
}

// RegistryScope returns the identifier of the registry scope of the organisation whose root key is pub.
func RegistryScope(root ed25519.PublicKey) ScopeID {
	h := sha256.New()
	h.Write([]byte("kua/registry/1"))
	h.Write(root)
	return ScopeID(h.Sum(nil)[:16])
}

// smallOrder lists the encodings of the points of small order on edwards25519, including the non-canonical ones. A
// signature under such a key can be valid for any message.
var smallOrder = [][32]byte{
	{},
	{1},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
}

// CheckKey refuses Ed25519 public keys of a wrong length or of small order (docs/protocol.md §2).
func CheckKey(pub ed25519.PublicKey) error {
	if len(pub) != ed25519.PublicKeySize {
		return fmt.Errorf("checking signing key: want %d bytes, got %d", ed25519.PublicKeySize, len(pub))
	}
	k := [32]byte(pub)
	k[31] &= 0x7f
	for _, bad := range smallOrder {
		if k == bad {
			return errors.New("checking signing key: the key is a point of small order")
		}
	}
	return nil
}
