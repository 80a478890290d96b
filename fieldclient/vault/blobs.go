package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sealed attachments lie beside the store, in a folder of their own, each named for the SHA-256 of its bytes. The vault does
// not open them: whoever adds one has sealed it, under a key that is in the store.
const (
	blobsName  = "blobs"
	newPrefix  = "new-"  // being sealed: worthless after a crash
	partSuffix = ".part" // being fetched: goes on where it stopped
)

// BlobHash is the SHA-256 of a sealed attachment, which names it.
type BlobHash [sha256.Size]byte

// String returns the hash as 64 hexadecimal digits.
func (h BlobHash) String() string { return hex.EncodeToString(h[:]) }

// Blob is a sealed attachment that the vault holds whole.
type Blob struct {
	Hash BlobHash
	Size int64 // bytes
}

// IsBlobName reports whether a file of that name may lie in the folder of attachments.
func IsBlobName(name string) bool {
	rest, fresh := strings.CutPrefix(name, newPrefix)
	if fresh {
		_, err := hex.DecodeString(rest)
		return err == nil && len(rest) == 32
	}
	_, ok := parseBlobName(strings.TrimSuffix(name, partSuffix))
	return ok
}

func parseBlobName(name string) (h BlobHash, ok bool) {
	b, err := hex.DecodeString(name)
	if err != nil || len(b) != len(h) || hex.EncodeToString(b) != name {
		return h, false
	}
	return BlobHash(b), true
}

func (cfg Config) blob(name string) string { return filepath.Join(cfg.Dir, blobsName, name) }

// prepareBlobs makes the folder of attachments, refuses one that others can look into, and removes what a crash left
// half sealed. The lock is held.
func prepareBlobs(cfg Config) error {
	dir := cfg.path(blobsName)
	if err := os.Mkdir(dir, 0o700); err == nil {
		return syncDir(cfg.Dir)
	} else if !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) && IsBlobName(e.Name()) {
			if err := os.Remove(cfg.blob(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// BlobWriter takes the bytes of a new sealed attachment. Keep or Discard ends it.
type BlobWriter struct {
	v    *Vault
	f    *os.File
	sum  hash.Hash
	size int64

	room     *os.File // see Reserve
	reserved int64
}

// NewBlob begins a sealed attachment. Nothing but sealed bytes may be written to it.
func (v *Vault) NewBlob() (*BlobWriter, error) {
	if err := v.enter(); err != nil {
		return nil, err
	}
	defer v.leave()
	f, err := v.newBlobFile()
	if err != nil {
		return nil, full(fmt.Errorf("beginning an attachment: %w", err))
	}
	return &BlobWriter{v: v, f: f, sum: sha256.New()}, nil
}

func (v *Vault) newBlobFile() (*os.File, error) {
	var name [16]byte
	if _, err := io.ReadFull(v.cfg.Rand, name[:]); err != nil {
		return nil, err
	}
	return os.OpenFile(v.cfg.blob(newPrefix+hex.EncodeToString(name[:])), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

// Write appends sealed bytes.
func (w *BlobWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	for diskFull(err) && w.reserved > 0 {
		w.reserved = max(0, w.reserved-int64(len(p)-n)-roomBlock)
		if err = w.room.Truncate(w.reserved); err == nil {
			var more int
			more, err = w.f.Write(p[n:])
			n += more
		}
	}
	w.sum.Write(p[:n])
	w.size += int64(n)
	return n, full(err)
}

// Size returns how many sealed bytes have been written.
func (w *BlobWriter) Size() int64 { return w.size }

// Sync makes the bytes durable and returns how the attachment will be named. Nothing may be written after it.
func (w *BlobWriter) Sync() (BlobHash, error) {
	if err := w.f.Sync(); err != nil {
		return BlobHash{}, full(fmt.Errorf("storing an attachment: %w", err))
	}
	return BlobHash(w.sum.Sum(nil)), nil
}

// Keep gives the attachment its name, durably. It follows Sync.
func (w *BlobWriter) Keep() (Blob, error) {
	b := Blob{BlobHash(w.sum.Sum(nil)), w.size}
	if err := w.v.enter(); err != nil {
		return b, errors.Join(err, w.f.Close())
	}
	defer w.v.leave()
	if err := w.f.Close(); err != nil {
		return b, fmt.Errorf("storing an attachment: %w", err)
	}
	if err := w.v.rename(w.f.Name(), b.Hash); err != nil {
		return b, fmt.Errorf("storing an attachment: %w", err)
	}
	return b, nil
}

// Discard removes what was written. After Keep it does nothing.
func (w *BlobWriter) Discard() error {
	if err := w.Release(); err != nil {
		return errors.Join(err, w.f.Close())
	}
	err := w.f.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return errors.Join(err, removeIfThere(w.f.Name()))
}

func (v *Vault) rename(path string, h BlobHash) error {
	if err := os.Rename(path, v.cfg.blob(h.String())); err != nil {
		return err
	}
	return syncDir(v.cfg.path(blobsName))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// OpenBlob opens a sealed attachment for reading, or fails with ErrNotFound. The bytes are as they lie on the disk:
// CheckBlob compares them with their name.
func (v *Vault) OpenBlob(h BlobHash) (*os.File, int64, error) {
	if err := v.enter(); err != nil {
		return nil, 0, err
	}
	defer v.leave()
	path := v.cfg.blob(h.String())
	if err := checkFile(path); errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("attachment %s: %w", h, ErrNotFound)
	} else if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// CheckBlob reads an attachment from its beginning to its end and compares it with its name; other bytes are ErrDamaged.
func CheckBlob(r io.Reader, h BlobHash) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return fmt.Errorf("reading attachment %s: %w", h, err)
	}
	if got := BlobHash(sum.Sum(nil)); got != h {
		return fmt.Errorf("attachment %s has the SHA-256 %s: %w", h, got, ErrDamaged)
	}
	return nil
}

// HasBlob returns the size of a sealed attachment that the vault holds whole.
func (v *Vault) HasBlob(h BlobHash) (size int64, ok bool) {
	info, err := os.Lstat(v.cfg.blob(h.String()))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// RemoveBlob removes a sealed attachment and what was fetched of it. It is no error when there is none.
func (v *Vault) RemoveBlob(h BlobHash) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	err := errors.Join(removeIfThere(v.cfg.blob(h.String())), removeIfThere(v.cfg.blob(h.String()+partSuffix)))
	return errors.Join(err, syncDir(v.cfg.path(blobsName)))
}

// PartBlob opens what was fetched of an attachment so far, for appending, and returns how many bytes that is.
func (v *Vault) PartBlob(h BlobHash) (*os.File, int64, error) {
	if err := v.enter(); err != nil {
		return nil, 0, err
	}
	defer v.leave()
	f, err := os.OpenFile(v.cfg.blob(h.String()+partSuffix), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, err
	}
	n, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, n, nil
}

// KeepPart takes an attachment that was fetched to its end: other bytes than its name says are thrown away, with
// ErrDamaged.
func (v *Vault) KeepPart(h BlobHash) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	path := v.cfg.blob(h.String() + partSuffix)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = CheckBlob(f, h)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if errors.Is(err, ErrDamaged) {
			err = errors.Join(err, removeIfThere(path))
		}
		return err
	}
	return v.rename(path, h)
}

// removeBlobs removes every file of ours in the folder of attachments, then the folder. What is not ours keeps both.
func removeBlobs(cfg Config) error {
	dir := cfg.path(blobsName)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() { // a link is removed, not what it points to
		return removeIfThere(dir)
	}
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if IsBlobName(e.Name()) {
			errs = append(errs, removeIfThere(cfg.blob(e.Name())))
		}
	}
	return errors.Join(append(errs, removeIfThere(dir))...)
}
