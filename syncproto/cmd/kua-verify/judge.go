package main

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"kua/syncproto"
)

// place is a number in a feed.
type place struct {
	feed syncproto.FeedID
	n    uint64
}

// chains checks that each changeset continues its feed, and finds forks.
func (e *evidence) chains(r *report, partial bool) {
	at := map[place][]*work{}
	for _, w := range e.order {
		h := &w.Header
		at[place{h.Feed(), h.N}] = append(at[place{h.Feed(), h.N}], w)
		if h.N == 1 {
			continue
		}
		w.prev = e.sets[h.Prev]
		switch {
		case w.prev == nil:
			r.Missing++
			if !partial {
				r.fault("changeset %s: number %d of its feed, %s, is not in the bundle (if it holds only what is new, say --partial)", w.ID, h.N-1, h.Prev)
			}
		case w.prev.Header.Feed() != h.Feed() || w.prev.Header.N+1 != h.N || w.prev.Header.LastSeq()+1 != h.Seq0:
			r.fault("changeset %s: it does not continue its feed", w.ID)
		}
	}
	e.number()
	for p, twins := range at {
		if len(twins) < 2 {
			continue
		}
		f := forkReport{Feed: p.feed, N: p.n}
		for _, w := range twins {
			f.Changesets = append(f.Changesets, w.ID)
		}
		slices.SortFunc(f.Changesets, func(a, b syncproto.ChangesetID) int { return bytes.Compare(a[:], b[:]) })
		r.Forks = append(r.Forks, f)
	}
	slices.SortFunc(r.Forks, func(a, b forkReport) int {
		if c := bytes.Compare(a.Feed[:], b.Feed[:]); c != 0 {
			return c
		}
		return int(a.N) - int(b.N)
	})
}

// span is where a changeset and all that follows it stand when the trees of feeds are numbered depth first.
type span struct{ from, size int }

// number fills in the spans and ends. Numbers of changesets grow along a branch; what does not continue its feed begins
// a tree of its own.
func (e *evidence) number() {
	order := slices.Clone(e.order)
	slices.SortStableFunc(order, func(a, b *work) int { return cmp.Compare(a.Header.N, b.Header.N) })
	e.ends = make(map[syncproto.FeedCut]*work, len(order))
	for _, w := range slices.Backward(order) {
		e.ends[w.Cut()] = w
		w.branch.size++
		if p := w.parent(); p != nil {
			p.branch.size += w.branch.size
		}
	}
	next := map[*work]int{} // nil for the beginnings of feeds
	for _, w := range order {
		p := w.parent()
		w.branch.from = next[p]
		next[p] += w.branch.size
		next[w] = w.branch.from + 1
	}
}

func (w *work) parent() *work {
	if w.prev == nil || w.prev.Header.Feed() != w.Header.Feed() || w.prev.Header.N+1 != w.Header.N {
		return nil
	}
	return w.prev
}

// within reports whether a changeset is, or is an ancestor of, the one that a cut names.
func (e *evidence) within(w *work, cut syncproto.FeedCut) bool {
	end := e.ends[cut]
	return end != nil && w.branch.from <= end.branch.from && end.branch.from < w.branch.from+w.branch.size
}

func (e *evidence) claim(w *work) syncproto.Claim {
	c := w.Claim()
	c.Within = func(cut syncproto.FeedCut) bool { return e.within(w, cut) }
	return c
}

// scope is what is judged together.
type scope struct {
	id       syncproto.ScopeID
	work     []*work
	opening  *work
	open     *syncproto.ScopeOpening
	standing *syncproto.Standing
	teams    []teamChange
	admits   []admission
}

type teamChange struct {
	by     *work
	people []syncproto.PersonID
}

type admission struct {
	by *work
	syncproto.FeedCut
}

// scopes sorts the work by scope and reads what decides about standing.
func (e *evidence) scopes(r *report) []*scope {
	byID := map[syncproto.ScopeID]*scope{}
	for _, w := range e.order {
		s := byID[w.Header.Scope]
		if s == nil {
			s = &scope{id: w.Header.Scope}
			byID[s.id] = s
		}
		s.work = append(s.work, w)
		s.read(r, w)
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b *scope) int { return bytes.Compare(a.id[:], b.id[:]) })
}

func (s *scope) read(r *report, w *work) {
	if o, err := w.Opening(); err != nil {
		r.fault("changeset %s: %v", w.ID, err)
	} else if o != nil {
		s.teams = append(s.teams, teamChange{w, o.Team})
		s.opening, s.open, w.opens = w, o, true // of several each says the same
	}
	if changes, err := w.TeamChanges(); err == nil { // one that does not parse names nobody
		for _, c := range changes {
			s.teams = append(s.teams, teamChange{w, c.Add})
		}
	}
	for i := range w.Ops {
		if w.Ops[i].Kind != syncproto.KindAdmit {
			continue
		}
		for _, d := range w.Ops[i].Dots {
			if d.Feed > 0 {
				dep := w.Header.Deps[d.Feed-1]
				s.admits = append(s.admits, admission{w, syncproto.FeedCut(dep)})
			}
		}
	}
}

// judge finds who may what in a scope: the least fixed point of teams and admissions, which only grow by what takes
// effect (docs/protocol.md §6).
func (e *evidence) judge(s *scope) {
	roster := e.roster
	s.standing = s.empty(roster)
	for {
		before, opening := s.snapshot(), (*syncproto.Standing)(nil)
		if s.opening != nil && s.standing != nil {
			opening = s.with(s.standing, func(by *work) bool { return by == s.opening })
		}
		for _, w := range s.work {
			standing := s.standing
			if w.opens && standing != nil {
				standing = opening
			}
			w.verdict, w.waits = roster.Judge(e.claim(w), standing)
		}
		for _, w := range s.work {
			w.admitted = w.waits == nil && w.verdict.Quarantine != "" && slices.ContainsFunc(s.admits, func(a admission) bool {
				return a.by.waits == nil && a.by.verdict.Quarantine == "" && e.within(w, a.FeedCut)
			})
		}
		if s.standing != nil {
			s.standing = s.with(s.empty(roster), (*work).effective)
		}
		if slices.Equal(before, s.snapshot()) {
			return
		}
	}
}

func (s *scope) empty(roster *syncproto.Roster) *syncproto.Standing {
	switch {
	case s.id == roster.Registry():
		return &syncproto.Standing{Registry: true}
	case s.open == nil:
		return nil
	}
	return &syncproto.Standing{Region: s.open.Region, Team: map[syncproto.PersonID]bool{}}
}

func (s *scope) with(standing *syncproto.Standing, counts func(*work) bool) *syncproto.Standing {
	out := &syncproto.Standing{Registry: standing.Registry, Region: standing.Region, Team: map[syncproto.PersonID]bool{}}
	maps.Copy(out.Team, standing.Team)
	for _, t := range s.teams {
		if counts(t.by) {
			for _, p := range t.people {
				out.Team[p] = true
			}
		}
	}
	return out
}

// snapshot lists what takes effect and how large the team is: when it stays, the fixed point is reached.
func (s *scope) snapshot() (out []uint64) {
	for _, w := range s.work {
		if w.effective() && w.verdict.Person != (syncproto.PersonID{}) {
			out = append(out, w.number)
		}
	}
	if s.standing != nil {
		out = append(out, uint64(len(s.standing.Team)))
	}
	return out
}
