package server

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kua/internal/sqldb"
	"kua/server/tilelog"
	"kua/syncproto"
)

// Names of the meta table that only a backup has.
const (
	metaServer = "server" // id of the server
	metaKey    = "key"    // PEM, where it was asked for
)

// Backup is what a backup holds.
type Backup struct {
	File        string             `json:"file"`
	Blobs       string             `json:"blobs"` // list of the attachments that belong to it
	Server      syncproto.DeviceID `json:"server"`
	Changesets  int64              `json:"changesets"`
	Attachments int64              `json:"attachments"`
	WithKey     bool               `json:"withKey"`
}

// MakeBackup writes a consistent copy of the database to file, mode 0600, beside a running server or without one. The
// attachments themselves never change: file.blobs lists what to copy of the folder blobs. The server's key goes in only
// withKey: whoever has such a backup can be the server.
func MakeBackup(ctx context.Context, cfg Config, file string, withKey bool) (Backup, error) {
	b, err := makeBackup(ctx, cfg, file, withKey)
	if err != nil {
		return b, fmt.Errorf("making a backup: %w", err)
	}
	return b, nil
}

func makeBackup(ctx context.Context, cfg Config, file string, withKey bool) (b Backup, err error) {
	b = Backup{File: file, Blobs: file + ".blobs", WithKey: withKey}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return b, fmt.Errorf("%s is there already: choose another name", file)
	}
	key, err := readKey(filepath.Join(cfg.Dir, keyFile))
	if err != nil {
		return b, err
	}
	b.Server = syncproto.DeviceIDOf(key.Public().(ed25519.PublicKey))
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp") // mode 0600
	if err != nil {
		return b, err
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		return b, err
	}
	if err := copyDatabase(ctx, filepath.Join(cfg.Dir, databaseFile), temp.Name()); err != nil {
		return b, err
	}
	if err := b.finish(ctx, temp.Name(), key); err != nil {
		return b, err
	}
	if err := syncFile(temp.Name()); err != nil {
		return b, err
	}
	return b, rename(temp.Name(), file)
}

// copyDatabase writes what is committed into an empty file, in one piece.
func copyDatabase(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{Path: from}) // a read-only connection may not vacuum into another file
	if err != nil {
		return err
	}
	_, err = db.Write.ExecContext(ctx, `VACUUM INTO $1`, to)
	return errors.Join(err, db.Close())
}

// finish says in the copy whose it is, and lists the attachments.
func (b *Backup) finish(ctx context.Context, path string, key ed25519.PrivateKey) error {
	db, err := openDatabase(ctx, path)
	if err != nil {
		return err
	}
	err = sqldb.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		values := map[string][]byte{metaServer: b.Server[:]}
		if b.WithKey {
			values[metaKey] = pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: key.Seed()})
		}
		if err := writeMeta(ctx, tx, values); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM changeset`).Scan(&b.Changesets); err != nil {
			return err
		}
		return b.list(ctx, tx)
	})
	return errors.Join(err, db.Close()) // which leaves one file, without a log beside it
}

// list writes the names of the attachments, one a line: file, bytes, SHA-256.
func (b *Backup) list(ctx context.Context, tx *sql.Tx) error {
	f, err := os.OpenFile(b.Blobs, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := tx.QueryContext(ctx, `SELECT file, size, hash FROM blob WHERE complete = 1 ORDER BY file`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var size int64
		var h []byte
		if err := rows.Scan(&name, &size, &h); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(f, "%s %d %x\n", name, size, h); err != nil {
			return err
		}
		b.Attachments++
	}
	return errors.Join(rows.Err(), f.Sync())
}

// Restored says what a restore did.
type Restored struct {
	Dir     string             `json:"data"`
	Server  syncproto.DeviceID `json:"server"`
	Epoch   syncproto.Hash     `json:"epoch"`
	Origin  string             `json:"origin"`
	Kept    string             `json:"kept,omitempty"` // where the database is that was there before
	Missing int                `json:"missing"`        // attachments that are not in the folder: clients bring them again
}

// Restore puts a backup into a new or an existing data folder. A database that is there is renamed, never deleted. The
// epoch is renewed, so that clients bring what the server lost, and the log goes on under a new origin, so that nobody
// sees two histories under one name (docs/protocol.md §8).
func Restore(ctx context.Context, cfg Config, file string) (Restored, error) {
	r, err := restore(ctx, cfg, file)
	if err != nil {
		return r, fmt.Errorf("restoring %s: %w", file, err)
	}
	return r, nil
}

func restore(ctx context.Context, cfg Config, file string) (r Restored, err error) {
	r.Dir = cfg.Dir
	for _, dir := range []string{cfg.Dir, filepath.Join(cfg.Dir, blobFolder)} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil {
			return r, err
		}
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return r, err
	}
	defer unlock(lock)
	path, next := filepath.Join(cfg.Dir, databaseFile), filepath.Join(cfg.Dir, "restoring.db")
	if err := copyFile(file, next); err != nil {
		return r, err
	}
	defer os.Remove(next)
	known := numberOf(ctx, path)
	if err := r.prepare(ctx, cfg, next, known); err != nil {
		return r, err
	}
	if err := syncFile(next); err != nil {
		return r, err
	}
	if _, err := os.Lstat(path); err == nil {
		r.Kept = path + ".before-" + cfg.Now().UTC().Format("20060102T150405Z")
		for _, suffix := range []string{"-wal", "-shm", ""} { // together they are the database
			if err := os.Rename(path+suffix, r.Kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return r, err
			}
		}
	}
	return r, rename(next, path)
}

// numberOf returns the number of the log's origin in a database, or 0 where it cannot be read: the high-water file
// knows it too.
func numberOf(ctx context.Context, path string) (number int64) {
	db, err := sqldb.Open(ctx, sqldb.Config{Path: path, ReadOnly: true})
	if err != nil {
		return 0
	}
	defer db.Close()
	if db.Read.QueryRowContext(ctx, `SELECT number FROM tilelog_tree WHERE id = 1`).Scan(&number) != nil {
		return 0
	}
	return number
}

// prepare makes a copy of a backup fit to serve.
func (r *Restored) prepare(ctx context.Context, cfg Config, path string, known int64) error {
	if err := looksLikeBackup(ctx, path); err != nil {
		return err
	}
	db, err := openDatabase(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := r.key(ctx, cfg, db.Write); err != nil {
		return err
	}
	origin, err := readMeta(ctx, db.Write, metaOrigin)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(cfg.Rand, r.Epoch[:]); err != nil {
		return err
	}
	err = sqldb.InTx(ctx, db.Write, func(tx *sql.Tx) error {
		number, err := tilelog.Restart(ctx, tx, tilelog.Config{Origin: string(origin), HighWater: cfg.highWater()}, known)
		if err != nil {
			return err
		}
		r.Origin = fmt.Sprintf("%s/%d", origin, number)
		if err := writeMeta(ctx, tx, map[string][]byte{metaEpoch: r.Epoch[:]}); err != nil {
			return err
		}
		for _, s := range []string{`DELETE FROM meta WHERE name IN ('server', 'key')`, `DELETE FROM snapshot_chunk`} {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		r.Missing, err = forgetMissing(ctx, tx, filepath.Join(cfg.Dir, blobFolder))
		return err
	})
	if err != nil {
		return err
	}
	_, err = db.Write.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// looksLikeBackup checks a file before anything is done with it.
func looksLikeBackup(ctx context.Context, path string) error {
	db, err := sqldb.Open(ctx, sqldb.Config{Path: path, ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close()
	faults, err := integrity(ctx, db.Read)
	if err != nil {
		return fmt.Errorf("it is not a database: choose a file that `kua-server backup` made: %w", err)
	}
	if len(faults) > 0 {
		return fmt.Errorf("it is damaged (%s): choose another backup", faults[0])
	}
	epoch, err := readMeta(ctx, db.Read, metaEpoch)
	if err != nil || len(epoch) == 0 {
		return fmt.Errorf("it is no backup of a server: choose a file that `kua-server backup` made")
	}
	return nil
}

// key finds the server's key: in the folder, or in the backup.
func (r *Restored) key(ctx context.Context, cfg Config, db *sql.DB) error {
	path := filepath.Join(cfg.Dir, keyFile)
	id, err := readMeta(ctx, db, metaServer)
	if err != nil {
		return err
	}
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err := readMeta(ctx, db, metaKey)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(text)
		if block == nil || len(block.Bytes) != ed25519.SeedSize {
			return fmt.Errorf("the backup has no key: put the server's %s into %s first", keyFile, cfg.Dir)
		}
		if err := writeKey(path, block.Bytes); err != nil {
			return err
		}
		key = ed25519.NewKeyFromSeed(block.Bytes)
	} else if err != nil {
		return err
	}
	r.Server = syncproto.DeviceIDOf(key.Public().(ed25519.PublicKey))
	if len(id) == len(r.Server) && syncproto.DeviceID(id) != r.Server {
		return fmt.Errorf("the backup is of server %x, and the key in %s is that of %s: choose the right folder", id, cfg.Dir, r.Server)
	}
	return nil
}

// forgetMissing drops attachments whose bytes are not in the folder, so that clients bring them again.
func forgetMissing(ctx context.Context, tx *sql.Tx, dir string) (missing int, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT file, received FROM blob`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var gone []string
	for rows.Next() {
		var file string
		var received int64
		if err := rows.Scan(&file, &received); err != nil {
			return 0, err
		}
		info, err := os.Lstat(filepath.Join(dir, filepath.Base(file)))
		if err != nil || !info.Mode().IsRegular() || info.Size() < received {
			gone = append(gone, file)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, file := range gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM blob WHERE file = $1`, file); err != nil {
			return 0, err
		}
	}
	return len(gone), nil
}

// integrity returns what SQLite itself finds wrong with a database.
func integrity(ctx context.Context, db *sql.DB) (faults []string, err error) {
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check(10)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			faults = append(faults, strings.TrimSpace(line))
		}
	}
	return faults, rows.Err()
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// rename moves a file so that its new name survives a power cut.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(syncOpenFolder(dir), dir.Close())
}
