package syncproto

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A history is what devices did to one record, in an order in which it can have happened. Sets of changesets are
// bit masks over it.
type (
	history []event
	event   struct {
		device      int
		feed, n     uint64
		prev        int    // the event before it in its feed, or -1
		view        uint64 // what the author had
		quarantined bool
		ops         []historyOp
		person      PersonID
		rights      Rights
		seq0        uint64
	}
	historyOp struct {
		kind    Kind
		field   Field
		flags   Flags
		targets []opAt
		value   byte
	}
	opAt struct{ event, op int }
)

func (h history) all() uint64 { return 1<<len(h) - 1 }

func (at opAt) ref() OpRef { return OpRef{uint64(at.event + 1), at.op} }

func at(r OpRef) opAt { return opAt{int(r.Changeset) - 1, r.Index} }

func (h history) op(a opAt) *historyOp { return &h[a.event].ops[a.op] }

// contributions returns what a store that holds the changesets of mask gives to Fold.
func (h history) contributions(mask uint64) []Contribution {
	out := make([]Contribution, 0, bits.OnesCount64(mask))
	for i := range h {
		if mask>>i&1 == 0 {
			continue
		}
		e := &h[i]
		c := Contribution{Changeset: uint64(i + 1), Feed: e.feed, N: e.n, Person: e.person, Rights: e.rights, Quarantined: e.quarantined, Forked: h.forked(e.feed), Ops: make([]MergeOp, len(e.ops))}
		for j, o := range e.ops {
			m := &c.Ops[j]
			*m = MergeOp{Index: j, Seq: e.seq0 + uint64(j), Kind: o.kind, Field: o.field, Flags: o.flags}
			for _, t := range o.targets {
				if mask>>t.event&1 == 0 {
					m.Targets = append(m.Targets, Target{Dangling: true})
					continue
				}
				m.Targets = append(m.Targets, Target{Changeset: uint64(t.event + 1), Seq: h[t.event].seq0 + uint64(t.op)})
			}
		}
		out = append(out, c)
	}
	return out
}

func (h history) forked(feed uint64) bool {
	seen := map[uint64]bool{}
	for i := range h {
		if h[i].feed == feed && seen[h[i].n] {
			return true
		}
		seen[h[i].n] = seen[h[i].n] || h[i].feed == feed
	}
	return false
}

// place is the test's own idea of the field that an operation acts on.
type place struct {
	what   string
	person PersonID
}

func (h history) place(a opAt) place {
	switch o := h.op(a); {
	case o.kind == KindCreate || o.kind == KindRemove || o.kind == KindRestore:
		return place{what: "existence"}
	case o.kind == KindAlias:
		return place{what: "alias"}
	case o.kind == KindSet || o.kind == KindClear || o.kind == KindResolve || o.kind == KindMove || o.kind == KindStatus || o.kind == KindTemplate:
		if o.field == FieldExistence || o.field == ^Field(0) {
			return place{}
		}
		if o.flags&FlagPersonal != 0 {
			return place{fmt.Sprint("field ", o.field), h[a.event].person}
		}
		return place{what: fmt.Sprint("field ", o.field)}
	}
	return place{}
}

// full reports whether an operation retires all that it lists.
func (h history) full(a opAt) bool {
	r := h[a.event].rights
	switch h.op(a).kind {
	case KindResolve, KindAlias:
		return r.Has(RightResolve)
	case KindRemove:
		return r.Has(RightRemove)
	}
	return false
}

// check asserts the invariants of docs/protocol.md §11 that a merge can break, on the changesets of mask.
func (h history) check(mask uint64) (state RecordState, err error) {
	state = Fold(h.contributions(mask), true)
	c := checker{h: h, s: &state, effective: map[opAt]bool{}, listed: map[opAt][]opAt{}, reviewed: map[Review]bool{}}
	c.collect(mask)
	for _, f := range []func() error{c.fates, c.retirements, c.heads, c.reviews, c.removal} {
		if err := f(); err != nil {
			return state, err
		}
	}
	return state, nil
}

type checker struct {
	h         history
	s         *RecordState
	total     int
	effective map[opAt]bool
	listed    map[opAt][]opAt // operation → effective operations that list it
	endorsed  map[opAt]bool
	erased    map[opAt]bool
	reviewed  map[Review]bool
}

func (c *checker) collect(mask uint64) {
	c.endorsed, c.erased = map[opAt]bool{}, map[opAt]bool{}
	for i := range c.h {
		if mask>>i&1 == 0 {
			continue
		}
		c.total += len(c.h[i].ops)
		for j := range c.h[i].ops {
			if !c.h[i].quarantined {
				c.effective[opAt{i, j}] = true
			}
		}
	}
	for p := range c.effective {
		kind, rights := c.h.op(p).kind, c.h[p.event].rights
		for _, o := range c.h.op(p).targets {
			if kind == KindErase && rights.Has(RightErase) { // quarantined work too
				c.erased[o] = true
			}
			if !c.effective[o] {
				continue
			}
			if !slices.Contains(c.listed[o], p) {
				c.listed[o] = append(c.listed[o], p)
			}
			if kind == KindEndorse && rights.Has(RightEndorse) || kind == KindResolve && rights.Has(RightResolve) {
				c.endorsed[o] = true
			}
		}
	}
	for _, f := range c.s.Fields {
		for _, r := range f.Reviews {
			c.reviewed[r] = true
		}
	}
}

// I4: every operation has exactly one fate, and it is the right one.
func (c *checker) fates() error {
	if len(c.s.Fates) != c.total {
		return fmt.Errorf("I4: %d fates for %d operations", len(c.s.Fates), c.total)
	}
	for r, fate := range c.s.Fates {
		o := at(r)
		switch {
		case (!c.effective[o] && !c.erased[o]) != (fate.Kind == FateQuarantined):
			return fmt.Errorf("I4: %v is quarantined: %v, its fate is %v", o, !c.effective[o], fate)
		case c.erased[o] != (fate.Kind == FateErased):
			return fmt.Errorf("I4: %v was erased: %v, its fate is %v", o, c.erased[o], fate)
		case (fate.Kind == FateSuperseded || fate.Kind == FateErased) != (len(fate.By) > 0):
			return fmt.Errorf("I4: the fate %v of %v does not say by whom", fate, o)
		}
	}
	return nil
}

// I5, I6: who may retire what, and that what may be retired is.
func (c *checker) retirements() error {
	foreign := map[opAt]int{}
	for r, fate := range c.s.Fates {
		if fate.Kind != FateSuperseded {
			continue
		}
		o := at(r)
		for _, b := range fate.By {
			p := at(b)
			switch {
			case !slices.Contains(c.listed[o], p) || c.h.place(p) != c.h.place(o):
				return fmt.Errorf("I6: %v hides %v, which it does not list on that field", p, o)
			case c.h[p.event].person == c.h[o.event].person || c.h.full(p):
			case !c.reviewed[Review{b, r}] && !c.endorsed[p]:
				return fmt.Errorf("I5: %v retired somebody else's %v without a trace", p, o)
			default:
				foreign[p]++
			}
		}
	}
	for p, n := range foreign {
		if n > 1 {
			return fmt.Errorf("I5: the ordinary operation %v retired %d answers of others", p, n)
		}
	}
	for o, by := range c.listed {
		for _, p := range by {
			must := c.h.place(o) != place{} && c.h.place(p) == c.h.place(o) && (c.h[p.event].person == c.h[o.event].person || c.h.full(p))
			if must && c.s.Fates[o.ref()].Kind == FateHead {
				return fmt.Errorf("%v still stands, although %v was entitled to retire it", o, p)
			}
		}
	}
	return nil
}

// No field goes blank; heads are what nothing supersedes; what nobody listed stands (I6).
func (c *checker) heads() error {
	blank, shown := map[place]bool{}, map[opAt]bool{}
	standing := map[place]int{}
	for _, f := range c.s.Fields {
		for _, hd := range f.Heads {
			shown[at(hd.OpRef)] = true
		}
	}
	for _, hd := range c.s.Aliases {
		shown[at(hd.OpRef)] = true
	}
	exists, removed := false, false
	for o := range c.effective {
		pl, fate := c.h.place(o), c.s.Fates[o.ref()].Kind
		if pl == (place{}) {
			if shown[o] || fate == FateSuperseded {
				return fmt.Errorf("%v acts on no field, but has fate %v, shown %v", o, fate, shown[o])
			}
			continue
		}
		if _, ok := blank[pl]; !ok {
			blank[pl] = true
		}
		if fate == FateHead || fate == FateErased {
			blank[pl] = false
		}
		if fate == FateHead && pl.what == "existence" {
			removed = removed || c.h.op(o).kind == KindRemove
			exists = exists || c.h.op(o).kind != KindRemove
		}
		if fate == FateHead {
			standing[pl]++
		}
		if fate != FateErased && pl.what != "existence" && shown[o] != (fate == FateHead) {
			return fmt.Errorf("I4: %v has fate %v and is shown: %v", o, fate, shown[o])
		}
		if len(c.listed[o]) == 0 && fate != FateHead {
			return fmt.Errorf("I6: nobody listed %v, yet its fate is %v", o, fate)
		}
	}
	for pl, is := range blank {
		if is {
			return fmt.Errorf("%v went blank", pl)
		}
		if n := standing[pl]; n > 1 && len(c.erased) == 0 && pl.what[0] == 'f' && pl.person == (PersonID{}) && c.s.Attention&AttentionHeads == 0 {
			return fmt.Errorf("%v has %d heads, and nobody is told", pl, n)
		}
	}
	if len(c.erased) == 0 && (exists != c.s.Exists || removed != c.s.Removed || exists && removed != (c.s.Attention&AttentionExists != 0)) {
		return fmt.Errorf("exists %v, removed %v, the state says %v, %v, attention %b", exists, removed, c.s.Exists, c.s.Removed, c.s.Attention)
	}
	return nil
}

// A review is of something that happened, and that no right-holder has accepted.
func (c *checker) reviews() error {
	for r := range c.reviewed {
		p, o := at(r.By), at(r.Replaced)
		fate := c.s.Fates[r.Replaced]
		happened := fate.Kind == FateErased || slices.Contains(fate.By, r.By)
		if !happened || c.h[p.event].person == c.h[o.event].person || c.h.full(p) || c.endorsed[p] {
			return fmt.Errorf("the review %v has no ground (%v)", r, fate)
		}
	}
	if (len(c.reviewed) > 0) != (c.s.Attention&AttentionReview != 0) {
		return fmt.Errorf("%d reviews, attention %b", len(c.reviewed), c.s.Attention)
	}
	return nil
}

// What a removal's author had not seen, or had no right to remove, is shown.
func (c *checker) removal() error {
	if !c.s.Removed {
		if len(c.s.Edited) > 0 {
			return fmt.Errorf("edited behind a removal that does not stand: %v", c.s.Edited)
		}
		return nil
	}
	for o := range c.effective {
		if pl := c.h.place(o); pl == (place{}) || pl.what == "existence" {
			continue
		}
		hidden, mayHide := false, false
		for p := range c.effective {
			if fate := c.s.Fates[p.ref()].Kind; c.h.op(p).kind != KindRemove || fate != FateHead && fate != FateErased {
				continue
			}
			own := c.h[p.event].person == c.h[o.event].person || c.h.full(p) || c.s.Fates[o.ref()].Kind == FateSuperseded
			hidden = hidden || own && slices.Contains(c.h.op(p).targets, o)
			mayHide = mayHide || own && (c.h[p.event].view>>o.event&1 == 1 || p.event == o.event && o.op < p.op)
		}
		switch edited := slices.Contains(c.s.Edited, o.ref()); {
		case !edited && !mayHide && !c.erased[o]:
			return fmt.Errorf("I5: a removal hides %v, which its author had not seen or had no right to", o)
		case edited && hidden && len(c.erased) == 0:
			return fmt.Errorf("%v is shown as edited behind a removal that saw it", o)
		}
	}
	return nil
}

// I2: neither order, nor repetition, nor the store's numbers change the state.
func (h history) checkOrder(mask uint64, order []int) error {
	cs := h.contributions(mask)
	want := Fold(cs, true)
	shuffled := make([]Contribution, 0, 2*len(cs))
	for _, i := range order {
		shuffled = append(shuffled, cs[i%len(cs)])
	}
	for i := range cs {
		shuffled = append(shuffled, cs[len(cs)-1-i])
	}
	for _, c := range shuffled {
		slices.Reverse(c.Ops)
	}
	got := Fold(shuffled, true)
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("I2: in another order %+v, want %+v", got, want)
	}
	return nil
}

// relabel returns the contributions under other handles: changeset x becomes top-x.
func relabel(cs []Contribution, top uint64) []Contribution {
	out := slices.Clone(cs)
	for i := range out {
		c := &out[i]
		c.Changeset, c.Feed, c.Ops = top-c.Changeset, top-c.Feed, slices.Clone(c.Ops)
		for j := range c.Ops {
			o := &c.Ops[j]
			o.Targets = slices.Clone(o.Targets)
			for k := range o.Targets {
				if !o.Targets[k].Dangling {
					o.Targets[k].Changeset = top - o.Targets[k].Changeset
				}
			}
		}
	}
	return out
}

func checkHandles(cs []Contribution) error {
	const top = 1 << 20
	want, got := Fold(cs, true), Fold(relabel(cs, top), true)
	if len(want.Fates) != len(got.Fates) || want.Attention != got.Attention || len(want.Edited) != len(got.Edited) {
		return fmt.Errorf("I2: other handles change the state: %+v, want %+v", got, want)
	}
	for r, f := range want.Fates {
		if g := got.Fates[OpRef{top - r.Changeset, r.Index}]; g.Kind != f.Kind || len(g.By) != len(f.By) {
			return fmt.Errorf("I2: other handles change the fate of %v from %v to %v", r, f, g)
		}
	}
	return nil
}

// checkArrival asserts that the arrival of more never revives what was retired.
func (h history) checkArrival(less, more RecordState) error {
	for r, f := range less.Fates {
		if f.Kind == FateSuperseded && more.Fates[r].Kind == FateHead {
			return fmt.Errorf("more arrivals revive %v, which %v had retired", at(r), f.By)
		}
	}
	return nil
}

const (
	fieldA Field = 2201
	fieldB Field = 2202
)

// fork is how a device goes on: on its feed, on a new incarnation after a restore, or on the old feed from an old copy.
type fork int

const (
	forkNone fork = iota
	forkIncarnation
	forkFeed
)

// drawHistory draws what 2 to 5 devices did: honest and hostile edits, lossy one-way syncs, restores and forks.
func drawHistory(t *rapid.T, kindsOf func(device int) []Kind, rights []Rights) (h history) {
	n := rapid.IntRange(2, 5).Draw(t, "devices")
	people := rapid.IntRange(2, n).Draw(t, "people")
	has, last := make([]uint64, n), make([]int, n)
	feeds := make([]uint64, n)
	for i := range n {
		last[i], feeds[i] = -1, uint64(i+1)
	}
	nextFeed := uint64(n + 1)
	for range rapid.IntRange(2, 16).Draw(t, "steps") {
		d := rapid.IntRange(0, n-1).Draw(t, "device")
		switch rapid.IntRange(0, 9).Draw(t, "step") {
		case 0, 1, 2, 3: // a sync in one direction, and lossy: but a feed arrives in its order
			from, lost := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.Uint64().Draw(t, "lost")
			if rapid.Bool().Draw(t, "whole") {
				lost = 0
			}
			for i := range h {
				whole := h[i].prev < 0 || has[d]>>h[i].prev&1 == 1
				if has[from]&^lost>>i&1 == 1 && whole {
					has[d] |= 1 << i
				}
			}
		case 4: // an old copy of the disk comes back
			if last[d] >= 0 {
				has[d] = h[last[d]].view
				if rapid.Bool().Draw(t, "notices") {
					feeds[d], last[d] = nextFeed, -1
					nextFeed++
				} else {
					last[d] = h[last[d]].prev
				}
			}
		default:
			e := event{device: d, feed: feeds[d], n: 1, seq0: 1, prev: last[d], view: has[d], person: PersonID{byte(1 + d%people)}, rights: rights[d%len(rights)]}
			if last[d] >= 0 {
				e.n, e.seq0 = h[last[d]].n+1, h[last[d]].seq0+uint64(len(h[last[d]].ops))
			}
			e.quarantined = len(rights) > 1 && rapid.IntRange(0, 9).Draw(t, "late") == 0
			for range rapid.IntRange(1, 3).Draw(t, "ops") {
				e.ops = append(e.ops, drawOp(t, h, &e, len(h), kindsOf(d)))
			}
			h = append(h, e)
			last[d] = len(h) - 1
			has[d] |= 1 << last[d]
		}
	}
	return h
}

func drawOp(t *rapid.T, h history, e *event, self int, kinds []Kind) historyOp {
	o := historyOp{kind: rapid.SampledFrom(kinds).Draw(t, "kind"), field: rapid.SampledFrom([]Field{fieldA, fieldA, fieldB}).Draw(t, "field"), value: rapid.ByteRange(1, 3).Draw(t, "value")}
	if len(kinds) > 4 && rapid.IntRange(0, 4).Draw(t, "personal") == 0 {
		o.flags = FlagPersonal
	}
	if len(kinds) > 4 && rapid.IntRange(0, 19).Draw(t, "pseudo") == 0 {
		o.field = rapid.SampledFrom([]Field{FieldExistence, ^Field(0)}).Draw(t, "which")
	}
	var seen []opAt
	for i := range h {
		for j := range h[i].ops {
			if e.view>>i&1 == 1 {
				seen = append(seen, opAt{i, j})
			}
		}
	}
	for j := range e.ops {
		seen = append(seen, opAt{self, j})
	}
	switch manner := rapid.IntRange(0, 3).Draw(t, "manner"); {
	case manner == 0 || o.kind == KindRemove || o.kind == KindErase && manner < 2: // bury everything
		o.targets = seen
	case manner == 1 && len(seen) > 0: // a hostile choice
		for range rapid.IntRange(0, 3).Draw(t, "picks") {
			o.targets = append(o.targets, rapid.SampledFrom(seen).Draw(t, "pick"))
		}
	default: // what the screen shows: the heads of the field
		state := Fold(h.contributions(e.view), true)
		for _, s := range seen {
			if s.event < self && h.op(s).field == o.field && state.Fates[s.ref()].Kind == FateHead {
				o.targets = append(o.targets, s)
			}
		}
	}
	return o
}

var allKinds = []Kind{KindSet, KindSet, KindSet, KindClear, KindResolve, KindCreate, KindRemove, KindRestore, KindMove, KindEndorse, KindAlias, KindErase, KindStatus, 999}

func TestRandomHistoriesKeepTheInvariants(t *testing.T) {
	coordinator := roles[RoleCoordinator].rights | RightErase
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, func(int) []Kind { return allKinds }, []Rights{RightWrite, coordinator, RightWrite, RightWrite})
		if len(h) == 0 {
			return
		}
		all, err := h.check(h.all())
		if err != nil {
			t.Fatalf("%v\n%+v", err, h)
		}
		order := rapid.SliceOfN(rapid.IntRange(0, 100), 0, 2*len(h)).Draw(t, "order")
		if err := h.checkOrder(h.all(), order); err != nil {
			t.Fatalf("%v\n%+v", err, h)
		}
		if err := checkHandles(h.contributions(h.all())); err != nil {
			t.Fatal(err)
		}
		part := rapid.Uint64().Draw(t, "part") & h.all()
		some, err := h.check(part)
		if err != nil {
			t.Fatalf("on the part %b: %v\n%+v", part, err, h)
		}
		if err := h.checkArrival(some, all); err != nil && !h.anyQuarantine() {
			t.Fatalf("from the part %b: %v\n%+v", part, err, h)
		}
	})
}

func (h history) anyQuarantine() bool {
	return slices.ContainsFunc(h, func(e event) bool { return e.quarantined })
}

// Laundering: restate somebody's answer and then change "your own". Where two people gave different answers that
// neither took back, and nobody with the right did anything, the difference is always visible.
func TestNobodyLaundersAnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, func(int) []Kind { return []Kind{KindSet, KindClear, KindResolve} }, []Rights{RightWrite})
		for _, mask := range []uint64{h.all(), rapid.Uint64().Draw(t, "part") & h.all()} {
			state, err := h.check(mask)
			if err != nil {
				t.Fatalf("%v\n%+v", err, h)
			}
			for _, field := range []Field{fieldA, fieldB} {
				if !h.disagree(mask, field) {
					continue
				}
				f := state.Field(field)
				conflict := f.Conflict(func(r OpRef) []byte { return []byte{h.op(at(r)).value} })
				if !conflict && len(f.Reviews) == 0 {
					t.Fatalf("two people disagree on %d and nobody sees it: %+v\n%+v", field, f, h)
				}
			}
		}
	})
}

// disagree reports whether two people hold different answers that they did not take back themselves.
func (h history) disagree(mask uint64, field Field) bool {
	type answer struct {
		person PersonID
		value  byte
	}
	var answers []answer
	for i := range h {
		for j := range h[i].ops {
			if mask>>i&1 == 1 && h[i].ops[j].field == field && !h.takenBack(mask, opAt{i, j}) {
				answers = append(answers, answer{h[i].person, h[i].ops[j].value})
			}
		}
	}
	for _, a := range answers {
		for _, b := range answers {
			if a.person != b.person && a.value != b.value {
				return true
			}
		}
	}
	return false
}

func (h history) takenBack(mask uint64, o opAt) bool {
	for i := range h {
		for j := range h[i].ops {
			same := h[i].person == h[o.event].person && h[i].ops[j].field == h.op(o).field
			if mask>>i&1 == 1 && same && slices.Contains(h[i].ops[j].targets, o) {
				return true
			}
		}
	}
	return false
}

// No packet can say so, but Fold is given what a store made of it.
func TestAnOperationDoesNotRetireItself(t *testing.T) {
	self := []Target{{Changeset: 1, Seq: 1}}
	s := Fold([]Contribution{{Changeset: 1, Person: PersonID{1}, Ops: []MergeOp{{Seq: 1, Kind: KindSet, Field: fieldA, Targets: self}}}}, false)
	if f := s.Field(fieldA); f == nil || len(f.Heads) != 1 {
		t.Fatalf("%+v", s)
	}
}

// One known foreign answer and one that has not come: retiring the first would have to be taken back when it comes.
func TestADanglingTargetCountsAsSomebodyElses(t *testing.T) {
	known := Contribution{Changeset: 1, Person: PersonID{1}, Ops: []MergeOp{{Seq: 1, Kind: KindSet, Field: fieldA}}}
	bury := Contribution{Changeset: 2, Person: PersonID{2}, Ops: []MergeOp{{Seq: 1, Kind: KindSet, Field: fieldA, Targets: []Target{{Changeset: 1, Seq: 1}, {Dangling: true}}}}}
	s := Fold([]Contribution{known, bury}, false)
	if f := s.Field(fieldA); len(f.Heads) != 2 || len(f.Reviews) != 0 {
		t.Fatalf("%+v", f)
	}
}

// A removal on one branch of a fork has not seen the other, whatever the numbers say.
func TestARemovalDoesNotHideTheOtherBranchOfAFork(t *testing.T) {
	say := func(cs, n, seq uint64, o MergeOp) Contribution {
		o.Seq = seq
		return Contribution{Changeset: cs, Feed: 1, N: n, Person: PersonID{1}, Forked: true, Ops: []MergeOp{o}}
	}
	create := say(1, 1, 1, MergeOp{Kind: KindCreate, Field: 2200})
	unseen := say(2, 2, 2, MergeOp{Kind: KindSet, Field: fieldA})
	seen := say(3, 3, 3, MergeOp{Kind: KindSet, Field: fieldB}) // its n=2 is on another record
	remove := say(4, 4, 4, MergeOp{Kind: KindRemove, Targets: []Target{{Changeset: 1, Seq: 1}, {Changeset: 3, Seq: 3}}})
	s := Fold([]Contribution{create, unseen, seen, remove}, false)
	if want := []OpRef{{Changeset: 2}}; !s.Removed || !slices.Equal(s.Edited, want) {
		t.Fatalf("edited = %v, want %v", s.Edited, want)
	}
}

func TestTwoCreationsOfDifferentKindsAreShown(t *testing.T) {
	as := func(cs uint64, kind Field) Contribution {
		return Contribution{Changeset: cs, Person: PersonID{byte(cs)}, Ops: []MergeOp{{Seq: 1, Kind: KindCreate, Field: kind}}}
	}
	if s := Fold([]Contribution{as(1, 2300), as(2, 2200)}, false); s.Kind != 2200 || s.Attention&AttentionHeads == 0 {
		t.Fatalf("%+v", s)
	}
	if s := Fold([]Contribution{as(1, 2200), as(2, 2200)}, false); s.Attention != 0 {
		t.Fatalf("%+v", s)
	}
}
