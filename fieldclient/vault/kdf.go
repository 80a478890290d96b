package vault

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// KDF holds the parameters of Argon2id (RFC 9106).
type KDF struct {
	MemoryKiB uint32 // at most 1 GiB
	Passes    uint32 // at most 10
	Lanes     uint8  // at most 8
}

const (
	floorKiB = 64 << 10

	// A key file that asks for more is refused: it would only take the laptop down.
	maxKiB    = 1 << 20
	maxPasses = 10
	maxLanes  = 8
)

// DefaultKDF returns 256 MiB, 3 passes, 4 lanes: about a second on a laptop.
func DefaultKDF() KDF { return KDF{MemoryKiB: 256 << 10, Passes: 3, Lanes: 4} }

// Calibrate returns DefaultKDF, or half or a quarter of its memory where this machine would take longer than limit.
// 64 MiB and 3 passes, the second choice of RFC 9106 §4, is the floor on any machine. now is read before and after
// one run at the floor.
func Calibrate(limit time.Duration, now func() time.Time) KDF {
	k := DefaultKDF()
	floor := KDF{MemoryKiB: floorKiB, Passes: k.Passes, Lanes: k.Lanes}
	start := now()
	clear(floor.derive("calibration", make([]byte, saltSize)))
	took := now().Sub(start)
	for k.MemoryKiB > floorKiB && took*time.Duration(k.MemoryKiB/floorKiB) > limit {
		k.MemoryKiB /= 2
	}
	return k
}

// check refuses parameters that are out of bounds.
func (k KDF) check() error {
	if k.Lanes < 1 || k.Lanes > maxLanes || k.Passes < 1 || k.Passes > maxPasses || k.MemoryKiB < 8*uint32(k.Lanes) || k.MemoryKiB > maxKiB {
		return fmt.Errorf("key derivation with %d KiB, %d passes and %d lanes is outside the bounds of %d KiB, %d and %d",
			k.MemoryKiB, k.Passes, k.Lanes, maxKiB, maxPasses, maxLanes)
	}
	return nil
}

// derive returns the 32-byte key that a secret stands for.
func (k KDF) derive(secret string, salt []byte) []byte {
	key := argon2.IDKey([]byte(secret), salt, k.Passes, k.MemoryKiB, k.Lanes, keySize)
	if k.MemoryKiB >= floorKiB {
		debug.FreeOSMemory() // the blocks would otherwise stay with the process, and fill its swap
	}
	return key
}

// canonicalPassphrase makes the same words the same bytes, whatever keyboard and however many blanks they were typed
// with.
func canonicalPassphrase(s string) (string, error) {
	s = strings.Join(strings.Fields(norm.NFC.String(s)), " ")
	if s == "" {
		return "", errors.New("the passphrase is empty: choose at least six random words")
	}
	return s, nil
}
