package prooflog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"
)

// Prover computes proofs for one tree from tiles. Nothing that Fetch returns is believed: every tile is authenticated
// against Tree before a hash of it is used.
type Prover struct {
	// Tree is a verified tree; see OpenCheckpoint.
	Tree Tree
	// Fetch returns the tile at a path below the log's prefix (TilePath); it reads at most TileSize bytes. Where a
	// partial tile is gone it returns an error that is fs.ErrNotExist, and the full tile is tried.
	Fetch func(ctx context.Context, tilePath string) ([]byte, error)
	// Save, if not nil, is given each tile after it was authenticated, with the path of its width in Tree.
	Save func(tilePath string, tile []byte)
}

// Inclusion returns the inclusion proof of the entry at index, counted from 0, in p.Tree, for CheckInclusion.
func (p Prover) Inclusion(ctx context.Context, index uint64) ([]Hash, error) {
	if err := p.Tree.Check(); err != nil {
		return nil, fmt.Errorf("proving inclusion: %w", err)
	}
	if index >= p.Tree.Size {
		return nil, fmt.Errorf("proving inclusion: entry %d is not among %d", index, p.Tree.Size)
	}
	proof, err := tlog.ProveRecord(int64(p.Tree.Size), int64(index), p.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("proving inclusion of entry %d in %d: %w", index, p.Tree.Size, err)
	}
	return proof, nil
}

// Consistency proves that p.Tree continues older, and returns the proof for CheckConsistency. ErrRollback and ErrFork
// mean what they say: the proof was computed from authenticated tiles, so the two trees contradict each other.
func (p Prover) Consistency(ctx context.Context, older Tree) ([]Hash, error) {
	if older.Size == 0 || older.Size >= p.Tree.Size {
		return nil, CheckConsistency(older, p.Tree, nil)
	}
	if err := errors.Join(older.Check(), p.Tree.Check()); err != nil {
		return nil, fmt.Errorf("proving consistency: %w", err)
	}
	proof, err := tlog.ProveTree(int64(p.Tree.Size), int64(older.Size), p.hashes(ctx))
	if err != nil {
		return nil, fmt.Errorf("proving consistency of %d with %d: %w", older.Size, p.Tree.Size, err)
	}
	if checkConsistency(older, p.Tree, proof) != nil {
		return nil, fmt.Errorf("proving consistency of %d with %d: %w", older.Size, p.Tree.Size, ErrFork)
	}
	return proof, nil
}

func (p Prover) hashes(ctx context.Context) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(p.Tree.Size), Hash: p.Tree.Root}, tiles{
		fetch: func(path string) ([]byte, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return p.Fetch(ctx, path)
		},
		save: p.Save,
	})
}

// tiles is the tlog.TileReader of one call.
type tiles struct {
	fetch func(path string) ([]byte, error)
	save  func(path string, tile []byte)
}

func (tiles) Height() int { return TileHeight }

func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	for i, tile := range list {
		b, err := t.read(tile)
		if err != nil {
			return nil, fmt.Errorf("fetching %s: %w", TilePath(tile), err)
		}
		data[i] = b
	}
	return data, nil
}

func (t tiles) read(tile tlog.Tile) ([]byte, error) {
	want, have := tile.W*tlog.HashSize, tile.W*tlog.HashSize
	b, err := t.fetch(TilePath(tile))
	if errors.Is(err, fs.ErrNotExist) && tile.W < TileWidth {
		// A log may drop a partial tile once the full one exists (C2SP tlog-tiles, "Partial Tiles").
		tile.W, have = TileWidth, TileSize
		b, err = t.fetch(TilePath(tile))
	}
	if err != nil {
		return nil, err
	}
	if len(b) != have {
		return nil, fmt.Errorf("%d bytes, want %d", len(b), have)
	}
	return b[:want:want], nil
}

func (t tiles) SaveTiles(list []tlog.Tile, data [][]byte) {
	if t.save == nil {
		return
	}
	for i, tile := range list {
		t.save(TilePath(tile), data[i])
	}
}
