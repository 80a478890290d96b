package vault

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"kua/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

// The errors that callers tell apart.
var (
	// ErrWrongPassphrase says that no slot of the key file opens with the secret.
	ErrWrongPassphrase = errors.New("wrong passphrase: check the keyboard layout and Caps Lock, or use the recovery secret")
	// ErrMistyped says that a secret has the form of a recovery secret but not its check characters. It is also an
	// ErrWrongPassphrase.
	ErrMistyped = fmt.Errorf("the recovery secret is mistyped: compare it with the paper, group by group (%w)", ErrWrongPassphrase)
	// ErrLocked says that another process has the vault open.
	ErrLocked = errors.New("another Kua is open on this data folder: close it first")
	// ErrExists says that Create found a vault, or a part of one.
	ErrExists = errors.New("the data folder holds a vault already: open it, or choose another folder")
	// ErrMissing says that Open found no vault.
	ErrMissing = errors.New("the data folder holds no vault: create one, or check the path")
	// ErrDamaged says that a file was changed by something else than Kua. Nothing has been overwritten.
	ErrDamaged = errors.New("damaged, and left as it is: copy the data folder away, then put back a backup or enrol this laptop anew")
	// ErrNewer says that a later version of Kua wrote the files.
	ErrNewer = errors.New("written by a newer version of Kua: install that version or a later one")
	// ErrNotFound says that there is no row with that id, or no value with that name.
	ErrNotFound = errors.New("not in the vault")
	// ErrClosed says that the vault has been closed.
	ErrClosed = errors.New("the vault is closed")
)

// Config names a vault.
type Config struct {
	// Dir is the data folder. Create makes it; it must be the user's own, with mode 0700, and no link.
	Dir string
	// StateDir is a folder outside Dir, and outside what is backed up or copied with it, such as a subfolder of
	// os.UserConfigDir. It is made where it is missing.
	StateDir string
	// KDF is what Create makes the key file with; the zero value is DefaultKDF. Open takes it from the key file.
	KDF KDF
	// Rand is the source of keys and nonces; nil is crypto/rand.Reader.
	Rand io.Reader
}

// Vault is an open store. It is safe for concurrent use: writes take turns, reads run beside them.
type Vault struct {
	cfg  Config
	id   vaultID
	lock *os.File
	db   *sqldb.DB
	keys *keys
	stmt statements
	last atomic.Int64 // the newest row that is committed

	keyMu sync.Mutex // one change of the key file at a time
	gone  bool       // the key file has been wiped; guarded by keyMu

	writing sync.Mutex // guards what follows, and is held during a transaction
	inside  instance   // as committed
	home    [32]byte   // where store.db is now
	reason  Reason     // not zero until the restore is acknowledged
	outside *os.File   // nil until then
	broken  error      // a commit failed, and what it left could not be read back

	mu      sync.Mutex // guards closed, and running.Add against running.Wait
	closed  bool
	running sync.WaitGroup
}

// Create makes a vault that opens with the passphrase, and with the recovery secret that it returns: to be shown once,
// written on paper and forgotten. It leaves nothing that counts as a vault when it fails or is interrupted.
func Create(ctx context.Context, cfg Config, passphrase string) (v *Vault, recovery string, err error) {
	cfg = cfg.withDefaults()
	v, recovery, err = create(ctx, cfg, passphrase)
	if err != nil {
		return nil, "", fmt.Errorf("creating the vault in %s: %w", cfg.Dir, err)
	}
	return v, recovery, nil
}

// Open opens a vault with its passphrase or its recovery secret.
func Open(ctx context.Context, cfg Config, secret string) (*Vault, error) {
	cfg = cfg.withDefaults()
	v, err := open(ctx, cfg, secret)
	if err != nil {
		return nil, fmt.Errorf("opening the vault in %s: %w", cfg.Dir, err)
	}
	return v, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.KDF == (KDF{}) {
		cfg.KDF = DefaultKDF()
	}
	return cfg
}

func (cfg Config) path(name string) string { return filepath.Join(cfg.Dir, name) }

// create commits with its last rename but one, that of the key file; before it, what lies in the folder is rubbish.
func create(ctx context.Context, cfg Config, passphrase string) (_ *Vault, recovery string, err error) {
	if err := cfg.KDF.check(); err != nil {
		return nil, "", err
	}
	if at := SyncedBy(cfg.Dir); at != "" {
		return nil, "", fmt.Errorf("%w (%s): choose another folder", ErrSynced, at)
	}
	if err := makeDir(cfg.Dir); err != nil {
		return nil, "", err
	}
	if err := makeStateDir(cfg); err != nil {
		return nil, "", err
	}
	lock, err := lockDir(cfg)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			unlock(lock)
		}
	}()
	for _, name := range []string{keysName, storeName} {
		if _, err := os.Lstat(cfg.path(name)); !errors.Is(err, os.ErrNotExist) {
			return nil, "", errors.Join(ErrExists, err)
		}
	}
	for _, name := range []string{newKeysName, newStoreName, newStoreName + "-wal", newStoreName + "-shm"} {
		if err := os.Remove(cfg.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, "", err
		}
	}
	file, dek, recovery, err := newKeyFile(cfg, passphrase)
	if err != nil {
		return nil, "", err
	}
	k := deriveKeys(dek, file.id, cfg.Rand)
	if err := createStore(ctx, cfg, k); err != nil {
		return nil, "", err
	}
	if err := replaceFile(cfg, cfg.path(newKeysName), cfg.path(keysName), file.encode(k)); err != nil {
		return nil, "", err
	}
	v, err := load(ctx, cfg, lock, file.id, k)
	return v, recovery, err
}

// createStore makes the database under its temporary name, and the file outside that belongs to it.
func createStore(ctx context.Context, cfg Config, k *keys) error {
	path := cfg.path(newStoreName)
	db, err := sqldb.Open(ctx, sqldb.Config{Path: path, SecureDelete: true})
	if err != nil {
		return err
	}
	in := instance{generation: 1}
	err = func() error {
		if in.home, err = identity(path); err != nil {
			return err
		}
		if _, err := io.ReadFull(cfg.Rand, in.token[:]); err != nil {
			return err
		}
		if err := sqldb.Migrate(ctx, db.Write, "vault", migrations, "migrations"); err != nil {
			return err
		}
		sealed, err := k.sealInstance(in)
		if err != nil {
			return err
		}
		_, err = db.Write.ExecContext(ctx, `INSERT INTO instance (id, sealed) VALUES (1, $1)`, sealed)
		return err
	}()
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return writeOutside(cfg, k, in)
}

func open(ctx context.Context, cfg Config, secret string) (_ *Vault, err error) {
	if err := checkDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := makeStateDir(cfg); err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock(lock)
		}
	}()
	file, err := readKeyFile(cfg)
	if err != nil {
		return nil, err
	}
	dek, err := file.unlock(secret)
	if err != nil {
		return nil, err
	}
	k := deriveKeys(dek, file.id, cfg.Rand)
	if err := file.verify(k); err != nil {
		return nil, err
	}
	if err := os.Remove(cfg.path(newKeysName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return load(ctx, cfg, lock, file.id, k)
}

// load opens the database; it is the common end of create and open.
func load(ctx context.Context, cfg Config, lock *os.File, id vaultID, k *keys) (_ *Vault, err error) {
	defer func() {
		if err != nil {
			k.zero()
		}
	}()
	if err := finishCreation(cfg); err != nil {
		return nil, err
	}
	if err := prepareBlobs(cfg); err != nil {
		return nil, err
	}
	path := cfg.path(storeName)
	if err := checkStore(ctx, path, k); err != nil {
		return nil, err
	}
	v := &Vault{cfg: cfg, id: id, lock: lock, keys: k}
	if v.home, err = identity(path); err != nil {
		return nil, err
	}
	if v.db, err = sqldb.Open(ctx, sqldb.Config{Path: path, SecureDelete: true}); err != nil {
		return nil, damaged(err)
	}
	if err = v.prepare(ctx); err == nil {
		err = v.compareOutside()
	}
	if err != nil {
		return nil, errors.Join(err, v.stmt.close(), v.db.Close())
	}
	return v, nil
}

// finishCreation does the last step of a creation that was interrupted before it.
func finishCreation(cfg Config) error {
	_, err := os.Lstat(cfg.path(storeName))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := checkFile(cfg.path(newStoreName)); err != nil {
		return fmt.Errorf("%s is missing beside its key file: %w", storeName, ErrDamaged)
	}
	if err := os.Rename(cfg.path(newStoreName), cfg.path(storeName)); err != nil {
		return err
	}
	return syncDir(cfg.Dir)
}

// checkStore sees that the database can be read and belongs to the key, before anything is opened for writing. It
// opens read-only: closing what it finds damaged must not fold the WAL into it.
func checkStore(ctx context.Context, path string, k *keys) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := checkFile(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := checkFile(path); err != nil {
		return err
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return errors.Join(fmt.Errorf("%s is empty: %w", storeName, ErrDamaged), err)
	}
	db, err := sqldb.Open(ctx, sqldb.Config{Path: path, ReadOnly: true, MaxConns: 1})
	if err != nil {
		return damaged(err)
	}
	_, err = readInstance(ctx, db.Read, k)
	return errors.Join(err, db.Close())
}

// prepare brings the tables up to date and reads what is kept in memory.
func (v *Vault) prepare(ctx context.Context) error {
	if err := sqldb.Migrate(ctx, v.db.Write, "vault", migrations, "migrations"); errors.Is(err, sqldb.ErrNewer) {
		return fmt.Errorf("%s was %w", storeName, ErrNewer)
	} else if err != nil {
		return damaged(err)
	}
	in, err := readInstance(ctx, v.db.Read, v.keys)
	if err != nil {
		return err
	}
	var newest int64
	if err := v.db.Read.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) FROM log`).Scan(&newest); err != nil {
		return damaged(err)
	}
	if newest != in.last {
		return fmt.Errorf("the log ends with row %d instead of %d: %w", newest, in.last, ErrDamaged)
	}
	v.inside = in
	v.last.Store(in.last)
	return v.stmt.prepare(ctx, v.db)
}

// damaged marks the errors of SQLite that mean that the file cannot be read.
func damaged(err error) error {
	var lite interface {
		error
		Code() int
	}
	if err = full(err); !errors.As(err, &lite) || errors.Is(err, ErrDamaged) {
		return err
	}
	switch lite.Code() & 0xff {
	case 1, 11, 17, 24, 26: // SQLITE_ERROR (a table is missing), _CORRUPT, _SCHEMA, _FORMAT, _NOTADB
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}

// enter registers a use of the vault, which Close waits for; leave ends it.
func (v *Vault) enter() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	v.running.Add(1)
	return nil
}

func (v *Vault) leave() { v.running.Done() }

// Close waits for running reads and writes, closes the files and overwrites the keys. What starts after it fails with
// ErrClosed. It must not be called from within a transaction or a scan.
func (v *Vault) Close() error {
	if !v.shut() {
		return nil
	}
	v.running.Wait()
	return v.release()
}

// Closed reports whether the vault has been closed or wiped.
func (v *Vault) Closed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closed
}

// shut refuses everything that starts from now on; it is false the second time.
func (v *Vault) shut() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := !v.closed
	v.closed = true
	return first
}

func (v *Vault) release() error {
	v.keys.zero()
	err := errors.Join(v.stmt.close(), v.db.Close(), unlock(v.lock))
	if v.outside != nil {
		err = errors.Join(err, v.outside.Close())
	}
	return err
}

// statements are prepared once: inserting and reading spend a quarter of their time there otherwise.
type statements struct {
	insert, insertMany, replace, put, drop, bump *sql.Stmt // of the writing pool
	txGet, txRead, txPage, get, read, page       *sql.Stmt
}

func (s *statements) all() map[**sql.Stmt]string {
	const get, read = `SELECT sealed FROM state WHERE key = $1`, `SELECT sealed FROM log WHERE id = $1`
	const page = `SELECT id, sealed FROM log WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3`
	return map[**sql.Stmt]string{
		&s.insert:     `INSERT INTO log (id, sealed) VALUES ($1, $2)`,
		&s.insertMany: `INSERT INTO log (id, sealed) VALUES ` + values(rowsAtOnce),
		&s.replace:    `UPDATE log SET sealed = $2 WHERE id = $1`,
		&s.put:        `INSERT INTO state (key, sealed) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed`,
		&s.drop:       `DELETE FROM state WHERE key = $1`,
		&s.bump:       `UPDATE instance SET sealed = $1 WHERE id = 1`,
		&s.txGet:      get, &s.get: get,
		&s.txRead: read, &s.read: read,
		&s.txPage: page, &s.page: page,
	}
}

func (s *statements) prepare(ctx context.Context, db *sqldb.DB) (err error) {
	for stmt, text := range s.all() {
		pool := db.Write
		if stmt == &s.get || stmt == &s.read || stmt == &s.page {
			pool = db.Read
		}
		if *stmt, err = pool.PrepareContext(ctx, text); err != nil {
			return damaged(errors.Join(err, s.close()))
		}
	}
	return nil
}

func (s *statements) close() error {
	var errs []error
	for stmt := range s.all() {
		if *stmt != nil {
			errs = append(errs, (*stmt).Close())
		}
	}
	return errors.Join(errs...)
}
