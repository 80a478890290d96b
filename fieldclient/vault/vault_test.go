package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const passphrase = "quiet river seven lamps under snow"

var quick = KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}

func newConfig(t testing.TB) Config {
	root := t.TempDir()
	return Config{Dir: filepath.Join(root, "data"), StateDir: filepath.Join(root, "state"), KDF: quick}
}

func mustCreate(t testing.TB, cfg Config) (*Vault, string) {
	t.Helper()
	v, recovery, err := Create(t.Context(), cfg, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v, recovery
}

func mustOpen(t testing.TB, cfg Config) *Vault {
	t.Helper()
	v, err := Open(t.Context(), cfg, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func mustClose(t testing.TB, v *Vault) {
	t.Helper()
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustTx(t testing.TB, v *Vault, fn func(*Tx) error) {
	t.Helper()
	if err := v.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t testing.TB, v *Vault, payloads ...string) {
	t.Helper()
	mustTx(t, v, func(tx *Tx) error {
		for _, p := range payloads {
			if _, err := tx.Append(1, []byte(p)); err != nil {
				return err
			}
		}
		return nil
	})
}

func collect(t testing.TB, v *Vault) []string {
	t.Helper()
	var out []string
	err := v.Scan(t.Context(), 1, func(id int64, kind uint8, payload []byte) error {
		out = append(out, fmt.Sprintf("%d/%d/%s", id, kind, payload))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsCommittedIsThereAgain(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	big := strings.Repeat("narrative ", 300_000) // 3 MB: several pages of a scan
	mustTx(t, v, func(tx *Tx) error {
		first, err := tx.AppendAll([]Row{{1, []byte("a")}, {2, nil}, {3, []byte(big)}})
		if err != nil || first != 1 {
			return fmt.Errorf("first id %d, %w", first, err)
		}
		if id, err := tx.Append(255, []byte{0, 0x80, 0}); err != nil || id != 4 {
			return fmt.Errorf("id %d, %w", id, err)
		}
		if kind, payload, err := tx.Read(2); err != nil || kind != 2 || len(payload) != 0 {
			return fmt.Errorf("read %d %q %w inside the transaction", kind, payload, err)
		}
		if _, err := tx.Get("cursor"); !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("getting nothing: %w", err)
		}
		return errors.Join(tx.Put("cursor", []byte("one")), tx.Put("cursor", []byte("two")), tx.Put("gone", nil), tx.Delete("gone"), tx.Delete("never"))
	})
	want := []string{"1/1/a", "2/2/", "3/3/" + big, "4/255/\x00\x80\x00"}
	for _, reopened := range []bool{false, true} {
		if reopened {
			mustClose(t, v)
			v = mustOpen(t, cfg)
		}
		if diff := cmp.Diff(want, collect(t, v)); diff != "" {
			t.Fatal(diff)
		}
		if b, err := v.Get(t.Context(), "cursor"); err != nil || string(b) != "two" {
			t.Errorf("%q, %v", b, err)
		}
		if _, err := v.Get(t.Context(), "gone"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted value: %v", err)
		}
		if kind, b, err := v.Read(t.Context(), 4); err != nil || kind != 255 || !bytes.Equal(b, []byte{0, 0x80, 0}) {
			t.Errorf("%d %v %v", kind, b, err)
		}
		for _, id := range []int64{-1, 0, 5} {
			if _, _, err := v.Read(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("row %d: %v", id, err)
			}
		}
	}
}

func TestATransactionIsWholeOrNotAtAll(t *testing.T) {
	v, _ := mustCreate(t, newConfig(t))
	mustAppend(t, v, "before")
	boom := errors.New("boom")
	write := func(tx *Tx) error {
		_, err := tx.AppendAll(make([]Row, 100))
		return errors.Join(err, tx.Put("name", []byte("value")), tx.Replace(1, 9, nil))
	}
	if err := v.InTx(t.Context(), func(tx *Tx) error { return errors.Join(write(tx), boom) }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := v.InTx(ctx, func(tx *Tx) error { defer cancel(); return write(tx) }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	func() {
		defer func() { recover() }()
		v.InTx(t.Context(), func(tx *Tx) error { write(tx); panic("boom") })
	}()
	err := v.InTx(t.Context(), func(tx *Tx) error {
		write(tx)
		tx.Append(1, make([]byte, MaxPayload+1)) // its error is swallowed
		return nil
	})
	if err == nil {
		t.Error("a transaction with a failed write was committed")
	}
	if diff := cmp.Diff([]string{"1/1/before"}, collect(t, v)); diff != "" {
		t.Error(diff)
	}
	if _, err := v.Get(t.Context(), "name"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	mustAppend(t, v, "after")
	if got := v.Last(); got != 2 {
		t.Errorf("the next row has id %d", got)
	}
}

func TestErasureLeavesNoSealedRemains(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustAppend(t, v, strings.Repeat("x", 700), strings.Repeat("y", 9000), "z")
	var remains [][]byte
	for _, id := range []int64{1, 2} {
		var sealed []byte
		if err := v.db.Read.QueryRow(`SELECT sealed FROM log WHERE id = $1`, id).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		remains = append(remains, sealed[64:128], sealed[len(sealed)-64:])
	}
	mustTx(t, v, func(tx *Tx) error { return errors.Join(tx.Replace(1, 7, nil), tx.Replace(2, 7, []byte("erased"))) })
	for name, b := range readAll(t, cfg.Dir) {
		for i, r := range remains {
			if bytes.Contains(b, r) {
				t.Errorf("%s still holds part %d of what was erased", name, i)
			}
		}
	}
	if diff := cmp.Diff([]string{"1/7/", "2/7/erased", "3/1/z"}, collect(t, v)); diff != "" {
		t.Error(diff)
	}
	if err := v.InTx(t.Context(), func(tx *Tx) error { return tx.Replace(4, 1, nil) }); !errors.Is(err, ErrNotFound) {
		t.Errorf("replacing what is not there: %v", err)
	}
}

func TestSizesShowOnlyTheirBucket(t *testing.T) {
	v, _ := mustCreate(t, newConfig(t))
	mustTx(t, v, func(tx *Tx) error {
		for _, n := range []int{0, 1, 100, 254} {
			if _, err := tx.Append(uint8(n), make([]byte, n)); err != nil {
				return err
			}
		}
		return errors.Join(tx.Put("a", nil), tx.Put("long name", make([]byte, 200)))
	})
	var sizes, size int
	if err := v.db.Read.QueryRow(`
		SELECT COUNT(DISTINCT n), MAX(n) FROM (SELECT LENGTH(sealed) AS n FROM log UNION ALL SELECT LENGTH(sealed) FROM state)`).Scan(&sizes, &size); err != nil {
		t.Fatal(err)
	}
	if sizes != 1 || size != 256+24+16 {
		t.Errorf("%d sizes, the largest %d", sizes, size)
	}
}

func TestRowsOpenOnlyInTheirPlace(t *testing.T) {
	for name, text := range map[string]string{
		"rows swapped":     `UPDATE log SET sealed = (SELECT sealed FROM log AS o WHERE o.id = 3 - log.id) WHERE id < 3`,
		"row copied":       `UPDATE log SET sealed = (SELECT sealed FROM log WHERE id = 1) WHERE id = 2`,
		"row removed":      `DELETE FROM log WHERE id = 2`,
		"state into log":   `UPDATE log SET sealed = (SELECT sealed FROM state LIMIT 1) WHERE id = 2`,
		"instance to log":  `UPDATE log SET sealed = (SELECT sealed FROM instance) WHERE id = 1`,
		"last row removed": `DELETE FROM log WHERE id = 3`,
		"row added":        `INSERT INTO log (id, sealed) SELECT 4, sealed FROM log WHERE id = 1`,
		"sealed cut short": `UPDATE log SET sealed = x'00' WHERE id = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t)
			v, _ := mustCreate(t, cfg)
			mustAppend(t, v, "one", "two", "three")
			mustTx(t, v, func(tx *Tx) error { return tx.Put("a", []byte("A")) })
			if _, err := v.db.Write.Exec(text); err != nil {
				t.Fatal(err)
			}
			mustClose(t, v)
			v, err := Open(t.Context(), cfg, passphrase)
			if err == nil {
				err = v.Scan(t.Context(), 1, func(int64, uint8, []byte) error { return nil })
				v.Close()
			}
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustTx(t, v, func(tx *Tx) error { return errors.Join(tx.Put("a", []byte("A")), tx.Put("b", []byte("B"))) })
	if _, err := v.db.Write.Exec(`UPDATE state SET sealed = (SELECT sealed FROM state AS o WHERE o.key <> state.key)`); err != nil {
		t.Fatal(err)
	}
	if b, err := v.Get(t.Context(), "a"); !errors.Is(err, ErrDamaged) {
		t.Errorf("swapped values: %q, %v", b, err)
	}
}

func TestAScanStopsWhereItIsTold(t *testing.T) {
	v, _ := mustCreate(t, newConfig(t))
	rows := make([]Row, 3*pageRows+17)
	for i := range rows {
		rows[i] = Row{1, fmt.Append(nil, i+1)}
	}
	mustTx(t, v, func(tx *Tx) error { _, err := tx.AppendAll(rows); return err })
	boom := errors.New("boom")
	for _, stop := range []int64{1, pageRows, pageRows + 1, int64(len(rows))} {
		seen := int64(0)
		err := v.Scan(t.Context(), 1, func(id int64, _ uint8, payload []byte) error {
			seen++
			if string(payload) != fmt.Sprint(id) {
				return fmt.Errorf("row %d holds %s", id, payload)
			}
			if id == stop {
				return boom
			}
			return nil
		})
		if !errors.Is(err, boom) || seen != stop {
			t.Errorf("stopped after %d of %d: %v", seen, stop, err)
		}
	}
	mustTx(t, v, func(tx *Tx) error {
		seen := 0
		tx.Append(1, fmt.Append(nil, len(rows)+1))
		err := tx.Scan(pageRows, func(id int64, _ uint8, payload []byte) error {
			seen++
			if string(payload) != fmt.Sprint(id) {
				return fmt.Errorf("row %d holds %s", id, payload)
			}
			return tx.Replace(id, 1, payload) // a scan may write behind itself
		})
		if want := len(rows) + 1 - pageRows + 1; seen != want {
			return fmt.Errorf("saw %d rows of %d", seen, want)
		}
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := v.Scan(ctx, 1, func(id int64, _ uint8, _ []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	mustClose(t, v)
	if err := v.Scan(t.Context(), 1, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := v.InTx(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestTheVaultIsAListAndAMap(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	var list []string
	names := map[string]string{}
	rapid.Check(t, func(r *rapid.T) {
		log, state := append([]string{}, list...), map[string]string{}
		for k, x := range names {
			state[k] = x
		}
		stop := errors.New("undone")
		text := rapid.StringN(0, 400, -1)
		keep := rapid.Bool().Draw(r, "keep")
		err := v.InTx(context.Background(), func(tx *Tx) error {
			for range rapid.IntRange(0, 8).Draw(r, "steps") {
				var err error
				name := rapid.SampledFrom([]string{"a", "b", "ключ"}).Draw(r, "name")
				switch rapid.IntRange(0, 3).Draw(r, "step") {
				case 0:
					rows := make([]Row, rapid.IntRange(1, 70).Draw(r, "rows"))
					for i := range rows {
						s := text.Draw(r, "text")
						rows[i] = Row{uint8(len(s)), []byte(s)}
						log = append(log, s)
					}
					_, err = tx.AppendAll(rows)
				case 1:
					state[name] = text.Draw(r, "value")
					err = tx.Put(name, []byte(state[name]))
				case 2:
					delete(state, name)
					err = tx.Delete(name)
				case 3:
					if len(log) > 0 {
						i := rapid.IntRange(0, len(log)-1).Draw(r, "row")
						log[i] = text.Draw(r, "other")
						err = tx.Replace(int64(i+1), uint8(len(log[i])), []byte(log[i]))
					}
				}
				if err != nil {
					return err
				}
			}
			if !keep {
				return stop
			}
			return nil
		})
		if keep != (err == nil) {
			r.Fatal(err)
		}
		if keep {
			list, names = log, state
		}
		for i, want := range list {
			kind, got, err := v.Read(context.Background(), int64(i+1))
			if err != nil || string(got) != want || kind != uint8(len(want)) {
				r.Fatalf("row %d: %q instead of %q, %v", i+1, got, want, err)
			}
		}
		for _, name := range []string{"a", "b", "ключ"} {
			got, err := v.Get(context.Background(), name)
			if want, ok := names[name]; ok != (err == nil) || string(got) != want {
				r.Fatalf("%s: %q instead of %q, %v", name, got, want, err)
			}
		}
	})
}

func TestOneProcessAtATime(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	if _, err := Open(t.Context(), cfg, passphrase); !errors.Is(err, ErrLocked) {
		t.Errorf("a second open: %v", err)
	}
	if _, _, err := Create(t.Context(), cfg, passphrase); !errors.Is(err, ErrLocked) {
		t.Errorf("a second create: %v", err)
	}
	mustClose(t, v)
	if _, _, err := Create(t.Context(), cfg, passphrase); !errors.Is(err, ErrExists) {
		t.Errorf("creating over a vault: %v", err)
	}
	mustOpen(t, cfg)
}

func TestAFolderOthersCanReachIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no mode bits")
	}
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	for path, mode := range map[string]os.FileMode{"": 0o700, keysName: 0o600, storeName: 0o600, storeName + "-wal": 0o600, lockName: 0o600} {
		if info, err := os.Stat(filepath.Join(cfg.Dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, %v", path, info.Mode(), err)
		}
	}
	mustClose(t, v)
	for _, path := range []string{cfg.Dir, cfg.path(keysName), cfg.path(storeName), cfg.path(lockName)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, info.Mode().Perm()|0o040)
		if _, err := Open(t.Context(), cfg, passphrase); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s open to the group: %v", path, err)
		}
		os.Chmod(path, info.Mode().Perm())

		os.Rename(path, path+".real")
		if err := os.Symlink(path+".real", path); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), cfg, passphrase); err == nil {
			t.Errorf("%s was followed", path)
		}
		os.Remove(path)
		os.Rename(path+".real", path)
	}
	inside := cfg
	inside.StateDir = cfg.path("state")
	if _, err := Open(t.Context(), inside, passphrase); err == nil {
		t.Error("a state folder inside the data folder was accepted")
	}
	if _, err := Open(t.Context(), Config{Dir: cfg.Dir + "x", StateDir: cfg.StateDir}, passphrase); !errors.Is(err, ErrMissing) {
		t.Errorf("no folder: %v", err)
	}
	mustOpen(t, cfg)
}

func TestAnInterruptedCreationIsNoVaultOrAWholeOne(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustClose(t, v)

	os.Rename(cfg.path(storeName), cfg.path(newStoreName)) // before its last step
	v = mustOpen(t, cfg)
	if reason, yes := v.Restored(); yes {
		t.Errorf("a creation that was finished late counts as %v", reason)
	}
	mustAppend(t, v, "first")
	mustClose(t, v)

	other := newConfig(t)
	os.Mkdir(other.Dir, 0o700)
	for _, name := range []string{newKeysName, newStoreName, newStoreName + "-wal"} { // before its step but one
		if err := os.WriteFile(other.path(name), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), other, passphrase); !errors.Is(err, ErrMissing) {
		t.Errorf("opening what never was: %v", err)
	}
	mustCreate(t, other)
	var names []string
	for name := range readAll(t, other.Dir) {
		names = append(names, name)
	}
	if len(names) != 5 {
		t.Errorf("the folder holds %v", names)
	}

	for _, gone := range []string{keysName, storeName} {
		os.Rename(cfg.path(gone), cfg.path("aside"))
		if _, err := Open(t.Context(), cfg, passphrase); !errors.Is(err, ErrDamaged) {
			t.Errorf("without %s: %v", gone, err)
		}
		if _, _, err := Create(t.Context(), cfg, passphrase); !errors.Is(err, ErrExists) {
			t.Errorf("creating beside the rest, without %s: %v", gone, err)
		}
		os.Rename(cfg.path("aside"), cfg.path(gone))
	}
}

func TestAWipedVaultIsGone(t *testing.T) {
	for _, open := range []bool{false, true} {
		cfg := newConfig(t)
		v, recovery := mustCreate(t, cfg)
		mustAppend(t, v, "something")
		keys, err := os.ReadFile(cfg.path(keysName))
		if err != nil {
			t.Fatal(err)
		}
		held, err := os.Open(cfg.path(keysName))
		if err != nil {
			t.Fatal(err)
		}
		if open {
			err = v.Wipe(t.Context())
		} else {
			mustClose(t, v)
			err = Wipe(cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
		after := make([]byte, len(keys))
		if _, err := held.ReadAt(after, 0); err != nil || bytes.Contains(after, keys[headerSize:headerSize+16]) {
			t.Errorf("the key file was removed but not overwritten (%v)", err)
		}
		held.Close()
		for _, dir := range []string{cfg.Dir, cfg.StateDir} {
			for name := range readAll(t, dir) {
				t.Errorf("%s is left", name)
			}
		}
		for _, secret := range []string{passphrase, recovery} {
			if _, err := Open(t.Context(), cfg, secret); !errors.Is(err, ErrMissing) {
				t.Errorf("got %v", err)
			}
		}
		if open {
			if err := v.InTx(t.Context(), nil); !errors.Is(err, ErrClosed) {
				t.Errorf("writing to a wiped vault: %v", err)
			}
		}
		mustCreate(t, cfg)
	}
}

func TestAWipeDoesNotWaitForever(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v.InTx(t.Context(), func(*Tx) error {
		if err := v.Wipe(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if left := readAll(t, cfg.Dir); len(left) != 0 && runtime.GOOS != "windows" {
			t.Errorf("%d files are left", len(left))
		}
		return errors.New("never mind")
	})
}

func TestKeysAreOverwrittenOnClose(t *testing.T) {
	v, _ := mustCreate(t, newConfig(t))
	k := v.keys
	mustClose(t, v)
	if k.names != [keySize]byte{} || k.tags != [keySize]byte{} || len(k.boxes) != 0 {
		t.Error("keys are left")
	}
	mustClose(t, v)
}

func TestHardenHolds(t *testing.T) {
	if err := Harden(); err != nil {
		t.Error(err)
	}
}

func TestCalibrationStaysWithinItsBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Argon2id with 64 MiB")
	}
	for took, want := range map[time.Duration]uint32{
		time.Millisecond: 256 << 10, 250 * time.Millisecond: 256 << 10, 300 * time.Millisecond: 128 << 10,
		501 * time.Millisecond: 64 << 10, time.Hour: 64 << 10,
	} {
		clock := time.Unix(0, 0)
		got := Calibrate(time.Second, func() time.Time { clock = clock.Add(took); return clock })
		if diff := cmp.Diff(KDF{MemoryKiB: want, Passes: 3, Lanes: 4}, got); diff != "" {
			t.Errorf("%v: %s", took, diff)
		}
	}
}

// readAll returns the content of every file under dir, by its path in it.
func readAll(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
