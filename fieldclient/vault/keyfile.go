package vault

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/chacha20poly1305"
)

// The key file is, big-endian:
//
//	magic 8 | version 2 | zero 2 | memory in KiB 4 | passes 4 | lanes 1 | zero 11 | vault id 16 | salt 16   header
//	4 times: nonce 24 | the DEK, sealed with XChaCha20-Poly1305 under Argon2id(secret, salt) 48             slots
//	HMAC-SHA256 under a key derived from the DEK over all before                                           tag
//	SHA-256 over all before                                                                                checksum
//
// The AAD of a slot is the header and the slot's number. An unused slot is random bytes.
const (
	magic      = "KuaVault"
	version    = 1
	idSize     = 16
	saltSize   = 16
	keySize    = 32
	headerSize = 64
	slotSize   = chacha20poly1305.NonceSizeX + keySize + chacha20poly1305.Overhead
	slots      = 4

	slotsEnd    = headerSize + slots*slotSize
	keyFileSize = slotsEnd + 2*sha256.Size
)

// What the slots are for. The others are free.
const (
	passphraseSlot = 0
	recoverySlot   = 1
)

type vaultID [idSize]byte

// keyFile is a decoded key file.
type keyFile struct {
	kdf   KDF
	id    vaultID
	salt  [saltSize]byte
	slots [slots][slotSize]byte
	tag   [sha256.Size]byte
}

// parseKeyFile decodes and bounds a key file. It cannot say whether the tag is right: see verify.
func parseKeyFile(b []byte) (*keyFile, error) {
	if len(b) < len(magic)+2 || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("the key file is %w", ErrDamaged)
	}
	if v := binary.BigEndian.Uint16(b[8:]); v > version {
		return nil, fmt.Errorf("the key file was %w (format %d)", ErrNewer, v)
	}
	if len(b) != keyFileSize {
		return nil, fmt.Errorf("the key file has %d bytes instead of %d: %w", len(b), keyFileSize, ErrDamaged)
	}
	body := b[:keyFileSize-sha256.Size]
	if sum := sha256.Sum256(body); string(sum[:]) != string(b[len(body):]) {
		return nil, fmt.Errorf("the key file has another checksum: %w", ErrDamaged)
	}
	f := &keyFile{kdf: KDF{MemoryKiB: binary.BigEndian.Uint32(b[12:]), Passes: binary.BigEndian.Uint32(b[16:]), Lanes: b[20]}}
	copy(f.id[:], b[32:])
	copy(f.salt[:], b[48:])
	for i := range f.slots {
		copy(f.slots[i][:], b[headerSize+i*slotSize:])
	}
	copy(f.tag[:], b[slotsEnd:])
	if err := f.kdf.check(); err != nil {
		return nil, fmt.Errorf("the key file asks for %w (%w)", err, ErrDamaged)
	}
	if string(f.header()) != string(b[:headerSize]) {
		return nil, fmt.Errorf("the header of the key file is %w", ErrDamaged)
	}
	return f, nil
}

func (f *keyFile) header() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	binary.BigEndian.PutUint16(b[8:], version)
	binary.BigEndian.PutUint32(b[12:], f.kdf.MemoryKiB)
	binary.BigEndian.PutUint32(b[16:], f.kdf.Passes)
	b[20] = f.kdf.Lanes
	copy(b[32:], f.id[:])
	copy(b[48:], f.salt[:])
	return b
}

// body is what the tag is over.
func (f *keyFile) body() []byte {
	b := f.header()
	for i := range f.slots {
		b = append(b, f.slots[i][:]...)
	}
	return b
}

// encode computes the tag and returns the file.
func (f *keyFile) encode(k *keys) []byte {
	b := f.body()
	f.tag = k.tag(b)
	b = append(b, f.tag[:]...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// verify refuses a file in which a slot was exchanged.
func (f *keyFile) verify(k *keys) error {
	if tag := k.tag(f.body()); !hmac.Equal(tag[:], f.tag[:]) {
		return fmt.Errorf("a slot of the key file was changed: %w", ErrDamaged)
	}
	return nil
}

// slotAAD binds a slot to its file and its place.
func (f *keyFile) slotAAD(slot int) []byte { return append(f.header(), byte(slot)) }

// kek derives the key that a secret, a passphrase or a recovery secret, wraps with.
func (f *keyFile) kek(secret string) ([]byte, error) {
	if canonical, _, ok := parseRecovery(secret); ok {
		return f.kdf.derive(canonical, f.salt[:]), nil
	}
	canonical, err := canonicalPassphrase(secret)
	if err != nil {
		return nil, err
	}
	return f.kdf.derive(canonical, f.salt[:]), nil
}

// wrap puts the DEK into a slot.
func (f *keyFile) wrap(slot int, kek, dek []byte, rand io.Reader) error {
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return err
	}
	s := &f.slots[slot]
	if _, err := io.ReadFull(rand, s[:aead.NonceSize()]); err != nil {
		return err
	}
	aead.Seal(s[:aead.NonceSize()], s[:aead.NonceSize()], dek, f.slotAAD(slot))
	return nil
}

// unlock returns the DEK. It tries every slot whichever opens, so that its duration tells nothing.
func (f *keyFile) unlock(secret string) (dek []byte, err error) {
	kek, err := f.kek(secret)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", err, ErrWrongPassphrase)
	}
	defer clear(kek)
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, err
	}
	for i := range f.slots {
		s := f.slots[i][:]
		if b, err := aead.Open(nil, s[:aead.NonceSize()], s[aead.NonceSize():], f.slotAAD(i)); err == nil {
			dek = b
		}
	}
	if dek != nil {
		return dek, nil
	}
	if _, form, ok := parseRecovery(secret); form && !ok {
		return nil, ErrMistyped
	}
	return nil, ErrWrongPassphrase
}

// newKeyFile makes a key file with a fresh DEK that two secrets open.
func newKeyFile(cfg Config, passphrase string) (f *keyFile, dek []byte, recovery string, err error) {
	f = &keyFile{kdf: cfg.KDF}
	dek = make([]byte, keySize)
	fill := [][]byte{f.id[:], f.salt[:], dek}
	for i := range f.slots {
		fill = append(fill, f.slots[i][:])
	}
	for _, b := range fill {
		if _, err := io.ReadFull(cfg.Rand, b); err != nil {
			return nil, nil, "", err
		}
	}
	if recovery, err = newRecovery(cfg.Rand); err != nil {
		return nil, nil, "", err
	}
	for slot, secret := range map[int]string{passphraseSlot: passphrase, recoverySlot: recovery} {
		kek, err := f.kek(secret)
		if err != nil {
			return nil, nil, "", err
		}
		if err := f.wrap(slot, kek, dek, cfg.Rand); err != nil {
			return nil, nil, "", err
		}
		clear(kek)
	}
	return f, dek, recovery, nil
}

func readKeyFile(cfg Config) (*keyFile, error) {
	path := cfg.path(keysName)
	if err := checkFile(path); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(cfg.path(storeName)); err == nil {
			return nil, fmt.Errorf("%s is missing beside its %s: %w", keysName, storeName, ErrDamaged)
		}
		return nil, ErrMissing
	} else if err != nil {
		return nil, err
	}
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, keyFileSize+1))
	if err != nil {
		return nil, err
	}
	return parseKeyFile(b)
}

// ChangePassphrase makes the vault open with another passphrase from now on. secret is the present passphrase or the
// recovery secret, which stays valid.
func (v *Vault) ChangePassphrase(ctx context.Context, secret, passphrase string) error {
	if err := v.rewrap(ctx, passphraseSlot, secret, passphrase); err != nil {
		return fmt.Errorf("changing the passphrase: %w", err)
	}
	return nil
}

// NewRecovery replaces the recovery secret and returns the new one. secret is the passphrase or the present recovery
// secret.
func (v *Vault) NewRecovery(ctx context.Context, secret string) (string, error) {
	recovery, err := newRecovery(v.cfg.Rand)
	if err == nil {
		err = v.rewrap(ctx, recoverySlot, secret, recovery)
	}
	if err != nil {
		return "", fmt.Errorf("making a new recovery secret: %w", err)
	}
	return recovery, nil
}

// rewrap fills a slot anew. The slow derivations come before the lock, so that Wipe never waits for them.
func (v *Vault) rewrap(ctx context.Context, slot int, secret, next string) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	f, err := readKeyFile(v.cfg)
	if err != nil {
		return err
	}
	dek, err := f.unlock(secret)
	if err != nil {
		return err
	}
	defer clear(dek)
	kek, err := f.kek(next)
	if err != nil {
		return err
	}
	defer clear(kek)
	if err := ctx.Err(); err != nil {
		return err
	}
	v.keyMu.Lock()
	defer v.keyMu.Unlock()
	if v.gone {
		return ErrClosed
	}
	if f, err = readKeyFile(v.cfg); err != nil { // another slot may have changed meanwhile
		return err
	}
	if err := f.verify(v.keys); err != nil {
		return err
	}
	if err := f.wrap(slot, kek, dek, v.cfg.Rand); err != nil {
		return err
	}
	return replaceFile(v.cfg, v.cfg.path(newKeysName), v.cfg.path(keysName), f.encode(v.keys))
}
