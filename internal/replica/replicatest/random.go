package replicatest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// random plays random histories of a visit over two stores that hear of each other in part, and wants both, and a
// third that gets all of it in order, to agree in the end.
func (s suite) random(t *testing.T) {
	left, right, third := s.new(t), s.new(t), s.new(t)
	seed := uint64(1000)
	rapid.Check(t, func(rt *rapid.T) {
		seed++
		for _, st := range []*store{left, right, third} {
			st.wipe(rt)
		}
		w := newWorld(rt, t, seed, left, right)
		actions := map[string]func(*rapid.T){
			"write": w.write, "write ": w.write, "write  ": w.write, "resolve": w.resolve, "remove": w.remove, "fork": w.fork,
			"exchange": w.exchange, "exchange ": w.exchange, "decide": w.decide, "erase": w.erase, "team": w.team,
			"revoke": w.revoke, "roster": w.roster, "restart": w.restart, "rebuild": w.rebuild,
		}
		rt.Repeat(actions)
		w.converge(rt, third)
	})
}

// world is one random history.
type world struct {
	*visit
	stores  []*store
	writers []*prototest.Device
	records []syncproto.EntityID
	refs    map[syncproto.EntityID][]prototest.Ref // every operation on a record
	signed  []*syncproto.Changeset
	revoked map[*prototest.Device]bool
	copies  map[*prototest.Device]*prototest.Feed // the other writer of a forked feed
}

func newWorld(rt *rapid.T, t *testing.T, seed uint64, stores ...*store) *world {
	h := newVisit(t, seed)
	w := &world{
		visit: h, stores: stores, writers: []*prototest.Device{h.Monitor, h.Monitor2, h.Leader, h.Coordinator, h.Health},
		refs: map[syncproto.EntityID][]prototest.Ref{}, revoked: map[*prototest.Device]bool{}, copies: map[*prototest.Device]*prototest.Feed{},
	}
	for range 3 {
		w.records = append(w.records, h.Entity())
	}
	for _, st := range stores {
		st.rosterTo(rt, h.Org, 0)
	}
	w.signed = append(w.signed, h.opening)
	stores[0].push(rt, h.opening)
	return w
}

// sign signs a changeset by a device and gives it to the store that the device syncs with, or to nobody yet.
func (w *world) sign(rt *rapid.T, d *prototest.Device, ops ...prototest.Op) {
	f := d.Feed(w.v)
	if other := w.copies[d]; other != nil && rapid.Bool().Draw(rt, "copy") {
		f = other
	}
	for i := range ops { // on a forked feed a plain dot means the own branch: name the changeset
		for j := range ops[i].Sees {
			ops[i].Sees[j].Foreign = w.copies[d] != nil
		}
	}
	cs := f.Sign(ops...)
	w.signed = append(w.signed, cs)
	for i, o := range ops {
		w.refs[o.Entity] = append(w.refs[o.Entity], prototest.OpOf(cs, i))
	}
	if k := rapid.IntRange(0, len(w.stores)).Draw(rt, "store"); k < len(w.stores) {
		w.stores[k].push(rt, cs)
	}
}

func (w *world) device(rt *rapid.T) *prototest.Device {
	return rapid.SampledFrom(w.writers).Draw(rt, "device")
}

func (w *world) record(rt *rapid.T) syncproto.EntityID {
	return rapid.SampledFrom(w.records).Draw(rt, "record")
}

// seen draws some of the operations on a record.
func (w *world) seen(rt *rapid.T, e syncproto.EntityID) (out []prototest.Ref) {
	for _, r := range w.refs[e] {
		if rapid.IntRange(0, 2).Draw(rt, "sees") == 0 {
			out = append(out, r)
		}
	}
	return out
}

func (w *world) write(rt *rapid.T) {
	e := w.record(rt)
	field := rapid.SampledFrom([]syncproto.Field{obsText, 2202, answerValue, answerAgreed}).Draw(rt, "field")
	op := prototest.Set(e, field, fmt.Sprint(len(w.signed))).Seeing(w.seen(rt, e)...)
	if rapid.IntRange(0, 4).Draw(rt, "kind") == 0 {
		op = prototest.Create(e, observation)
	}
	other := prototest.Set(w.record(rt), obsText, "also")
	w.sign(rt, w.device(rt), op, other)
}

func (w *world) resolve(rt *rapid.T) {
	e := w.record(rt)
	w.sign(rt, w.device(rt), prototest.Resolve(e, obsText, "settled", w.seen(rt, e)...), prototest.Endorse(e, w.seen(rt, e)...))
}

func (w *world) remove(rt *rapid.T) {
	e := w.record(rt)
	op := prototest.Remove(e, w.seen(rt, e)...)
	if rapid.Bool().Draw(rt, "restore") {
		op = prototest.Restore(e, w.seen(rt, e)...)
	}
	w.sign(rt, w.device(rt), op)
}

func (w *world) fork(rt *rapid.T) {
	d := w.device(rt)
	if w.copies[d] == nil && d.Feed(w.v).N > 0 {
		w.copies[d] = d.Feed(w.v).Fork()
	}
}

func (w *world) decide(rt *rapid.T) {
	target := rapid.SampledFrom(w.signed).Draw(rt, "target")
	op := prototest.Admit(w.v.Scope, target)
	if rapid.IntRange(0, 3).Draw(rt, "decline") == 0 {
		op = prototest.Decline(w.v.Scope, target)
	}
	w.sign(rt, w.device(rt), op)
}

func (w *world) erase(rt *rapid.T) {
	e := w.record(rt)
	w.sign(rt, w.Protection, prototest.Erase(e, w.seen(rt, e)...))
}

func (w *world) team(rt *rapid.T) { w.sign(rt, w.device(rt), prototest.AddTeam(w.v, w.Health.Owner)) }

func (w *world) revoke(rt *rapid.T) {
	d := rapid.SampledFrom(append(w.writers, w.Protection)).Draw(rt, "device")
	if w.revoked[d] {
		return
	}
	w.revoked[d] = true
	cut := w.stores[0].r.DeviceFeeds(d.ID)
	if rapid.Bool().Draw(rt, "uncut") {
		cut = nil
	}
	w.RevokeDevice(d, cut...)
}

// roster gives one store the newest roster; the other works on with what it has.
func (w *world) roster(rt *rapid.T) { w.store(rt).rosterTo(rt, w.Org, 0) }

func (w *world) store(rt *rapid.T) *store { return rapid.SampledFrom(w.stores).Draw(rt, "store") }

func (w *world) restart(rt *rapid.T) { w.store(rt).reopen(rt) }

func (w *world) rebuild(rt *rapid.T) { w.store(rt).rebuilds(rt) }

// exchange carries some changesets of one feed from one store to the other, as a link that breaks does.
func (w *world) exchange(rt *rapid.T) {
	k := rapid.IntRange(0, 1).Draw(rt, "from")
	from, to := w.stores[k], w.stores[1-k]
	feeds := from.r.Feeds(w.v.Scope)
	if len(feeds) == 0 {
		return
	}
	f := rapid.SampledFrom(feeds).Draw(rt, "feed")
	start := rapid.Uint64Range(1, f.N).Draw(rt, "start")
	var batch []*syncproto.Changeset
	check(rt, from.r.FeedFrom(ctx, f.Feed, start, rapid.IntRange(1, 4).Draw(rt, "count"), func(l replica.Logged) error {
		batch = append(batch, parse(rt, l))
		return nil
	}))
	to.push(rt, batch...)
}

// converge ends all faults: within a few rounds both stores hold everything and agree (I14).
func (w *world) converge(rt *rapid.T, third *store) {
	for _, st := range append(w.stores, third) {
		st.rosterTo(rt, w.Org, 0)
	}
	third.push(rt, w.signed...)
	w.stores[0].push(rt, w.signed...)
	for range 3 {
		exchange(rt, w.stores[0], w.stores[1], w.v.Scope)
		exchange(rt, w.stores[1], w.stores[0], w.v.Scope)
	}
	want := third.state(rt)
	third.sound(rt)
	for i, st := range w.stores {
		st.sound(rt)
		same(rt, fmt.Sprintf("store %d does not agree with one that got everything in order", i), st.state(rt), want)
	}
	// Work that a store without the newest roster took in relayed, withheld or whole: what both pass on is the same.
	for _, cs := range w.signed {
		a, err := w.stores[0].r.Changeset(ctx, cs.ID)
		check(rt, err)
		b, err := third.r.Changeset(ctx, cs.ID)
		check(rt, err)
		if parse(rt, a).Body.Form != parse(rt, b).Body.Form {
			rt.Fatalf("changeset %s is passed on with values by one store and without by the other", cs.ID)
		}
	}
}
