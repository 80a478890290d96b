package prooflog

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

const testOrigin = "npm.example/log"

// testLog is a whole log in memory, with every tile that its trees ever had.
type testLog struct {
	entries [][]byte
	hashes  storedHashes
	tiles   map[string][]byte
}

type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

// newTestLog returns a log of n entries; logs of one seed are prefixes of each other up to entry same.
func newTestLog(t testing.TB, n, same int, seed byte) *testLog {
	t.Helper()
	l := &testLog{tiles: map[string][]byte{}}
	for i := range n {
		id := [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}
		if i >= same {
			id[31] = seed
		}
		entry := Entry("changeset", id)
		hashes, err := tlog.StoredHashes(int64(i), entry, l.hashes)
		if err != nil {
			t.Fatal(err)
		}
		l.entries, l.hashes = append(l.entries, entry), append(l.hashes, hashes...)
	}
	return l
}

func (l *testLog) tree(t testing.TB, size int) Tree {
	t.Helper()
	if size == 0 {
		return EmptyTree()
	}
	root, err := tlog.TreeHash(int64(size), l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	return Tree{uint64(size), root}
}

// publish makes the tiles of the tree of the given size, and of that size only.
func (l *testLog) publish(t testing.TB, size int) {
	t.Helper()
	for _, tile := range tlog.NewTiles(TileHeight, 0, int64(size)) {
		b, err := tlog.ReadTileData(tile, l.hashes)
		if err != nil {
			t.Fatal(err)
		}
		l.tiles[TilePath(tile)] = b
	}
}

func (l *testLog) fetch(_ context.Context, path string) ([]byte, error) {
	if b, ok := l.tiles[path]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("reading %s: %w", path, fs.ErrNotExist)
}

func (l *testLog) inclusion(t testing.TB, size, index int) []Hash {
	t.Helper()
	proof, err := tlog.ProveRecord(int64(size), int64(index), l.hashes)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func testSigningKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte{31: seed})
}

func (l *testLog) checkpoint(t testing.TB, size int) []byte {
	t.Helper()
	signer, err := NewSigner(testOrigin, testSigningKey(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := SignCheckpoint(testOrigin, l.tree(t, size), signer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
