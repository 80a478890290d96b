package main

import (
	"cmp"
	"slices"
	"sort"

	"kua/syncproto"
)

// merging turns the changesets of one scope into what Fold reads.
type merging struct {
	feeds   map[syncproto.FeedID]uint64
	forked  map[syncproto.FeedID]bool
	lines   map[syncproto.FeedID][]*work // by number
	at      map[place][]*work
	records map[syncproto.EntityID]map[*work]*syncproto.Contribution
	order   map[syncproto.EntityID][]*work
	deps    uint64 // handles of dependencies that have not come
}

// merge folds every record of a scope and counts what became of its operations (docs/protocol.md §11, I4).
func (s *scope) merge(forks []forkReport) (records int, fates map[syncproto.FateKind]int, attention int) {
	m := merging{
		feeds: map[syncproto.FeedID]uint64{}, forked: map[syncproto.FeedID]bool{}, at: map[place][]*work{}, lines: map[syncproto.FeedID][]*work{},
		records: map[syncproto.EntityID]map[*work]*syncproto.Contribution{}, order: map[syncproto.EntityID][]*work{},
	}
	for _, f := range forks {
		m.forked[f.Feed] = true
	}
	var judged []*work
	for _, w := range s.work {
		if w.waits == nil {
			judged = append(judged, w)
			m.file(w)
		}
	}
	for _, line := range m.lines {
		slices.SortFunc(line, func(a, b *work) int { return cmp.Compare(a.Header.N, b.Header.N) })
	}
	for _, w := range judged {
		m.resolve(w)
	}
	fates = map[syncproto.FateKind]int{}
	for entity, works := range m.order {
		log := make([]syncproto.Contribution, len(works))
		for i, w := range works {
			log[i] = *m.records[entity][w]
		}
		state := syncproto.Fold(log, true)
		byNumber := map[uint64]*work{}
		for _, w := range works {
			byNumber[w.number] = w
		}
		for ref, f := range state.Fates {
			fates[f.Kind]++
			if f.Kind == syncproto.FateErased {
				byNumber[ref.Changeset].erased = true
			}
		}
		if state.Attention != 0 {
			attention++
		}
	}
	return len(m.order), fates, attention
}

// file adds a changeset's contributions, without their targets.
func (m *merging) file(w *work) {
	id := w.Header.Feed()
	if m.feeds[id] == 0 {
		m.feeds[id] = uint64(len(m.feeds) + 1)
	}
	p := place{id, w.Header.N}
	m.at[p] = append(m.at[p], w)
	m.lines[id] = append(m.lines[id], w)
	for i := range w.Ops {
		o := &w.Ops[i]
		by := m.records[o.Entity]
		if by == nil {
			by = map[*work]*syncproto.Contribution{}
			m.records[o.Entity] = by
		}
		c := by[w]
		if c == nil {
			c = &syncproto.Contribution{
				Changeset: w.number, Feed: m.feeds[id], N: w.Header.N, Person: w.verdict.Person, Rights: w.verdict.Rights,
				Quarantined: !w.effective(), Forked: m.forked[id],
			}
			by[w] = c
			m.order[o.Entity] = append(m.order[o.Entity], w)
		}
		c.Ops = append(c.Ops, syncproto.MergeOp{Index: i, Seq: w.Header.Seq0 + uint64(i), Kind: o.Kind, Field: o.Field, Flags: o.Flags})
	}
}

// resolve turns the dots of a changeset into targets: own ones along its own branch, others along the branch that the
// dependency pins.
func (m *merging) resolve(w *work) {
	for entity, c := range m.mine(w) {
		for k := range c.Ops {
			for _, d := range w.Ops[c.Ops[k].Index].Dots {
				if t, ok := m.target(w, entity, d); ok {
					c.Ops[k].Targets = append(c.Ops[k].Targets, t)
				}
			}
		}
	}
}

func (m *merging) mine(w *work) map[syncproto.EntityID]*syncproto.Contribution {
	out := map[syncproto.EntityID]*syncproto.Contribution{}
	for i := range w.Ops {
		out[w.Ops[i].Entity] = m.records[w.Ops[i].Entity][w]
	}
	return out
}

// target finds the operation that a dot names; false where it names nothing on the record.
func (m *merging) target(w *work, entity syncproto.EntityID, d syncproto.Dot) (syncproto.Target, bool) {
	tip := w
	if d.Feed > 0 {
		dep := w.Header.Deps[d.Feed-1]
		if tip = m.pinned(dep); tip == nil {
			m.deps++
			return syncproto.Target{Changeset: m.deps, Seq: d.Seq, Dangling: true}, true
		}
	}
	at := m.holder(tip, d.Seq)
	if at == nil || at.Ops[d.Seq-at.Header.Seq0].Entity != entity {
		return syncproto.Target{}, false
	}
	return syncproto.Target{Changeset: at.number, Seq: d.Seq}, true
}

// holder finds the changeset of an operation on the branch that ends at tip. Only a forked feed needs a walk.
func (m *merging) holder(tip *work, seq uint64) *work {
	if seq > tip.Header.LastSeq() {
		return nil
	}
	if feed := tip.Header.Feed(); !m.forked[feed] {
		line := m.lines[feed]
		i := sort.Search(len(line), func(i int) bool { return line[i].Header.LastSeq() >= seq })
		if i == len(line) || line[i].Header.Seq0 > seq {
			return nil
		}
		return line[i]
	}
	for ; tip != nil; tip = tip.prev {
		if seq >= tip.Header.Seq0 {
			return tip
		}
	}
	return nil
}

func (m *merging) pinned(dep syncproto.Dep) *work {
	for _, w := range m.at[place{dep.Feed, dep.N}] {
		if w.ID.Short() == dep.Short {
			return w
		}
	}
	return nil
}
