package replicatest

import (
	"fmt"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

func (s suite) dots(t *testing.T) {
	t.Run("a target that comes later is superseded when it comes", s.dangling)
	t.Run("old targets are found after a restart", s.oldTargets)
	t.Run("dots that name nothing have no effect", s.nothing)
}

func (s suite) dangling(t *testing.T) {
	h := newVisit(t, 20)
	other := h.Entity()
	one := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	two := h.by(h.Monitor, prototest.Create(other, observation), prototest.Set(other, obsText, "light"))
	see := h.by(h.Leader,
		prototest.Resolve(h.obs, obsText, "settled", prototest.OpOf(one, 1)),
		prototest.Resolve(other, obsText, "settled", prototest.OpOf(two, 1)))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, see, two)
	if view, err := st.r.Record(ctx, h.v.Scope, h.obs); err != nil || len(view.State.Field(obsText).Heads) != 1 {
		t.Fatalf("state before the target = %+v, %v", view.State, err)
	}
	st.reopen(t)
	st.push(t, one)
	for _, e := range []syncproto.EntityID{h.obs, other} {
		view, err := st.r.Record(ctx, h.v.Scope, e)
		check(t, err)
		if heads := view.State.Field(obsText).Heads; len(heads) != 1 || heads[0].Person != h.Leader.Owner.ID {
			t.Fatalf("heads = %+v, want the leader's alone", heads)
		}
	}
	s.everyOrder(t, h.Org, 0, items(h.all...))
}

func (s suite) oldTargets(t *testing.T) {
	h := newVisit(t, 21)
	var seen []*syncproto.Changeset
	var records []syncproto.EntityID
	for i := range 6 {
		e := h.Entity()
		records = append(records, e)
		seen = append(seen, h.by(h.Monitor, prototest.Create(e, observation), prototest.Set(e, obsText, fmt.Sprint(i))))
	}
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.all...)
	st.reopen(t)
	var ops []prototest.Op
	for i, e := range records {
		ops = append(ops, prototest.Resolve(e, obsText, "settled", prototest.OpOf(seen[i], 1)))
	}
	settle := h.by(h.Leader, ops...)
	st.push(t, settle)
	check(t, st.r.Records(ctx, h.v.Scope, observation, oneHead))
	st.sound(t)
	// A revocation reaches every record of the changeset, also those that were resolved by a look at the database.
	h.RevokeDevice(h.Leader)
	st.rosterTo(t, h.Org, 0)
	for i, e := range records {
		view, err := st.r.Record(ctx, h.v.Scope, e)
		check(t, err)
		if heads := view.State.Field(obsText).Heads; len(heads) != 1 || heads[0].Person != h.Monitor.Owner.ID {
			t.Fatalf("record %d: heads after the revocation = %+v, want the monitor's", i, heads)
		}
	}
	st.sound(t)
}

func oneHead(v replica.RecordView) error {
	if heads := v.State.Field(obsText).Heads; len(heads) != 1 {
		return fmt.Errorf("record %s has %d heads, want one", v.Entity, len(heads))
	}
	return nil
}

func (s suite) nothing(t *testing.T) {
	h := newVisit(t, 22)
	other := h.Entity()
	one := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	astray := prototest.OpOf(one, 1)
	astray.Seq = 400
	h.by(h.Monitor2, prototest.Set(h.obs, obsText, "no beds").Seeing(astray)) // no such operation
	h.by(h.Leader, prototest.Resolve(other, obsText, "settled", prototest.OpOf(one, 1)))
	ghost := prototest.OpOf(one, 1)
	ghost.Short[0] ^= 1
	h.by(h.Coordinator, prototest.Resolve(h.obs, obsText, "settled", ghost)) // a branch that never comes
	st := s.everyOrder(t, h.Org, 0, items(h.all...))
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	if heads := view.State.Field(obsText).Heads; len(heads) != 3 {
		t.Fatalf("%d heads, want all three: no dot named one of them", len(heads))
	}
}
