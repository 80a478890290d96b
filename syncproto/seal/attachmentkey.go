package seal

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/crypto/chacha20poly1305"
)

const redactedAttachment = "seal.AttachmentKey(redacted)"

var errNoAttachmentKey = errors.New("the attachment key is empty")

// WrappedAttachmentKeySize is the length in bytes of what WrapAttachmentKey returns.
const WrappedAttachmentKeySize = KeySize + BoxOverhead

// AttachmentKey is the random key of one sealed attachment. It never prints. The zero value is refused everywhere.
type AttachmentKey struct{ hidden func() *[KeySize]byte } // a closure for the reason given at VisitKey

// NewAttachmentKey draws an attachment key of 32 bytes from rand.
func NewAttachmentKey(rand io.Reader) (AttachmentKey, error) {
	var b [KeySize]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return AttachmentKey{}, fmt.Errorf("drawing attachment key: %w", err)
	}
	if subtle.ConstantTimeCompare(b[:], make([]byte, KeySize)) == 1 {
		return AttachmentKey{}, errors.New("drawing attachment key: all bytes are zero")
	}
	return AttachmentKey{func() *[KeySize]byte { return &b }}, nil
}

func (k AttachmentKey) secret() *[KeySize]byte {
	if k.hidden == nil {
		return nil
	}
	return k.hidden()
}

// WrapAttachmentKey seals the key of an attachment under the attachment subkey of its visit: nonce ‖ XChaCha20-Poly1305, 72
// bytes. It is bound to the scope and to blob, the SHA-256 of the sealed attachment, so that no record can lend its key
// to another attachment.
func WrapAttachmentKey(rand io.Reader, visit VisitKey, scope [16]byte, blob [32]byte, key AttachmentKey) ([]byte, error) {
	if visit.secret().empty() {
		return nil, fmt.Errorf("wrapping an attachment key: %w", errNoKey)
	}
	if key.secret() == nil {
		return nil, fmt.Errorf("wrapping an attachment key: %w", errNoAttachmentKey)
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, WrappedAttachmentKeySize)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fmt.Errorf("wrapping an attachment key: drawing nonce: %w", err)
	}
	return sealAEAD(nonce, visit.secret().attachment[:], wrapContext(scope, blob), key.secret()[:])
}

// UnwrapAttachmentKey returns the key that WrapAttachmentKey sealed under the same visit key, scope and blob; ErrDamaged
// otherwise.
func UnwrapAttachmentKey(visit VisitKey, scope [16]byte, blob [32]byte, wrapped []byte) (AttachmentKey, error) {
	if visit.secret().empty() {
		return AttachmentKey{}, fmt.Errorf("unwrapping an attachment key: %w", errNoKey)
	}
	if len(wrapped) != WrappedAttachmentKeySize {
		return AttachmentKey{}, fmt.Errorf("unwrapping an attachment key: %w (%d bytes)", ErrDamaged, len(wrapped))
	}
	b, err := openAEAD(visit.secret().attachment[:], wrapContext(scope, blob), wrapped)
	if err != nil {
		return AttachmentKey{}, fmt.Errorf("unwrapping an attachment key: %w", err)
	}
	key := [KeySize]byte(b)
	clear(b)
	return AttachmentKey{func() *[KeySize]byte { return &key }}, nil
}

func wrapContext(scope [16]byte, blob [32]byte) []byte {
	return append(append([]byte(attachmentInfo), scope[:]...), blob[:]...)
}

// Wipe overwrites the secret in this AttachmentKey and all its copies.
func (k AttachmentKey) Wipe() {
	if secret := k.secret(); secret != nil {
		clear(secret[:])
	}
}

// String returns a fixed word.
func (k AttachmentKey) String() string { return redactedAttachment }

// GoString returns a fixed word.
func (k AttachmentKey) GoString() string { return redactedAttachment }

// Format writes a fixed word for every verb.
func (k AttachmentKey) Format(f fmt.State, _ rune) { io.WriteString(f, redactedAttachment) }

// LogValue returns a fixed word.
func (k AttachmentKey) LogValue() slog.Value { return slog.StringValue(redactedAttachment) }

// MarshalText always fails: no encoder of structures may write the key, nor a word in its place.
func (AttachmentKey) MarshalText() ([]byte, error) { return nil, errNoText }
