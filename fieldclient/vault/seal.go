package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"kua/syncproto/seal"
)

// MaxPayload is the largest row or value in bytes.
const MaxPayload = 64 << 20

// The tables, as the AAD of what is sealed in them names them.
const (
	logTable      = "log"
	stateTable    = "state"
	instanceTable = "instance"
	outsideTable  = "outside" // the file in Config.StateDir
)

const padMark = 0x80

// keys seals and opens everything below the DEK. What is sealed is
//
//	nonce 24 | XChaCha20-Poly1305 of: kind 1 | payload | 0x80 | zeros up to seal.PaddedSize
//
// with the AAD vault id | table | 0 | row, where row is the 8-byte big-endian id or the 32-byte name: nothing opens in
// another place than it was sealed for.
type keys struct {
	rand  io.Reader
	id    vaultID
	names [keySize]byte // HMAC key that hides the names of values
	tags  [keySize]byte // HMAC key of the key file's tag
	boxes map[string]cipher.AEAD
}

// deriveKeys derives, with HKDF-SHA256, one key for each use, and overwrites the DEK.
func deriveKeys(dek []byte, id vaultID, rand io.Reader) *keys {
	k := &keys{rand: rand, id: id, boxes: map[string]cipher.AEAD{}}
	subkey := func(use string) []byte {
		b, err := hkdf.Key(sha256.New, dek, id[:], "kua/vault/1 "+use, keySize)
		if err != nil {
			panic(err) // 32 bytes of SHA-256 are always to be had
		}
		return b
	}
	copy(k.names[:], subkey("names"))
	copy(k.tags[:], subkey("key file"))
	for _, table := range []string{logTable, stateTable, instanceTable, outsideTable} {
		key := subkey(table)
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			panic(err) // the key has 32 bytes
		}
		k.boxes[table] = aead
		clear(key)
	}
	clear(dek)
	return k
}

// zero overwrites the keys that can be reached and drops those inside the ciphers.
func (k *keys) zero() {
	clear(k.names[:])
	clear(k.tags[:])
	clear(k.boxes)
}

func (k *keys) tag(b []byte) [sha256.Size]byte { return sum(k.tags[:], b) }

// name returns the key that a value is stored under.
func (k *keys) name(name string) []byte {
	s := sum(k.names[:], []byte(name))
	return s[:]
}

func sum(key, b []byte) (s [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	mac.Sum(s[:0])
	return s
}

// box seals and opens one table. It holds buffers: one goroutine at a time.
type box struct {
	aead  cipher.AEAD
	rand  io.Reader
	aad   []byte
	fixed int // length of the AAD up to the row
	plain []byte
}

func (k *keys) box(table string) (*box, error) {
	aead := k.boxes[table]
	if aead == nil {
		return nil, ErrClosed
	}
	aad := append(append(append([]byte{}, k.id[:]...), table...), 0)
	return &box{aead: aead, rand: k.rand, aad: aad, fixed: len(aad)}, nil
}

func (b *box) place(row []byte) []byte {
	b.aad = append(b.aad[:b.fixed], row...)
	return b.aad
}

func rowOf(id int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func sealedSize(payload int) int {
	return chacha20poly1305.NonceSizeX + seal.PaddedSize(1+payload) + chacha20poly1305.Overhead
}

// seal appends the sealed payload to dst.
func (b *box) seal(dst, row []byte, kind uint8, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("sealing %d bytes: at most %d fit", len(payload), MaxPayload)
	}
	size := seal.PaddedSize(1 + len(payload))
	b.plain = append(append(append(b.plain[:0], kind), payload...), padMark)
	b.plain = append(b.plain, make([]byte, size-len(b.plain))...)

	start := len(dst)
	dst = append(dst, make([]byte, b.aead.NonceSize())...)
	nonce := dst[start:]
	if _, err := io.ReadFull(b.rand, nonce); err != nil {
		return nil, err
	}
	dst = b.aead.Seal(dst, nonce, b.plain, b.place(row))
	clear(b.plain)
	return dst, nil
}

var errSealed = errors.New("does not decrypt in its place")

// open appends the payload to dst.
func (b *box) open(dst, row, sealed []byte) (out []byte, kind uint8, err error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, 0, errSealed
	}
	start := len(dst)
	dst, err = b.aead.Open(dst, sealed[:n], sealed[n:], b.place(row))
	if err != nil {
		return nil, 0, errSealed
	}
	end := len(dst) - 1
	for end > start && dst[end] == 0 {
		end--
	}
	if end <= start || dst[end] != padMark {
		return nil, 0, errSealed
	}
	kind = dst[start]
	copy(dst[start:], dst[start+1:end])
	return dst[:end-1], kind, nil
}
