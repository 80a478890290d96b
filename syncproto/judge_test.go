package syncproto_test

import (
	"testing"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

func TestWhoMayWriteWhatInAVisit(t *testing.T) {
	c := prototest.NewCast(t, 1)
	elsewhere := c.Device(c.Person("Bolat", syncproto.RoleCoordinator, otherRegion))
	both := c.Person("Erlan", syncproto.RoleMonitor, prototest.Region)
	c.Grant(both, syncproto.RoleHealth, prototest.Region)
	doctorToo := c.Device(both)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Leader.Owner, c.Health.Owner, both)
	e := c.Entity()
	const ok, right, field = syncproto.Code(""), syncproto.CodeQuarantineNoRight, syncproto.CodeQuarantineField
	scope := syncproto.EntityID(v.Scope)
	for _, row := range []struct {
		what string
		op   prototest.Op
		want map[*prototest.Device]syncproto.Code
	}{
		{"an observation", prototest.Set(e, 2201, "cold"), map[*prototest.Device]syncproto.Code{
			c.Monitor: ok, c.Leader: ok, c.Health: ok, c.Coordinator: ok, c.Monitor2: right, c.Auditor: right, c.Protection: ok, elsewhere: right}},
		{"a medical finding", prototest.Set(e, 2308, "bruises"), map[*prototest.Device]syncproto.Code{
			c.Monitor: field, c.Leader: field, c.Health: ok, doctorToo: ok, c.Coordinator: field, c.Monitor2: right}},
		{"the agreed answer", prototest.Set(e, 2106, "no"), map[*prototest.Device]syncproto.Code{
			c.Monitor: field, c.Leader: ok, c.Health: field, c.Coordinator: ok}},
		{"a resolve", prototest.Resolve(e, 2201, "cold"), map[*prototest.Device]syncproto.Code{c.Monitor: ok, c.Leader: ok}}, // without the right it counts as an ordinary edit
		{"an endorsement", prototest.Endorse(e), map[*prototest.Device]syncproto.Code{c.Monitor: field, c.Leader: ok, c.Coordinator: ok}},
		{"an erasure", prototest.Erase(e), map[*prototest.Device]syncproto.Code{c.Monitor: field, c.Coordinator: field, c.Protection: ok}},
		{"an admission", prototest.Admit(v.Scope, opening), map[*prototest.Device]syncproto.Code{c.Leader: field, c.Coordinator: ok}},
		{"a team change", prototest.AddTeam(v, c.Monitor2.Owner), map[*prototest.Device]syncproto.Code{c.Monitor: field, c.Leader: ok, c.Coordinator: ok}},
		{"an opening", prototest.Op{Kind: syncproto.KindScopeOpen, Entity: scope}, map[*prototest.Device]syncproto.Code{c.Monitor: ok, c.Protection: field}},
		{"a key wrap", prototest.Op{Kind: syncproto.KindKeyWrap, Entity: scope}, map[*prototest.Device]syncproto.Code{c.Monitor: ok, c.Auditor: right}},
		{"an unknown kind", prototest.Op{Kind: 999, Entity: e}, map[*prototest.Device]syncproto.Code{c.Monitor: ok, c.Auditor: right}},
		{"an unknown field", prototest.Set(e, 999999, "?"), map[*prototest.Device]syncproto.Code{c.Monitor: ok, c.Monitor2: right}},
	} {
		for d, want := range row.want {
			cs := d.Feed(v).Sign(row.op)
			verdict, err := c.Roster.Judge(cs.Claim(), v.Standing())
			if err != nil || verdict.Quarantine != want || verdict.Person != d.Owner.ID {
				t.Errorf("%s by %s: %+v, %v, want %q", row.what, d.Owner.Name, verdict, err, want)
			}
		}
	}
}

func TestWhoMayWriteInTheRegistry(t *testing.T) {
	c := prototest.NewCast(t, 2)
	regional := c.Device(c.Person("Raushan", syncproto.RoleCoordinator, prototest.Region))
	s := &syncproto.Standing{Registry: true}
	for d, want := range map[*prototest.Device]syncproto.Code{
		c.Coordinator: "", regional: "", c.Monitor: syncproto.CodeQuarantineNoRight, c.Protection: syncproto.CodeQuarantineField, c.Auditor: syncproto.CodeQuarantineNoRight,
	} {
		cs := d.Feed(nil).Sign(prototest.Set(c.Entity(), 1001, "Colony 159/6"))
		if v, err := c.Roster.Judge(cs.Claim(), s); err != nil || v.Quarantine != want {
			t.Errorf("%s: %+v, %v, want %q", d.Owner.Name, v, err, want)
		}
	}
}

func TestWhatMustComeFirstIsHeldFor(t *testing.T) {
	c := prototest.NewCast(t, 3)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	old := c.Roster.Clone()
	late := c.Device(c.Monitor.Owner)
	cs := c.Monitor.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "x"))
	for name, row := range map[string]struct {
		roster *syncproto.Roster
		cs     *syncproto.Changeset
		s      *syncproto.Standing
		want   syncproto.Code
	}{
		"a device not yet known":        {old, late.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "x")), v.Standing(), syncproto.CodeHeldDevice},
		"a roster record not yet known": {old, cs, v.Standing(), syncproto.CodeHeldRoster},
		"a scope not yet opened":        {c.Roster, cs, nil, syncproto.CodeHeldScope},
		"nothing":                       {c.Roster, opening, v.Standing(), ""},
	} {
		if _, err := row.roster.Judge(row.cs.Claim(), row.s); syncproto.CodeOf(err) != row.want {
			t.Errorf("waiting for %s: %v, want %q", name, err, row.want)
		}
	}
}

// A revocation's cut decides which work counts as received in time, whoever received it when.
func TestTheCutOfARevocation(t *testing.T) {
	c := prototest.NewCast(t, 4)
	v, _ := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Leader.Owner, c.Health.Owner)
	write := func(d *prototest.Device) *syncproto.Changeset {
		return d.Feed(v).Sign(prototest.Set(c.Entity(), 2201, "x"))
	}
	code := func(cs *syncproto.Changeset) syncproto.Code {
		t.Helper()
		verdict, err := c.Roster.Judge(cs.Claim(), v.Standing())
		if err != nil {
			t.Fatal(err)
		}
		return verdict.Quarantine
	}
	const late = syncproto.CodeQuarantineLate

	received := write(c.Monitor)
	cut := c.Monitor.Feed(v).Cut()
	onTheWay := write(c.Monitor)
	c.RevokeDevice(c.Monitor, cut)
	after := write(c.Monitor)
	elsewhere := c.Monitor.Incarnate(v).Sign(prototest.Set(c.Entity(), 2201, "x"))
	for name, row := range map[string]struct {
		cs   *syncproto.Changeset
		want syncproto.Code
	}{
		"received before":         {received, ""},
		"signed before":           {onTheWay, late},
		"signed after":            {after, late},
		"on a feed without a cut": {elsewhere, late},
	} {
		if got := code(row.cs); got != row.want {
			t.Errorf("work of a revoked device, %s: %q, want %q", name, got, row.want)
		}
	}

	received, cut = write(c.Leader), c.Leader.Feed(v).Cut()
	head := c.Roster.Head()
	onTheWay = write(c.Leader)
	c.RevokeGrant(c.Leader.Owner.Grant, cut)
	after = write(c.Leader)
	f := c.Leader.Feed(v)
	f.RosterHead = &head
	pretending := write(c.Leader)
	for name, row := range map[string]struct {
		cs   *syncproto.Changeset
		want syncproto.Code
	}{
		"received before":               {received, ""},
		"signed before":                 {onTheWay, late},
		"citing the roster after":       {after, syncproto.CodeQuarantineNoRight},
		"signed after, citing the past": {pretending, late},
	} {
		if got := code(row.cs); got != row.want {
			t.Errorf("work under a revoked grant, %s: %q, want %q", name, got, row.want)
		}
	}

	// one grant of two is gone: what the other gives remains
	c.Grant(c.Health.Owner, syncproto.RoleMonitor, prototest.Region)
	plain, medical := write(c.Health), c.Health.Feed(v).Sign(prototest.Set(c.Entity(), 2308, "x"))
	c.RevokeGrant(c.Health.Owner.Grant)
	if got := code(plain); got != "" {
		t.Errorf("a monitor who is no health expert any more: %q", got)
	}
	if got := code(medical); got != syncproto.CodeQuarantineField {
		t.Errorf("a medical finding by a former health expert, received late: %q", got)
	}
}

// A cut names a changeset and not only a number: whoever holds the key of a revoked laptop can sign another past for
// it, with numbers that the cut covers.
func TestNobodyForksARevokedFeedBelowItsCut(t *testing.T) {
	c := prototest.NewCast(t, 9)
	v, _ := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Leader.Owner)
	e := c.Entity()
	for name, row := range map[string]struct {
		d      *prototest.Device
		revoke func(cut ...syncproto.FeedCut)
	}{
		"a revoked device": {c.Monitor, func(cut ...syncproto.FeedCut) { c.RevokeDevice(c.Monitor, cut...) }},
		"a revoked grant":  {c.Leader, func(cut ...syncproto.FeedCut) { c.RevokeGrant(c.Leader.Owner.Grant, cut...) }},
	} {
		f := row.d.Incarnate(v)
		var all, forged []*syncproto.Changeset
		all = append(all, f.Sign(prototest.Set(e, 2201, "beds")))
		thief, head := f.Fork(), c.Roster.Head()
		thief.RosterHead = &head
		for range 2 {
			all = append(all, f.Sign(prototest.Set(e, 2201, "no beds")))
			forged = append(forged, thief.Sign(prototest.Set(e, 2201, "good beds")))
		}
		row.revoke(f.Cut())
		for _, cs := range forged {
			if verdict, err := c.Roster.Judge(cs.Claim(), v.Standing()); err != nil || verdict.Quarantine != syncproto.CodeQuarantineLate {
				t.Errorf("%s: forged changeset %d: %+v, %v, want %q", name, cs.Header.N, verdict, err, syncproto.CodeQuarantineLate)
			}
		}
		m := prototest.Model{Roster: c.Roster, Standing: v.Standing(), Changesets: append(all, forged...)}
		state := m.Fold(false)[e]
		if heads := state.Field(2201).Heads; len(heads) != len(all) {
			t.Errorf("%s: %d heads, want the %d that are within the cut", name, len(heads), len(all))
		}
	}
}

func TestWorkThatCitesARosterFromBeforeItsDevice(t *testing.T) {
	c := prototest.NewCast(t, 5)
	v, _ := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	before := c.Roster.Head()
	d := c.Device(c.Monitor.Owner)
	f := d.Feed(v)
	f.RosterHead = &before
	verdict, err := c.Roster.Judge(f.Sign(prototest.Set(c.Entity(), 2201, "x")).Claim(), v.Standing())
	if err != nil || verdict.Quarantine != syncproto.CodeQuarantineNoRight {
		t.Fatalf("%+v, %v", verdict, err)
	}
}

func TestARightGivenLaterIsNotOneThatWasHeld(t *testing.T) {
	c := prototest.NewCast(t, 8)
	v, _ := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	early := c.Monitor.Feed(v).Sign(prototest.Set(c.Entity(), 2308, "bruises"))
	c.Grant(c.Monitor.Owner, syncproto.RoleHealth, prototest.Region)
	later := c.Monitor.Feed(v).Sign(prototest.Set(c.Entity(), 2308, "bruises"))
	for cs, want := range map[*syncproto.Changeset]syncproto.Code{early: syncproto.CodeQuarantineField, later: ""} {
		if verdict, err := c.Roster.Judge(cs.Claim(), v.Standing()); err != nil || verdict.Quarantine != want {
			t.Errorf("changeset %d: %+v, %v, want %q", cs.Header.N, verdict, err, want)
		}
	}
}

func TestOnlyItsDeviceOpensAScope(t *testing.T) {
	c := prototest.NewCast(t, 6)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	var theirs syncproto.ScopeOpening
	if err := syncproto.DecodeMessage(opening.Ops[0].Clear, &theirs); err != nil {
		t.Fatal(err)
	}
	theirs.Team = []syncproto.PersonID{c.Monitor2.Owner.ID}
	stolen := c.Monitor2.Feed(v).Sign(prototest.Op{Kind: syncproto.KindScopeOpen, Entity: syncproto.EntityID(v.Scope), Clear: theirs})
	if o, err := stolen.Opening(); syncproto.CodeOf(err) != syncproto.CodeMalformed || o != nil {
		t.Fatalf("another device opened the scope: %+v, %v", o, err)
	}
	again := c.Monitor.Feed(v).Sign(prototest.Op{Kind: syncproto.KindScopeOpen, Entity: syncproto.EntityID(v.Scope), Clear: theirs})
	if o, err := again.Opening(); syncproto.CodeOf(err) != syncproto.CodeMalformed || o != nil {
		t.Fatalf("its device opened the scope again with another team: %+v, %v", o, err)
	}
	for _, region := range []string{"", syncproto.AllRegions} {
		_, cs := c.Monitor.OpenVisit(region, c.Monitor.Owner)
		if _, err := cs.Opening(); syncproto.CodeOf(err) != syncproto.CodeMalformed {
			t.Errorf("a visit of region %q was opened: %v", region, err)
		}
	}
}

// I15, as far as the roster decides it.
func TestWhoReadsAndWhoHoldsKeys(t *testing.T) {
	c := prototest.NewCast(t, 7)
	regional := c.Device(c.Person("Raushan", syncproto.RoleCoordinator, prototest.Region))
	elsewhere := c.Device(c.Person("Bolat", syncproto.RoleCoordinator, otherRegion))
	v, _ := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Health.Owner)
	old := c.Device(c.Health.Owner)
	c.RevokeDevice(old)
	readers, holders := c.Roster.Readers(v.Standing()), map[syncproto.DeviceID]bool{}
	for _, d := range c.Roster.KeyHolders(v.Standing()) {
		holders[d.ID] = true
	}
	for d, want := range map[*prototest.Device][2]bool{
		c.Monitor: {true, true}, c.Health: {true, true}, c.Coordinator: {true, true}, regional: {true, true}, c.Protection: {true, true},
		c.Auditor: {true, false}, c.Monitor2: {}, c.Leader: {}, elsewhere: {}, old: {true, false},
	} {
		p := d.Owner.ID
		if got := c.Roster.MayRead(p, v.Standing()); got != want[0] || readers[p] != got {
			t.Errorf("%s reads: %v, listed %v, want %v", d.Owner.Name, got, readers[p], want[0])
		}
		if holders[d.ID] != want[1] {
			t.Errorf("%s holds the key: %v, want %v", d.Owner.Name, holders[d.ID], want[1])
		}
	}
	if everybody := c.Roster.Readers(&syncproto.Standing{Registry: true}); len(everybody) != 10 {
		t.Errorf("%d people read the registry, want 10", len(everybody))
	}
}
