package replicatest

import (
	"testing"

	"pgregory.net/rapid"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

const fewItems = 4 // up to here every order is tried

// everyOrder gives a store the items in many orders, with duplicates, batches and restarts in between, and wants the
// state that their own order gives (I1, I2). The roster up to its length known is there before. It returns a store
// that holds all.
func (s suite) everyOrder(t *testing.T, o *prototest.Org, known int, all []item) *store {
	t.Helper()
	t.Helper()
	st := s.new(t)
	st.rosterTo(t, o, known)
	for _, i := range all {
		st.take(t, o, i)
	}
	st.sound(t)
	want := st.state(t)
	try := func(t tb, order []item, batch func() int, again, restart, rebuild func() bool) {
		t.Helper()
		st.wipe(t)
		st.rosterTo(t, o, known)
		for len(order) > 0 {
			n := min(batch(), len(order))
			st.takeBatch(t, o, order[:n])
			if again() {
				st.takeBatch(t, o, order[:n])
			}
			if restart() {
				st.reopen(t)
			}
			order = order[n:]
		}
		st.dense(t)
		st.fates(t)
		if rebuild() {
			st.rebuilds(t)
		}
		same(t, "another order of delivery gives another state", st.state(t), want)
	}
	if len(all) <= fewItems {
		never := func() bool { return false }
		permute(all, func(order []item) { try(t, order, func() int { return 1 }, never, never, never) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.Permutation(all).Draw(rt, "order")
		try(rt, order,
			func() int { return rapid.IntRange(1, len(all)).Draw(rt, "batch") },
			func() bool { return rapid.Bool().Draw(rt, "twice") },
			func() bool { return rapid.Bool().Draw(rt, "restart") },
			func() bool { return rapid.IntRange(0, 3).Draw(rt, "rebuild") == 0 })
	})
	return st
}

// sound asserts what holds of every store at any time.
func (s *store) sound(t tb) {
	t.Helper()
	s.dense(t)
	s.fates(t)
	s.rebuilds(t)
}

// takeBatch gives the store changesets that stand side by side in one batch.
func (s *store) takeBatch(t tb, o *prototest.Org, batch []item) {
	t.Helper()
	var run []*syncproto.Changeset
	for _, i := range batch {
		if i.cs != nil {
			run = append(run, i.cs)
			continue
		}
		if len(run) > 0 {
			s.push(t, run...)
			run = nil
		}
		s.take(t, o, i)
	}
	if len(run) > 0 {
		s.push(t, run...)
	}
}

// permute calls fn with every order of all.
func permute(all []item, fn func([]item)) {
	var step func(done, rest []item)
	step = func(done, rest []item) {
		if len(rest) == 0 {
			fn(done)
			return
		}
		for i := range rest {
			left := append(append([]item(nil), rest[:i]...), rest[i+1:]...)
			step(append(append([]item(nil), done...), rest[i]), left)
		}
	}
	step(nil, all)
}
