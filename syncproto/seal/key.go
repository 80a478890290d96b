package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length in bytes of a visit key, of its subkeys and of its commitment.
const KeySize = 32

// The HKDF-SHA256 info strings of the subkeys of a visit key (RFC 5869, no salt; docs/protocol.md §7).
const (
	infoBody       = "kua/visit-key/body"
	infoAttachment = "kua/visit-key/attachment"
	infoCommit     = "kua/visit-key/commit"
)

const redacted = "seal.VisitKey(redacted)"

var (
	errNoKey  = errors.New("the visit key is empty or was wiped: unlock the visit again")
	errNoText = errors.New("a secret key is never encoded as text")
)

// VisitKey is the random key of one visit in one key epoch, with the subkeys derived from it. Copies share the secret,
// so Wipe reaches all of them. It never prints: every form of formatting gives a fixed word, also inside other
// structures. The zero VisitKey is refused everywhere.
type VisitKey struct {
	// A closure, because fmt prints nested unexported values without asking their methods, and follows a plain pointer
	// where a verb does not fit it.
	hidden func() *keys
}

type keys struct{ visit, body, attachment, commitment [KeySize]byte }

// NewVisitKey draws a visit key of 32 bytes from rand.
func NewVisitKey(rand io.Reader) (VisitKey, error) {
	var b [KeySize]byte
	defer clear(b[:])
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return VisitKey{}, fmt.Errorf("drawing visit key: %w", err)
	}
	return ParseVisitKey(b[:])
}

// ParseVisitKey returns the visit key with the given 32 bytes, which it copies. All zeros are refused: that is a wiped
// buffer or a broken source of randomness, not a key.
func ParseVisitKey(b []byte) (VisitKey, error) {
	if len(b) != KeySize {
		return VisitKey{}, fmt.Errorf("parsing visit key: want %d bytes, got %d", KeySize, len(b))
	}
	k := &keys{visit: [KeySize]byte(b)}
	if k.empty() {
		return VisitKey{}, errors.New("parsing visit key: all bytes are zero")
	}
	for _, sub := range []struct {
		dst  *[KeySize]byte
		info string
	}{{&k.body, infoBody}, {&k.attachment, infoAttachment}, {&k.commitment, infoCommit}} {
		derived, err := hkdf.Key(sha256.New, b, nil, sub.info, KeySize)
		if err != nil {
			return VisitKey{}, fmt.Errorf("deriving subkey %s: %w", sub.info, err)
		}
		copy(sub.dst[:], derived)
		clear(derived)
	}
	return VisitKey{func() *keys { return k }}, nil
}

func (k VisitKey) secret() *keys {
	if k.hidden == nil {
		return nil
	}
	return k.hidden()
}

func (k *keys) empty() bool {
	return k == nil || subtle.ConstantTimeCompare(k.visit[:], make([]byte, KeySize)) == 1
}

// Bytes returns a copy of the 32 secret bytes, or nil for an empty or wiped key. The caller keeps it off the disk.
func (k VisitKey) Bytes() []byte {
	if k.secret().empty() {
		return nil
	}
	return append([]byte(nil), k.secret().visit[:]...)
}

// AttachmentKey returns a copy of the 32-byte subkey that seals the visit's attachments, or nil for an empty or wiped key.
func (k VisitKey) AttachmentKey() []byte {
	if k.secret().empty() {
		return nil
	}
	return append([]byte(nil), k.secret().attachment[:]...)
}

// Commitment returns the public value that names the key in changeset headers and opens nothing. It pins a box to one
// key, which the AEAD alone does not (docs/protocol.md §2). The commitment of an empty or wiped key is all zeros, and
// no box opens under it.
func (k VisitKey) Commitment() [KeySize]byte {
	if k.secret().empty() {
		return [KeySize]byte{}
	}
	return k.secret().commitment
}

// Equal reports in constant time whether both keys hold the same 32 bytes; an empty key equals nothing.
func (k VisitKey) Equal(other VisitKey) bool {
	return !k.secret().empty() && !other.secret().empty() &&
		subtle.ConstantTimeCompare(k.secret().visit[:], other.secret().visit[:]) == 1
}

// Wipe overwrites the secret in this VisitKey and all its copies. It must not run while another goroutine uses one.
func (k VisitKey) Wipe() {
	if secret := k.secret(); secret != nil {
		*secret = keys{}
	}
}

// String returns a fixed word.
func (k VisitKey) String() string { return redacted }

// GoString returns a fixed word.
func (k VisitKey) GoString() string { return redacted }

// Format writes a fixed word for every verb.
func (k VisitKey) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns a fixed word.
func (k VisitKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText always fails: no encoder of structures may write the key, nor a word in its place.
func (VisitKey) MarshalText() ([]byte, error) { return nil, errNoText }
