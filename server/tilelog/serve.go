package tilelog

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Hashes returns the log's stored hashes as q sees them, for tlog.TreeHash, tlog.ProveRecord and tlog.ProveTree.
// Like those it works for every size up to the one that q sees, because a hash that is stored never changes.
func Hashes(ctx context.Context, q Querier) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		type coordinate struct {
			level int
			n     int64
		}
		tiles := make(map[coordinate][]byte)
		hashes := make([]tlog.Hash, 0, len(indexes))
		for _, index := range indexes {
			t := tlog.TileForIndex(tileHeight, index)
			at := coordinate{t.L, t.N}
			data, read := tiles[at]
			if !read {
				var err error
				if data, err = readTile(ctx, q, t.L, t.N); err != nil {
					return nil, err
				}
				tiles[at] = data
			}
			h, err := tlog.HashFromTile(t, data, index)
			if err != nil {
				return nil, fmt.Errorf("reading hash %d: %w", index, err)
			}
			hashes = append(hashes, h)
		}
		return hashes, nil
	})
}

// Tile returns the bytes of the hash tile <level>/<n>, or of its first width hashes if width is less than 256
// (C2SP tlog-tiles, "Merkle Tree"). It is ErrNotFound unless all of them are in the newest published tree.
func (l *Log) Tile(ctx context.Context, q Querier, level int, n int64, width int) ([]byte, error) {
	if level < 0 || level > maxLevel {
		return nil, fmt.Errorf("serving tile: level %d: %w", level, ErrNotFound)
	}
	if err := l.published(ctx, q, level, n, width); err != nil {
		return nil, fmt.Errorf("serving tile: %w", err)
	}
	tile, err := readTile(ctx, q, level, n)
	if err != nil {
		return nil, fmt.Errorf("serving tile: %w", err)
	}
	if len(tile) < width*tlog.HashSize {
		return nil, fmt.Errorf("serving tile: %d/%d is short: the log is damaged, run `kua-server verify`", level, n)
	}
	return tile[:width*tlog.HashSize], nil
}

// Entries returns the bytes of the entry bundle <n>, or of its first width entries if width is less than 256: each
// entry after its length as a big-endian uint16 (C2SP tlog-tiles, "Log Entries"). It is ErrNotFound unless all of
// them are in the newest published tree.
func (l *Log) Entries(ctx context.Context, q Querier, n int64, width int) ([]byte, error) {
	if err := l.published(ctx, q, 0, n, width); err != nil {
		return nil, fmt.Errorf("serving entries: %w", err)
	}
	first := n * TileWidth
	rows, err := q.QueryContext(ctx,
		`SELECT idx, body FROM tilelog_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx`, first, first+int64(width))
	if err != nil {
		return nil, fmt.Errorf("serving entries: %w", err)
	}
	defer rows.Close()
	var bundle []byte
	next := first
	for ; rows.Next(); next++ {
		var idx int64
		var body []byte
		if err := rows.Scan(&idx, &body); err != nil {
			return nil, fmt.Errorf("serving entries: %w", err)
		}
		if idx != next || len(body) > MaxEntry {
			break
		}
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(body))), body...)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("serving entries: %w", err)
	}
	if next != first+int64(width) {
		return nil, fmt.Errorf("serving entries: entry %d is missing: the log is damaged, run `kua-server verify`", next)
	}
	return bundle, nil
}

// published reports as ErrNotFound a tile that is not wholly in the newest published tree.
func (l *Log) published(ctx context.Context, q Querier, level int, n int64, width int) error {
	size, err := l.publishedSize(ctx, q)
	if err != nil {
		return err
	}
	complete := size >> (tileHeight * level)
	// Compared without multiplying n, which comes from a URL.
	if n < 0 || width < 1 || width > TileWidth || n > complete/TileWidth || n*TileWidth+int64(width) > complete {
		return fmt.Errorf("%d/%d width %d of tree size %d: %w", level, n, width, size, ErrNotFound)
	}
	return nil
}
