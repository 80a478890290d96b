package seal

import (
	"encoding/binary"
	"fmt"
)

// WrapSize is the length in bytes of a wrap: encapsulated key (1120), visit key (32) and tag (16).
const WrapSize = hpkeOverhead + KeySize

const domainWrap = "kua/visit-key/1"

// WrapInfo is what a wrap is bound to. It is public, and both sides must give the same (docs/protocol.md §7).
type WrapInfo struct {
	Scope     [16]byte // the visit
	Epoch     uint64   // the key epoch, from 1; 0 for a gate key
	Author    [16]byte // the device that made the wrap
	Recipient [16]byte // the device, or recovery key, that may open it
}

// info returns the HPKE info: the domain, then every member with its fixed length, numbers big-endian.
func (w WrapInfo) info() []byte {
	b := make([]byte, 0, len(domainWrap)+3*16+8)
	b = append(b, domainWrap...)
	b = append(b, w.Scope[:]...)
	b = binary.BigEndian.AppendUint64(b, w.Epoch)
	b = append(b, w.Author[:]...)
	return append(b, w.Recipient[:]...)
}

// Wrap seals key to one recipient with HPKE in base mode: MLKEM768X25519, HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180,
// draft-ietf-hpke-pq). A wrap has WrapSize bytes. Base mode proves no author: wraps travel inside signed changesets, and
// info.Author keeps another device from signing them as its own.
func Wrap(to PublicKey, info WrapInfo, key VisitKey) ([]byte, error) {
	if key.secret().empty() {
		return nil, fmt.Errorf("wrapping visit key: %w", errNoKey)
	}
	wrap, err := sealTo(to, info.info(), nil, key.secret().visit[:])
	if err != nil {
		return nil, fmt.Errorf("wrapping visit key: %w", err)
	}
	return wrap, nil
}

// Unwrap returns the visit key of a wrap. It is ErrDamaged where the wrap was made for another scope, epoch, author or
// recipient, or was altered.
func Unwrap(priv PrivateKey, info WrapInfo, wrap []byte) (VisitKey, error) {
	if len(wrap) != WrapSize {
		return VisitKey{}, fmt.Errorf("unwrapping visit key: %w (want %d bytes, got %d)", ErrDamaged, WrapSize, len(wrap))
	}
	b, err := openFor(priv, info.info(), nil, wrap)
	if err != nil {
		return VisitKey{}, fmt.Errorf("unwrapping visit key: %w", err)
	}
	defer clear(b)
	key, err := ParseVisitKey(b)
	if err != nil {
		return VisitKey{}, fmt.Errorf("unwrapping visit key: %w", err)
	}
	return key, nil
}
