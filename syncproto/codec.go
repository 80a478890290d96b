package syncproto

import (
	"errors"
	"fmt"
)

// Keys of the header map; they are never reused (docs/protocol.cddl).
const (
	hVersion = 1 + iota
	hScope
	hDevice
	hIncarnation
	hN
	hSeq0
	hCount
	hPrev
	hSkeleton
	hValueRoot
	hHLC0
	hDeps
	hRoster
	hSchema
	hClock
	hCheckpoint
	hKey
	hApp
)

func (h *Header) append(b []byte) []byte {
	n := 13 // keys that are always there
	for _, present := range []bool{h.N > 1, len(h.Deps) > 0, h.Clock != nil, h.Checkpoint != nil, h.Key != nil} {
		if present {
			n++
		}
	}
	b = appendHead(b, majorMap, uint64(n))
	key := func(k uint64) { b = appendUint(b, k) }
	num := func(k, v uint64) { key(k); b = appendUint(b, v) }
	str := func(k uint64, v []byte) { key(k); b = appendBytes(b, v) }
	num(hVersion, Version)
	str(hScope, h.Scope[:])
	str(hDevice, h.Device[:])
	str(hIncarnation, h.Incarnation[:])
	num(hN, h.N)
	num(hSeq0, h.Seq0)
	num(hCount, uint64(h.Count))
	if h.N > 1 {
		str(hPrev, h.Prev[:])
	}
	str(hSkeleton, h.Skeleton[:])
	str(hValueRoot, h.ValueRoot[:])
	num(hHLC0, uint64(h.HLC0))
	if len(h.Deps) > 0 {
		key(hDeps)
		b = appendDeps(b, h.Deps)
	}
	str(hRoster, h.RosterHead[:])
	num(hSchema, h.Schema)
	if c := h.Clock; c != nil {
		key(hClock)
		b = appendInt(appendInt(appendInt(appendArray(b, 3), c.OffsetMillis), c.ErrorMillis), c.AgeSeconds)
	}
	if c := h.Checkpoint; c != nil {
		key(hCheckpoint)
		b = appendBytes(appendUint(appendArray(b, 2), c.Size), c.Root[:])
	}
	if k := h.Key; k != nil {
		key(hKey)
		b = appendBytes(appendUint(appendArray(b, 2), k.Epoch), k.Commitment[:])
	}
	key(hApp)
	return appendText(b, h.App)
}

func appendDeps(b []byte, deps []Dep) []byte {
	b = appendArray(b, len(deps))
	for _, d := range deps {
		b = appendArray(b, 3)
		b = appendBytes(b, d.Feed[:])
		b = appendUint(b, d.N)
		b = appendBytes(b, d.Short[:])
	}
	return b
}

// parseHeader decodes the signed payload. Unknown keys are passed over: the bytes are what is kept and verified.
func parseHeader(payload []byte) (Header, error) {
	var h Header
	c := cursor{b: payload}
	n, err := c.want(majorMap)
	if err != nil || n > 64 {
		return h, Refuse(CodeMalformed, "parsing header: want a map of at most 64 entries")
	}
	var last, seen uint64
	for range n {
		key, err := c.uint()
		if err != nil || key <= last {
			return h, Refuse(CodeMalformed, "parsing header: keys are not ascending")
		}
		last = key
		if key <= hApp {
			seen |= 1 << key
		}
		if err := h.parseField(&c, key); err != nil {
			if CodeOf(err) != "" {
				return h, err
			}
			return h, Refuse(CodeMalformed, "parsing header key %d: %w", key, err)
		}
	}
	if !c.done() {
		return h, Refuse(CodeMalformed, "parsing header: bytes follow it")
	}
	if err := h.check(seen); err != nil {
		return h, Refuse(CodeMalformed, "checking header: %w", err)
	}
	return h, nil
}

func (h *Header) parseField(c *cursor, key uint64) (err error) {
	switch key {
	case hVersion:
		v, err := c.uint()
		if err == nil && v != Version {
			return Refuse(CodeVersion, "this program speaks protocol version %d, the changeset is of version %d: update Kua", Version, v)
		}
		return err
	case hScope:
		return c.fixed(h.Scope[:])
	case hDevice:
		return c.fixed(h.Device[:])
	case hIncarnation:
		return c.fixed(h.Incarnation[:])
	case hN:
		h.N, err = c.uint()
	case hSeq0:
		h.Seq0, err = c.uint()
	case hCount:
		var n uint64
		if n, err = c.uint(); err == nil && n > MaxOps {
			return Refuse(CodeTooLarge, "%d operations, the limit is %d", n, MaxOps)
		}
		h.Count = int(n)
	case hPrev:
		return c.fixed(h.Prev[:])
	case hSkeleton:
		return c.fixed(h.Skeleton[:])
	case hValueRoot:
		return c.fixed(h.ValueRoot[:])
	case hHLC0:
		var v uint64
		v, err = c.uint()
		h.HLC0 = HLC(v)
	case hDeps:
		h.Deps, err = parseDeps(c)
	case hRoster:
		return c.fixed(h.RosterHead[:])
	case hSchema:
		h.Schema, err = c.uint()
	case hClock:
		h.Clock, err = parseClock(c)
	case hCheckpoint:
		h.Checkpoint, err = parseCheckpointSeen(c)
	case hKey:
		h.Key, err = parseKeyRef(c)
	case hApp:
		if h.App, err = c.text(); err == nil && len(h.App) > maxAppLength {
			err = fmt.Errorf("build id of %d bytes, the limit is %d", len(h.App), maxAppLength)
		}
	default:
		_, err = c.raw()
	}
	return err
}

const maxCount = 1 << 48 // far beyond any feed; keeps sums from wrapping

func (h *Header) check(seen uint64) error {
	const optional = 1<<hPrev | 1<<hDeps | 1<<hClock | 1<<hCheckpoint | 1<<hKey
	const all = 1<<(hApp+1) - 2
	if missing := all &^ optional &^ seen; missing != 0 {
		return fmt.Errorf("required keys are missing (mask %x)", missing)
	}
	if h.N == 0 || h.Seq0 == 0 || h.Count == 0 || h.N > maxCount || h.Seq0 > maxCount {
		return errors.New("n, seq0 and count start at 1 and are bounded")
	}
	if (h.N > 1) != (seen&(1<<hPrev) != 0) {
		return errors.New("prev belongs to every changeset but the first of a feed")
	}
	if h.N == 1 && h.Seq0 != 1 {
		return errors.New("the first changeset of a feed begins with operation 1")
	}
	return nil
}

func parseDeps(c *cursor) ([]Dep, error) {
	n, err := c.array(MaxDeps)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("no dependencies are written by leaving the key out")
	}
	deps := make([]Dep, n)
	for i := range deps {
		d := &deps[i]
		if m, err := c.array(3); err != nil || m != 3 {
			return nil, fmt.Errorf("dependency %d: want [feed, n, id prefix]", i)
		}
		if err := c.fixed(d.Feed[:]); err != nil {
			return nil, err
		}
		if d.N, err = c.uint(); err != nil || d.N == 0 || d.N > maxCount {
			return nil, fmt.Errorf("dependency %d: bad changeset number", i)
		}
		if err := c.fixed(d.Short[:]); err != nil {
			return nil, err
		}
	}
	return deps, nil
}

func parseClock(c *cursor) (*ClockEvidence, error) {
	if n, err := c.array(3); err != nil || n != 3 {
		return nil, errors.New("want [offset, error, age]")
	}
	var e ClockEvidence
	for _, p := range []*int64{&e.OffsetMillis, &e.ErrorMillis, &e.AgeSeconds} {
		v, err := c.int()
		if err != nil {
			return nil, err
		}
		*p = v
	}
	return &e, nil
}

func parseCheckpointSeen(c *cursor) (*CheckpointSeen, error) {
	size, hash, err := parsePair(c)
	return &CheckpointSeen{size, hash}, err
}

func parseKeyRef(c *cursor) (*KeyRef, error) {
	epoch, commitment, err := parsePair(c)
	return &KeyRef{epoch, commitment}, err
}

func parsePair(c *cursor) (v uint64, h Hash, err error) {
	if n, err := c.array(2); err != nil || n != 2 {
		return 0, h, errors.New("want [number, 32 bytes]")
	}
	if v, err = c.uint(); err != nil {
		return 0, h, err
	}
	return v, h, c.fixed(h[:])
}

// appendSkeleton encodes [[entity…], [[kind, entity index, field, [feed, seq…], Δhlc, flags, ?clear]…]].
func appendSkeleton(b []byte, ops []Op) []byte {
	index := make(map[EntityID]int)
	var entities []EntityID
	for _, o := range ops {
		if _, ok := index[o.Entity]; !ok {
			index[o.Entity] = len(entities)
			entities = append(entities, o.Entity)
		}
	}
	b = appendArray(b, 2)
	b = appendArray(b, len(entities))
	for _, e := range entities {
		b = appendBytes(b, e[:])
	}
	b = appendArray(b, len(ops))
	for _, o := range ops {
		b = o.append(b, index[o.Entity])
	}
	return b
}

func (o *Op) append(b []byte, entity int) []byte {
	n := 6
	if o.Clear != nil {
		n = 7
	}
	b = appendArray(b, n)
	b = appendUint(b, uint64(o.Kind))
	b = appendUint(b, uint64(entity))
	b = appendUint(b, uint64(o.Field))
	b = appendArray(b, 2*len(o.Dots))
	for _, d := range o.Dots {
		b = appendUint(appendUint(b, uint64(d.Feed)), d.Seq)
	}
	b = appendUint(appendUint(b, o.Delta), uint64(o.Flags))
	return append(b, o.Clear...)
}

func parseSkeleton(b []byte, h *Header) ([]Op, error) {
	c := cursor{b: b}
	if n, err := c.array(2); err != nil || n != 2 {
		return nil, fmt.Errorf("want [entities, operations] (%w)", orShort(err))
	}
	entities, err := parseEntities(&c)
	if err != nil {
		return nil, err
	}
	n, err := c.array(MaxOps)
	if err != nil {
		return nil, err
	}
	if n != h.Count {
		return nil, fmt.Errorf("%d operations, the header says %d", n, h.Count)
	}
	ops := make([]Op, n)
	next := 0 // entities are listed in the order of first use, each once: one encoding only
	for i := range ops {
		e, err := ops[i].parse(&c)
		if err == nil && (e > next || e >= len(entities)) {
			err = errors.New("entity index out of order")
		}
		if err == nil {
			err = ops[i].check(h, i)
		}
		if err != nil {
			return nil, fmt.Errorf("operation %d: %w", i, err)
		}
		ops[i].Entity = entities[e]
		if e == next {
			next++
		}
	}
	if next != len(entities) || !c.done() {
		return nil, errors.New("unused entities or bytes behind the operations")
	}
	return ops, nil
}

func parseEntities(c *cursor) ([]EntityID, error) {
	n, err := c.array(MaxOps)
	if err != nil {
		return nil, err
	}
	out := make([]EntityID, n)
	for i := range out {
		if err := c.fixed(out[i][:]); err != nil {
			return nil, err
		}
		for _, e := range out[:i] {
			if n <= 32 && e == out[i] {
				return nil, errors.New("an entity is listed twice")
			}
		}
	}
	if n > 32 && hasTwins(out) {
		return nil, errors.New("an entity is listed twice")
	}
	return out, nil
}

func hasTwins(ids []EntityID) bool {
	seen := make(map[EntityID]bool, len(ids))
	for _, e := range ids {
		if seen[e] {
			return true
		}
		seen[e] = true
	}
	return false
}

// parse reads one operation and returns the index of its entity.
func (o *Op) parse(c *cursor) (entity int, err error) {
	n, err := c.array(7)
	if err != nil || n < 6 {
		return 0, fmt.Errorf("want 6 or 7 elements (%w)", orShort(err))
	}
	kind, err := c.uint()
	if err != nil || kind > 1<<16-1 {
		return 0, fmt.Errorf("bad kind (%w)", orShort(err))
	}
	e, err := c.uint()
	if err != nil || e >= MaxOps {
		return 0, fmt.Errorf("bad entity index (%w)", orShort(err))
	}
	field, err := c.uint()
	if err != nil || field > 1<<32-1 {
		return 0, fmt.Errorf("bad field (%w)", orShort(err))
	}
	if o.Dots, err = parseDots(c); err != nil {
		return 0, err
	}
	if o.Delta, err = c.uint(); err != nil {
		return 0, err
	}
	flags, err := c.uint()
	if err != nil || flags > 255 {
		return 0, fmt.Errorf("bad flags (%w)", orShort(err))
	}
	if n == 7 {
		if o.Clear, err = c.raw(); err != nil {
			return 0, err
		}
		if len(o.Clear) > MaxClear {
			return 0, fmt.Errorf("clear part of %d bytes, the limit is %d", len(o.Clear), MaxClear)
		}
	}
	o.Kind, o.Field, o.Flags = Kind(kind), Field(field), Flags(flags)
	return int(e), nil
}

func parseDots(c *cursor) ([]Dot, error) {
	n, err := c.array(2 * MaxDots)
	if err != nil {
		return nil, err
	}
	if n%2 != 0 {
		return nil, errors.New("dots come in pairs")
	}
	if n == 0 {
		return nil, nil
	}
	dots := make([]Dot, n/2)
	for i := range dots {
		f, err := c.uint()
		if err != nil || f > MaxDeps {
			return nil, fmt.Errorf("dot %d: bad feed index", i)
		}
		seq, err := c.uint()
		if err != nil || seq == 0 || seq > maxCount {
			return nil, fmt.Errorf("dot %d: bad sequence number", i)
		}
		dots[i] = Dot{int(f), seq}
	}
	return dots, nil
}

// check refuses dots that no honest author can have seen: later operations of the own feed, feeds without a
// dependency.
func (o *Op) check(h *Header, i int) error {
	for _, d := range o.Dots {
		if d.Feed == 0 && d.Seq >= h.Seq0+uint64(i) {
			return errors.New("refers to an operation of its own feed that does not come before it")
		}
		if d.Feed > len(h.Deps) {
			return errors.New("refers to a feed that is not among the dependencies")
		}
	}
	return nil
}
