package replicatest

import (
	"testing"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

// copied returns a visit in which the second monitor's feed has three changesets, and what a thief who copied the
// laptop behind the first signs with its key: two more, with the numbers of the real ones.
func copied(t *testing.T, seed uint64) (h *visit, honest, forged []*syncproto.Changeset) {
	h = newVisit(t, seed)
	honest = append(honest, h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds")))
	thief := h.Monitor2.Feed(h.v).Fork()
	head := h.Roster.Head() // of a time at which the laptop was trusted
	thief.RosterHead = &head
	for _, word := range []string{"no beds", "few beds"} {
		honest = append(honest, h.by(h.Monitor2, prototest.Set(h.obs, obsText, word)))
		forged = append(forged, thief.Sign(prototest.Set(h.obs, obsText, "good "+word)))
	}
	return h, honest, forged
}

// stands wants changesets to be quarantined by a code, "" where they take effect unaided.
func (s *store) stands(t tb, code syncproto.Code, changesets ...*syncproto.Changeset) {
	t.Helper()
	for _, cs := range changesets {
		l, err := s.r.Changeset(ctx, cs.ID)
		check(t, err)
		if l.Quarantine != code || l.Admitted {
			t.Fatalf("changeset %d (%s) is quarantined %q, admitted %t, want %q", cs.Header.N, cs.ID, l.Quarantine, l.Admitted, code)
		}
	}
}

const late = syncproto.CodeQuarantineLate

// forgedBranch: the key of a revoked laptop signs another past for it.
func (s suite) forgedBranch(t *testing.T) {
	for name, revoke := range map[string]func(h *visit){
		"device": func(h *visit) { h.RevokeDevice(h.Monitor2, h.Monitor2.Feed(h.v).Cut()) },
		"grant":  func(h *visit) { h.RevokeGrant(h.Monitor2.Owner.Grant, h.Monitor2.Feed(h.v).Cut()) },
	} {
		t.Run(name, func(t *testing.T) {
			h, honest, forged := copied(t, 43)
			known := h.Roster.Len()
			revoke(h)
			all := append(items(h.all...), item{roster: h.Roster.Len()})
			st := s.everyOrder(t, h.Org, known, append(all, items(forged...)...))
			st.stands(t, "", honest...)
			st.stands(t, late, forged...)
		})
	}
}

// cutComesLast: until the changeset at the cut is here, nobody can tell what lies before it.
func (s suite) cutComesLast(t *testing.T) {
	h, honest, forged := copied(t, 44)
	h.RevokeDevice(h.Monitor2, h.Monitor2.Feed(h.v).Cut())
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening)
	st.want(t, honest[0], syncproto.StatusQuarantined, late)
	st.want(t, honest[1], syncproto.StatusQuarantined, late)
	st.want(t, forged[0], syncproto.StatusQuarantined, late)
	st.reopen(t)
	st.want(t, honest[2], syncproto.StatusAccepted, "")
	st.stands(t, "", honest...)
	st.want(t, forged[1], syncproto.StatusQuarantined, late)
	st.stands(t, late, forged...)
	st.sound(t)
}

// cutOfAFork: of a feed that had forked when its device was revoked, both branches were received in time.
func (s suite) cutOfAFork(t *testing.T) {
	h, one, a, b := forked(t, 45)
	known := h.Roster.Len()
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, append(append([]*syncproto.Changeset{h.opening, one}, a...), b[:2]...)...)
	want := map[syncproto.FeedCut]bool{a[1].Cut(): true, b[1].Cut(): true}
	for _, again := range []func(){func() {}, func() { st.reopen(t) }, func() { check(t, st.r.Rebuild(ctx)) }} {
		again()
		cuts := st.r.DeviceFeeds(h.Monitor2.ID)
		if len(cuts) != 2 || !want[cuts[0]] || !want[cuts[1]] || cuts[0] == cuts[1] {
			t.Fatalf("cuts = %+v, want the end of each branch: %+v", cuts, want)
		}
	}
	h.RevokeDevice(h.Monitor2, st.r.DeviceFeeds(h.Monitor2.ID)...)
	all := items(append(append([]*syncproto.Changeset{h.opening, one}, a...), b...)...)
	st = s.everyOrder(t, h.Org, known, append(all, item{roster: h.Roster.Len()}))
	st.stands(t, "", one, a[0], a[1], b[0], b[1])
	st.stands(t, late, b[2])
}

// admittedBranch: a person decides on what they saw, and the key of the revoked laptop cannot put other work there.
func (s suite) admittedBranch(t *testing.T) {
	h, honest, forged := copied(t, 53)
	known := h.Roster.Len()
	h.RevokeDevice(h.Monitor2) // cut at nothing
	h.by(h.Coordinator, prototest.Admit(h.v.Scope, honest[2]))
	all := append(items(h.all...), item{roster: h.Roster.Len()})
	st := s.everyOrder(t, h.Org, known, append(all, items(forged...)...))
	st.stands(t, late, forged...)
	for _, cs := range honest {
		if l, err := st.r.Changeset(ctx, cs.ID); err != nil || !l.Admitted {
			t.Fatalf("changeset %d of the branch that was admitted is not (%v)", cs.Header.N, err)
		}
	}
	both := h.by(h.Coordinator, prototest.Admit(h.v.Scope, forged[1], honest[2]))
	st.want(t, both, syncproto.StatusAccepted, "")
	if l, err := st.r.Changeset(ctx, forged[0].ID); err != nil || !l.Admitted {
		t.Fatalf("a decision on both branches covers one (%v)", err)
	}
	st.sound(t)
}

// declinedBranch: work that nobody has looked at still waits.
func (s suite) declinedBranch(t *testing.T) {
	h, honest, forged := copied(t, 54)
	known := h.Roster.Len()
	h.RevokeDevice(h.Monitor2)
	h.by(h.Coordinator, prototest.Decline(h.v.Scope, honest[2]))
	all := append(items(h.all...), item{roster: h.Roster.Len()})
	st := s.everyOrder(t, h.Org, known, append(all, items(forged...)...))
	declined, err := st.r.Decided(ctx, h.v.Scope)
	check(t, err)
	if len(declined) != len(honest) || declined[forged[0].ID] || declined[forged[1].ID] {
		t.Fatalf("declined = %v, want the branch that a person looked at", declined)
	}
}
