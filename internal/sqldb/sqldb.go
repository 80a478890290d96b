// Package sqldb opens SQL databases the one way that Kua needs them: durable, never spilling to temporary files, with
// one writer and many readers. It also runs migrations and tells errors apart on SQLite and PostgreSQL.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"modernc.org/sqlite"
)

const defaultReaders = 4

// Config names an SQLite database.
type Config struct {
	// Path is the file. It is created with mode 0600 where it does not exist; its folder must exist. With Memory it is
	// only a name, see there.
	Path string
	// ReadOnly opens an existing file for reading only: it is not created, and every change is refused.
	ReadOnly bool
	// Memory keeps the database in memory, for as long as it is open. With an empty Path it is private and has a
	// single connection, so that DB.Read and DB.Write are one pool: a query that is still open blocks a write, and a
	// read inside InTx must go through its transaction. With a Path it is shared under that name by everything in
	// this process, has readers beside its writer that wait for each other's transactions, and holds at most 1 GiB.
	Memory bool
	// MaxConns is the largest number of reading connections; 0 means 4.
	MaxConns int
	// SecureDelete overwrites what is deleted or shortened with zeros in the file.
	SecureDelete bool
}

// DB is an open database: two pools over the same file.
type DB struct {
	// Write has one connection, whose transactions take the write lock when they begin.
	Write *sql.DB
	// Read has several connections, which refuse to write.
	Read *sql.DB
}

// Open opens the database and makes one connection of each pool. What is set, on every connection: WAL,
// synchronous=FULL, temp_store=MEMORY, foreign_keys, busy_timeout of 5 s, and no trust in functions or
// double-quoted strings that a file's schema may name.
//
// A commit reaches the disk with fdatasync(2) where the system has it, as in SQLite's builds for Linux: a switch of
// the whole process.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	db, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", cfg.Path, err)
	}
	return db, nil
}

func open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Memory && cfg.ReadOnly {
		return nil, errors.New("a database in memory cannot be read-only")
	}
	if !cfg.Memory {
		path, err := filepath.Abs(cfg.Path)
		if err != nil {
			return nil, err
		}
		cfg.Path = path
		if err := prepare(cfg); err != nil {
			return nil, err
		}
	}
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return nil, err
	}
	readers := cfg.MaxConns
	if readers <= 0 {
		readers = defaultReaders
	}
	if cfg.ReadOnly {
		pool, err := connect(ctx, source(cfg, false), readers)
		return &DB{Write: pool, Read: pool}, err
	}
	write, err := connect(ctx, source(cfg, true), 1)
	if err != nil {
		return nil, err
	}
	if cfg.Memory && cfg.Path == "" {
		return &DB{Write: write, Read: write}, nil
	}
	read, err := connect(ctx, source(cfg, false), readers)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &DB{Write: write, Read: read}, nil
}

// prepare creates the file, so that SQLite, which would use 0644, finds it; -wal and -shm inherit its mode.
func prepare(cfg Config) error {
	info, err := os.Lstat(cfg.Path)
	if err == nil && !info.Mode().IsRegular() {
		return errors.New("not a regular file: give the path of the database itself, not of a link or folder")
	}
	if err == nil || cfg.ReadOnly || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(cfg.Path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func connect(ctx context.Context, dsn string, conns int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns) // a database in memory lives in its connections
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// source returns the URI of one pool.
func source(cfg Config, write bool) string {
	u := url.URL{Scheme: "file"}
	q := url.Values{"_busy_timeout": {"5000"}, "_defensive": {"1"}, "_dqs": {"0"}}
	pragmas := []string{"temp_store(MEMORY)", "synchronous(FULL)", "foreign_keys(ON)", "trusted_schema(OFF)"}
	if cfg.SecureDelete {
		pragmas = append(pragmas, "secure_delete(ON)")
	}
	switch {
	case cfg.Memory && cfg.Path == "":
		u.Opaque = ":memory:"
	case cfg.Memory:
		u.Path = "/" + cfg.Path
		q.Set("vfs", "memdb")
	default:
		u.Path = filepath.ToSlash(cfg.Path)
		if runtime.GOOS == "windows" && u.Path[0] != '/' {
			u.Path = "/" + u.Path // file:///C:/…
		}
		if cfg.ReadOnly {
			q.Set("mode", "ro")
		} else {
			q.Set("mode", "rw")
			pragmas = append(pragmas, "journal_mode(WAL)")
		}
	}
	if write {
		q.Set("_txlock", "immediate")
	} else {
		q.Set("_query_only", "1")
	}
	q["_pragma"] = pragmas
	u.RawQuery = q.Encode()
	return u.String()
}

// Close closes both pools. It waits for statements that run.
func (db *DB) Close() error {
	if db.Read == db.Write {
		return db.Write.Close()
	}
	return errors.Join(db.Read.Close(), db.Write.Close()) // the writer last: it can fold the WAL into the file
}

// InTx runs fn in one transaction of db, which it commits when fn returns nil and rolls back otherwise, also when fn
// panics. When it returns nil for DB.Write, what fn did is on the disk.
func InTx(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback() // does nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// IsUnique reports whether err says that a UNIQUE or PRIMARY KEY constraint refused a row, on SQLite or PostgreSQL.
func IsUnique(err error) bool {
	var lite interface {
		error
		Code() int
	}
	if errors.As(err, &lite) {
		switch lite.Code() {
		case 1555, 2067, 2579: // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
			return true
		}
	}
	var postgres interface {
		error
		SQLState() string
	}
	return errors.As(err, &postgres) && postgres.SQLState() == "23505" // unique_violation
}

// Dialect is the kind of SQL that a database speaks. Only table definitions differ by it.
type Dialect int

// The dialects. Their names are those of the folders that migrations are kept in: "sqlite" and "postgres".
const (
	SQLite Dialect = iota
	PostgreSQL
)

// String returns the dialect's name.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite"
	case PostgreSQL:
		return "postgres"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}
