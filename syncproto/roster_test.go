package syncproto_test

import (
	"crypto/ed25519"
	"testing"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

const otherRegion = "KZ-71"

func TestWhoMayAppendWhatToTheRoster(t *testing.T) {
	c := prototest.NewCast(t, 1)
	regional := c.Device(c.Person("Raushan", syncproto.RoleCoordinator, prototest.Region))
	elsewhere := c.Device(c.Person("Bolat", syncproto.RoleMonitor, otherRegion))
	fresh := &prototest.Person{ID: syncproto.PersonID(c.ID())}
	c.Append(c.Root, syncproto.RosterRecord{Member: &syncproto.Member{Person: fresh.ID, Name: "new"}})
	stranger := c.Stranger(c.Monitor.Owner)
	lost := c.Device(c.Coordinator.Owner)
	c.RevokeDevice(lost)

	former := c.Person("Former", syncproto.RoleMonitor, otherRegion)
	c.Append(c.Root, syncproto.RosterRecord{Revoke: &syncproto.Revoke{Grant: &former.Grant}})
	rename := func(p *prototest.Person) syncproto.RosterRecord {
		return syncproto.RosterRecord{Member: &syncproto.Member{Person: p.ID, Name: "another name"}}
	}

	grant := func(p *prototest.Person, role syncproto.Role, region string) syncproto.RosterRecord {
		return syncproto.RosterRecord{Grant: &syncproto.Grant{ID: c.Entity(), Person: p.ID, Role: role, Region: region}}
	}
	device := func(p *prototest.Person) syncproto.RosterRecord {
		return syncproto.RosterRecord{Device: c.Stranger(p).Certificate()}
	}
	revokeDevice := func(d *prototest.Device) syncproto.RosterRecord {
		return syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &d.ID}}
	}
	revokeGrant := func(p *prototest.Person) syncproto.RosterRecord {
		return syncproto.RosterRecord{Revoke: &syncproto.Revoke{Grant: &p.Grant}}
	}
	member := syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID(c.ID()), Name: "someone"}}
	server := func() syncproto.RosterRecord {
		key := c.SigningKey().Public().(ed25519.PublicKey)
		return syncproto.RosterRecord{Server: &syncproto.ServerKey{ID: syncproto.DeviceIDOf(key), Key: key}}
	}
	const ok, no = syncproto.Code(""), syncproto.CodeUnauthorized
	for _, row := range []struct {
		what                                                       string
		rec                                                        syncproto.RosterRecord
		root, coordinator, regional, leader, monitor, unknown, old syncproto.Code
	}{
		{"a member", member, ok, ok, ok, no, no, no, no},
		{"another name in the region", rename(c.Monitor.Owner), ok, ok, ok, no, no, no, no},
		{"another name in another region", rename(elsewhere.Owner), ok, ok, no, no, no, no, no},
		{"another name of a coordinator", rename(c.Coordinator2.Owner), ok, ok, no, no, no, no, no},
		{"another name of a former member of another region", rename(former), ok, ok, no, no, no, no, no},
		{"a device of a former member of another region", device(former), ok, ok, no, no, no, no, no},
		{"a server", server(), ok, ok, no, no, no, no, no},
		{"a device of nobody's region", device(fresh), ok, ok, ok, no, no, no, no},
		{"a device of the region", device(c.Monitor.Owner), ok, ok, ok, no, no, no, no},
		{"a device of another region", device(elsewhere.Owner), ok, ok, no, no, no, no, no},
		{"a coordinator's device", device(c.Coordinator2.Owner), ok, ok, no, no, no, no, no},
		{"a monitor of the region", grant(fresh, syncproto.RoleMonitor, prototest.Region), ok, ok, ok, no, no, no, no},
		{"a monitor of another region", grant(fresh, syncproto.RoleMonitor, otherRegion), ok, ok, no, no, no, no, no},
		{"a monitor everywhere", grant(fresh, syncproto.RoleMonitor, syncproto.AllRegions), ok, ok, no, no, no, no, no},
		{"a coordinator of the region", grant(fresh, syncproto.RoleCoordinator, prototest.Region), ok, ok, no, no, no, no, no},
		{"a coordinator everywhere", grant(fresh, syncproto.RoleCoordinator, syncproto.AllRegions), ok, ok, no, no, no, no, no},
		{"the end of a device of the region", revokeDevice(c.Monitor), ok, ok, ok, no, no, no, no},
		{"the end of a device of another region", revokeDevice(elsewhere), ok, ok, no, no, no, no, no},
		{"the end of a coordinator's device", revokeDevice(c.Coordinator2), ok, ok, no, no, no, no, no},
		{"the end of a grant of the region", revokeGrant(c.Monitor.Owner), ok, ok, ok, no, no, no, no},
		{"the end of a coordinator's grant", revokeGrant(c.Coordinator2.Owner), ok, ok, no, no, no, no, no},
	} {
		for who, by := range map[string]struct {
			key  ed25519.PrivateKey
			want syncproto.Code
		}{
			"the root":               {c.Root, row.root},
			"a coordinator":          {c.Coordinator.Key, row.coordinator},
			"a regional coordinator": {regional.Key, row.regional},
			"a leader":               {c.Leader.Key, row.leader},
			"a monitor":              {c.Monitor.Key, row.monitor},
			"a stranger's device":    {stranger.Key, row.unknown},
			"a revoked device":       {lost.Key, row.old},
		} {
			try := c.Roster.Clone()
			err := try.Append(c.Record(by.key, try.NextRecord(row.rec)))
			if syncproto.CodeOf(err) != by.want || (err == nil) != (by.want == ok) {
				t.Errorf("%s by %s: %v, want %q", row.what, who, err, by.want)
			}
			if err == nil && (try.Len() != c.Roster.Len()+1 || try.Head() == c.Roster.Head()) {
				t.Errorf("%s by %s: accepted, but the list did not grow", row.what, who)
			}
			if err != nil && (try.Len() != c.Roster.Len() || try.Head() != c.Roster.Head()) {
				t.Errorf("%s by %s: refused, but the list changed", row.what, who)
			}
		}
	}
}

func TestTheRosterIsOneLine(t *testing.T) {
	o := prototest.NewOrg(t, 2)
	p := o.Person("Aru", syncproto.RoleMonitor, prototest.Region)
	d := o.Device(p)
	member := syncproto.RosterRecord{Member: &syncproto.Member{Person: p.ID, Name: "Aru K."}}
	next := o.Roster.NextRecord(member)
	change := func(f func(*syncproto.RosterRecord)) []byte {
		rec := next
		f(&rec)
		return o.Record(o.Root, rec)
	}
	altered := change(func(*syncproto.RosterRecord) {})
	altered[len(altered)-1] ^= 1
	other := prototest.NewOrg(t, 3)
	badKey := d.Certificate()
	badKey.Signing, badKey.ID = make([]byte, 32), syncproto.DeviceIDOf(make([]byte, 32))
	notItsID := o.Stranger(p).Certificate()
	notItsID.ID = d.ID
	nobody := o.Stranger(&prototest.Person{ID: syncproto.PersonID{1}}).Certificate()
	grant := &syncproto.Grant{ID: p.Grant, Person: p.ID, Role: syncproto.RoleMonitor, Region: "*"}
	for name, row := range map[string]struct {
		message []byte
		code    syncproto.Code
	}{
		"a record already there":   {o.Roster.Records(1)[0], syncproto.CodeRosterStale},
		"an index ahead":           {change(func(r *syncproto.RosterRecord) { r.Index++ }), syncproto.CodeRosterStale},
		"another record before it": {change(func(r *syncproto.RosterRecord) { r.Prev[0] ^= 1 }), syncproto.CodeRosterStale},
		"a later version":          {change(func(r *syncproto.RosterRecord) { r.Version = 2 }), syncproto.CodeVersion},
		"nothing":                  {change(func(r *syncproto.RosterRecord) { r.Member = nil }), syncproto.CodeMalformed},
		"two things":               {change(func(r *syncproto.RosterRecord) { r.Device = o.Stranger(p).Certificate() }), syncproto.CodeMalformed},
		"a second organisation":    {change(func(r *syncproto.RosterRecord) { r.Member, r.Organisation = nil, other.Roster.Organisation() }), syncproto.CodeMalformed},
		"a key of small order":     {change(func(r *syncproto.RosterRecord) { r.Member, r.Device = nil, badKey }), syncproto.CodeMalformed},
		"an id of another key":     {change(func(r *syncproto.RosterRecord) { r.Member, r.Device = nil, notItsID }), syncproto.CodeMalformed},
		"a device twice":           {change(func(r *syncproto.RosterRecord) { r.Member, r.Device = nil, d.Certificate() }), syncproto.CodeMalformed},
		"a device of nobody":       {change(func(r *syncproto.RosterRecord) { r.Member, r.Device = nil, nobody }), syncproto.CodeMalformed},
		"a grant twice":            {change(func(r *syncproto.RosterRecord) { r.Member, r.Grant = nil, grant }), syncproto.CodeMalformed},
		"a grant of an unknown role": {change(func(r *syncproto.RosterRecord) {
			r.Member, r.Grant = nil, &syncproto.Grant{Person: p.ID, Role: "king", Region: "*"}
		}), syncproto.CodeMalformed},
		"a grant without region": {change(func(r *syncproto.RosterRecord) {
			r.Member, r.Grant = nil, &syncproto.Grant{Person: p.ID, Role: syncproto.RoleMonitor}
		}), syncproto.CodeMalformed},
		"a revocation of nothing":     {change(func(r *syncproto.RosterRecord) { r.Member, r.Revoke = nil, &syncproto.Revoke{} }), syncproto.CodeMalformed},
		"another organisation's root": {other.Record(other.Root, next), syncproto.CodeUnauthorized},
		"an altered signature":        {altered, syncproto.CodeBadSignature},
		"no message":                  {[]byte("hello"), syncproto.CodeMalformed},
	} {
		head := o.Roster.Head()
		if err := o.Roster.Append(row.message); syncproto.CodeOf(err) != row.code {
			t.Errorf("%s: %v, want %q", name, err, row.code)
		}
		if o.Roster.Head() != head {
			t.Fatalf("%s changed the list", name)
		}
	}
	var empty syncproto.Roster
	if err := empty.Append(o.Roster.Records(1)[0]); syncproto.CodeOf(err) != syncproto.CodeRosterStale {
		t.Errorf("an empty list began with record 1: %v", err)
	}
	for _, rec := range o.Roster.Records(-1) {
		if err := empty.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	if empty.Head() != o.Roster.Head() {
		t.Error("replaying the records gives another list")
	}
}

func TestAnOldSnapshotOfTheRosterStaysAsItWas(t *testing.T) {
	c := prototest.NewCast(t, 4)
	old := c.Roster.Clone()
	c.RevokeDevice(c.Monitor)
	c.RevokeGrant(c.Leader.Owner.Grant)
	if d, _ := old.Device(c.Monitor.ID); d.Revoked() {
		t.Error("the snapshot's device was revoked")
	}
	if len(old.ActiveGrants(c.Leader.Owner.ID)) != 1 || len(c.Roster.ActiveGrants(c.Leader.Owner.ID)) != 0 {
		t.Error("the snapshot's grant was revoked")
	}
}

func TestOnlyServersOfTheRosterGiveReceipts(t *testing.T) {
	c := prototest.NewCast(t, 5)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner)
	good := c.Receipt(v.Scope, syncproto.Hash{7}, 1, opening)
	r, err := c.Roster.OpenReceipt(good)
	if err != nil || len(r.Entries) != 1 || r.Entries[0].ID != opening.ID || r.Entries[0].Body != opening.Packet.BodyHash() {
		t.Fatalf("receipt = %+v, %v", r, err)
	}
	if again := c.Receipt(v.Scope, syncproto.Hash{7}, 1, opening); string(again) != string(good) {
		t.Error("I10: the same changesets gave two receipts")
	}
	bad, err := syncproto.SignReceipt(c.Monitor.Key, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Roster.OpenReceipt(bad); syncproto.CodeOf(err) != syncproto.CodeUnauthorized {
		t.Errorf("a laptop's receipt: %v", err)
	}
	good[len(good)-1] ^= 1
	if _, err := c.Roster.OpenReceipt(good); syncproto.CodeOf(err) != syncproto.CodeBadSignature {
		t.Errorf("an altered receipt: %v", err)
	}
}

func FuzzRosterAppend(f *testing.F) {
	c := prototest.NewCast(f, 6)
	for _, rec := range c.Roster.Records(0)[:6] {
		f.Add(rec)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var empty syncproto.Roster
		if err := empty.Append(b); err != nil && syncproto.CodeOf(err) == "" {
			t.Fatalf("an error without code: %v", err)
		}
		r := c.Roster.Clone()
		if err := r.Append(b); err == nil {
			t.Fatal("a record that nobody signed for this place was appended")
		}
	})
}

func FuzzOpenReceipt(f *testing.F) {
	c := prototest.NewCast(f, 7)
	good := c.Receipt(c.Registry, syncproto.Hash{7}, 1)
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := c.Roster.OpenReceipt(b); err == nil && string(b) != string(good) {
			t.Fatalf("a receipt that the server never gave: %x", b)
		}
	})
}
