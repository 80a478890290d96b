package syncproto

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RecordType says what a roster record does.
type RecordType uint8

// The types of roster record (docs/protocol.md §6). Numbers are never reused.
const (
	RecordOrganisation RecordType = 1
	RecordServer       RecordType = 2
	RecordMember       RecordType = 3
	RecordDevice       RecordType = 4
	RecordGrant        RecordType = 5
	RecordRevoke       RecordType = 6
)

// RosterRecord is the signed payload of one link of the access list. Exactly one of the pointers is set.
type RosterRecord struct {
	Version      uint64        `cbor:"1,keyasint"`
	Index        uint64        `cbor:"2,keyasint"` // place in the list, from 0
	Prev         Hash          `cbor:"3,keyasint"` // id of the record before; zero at index 0
	Author       DeviceID      `cbor:"4,keyasint"` // the signing device; the root key's id where the root signs
	Time         uint64        `cbor:"5,keyasint"` // Unix milliseconds as claimed by the signer: for display
	Organisation *Organisation `cbor:"6,keyasint,omitempty"`
	Server       *ServerKey    `cbor:"7,keyasint,omitempty"`
	Member       *Member       `cbor:"8,keyasint,omitempty"`
	Device       *Device       `cbor:"9,keyasint,omitempty"`
	Grant        *Grant        `cbor:"10,keyasint,omitempty"`
	Revoke       *Revoke       `cbor:"11,keyasint,omitempty"`
}

// Organisation is the first record: who this is, and the keys that everything else hangs on.
type Organisation struct {
	Name     string `cbor:"1,keyasint"`
	Root     []byte `cbor:"2,keyasint"` // Ed25519 public key, kept offline
	Recovery []byte `cbor:"3,keyasint"` // HPKE public key that every visit key is wrapped to
}

// ServerKey names a server whose receipts and checkpoints count.
type ServerKey struct {
	ID     DeviceID `cbor:"1,keyasint"` // first 16 bytes of SHA-256 of Key
	Key    []byte   `cbor:"2,keyasint"` // Ed25519 public key
	Origin string   `cbor:"3,keyasint"` // origin of its transparency log
}

// Member is a person with a mandate.
type Member struct {
	Person     PersonID `cbor:"1,keyasint"`
	Name       string   `cbor:"2,keyasint"`
	Profession string   `cbor:"3,keyasint,omitempty"`
	From       uint64   `cbor:"4,keyasint,omitempty"` // mandate, yyyymmdd; shown, never a reason to refuse work
	To         uint64   `cbor:"5,keyasint,omitempty"`
}

// Device is the certificate of one laptop.
type Device struct {
	ID      DeviceID `cbor:"1,keyasint"`
	Signing []byte   `cbor:"2,keyasint"` // Ed25519 public key
	Sealing []byte   `cbor:"3,keyasint"` // HPKE public key (MLKEM768X25519)
	Owner   PersonID `cbor:"4,keyasint"`
	Label   string   `cbor:"5,keyasint,omitempty"`
}

// Grant gives a person a role in a region; region "*" means everywhere.
type Grant struct {
	ID     EntityID `cbor:"1,keyasint"`
	Person PersonID `cbor:"2,keyasint"`
	Role   Role     `cbor:"3,keyasint"`
	Region string   `cbor:"4,keyasint"`
}

// Revoke ends a device, a grant or a server key. Cut lists how much of the device's feeds had been received when the
// revocation was signed: what lies beyond it, or on another branch, is quarantined until a person decides
// (docs/protocol.md §6). With a cut in the signed record, quarantine stays a function of the set of changesets and not
// of anybody's word on arrival.
type Revoke struct {
	Device *DeviceID `cbor:"1,keyasint,omitempty"`
	Grant  *EntityID `cbor:"2,keyasint,omitempty"`
	Server *DeviceID `cbor:"3,keyasint,omitempty"`
	Reason string    `cbor:"4,keyasint"`
	Cut    []FeedCut `cbor:"5,keyasint,omitempty"`
}

// FeedCut names the last changeset of one branch of a feed that counts as received in time; a forked feed may have
// several. A number alone would not do: whoever holds the device's key can sign other changesets with the same numbers.
type FeedCut struct {
	Feed  FeedID `cbor:"1,keyasint"`
	N     uint64 `cbor:"2,keyasint"`
	Short Short  `cbor:"3,keyasint"` // first half of the changeset's id
}

// cuts is what a revocation leaves in time.
type cuts map[FeedID][]FeedCut

func cutsOf(list []FeedCut) cuts {
	m := make(cuts, len(list))
	for _, c := range list {
		m[c.Feed] = append(m[c.Feed], c)
	}
	return m
}

func (m cuts) cover(c *Claim) bool {
	return slices.ContainsFunc(m[c.Feed], func(k FeedCut) bool { return c.N <= k.N && c.Within != nil && c.Within(k) })
}

// AllRegions is the region of a grant that holds everywhere.
const AllRegions = "*"

const never = int(^uint(0) >> 1)

// span is when something held, as indexes into the list: from (inclusive) to until (exclusive).
type span struct{ from, until int }

func (s span) holds(at int) bool { return s.from <= at && at < s.until }

// RosterDevice is a device as the roster knows it.
type RosterDevice struct {
	Device
	span
	cut cuts // once revoked
}

// Revoked reports whether the newest roster has revoked the device.
func (d *RosterDevice) Revoked() bool { return d.until != never }

// RosterGrant is a grant as the roster knows it.
type RosterGrant struct {
	Grant
	span
	cut cuts // once revoked
}

// Active reports whether the newest roster still gives the grant.
func (g *RosterGrant) Active() bool { return g.until == never }

type rosterServer struct {
	ServerKey
	span
}

// Roster is the access list: a hash-linked list of signed records, appended only online and so linear. The zero
// value is an empty list. It is not safe for concurrent use while Append runs; Clone gives a snapshot.
type Roster struct {
	org     *Organisation
	records [][]byte
	ids     []Hash
	index   map[Hash]int
	members map[PersonID]Member
	devices map[DeviceID]*RosterDevice
	grants  map[EntityID]*RosterGrant
	byOwner map[PersonID][]EntityID // grants of a person
	servers map[DeviceID]*rosterServer
	named   map[FeedCut]bool // by the cuts of revocations
}

// Len returns the number of records.
func (r *Roster) Len() int { return len(r.records) }

// Head returns the id of the newest record; zero while the list is empty.
func (r *Roster) Head() Hash {
	if len(r.ids) == 0 {
		return Hash{}
	}
	return r.ids[len(r.ids)-1]
}

// Records returns the signed records from an index on, as received.
func (r *Roster) Records(from int) [][]byte { return r.records[min(max(from, 0), len(r.records)):] }

// IndexOf returns the place of a record by its id.
func (r *Roster) IndexOf(id Hash) (int, bool) { i, ok := r.index[id]; return i, ok }

// Organisation returns the first record's content, or nil while the list is empty.
func (r *Roster) Organisation() *Organisation { return r.org }

// Registry returns the id of the registry scope.
func (r *Roster) Registry() ScopeID {
	if r.org == nil {
		return ScopeID{}
	}
	return RegistryScope(r.org.Root)
}

// Member returns a person.
func (r *Roster) Member(p PersonID) (Member, bool) { m, ok := r.members[p]; return m, ok }

// Members returns all members, sorted by name.
func (r *Roster) Members() []Member {
	out := slices.Collect(maps.Values(r.members))
	slices.SortFunc(out, func(a, b Member) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.Person[:], b.Person[:]))
	})
	return out
}

// Device returns a device, revoked or not.
func (r *Roster) Device(id DeviceID) (*RosterDevice, bool) { d, ok := r.devices[id]; return d, ok }

// ServerKey returns the key of a server that the newest roster trusts.
func (r *Roster) ServerKey(id DeviceID) (ServerKey, bool) {
	s, ok := r.servers[id]
	if !ok || s.until != never {
		return ServerKey{}, false
	}
	return s.ServerKey, true
}

// ServerKeyEver returns the key of a server that the roster trusts or once trusted.
func (r *Roster) ServerKeyEver(id DeviceID) (ServerKey, bool) {
	s, ok := r.servers[id]
	if !ok {
		return ServerKey{}, false
	}
	return s.ServerKey, true
}

// Append verifies one signed record and adds it to the list. The root signs the first; every later one is signed by
// the root or by a device whose owner held the right before it.
func (r *Roster) Append(message []byte) error {
	signed, err := ParseSigned(message, ContextRoster)
	if err != nil {
		return err
	}
	var rec RosterRecord
	if err := DecodeMessage(signed.Payload, &rec); err != nil {
		return err
	}
	if err := r.check(&rec, signed); err != nil {
		return err
	}
	return r.add(&rec, message, signed.ID())
}

// NextRecord returns rec with its place in the list filled in, ready for SignRecord.
func (r *Roster) NextRecord(rec RosterRecord) RosterRecord {
	rec.Version, rec.Index, rec.Prev = Version, uint64(len(r.records)), r.Head()
	return rec
}

// SignRecord signs a record with a device's key or the root key.
func SignRecord(key ed25519.PrivateKey, rec RosterRecord) ([]byte, error) {
	rec.Author = DeviceIDOf(key.Public().(ed25519.PublicKey))
	payload, err := EncodeMessage(rec)
	if err != nil {
		return nil, err
	}
	message, _ := Sign(key, ContextRoster, payload)
	return message, nil
}

func (r *Roster) check(rec *RosterRecord, signed Signed) error {
	if rec.Version != Version {
		return Refuse(CodeVersion, "roster record of version %d: update Kua", rec.Version)
	}
	if rec.Index != uint64(len(r.records)) || rec.Prev != r.Head() {
		return Refuse(CodeRosterStale, "roster record %d does not follow the newest, %d", rec.Index, len(r.records)-1)
	}
	if err := rec.checkShape(); err != nil {
		return err
	}
	key, err := r.authorKey(rec)
	if err != nil {
		return err
	}
	return signed.Verify(key)
}

// checkShape refuses records that say nothing or several things, and keys that are not keys.
func (rec *RosterRecord) checkShape() error {
	n := 0
	for _, set := range []bool{rec.Organisation != nil, rec.Server != nil, rec.Member != nil, rec.Device != nil, rec.Grant != nil, rec.Revoke != nil} {
		if set {
			n++
		}
	}
	if n != 1 || (rec.Organisation != nil) != (rec.Index == 0) {
		return Refuse(CodeMalformed, "roster record %d: want exactly one entry, the organisation first and only there", rec.Index)
	}
	var err error
	switch {
	case rec.Organisation != nil:
		err = CheckKey(rec.Organisation.Root)
	case rec.Server != nil:
		err = checkID(rec.Server.Key, rec.Server.ID)
	case rec.Device != nil:
		err = checkID(rec.Device.Signing, rec.Device.ID)
	case rec.Grant != nil && !rec.Grant.Role.Known():
		err = fmt.Errorf("unknown role %q", rec.Grant.Role)
	case rec.Grant != nil && rec.Grant.Region == "":
		err = fmt.Errorf("a grant needs a region, or %q for all", AllRegions)
	}
	if err != nil {
		return Refuse(CodeMalformed, "roster record %d: %w", rec.Index, err)
	}
	return nil
}

func checkID(key []byte, id DeviceID) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if DeviceIDOf(key) != id {
		return fmt.Errorf("id %s is not that of its key", id)
	}
	return nil
}

// authorKey returns the key that must have signed rec, after judging that its owner may.
func (r *Roster) authorKey(rec *RosterRecord) (ed25519.PublicKey, error) {
	if rec.Organisation != nil {
		return rec.Organisation.Root, nil
	}
	if rec.Author == DeviceIDOf(r.org.Root) {
		return r.org.Root, nil
	}
	d, ok := r.devices[rec.Author]
	if !ok || d.Revoked() {
		return nil, Refuse(CodeUnauthorized, "roster record %d: device %s is not in the roster or was revoked", rec.Index, rec.Author)
	}
	return d.Signing, r.mayWrite(d.Owner, rec)
}

// mayWrite judges a roster record by the region that it touches: only the whole organisation's coordinators change
// the roster beyond one region, name a server, or make other coordinators.
func (r *Roster) mayWrite(p PersonID, rec *RosterRecord) error {
	region := AllRegions
	switch {
	case rec.Member != nil:
		region = r.regionOf(rec.Member.Person) // "" for somebody new: any region's coordinator may register a person
	case rec.Device != nil:
		region = r.regionOf(rec.Device.Owner)
	case rec.Grant != nil && rec.Grant.Role != RoleCoordinator:
		region = rec.Grant.Region
	case rec.Revoke != nil && rec.Revoke.Device != nil:
		if d, ok := r.devices[*rec.Revoke.Device]; ok {
			region = r.regionOf(d.Owner)
		}
	case rec.Revoke != nil && rec.Revoke.Grant != nil:
		if g, ok := r.grants[*rec.Revoke.Grant]; ok && g.Role != RoleCoordinator {
			region = g.Region
		}
	}
	now := func(g *RosterGrant) bool { return g.Active() && (region != AllRegions || g.Region == AllRegions) }
	if !r.rightsIn(p, region, false, now).Has(RightRoster) {
		return Refuse(CodeUnauthorized, "roster record %d: its author may not change the roster of region %q", rec.Index, region)
	}
	return nil
}

// regionOf returns the region whose coordinator may act on a person's devices: the region of all their active
// grants, or where none is active of all they ever had, and all regions where those differ.
func (r *Roster) regionOf(p PersonID) string {
	region := ""
	grants := r.ActiveGrants(p)
	if len(grants) == 0 { // whose mandate has ended is still of that region: it may be renewed
		for _, id := range r.byOwner[p] {
			grants = append(grants, r.grants[id].Grant)
		}
	}
	for _, g := range grants {
		if g.Role == RoleCoordinator || region != "" && region != g.Region {
			return AllRegions
		}
		region = g.Region
	}
	return region
}

func (r *Roster) add(rec *RosterRecord, message []byte, id Hash) error {
	at := len(r.records)
	if at == 0 {
		r.index, r.members, r.devices = map[Hash]int{}, map[PersonID]Member{}, map[DeviceID]*RosterDevice{}
		r.grants, r.byOwner, r.servers = map[EntityID]*RosterGrant{}, map[PersonID][]EntityID{}, map[DeviceID]*rosterServer{}
		r.named = map[FeedCut]bool{}
	}
	if err := r.apply(rec, span{at, never}); err != nil {
		return Refuse(CodeMalformed, "roster record %d: %w", at, err)
	}
	r.records, r.ids = append(r.records, message), append(r.ids, id)
	r.index[id] = at
	return nil
}

func (r *Roster) apply(rec *RosterRecord, s span) error {
	switch {
	case rec.Organisation != nil:
		r.org = rec.Organisation
	case rec.Server != nil:
		r.servers[rec.Server.ID] = &rosterServer{*rec.Server, s}
	case rec.Member != nil:
		r.members[rec.Member.Person] = *rec.Member
	case rec.Device != nil:
		if _, ok := r.devices[rec.Device.ID]; ok {
			return fmt.Errorf("device %s is in the roster already", rec.Device.ID)
		}
		if _, ok := r.members[rec.Device.Owner]; !ok {
			return fmt.Errorf("the owner of device %s is not a member", rec.Device.ID)
		}
		r.devices[rec.Device.ID] = &RosterDevice{Device: *rec.Device, span: s}
	case rec.Grant != nil:
		if _, ok := r.grants[rec.Grant.ID]; ok {
			return fmt.Errorf("grant %s is in the roster already", rec.Grant.ID)
		}
		if _, ok := r.members[rec.Grant.Person]; !ok {
			return fmt.Errorf("grant to a person who is not a member")
		}
		r.grants[rec.Grant.ID] = &RosterGrant{Grant: *rec.Grant, span: s}
		r.byOwner[rec.Grant.Person] = append(r.byOwner[rec.Grant.Person], rec.Grant.ID)
	case rec.Revoke != nil:
		return r.revoke(rec.Revoke, s.from)
	}
	return nil
}

func (r *Roster) revoke(v *Revoke, at int) error {
	switch {
	case v.Device != nil:
		d, ok := r.devices[*v.Device]
		if !ok || d.Revoked() {
			return fmt.Errorf("device %s is not in the roster or was revoked before", *v.Device)
		}
		d.until, d.cut = at, cutsOf(v.Cut)
	case v.Grant != nil:
		g, ok := r.grants[*v.Grant]
		if !ok || !g.Active() {
			return fmt.Errorf("grant %s is not in the roster or was revoked before", *v.Grant)
		}
		g.until, g.cut = at, cutsOf(v.Cut)
	case v.Server != nil:
		s, ok := r.servers[*v.Server]
		if !ok || s.until != never {
			return fmt.Errorf("server %s is not in the roster or was revoked before", *v.Server)
		}
		s.until = at
	default:
		return fmt.Errorf("a revocation names a device, a grant or a server")
	}
	for _, c := range v.Cut {
		r.named[c] = true
	}
	return nil
}

// IsCut reports whether the cut of a revocation names a changeset. When that changeset comes, its scope is to be judged
// again: only now is it known what lies before it.
func (r *Roster) IsCut(c FeedCut) bool { return r.named[c] }

// ActiveGrants returns the grants that the newest roster gives a person.
func (r *Roster) ActiveGrants(p PersonID) []Grant {
	var out []Grant
	for _, id := range r.byOwner[p] {
		if g := r.grants[id]; g.Active() {
			out = append(out, g.Grant)
		}
	}
	return out
}

// RevokedAt reports whether the record at a place in the list revokes something.
func (r *Roster) RevokedAt(at int) bool {
	for _, d := range r.devices {
		if d.until == at {
			return true
		}
	}
	for _, g := range r.grants {
		if g.until == at {
			return true
		}
	}
	return false
}

// Grant returns a grant, revoked or not.
func (r *Roster) Grant(id EntityID) (*RosterGrant, bool) { g, ok := r.grants[id]; return g, ok }

// DevicesOf returns a person's devices, revoked or not, sorted by id.
func (r *Roster) DevicesOf(p PersonID) []Device {
	var out []Device
	for _, d := range r.devices {
		if d.Owner == p {
			out = append(out, d.Device)
		}
	}
	slices.SortFunc(out, func(a, b Device) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}
