package tilelog

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestEveryProofOfEverySmallTreeHolds(t *testing.T) {
	l, db := newLog(t)
	var trees []tlog.Tree
	for size := int64(0); size <= 40; size++ {
		if size > 0 {
			if first, err := appendAll(l, db, entries(size-1, 1)); err != nil || first != size-1 {
				t.Fatalf("appended at %d, %v; want %d", first, err, size-1)
			}
		}
		if _, err := l.Sign(ctx, db); err != nil {
			t.Fatal(err)
		}
		c, err := newClient(l, db)
		if err != nil {
			t.Fatal(err)
		}
		if want := root(t, entries(0, size)); c.tree.N != size || c.tree.Hash != want {
			t.Fatalf("checkpoint is %d %s, want %d %s", c.tree.N, c.tree.Hash, size, want)
		}
		for i := range size {
			if err := c.included(i, entry(i)); err != nil {
				t.Fatalf("inclusion of %d in %d: %v", i, size, err)
			}
		}
		for _, old := range trees {
			if err := c.consistent(old); err != nil {
				t.Fatalf("consistency of %d with %d: %v", old.N, size, err)
			}
		}
		trees = append(trees, c.tree)
	}
}

func TestProofsHoldHoweverAppendsAreBatched(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, db := newLog(t)
		defer db.Close()
		var all [][]byte
		var trees []tlog.Tree
		for range rapid.IntRange(1, 6).Draw(rt, "batches") {
			batch := entries(int64(len(all)), rapid.SampledFrom([]int64{0, 1, 2, 99, 100, 101, 255, 256, 257, 500}).Draw(rt, "batch"))
			first, err := appendAll(l, db, batch)
			if err != nil || first != int64(len(all)) {
				rt.Fatalf("appended at %d, %v; want %d", first, err, len(all))
			}
			all = append(all, batch...)
			if rapid.Bool().Draw(rt, "sign") {
				continue
			}
			if _, err := l.Sign(ctx, db); err != nil {
				rt.Fatal(err)
			}
			c, err := newClient(l, db)
			if err != nil {
				rt.Fatal(err)
			}
			if want := root(t, all); c.tree.N != int64(len(all)) || c.tree.Hash != want {
				rt.Fatalf("checkpoint is %d %s, want %d %s", c.tree.N, c.tree.Hash, len(all), want)
			}
			for _, old := range trees {
				if err := c.consistent(old); err != nil {
					rt.Fatalf("consistency of %d with %d: %v", old.N, c.tree.N, err)
				}
			}
			trees = append(trees, c.tree)
			for range 5 {
				if len(all) == 0 {
					break
				}
				i := rapid.Int64Range(0, int64(len(all))-1).Draw(rt, "entry")
				if err := c.included(i, all[i]); err != nil {
					rt.Fatalf("inclusion of %d in %d: %v", i, c.tree.N, err)
				}
			}
			served(rt, l, db, all)
		}
	})
}

// served compares all entry bundles with what was appended.
func served(t interface {
	Helper()
	Fatalf(string, ...any)
}, l *Log, db *sql.DB, all [][]byte) {
	t.Helper()
	for n := 0; n*TileWidth < len(all); n++ {
		want := all[n*TileWidth : min((n+1)*TileWidth, len(all))]
		data, err := l.Entries(ctx, db, int64(n), len(want))
		if err != nil {
			t.Fatalf("bundle %d: %v", n, err)
		}
		got, err := bundle(data)
		if err != nil {
			t.Fatalf("bundle %d: %v", n, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("bundle %d (-want +got):\n%s", n, diff)
		}
	}
}

func TestThirdLevelOfTiles(t *testing.T) {
	l, db := newLog(t)
	const size = 256*256 + 300
	for first := int64(0); first < size; first += 20_000 {
		if _, err := appendAll(l, db, entries(first, min(20_000, size-first))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
	c, err := newClient(l, db)
	if err != nil {
		t.Fatal(err)
	}
	if want := root(t, entries(0, size)); c.tree.Hash != want {
		t.Fatalf("root %s, want %s", c.tree.Hash, want)
	}
	for _, i := range []int64{0, 255, 256, 65535, 65536, 65791, 65792, size - 1} {
		if err := c.included(i, entry(i)); err != nil {
			t.Errorf("inclusion of %d: %v", i, err)
		}
	}
	top, err := l.Tile(ctx, db, 2, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	below, err := l.Tile(ctx, db, 1, 0, 256)
	if err != nil {
		t.Fatal(err)
	}
	if want := subtree(below); !bytes.Equal(top, want[:]) {
		t.Errorf("tile 2/000.p/1 is not the root of tile 1/000")
	}
}

func TestNothingBeyondThePublishedTreeIsServed(t *testing.T) {
	l, db := newLog(t)
	if _, err := appendAll(l, db, entries(0, 300)); err != nil {
		t.Fatal(err)
	}
	refuse := func(when string, level int, n int64, width int) {
		t.Helper()
		if _, err := l.Tile(ctx, db, level, n, width); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: tile %d/%d width %d: %v, want ErrNotFound", when, level, n, width, err)
		}
		if level != 0 {
			return
		}
		if _, err := l.Entries(ctx, db, n, width); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: entries %d width %d: %v, want ErrNotFound", when, n, width, err)
		}
	}
	refuse("before the first checkpoint", 0, 0, 1)
	if _, err := l.Checkpoint(ctx, db); !errors.Is(err, ErrNotFound) {
		t.Errorf("checkpoint before the first: %v, want ErrNotFound", err)
	}
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
	if _, err := appendAll(l, db, entries(300, 300)); err != nil {
		t.Fatal(err)
	}
	refuse("committed, not signed", 0, 1, 45)
	refuse("committed, not signed", 0, 1, 256)
	refuse("committed, not signed", 1, 0, 2)
	for _, width := range []int{-1, 0, 257, 1 << 40} {
		refuse("bad width", 0, 0, width)
	}
	for _, n := range []int64{-1, 2, 1 << 55, 1<<63 - 1, -1 << 63} {
		refuse("bad number", 0, n, 1)
	}
	for _, level := range []int{-1, 2, 5, 6, 7, 63, 64, 1 << 30} {
		refuse("bad level", level, 0, 1)
	}
	for width := 1; width <= 44; width++ {
		tile, err := l.Tile(ctx, db, 0, 1, width)
		if err != nil || len(tile) != 32*width {
			t.Errorf("partial tile of %d: %d bytes, %v", width, len(tile), err)
		}
		data, err := l.Entries(ctx, db, 1, width)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := bundle(data); err != nil || len(list) != width {
			t.Errorf("partial bundle of %d: %d entries, %v", width, len(list), err)
		}
	}
}

func TestEntriesKeepTheirBytes(t *testing.T) {
	l, db := newLog(t)
	all := [][]byte{{}, {0}, bytes.Repeat([]byte{0xff}, MaxEntry)}
	if _, err := appendAll(l, db, [][]byte{nil, all[1], all[2]}); err != nil {
		t.Fatal(err)
	}
	if _, err := appendAll(l, db, [][]byte{make([]byte, MaxEntry+1)}); err == nil {
		t.Fatal("an entry that no bundle can hold was accepted")
	}
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
	data, err := l.Entries(ctx, db, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{0, 0, 0, 1, 0, 0xff, 0xff}, all[2]...)
	if !bytes.Equal(data, want) {
		t.Fatalf("bundle of %d bytes is not what was appended", len(data))
	}
}

func TestRolledBackAppendLeavesNoTrace(t *testing.T) {
	l, db := newLog(t)
	if _, err := appendAll(l, db, entries(0, 200)); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, tx, entries(1000, 700)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if first, err := appendAll(l, db, entries(200, 100)); err != nil || first != 200 {
		t.Fatalf("appended at %d, %v; want 200", first, err)
	}
	tree, err := l.Tree(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tlog.Tree{N: 300, Hash: root(t, entries(0, 300))}); tree != want {
		t.Fatalf("tree %v, want %v", tree, want)
	}
}

func TestDamagedTileStopsTheLog(t *testing.T) {
	l, db := newLog(t)
	if _, err := appendAll(l, db, entries(0, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `UPDATE tilelog_tile SET hashes = substr(hashes, 1, 288)`); err != nil {
		t.Fatal(err)
	}
	if _, err := appendAll(l, db, entries(10, 1)); err == nil {
		t.Error("appended to a damaged tile")
	}
	if _, err := l.Tile(ctx, db, 0, 0, 10); err == nil {
		t.Error("served a damaged tile")
	}
	if _, err := l.Sign(ctx, db); err == nil {
		t.Error("signed a damaged log")
	}
}

func TestReadersSeeOnlyWholeTreesWhileTheLogGrows(t *testing.T) {
	l, db := newLog(t)
	if _, err := l.Sign(ctx, db); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 5)
	for w := range 2 {
		go func() {
			for range 25 {
				if _, err := appendAll(l, db, entries(0, int64(7+w*30))); err != nil {
					done <- err
					return
				}
				if _, err := l.Sign(ctx, db); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 3 {
		go func() { done <- follow(l, db) }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	tree, err := l.Tree(ctx, db)
	if err != nil || tree.N != 25*(7+37) {
		t.Errorf("tree of %d entries, %v; want %d", tree.N, err, 25*(7+37))
	}
}

// follow reads the log as a mirror does: each checkpoint continues the one before, its last entry is provable, and
// its entries hash to its root.
func follow(l *Log, db *sql.DB) error {
	var old tlog.Tree
	for range 30 {
		c, err := newClient(l, db)
		if err != nil {
			return err
		}
		if c.tree.N < old.N {
			return fmt.Errorf("checkpoint went from %d to %d", old.N, c.tree.N)
		}
		if err := c.consistent(old); err != nil {
			return fmt.Errorf("consistency of %d with %d: %w", old.N, c.tree.N, err)
		}
		old = c.tree
		if c.tree.N == 0 {
			continue
		}
		i := c.tree.N - 1
		data, err := l.Entries(ctx, db, i/TileWidth, int(i%TileWidth)+1)
		if err != nil {
			return err
		}
		list, err := bundle(data)
		if err != nil {
			return err
		}
		if err := c.included(i, list[len(list)-1]); err != nil {
			return fmt.Errorf("inclusion of %d: %w", i, err)
		}
	}
	return nil
}

func TestConfigurationIsChecked(t *testing.T) {
	dir := t.TempDir()
	db := newDB(t, filepath.Join(dir, "log.db"))
	for name, spoil := range map[string]func(*Config){
		"no origin":        func(c *Config) { c.Origin = "" },
		"plus":             func(c *Config) { c.Origin = "a+b" },
		"space":            func(c *Config) { c.Origin = "a b" },
		"line break":       func(c *Config) { c.Origin = "a\nb" },
		"no key":           func(c *Config) { c.Key = nil },
		"unreadable file":  func(c *Config) { c.HighWater = dir },
		"file without end": func(c *Config) { c.HighWater = filepath.Join(dir, "big") },
		"empty file":       func(c *Config) { c.HighWater = filepath.Join(dir, "empty") },
	} {
		cfg := config(dir)
		spoil(&cfg)
		if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, maxMark+1), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, db, cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int64{1, 50, 500} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			l, db := newLog(b)
			batch := entries(0, n)
			for b.Loop() {
				if _, err := appendAll(l, db, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
