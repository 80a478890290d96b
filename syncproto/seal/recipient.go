package seal

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Sizes in bytes of what crypto/hpke makes with MLKEM768X25519 (draft-ietf-hpke-pq, "X-Wing").
const (
	PublicKeySize  = 1184 + 32 // ML-KEM-768 encapsulation key ‖ X25519 point
	PrivateKeySize = 32        // the seed that both halves grow from

	encSize      = 1088 + 32 // ML-KEM-768 ciphertext ‖ X25519 ephemeral
	hpkeOverhead = encSize + 16
)

const redactedPrivate = "seal.PrivateKey(redacted)"

var errNoRecipient = errors.New("the recipient key is empty")

// PublicKey is a recipient's HPKE public key. The zero value is refused everywhere.
type PublicKey struct{ k hpke.PublicKey }

// PrivateKey is a recipient's HPKE private key. It never prints. The zero value is refused everywhere.
type PrivateKey struct{ hidden func() hpke.PrivateKey } // a closure for the reason given at VisitKey

// GenerateRecipient makes a recipient's key pair from a seed of 32 bytes that it reads from rand.
func GenerateRecipient(rand io.Reader) (PrivateKey, error) {
	var seed [PrivateKeySize]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return PrivateKey{}, fmt.Errorf("drawing recipient key: %w", err)
	}
	return ParsePrivateKey(seed[:])
}

// ParsePrivateKey returns the private key with the given 32-byte seed. All zeros are refused.
func ParsePrivateKey(b []byte) (PrivateKey, error) {
	if len(b) != PrivateKeySize {
		return PrivateKey{}, fmt.Errorf("parsing private key: want %d bytes, got %d", PrivateKeySize, len(b))
	}
	if bytes.Equal(b, make([]byte, PrivateKeySize)) {
		return PrivateKey{}, errors.New("parsing private key: all bytes are zero")
	}
	k, err := hpke.MLKEM768X25519().NewPrivateKey(b)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("parsing private key: %w", err)
	}
	return PrivateKey{func() hpke.PrivateKey { return k }}, nil
}

// ParsePublicKey returns the public key in its serialized form of 1216 bytes (RFC 9180 §4, SerializePublicKey).
func ParsePublicKey(b []byte) (PublicKey, error) {
	if len(b) != PublicKeySize {
		return PublicKey{}, fmt.Errorf("parsing public key: want %d bytes, got %d", PublicKeySize, len(b))
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parsing public key: %w", err)
	}
	return PublicKey{k}, nil
}

// Bytes returns the serialized key of 1216 bytes, or nil for the zero value.
func (p PublicKey) Bytes() []byte {
	if p.k == nil {
		return nil
	}
	return p.k.Bytes()
}

// Equal reports whether both are the same key; the zero value equals nothing.
func (p PublicKey) Equal(other PublicKey) bool {
	return p.k != nil && other.k != nil && bytes.Equal(p.k.Bytes(), other.k.Bytes())
}

// Public returns the public half.
func (p PrivateKey) Public() PublicKey {
	if p.hidden == nil {
		return PublicKey{}
	}
	return PublicKey{p.hidden().PublicKey()}
}

// Bytes returns a copy of the secret seed of 32 bytes, or nil for the zero value. The caller keeps it sealed.
func (p PrivateKey) Bytes() []byte {
	if p.hidden == nil {
		return nil
	}
	b, err := p.hidden().Bytes()
	if err != nil {
		return nil
	}
	return bytes.Clone(b)
}

// String returns a fixed word.
func (p PrivateKey) String() string { return redactedPrivate }

// GoString returns a fixed word.
func (p PrivateKey) GoString() string { return redactedPrivate }

// Format writes a fixed word for every verb.
func (p PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, redactedPrivate) }

// LogValue returns a fixed word.
func (p PrivateKey) LogValue() slog.Value { return slog.StringValue(redactedPrivate) }

// MarshalText always fails: no encoder of structures may write the key, nor a word in its place.
func (PrivateKey) MarshalText() ([]byte, error) { return nil, errNoText }

// sealTo is HPKE base mode in one shot: enc ‖ ciphertext (RFC 9180 §6.1).
func sealTo(to PublicKey, info, aad, plaintext []byte) ([]byte, error) {
	if to.k == nil {
		return nil, errNoRecipient
	}
	enc, sender, err := hpke.NewSender(to.k, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, err
	}
	sealed, err := sender.Seal(aad, plaintext)
	if err != nil {
		return nil, err
	}
	return append(enc, sealed...), nil
}

// openFor opens what sealTo made; sealed has at least hpkeOverhead bytes.
func openFor(priv PrivateKey, info, aad, sealed []byte) ([]byte, error) {
	if priv.hidden == nil {
		return nil, errNoRecipient
	}
	r, err := hpke.NewRecipient(sealed[:encSize], priv.hidden(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrDamaged
	}
	plaintext, err := r.Open(aad, sealed[encSize:])
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}
