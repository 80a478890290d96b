package replicatest

import (
	"slices"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

func (s suite) forks(t *testing.T) {
	t.Run("both branches are kept and count", s.bothBranches)
	t.Run("a dot means the operation of its own branch", s.branchDots)
	t.Run("two stores with different branches bring each other up to date", s.branchExchange)
}

// forked returns a visit whose second monitor's feed has two branches behind its first changeset: a of two
// changesets, b of three.
func forked(t *testing.T, seed uint64) (h *visit, one *syncproto.Changeset, a, b []*syncproto.Changeset) {
	h = newVisit(t, seed)
	one = h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	f := h.Monitor2.Feed(h.v)
	g := f.Fork()
	last := prototest.OpOf(one, 1)
	for _, word := range []string{"a1", "a2"} {
		cs := f.Sign(prototest.Set(h.obs, obsText, word).Seeing(last))
		last, a = prototest.OpOf(cs, 0), append(a, cs)
	}
	last = prototest.OpOf(one, 1)
	for _, word := range []string{"b1", "b2", "b3"} {
		cs := g.Sign(prototest.Set(h.obs, obsText, word).Seeing(last))
		last, b = prototest.OpOf(cs, 0), append(b, cs)
	}
	return h, one, a, b
}

func (s suite) bothBranches(t *testing.T) {
	h, one, a, b := forked(t, 10)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, one)
	st.push(t, a...)
	if o := st.push(t, b...); !o[0].Fork || o[0].Status != syncproto.StatusAccepted || o[2].Status != syncproto.StatusAccepted {
		t.Fatalf("I7: the other branch got %+v", o)
	}
	forks, err := st.r.Forks(ctx, h.v.Scope)
	if err != nil || len(forks) != 2 || forks[0].N != 2 || len(forks[0].Changesets) != 2 {
		t.Fatalf("I7: forks = %+v, %v; want two incidents with both changesets each", forks, err)
	}
	heads, err := st.r.Heads(ctx, h.v.Scope)
	if err != nil || len(heads) != 3 { // the opener's feed and two branches
		t.Fatalf("heads = %+v, %v", heads, err)
	}
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	if err != nil || len(view.State.Field(obsText).Heads) != 2 {
		t.Fatalf("heads of the field = %+v, %v; want the end of each branch", view.State.Field(obsText), err)
	}
	st.want(t, a[0], syncproto.StatusDuplicate, "")
	st.want(t, b[0], syncproto.StatusDuplicate, "")
	all := append([]*syncproto.Changeset{h.opening, one}, append(slices.Clone(a), b...)...)
	s.everyOrder(t, h.Org, 0, items(all...))
}

func (s suite) branchDots(t *testing.T) {
	h, one, a, b := forked(t, 11)
	// The leader saw branch b alone and settles its second word; a1 and b1 have one sequence number.
	settle := h.by(h.Leader, prototest.Resolve(h.obs, obsText, "settled", prototest.OpOf(b[2], 0)))
	// A coordinator saw both branches' first words and replaces b's.
	edit := h.by(h.Coordinator, prototest.Set(h.obs, obsText, "edit").Seeing(prototest.OpOf(a[0], 0)))
	all := []*syncproto.Changeset{h.opening, one, a[0], a[1], b[0], b[1], b[2], settle, edit}
	st := s.everyOrder(t, h.Org, 0, items(all...))

	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	fate := func(cs *syncproto.Changeset, i int) syncproto.Fate {
		l, err := st.r.Changeset(ctx, cs.ID)
		check(t, err)
		return view.State.Fates[syncproto.OpRef{Changeset: uint64(l.Row), Index: i}]
	}
	if f := fate(b[2], 0); f.Kind != syncproto.FateSuperseded || len(f.By) != 1 {
		t.Fatalf("the end of branch b is %+v, want superseded by the leader alone", f)
	}
	if f := fate(a[1], 0); f.Kind != syncproto.FateHead {
		t.Fatalf("the end of branch a is %+v, want a head: nobody saw it", f)
	}
	if f := fate(b[0], 0); len(f.By) != 1 {
		t.Fatalf("the first word of branch b is %+v, want superseded by b's next alone", f)
	}
	if f := fate(a[0], 0); len(f.By) != 2 {
		t.Fatalf("the first word of branch a is %+v, want superseded by a's next and by the edit", f)
	}
}

func (s suite) branchExchange(t *testing.T) {
	h, one, a, b := forked(t, 12)
	left, right := s.new(t), s.new(t)
	for _, st := range []*store{left, right} {
		st.rosterTo(t, h.Org, 0)
		st.push(t, h.opening, one)
	}
	left.push(t, a...)
	right.push(t, b...)
	for range 4 {
		exchange(t, left, right, h.v.Scope)
		exchange(t, right, left, h.v.Scope)
	}
	same(t, "I14: branches that differ do not come together", left.state(t), right.state(t))
}

// exchange gives to what it lacks of a scope that from holds, as an offer and a push do: one round trip.
func exchange(t tb, from, to *store, scope syncproto.ScopeID) (sent int) {
	t.Helper()
	heads, err := from.r.Heads(ctx, scope)
	check(t, err)
	want, _, err := to.r.Compare(ctx, scope, heads)
	check(t, err)
	for _, w := range want {
		var batch []*syncproto.Changeset
		check(t, from.r.FeedFrom(ctx, w.Feed, w.From, 1<<20, func(l replica.Logged) error {
			batch = append(batch, parse(t, l))
			return nil
		}))
		to.push(t, batch...)
		sent += len(batch)
	}
	return sent
}

// parse takes the relayed form of a logged changeset apart.
func parse(t tb, l replica.Logged) *syncproto.Changeset {
	t.Helper()
	b, err := l.Relayed()
	check(t, err)
	p, err := syncproto.DecodePacket(b)
	check(t, err)
	cs, err := syncproto.ParsePacket(p)
	check(t, err)
	return cs
}
