package syncproto

import "fmt"

// Kind is what an operation does. Numbers are never reused (docs/protocol.md §2).
type Kind uint16

// The kinds of operation of protocol version 1.
const (
	KindSet       Kind = 1  // give a field a value
	KindClear     Kind = 2  // "asked, no answer": a value that differs from never answered
	KindResolve   Kind = 3  // settle a conflict: hides exactly the operations it lists
	KindCreate    Kind = 4  // begin a record; the field names its entity kind
	KindRemove    Kind = 5  // remove a record; the dots are the context that the author saw
	KindRestore   Kind = 6  // bring a removed record back
	KindMove      Kind = 7  // change a record's place in its list
	KindEndorse   Kind = 8  // accept that an ordinary edit replaced somebody else's answer
	KindAlias     Kind = 9  // this record is the same as another one: clear is the other's id
	KindErase     Kind = 10 // drop the values of the operations it lists; their hashes stay
	KindStatus    Kind = 11 // change a record's state, such as submitted
	KindScopeOpen Kind = 12 // open a scope: clear is ScopeOpening
	KindTeam      Kind = 13 // change a scope's team: clear is TeamChange
	KindKeyWrap   Kind = 14 // give devices the visit key: clear is KeyWraps
	KindFeedSeal  Kind = 15 // nothing may be appended to this feed any more
	KindAdmit     Kind = 16 // let quarantined changesets take effect: dots name (feed, n)
	KindDecline   Kind = 17 // a person looked at quarantined changesets and left them without effect
	KindTemplate  Kind = 18 // approve a version of a checklist template
)

// role is the part that a kind plays in the merge.
type role uint8

const (
	roleControl  role = iota // no head: read by the rule that it belongs to
	roleOrdinary             // retires its author's own answers and at most one of somebody else's
	roleSettle               // retires all that it lists if its author held the right; else as an ordinary edit
)

// kindSpec is one row of the table of kinds.
type kindSpec struct {
	name  string
	role  role
	right Right // that gives it full effect
}

var kinds = map[Kind]kindSpec{
	KindSet:       {"set", roleOrdinary, RightWrite},
	KindClear:     {"clear", roleOrdinary, RightWrite},
	KindResolve:   {"resolve", roleSettle, RightResolve},
	KindCreate:    {"create", roleOrdinary, RightWrite},
	KindRemove:    {"remove", roleSettle, RightRemove},
	KindRestore:   {"restore", roleOrdinary, RightWrite},
	KindMove:      {"move", roleOrdinary, RightWrite},
	KindEndorse:   {"endorse", roleControl, RightEndorse},
	KindAlias:     {"alias", roleSettle, RightResolve},
	KindErase:     {"erase", roleControl, RightErase},
	KindStatus:    {"status", roleOrdinary, RightWrite},
	KindScopeOpen: {"scope-open", roleControl, RightOpenScope},
	KindTeam:      {"team", roleControl, RightTeam},
	KindKeyWrap:   {"key-wrap", roleControl, RightWrite},
	KindFeedSeal:  {"feed-seal", roleControl, RightWrite},
	KindAdmit:     {"admit", roleControl, RightAdmit},
	KindDecline:   {"decline", roleControl, RightAdmit},
	KindTemplate:  {"template", roleOrdinary, RightRegistry},
}

// Known reports whether this program knows what the kind does.
func (k Kind) Known() bool { _, ok := kinds[k]; return ok }

// String returns the kind's name, or its number where it is unknown.
func (k Kind) String() string {
	if s, ok := kinds[k]; ok {
		return s.name
	}
	return fmt.Sprintf("kind %d", uint16(k))
}

// MarshalText returns the form of String.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Right is one thing that a role may do; Rights is a set of them (docs/protocol.md §6).
type (
	Right  uint16
	Rights = Right
)

// The rights. A field's writer, a kind's full effect and the roster's own records are judged by them.
const (
	RightWrite     Right = 1 << iota // write in the scope
	RightLead                        // set the group's agreed answer
	RightMedical                     // write medical findings
	RightResolve                     // settle conflicts
	RightRemove                      // remove others' records
	RightEndorse                     // endorse replaced answers
	RightAdmit                       // decide on quarantined work
	RightErase                       // order an erasure
	RightOpenScope                   // open a visit
	RightTeam                        // change a visit's team
	RightRegistry                    // write facilities and templates
	RightRoster                      // invite people and devices, grant and revoke
)

// Has reports whether all of want are in r.
func (r Right) Has(want Right) bool { return r&want == want }

// Role is what a grant gives a person.
type Role string

// The roles (docs/protocol.md §6). A grant gives a role in one region, or in all of them.
const (
	RoleCoordinator Role = "coordinator" // prepares visits, settles disagreements, keeps the roster
	RoleLeader      Role = "leader"      // leads the visits whose team they are in
	RoleMonitor     Role = "monitor"     // writes in the visits whose team they are in
	RoleHealth      Role = "health"      // a monitor who is a doctor or psychologist
	RoleAuditor     Role = "auditor"     // reads structure and proofs of every scope; no keys, no writing
	RoleProtection  Role = "protection"  // orders erasures under the data-protection law
	RoleCustodian   Role = "custodian"   // opens identities, always together with a second custodian; reads nothing else
)

// roleSpec is one row of the table of roles.
type roleSpec struct {
	rights  Rights // everywhere in the grant's region
	onTeam  Rights // only in visits whose team names the person
	reads   bool   // pulls every visit of the region, not only those of own teams
	keyHeld bool   // is given the keys of every visit of the region
}

var roles = map[Role]roleSpec{
	RoleCoordinator: {rights: RightWrite | RightLead | RightResolve | RightRemove | RightEndorse | RightAdmit | RightOpenScope | RightTeam | RightRegistry | RightRoster, reads: true, keyHeld: true},
	RoleLeader:      {rights: RightOpenScope, onTeam: RightWrite | RightLead | RightResolve | RightEndorse | RightTeam},
	RoleMonitor:     {rights: RightOpenScope, onTeam: RightWrite},
	RoleHealth:      {rights: RightOpenScope, onTeam: RightWrite | RightMedical},
	RoleAuditor:     {reads: true},
	RoleProtection:  {rights: RightErase | RightWrite, reads: true, keyHeld: true},
	RoleCustodian:   {},
}

// Known reports whether the role is in the table.
func (r Role) Known() bool { _, ok := roles[r]; return ok }
