package tilelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// entryRows is how many entries one INSERT carries: its parameters stay far below what either database allows.
const entryRows = 100

// Append adds entries at the end of the log and returns the index of the first. It belongs into the transaction
// that stores what the entries stand for: if that rolls back, nothing was appended. Until it ends, other appends
// wait.
func (l *Log) Append(ctx context.Context, tx *sql.Tx, entries [][]byte) (first int64, err error) {
	for i, e := range entries {
		if len(e) > MaxEntry {
			return 0, fmt.Errorf("appending to log: entry %d has %d bytes, more than %d", i, len(e), MaxEntry)
		}
	}
	var number, size int64
	// The update comes first because it locks: what is read after it cannot change under us.
	err = tx.QueryRowContext(ctx,
		`UPDATE tilelog_tree SET size = size + $1 WHERE id = 1 RETURNING size, number`, len(entries)).Scan(&size, &number)
	if err != nil {
		return 0, fmt.Errorf("appending to log: %w", err)
	}
	if number != l.number {
		return 0, fmt.Errorf("appending to log: the origin is now number %d, not %d: open the log again", number, l.number)
	}
	first = size - int64(len(entries))
	if err := insertEntries(ctx, tx, first, entries); err != nil {
		return 0, fmt.Errorf("appending to log: %w", err)
	}
	hashes := make([]byte, 0, len(entries)*tlog.HashSize)
	for _, e := range entries {
		h := tlog.RecordHash(e)
		hashes = append(hashes, h[:]...)
	}
	if err := appendHashes(ctx, tx, first, hashes); err != nil {
		return 0, fmt.Errorf("appending to log: %w", err)
	}
	return first, nil
}

func insertEntries(ctx context.Context, tx *sql.Tx, first int64, entries [][]byte) error {
	for start := 0; start < len(entries); start += entryRows {
		batch := entries[start:min(start+entryRows, len(entries))]
		var values strings.Builder
		args := make([]any, 0, 2*len(batch))
		for i, e := range batch {
			if e == nil {
				e = []byte{} // nil would be NULL
			}
			fmt.Fprintf(&values, ", ($%d, $%d)", 2*i+1, 2*i+2)
			args = append(args, first+int64(start+i), e)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO tilelog_entry (idx, body) VALUES `+values.String()[2:], args...); err != nil {
			return fmt.Errorf("storing entries: %w", err)
		}
	}
	return nil
}

// appendHashes puts hashes after the first ones of level 0 and carries the root of each tile that fills up to the
// level above.
func appendHashes(ctx context.Context, tx *sql.Tx, first int64, hashes []byte) error {
	for level := 0; len(hashes) > 0; level++ {
		n := first / TileWidth
		tile, err := readEdge(ctx, tx, level, n, int(first%TileWidth))
		if err != nil {
			return err
		}
		var above []byte
		for len(hashes) > 0 {
			k := min(TileWidth*tlog.HashSize-len(tile), len(hashes))
			tile, hashes = append(tile, hashes[:k]...), hashes[k:]
			if err := writeTile(ctx, tx, level, n, tile); err != nil {
				return err
			}
			if len(tile) == TileWidth*tlog.HashSize {
				root := subtree(tile)
				above = append(above, root[:]...)
				tile, n = nil, n+1
			}
		}
		first, hashes = first/TileWidth, above
	}
	return nil
}

// readEdge returns the tile that the next hash goes to, which must hold width hashes.
func readEdge(ctx context.Context, q Querier, level int, n int64, width int) ([]byte, error) {
	if width == 0 {
		return nil, nil
	}
	tile, err := readTile(ctx, q, level, n)
	if err != nil {
		return nil, err
	}
	if len(tile) != width*tlog.HashSize {
		return nil, fmt.Errorf("tile %d/%d has %d bytes instead of %d: the log is damaged, run `kua-server verify`",
			level, n, len(tile), width*tlog.HashSize)
	}
	return tile, nil
}

func readTile(ctx context.Context, q Querier, level int, n int64) (tile []byte, err error) {
	err = q.QueryRowContext(ctx, `SELECT hashes FROM tilelog_tile WHERE level = $1 AND n = $2`, level, n).Scan(&tile)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("tile %d/%d is missing: the log is damaged, run `kua-server verify`", level, n)
	}
	if err != nil {
		return nil, fmt.Errorf("reading tile %d/%d: %w", level, n, err)
	}
	return tile, nil
}

func writeTile(ctx context.Context, tx *sql.Tx, level int, n int64, tile []byte) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO tilelog_tile (level, n, hashes) VALUES ($1, $2, $3)
		ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, level, n, tile)
	if err != nil {
		return fmt.Errorf("writing tile %d/%d: %w", level, n, err)
	}
	return nil
}

// subtree returns the root over the hashes in tile; their number is a power of two.
func subtree(tile []byte) tlog.Hash {
	if len(tile) == tlog.HashSize {
		return tlog.Hash(tile)
	}
	half := len(tile) / 2
	return tlog.NodeHash(subtree(tile[:half]), subtree(tile[half:]))
}
