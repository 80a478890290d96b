package prooflog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 node of the log's Merkle tree.
type Hash = tlog.Hash

const entryHead = "kua-entry/v1"

var kindPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Entry returns the log entry of one record: three lines, each ended by a newline, the words "kua-entry/v1", the kind
// of the record, and its 32-byte id in standard base64. A kind is 1 to 32 of a-z, 0-9 and '-' and begins with a letter;
// an entry of any other kind is one that ParseEntry refuses.
func Entry(kind string, id [32]byte) []byte {
	return []byte(entryHead + "\n" + kind + "\n" + base64.StdEncoding.EncodeToString(id[:]) + "\n")
}

// ParseEntry returns what Entry was given. It accepts exactly the bytes that Entry makes.
func ParseEntry(entry []byte) (kind string, id [32]byte, err error) {
	const longest = len(entryHead) + 1 + 32 + 1 + 44 + 1
	if len(entry) > longest {
		return "", id, fmt.Errorf("parsing log entry: %d bytes, at most %d", len(entry), longest)
	}
	lines := strings.Split(string(entry), "\n")
	if len(lines) != 4 || lines[0] != entryHead || lines[3] != "" {
		return "", id, errors.New("parsing log entry: want the three lines of " + entryHead)
	}
	if !kindPattern.MatchString(lines[1]) {
		return "", id, fmt.Errorf("parsing log entry: %q is no kind", lines[1])
	}
	if id, err = parseHash(lines[2]); err != nil {
		return "", id, fmt.Errorf("parsing log entry: %w", err)
	}
	return lines[1], id, nil
}

// LeafHash returns the RFC 6962 §2.1 hash of an entry: SHA-256(0x00 ‖ entry).
func LeafHash(entry []byte) Hash { return tlog.RecordHash(entry) }

// parseHash decodes the one standard base64 form of 32 bytes.
func parseHash(s string) ([32]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 32 || len(s) != 44 { // the decoder skips \r and \n
		return [32]byte{}, fmt.Errorf("%.50q is not 32 bytes in base64", s)
	}
	return [32]byte(b), nil
}

// AppendBundle appends entry to an entry bundle as C2SP tlog-tiles wants it: a big-endian uint16 length, then the bytes.
func AppendBundle(bundle, entry []byte) ([]byte, error) {
	if len(entry) > math.MaxUint16 {
		return nil, fmt.Errorf("appending log entry: %d bytes, at most %d", len(entry), math.MaxUint16)
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...), nil
}

// SplitBundle returns the width entries of an entry bundle, as slices of it. The entries are not authenticated: compare
// their LeafHash with the level 0 tile of the same number.
func SplitBundle(bundle []byte, width int) ([][]byte, error) {
	if width < 1 || width > TileWidth {
		return nil, fmt.Errorf("splitting entry bundle: width %d is not in 1..%d", width, TileWidth)
	}
	entries := make([][]byte, 0, width)
	for len(entries) < width {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("splitting entry bundle: %d entries, want %d", len(entries), width)
		}
		n := int(binary.BigEndian.Uint16(bundle))
		if bundle = bundle[2:]; len(bundle) < n {
			return nil, fmt.Errorf("splitting entry bundle: entry %d is cut off", len(entries))
		}
		entries = append(entries, bundle[:n:n])
		bundle = bundle[n:]
	}
	if len(bundle) != 0 {
		return nil, fmt.Errorf("splitting entry bundle: %d bytes behind entry %d", len(bundle), width)
	}
	return entries, nil
}
