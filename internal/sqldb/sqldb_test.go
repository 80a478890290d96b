package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func open4test(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func pragma(t *testing.T, c *sql.Conn, name string) string {
	t.Helper()
	var v string
	if err := c.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryConnectionHasThePragmas(t *testing.T) {
	files := Config{Path: filepath.Join(t.TempDir(), "a b%c?d#e.db"), MaxConns: 3, SecureDelete: true}
	for _, cfg := range []Config{files, {Memory: true}, {Memory: true, Path: "pragmas"}} {
		db := open4test(t, cfg)
		journal := "wal"
		if cfg.Memory {
			journal = "memory"
		}
		for _, pool := range []*sql.DB{db.Write, db.Read} {
			var conns []*sql.Conn
			for range pool.Stats().MaxOpenConnections {
				c, err := pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
				got := map[string]string{}
				want := map[string]string{"journal_mode": journal, "synchronous": "2", "temp_store": "2", "foreign_keys": "1", "busy_timeout": "5000", "trusted_schema": "0"}
				for name := range want {
					got[name] = pragma(t, c, name)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("memory=%t path=%q: %s", cfg.Memory, cfg.Path, diff)
				}
			}
			for _, c := range conns {
				c.Close()
			}
		}
	}
	if _, err := os.Stat(files.Path); err != nil {
		t.Errorf("the file has another name than asked for: %v", err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no mode bits")
	}
	dir := t.TempDir()
	db := open4test(t, Config{Path: filepath.Join(dir, "x.db")})
	if _, err := db.Write.Exec(`CREATE TABLE t (a)`); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, %v; want database, WAL and shared memory", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestOnlyTheWriterWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if _, err := Open(t.Context(), Config{Path: path, ReadOnly: true}); err == nil {
		t.Fatal("a read-only open created a database")
	}
	db := open4test(t, Config{Path: path})
	if _, err := db.Write.Exec(`CREATE TABLE t (a)`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Read.Exec(`INSERT INTO t (a) VALUES (1)`); err == nil {
		t.Error("the reading pool wrote")
	}
	ro := open4test(t, Config{Path: path, ReadOnly: true})
	if _, err := ro.Write.Exec(`INSERT INTO t (a) VALUES (1)`); err == nil {
		t.Error("a read-only database was written")
	}
}

func TestReadersGoOnBesideAWriter(t *testing.T) {
	db := open4test(t, Config{Path: filepath.Join(t.TempDir(), "x.db")})
	if _, err := db.Write.Exec(`CREATE TABLE t (a)`); err != nil {
		t.Fatal(err)
	}
	err := InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO t (a) VALUES (1)`); err != nil {
			return err
		}
		var n int
		if err := db.Read.QueryRow(`SELECT COUNT(*) FROM t`).Scan(&n); err != nil || n != 0 {
			return fmt.Errorf("a reader saw %d rows of an open transaction, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTransactionsLeaveNothingBehindUnlessTheyReturnNil(t *testing.T) {
	db := open4test(t, Config{Memory: true})
	if _, err := db.Write.Exec(`CREATE TABLE t (a)`); err != nil {
		t.Fatal(err)
	}
	insert := func(tx *sql.Tx) {
		if _, err := tx.Exec(`INSERT INTO t (a) VALUES (1)`); err != nil {
			t.Fatal(err)
		}
	}
	boom := errors.New("boom")
	if err := InTx(t.Context(), db.Write, func(tx *sql.Tx) error { insert(tx); return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { recover() }()
		InTx(t.Context(), db.Write, func(tx *sql.Tx) error { insert(tx); panic("boom") })
	}()
	ctx, cancel := context.WithCancel(t.Context())
	if err := InTx(ctx, db.Write, func(tx *sql.Tx) error { insert(tx); cancel(); return nil }); err == nil {
		t.Error("a cancelled transaction was committed")
	}
	var n int
	if err := db.Write.QueryRow(`SELECT COUNT(*) FROM t`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v (the database in memory must survive too)", n, err)
	}
}

func TestABigSortOpensNoTemporaryFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	tmp := t.TempDir()
	for _, env := range []string{"TMPDIR", "SQLITE_TMPDIR"} {
		t.Setenv(env, tmp)
	}
	db := open4test(t, Config{Memory: true})
	if _, err := db.Write.Exec(`
		CREATE TABLE t (a TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
		INSERT INTO t (a) SELECT hex(randomblob(300)) FROM n`); err != nil {
		t.Fatal(err)
	}
	rows, err := db.Read.Query(`SELECT a FROM t ORDER BY a`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next() // now the sorter is full, and its file, were there one, open
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.Contains(target, "etilqs") || strings.HasPrefix(target, tmp) {
			t.Errorf("the sort wrote to %s", target)
		}
	}
}

type stateError string

func (e stateError) Error() string    { return "postgres " + string(e) }
func (e stateError) SQLState() string { return string(e) }

func TestUniqueViolationsAreTold(t *testing.T) {
	db := open4test(t, Config{Memory: true})
	if _, err := db.Write.Exec(`CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE NOT NULL, c TEXT) STRICT; CREATE TABLE u (x TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`INSERT INTO t (a, b) VALUES (1, 'x')`:                        false,
		`INSERT INTO t (a, b) VALUES (2, 'y'), (2, 'z')`:              true,
		`INSERT INTO t (a, b) VALUES (3, 'w'), (4, 'w')`:              true,
		`INSERT INTO u (x) VALUES ('w'), ('w')`:                       true,
		`INSERT INTO t (a, b) VALUES (5, NULL)`:                       false,
		`INSERT INTO t (a, b) VALUES ('five', 'v')`:                   false,
		`INSERT INTO missing (a) VALUES (1)`:                          false,
		`INSERT INTO t (rowid, a, b) VALUES (7, 7, 'q'), (7, 8, 'r')`: false,
	} {
		_, err := db.Write.Exec(text)
		if got := IsUnique(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%s: %v: got %t", text, err, got)
		}
	}
	for state, want := range map[string]bool{"23505": true, "23503": false} {
		if got := IsUnique(fmt.Errorf("wrapped: %w", stateError(state))); got != want {
			t.Errorf("SQLSTATE %s: got %t", state, got)
		}
	}
}

func TestMigrationsRunOnceEachInOrder(t *testing.T) {
	db := open4test(t, Config{Path: filepath.Join(t.TempDir(), "x.db")})
	files := fstest.MapFS{
		"m/sqlite/0001_first.sql":  {Data: []byte(`CREATE TABLE a (x); INSERT INTO a (x) VALUES (1);`)},
		"m/sqlite/0002_second.sql": {Data: []byte(`INSERT INTO a (x) SELECT x + 1 FROM a;`)},
		"m/sqlite/README":          {Data: []byte(`no SQL`)},
	}
	dir := "m/" + SQLite.String()
	for range 2 {
		if err := Migrate(t.Context(), db.Write, "one", files, dir); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.Read.QueryRow(`SELECT COUNT(*) FROM a`).Scan(&n); err != nil || n != 2 {
		t.Fatalf("%d rows, %v", n, err)
	}
	other := fstest.MapFS{"0001_b.sql": {Data: []byte(`CREATE TABLE b (x)`)}}
	if err := Migrate(t.Context(), db.Write, "two", other, "."); err != nil {
		t.Errorf("another owner's first migration: %v", err)
	}

	files["m/sqlite/0003_broken.sql"] = &fstest.MapFile{Data: []byte(`INSERT INTO a (x) VALUES (9); INSERT INTO nowhere (x) VALUES (1);`)}
	if err := Migrate(t.Context(), db.Write, "one", files, dir); err == nil || !strings.Contains(err.Error(), "0003_broken.sql") {
		t.Errorf("got %v", err)
	}
	if err := db.Read.QueryRow(`SELECT COUNT(*) FROM a`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows after a migration that failed, %v", n, err)
	}
	files["m/sqlite/0003_broken.sql"].Data = []byte(`INSERT INTO a (x) VALUES (9)`)
	if err := Migrate(t.Context(), db.Write, "one", files, dir); err != nil {
		t.Errorf("the repaired migration: %v", err)
	}

	delete(files, "m/sqlite/0003_broken.sql")
	if err := Migrate(t.Context(), db.Write, "one", files, dir); !errors.Is(err, ErrNewer) {
		t.Errorf("an older program: got %v", err)
	}
	if err := Migrate(t.Context(), db.Write, "three", fstest.MapFS{"0002_gap.sql": {}}, "."); err == nil {
		t.Error("a gap in the numbers was accepted")
	}
}

func TestALinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "link.db")); err != nil {
		t.Skip(err)
	}
	if _, err := Open(t.Context(), Config{Path: filepath.Join(dir, "link.db")}); err == nil {
		t.Error("a link was opened")
	}
}
