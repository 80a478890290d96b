package vault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// copyDir makes a copy of the files in from, as a backup program would.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	for name, b := range readAll(t, from) {
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// expect opens the vault, appends a row and closes it.
func expect(t *testing.T, cfg Config, want Reason) {
	t.Helper()
	v := mustOpen(t, cfg)
	if got, yes := v.Restored(); got != want || yes != (want != NotRestored) {
		t.Errorf("got %v, want %v", got, want)
	}
	mustAppend(t, v, "more")
	mustClose(t, v)
}

// accept opens the vault and acknowledges the restore.
func accept(t *testing.T, cfg Config) {
	t.Helper()
	v := mustOpen(t, cfg)
	if err := v.AcknowledgeRestore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if reason, yes := v.Restored(); yes {
		t.Errorf("an acknowledged restore is still %v", reason)
	}
	mustAppend(t, v, "after")
	mustClose(t, v)
}

func grown(t *testing.T, cfg Config, rows int) {
	t.Helper()
	v := mustOpen(t, cfg)
	for range rows {
		mustAppend(t, v, "row")
	}
	mustClose(t, v)
}

func TestAnOldCopyPutBackIsNoticed(t *testing.T) {
	for name, putBack := range map[string]func(t *testing.T, cfg Config, backup string){
		"folder replaced": func(t *testing.T, cfg Config, backup string) {
			if err := os.RemoveAll(cfg.Dir); err != nil {
				t.Fatal(err)
			}
			copyDir(t, backup, cfg.Dir)
		},
		"files overwritten": func(t *testing.T, cfg Config, backup string) { copyDir(t, backup, cfg.Dir) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t)
			v, _ := mustCreate(t, cfg)
			mustAppend(t, v, "one")
			mustClose(t, v)
			backup := filepath.Join(t.TempDir(), "backup")
			copyDir(t, cfg.Dir, backup)
			grown(t, cfg, 5)
			putBack(t, cfg, backup)
			for range 12 { // it stays so, even when the vault has grown past what it was
				expect(t, cfg, OlderState)
			}
			accept(t, cfg)
			expect(t, cfg, NotRestored)

			putBack(t, cfg, backup) // once more
			expect(t, cfg, OtherInstance)
			accept(t, cfg)
			expect(t, cfg, NotRestored)
		})
	}
}

func TestACopyIsNoticed(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustAppend(t, v, "one")
	mustClose(t, v)
	expect(t, cfg, NotRestored)

	elsewhere := newConfig(t) // another machine
	copyDir(t, cfg.Dir, elsewhere.Dir)
	expect(t, elsewhere, UnknownHere)
	expect(t, elsewhere, UnknownHere)

	complete := newConfig(t) // with the state folder
	copyDir(t, cfg.Dir, complete.Dir)
	copyDir(t, cfg.StateDir, complete.StateDir)
	expect(t, complete, CopiedFiles)
	expect(t, complete, CopiedFiles)
	accept(t, complete)
	expect(t, complete, NotRestored)

	beside := Config{Dir: filepath.Join(t.TempDir(), "copy"), StateDir: cfg.StateDir} // a second folder on the same machine
	copyDir(t, cfg.Dir, beside.Dir)
	expect(t, beside, CopiedFiles)
	expect(t, cfg, NotRestored) // the original does not suffer from a copy that was only looked at
	accept(t, beside)
	expect(t, cfg, OtherInstance) // now they have parted, and neither goes on under the other's name
	accept(t, cfg)
	expect(t, beside, OtherInstance)
}

func TestALostStateFolderCountsAsARestore(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"rubbish": func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o600) },
		"longer":  func(path string) error { return os.WriteFile(path, make([]byte, 4096), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t)
			v, _ := mustCreate(t, cfg)
			path := v.outsidePath()
			mustClose(t, v)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			before := readAll(t, cfg.StateDir)
			expect(t, cfg, UnknownHere)
			if diff := cmp.Diff(before, readAll(t, cfg.StateDir)); diff != "" {
				t.Error("the state folder was changed before the restore was acknowledged")
			}
			accept(t, cfg)
			expect(t, cfg, NotRestored)
		})
	}
}

func TestOrdinaryLifeIsNoRestore(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	if reason, yes := v.Restored(); yes {
		t.Errorf("a new vault is %v", reason)
	}
	mustClose(t, v)
	expect(t, cfg, NotRestored)
	expect(t, cfg, NotRestored)

	older, err := os.ReadFile(v.outsidePath())
	if err != nil {
		t.Fatal(err)
	}
	grown(t, cfg, 3)
	if err := os.WriteFile(v.outsidePath(), older, 0o600); err != nil { // the last writes outside were lost
		t.Fatal(err)
	}
	expect(t, cfg, NotRestored)

	moved := Config{Dir: cfg.Dir + "-renamed", StateDir: cfg.StateDir}
	if err := os.Rename(cfg.Dir, moved.Dir); err != nil {
		t.Fatal(err)
	}
	expect(t, moved, NotRestored)

	v = mustOpen(t, moved)
	err = v.InTx(t.Context(), func(tx *Tx) error { _, err := tx.Append(1, nil); return errors.Join(err, errors.New("undone")) })
	if err == nil {
		t.Fatal("committed")
	}
	if err := v.InTx(t.Context(), func(tx *Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	mustClose(t, v)
	expect(t, moved, NotRestored)
}

func TestAChangedDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	for i := range 40 {
		mustAppend(t, v, strings.Repeat(fmt.Sprint("payload ", i), 200))
	}
	mustTx(t, v, func(tx *Tx) error { return tx.Put("name", []byte("value")) })
	want := collect(t, v)
	var sealed int
	if err := v.db.Read.QueryRow(`SELECT SUM(LENGTH(sealed)) FROM log`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	mustClose(t, v)
	good, err := os.ReadFile(cfg.path(storeName))
	if err != nil {
		t.Fatal(err)
	}
	// A page is mostly sealed rows, some structure and some unused room, which SQLite does not look at: what opens
	// must then read the same.
	try := func(what string, b []byte) (refused bool) {
		if err := os.WriteFile(cfg.path(storeName), b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := Open(t.Context(), cfg, passphrase)
		if err == nil {
			var got []string
			err = v.Scan(t.Context(), 1, func(id int64, kind uint8, payload []byte) error {
				got = append(got, fmt.Sprintf("%d/%d/%s", id, kind, payload))
				return nil
			})
			value, getErr := v.Get(t.Context(), "name")
			if err == nil && !cmp.Equal(want, got) {
				t.Errorf("%s: other rows are read", what)
			}
			if getErr == nil && string(value) != "value" {
				t.Errorf("%s: another value is read", what)
			}
			if errors.Is(getErr, ErrDamaged) {
				err = getErr
			}
			v.Close()
		}
		if after, _ := os.ReadFile(cfg.path(storeName)); string(after) != string(b) {
			t.Errorf("%s: the database was overwritten (%v)", what, err)
		}
		for _, suffix := range []string{"-wal", "-shm"} {
			os.Remove(cfg.path(storeName + suffix))
		}
		return err != nil
	}
	refused, rng := 0, rand.New(rand.NewPCG(1, 2))
	const tries = 300
	for range tries {
		at := rng.IntN(len(good))
		if try(fmt.Sprint("byte ", at), change(good, at)) {
			refused++
		}
	}
	if least := tries * sealed / len(good) * 8 / 10; refused < least {
		t.Errorf("%d of %d changes were noticed; at least %d hit what is sealed", refused, tries, least)
	}
	for _, b := range [][]byte{nil, []byte("short"), make([]byte, 8192), good[:4096], good[:len(good)-4096]} {
		if !try(fmt.Sprintf("%d bytes", len(b)), b) {
			t.Errorf("a database of %d bytes was accepted", len(b))
		}
	}
	other := newConfig(t) // a sound database, but another's
	v2, _ := mustCreate(t, other)
	mustClose(t, v2)
	b, _ := os.ReadFile(other.path(storeName))
	if !try("another vault's", b) {
		t.Error("another vault's database was accepted")
	}
	os.WriteFile(cfg.path(storeName), good, 0o600)
	expect(t, cfg, NotRestored)
}

func TestADamagedDatabaseWithItsLogIsLeftAlone(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustAppend(t, v, "one", "two")
	cut := newConfig(t)
	copyDir(t, cfg.Dir, cut.Dir) // as after a power cut: the rows are in the WAL
	mustClose(t, v)
	copyDir(t, cfg.StateDir, cut.StateDir)

	v = mustOpen(t, cut)
	if diff := cmp.Diff([]string{"1/1/one", "2/1/two"}, collect(t, v)); diff != "" {
		t.Fatal(diff)
	}
	mustClose(t, v)

	if err := os.RemoveAll(cut.Dir); err != nil {
		t.Fatal(err)
	}
	fresh := newConfig(t)
	v, _ = mustCreate(t, fresh)
	mustAppend(t, v, "one", "two")
	if _, err := v.db.Write.Exec(`UPDATE instance SET sealed = zeroblob(296)`); err != nil {
		t.Fatal(err)
	}
	copyDir(t, fresh.Dir, cut.Dir)
	before := readAll(t, cut.Dir)
	if _, err := Open(t.Context(), cut, passphrase); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	after := readAll(t, cut.Dir)
	for _, name := range []string{keysName, storeName, storeName + "-wal"} {
		if string(before[name]) != string(after[name]) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestACopyHasAnotherIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := identity(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("written again"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := identity(path); err != nil || again != first {
		t.Errorf("writing changes the identity (%v)", err)
	}
	if out, err := exec.Command("cp", "-p", path, path+".copy").CombinedOutput(); err != nil {
		t.Skipf("cp: %v %s", err, out)
	}
	if other, err := identity(path + ".copy"); err != nil || other == first {
		t.Errorf("a copy has the same identity (%v)", err)
	}
	os.Remove(path)
	if err := os.Rename(path+".copy", path); err != nil {
		t.Fatal(err)
	}
	if other, err := identity(path); err != nil || other == first {
		t.Errorf("a copy in the place of the original has its identity (%v)", err)
	}
}
