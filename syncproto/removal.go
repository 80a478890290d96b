package syncproto

// removal finds what a standing removal must not hide: what its author did not see (docs/protocol.md §3:
// observed-remove), and standing answers of other people where its author held no right to remove them.
func (f *fold) removal(contributions []Contribution) {
	if !f.state.Removed {
		return
	}
	saw := newSight()
	for _, e := range f.fields[fieldKey{field: FieldExistence}] {
		if e.op.Kind == KindRemove && len(e.by) == 0 {
			f.look(saw, e)
		}
	}
	forked := forkedFeeds(contributions)
	for i := range f.entries {
		e := &f.entries[i]
		if e.op.settles() && keyOf(e).field != FieldExistence && !saw.hides(e, forked[e.c.Feed]) {
			f.state.Edited = append(f.state.Edited, e.ref)
		}
	}
	if len(f.state.Edited) > 0 {
		f.state.Attention |= AttentionEdited
	}
}

// sight is what the standing removals list, by whom: a removal hides what it saw, but answers of other people that stand
// only where its author held the right to remove them.
type sight struct {
	all    seen // by anybody
	rights seen // by right-holders
	own    map[PersonID]seen
}

// seen is a set of operations, with the last of them on each feed.
type seen struct {
	listed map[*entry]bool
	last   map[uint64]uint64 // sequence number by feed
}

func newSeen() seen { return seen{map[*entry]bool{}, map[uint64]uint64{}} }

func newSight() *sight { return &sight{newSeen(), newSeen(), map[PersonID]seen{}} }

// look adds what one standing removal lists.
func (f *fold) look(s *sight, removal *entry) {
	own, ok := s.own[removal.c.Person]
	if !ok {
		own = newSeen()
		s.own[removal.c.Person] = own
	}
	for _, t := range removal.op.Targets {
		target := f.at[t]
		if target == nil {
			continue
		}
		s.all.add(target)
		own.add(target)
		if removal.c.Rights.Has(RightRemove) {
			s.rights.add(target)
		}
	}
}

func (s seen) add(e *entry) {
	s.listed[e] = true
	s.last[e.c.Feed] = max(s.last[e.c.Feed], e.op.Seq)
}

// has reports whether an operation, or a later one of the same feed, is in the set. On a forked feed a later one may be of
// the other branch, so only what is listed counts.
func (s seen) has(e *entry, forked bool) bool {
	if forked {
		return s.listed[e]
	}
	last, ok := s.last[e.c.Feed]
	return ok && last >= e.op.Seq
}

func (s *sight) hides(e *entry, forked bool) bool {
	if len(e.by) > 0 {
		return s.all.has(e, forked)
	}
	return s.rights.has(e, forked) || s.own[e.c.Person].has(e, forked)
}

// forkedFeeds returns the feeds that are known to have forked.
func forkedFeeds(contributions []Contribution) map[uint64]bool {
	type place struct{ feed, n uint64 }
	first, forked := make(map[place]uint64), make(map[uint64]bool)
	for i := range contributions {
		c := &contributions[i]
		at := place{c.Feed, c.N}
		if other, ok := first[at]; c.Forked || ok && other != c.Changeset {
			forked[c.Feed] = true
		}
		first[at] = c.Changeset
	}
	return forked
}
