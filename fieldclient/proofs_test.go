package fieldclient

import (
	"context"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"kua/syncproto"
	"kua/syncproto/prooflog"
)

// leafLog is a log in memory that serves its tiles.
type leafLog struct {
	hashes []tlog.Hash
	size   int64
}

func (l *leafLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *leafLog) add(t *testing.T, id syncproto.ChangesetID) {
	t.Helper()
	hashes, err := tlog.StoredHashes(l.size, prooflog.Entry("changeset", id), l)
	if err != nil {
		t.Fatal(err)
	}
	l.hashes = append(l.hashes, hashes...)
	l.size++
}

func TestALeafIsProvenByPathOrByItsAuthenticTileAndNothingElse(t *testing.T) {
	ctx := context.Background()
	var l leafLog
	for i := range 700 {
		l.add(t, syncproto.ChangesetID{byte(i), byte(i >> 8)})
	}
	root, err := tlog.TreeHash(l.size, &l)
	if err != nil {
		t.Fatal(err)
	}
	authentic := map[string][]byte{}
	fetched := 0
	prover := prooflog.Prover{Tree: prooflog.Tree{Size: uint64(l.size), Root: root},
		Fetch: func(_ context.Context, path string) ([]byte, error) {
			fetched++
			tile, err := prooflog.ParseTilePath(path)
			if err != nil {
				return nil, err
			}
			return tlog.ReadTileData(tile, &l)
		},
		Save: func(path string, tile []byte) { authentic[path] = append([]byte(nil), tile...) }}
	for i := range 700 {
		id := syncproto.ChangesetID{byte(i), byte(i >> 8)}
		if err := proveLeaf(ctx, prover, authentic, unprovenRow{id, uint64(i)}); err != nil {
			t.Fatalf("leaf %d is not proven: %v", i, err)
		}
		if proveLeaf(ctx, prover, authentic, unprovenRow{syncproto.ChangesetID{9, 9, 9}, uint64(i)}) == nil {
			t.Fatalf("a changeset that is not in the log is proven at %d", i)
		}
		if i > 0 && proveLeaf(ctx, prover, authentic, unprovenRow{id, uint64(i - 1)}) == nil {
			t.Fatalf("changeset %d is proven at another place", i)
		}
	}
	if fetched > 40 {
		t.Errorf("%d tiles were fetched for 700 leaves", fetched)
	}
}
