package syncproto

import (
	"flag"
	"math/bits"
	"slices"
	"testing"
)

// A fourth operation multiplies the histories by some hundreds: hours, for a machine of its own.
var mergeDepth = flag.Int("merge.depth", 3, "operations in the histories that TestEverySmallHistoryKeepsTheInvariants enumerates")

// act is one thing that a device can do to the record; it refers to all that its author has (bury), or to the
// standing operations that act on the same place.
type act struct {
	kind  Kind
	field Field
	flags Flags
	bury  bool
}

var acts = []act{
	{KindSet, fieldA, 0, false},
	{KindSet, fieldA, 0, true},
	{KindSet, fieldA, FlagPersonal, true},
	{KindResolve, fieldA, 0, false},
	{KindCreate, 2200, 0, false},
	{KindRemove, 0, 0, true},
	{KindRestore, 0, 0, false},
	{KindEndorse, 0, 0, true},
	{KindErase, 0, 0, true},
}

// enumerator walks every history of up to depth changesets by three devices: two monitors' and a coordinator's.
//
// A history is told by what each author had, not by the syncs that brought it: every way of syncing gives its author
// some causally closed set of what was written before, and every such set is enumerated, so all orders of syncs are
// there, each once. For the delivery at the end every subset of the changesets is checked, closed or not.
//
// Cut, because it repeats: which of the two monitors' devices acts first (they are alike); more than one late
// (quarantined) changeset in a history; more than one operation in a changeset; a second field, since fields of one
// class never touch; clear, move and status, which merge as set does, and alias, which merges as resolve does.
type enumerator struct {
	t         *testing.T
	depth     int
	people    [3]PersonID
	h         history
	closure   []uint64
	histories int
	folds     int
	shapes    map[string]int
	states    [][][]RecordState // for each length of the history: see check
}

func TestEverySmallHistoryKeepsTheInvariants(t *testing.T) {
	depth := *mergeDepth
	if testing.Short() {
		depth = min(depth, 2)
	}
	total, folds := 0, 0
	for _, people := range [][3]PersonID{{{1}, {2}, {3}}, {{1}, {1}, {3}}} { // two monitors, and one with two laptops
		e := enumerator{t: t, depth: depth, people: people, shapes: map[string]int{}, states: [][][]RecordState{{{{}}}}}
		e.grow()
		total, folds = total+e.histories, folds+e.folds
		for _, shape := range []string{"restore", "fork", "resolve", "remove", "late"} {
			if e.shapes[shape] == 0 {
				t.Errorf("no history with %s was enumerated", shape)
			}
		}
		t.Logf("people %v: %d histories, of them with %v", people, e.histories, e.shapes)
	}
	t.Logf("%d histories of up to %d operations by 3 devices, %d states checked", total, depth, folds)
}

// grow checks the history as it is and goes on with every next changeset.
func (e *enumerator) grow() {
	if len(e.h) > 0 {
		e.states = append(e.states[:len(e.h)], e.check())
	}
	if len(e.h) == e.depth || e.t.Failed() {
		return
	}
	devices := 3
	if !slices.ContainsFunc(e.h, func(ev event) bool { return ev.device == 0 }) {
		devices = 1 // the first monitor's device to act is device 0
		e.growDevice(2)
	}
	for d := range devices {
		e.growDevice(d)
	}
}

func (e *enumerator) growDevice(d int) {
	for view := uint64(0); view < 1<<len(e.h); view++ {
		if !e.closed(view) {
			continue
		}
		for _, how := range []fork{forkNone, forkIncarnation, forkFeed} {
			next, ok := e.place(d, view, how)
			if !ok {
				continue
			}
			for _, a := range acts {
				next.ops = []historyOp{e.op(a, view, next)}
				e.h = append(e.h, next)
				e.closure = append(e.closure, view)
				e.grow()
				e.h, e.closure = e.h[:len(e.h)-1], e.closure[:len(e.closure)-1]
			}
		}
	}
}

func (e *enumerator) closed(view uint64) bool {
	for i := range e.h {
		if view>>i&1 == 1 && e.closure[i]&^view != 0 {
			return false
		}
	}
	return true
}

// place puts a changeset of device d into a feed: the newest one with all its work (forkNone), a new one after a
// restore that lost some of it (forkIncarnation), or an old state of the newest one (forkFeed).
func (e *enumerator) place(d int, view uint64, how fork) (event, bool) {
	rights := []Rights{RightWrite, RightWrite, roles[RoleCoordinator].rights | RightErase}
	ev := event{device: d, feed: uint64(16*d + 16), n: 1, seq0: 1, prev: -1, view: view, person: e.people[d], rights: rights[d]}
	newest, prev := -1, -1
	for i := range e.h {
		if e.h[i].device == d {
			newest = i
			ev.feed = max(ev.feed, e.h[i].feed)
		}
	}
	lost := newest >= 0 && view>>newest&1 == 0
	if lost == (how == forkNone) {
		return ev, false
	}
	if how == forkIncarnation {
		ev.feed++
		return ev, true
	}
	for i := range e.h {
		if e.h[i].feed == ev.feed && view>>i&1 == 1 {
			prev = i // along one branch: a view with both branches goes on from the newer
		}
	}
	if prev >= 0 {
		ev.prev, ev.n, ev.seq0 = prev, e.h[prev].n+1, e.h[prev].seq0+1
	}
	return ev, true
}

func (e *enumerator) op(a act, view uint64, ev event) historyOp {
	o := historyOp{kind: a.kind, field: a.field, flags: a.flags}
	if a.bury {
		for i := range e.h {
			if view>>i&1 == 1 {
				o.targets = append(o.targets, opAt{i, 0})
			}
		}
		return o
	}
	probe := append(e.h[:len(e.h):len(e.h)], event{person: ev.person, ops: []historyOp{o}})
	mine := probe.place(opAt{len(e.h), 0})
	for r, fate := range Fold(e.h.contributions(view), true).Fates {
		if fate.Kind == FateHead && e.h.place(at(r)) == mine {
			o.targets = append(o.targets, at(r))
		}
	}
	slices.SortFunc(o.targets, func(a, b opAt) int { return a.event - b.event })
	return o
}

// check asserts the invariants on every set of changesets that may have arrived, with none or one of them late. Sets
// without the newest changeset were checked before it was written; their states are at hand, by late+1 and set.
func (e *enumerator) check() (states [][]RecordState) {
	e.histories++
	e.count()
	newest := len(e.h) - 1
	for late := -1; late <= newest; late++ {
		h := slices.Clone(e.h)
		before := e.states[newest][0]
		if late >= 0 {
			h[late].quarantined = true
			e.shapes["late"]++
			if late < newest {
				before = e.states[newest][late+1]
			}
		}
		states = append(states, e.arrivals(h, before))
	}
	for _, order := range [][]int{nil, {1, 0, 2}, {2, 0, 1}, {0, 2, 1, 2}} {
		if err := e.h.checkOrder(e.h.all(), order); err != nil {
			e.t.Fatalf("%v\n%+v", err, e.h)
		}
	}
	return states
}

func (e *enumerator) arrivals(h history, before []RecordState) []RecordState {
	states := make([]RecordState, 1<<len(h))
	copy(states, before)
	for mask := len(before); mask < len(states); mask++ {
		e.folds++
		state, err := h.check(uint64(mask))
		if err == nil {
			err = h.checkForks(uint64(mask), &state)
		}
		states[mask] = state
		for i := range h {
			if err == nil && mask>>i&1 == 1 {
				err = h.checkArrival(states[mask&^(1<<i)], state)
			}
		}
		if err != nil {
			e.t.Fatalf("%v\nwhat arrived: %b\n%+v", err, mask, h)
		}
	}
	return states
}

func (e *enumerator) count() {
	seen := map[string]bool{}
	for i := range e.h {
		ev := &e.h[i]
		seen["resolve"] = seen["resolve"] || ev.ops[0].kind == KindResolve
		seen["remove"] = seen["remove"] || ev.ops[0].kind == KindRemove
		seen["restore"] = seen["restore"] || ev.feed%16 != 0
		seen["fork"] = seen["fork"] || e.h.forked(ev.feed)
	}
	for shape, yes := range seen {
		if yes {
			e.shapes[shape]++
		}
	}
}

// checkForks asserts I7 as far as a merge sees it: both branches of a fork count, so that no changeset of a number that
// was given twice is missing from the fates, and where neither saw the other, both stand.
func (h history) checkForks(mask uint64, state *RecordState) error {
	if bits.OnesCount64(mask) < 2 {
		return nil
	}
	for i := range h {
		for j := range i {
			if mask>>i&mask>>j&1 == 0 || h[i].feed != h[j].feed || h[i].n != h[j].n {
				continue
			}
			for _, o := range []opAt{{i, 0}, {j, 0}} {
				fate, ok := state.Fates[o.ref()]
				if !ok {
					return errFork(o, "has no fate")
				}
				if slices.Contains(fate.By, opAt{i + j - o.event, 0}.ref()) {
					return errFork(o, "was retired by the branch that never saw it")
				}
			}
		}
	}
	return nil
}

type forkError struct {
	o    opAt
	what string
}

func errFork(o opAt, what string) error { return forkError{o, what} }

func (f forkError) Error() string { return "I7: a branch of a fork " + f.what }
