package prototest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"kua/syncproto"
	"kua/syncproto/seal"
)

// Origin is the log origin of an Org's server.
const Origin = "kua.test/log"

// Org is an organisation: its offline root, its recovery key, one server, and the roster so far. It is not safe for
// concurrent use.
type Org struct {
	T        testing.TB
	Rand     io.Reader
	Clock    *Clock
	Root     ed25519.PrivateKey
	Recovery seal.PrivateKey
	Server   ed25519.PrivateKey // signs receipts and checkpoints; named in the roster
	Roster   *syncproto.Roster
	Registry syncproto.ScopeID
}

// Person is a member with one grant.
type Person struct {
	ID     syncproto.PersonID
	Name   string
	Role   syncproto.Role
	Region string
	Grant  syncproto.EntityID
}

// NewOrg returns an organisation whose roster holds the root and the server.
func NewOrg(t testing.TB, seed uint64) *Org {
	t.Helper()
	o := &Org{T: t, Rand: NewRand(seed), Clock: NewClock(), Roster: &syncproto.Roster{}}
	o.Root, o.Server = o.SigningKey(), o.SigningKey()
	o.Recovery = o.sealingKey()
	o.Append(o.Root, syncproto.RosterRecord{Organisation: &syncproto.Organisation{
		Name: "Mechanism of the test", Root: public(o.Root), Recovery: o.Recovery.Public().Bytes(),
	}})
	o.Append(o.Root, syncproto.RosterRecord{Server: o.ServerRecord()})
	o.Registry = o.Roster.Registry()
	return o
}

// ServerRecord returns the roster's entry for the organisation's server.
func (o *Org) ServerRecord() *syncproto.ServerKey {
	return &syncproto.ServerKey{ID: syncproto.DeviceIDOf(public(o.Server)), Key: public(o.Server), Origin: Origin}
}

// Person registers a member with one grant, signed by the root.
func (o *Org) Person(name string, role syncproto.Role, region string) *Person {
	o.T.Helper()
	p := &Person{ID: syncproto.PersonID(o.ID()), Name: name, Role: role, Region: region}
	o.Append(o.Root, syncproto.RosterRecord{Member: &syncproto.Member{Person: p.ID, Name: name}})
	p.Grant = o.Grant(p, role, region)
	return p
}

// Grant gives a person a further role, signed by the root, and returns the grant's id.
func (o *Org) Grant(p *Person, role syncproto.Role, region string) syncproto.EntityID {
	o.T.Helper()
	id := o.Entity()
	o.Append(o.Root, syncproto.RosterRecord{Grant: &syncproto.Grant{ID: id, Person: p.ID, Role: role, Region: region}})
	return id
}

// Device makes a laptop with its keys and puts its certificate, signed by the root, into the roster.
func (o *Org) Device(p *Person) *Device {
	o.T.Helper()
	d := o.Stranger(p)
	o.Append(o.Root, syncproto.RosterRecord{Device: d.Certificate()})
	return d
}

// Stranger makes a laptop that no roster record names.
func (o *Org) Stranger(p *Person) *Device {
	o.T.Helper()
	d := &Device{Org: o, Owner: p, Key: o.SigningKey(), Sealing: o.sealingKey(), Now: o.Clock.Now, feeds: map[syncproto.ScopeID]*Feed{}}
	d.ID = syncproto.DeviceIDOf(public(d.Key))
	return d
}

// Cast is one device each of the usual people: coordinators of all regions, everybody else of region KZ-75.
type Cast struct {
	*Org
	Coordinator, Coordinator2, Leader, Monitor, Monitor2, Health, Auditor, Protection *Device
}

// NewCast returns an organisation with the usual people.
func NewCast(t testing.TB, seed uint64) *Cast {
	t.Helper()
	o := NewOrg(t, seed)
	device := func(name string, role syncproto.Role, region string) *Device {
		t.Helper()
		return o.Device(o.Person(name, role, region))
	}
	return &Cast{
		Org:          o,
		Coordinator:  device("Saule", syncproto.RoleCoordinator, syncproto.AllRegions),
		Coordinator2: device("Timur", syncproto.RoleCoordinator, syncproto.AllRegions),
		Leader:       device("Marat", syncproto.RoleLeader, Region),
		Monitor:      device("Aru", syncproto.RoleMonitor, Region),
		Monitor2:     device("Dana", syncproto.RoleMonitor, Region),
		Health:       device("Zhanna", syncproto.RoleHealth, Region),
		Auditor:      device("Oleg", syncproto.RoleAuditor, Region),
		Protection:   device("Gulnar", syncproto.RoleProtection, syncproto.AllRegions),
	}
}

// Region is the region of the usual cast.
const Region = "KZ-75"

// Append signs rec as the next record of the roster and appends it.
func (o *Org) Append(key ed25519.PrivateKey, rec syncproto.RosterRecord) {
	o.T.Helper()
	if err := o.TryAppend(key, rec); err != nil {
		o.T.Fatalf("appending to the roster: %v", err)
	}
}

// TryAppend is Append for records that a test expects to be refused.
func (o *Org) TryAppend(key ed25519.PrivateKey, rec syncproto.RosterRecord) error {
	o.T.Helper()
	rec.Time = uint64(o.Clock.Now().UnixMilli())
	return o.Roster.Append(o.Record(key, o.Roster.NextRecord(rec)))
}

// Record signs a roster record as it is.
func (o *Org) Record(key ed25519.PrivateKey, rec syncproto.RosterRecord) []byte {
	o.T.Helper()
	message, err := syncproto.SignRecord(key, rec)
	if err != nil {
		o.T.Fatalf("signing a roster record: %v", err)
	}
	return message
}

// RevokeDevice revokes a device as of a cut, signed by the root.
func (o *Org) RevokeDevice(d *Device, cut ...syncproto.FeedCut) {
	o.T.Helper()
	o.Append(o.Root, syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &d.ID, Reason: "lost", Cut: cut}})
}

// RevokeGrant revokes a grant as of a cut, signed by the root.
func (o *Org) RevokeGrant(grant syncproto.EntityID, cut ...syncproto.FeedCut) {
	o.T.Helper()
	o.Append(o.Root, syncproto.RosterRecord{Revoke: &syncproto.Revoke{Grant: &grant, Reason: "mandate ended", Cut: cut}})
}

// Receipt returns the server's receipt for changesets of one scope, at positions from first on.
func (o *Org) Receipt(scope syncproto.ScopeID, epoch syncproto.Hash, first uint64, changesets ...*syncproto.Changeset) []byte {
	o.T.Helper()
	r := syncproto.Receipt{Epoch: epoch, Scope: scope}
	for i, cs := range changesets {
		r.Entries = append(r.Entries, syncproto.ReceiptEntry{
			ID: cs.ID, Position: first + uint64(i), Body: cs.Packet.BodyHash(), Received: uint64(o.Clock.Now().UnixMilli()),
		})
	}
	message, err := syncproto.SignReceipt(o.Server, r)
	if err != nil {
		o.T.Fatalf("signing a receipt: %v", err)
	}
	return message
}

// RecoveryID returns the id by which key wraps name the organisation's recovery key.
func (o *Org) RecoveryID() syncproto.DeviceID {
	sum := sha256.Sum256(o.Recovery.Public().Bytes())
	return syncproto.DeviceID(sum[:16])
}

// ID draws an identifier.
func (o *Org) ID() [16]byte {
	o.T.Helper()
	id, err := syncproto.RandomID(o.Rand)
	if err != nil {
		o.T.Fatal(err)
	}
	return id
}

// Entity draws the identifier of a record.
func (o *Org) Entity() syncproto.EntityID { return syncproto.EntityID(o.ID()) }

// Later moves the organisation's clock.
func (o *Org) Later(d time.Duration) { o.Clock.Advance(d) }

// SigningKey draws an Ed25519 key.
func (o *Org) SigningKey() ed25519.PrivateKey {
	o.T.Helper()
	seed := make([]byte, ed25519.SeedSize) // GenerateKey would draw from the system
	o.read(seed)
	return ed25519.NewKeyFromSeed(seed)
}

func (o *Org) sealingKey() seal.PrivateKey {
	o.T.Helper()
	key, err := seal.GenerateRecipient(o.Rand)
	if err != nil {
		o.T.Fatal(err)
	}
	return key
}

func (o *Org) read(b []byte) {
	o.T.Helper()
	if _, err := io.ReadFull(o.Rand, b); err != nil {
		o.T.Fatal(err)
	}
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }
