package replicatest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

// Fields of the vocabulary that the suite writes.
const (
	facility, facilityName  = 1000, 1001
	answer, answerValue     = 2100, 2102 // personal
	answerAgreed            = 2106       // the leader's
	observation, obsText    = 2200, 2201 // shared
	interview, interviewMed = 2300, 2308 // a health expert's
)

// visit is a short history that nobody disagrees about: a visit of two monitors and a leader.
type visit struct {
	*prototest.Cast
	v       *prototest.Visit
	opening *syncproto.Changeset
	obs     syncproto.EntityID
	all     []*syncproto.Changeset
}

func newVisit(t testing.TB, seed uint64) *visit {
	c := prototest.NewCast(t, seed)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Monitor2.Owner, c.Leader.Owner)
	return &visit{Cast: c, v: v, opening: opening, obs: c.Entity(), all: []*syncproto.Changeset{opening}}
}

// by signs a device's next changeset of the visit.
func (v *visit) by(d *prototest.Device, ops ...prototest.Op) *syncproto.Changeset {
	cs := d.Feed(v.v).Sign(ops...)
	v.all = append(v.all, cs)
	return cs
}

func (s suite) ingest(t *testing.T) {
	t.Run("each changeset gets the next position of its scope", s.positions)
	t.Run("the same bytes pushed again change nothing and get the same answer", s.duplicates)
	t.Run("order and batches do not matter", s.plainOrder)
	t.Run("work is held until what it needs has come", s.held)
	t.Run("a broken chain is refused and stops nothing else", s.brokenChain)
	t.Run("a scope is in clear or sealed as the registry and visits are", s.wrongForm)
	t.Run("values come back to a changeset that was carried without", s.withheld)
}

func (s suite) positions(t *testing.T) {
	h := newVisit(t, 1)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	name := h.Entity()
	registry := h.Coordinator.Feed(nil).Sign(prototest.Create(name, facility), prototest.Set(name, facilityName, "colony"))
	work := h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	for i, want := range []struct {
		cs       *syncproto.Changeset
		position uint64
	}{{h.opening, 1}, {registry, 1}, {work, 2}} {
		o := st.want(t, want.cs, syncproto.StatusAccepted, "")
		if o.Position != want.position || o.Leaf != int64(i) || o.Body != want.cs.Packet.BodyHash() {
			t.Fatalf("changeset %d got position %d, leaf %d, body %s", i, o.Position, o.Leaf, o.Body)
		}
		st.relays(t, want.cs)
	}
	st.sound(t)
}

func (s suite) duplicates(t *testing.T) {
	h := newVisit(t, 2)
	work := h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	first := st.push(t, h.opening, work, h.opening, work)
	before := st.dump(t, tables...)
	for k := range 3 {
		again := st.push(t, work, h.opening)
		for i, o := range again {
			was := first[1-i]
			if o.Status != syncproto.StatusDuplicate || o.Position != was.Position || o.Leaf != was.Leaf || o.Received != was.Received || o.Body != was.Body {
				t.Fatalf("I10: push %d answered %+v, the first push %+v", k+2, o, was)
			}
		}
		st.reopen(t)
	}
	if d := cmp.Diff(before, st.dump(t, tables...)); d != "" {
		t.Fatalf("I10: pushing again changed the store:\n%s", d)
	}
}

func (s suite) plainOrder(t *testing.T) {
	h := newVisit(t, 3)
	one := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	two := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "no beds").Seeing(prototest.OpOf(one, 1)))
	h.by(h.Monitor, prototest.Set(h.obs, obsText, "some beds").Seeing(prototest.OpOf(one, 1)))
	a := h.Entity()
	h.by(h.Monitor2, prototest.Create(a, answer), prototest.Set(a, answerValue, "yes"))
	h.by(h.Leader, prototest.Resolve(h.obs, obsText, "beds, not enough", prototest.OpOf(two, 0)), prototest.Set(a, answerAgreed, "yes"))
	s.everyOrder(t, h.Org, 0, items(h.all...))
	s.everyOrder(t, h.Org, 0, items(h.all[:4]...))
}

func (s suite) held(t *testing.T) {
	h := newVisit(t, 4)
	stranger := h.Stranger(h.Monitor2.Owner)
	known := h.Roster.Len()
	one := h.by(h.Monitor2, prototest.Create(h.obs, observation))
	two := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "beds"))
	h.Append(h.Root, syncproto.RosterRecord{Device: stranger.Certificate()})
	late := h.by(stranger, prototest.Set(h.obs, obsText, "no beds").Seeing(prototest.OpOf(two, 0)))
	cites := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "beds!"))

	st := s.new(t)
	st.rosterTo(t, h.Org, known)
	st.want(t, two, syncproto.StatusHeld, syncproto.CodeHeldPrev)
	st.want(t, one, syncproto.StatusHeld, syncproto.CodeHeldScope)
	st.want(t, late, syncproto.StatusHeld, syncproto.CodeHeldDevice)
	st.reopen(t)
	st.want(t, h.opening, syncproto.StatusAccepted, "")
	if got, ok := st.r.Feed(h.Monitor2.Feed(h.v).ID()); !ok || got.N != 2 {
		t.Fatalf("the opening released %+v, want two changesets", got)
	}
	st.want(t, cites, syncproto.StatusHeld, syncproto.CodeHeldRoster)
	st.rosterTo(t, h.Org, 0)
	if left, err := st.r.HeldWork(ctx); err != nil || len(left) != 0 {
		t.Fatalf("still held: %v, %v", left, err)
	}
	st.sound(t)
	all := append(items(h.all...), item{roster: h.Roster.Len()})
	s.everyOrder(t, h.Org, known, all)
}

func (s suite) brokenChain(t *testing.T) {
	h := newVisit(t, 5)
	f := h.Monitor2.Feed(h.v)
	one := h.by(h.Monitor2, prototest.Create(h.obs, observation))
	gap, number := f.Fork(), f.Fork()
	gap.Seq += 5
	number.N += 5
	wrongSeq := gap.Sign(prototest.Set(h.obs, obsText, "gap"))
	wrongN := number.Sign(prototest.Set(h.obs, obsText, "number"))
	two := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "beds"))

	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, one)
	out := st.push(t, wrongSeq, wrongN, two)
	for i, want := range []syncproto.Status{syncproto.StatusRefused, syncproto.StatusRefused, syncproto.StatusAccepted} {
		if out[i].Status != want {
			t.Fatalf("changeset %d is %s %q (%s), want %s", i, out[i].Status, out[i].Code, out[i].Detail, want)
		}
	}
	for _, cs := range []*syncproto.Changeset{wrongSeq, wrongN} { // the same behind the head
		st.want(t, cs, syncproto.StatusRefused, syncproto.CodeBadChain)
	}
	st.sound(t)
}

func (s suite) wrongForm(t *testing.T) {
	h := newVisit(t, 6)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	clear := *h.Monitor2.Feed(h.v)
	clear.Visit = nil
	st.want(t, clear.Sign(prototest.Create(h.obs, observation)), syncproto.StatusRefused, syncproto.CodeMalformed)
	sealed := *h.Coordinator.Feed(nil)
	sealed.Visit = h.v
	st.want(t, sealed.Sign(prototest.Create(h.obs, facility)), syncproto.StatusRefused, syncproto.CodeMalformed)
	st.want(t, h.opening, syncproto.StatusAccepted, "")
}

func (s suite) withheld(t *testing.T) {
	h := newVisit(t, 7)
	work := h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	bare, err := syncproto.ParsePacket(work.Packet.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}))
	check(t, err)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, bare)
	o := st.want(t, work, syncproto.StatusDuplicate, "")
	if o.Body != work.Packet.BodyHash() {
		t.Fatal("the receipt does not name the body that came")
	}
	st.relays(t, work)
	st.want(t, bare, syncproto.StatusDuplicate, "")
	st.relays(t, work)
	st.sound(t)
}
