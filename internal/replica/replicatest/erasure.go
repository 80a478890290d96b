package replicatest

import (
	"bytes"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
	"kua/syncproto/seal"
)

func (s suite) erasure(t *testing.T) {
	t.Run("an erased value is withheld, then redacted, and never returns", s.erased)
	t.Run("an order by somebody without the right erases nothing", s.erasedWithoutRight)
	t.Run("an order that a revocation quarantines no longer stands", s.erasedByRevoked)
	t.Run("a second order reaches a body that was redacted before", s.erasedTwice)
	t.Run("of a plain body exactly the ordered values may go", s.erasedPlain)
	t.Run("an order counts whether it comes before or after its target", s.erasedBefore)
}

// redacted returns a sealed body without the values at the given places.
func (h *visit) redacted(t tb, cs *syncproto.Changeset, places ...int) syncproto.Body {
	t.Helper()
	values, err := h.v.Open(cs)
	check(t, err)
	drop := map[int]bool{}
	for _, i := range places {
		drop[i] = true
	}
	box, err := seal.SealBody(h.Rand, h.v.Key, cs.ID[:], values.Redact(drop).Encode())
	check(t, err)
	return syncproto.Body{Form: syncproto.BodySealed, Content: box}
}

func (s *store) redact(id syncproto.ChangesetID, body syncproto.Body, erased ...uint64) error {
	return s.r.InTx(ctx, func(tx *replica.Tx) error { return tx.Redact(id, body, erased) })
}

// serves returns the body that the store passes on.
func (s *store) serves(t tb, cs *syncproto.Changeset) syncproto.Body {
	t.Helper()
	l, err := s.r.Changeset(ctx, cs.ID)
	check(t, err)
	return parse(t, l).Body
}

func (s suite) erased(t *testing.T) {
	h := newVisit(t, 60)
	work := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "a name"), prototest.Set(h.obs, 2202, "cell"))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, work)
	body := h.redacted(t, work, 1)
	if err := st.redact(work.ID, body, 1); syncproto.CodeOf(err) != syncproto.CodeUnauthorized {
		t.Fatalf("values may be dropped without an order: %v", err)
	}
	st.push(t, h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 1))))
	for k := range 3 { // also after the bytes come again, a restart, and a rebuild
		if got := st.serves(t, work); got.Form != syncproto.BodyWithheld {
			t.Fatalf("I12: round %d: the body with the erased value is still passed on", k)
		}
		st.want(t, work, syncproto.StatusDuplicate, "")
		st.reopen(t)
		st.rebuilds(t)
	}
	if list, err := st.r.Unredacted(ctx, h.v.Scope); err != nil || len(list) != 1 || len(list[0].Places) != 1 || list[0].Places[0] != 1 {
		t.Fatalf("to be redacted = %+v, %v", list, err)
	}
	if err := st.redact(work.ID, syncproto.Body{Form: syncproto.BodyWithheld}, 1); err == nil {
		t.Fatal("all values were dropped at once")
	}
	if err := st.redact(work.ID, work.Body, 0, 2); err == nil {
		t.Fatal("a body whose maker does not know of the order passed for the redacted one")
	}
	check(t, st.redact(work.ID, body, 1))
	check(t, st.redact(work.ID, body, 1)) // after a lost answer
	for k := range 3 {
		if got := st.serves(t, work); !bytes.Equal(got.Content, body.Content) {
			t.Fatalf("I12: round %d: the store passes on another body than the redacted one", k)
		}
		st.want(t, work, syncproto.StatusDuplicate, "")
		st.reopen(t)
		st.rebuilds(t)
	}
	l, err := st.r.Changeset(ctx, work.ID)
	check(t, err)
	cs := parse(t, l)
	check(t, cs.Verify(h.Monitor.Public()))
	values, err := h.v.Open(cs)
	if err != nil || !values.Leaves[1].Erased || values.Leaves[2].Erased {
		t.Fatalf("I12: the redacted values do not verify: %v", err)
	}
	if list, err := st.r.Unredacted(ctx, h.v.Scope); err != nil || len(list) != 0 {
		t.Fatalf("still to be redacted: %+v, %v", list, err)
	}
	st.sound(t)
}

func (s suite) erasedWithoutRight(t *testing.T) {
	h := newVisit(t, 61)
	work := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "a name"))
	h.by(h.Coordinator, prototest.Erase(h.obs, prototest.OpOf(work, 1)))
	st := s.everyOrder(t, h.Org, 0, items(h.all...))
	st.relays(t, work)
}

func (s suite) erasedByRevoked(t *testing.T) {
	h := newVisit(t, 62)
	known := h.Roster.Len()
	work := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "a name"))
	h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 1)))
	h.RevokeDevice(h.Protection)
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	st.relays(t, work)
}

func (s suite) erasedTwice(t *testing.T) {
	h := newVisit(t, 63)
	work := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "a name"), prototest.Set(h.obs, 2202, "cell 5"))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, work, h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 1))))
	check(t, st.redact(work.ID, h.redacted(t, work, 1), 1))
	st.push(t, h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 2))))
	if got := st.serves(t, work); got.Form != syncproto.BodyWithheld {
		t.Fatal("I12: the value of the second order is still passed on")
	}
	st.rebuilds(t)
	if err := st.redact(work.ID, h.redacted(t, work, 1), 1); err == nil {
		t.Fatal("I12: a redaction that is older than the second order passed for a newer one")
	}
	check(t, st.redact(work.ID, h.redacted(t, work, 1, 2), 1, 2))
	if got := st.serves(t, work); got.Form != syncproto.BodySealed {
		t.Fatal("the body is withheld though it was redacted")
	}
	st.sound(t)
}

func (s suite) erasedPlain(t *testing.T) {
	c := prototest.NewCast(t, 64)
	e := c.Entity()
	work := c.Coordinator.Feed(nil).Sign(prototest.Create(e, facility), prototest.Set(e, facilityName, "colony"), prototest.Set(e, 1004, "a private address"))
	order := c.Protection.Feed(nil).Sign(prototest.Erase(e, prototest.OpOf(work, 2)))
	st := s.new(t)
	st.rosterTo(t, c.Org, 0)
	st.push(t, work, order)
	values, err := work.Open(nil)
	check(t, err)
	plain := func(places ...int) syncproto.Body {
		drop := map[int]bool{}
		for _, i := range places {
			drop[i] = true
		}
		return syncproto.Body{Form: syncproto.BodyPlain, Content: values.Redact(drop).Encode()}
	}
	for _, places := range [][]int{{}, {1}, {1, 2}} {
		if err := st.redact(work.ID, plain(places...), 2); err == nil {
			t.Fatalf("values %v were dropped, 2 was ordered", places)
		}
	}
	check(t, st.redact(work.ID, plain(2), 2))
	if got := st.serves(t, work); bytes.Contains(got.Content, []byte("private")) || !bytes.Contains(got.Content, []byte("colony")) {
		t.Fatalf("I12: the body is %q", got.Content)
	}
	st.sound(t)
}

func (s suite) erasedBefore(t *testing.T) {
	h := newVisit(t, 65)
	work := h.by(h.Monitor, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "a name"))
	h.by(h.Monitor, prototest.Set(h.obs, obsText, "no name"))
	h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 1)))
	st := s.everyOrder(t, h.Org, 0, items(h.all...))
	if got := st.serves(t, work); got.Form != syncproto.BodyWithheld {
		t.Fatal("I12: the erased value is passed on")
	}
}
