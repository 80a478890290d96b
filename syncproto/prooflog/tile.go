package prooflog

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// TileHeight is the height of a C2SP tile.
	TileHeight = 8
	// TileWidth is the number of hashes of a full tile, and of entries of a full bundle.
	TileWidth = 1 << TileHeight
	// TileSize is the length of a full tile in bytes.
	TileSize = TileWidth * tlog.HashSize
	// EntriesLevel is the level of an entry bundle in a tlog.Tile.
	EntriesLevel = -1

	maxTileLevel = 63
	maxPathParts = 6 // of three digits: more than any tile of a tree of MaxSize needs
)

// TilePath returns the path of a tile below the log's prefix as C2SP tlog-tiles spells it: tile/<L>/<N>[.p/<W>], and
// tile/entries/<N>[.p/<W>] at EntriesLevel. It differs from tlog.Tile.Path, which also states the height. tile.H is
// TileHeight.
func TilePath(tile tlog.Tile) string {
	level := "entries"
	if tile.L != EntriesLevel {
		level = strconv.Itoa(tile.L)
	}
	number := fmt.Sprintf("%03d", tile.N%1000)
	for n := tile.N / 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	if tile.W != TileWidth {
		return fmt.Sprintf("tile/%s/%s.p/%d", level, number, tile.W)
	}
	return "tile/" + level + "/" + number
}

// ParseTilePath returns the tile with the given path. It accepts exactly what TilePath returns.
func ParseTilePath(path string) (tlog.Tile, error) {
	tile, ok := parseTilePath(path)
	if !ok || TilePath(tile) != path {
		return tlog.Tile{}, fmt.Errorf("parsing tile path: %.80q is not tile/<L>/<N>[.p/<W>]", path)
	}
	return tile, nil
}

func parseTilePath(path string) (tile tlog.Tile, ok bool) {
	tile = tlog.Tile{H: TileHeight, L: EntriesLevel, W: TileWidth}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return tile, false
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return tile, false
	}
	var err error
	if level != "entries" {
		if tile.L, err = strconv.Atoi(level); err != nil || tile.L < 0 || tile.L > maxTileLevel {
			return tile, false
		}
	}
	number, width, partial := strings.Cut(rest, ".p/")
	if partial {
		if tile.W, err = strconv.Atoi(width); err != nil || tile.W < 1 || tile.W >= TileWidth {
			return tile, false
		}
	}
	parts := strings.Split(number, "/")
	if len(parts) > maxPathParts {
		return tile, false
	}
	for _, part := range parts {
		n, err := strconv.ParseUint(strings.TrimPrefix(part, "x"), 10, 16)
		if err != nil || n > 999 {
			return tile, false
		}
		tile.N = tile.N*1000 + int64(n)
	}
	return tile, true
}
