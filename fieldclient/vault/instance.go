package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// instance is what tells this database from older states and from copies of itself (docs/protocol.md §5). It is
// rewritten in every transaction.
type instance struct {
	generation uint64   // counts transactions
	token      [16]byte // random; another one after every restore
	last       int64    // the newest row of the log
	home       [32]byte // identity of the file store.db; not kept outside
}

const (
	outsideSize  = 8 + 16
	instanceSize = outsideSize + 8 + 32
)

func (in instance) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, in.generation)
	b = append(b, in.token[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(in.last))
	return append(b, in.home[:]...)
}

func decodeInstance(b []byte) (in instance) {
	in.generation = binary.BigEndian.Uint64(b)
	copy(in.token[:], b[8:])
	if len(b) == instanceSize {
		in.last = int64(binary.BigEndian.Uint64(b[outsideSize:]))
		copy(in.home[:], b[outsideSize+8:])
	}
	return in
}

func (k *keys) sealInstance(in instance) ([]byte, error) {
	b, err := k.box(instanceTable)
	if err != nil {
		return nil, err
	}
	return b.seal(nil, rowOf(1), 0, in.encode())
}

// readInstance fails with ErrDamaged when the database is not one of this vault.
func readInstance(ctx context.Context, q *sql.DB, k *keys) (instance, error) {
	var sealed []byte
	if err := q.QueryRowContext(ctx, `SELECT sealed FROM instance WHERE id = 1`).Scan(&sealed); errors.Is(err, sql.ErrNoRows) {
		return instance{}, fmt.Errorf("%s has no instance: %w", storeName, ErrDamaged)
	} else if err != nil {
		return instance{}, damaged(err)
	}
	b, err := k.box(instanceTable)
	if err != nil {
		return instance{}, err
	}
	plain, _, err := b.open(nil, rowOf(1), sealed)
	if err != nil || len(plain) != instanceSize {
		return instance{}, fmt.Errorf("the instance in %s does not belong to the key file: %w", storeName, ErrDamaged)
	}
	return decodeInstance(plain), nil
}

// Reason says what shows that the vault is not the one that was last open here.
type Reason int

// The reasons, from the one that says most.
const (
	// NotRestored: this is the vault that was last open here, in the state it was left in, or later.
	NotRestored Reason = iota
	// OlderState: the vault has been in a later state before.
	OlderState
	// OtherInstance: this vault was restored here or elsewhere since, and went on from there.
	OtherInstance
	// UnknownHere: nothing is known of this vault on this machine; it was moved or copied here, or what was known is
	// lost.
	UnknownHere
	// CopiedFiles: the database is a copy of the file that was last written.
	CopiedFiles
)

// String returns the reason as a code.
func (r Reason) String() string {
	switch r {
	case NotRestored:
		return "not-restored"
	case OlderState:
		return "older-state"
	case OtherInstance:
		return "other-instance"
	case UnknownHere:
		return "unknown-here"
	case CopiedFiles:
		return "copied-files"
	}
	return fmt.Sprintf("Reason(%d)", int(r))
}

// Restored reports whether the vault was restored or copied since it was last open, as far as can be seen on this
// machine. In doubt it is: all that follows is a new incarnation of the feeds. It stays so, over restarts too, until
// AcknowledgeRestore.
func (v *Vault) Restored() (Reason, bool) {
	v.writing.Lock()
	defer v.writing.Unlock()
	return v.reason, v.reason != NotRestored
}

// AcknowledgeRestore makes this vault the one that goes on; any other copy will be found to be a copy on this machine.
// Call it after new incarnations have been opened: if it is interrupted, the restore is reported again.
func (v *Vault) AcknowledgeRestore(ctx context.Context) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	if err := v.acknowledge(ctx); err != nil {
		return fmt.Errorf("taking up a restored vault: %w", err)
	}
	return nil
}

func (v *Vault) acknowledge(ctx context.Context) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	next := v.inside
	next.home = v.home
	if _, err := io.ReadFull(v.cfg.Rand, next.token[:]); err != nil {
		return err
	}
	if err := v.commit(ctx, next, func(*Tx) error { return nil }); err != nil {
		return err
	}
	if err := writeOutside(v.cfg, v.keys, v.inside); err != nil {
		return err
	}
	f, err := os.OpenFile(v.outsidePath(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if v.outside != nil {
		v.outside.Close()
	}
	v.outside, v.reason = f, NotRestored
	return nil
}

// compareOutside decides at Open. It leaves a file outside that it does not understand as it is.
func (v *Vault) compareOutside() error {
	path := v.outsidePath()
	if err := checkFile(path); errors.Is(err, os.ErrNotExist) {
		v.reason = UnknownHere
		return nil
	} else if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	out, err := readOutside(f, v.keys)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	switch {
	case out == nil:
		v.reason = UnknownHere
	case out.token != v.inside.token:
		v.reason = OtherInstance
	case out.generation > v.inside.generation:
		v.reason = OlderState
	case v.home != v.inside.home:
		v.reason = CopiedFiles
	}
	if v.reason != NotRestored {
		return f.Close()
	}
	v.outside = f
	return nil
}

// noteOutside keeps up the file outside after a commit. One small write in place is whole or not at all when the
// process dies; should it fail, an older value stays, which is only less watchful.
func (v *Vault) noteOutside() {
	if v.outside == nil {
		return
	}
	if sealed, err := v.keys.sealOutside(v.inside); err == nil {
		v.outside.WriteAt(sealed, 0)
	}
}

func (k *keys) sealOutside(in instance) ([]byte, error) {
	b, err := k.box(outsideTable)
	if err != nil {
		return nil, err
	}
	return b.seal(nil, nil, 0, in.encode()[:outsideSize])
}

// readOutside returns nil for a file that this vault did not write.
func readOutside(f *os.File, k *keys) (*instance, error) {
	sealed := make([]byte, sealedSize(outsideSize)+1)
	n, err := io.ReadFull(f, sealed)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	b, err := k.box(outsideTable)
	if err != nil {
		return nil, err
	}
	plain, _, err := b.open(nil, nil, sealed[:n])
	if err != nil || len(plain) != outsideSize {
		return nil, nil
	}
	in := decodeInstance(plain)
	return &in, nil
}

// writeOutside replaces the file outside, durably: losing it would be taken for a restore.
func writeOutside(cfg Config, k *keys, in instance) error {
	sealed, err := k.sealOutside(in)
	if err != nil {
		return err
	}
	path := outsidePath(cfg, k.id)
	return writeFile(path+".new", path, sealed)
}

func (v *Vault) outsidePath() string { return outsidePath(v.cfg, v.id) }

func outsidePath(cfg Config, id vaultID) string {
	sum := sha256.Sum256(append([]byte("kua vault state\x00"), id[:]...))
	return filepath.Join(cfg.StateDir, hex.EncodeToString(sum[:16]))
}
