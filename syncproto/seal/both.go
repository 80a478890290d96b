package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The identity vault (docs/protocol.md §7). A random content key seals the value; the key is sealed to the second
// custodian, and that to the first:
//
//	sealed = HPKE(first, HPKE(second, content key)) ‖ box
//	inner  = HPKE(second, content key) ‖ box
//
// Both layers carry SHA-256(len(aad) ‖ aad ‖ box) as their aad, so that no part can be put together with another.
const (
	domainFirst  = "kua/identity/first/1"
	domainSecond = "kua/identity/second/1"

	secondSize = hpkeOverhead + KeySize
	firstSize  = hpkeOverhead + secondSize
)

// SealToBoth seals plaintext (at most MaxPlaintext bytes, padded as in SealBody) so that the holders of both keys must
// act, first's before second's. The two keys must differ.
func SealToBoth(rand io.Reader, first, second PublicKey, aad, plaintext []byte) ([]byte, error) {
	if first.Equal(second) {
		return nil, errors.New("sealing to both custodians: both keys are the same: name two custodians")
	}
	var key [KeySize]byte
	defer clear(key[:])
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return nil, fmt.Errorf("sealing to both custodians: drawing content key: %w", err)
	}
	box, err := sealPadded(rand, key[:], aad, plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing to both custodians: %w", err)
	}
	bound := bind(aad, box)
	layer, err := sealTo(second, []byte(domainSecond), bound, key[:])
	if err != nil {
		return nil, fmt.Errorf("sealing to the second custodian: %w", err)
	}
	if layer, err = sealTo(first, []byte(domainFirst), bound, layer); err != nil {
		return nil, fmt.Errorf("sealing to the first custodian: %w", err)
	}
	return append(layer, box...), nil
}

// OpenFirst takes off the first custodian's layer. The result is as secret as sealed: only the second custodian's key
// opens it.
func OpenFirst(priv PrivateKey, aad, sealed []byte) (inner []byte, err error) {
	inner, err = openLayer(priv, domainFirst, firstSize, aad, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening as first custodian: %w", err)
	}
	return append(inner, sealed[firstSize:]...), nil
}

// OpenSecond returns the plaintext of what OpenFirst gave.
func OpenSecond(priv PrivateKey, aad, inner []byte) ([]byte, error) {
	key, err := openLayer(priv, domainSecond, secondSize, aad, inner)
	if err != nil {
		return nil, fmt.Errorf("opening as second custodian: %w", err)
	}
	defer clear(key)
	plaintext, err := openPadded(key, aad, inner[secondSize:])
	if err != nil {
		return nil, fmt.Errorf("opening as second custodian: %w", err)
	}
	return plaintext, nil
}

func openLayer(priv PrivateKey, domain string, size int, aad, sealed []byte) ([]byte, error) {
	if len(sealed) < size+minBox || len(sealed) > size+PaddedSize(MaxPlaintext)+BoxOverhead {
		return nil, fmt.Errorf("%w (%d bytes)", ErrDamaged, len(sealed))
	}
	return openFor(priv, []byte(domain), bind(aad, sealed[size:]), sealed[:size])
}

func bind(aad, box []byte) []byte {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(aad)))
	h.Write(n[:])
	h.Write(aad)
	h.Write(box)
	return h.Sum(nil)
}
