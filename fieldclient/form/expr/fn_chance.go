package expr

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
)

// chance reads bytes from the random source.
func (r *run) chance(c *call, b []byte) error {
	if r.env.Random == nil {
		return fail(CodeMissing, c.at(), "there is no random source here")
	}
	r.spend(len(b))
	if _, err := io.ReadFull(r.env.Random, b); err != nil {
		return fail(CodeMissing, c.at(), "the random source gave nothing: %v", err)
	}
	return nil
}

// fraction gives a random number from 0 up to 1, of 53 bits.
func (r *run) fraction(c *call) (float64, error) {
	var b [8]byte
	err := r.chance(c, b[:])
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53), err
}

func fnRandom(r *run, _ focus, c *call, _ []Value) (Value, error) {
	f, err := r.fraction(c)
	return r.number(f), err
}

// fnUUID gives a UUID of version 4 (RFC 9562), or as many random letters and digits as asked for.
func fnUUID(r *run, _ focus, c *call, args []Value) (Value, error) {
	if len(args) == 0 {
		var b [16]byte
		if err := r.chance(c, b[:]); err != nil {
			return Value{}, err
		}
		b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
		return r.text(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])), nil
	}
	const longest = 1024
	if !(args[0].num >= 0 && args[0].num <= longest) {
		return Value{}, fail(CodeArguments, c.at(), "uuid(length) takes a length from 0 to %d", longest)
	}
	var out strings.Builder
	for b := make([]byte, 1); out.Len() < int(args[0].num); {
		if err := r.chance(c, b); err != nil {
			return Value{}, err
		}
		if b[0] < 252 { // 7 × 36: every letter is as likely as every other
			out.WriteByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[b[0]%36])
		}
		if err := r.check(); err != nil {
			return Value{}, err
		}
	}
	return r.text(out.String()), nil
}

// fnRandomize shuffles a set: Fisher-Yates inside-out, over the random source or over Park and Miller's generator
// with the seed that is given (ODK XForms, randomize).
func fnRandomize(r *run, _ focus, c *call, args []Value) (Value, error) {
	next := func() (float64, error) { return r.fraction(c) }
	if len(args) > 1 {
		state := seedOf(args[1])
		next = func() (float64, error) {
			state = state * 16807 % math.MaxInt32
			return float64(state-1) / (math.MaxInt32 - 1), nil
		}
	}
	out := make([]Node, len(args[0].nodes))
	for i, n := range args[0].nodes {
		f, err := next()
		if err != nil {
			return Value{}, err
		}
		j := int(f * float64(i+1))
		out[i], out[j] = out[j], n
		r.steps--
	}
	return r.set(out), r.check()
}

// seedOf makes a seed of a value as JavaRosa does: the whole part of a number, the start of the SHA-256 of another
// text, 0 of nothing.
func seedOf(v Value) int64 {
	f, seed := v.Number(), int64(0)
	switch s := v.Answer(); {
	case !math.IsNaN(f) && f >= math.MaxInt64:
		seed = math.MaxInt64
	case !math.IsNaN(f) && f <= math.MinInt64:
		seed = math.MinInt64
	case !math.IsNaN(f):
		seed = int64(f)
	case s != "":
		sum := sha256.Sum256([]byte(s))
		seed = int64(binary.BigEndian.Uint64(sum[:8]))
	}
	if seed %= math.MaxInt32; seed <= 0 {
		seed += math.MaxInt32 - 1
	}
	return seed
}
