package syncproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of arrays and maps (docs/protocol.md §2).
const maxDepth = 8

// CBOR major types, RFC 8949 §3.1.
const (
	majorUint  = 0
	majorNint  = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorTag   = 6
	majorOther = 7

	cborFalse = 0xf4
	cborTrue  = 0xf5
	cborNull  = 0xf6
)

var errShort = errors.New("cbor: unexpected end")

// cursor reads one canonical item after another. It accepts only the profile of docs/protocol.md §2, so that every
// value has exactly one encoding: what it accepts need not be encoded again to be compared.
type cursor struct {
	b   []byte
	off int
}

func (c *cursor) done() bool { return c.off == len(c.b) }

// head reads the initial byte and argument of an item.
func (c *cursor) head() (major byte, arg uint64, err error) {
	if c.off >= len(c.b) {
		return 0, 0, errShort
	}
	ib := c.b[c.off]
	major, info := ib>>5, ib&31
	c.off++
	if info < 24 {
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, fmt.Errorf("cbor: indefinite or reserved length at byte %d", c.off-1)
	}
	n := 1 << (info - 24)
	if len(c.b)-c.off < n {
		return 0, 0, errShort
	}
	p := c.b[c.off:]
	c.off += n
	switch n {
	case 1:
		arg = uint64(p[0])
	case 2:
		arg = uint64(binary.BigEndian.Uint16(p))
	case 4:
		arg = uint64(binary.BigEndian.Uint32(p))
	default:
		arg = binary.BigEndian.Uint64(p)
	}
	if major == majorOther {
		return 0, 0, fmt.Errorf("cbor: floats and extended simple values are outside the profile (byte %d)", c.off-n-1)
	}
	if arg < 24 || n > 1 && arg < 1<<(8*n/2) {
		return 0, 0, fmt.Errorf("cbor: argument not in its shortest form at byte %d", c.off-n-1)
	}
	return major, arg, nil
}

// want reads the head of an item of the given major type.
func (c *cursor) want(major byte) (uint64, error) {
	at := c.off
	m, arg, err := c.head()
	if err != nil {
		return 0, err
	}
	if m != major {
		return 0, fmt.Errorf("cbor: want major type %d at byte %d, got %d", major, at, m)
	}
	return arg, nil
}

func (c *cursor) uint() (uint64, error) { return c.want(majorUint) }

// int reads a signed integer that fits 64 bits.
func (c *cursor) int() (int64, error) {
	m, arg, err := c.head()
	if err != nil {
		return 0, err
	}
	if arg > 1<<63-1 || m > majorNint {
		return 0, errors.New("cbor: want an integer of 64 bits")
	}
	if m == majorNint {
		return -1 - int64(arg), nil
	}
	return int64(arg), nil
}

// array reads an array head and bounds its length by most.
func (c *cursor) array(most int) (int, error) {
	n, err := c.want(majorArray)
	if err != nil {
		return 0, err
	}
	if n > uint64(most) || n > uint64(len(c.b)-c.off) {
		return 0, fmt.Errorf("cbor: array of %d items is over the limit of %d", n, most)
	}
	return int(n), nil
}

// bytes reads a byte string without copying it.
func (c *cursor) bytes() ([]byte, error) {
	n, err := c.want(majorBytes)
	if err != nil {
		return nil, err
	}
	return c.take(n)
}

func (c *cursor) take(n uint64) ([]byte, error) {
	if n > uint64(len(c.b)-c.off) {
		return nil, errShort
	}
	p := c.b[c.off : c.off+int(n) : c.off+int(n)]
	c.off += int(n)
	return p, nil
}

// fixed reads a byte string of exactly len(dst) bytes into dst.
func (c *cursor) fixed(dst []byte) error {
	p, err := c.bytes()
	if err != nil {
		return err
	}
	if len(p) != len(dst) {
		return fmt.Errorf("cbor: want a byte string of %d bytes, got %d", len(dst), len(p))
	}
	copy(dst, p)
	return nil
}

func (c *cursor) text() (string, error) {
	n, err := c.want(majorText)
	if err != nil {
		return "", err
	}
	p, err := c.take(n)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(p) {
		return "", errors.New("cbor: text is not valid UTF-8")
	}
	return string(p), nil
}

// null reports whether the next item is null, and consumes it if so.
func (c *cursor) null() bool {
	if c.off < len(c.b) && c.b[c.off] == cborNull {
		c.off++
		return true
	}
	return false
}

// raw returns the bytes of the next item, checked against the profile.
func (c *cursor) raw() ([]byte, error) {
	start := c.off
	if err := c.skip(maxDepth); err != nil {
		return nil, err
	}
	return c.b[start:c.off:c.off], nil
}

// skip checks and passes over one item.
func (c *cursor) skip(depth int) error {
	at := c.off
	m, arg, err := c.head()
	if err != nil {
		return err
	}
	switch m {
	case majorUint, majorNint:
		return nil
	case majorBytes:
		_, err := c.take(arg)
		return err
	case majorText:
		p, err := c.take(arg)
		if err == nil && !utf8.Valid(p) {
			return fmt.Errorf("cbor: text at byte %d is not valid UTF-8", at)
		}
		return err
	case majorOther:
		if ib := c.b[at]; ib != cborFalse && ib != cborTrue && ib != cborNull {
			return fmt.Errorf("cbor: simple value %d at byte %d is outside the profile", arg, at)
		}
		return nil
	case majorTag:
		return fmt.Errorf("cbor: tag %d at byte %d is outside the profile", arg, at)
	}
	if depth == 0 {
		return fmt.Errorf("cbor: nested deeper than %d levels", maxDepth)
	}
	if arg > uint64(len(c.b)-c.off) {
		return errShort
	}
	if m == majorArray {
		return c.skipArray(arg, depth-1)
	}
	return c.skipMap(arg, depth-1)
}

func (c *cursor) skipArray(n uint64, depth int) error {
	for range n {
		if err := c.skip(depth); err != nil {
			return err
		}
	}
	return nil
}

// skipMap checks that keys are unsigned integers in ascending order, which also rules out duplicates.
func (c *cursor) skipMap(n uint64, depth int) error {
	var last uint64
	for i := range n {
		key, err := c.uint()
		if err != nil {
			return fmt.Errorf("reading a map key: %w", err)
		}
		if i > 0 && key <= last {
			return fmt.Errorf("cbor: map keys are not ascending at key %d", key)
		}
		last = key
		if err := c.skip(depth); err != nil {
			return err
		}
	}
	return nil
}

// CheckCanonical reports whether b is exactly one item of the profile: definite lengths, shortest integers,
// ascending unsigned map keys, valid UTF-8, depth at most 8, no floats, no tags, no undefined (docs/protocol.md §2).
func CheckCanonical(b []byte) error {
	c := cursor{b: b}
	if err := c.skip(maxDepth); err != nil {
		return err
	}
	if !c.done() {
		return fmt.Errorf("cbor: %d bytes follow the item", len(b)-c.off)
	}
	return nil
}

func appendHead(b []byte, major byte, arg uint64) []byte {
	m := major << 5
	switch {
	case arg < 24:
		return append(b, m|byte(arg))
	case arg < 1<<8:
		return append(b, m|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, m|27), arg)
}

func appendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNint, uint64(-1-v))
	}
	return appendHead(b, majorUint, uint64(v))
}

func appendBytes(b, p []byte) []byte { return append(appendHead(b, majorBytes, uint64(len(p))), p...) }

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }
