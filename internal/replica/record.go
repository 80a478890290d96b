package replica

import (
	"encoding/binary"
	"errors"
	"fmt"

	"kua/syncproto"
)

// record is one row of the record table in memory: every operation on one record, and what Fold said of it last.
type record struct {
	id        int64
	scope     *scope
	entity    syncproto.EntityID
	kind      syncproto.Field
	attention syncproto.Attention
	deps      []syncproto.Dep // of dangling targets: Target.Changeset is an index into it
	log       []syncproto.Contribution
	fresh     bool // not in the database yet
	dirty     bool

	looked int                      // how often find went through the log
	at     map[opPlace][]int        // once that was often: places in log by operation
	depAt  map[syncproto.Dep]uint64 // places in deps; nil until one is asked for
}

// opPlace names an operation by the row of its feed and its sequence number.
type opPlace struct{ feed, seq uint64 }

// errRecord means that a packed log does not parse: the database was damaged. `rebuild` makes it anew.
var errRecord = errors.New("a record's packed log is damaged: run rebuild")

// pack encodes the record's log. Rows are small numbers of this store; the packed form never leaves it.
func (rec *record) pack() []byte {
	b := make([]byte, 0, 32*len(rec.log)+16)
	b = binary.AppendUvarint(b, uint64(len(rec.deps)))
	for _, d := range rec.deps {
		b = append(b, d.Feed[:]...)
		b = binary.AppendUvarint(b, d.N)
		b = append(b, d.Short[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(rec.log)))
	for i := range rec.log {
		b = packContribution(b, &rec.log[i])
	}
	return b
}

func packContribution(b []byte, c *syncproto.Contribution) []byte {
	b = binary.AppendUvarint(b, c.Changeset)
	b = binary.AppendUvarint(b, c.Feed)
	b = binary.AppendUvarint(b, c.N)
	flags := uint64(c.Rights)<<2 | uint64(btoi(c.Forked))<<1 | uint64(btoi(c.Quarantined))
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(len(c.Ops)))
	for i := range c.Ops {
		o := &c.Ops[i]
		b = binary.AppendUvarint(b, uint64(o.Index))
		b = binary.AppendUvarint(b, o.Seq)
		b = binary.AppendUvarint(b, uint64(o.Kind))
		b = binary.AppendUvarint(b, uint64(o.Field))
		b = append(b, byte(o.Flags))
		b = binary.AppendUvarint(b, uint64(len(o.Targets)))
		for _, t := range o.Targets {
			place := t.Changeset << 1
			if t.Dangling {
				place |= 1
			}
			b = binary.AppendUvarint(binary.AppendUvarint(b, place), t.Seq)
		}
	}
	return b
}

// unpacker reads what pack wrote. The first fault sticks.
type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) num() uint64 {
	v, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[n:]
	return v
}

// count reads a length and bounds it by what is left.
func (u *unpacker) count() int {
	n := u.num()
	if n > uint64(len(u.b)) {
		u.bad = true
		return 0
	}
	return int(n)
}

func (u *unpacker) bytes(dst []byte) {
	if len(u.b) < len(dst) {
		u.bad = true
		return
	}
	u.b = u.b[copy(dst, u.b):]
}

// unpack decodes a packed log; owner gives the person behind a feed row.
func (rec *record) unpack(b []byte, owner func(feed uint64) syncproto.PersonID) error {
	u := unpacker{b: b}
	rec.deps = make([]syncproto.Dep, u.count())
	for i := range rec.deps {
		u.bytes(rec.deps[i].Feed[:])
		rec.deps[i].N = u.num()
		u.bytes(rec.deps[i].Short[:])
	}
	n := u.count()
	rec.log = make([]syncproto.Contribution, n, n+4)
	for i := range rec.log {
		u.contribution(&rec.log[i])
		rec.log[i].Person = owner(rec.log[i].Feed)
	}
	if u.bad || len(u.b) != 0 {
		return fmt.Errorf("unpacking record %d: %w", rec.id, errRecord)
	}
	return nil
}

func (u *unpacker) contribution(c *syncproto.Contribution) {
	c.Changeset, c.Feed, c.N = u.num(), u.num(), u.num()
	flags := u.num()
	c.Rights, c.Forked, c.Quarantined = syncproto.Rights(flags>>2), flags&2 != 0, flags&1 != 0
	c.Ops = make([]syncproto.MergeOp, u.count())
	for i := range c.Ops {
		o := &c.Ops[i]
		o.Index, o.Seq = int(u.num()), u.num()
		o.Kind, o.Field = syncproto.Kind(u.num()), syncproto.Field(u.num())
		var f [1]byte
		u.bytes(f[:])
		o.Flags = syncproto.Flags(f[0])
		if n := u.count(); n > 0 {
			o.Targets = make([]syncproto.Target, n)
		}
		for j := range o.Targets {
			place := u.num()
			o.Targets[j] = syncproto.Target{Changeset: place >> 1, Seq: u.num(), Dangling: place&1 != 0}
		}
	}
}

// manyFinds is from how many finds on an index is worth making: most changesets name one or two operations.
const manyFinds = 16

// find returns the contributions of a feed that hold operation seq: one, or several on a forked feed. They move with the
// next contribution.
func (rec *record) find(feed, seq uint64) (found []*syncproto.Contribution) {
	if rec.at == nil {
		if rec.looked++; rec.looked <= manyFinds {
			return rec.look(feed, seq)
		}
		rec.at = make(map[opPlace][]int, len(rec.log))
		for i := range rec.log {
			for j := range rec.log[i].Ops {
				rec.place(i, rec.log[i].Ops[j].Seq)
			}
		}
	}
	for _, i := range rec.at[opPlace{feed, seq}] {
		found = append(found, &rec.log[i])
	}
	return found
}

func (rec *record) place(i int, seq uint64) {
	p := opPlace{rec.log[i].Feed, seq}
	rec.at[p] = append(rec.at[p], i)
}

// add puts an operation into the newest contribution.
func (rec *record) add(op syncproto.MergeOp) {
	last := len(rec.log) - 1
	rec.log[last].Ops = append(rec.log[last].Ops, op)
	if rec.at != nil {
		rec.place(last, op.Seq)
	}
}

func (rec *record) look(feed, seq uint64) (found []*syncproto.Contribution) {
	for i := range rec.log {
		c := &rec.log[i]
		if c.Feed != feed || len(c.Ops) == 0 || seq < c.Ops[0].Seq || seq > c.Ops[len(c.Ops)-1].Seq {
			continue
		}
		for j := range c.Ops {
			if c.Ops[j].Seq == seq {
				found = append(found, c)
				break
			}
		}
	}
	return found
}

// depIndex returns the place of a dependency in the record's list of unmet ones, adding it if need be.
func (rec *record) depIndex(d syncproto.Dep) uint64 {
	if rec.depAt == nil {
		rec.depAt = make(map[syncproto.Dep]uint64, len(rec.deps)+1)
		for i, have := range rec.deps {
			rec.depAt[have] = uint64(i)
		}
	}
	at, ok := rec.depAt[d]
	if !ok {
		at = uint64(len(rec.deps))
		rec.deps, rec.depAt[d] = append(rec.deps, d), at
	}
	return at
}

// fold merges the record anew and keeps what the database indexes. Where the record holds an order to erase, it
// returns the fate of every operation.
func (rec *record) fold() map[syncproto.OpRef]syncproto.Fate {
	erases := false
	for i := range rec.log {
		for j := range rec.log[i].Ops {
			erases = erases || rec.log[i].Ops[j].Kind == syncproto.KindErase
		}
	}
	state := syncproto.Fold(rec.log, erases)
	rec.kind, rec.attention = state.Kind, state.Attention
	return state.Fates
}
