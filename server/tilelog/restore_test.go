package tilelog

import (
	"bytes"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backup copies the database as it is now, and opens the copy.
func backup(t *testing.T, db *sql.DB) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, path); err != nil {
		t.Fatal(err)
	}
	return openDB(t, path)
}

func restart(t *testing.T, db *sql.DB, cfg Config, known int64) int64 {
	t.Helper()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	n, err := Restart(ctx, tx, cfg, known)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return n
}

func grow(t *testing.T, l *Log, db *sql.DB, first, n int64) {
	t.Helper()
	if _, err := appendAll(l, db, entries(first, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
}

func wantRestored(t *testing.T, when string, err error) {
	t.Helper()
	if !errors.Is(err, ErrRestored) || !strings.Contains(err.Error(), "kua-server restore") {
		t.Fatalf("%s: got %v, want ErrRestored with its remedy", when, err)
	}
}

func TestRestoredBackupIsRefusedUntilTheLogHasANewOrigin(t *testing.T) {
	l, db := newLog(t)
	cfg := l.cfg
	grow(t, l, db, 0, 100)
	old, older := backup(t, db), backup(t, db)
	grow(t, l, db, 100, 100)

	_, err := Open(ctx, old, cfg)
	wantRestored(t, "open a smaller database", err)
	_, err = l.Sign(ctx, old)
	wantRestored(t, "sign a database swapped under a running log", err)

	// The same size again, and a larger one, with other content.
	if _, err := appendAll(l, old, entries(5000, 100)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(ctx, old, cfg)
	wantRestored(t, "open another tree of the same size", err)
	if _, err := appendAll(l, old, entries(6000, 100)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(ctx, old, cfg)
	wantRestored(t, "open another, larger tree", err)

	if n := restart(t, old, cfg, 0); n != 2 {
		t.Fatalf("new origin number %d, want 2", n)
	}
	if _, err := l.Sign(ctx, old); err == nil {
		t.Fatal("a log opened before the restart signed under the old origin")
	}
	if _, err := appendAll(l, old, entries(0, 1)); err == nil {
		t.Fatal("a log opened before the restart appended")
	}
	second := openLog(t, old, cfg)
	if got := second.Origin(); got != "ledger.npm.example/2" {
		t.Fatalf("origin %s, want ledger.npm.example/2", got)
	}
	if _, err := second.Tile(ctx, old, 0, 0, 1); !errors.Is(err, ErrNotFound) {
		t.Fatalf("tile before the new origin's first checkpoint: %v, want ErrNotFound", err)
	}
	grow(t, second, old, 300, 1)
	c, err := newClient(second, old)
	if err != nil || c.tree.N != 301 {
		t.Fatalf("new origin's checkpoint of size %d, %v; want 301", c.tree.N, err)
	}
	openLog(t, old, cfg)

	_, err = Open(ctx, older, cfg)
	wantRestored(t, "open a backup from before the first restart", err)
	if n := restart(t, older, cfg, 0); n != 3 {
		t.Fatalf("after two restores the origin number is %d, want 3: 2 was published with other content", n)
	}
	grow(t, openLog(t, older, cfg), older, 100, 1)
}

func TestRestoreOnANewMachineIsNoticed(t *testing.T) {
	l, db := newLog(t)
	cfg := l.cfg
	grow(t, l, db, 0, 10)
	cfg.HighWater = filepath.Join(t.TempDir(), "published")
	_, err := Open(ctx, db, cfg)
	wantRestored(t, "open with checkpoints and no file", err)
	if n := restart(t, db, cfg, 6); n != 7 {
		t.Fatalf("new origin number %d, want 7: a witness knows 6", n)
	}
	grow(t, openLog(t, db, cfg), db, 10, 1)
	openLog(t, db, cfg)
}

func TestCrashBetweenFileAndTableIsNoRestore(t *testing.T) {
	l, db := newLog(t)
	grow(t, l, db, 0, 10)
	before, err := l.Checkpoint(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM tilelog_checkpoint`); err != nil {
		t.Fatal(err)
	}
	if _, err := appendAll(l, db, entries(10, 10)); err != nil {
		t.Fatal(err)
	}
	again := openLog(t, db, l.cfg)
	if _, err := again.Checkpoint(ctx, db); !errors.Is(err, ErrNotFound) {
		t.Fatalf("checkpoint that never reached the table: %v, want ErrNotFound", err)
	}
	after, err := again.Sign(ctx, db)
	if err != nil || bytes.Equal(before, after) {
		t.Fatalf("after the crash the log does not go on: %v", err)
	}
}

func TestOneCheckpointForOneSize(t *testing.T) {
	l, db := newLog(t)
	grow(t, l, db, 0, 10)
	first, err := l.Sign(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	again := openLog(t, db, l.cfg)
	for range 3 {
		got, err := again.Sign(ctx, db)
		if err != nil || !bytes.Equal(first, got) {
			t.Fatalf("a second checkpoint of size 10: %s, %v", got, err)
		}
	}
	file, err := os.ReadFile(l.cfg.HighWater)
	if err != nil || !bytes.Equal(file, first) {
		t.Fatalf("the file holds %q, want the checkpoint", file)
	}
	var n int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM tilelog_checkpoint`).Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d checkpoints stored, %v; want 1", n, err)
	}
	if left, _ := filepath.Glob(l.cfg.HighWater + ".*"); len(left) > 0 {
		t.Fatalf("temporary files left: %v", left)
	}
}

func TestLogOpenedBeforeARestartNeverSigns(t *testing.T) {
	l, db := newLog(t)
	l.cfg.HighWater = "" // nothing but the number can tell
	grow(t, l, db, 0, 10)
	restart(t, db, l.cfg, 0)
	if _, err := l.Sign(ctx, db); err == nil || !strings.Contains(err.Error(), "open the log again") {
		t.Fatalf("got %v, want a refusal that says to open the log again", err)
	}
}

// TestAlteredHistoryIsNeverSigned changes a hash behind the published tree.
func TestAlteredHistoryIsNeverSigned(t *testing.T) {
	l, db := newLog(t)
	l.cfg.HighWater = "" // the table alone must notice
	grow(t, l, db, 0, 10)
	if _, err := appendAll(l, db, entries(10, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `UPDATE tilelog_tile SET hashes = $1 WHERE level = 0`, make([]byte, 11*32)); err != nil {
		t.Fatal(err)
	}
	_, err := l.Sign(ctx, db)
	wantRestored(t, "sign over altered hashes", err)
}

func TestUnwritableFilePublishesNothing(t *testing.T) {
	l, db := newLog(t)
	grow(t, l, db, 0, 10)
	if _, err := appendAll(l, db, entries(10, 1)); err != nil {
		t.Fatal(err)
	}
	l.cfg.HighWater = filepath.Join(filepath.Dir(l.cfg.HighWater), "gone", "published")
	if _, err := l.Sign(ctx, db); err == nil {
		t.Fatal("signed without the file")
	}
	if c, err := newClient(l, db); err != nil || c.tree.N != 10 {
		t.Fatalf("published size %d, %v; want 10 as before", c.tree.N, err)
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	l, db := newLog(t)
	grow(t, l, db, 0, 10)
	mark, err := os.ReadFile(l.cfg.HighWater)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoiled := range map[string]string{
		"another log":   strings.Replace(string(mark), "npm", "xyz", 1),
		"other size":    strings.Replace(string(mark), "\n10\n", "\n9\n", 1),
		"leading zero":  strings.Replace(string(mark), "\n10\n", "\n010\n", 1),
		"no signature":  strings.SplitAfter(string(mark), "\n\n")[0],
		"cut":           string(mark[:30]),
		"nothing":       "",
		"extension":     strings.Replace(string(mark), "\n\n", "\nmore\n\n", 1),
		"later number":  strings.Replace(string(mark), "example/1\n", "example/2\n", 1),
		"no number":     strings.Replace(string(mark), "example/1\n", "example\n", 1),
		"negative size": strings.Replace(string(mark), "\n10\n", "\n-10\n", 1),
	} {
		if err := os.WriteFile(l.cfg.HighWater, []byte(spoiled), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, db, l.cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := os.WriteFile(l.cfg.HighWater, mark, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := l.cfg
	cfg.Key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	if _, err := Open(ctx, db, cfg); err == nil {
		t.Error("another key signs on under the same origin")
	}
	openLog(t, db, l.cfg)
}

func FuzzParseMark(f *testing.F) {
	f.Add([]byte("ledger.npm.example/1\n10\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— a b\n"))
	f.Fuzz(func(t *testing.T, mark []byte) {
		_, number, tree, err := parseMark(mark)
		if err == nil && (number < 0 || tree.N < 0) {
			t.Errorf("read number %d and size %d", number, tree.N)
		}
	})
}
