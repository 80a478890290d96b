package prooflog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func raw(hashes []Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i, h := range hashes {
		out[i] = h[:]
	}
	return out
}

// The inputs and the root are the published test vector of the Certificate Transparency reference implementation.
func TestHashesAreThoseOfRFC6962(t *testing.T) {
	var hashes storedHashes
	for i, in := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		leaf, _ := hex.DecodeString(in)
		more, err := tlog.StoredHashesForRecordHash(int64(i), LeafHash(leaf), hashes)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(8, hashes)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(root[:]); got != "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" {
		t.Errorf("root %s", got)
	}
	if !bytes.Equal(rfc6962.DefaultHasher.EmptyRoot(), func() []byte { h := sha256.Sum256(nil); return h[:] }()) {
		t.Error("the empty root is another")
	}
}

func TestEveryProofIsAlsoOneForAnIndependentVerifier(t *testing.T) {
	const most = 70_000 // three levels of tiles
	l := newTestLog(t, most, most, 0)
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 600), rapid.IntRange(65_530, 65_540), rapid.IntRange(1, most)).Draw(t, "size")
		index := rapid.IntRange(0, size-1).Draw(t, "index")
		older := rapid.IntRange(0, size).Draw(t, "older")
		fetched := 0
		p := Prover{Tree: treeOf(t, l, size), Fetch: func(_ context.Context, path string) ([]byte, error) {
			fetched++
			tile, err := ParseTilePath(path)
			if err != nil {
				return nil, err
			}
			return tlog.ReadTileData(tile, l.hashes)
		}}

		included, err := p.Inclusion(ctx, uint64(index))
		if err != nil {
			t.Fatal(err)
		}
		leaf := LeafHash(l.entries[index])
		if err := CheckInclusion(p.Tree, uint64(index), leaf, included); err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], raw(included), p.Tree.Root[:]); err != nil {
			t.Fatalf("the independent verifier says: %v", err)
		}
		if fetched > 7 {
			t.Fatalf("%d tiles fetched for one proof", fetched)
		}

		before := treeOf(t, l, older)
		consistent, err := p.Consistency(ctx, before)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckConsistency(before, p.Tree, consistent); err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(older), uint64(size), raw(consistent), before.Root[:], p.Tree.Root[:]); err != nil {
			t.Fatalf("the independent verifier says: %v", err)
		}
		damage(t, p.Tree, before, uint64(index), leaf, included, consistent)
	})
}

func treeOf(t *rapid.T, l *testLog, size int) Tree {
	if size == 0 {
		return EmptyTree()
	}
	root, err := tlog.TreeHash(int64(size), l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	return Tree{uint64(size), root}
}

// damage changes one thing at a time; every change must be refused.
func damage(t *rapid.T, tree, before Tree, index uint64, leaf Hash, included, consistent []Hash) {
	byteAt := rapid.IntRange(0, 31).Draw(t, "byte")
	flip := func(h Hash) Hash { h[byteAt] ^= 1; return h }
	flipOne := func(hashes []Hash) []Hash {
		out := slices.Clone(hashes)
		i := rapid.IntRange(0, len(out)-1).Draw(t, "hash")
		out[i] = flip(out[i])
		return out
	}
	refused := map[string]error{
		"leaf":          CheckInclusion(tree, index, flip(leaf), included),
		"root":          CheckInclusion(Tree{tree.Size, flip(tree.Root)}, index, leaf, included),
		"index":         CheckInclusion(tree, index+1, leaf, included),
		"index far":     CheckInclusion(tree, math.MaxUint64, leaf, included),
		"longer":        CheckInclusion(tree, index, leaf, append(slices.Clone(included), leaf)),
		"longer before": CheckInclusion(tree, index, leaf, append([]Hash{leaf}, included...)),
		"old longer":    CheckConsistency(before, tree, append(slices.Clone(consistent), leaf)),
		"new root":      CheckConsistency(before, Tree{tree.Size, flip(tree.Root)}, consistent),
		"old root":      CheckConsistency(Tree{before.Size, flip(before.Root)}, tree, consistent),
	}
	if before.Size == 0 {
		delete(refused, "new root") // anything continues the empty log
	}
	if len(included) > 0 {
		refused["proof flipped"] = CheckInclusion(tree, index, leaf, flipOne(included))
		refused["proof cut"] = CheckInclusion(tree, index, leaf, included[1:])
	}
	if len(consistent) > 0 {
		refused["old flipped"] = CheckConsistency(before, tree, flipOne(consistent))
		refused["old cut"] = CheckConsistency(before, tree, consistent[1:])
	}
	if before.Size < tree.Size {
		refused["swapped"] = CheckConsistency(tree, before, consistent)
	}
	for name, err := range refused {
		if err == nil {
			t.Errorf("%s: accepted (size %d, index %d, older %d)", name, tree.Size, index, before.Size)
		}
	}
}

func TestAForkIsToldFromARollbackAndFromABadTile(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ older, newer, same int }{{1, 2, 0}, {5, 300, 4}, {300, 301, 299}, {256, 700, 0}, {699, 700, 698}} {
		a, b := newTestLog(t, c.newer, c.same, 1), newTestLog(t, c.newer, c.same, 2)
		b.publish(t, c.newer)
		p := Prover{Tree: b.tree(t, c.newer), Fetch: b.fetch}
		if _, err := p.Consistency(ctx, a.tree(t, c.older)); !errors.Is(err, ErrFork) {
			t.Errorf("%+v: %v, want a fork", c, err)
		}
		if _, err := p.Consistency(ctx, a.tree(t, c.newer)); !errors.Is(err, ErrFork) {
			t.Errorf("%+v: %v, want a fork at one size", c, err)
		}
		if _, err := p.Consistency(ctx, b.tree(t, c.older)); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		shorter := Prover{Tree: b.tree(t, c.older), Fetch: b.fetch}
		if _, err := shorter.Consistency(ctx, p.Tree); !errors.Is(err, ErrRollback) {
			t.Errorf("%+v: %v, want a rollback", c, err)
		}
		lying := Prover{Tree: b.tree(t, c.newer), Fetch: func(ctx context.Context, path string) ([]byte, error) {
			tile, err := b.fetch(ctx, path)
			return append([]byte{tile[0] ^ 1}, tile[1:]...), err
		}}
		if _, err := lying.Consistency(ctx, b.tree(t, c.older)); err == nil || errors.Is(err, ErrFork) {
			t.Errorf("%+v: %v, want a refusal of the tile and no cry of a fork", c, err)
		}
	}
}

func TestATileThatIsNotOfTheTreeIsNeverUsedOrSaved(t *testing.T) {
	const size = 66_000
	l := newTestLog(t, size, size, 0)
	l.publish(t, size)
	ctx := context.Background()
	var paths []string
	good := Prover{Tree: l.tree(t, size), Fetch: func(ctx context.Context, path string) ([]byte, error) {
		paths = append(paths, path)
		return l.fetch(ctx, path)
	}}
	if _, err := good.Inclusion(ctx, 513); err != nil {
		t.Fatal(err)
	}
	if len(paths) < 4 {
		t.Fatalf("only %v fetched", paths)
	}
	for _, target := range paths {
		n := len(l.tiles[target])
		for name, edit := range map[string]func(b []byte) []byte{
			"first bit": func(b []byte) []byte { b[0] ^= 0x80; return b },
			"last bit":  func(b []byte) []byte { b[n-1] ^= 1; return b },
			"shorter":   func(b []byte) []byte { return b[:n-1] },
			"longer":    func(b []byte) []byte { return append(b, 0) },
			"empty":     func([]byte) []byte { return nil },
			"full":      func(b []byte) []byte { return append(b, make([]byte, TileSize+1-n)...) },
		} {
			saved := 0
			p := Prover{Tree: good.Tree, Save: func(string, []byte) { saved++ }, Fetch: func(ctx context.Context, path string) ([]byte, error) {
				b, err := l.fetch(ctx, path)
				if path == target {
					b = edit(bytes.Clone(b))
				}
				return b, err
			}}
			if _, err := p.Inclusion(ctx, 513); err == nil || saved != 0 {
				t.Errorf("%s of %s: %v, %d tiles saved", name, target, err, saved)
			}
		}
	}
}

func TestAPartialTileThatIsGoneIsTakenFromTheFullOne(t *testing.T) {
	l := newTestLog(t, 70_000, 70_000, 0)
	l.publish(t, 70_000)
	ctx := context.Background()
	saved := map[string]int{}
	p := Prover{Tree: l.tree(t, 300), Fetch: l.fetch, Save: func(path string, b []byte) { saved[path] = len(b) }}
	included, err := p.Inclusion(ctx, 290) // tile/0/001.p/44 is gone: 256 entries are there now
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckInclusion(p.Tree, 290, LeafHash(l.entries[290]), included); err != nil {
		t.Error(err)
	}
	if saved["tile/0/001.p/44"] != 44*32 {
		t.Errorf("saved %v", saved)
	}
	broken := errors.New("no network")
	calls := 0
	p.Fetch = func(context.Context, string) ([]byte, error) { calls++; return nil, broken }
	if _, err := p.Inclusion(ctx, 290); !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	p.Fetch = func(_ context.Context, path string) ([]byte, error) {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if _, err := p.Inclusion(ctx, 290); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Inclusion(cancelled, 290); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestImpossibleTreesAreRefusedWithoutALoop(t *testing.T) {
	ctx := context.Background()
	some := newTestLog(t, 3, 3, 0).tree(t, 3)
	for _, size := range []uint64{MaxSize + 1, 1<<62 + 1, 1 << 63, math.MaxUint64} {
		huge := Tree{size, some.Root}
		p := Prover{Tree: huge, Fetch: func(context.Context, string) ([]byte, error) { return nil, fs.ErrNotExist }}
		_, err1 := p.Inclusion(ctx, 1)
		_, err2 := p.Consistency(ctx, some)
		for i, err := range []error{err1, err2, CheckInclusion(huge, 1, Hash{}, nil), CheckConsistency(some, huge, nil), CheckConsistency(huge, huge, nil)} {
			if err == nil {
				t.Errorf("size %d, check %d: accepted", size, i)
			}
		}
	}
	if CheckInclusion(Tree{}, 0, Hash{}, nil) == nil || CheckConsistency(Tree{}, some, nil) == nil {
		t.Error("the zero tree passed for the empty log")
	}
	largest := Tree{MaxSize, some.Root}
	p := Prover{Tree: largest, Fetch: func(context.Context, string) ([]byte, error) { return make([]byte, TileSize), nil }}
	if _, err := p.Inclusion(ctx, MaxSize-1); err == nil {
		t.Error("zeros were taken for the tiles of the largest tree")
	}
}
