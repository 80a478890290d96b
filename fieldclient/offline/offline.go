// Package offline seals keys that are kept away from every laptop: the organisation's root and recovery keys, each in
// a small file under a passphrase of its own.
package offline

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"kua/fieldclient/vault"
)

const (
	magic    = "kua-offline-key-1\n"
	saltSize = 16
	maxFile  = 4 << 10
)

// The cost of opening a file is fixed: these files are opened rarely, on any machine.
var cost = vault.DefaultKDF()

// ErrWrongPassphrase says that the file does not open with the passphrase, or was changed.
var ErrWrongPassphrase = errors.New("wrong passphrase, or the key file was changed")

// Write seals a secret under a passphrase into a new file with mode 0600. It never overwrites one.
func Write(path, passphrase string, secret []byte) error {
	return write(path, passphrase, secret, rand.Reader, cost)
}

func write(path, passphrase string, secret []byte, random io.Reader, kdf vault.KDF) error {
	if len(passphrase) < 8 {
		return errors.New("the passphrase of a key file needs at least 8 characters")
	}
	head := make([]byte, len(magic)+saltSize+chacha20poly1305.NonceSizeX)
	copy(head, magic)
	if _, err := io.ReadFull(random, head[len(magic):]); err != nil {
		return err
	}
	aead, err := aeadFor(head, passphrase, kdf)
	if err != nil {
		return err
	}
	sealed := aead.Seal(head, head[len(magic)+saltSize:], secret, head[:len(magic)+saltSize])
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing key file: %w", err)
	}
	_, err = f.Write(sealed)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(path)); err != nil {
		return fmt.Errorf("writing key file: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not every system can; the file itself is synced
	return nil
}

func aeadFor(head []byte, passphrase string, kdf vault.KDF) (aead interface {
	Seal(dst, nonce, plaintext, additionalData []byte) []byte
	Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)
}, err error) {
	salt := head[len(magic) : len(magic)+saltSize]
	key := argon2.IDKey([]byte(passphrase), salt, kdf.Passes, kdf.MemoryKiB, kdf.Lanes, chacha20poly1305.KeySize)
	return chacha20poly1305.NewX(key)
}

// Read opens a file that Write made.
func Read(path, passphrase string) ([]byte, error) { return read(path, passphrase, cost) }

func read(path, passphrase string, kdf vault.KDF) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading key file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading key file: %w", err)
	}
	headLen := len(magic) + saltSize + chacha20poly1305.NonceSizeX
	if len(b) < headLen || len(b) > maxFile || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("reading key file: %s is not a Kua key file", path)
	}
	aead, err := aeadFor(b, passphrase, kdf)
	if err != nil {
		return nil, err
	}
	secret, err := aead.Open(nil, b[len(magic)+saltSize:headLen], b[headLen:], b[:len(magic)+saltSize])
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return secret, nil
}
