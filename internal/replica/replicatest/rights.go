package replicatest

import (
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

func (s suite) rights(t *testing.T) {
	t.Run("only the team, its coordinators and what each may write take effect", s.teamRights)
	t.Run("a team change counts for work that came before it", s.teamChange)
	t.Run("a team change without the right adds nobody", s.teamChangeWithoutRight)
	t.Run("nobody opens a scope again with another team", s.otherOpening)
	t.Run("an opening that is signed twice opens its scope once", s.openedTwice)
	t.Run("an opening without the right opens nothing for its team", s.openingWithoutRight)
}

func (s suite) teamRights(t *testing.T) {
	h := newVisit(t, 30)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening)
	a, talk := h.Entity(), h.Entity()
	st.want(t, h.by(h.Monitor, prototest.Create(a, answer), prototest.Set(a, answerValue, "yes")), syncproto.StatusAccepted, "")
	st.want(t, h.by(h.Health, prototest.Create(talk, interview)), syncproto.StatusQuarantined, syncproto.CodeQuarantineNoRight)
	st.want(t, h.by(h.Auditor, prototest.Set(a, answerValue, "no")), syncproto.StatusQuarantined, syncproto.CodeQuarantineNoRight)
	st.want(t, h.by(h.Monitor2, prototest.Set(a, answerAgreed, "no")), syncproto.StatusQuarantined, syncproto.CodeQuarantineField)
	st.want(t, h.by(h.Leader, prototest.Set(a, answerAgreed, "yes")), syncproto.StatusAccepted, "")
	st.want(t, h.by(h.Coordinator, prototest.Set(a, answerAgreed, "yes")), syncproto.StatusAccepted, "")
	st.want(t, h.by(h.Leader, prototest.Set(talk, interviewMed, "bruises")), syncproto.StatusQuarantined, syncproto.CodeQuarantineField)
	view, err := st.r.Record(ctx, h.v.Scope, a)
	check(t, err)
	if heads := view.State.Field(answerAgreed).Heads; len(heads) != 2 {
		t.Fatalf("%d heads of the agreed answer, want the leader's and the coordinator's", len(heads))
	}
	if view.State.Attention&syncproto.AttentionWaiting == 0 {
		t.Fatal("quarantined work touches the record, and nobody is told")
	}
	s.everyOrder(t, h.Org, 0, items(h.all...))
}

func (s suite) teamChange(t *testing.T) {
	h := newVisit(t, 31)
	talk := h.Entity()
	early := h.by(h.Health, prototest.Create(talk, interview), prototest.Set(talk, interviewMed, "bruises"))
	h.by(h.Leader, prototest.AddTeam(h.v, h.Health.Owner))
	st := s.everyOrder(t, h.Org, 0, items(h.all...))
	l, err := st.r.Changeset(ctx, early.ID)
	if err != nil || l.Quarantine != "" {
		t.Fatalf("the health expert's work is %q (%v) after joining the team", l.Quarantine, err)
	}
	if sc, ok := st.r.Scope(h.v.Scope); !ok || !sc.Standing.Team[h.Health.Owner.ID] {
		t.Fatalf("standing = %+v", sc.Standing)
	}
}

func (s suite) teamChangeWithoutRight(t *testing.T) {
	h := newVisit(t, 32)
	h.by(h.Monitor2, prototest.AddTeam(h.v, h.Health.Owner))
	// Added by one whose own membership hangs on the first: nothing may lift itself.
	h.by(h.Health, prototest.AddTeam(h.v, h.Health.Owner))
	st := s.everyOrder(t, h.Org, 0, items(h.all...))
	if sc, _ := st.r.Scope(h.v.Scope); sc.Standing.Team[h.Health.Owner.ID] {
		t.Fatal("a monitor added somebody to the team")
	}
}

// again signs an opening of the visit's scope in a new feed of the device that opened it.
func (h *visit) again(clear any, more ...prototest.Op) *syncproto.Changeset {
	f := *h.Monitor.Feed(h.v)
	f.Incarnation[0] ^= 1
	f.N, f.Seq, f.Prev = 0, 0, syncproto.ChangesetID{}
	return f.Sign(append([]prototest.Op{{Kind: syncproto.KindScopeOpen, Entity: syncproto.EntityID(h.v.Scope), Clear: clear}}, more...)...)
}

func (s suite) otherOpening(t *testing.T) {
	h := newVisit(t, 33)
	var o syncproto.ScopeOpening
	check(t, syncproto.DecodeMessage(h.opening.Ops[0].Clear, &o))
	same := o
	o.Team = []syncproto.PersonID{h.Monitor.Owner.ID, h.Health.Owner.ID}
	team := h.again(o)
	o = same
	o.Region = "KZ-10"
	region := h.again(o)
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening)
	for _, cs := range []*syncproto.Changeset{team, region, h.again(same, prototest.AddTeam(h.v, h.Health.Owner))} {
		st.want(t, cs, syncproto.StatusRefused, syncproto.CodeMalformed)
	}
}

// openedTwice: the two say the same, and are judged alike whichever comes first.
func (s suite) openedTwice(t *testing.T) {
	h := newVisit(t, 35)
	var o syncproto.ScopeOpening
	check(t, syncproto.DecodeMessage(h.opening.Ops[0].Clear, &o))
	h.all = append(h.all, h.again(o))
	h.by(h.Monitor2, prototest.Create(h.obs, observation))
	h.by(h.Health, prototest.Create(h.Entity(), interview))
	known := h.Roster.Len()
	h.RevokeDevice(h.Monitor, h.all[1].Cut()) // the first came too late, the second did not
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	st.stands(t, late, h.all[0])
	st.stands(t, "", h.all[1], h.all[2])
	st.stands(t, syncproto.CodeQuarantineNoRight, h.all[3])
}

func (s suite) openingWithoutRight(t *testing.T) {
	c := prototest.NewCast(t, 34)
	v, opening := c.Auditor.OpenVisit(prototest.Region, c.Auditor.Owner, c.Monitor.Owner)
	work := c.Monitor.Feed(v).Sign(prototest.Create(c.Entity(), observation))
	above := c.Coordinator.Feed(v).Sign(prototest.Create(c.Entity(), observation))
	st := s.everyOrder(t, c.Org, 0, items(opening, work, above))
	for _, want := range []struct {
		cs   *syncproto.Changeset
		code syncproto.Code
	}{{opening, syncproto.CodeQuarantineNoRight}, {work, syncproto.CodeQuarantineNoRight}, {above, ""}} {
		if l, err := st.r.Changeset(ctx, want.cs.ID); err != nil || l.Quarantine != want.code {
			t.Fatalf("changeset of %.4s is quarantined %q (%v), want %q", want.cs.Header.Device, l.Quarantine, err, want.code)
		}
	}
	fresh := s.new(t)
	fresh.rosterTo(t, c.Org, 0)
	out := fresh.push(t, opening, work)
	if out[1].Status != syncproto.StatusQuarantined {
		t.Fatalf("in one batch with its opening the work is answered %s %q, and quarantined", out[1].Status, out[1].Code)
	}
}

func (s suite) revocation(t *testing.T) {
	t.Run("late work of a revoked device is quarantined whenever it comes", s.revokedDevice)
	t.Run("work under a revoked grant is quarantined whenever it comes", s.revokedGrant)
	t.Run("a revoked team change takes its people with it", s.revokedTeamChange)
	t.Run("another past signed with a revoked laptop's key has no effect", s.forgedBranch)
	t.Run("what comes before the changeset at the cut is late until that is here", s.cutComesLast)
	t.Run("of a forked feed all that was held at the revocation is in time", s.cutOfAFork)
}

func (s suite) revokedDevice(t *testing.T) {
	h := newVisit(t, 40)
	known := h.Roster.Len()
	one := h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	cut := h.Monitor2.Feed(h.v).Cut()
	late := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "no beds").Seeing(prototest.OpOf(one, 1)))
	head := h.Roster.Head()
	h.RevokeDevice(h.Monitor2, cut)
	f := h.Monitor2.Incarnate(h.v) // a thief goes on in a new feed
	f.RosterHead = &head
	h.by(h.Monitor2, prototest.Set(h.obs, obsText, "nothing to see").Seeing(prototest.OpOf(one, 1)))
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	l, err := st.r.Changeset(ctx, late.ID)
	if err != nil || l.Quarantine != syncproto.CodeQuarantineLate {
		t.Fatalf("late work is %q, %v", l.Quarantine, err)
	}
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	if heads := view.State.Field(obsText).Heads; len(heads) != 1 {
		t.Fatalf("%d heads, want the one that came in time", len(heads))
	}
	n := 0
	check(t, st.r.Quarantined(ctx, h.v.Scope, func(replica.Logged) error { n++; return nil }))
	if n != 2 {
		t.Fatalf("%d changesets are quarantined, want 2", n)
	}
}

func (s suite) revokedGrant(t *testing.T) {
	h := newVisit(t, 41)
	known := h.Roster.Len()
	one := h.by(h.Leader, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	two := h.by(h.Monitor, prototest.Set(h.obs, obsText, "no beds"))
	cut := h.Leader.Feed(h.v).Cut()
	h.by(h.Leader, prototest.Resolve(h.obs, obsText, "settled", prototest.OpOf(one, 1), prototest.OpOf(two, 0)))
	h.RevokeGrant(h.Leader.Owner.Grant, cut)
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	if heads := view.State.Field(obsText).Heads; len(heads) != 2 {
		t.Fatalf("%d heads, want both: the settling came too late", len(heads))
	}
}

func (s suite) revokedTeamChange(t *testing.T) {
	h := newVisit(t, 42)
	known := h.Roster.Len()
	h.by(h.Leader, prototest.AddTeam(h.v, h.Health.Owner))
	talk := h.Entity()
	h.by(h.Health, prototest.Create(talk, interview))
	h.RevokeDevice(h.Leader)
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	if sc, _ := st.r.Scope(h.v.Scope); sc.Standing.Team[h.Health.Owner.ID] {
		t.Fatal("a quarantined team change still counts")
	}
}

func (s suite) admission(t *testing.T) {
	t.Run("an admission counts whether it comes before or after its target", s.admitted)
	t.Run("an admission by a quarantined author does not count", s.admittedByQuarantined)
	t.Run("a refusal is remembered and changes nothing", s.declined)
	t.Run("an admission covers no other branch", s.admittedBranch)
	t.Run("a refusal covers no other branch", s.declinedBranch)
}

// lateWork returns a visit with one late changeset of the second monitor, the roster's length before the
// revocation, and the item that revokes.
func lateWork(t *testing.T, seed uint64) (h *visit, late *syncproto.Changeset, known int) {
	h = newVisit(t, seed)
	known = h.Roster.Len()
	h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	cut := h.Monitor2.Feed(h.v).Cut()
	h.by(h.Monitor2, prototest.Set(h.obs, obsText, "few beds"))
	late = h.by(h.Monitor2, prototest.Set(h.obs, obsText, "no beds"))
	h.RevokeDevice(h.Monitor2, cut)
	return h, late, known
}

func (s suite) admitted(t *testing.T) {
	h, late, known := lateWork(t, 50)
	h.by(h.Coordinator, prototest.Admit(h.v.Scope, late))
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	l, err := st.r.Changeset(ctx, late.ID)
	if err != nil || l.Quarantine != syncproto.CodeQuarantineLate || !l.Admitted {
		t.Fatalf("late work is %q, admitted %t, %v", l.Quarantine, l.Admitted, err)
	}
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	if heads := view.State.Field(obsText).Heads; len(heads) != 3 {
		t.Fatalf("%d heads, want all that was admitted", len(heads))
	}
}

func (s suite) admittedByQuarantined(t *testing.T) {
	h, late, known := lateWork(t, 51)
	h.RevokeDevice(h.Coordinator2)
	f := h.Coordinator2.Feed(h.v)
	bad := f.Sign(prototest.Admit(h.v.Scope, late)) // by a revoked device
	h.all = append(h.all, bad)
	h.by(h.Monitor, prototest.Admit(h.v.Scope, late)) // by one without the right
	// An admission of the admission does not give it force either: only decisions that needed none count.
	h.by(h.Coordinator, prototest.Admit(h.v.Scope, bad))
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	if l, err := st.r.Changeset(ctx, late.ID); err != nil || l.Admitted {
		t.Fatalf("late work is admitted by somebody without the right (%v)", err)
	}
	if l, err := st.r.Changeset(ctx, bad.ID); err != nil || !l.Admitted {
		t.Fatalf("the admission that a coordinator admitted is not (%v)", err)
	}
}

func (s suite) declined(t *testing.T) {
	h, late, known := lateWork(t, 52)
	h.by(h.Coordinator, prototest.Decline(h.v.Scope, late))
	st := s.everyOrder(t, h.Org, known, append(items(h.all...), item{roster: h.Roster.Len()}))
	decided, err := st.r.Decided(ctx, h.v.Scope)
	if err != nil || !decided[late.ID] {
		t.Fatalf("decided = %v, %v", decided, err)
	}
	if l, err := st.r.Changeset(ctx, late.ID); err != nil || l.Admitted {
		t.Fatalf("declined work is admitted (%v)", err)
	}
}
