package seal

import (
	"errors"
	"math/bits"
)

const (
	minBucket = 256  // bytes; the smallest padded length
	padMark   = 0x80 // ISO/IEC 7816-4: one mark, then zeros
)

var errPadding = errors.New("the padding is not the one of this length")

// PaddedSize returns the length in bytes that a plaintext of n bytes has once padded: Padmé (Nikitin et al., PETS 2019,
// §4) over n and one mark byte, and at least 256. Above that the padding adds at most 1/16.
func PaddedSize(n int) int {
	return int(padme(uint(n)+1, minBucket))
}

// padme rounds a length up so that few bits of it remain, and to floor at least.
func padme(length, floor uint) uint {
	if length <= floor {
		return floor
	}
	exponent := bits.Len(length) - 1
	mask := uint(1)<<(exponent-bits.Len(uint(exponent))) - 1
	return (length + mask) &^ mask
}

// pad returns plaintext, the mark and zeros up to PaddedSize.
func pad(plaintext []byte) []byte {
	b := make([]byte, PaddedSize(len(plaintext)))
	b[copy(b, plaintext)] = padMark
	return b
}

// unpad returns the part of padded before the mark. Exactly one padding of every plaintext is accepted.
func unpad(padded []byte) ([]byte, error) {
	end := len(padded) - 1
	for end >= 0 && padded[end] == 0 {
		end--
	}
	if end < 0 || padded[end] != padMark || PaddedSize(end) != len(padded) {
		return nil, errPadding
	}
	return padded[:end:end], nil
}
