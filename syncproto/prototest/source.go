package prototest

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"time"
)

// NewRand returns an endless source of bytes that depends on the seed alone.
func NewRand(seed uint64) io.Reader {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// Clock is a clock that moves only when told to. It is not safe for concurrent use.
type Clock struct{ now time.Time }

// NewClock returns a clock that stands at 09:00 UTC on 23 November 2026.
func NewClock() *Clock { return &Clock{time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return c.now }

// Advance moves the clock by d, which may be negative.
func (c *Clock) Advance(d time.Duration) { c.now = c.now.Add(d) }

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) { c.now = t }
