package prototest

import (
	"cmp"
	"slices"

	"kua/syncproto"
)

// Model is a slow store that keeps everything in memory and works everything out anew: a reference to compare a real
// store with. Handles of changesets and feeds are their places in order of id, so that equal sets give equal results.
type Model struct {
	Roster     *syncproto.Roster
	Standing   *syncproto.Standing
	Changesets []*syncproto.Changeset // of one scope, in any order, each once

	byShort map[syncproto.FeedCut]*syncproto.Changeset
	handle  map[syncproto.ChangesetID]uint64
	feed    map[syncproto.FeedID]uint64
	forked  map[syncproto.FeedID]bool
	verdict map[syncproto.ChangesetID]syncproto.Verdict
}

// Fold returns the merged state of every record that the changesets touch. A changeset that must be held is left out.
func (m *Model) Fold(fates bool) map[syncproto.EntityID]syncproto.RecordState {
	out := make(map[syncproto.EntityID]syncproto.RecordState)
	for e, contributions := range m.Contributions() {
		out[e] = syncproto.Fold(contributions, fates)
	}
	return out
}

// ID returns the id of the changeset with a handle.
func (m *Model) ID(handle uint64) syncproto.ChangesetID { return m.Changesets[handle-1].ID }

// Contributions returns what each record is merged from.
func (m *Model) Contributions() map[syncproto.EntityID][]syncproto.Contribution {
	m.index()
	m.judge()
	out := make(map[syncproto.EntityID][]syncproto.Contribution)
	for _, cs := range m.Changesets {
		v, ok := m.verdict[cs.ID]
		if !ok {
			continue
		}
		per := make(map[syncproto.EntityID]*syncproto.Contribution)
		for i, o := range cs.Ops {
			c := per[o.Entity]
			if c == nil {
				c = &syncproto.Contribution{
					Changeset: m.handle[cs.ID], Feed: m.feed[cs.Header.Feed()], N: cs.Header.N, Person: v.Person, Rights: v.Rights,
					Quarantined: v.Quarantine != "", Forked: m.forked[cs.Header.Feed()],
				}
				per[o.Entity] = c
			}
			c.Ops = append(c.Ops, syncproto.MergeOp{
				Index: i, Seq: cs.Header.Seq0 + uint64(i), Kind: o.Kind, Field: o.Field, Flags: o.Flags, Targets: m.targets(cs, o.Dots),
			})
		}
		for e, c := range per {
			out[e] = append(out[e], *c)
		}
	}
	return out
}

func (m *Model) index() {
	m.byShort, m.handle = make(map[syncproto.FeedCut]*syncproto.Changeset), make(map[syncproto.ChangesetID]uint64)
	m.feed, m.forked = make(map[syncproto.FeedID]uint64), make(map[syncproto.FeedID]bool)
	slices.SortFunc(m.Changesets, func(a, b *syncproto.Changeset) int { return slices.Compare(a.ID[:], b.ID[:]) })
	type place struct {
		feed syncproto.FeedID
		n    uint64
	}
	taken := make(map[place]bool)
	for i, cs := range m.Changesets {
		f := cs.Header.Feed()
		m.byShort[cs.Cut()] = cs
		m.handle[cs.ID] = uint64(i + 1)
		m.feed[f] = cmp.Or(m.feed[f], uint64(i+1))
		m.forked[f] = m.forked[f] || taken[place{f, cs.Header.N}]
		taken[place{f, cs.Header.N}] = true
	}
}

// judge gives every changeset its verdict, and lets admissions by right-holders override quarantine until nothing
// changes any more.
func (m *Model) judge() {
	m.verdict = make(map[syncproto.ChangesetID]syncproto.Verdict)
	for _, cs := range m.Changesets {
		if v, err := m.Roster.Judge(m.claim(cs), m.Standing); err == nil {
			m.verdict[cs.ID] = v
		}
	}
	for changed := true; changed; {
		changed = false
		for _, cs := range m.Changesets {
			if v, ok := m.verdict[cs.ID]; !ok || v.Quarantine != "" || !v.Rights.Has(syncproto.RightAdmit) {
				continue
			}
			for _, admitted := range m.admitted(cs) {
				if v := m.verdict[admitted]; v.Quarantine != "" {
					v.Quarantine, changed = "", true
					m.verdict[admitted] = v
				}
			}
		}
	}
}

// claim returns the claim of one of the changesets, which knows the others.
func (m *Model) claim(cs *syncproto.Changeset) syncproto.Claim {
	c := cs.Claim()
	c.Within = func(cut syncproto.FeedCut) bool { return m.leadsTo(cs, cut) }
	return c
}

// leadsTo reports whether a changeset is, or is an ancestor of, the one that a cut names.
func (m *Model) leadsTo(cs *syncproto.Changeset, cut syncproto.FeedCut) bool {
	at := m.byShort[cut]
	for at != nil && at.Header.N > cs.Header.N {
		at = m.before(at)
	}
	return at == cs
}

// admitted returns what a decision covers: each changeset that a dependency pins, with its ancestors.
func (m *Model) admitted(decision *syncproto.Changeset) (out []syncproto.ChangesetID) {
	for _, o := range decision.Ops {
		if o.Kind != syncproto.KindAdmit {
			continue
		}
		for _, d := range o.Dots {
			if d.Feed == 0 {
				continue
			}
			dep := decision.Header.Deps[d.Feed-1]
			for _, cs := range m.Changesets {
				if m.leadsTo(cs, syncproto.FeedCut(dep)) {
					out = append(out, cs.ID)
				}
			}
		}
	}
	return out
}

// targets resolves dots along the branch that the author's dependencies pin. A dot beyond what its dependency covers
// names nothing.
func (m *Model) targets(cs *syncproto.Changeset, dots []syncproto.Dot) (out []syncproto.Target) {
	for _, d := range dots {
		at := m.pinned(cs, d.Feed)
		if at != nil && d.Seq > at.Header.LastSeq() {
			continue
		}
		for at != nil && d.Seq < at.Header.Seq0 {
			at = m.before(at)
		}
		if at == nil {
			out = append(out, syncproto.Target{Dangling: true})
			continue
		}
		out = append(out, syncproto.Target{Changeset: m.handle[at.ID], Seq: d.Seq})
	}
	return out
}

func (m *Model) pinned(cs *syncproto.Changeset, feed int) *syncproto.Changeset {
	if feed == 0 {
		return cs
	}
	d := cs.Header.Deps[feed-1]
	return m.byShort[syncproto.FeedCut(d)]
}

func (m *Model) before(cs *syncproto.Changeset) *syncproto.Changeset {
	return m.byShort[syncproto.FeedCut{Feed: cs.Header.Feed(), N: cs.Header.N - 1, Short: cs.Header.Prev.Short()}]
}
