package seal

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// MaxPlaintext is the largest content of a box in bytes: 512 KiB, twice what a changeset may hold.
	MaxPlaintext = 512 << 10
	// BoxOverhead is what a box adds to the padded plaintext: a 24-byte nonce and a 16-byte tag.
	BoxOverhead = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

	minBox = minBucket + BoxOverhead
)

var (
	// ErrWrongKey says that the key is not the one that the author committed to. Another epoch's key may open the box.
	ErrWrongKey = errors.New("the key is not the one that its author committed to: fetch the wrap of that key epoch")
	// ErrDamaged says that sealed bytes do not open: they were altered, or belong to another key, context or recipient.
	ErrDamaged = errors.New("the sealed bytes do not open: altered, or not meant for this key and context; fetch them again")
)

// SealBody seals plaintext (at most MaxPlaintext bytes) under the body subkey of key: Padmé padding with the bucket of
// 256 bytes as its floor, then XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a 24-byte nonce from rand. The box is
// nonce ‖ ciphertext ‖ tag. aad is the id of the changeset's header (docs/protocol.md §2).
func SealBody(rand io.Reader, key VisitKey, aad, plaintext []byte) (box []byte, err error) {
	if key.secret().empty() {
		return nil, fmt.Errorf("sealing body: %w", errNoKey)
	}
	box, err = sealPadded(rand, key.secret().body[:], aad, plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing body: %w", err)
	}
	return box, nil
}

// OpenBody returns the plaintext of a box that SealBody made with the same key and aad. commitment is the one of the
// signed header; where key has another one, the error is ErrWrongKey and nothing is decrypted. Any other refusal of the
// content is ErrDamaged.
func OpenBody(key VisitKey, commitment [KeySize]byte, aad, box []byte) ([]byte, error) {
	if key.secret().empty() {
		return nil, fmt.Errorf("opening body: %w", errNoKey)
	}
	if subtle.ConstantTimeCompare(key.secret().commitment[:], commitment[:]) != 1 {
		return nil, fmt.Errorf("opening body: %w", ErrWrongKey)
	}
	plaintext, err := openPadded(key.secret().body[:], aad, box)
	if err != nil {
		return nil, fmt.Errorf("opening body: %w", err)
	}
	return plaintext, nil
}

func sealPadded(rand io.Reader, key, aad, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("the content has %d bytes, at most %d fit: split it", len(plaintext), MaxPlaintext)
	}
	box := make([]byte, chacha20poly1305.NonceSizeX, PaddedSize(len(plaintext))+BoxOverhead)
	if _, err := io.ReadFull(rand, box); err != nil {
		return nil, fmt.Errorf("drawing nonce: %w", err)
	}
	return sealAEAD(box, key, aad, pad(plaintext))
}

// sealAEAD appends ciphertext and tag to the nonce.
func sealAEAD(nonce, key, aad, plaintext []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plaintext, aad), nil
}

func openPadded(key, aad, box []byte) ([]byte, error) {
	if len(box) < minBox || len(box) > PaddedSize(MaxPlaintext)+BoxOverhead {
		return nil, fmt.Errorf("%w (a box of %d bytes)", ErrDamaged, len(box))
	}
	padded, err := openAEAD(key, aad, box)
	if err != nil {
		return nil, err
	}
	plaintext, err := unpad(padded)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrDamaged, err)
	}
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("%w (content of %d bytes)", ErrDamaged, len(plaintext))
	}
	return plaintext, nil
}

// openAEAD opens nonce ‖ ciphertext ‖ tag.
func openAEAD(key, aad, box []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	if len(box) < BoxOverhead {
		return nil, ErrDamaged
	}
	nonce, sealed := box[:chacha20poly1305.NonceSizeX], box[chacha20poly1305.NonceSizeX:]
	plaintext, err := aead.Open(nil, nonce, sealed, aad)
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}
