package prooflog

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func TestAnEntryParsesToWhatItWasMadeFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.StringMatching(`[a-z][a-z0-9-]{0,31}`).Draw(t, "kind")
		id := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		gotKind, gotID, err := ParseEntry(Entry(kind, id))
		if err != nil || gotKind != kind || gotID != id {
			t.Fatal(gotKind, gotID, err)
		}
	})
}

func TestAnEntryHasOneForm(t *testing.T) {
	good := "kua-entry/v1\nchangeset\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
	kind, id, err := ParseEntry([]byte(good))
	if err != nil || kind != "changeset" || id != [32]byte(bytes.Repeat([]byte{1}, 32)) {
		t.Fatal(kind, id, err)
	}
	for name, bad := range map[string]string{
		"nothing":            "",
		"no last newline":    strings.TrimSuffix(good, "\n"),
		"a line more":        good + "x\n",
		"an empty line more": good + "\n",
		"an open line more":  good + "x",
		"another version":    strings.Replace(good, "v1", "v2", 1),
		"carriage returns":   strings.ReplaceAll(good, "\n", "\r\n"),
		"\\r in the id":      strings.Replace(good, "AQE=", "AQE=\r", 1),
		"no padding":         strings.Replace(good, "=", "", 1),
		"loose bits":         strings.Replace(good, "QE=", "QF=", 1),
		"url alphabet":       strings.Replace(good, "AQE=", "AQ_=", 1),
		"31 bytes":           strings.Replace(good, "AQEBAQE=", "AQEBAQ==", 1),
		"33 bytes":           strings.Replace(good, "AQE=", "AQEB", 1),
		"no kind":            strings.Replace(good, "changeset", "", 1),
		"a loud kind":        strings.Replace(good, "changeset", "Changeset", 1),
		"a kind with space":  strings.Replace(good, "changeset", "change set", 1),
		"a long kind":        strings.Replace(good, "changeset", strings.Repeat("k", 33), 1),
		"a huge kind":        strings.Replace(good, "changeset", strings.Repeat("k", 1<<20), 1),
	} {
		if kind, _, err := ParseEntry([]byte(bad)); err == nil {
			t.Errorf("%s: parsed a %q", name, kind)
		}
	}
	if _, _, err := ParseEntry(Entry("a\nb", id)); err == nil {
		t.Error("parsed a kind of two lines")
	}
}

func TestBundlesGiveTheirEntriesBack(t *testing.T) {
	entries := [][]byte{[]byte("one"), {}, bytes.Repeat([]byte{3}, 65535)}
	var bundle []byte
	var err error
	for _, e := range entries {
		if bundle, err = AppendBundle(bundle, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := SplitBundle(bundle, 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries, got); diff != "" {
		t.Error(diff)
	}
	for name, try := range map[string]func() error{
		"too few":   func() error { _, err := SplitBundle(bundle, 4); return err },
		"too many":  func() error { _, err := SplitBundle(bundle, 2); return err },
		"cut":       func() error { _, err := SplitBundle(bundle[:len(bundle)-1], 3); return err },
		"cut size":  func() error { _, err := SplitBundle(bundle[:6], 3); return err },
		"no width":  func() error { _, err := SplitBundle(nil, 0); return err },
		"width 257": func() error { _, err := SplitBundle(make([]byte, 2*257), 257); return err },
		"oversized": func() error { _, err := AppendBundle(nil, make([]byte, 65536)); return err },
	} {
		if try() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTilePathsAreThoseOfC2SP(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{
		"tile/0/000":                          {H: 8, L: 0, N: 0, W: 256},
		"tile/0/273.p/112":                    {H: 8, L: 0, N: 273, W: 112},
		"tile/2/000.p/1":                      {H: 8, L: 2, N: 0, W: 1},
		"tile/63/x001/x234/067":               {H: 8, L: 63, N: 1234067, W: 256},
		"tile/entries/x001/000.p/255":         {H: 8, L: -1, N: 1000, W: 255},
		"tile/1/x999/x999/x999/x999/x999/999": {H: 8, L: 1, N: 999999999999999999, W: 256},
	} {
		if got := TilePath(tile); got != path {
			t.Errorf("TilePath(%+v) = %s, want %s", tile, got, path)
		}
		if got, err := ParseTilePath(path); err != nil || got != tile {
			t.Errorf("ParseTilePath(%s) = %+v, %v", path, got, err)
		}
	}
	for _, bad := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/8/0/000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/+1/000",
		"tile/0/0", "tile/0/0000", "tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/x001/x000", "tile/0/000.p/0", "tile/0/000.p/256",
		"tile/0/000.p/01", "tile/0/000.p/300", "tile/0/x001/x000/x000/x000/x000/x000/000", "tile/0/000.p/", "tile/0/000.p/1/", "tile/0/000.p/1.p/1", "tile/0/000/", "tile/0/../000", "tile/data/000",
		"tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/-01", "tile/0/xx01/000", "tile/0/0 0", "tile/entries/000.p/-1",
	} {
		if tile, err := ParseTilePath(bad); err == nil {
			t.Errorf("parsed %q as %+v", bad, tile)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add(Entry("changeset", [32]byte{1}))
	f.Add([]byte("kua-entry/v1\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if kind, id, err := ParseEntry(b); err == nil && !bytes.Equal(Entry(kind, id), b) {
			t.Fatal("an entry has two forms")
		}
	})
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/63/x001/x234/067.p/4")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, s string) {
		if tile, err := ParseTilePath(s); err == nil && (TilePath(tile) != s || tile.N < 0) {
			t.Fatalf("%q is %+v", s, tile)
		}
	})
}

func FuzzSplitBundle(f *testing.F) {
	b, _ := AppendBundle(nil, []byte("entry"))
	f.Add(b, 1)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		entries, err := SplitBundle(b, width)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			if again, err = AppendBundle(again, e); err != nil {
				t.Fatal(err)
			}
		}
		if len(entries) != width || !bytes.Equal(again, b) {
			t.Fatal("a bundle has two forms")
		}
	})
}
