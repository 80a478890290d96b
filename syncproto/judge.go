package syncproto

import (
	"crypto/sha256"
	"maps"
	"slices"
)

// ScopeOpening is the clear part of the operation that opens a visit: what routing needs and nothing more
// (docs/protocol.md §6).
type ScopeOpening struct {
	Kind   string     `cbor:"1,keyasint"` // "visit"
	Region string     `cbor:"2,keyasint"`
	Team   []PersonID `cbor:"3,keyasint"`
	Nonce  Nonce      `cbor:"4,keyasint"` // random, so that each opening gives a scope of its own
}

// NewScopeID returns the id of the visit that a device opens by an operation with those clear bytes, an encoded
// ScopeOpening. Nobody else can open that scope, and nobody at all can open it with another region or team.
func NewScopeID(device DeviceID, openingClear []byte) ScopeID {
	opening := sha256.Sum256(openingClear)
	h := sha256.New()
	h.Write([]byte("kua/scope/1"))
	h.Write(device[:])
	h.Write(opening[:])
	return ScopeID(h.Sum(nil)[:16])
}

// Standing returns what the opening alone says of its scope.
func (o *ScopeOpening) Standing() *Standing {
	s := &Standing{Region: o.Region, Team: make(map[PersonID]bool, len(o.Team))}
	for _, p := range o.Team {
		s.Team[p] = true
	}
	return s
}

// Opening returns the opening that a changeset carries, or nil. An opening that is not the scope's own is an error, and
// so is a team change beside it: the opening is judged by the team that the scope's id stands for.
func (cs *Changeset) Opening() (*ScopeOpening, error) {
	var out *ScopeOpening
	changes := false
	for i := range cs.Ops {
		changes = changes || cs.Ops[i].Kind == KindTeam
		if cs.Ops[i].Kind != KindScopeOpen {
			continue
		}
		var o ScopeOpening
		if err := DecodeMessage(cs.Ops[i].Clear, &o); err != nil {
			return nil, err
		}
		if NewScopeID(cs.Header.Device, cs.Ops[i].Clear) != cs.Header.Scope {
			return nil, Refuse(CodeMalformed, "reading a scope's opening: the scope's id is not that of this opening by this device")
		}
		if o.Region == "" || o.Region == AllRegions {
			return nil, Refuse(CodeMalformed, "reading a scope's opening: a visit belongs to one region")
		}
		out = &o
	}
	if out != nil && changes {
		return nil, Refuse(CodeMalformed, "reading a scope's opening: a team change belongs into another changeset")
	}
	return out, nil
}

// TeamChanges returns the team changes that a changeset carries.
func (cs *Changeset) TeamChanges() ([]TeamChange, error) {
	var out []TeamChange
	for i := range cs.Ops {
		if cs.Ops[i].Kind != KindTeam {
			continue
		}
		var t TeamChange
		if err := DecodeMessage(cs.Ops[i].Clear, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// ScopeVisit is the kind of scope that holds one visit.
const ScopeVisit = "visit"

// TeamChange is the clear part of an operation that changes a visit's team.
type TeamChange struct {
	Add []PersonID `cbor:"1,keyasint,omitempty"`
}

// Standing is what is known of a scope when a changeset in it is judged. A nil Standing means that the opening has
// not come yet.
type Standing struct {
	Registry bool
	Region   string
	Team     map[PersonID]bool
}

// rightsIn returns what the grants that keep selects let a person do in a region.
func (r *Roster) rightsIn(p PersonID, region string, onTeam bool, keep func(*RosterGrant) bool) Rights {
	var out Rights
	for _, id := range r.byOwner[p] {
		g := r.grants[id]
		if !covers(g.Region, region) || !keep(g) {
			continue
		}
		spec := roles[g.Role]
		out |= spec.rights
		if onTeam {
			out |= spec.onTeam
		}
	}
	return out
}

// rights is rightsIn for a scope.
func (r *Roster) rights(p PersonID, s *Standing, keep func(*RosterGrant) bool) Rights {
	if s.Registry {
		return r.rightsIn(p, "", false, keep)
	}
	return r.rightsIn(p, s.Region, s.Team[p], keep)
}

// covers reports whether a grant for one region holds in another; the empty region is covered by every grant.
func covers(granted, region string) bool {
	return granted == AllRegions || granted == region || region == ""
}

// RightsNow returns what a person may do in a scope by the newest roster.
func (r *Roster) RightsNow(p PersonID, s *Standing) Rights {
	return r.rights(p, s, func(g *RosterGrant) bool { return g.Active() })
}

// Readers returns the people who may pull a scope: its team, and those whose role reads every visit of the region.
// For the registry that is everybody with a grant.
func (r *Roster) Readers(s *Standing) map[PersonID]bool {
	out := make(map[PersonID]bool)
	for _, g := range r.grants {
		if !g.Active() {
			continue
		}
		spec := roles[g.Role]
		switch {
		case s.Registry:
			out[g.Person] = true
		case !covers(g.Region, s.Region):
		case spec.reads, s.Team[g.Person] && spec.onTeam != 0:
			out[g.Person] = true
		}
	}
	return out
}

// MayRead reports whether the newest roster lets a person pull a scope.
func (r *Roster) MayRead(p PersonID, s *Standing) bool {
	for _, g := range r.ActiveGrants(p) {
		spec := roles[g.Role]
		if s.Registry || covers(g.Region, s.Region) && (spec.reads || s.Team[p] && spec.onTeam != 0) {
			return true
		}
	}
	return false
}

// KeyHolders returns the active devices of the people who may read a visit's values: its team and the roles that
// hold every key of the region, sorted by id.
func (r *Roster) KeyHolders(s *Standing) []Device {
	var out []Device
	for _, d := range r.devices {
		if !d.Revoked() && r.holdsKey(d.Owner, s) {
			out = append(out, d.Device)
		}
	}
	slices.SortFunc(out, func(a, b Device) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}

func (r *Roster) holdsKey(p PersonID, s *Standing) bool {
	for _, g := range r.ActiveGrants(p) {
		spec := roles[g.Role]
		if covers(g.Region, s.Region) && (spec.keyHeld || s.Team[p] && spec.onTeam != 0) {
			return true
		}
	}
	return false
}

// Custodians returns the newest active device of every member whom the roster makes a custodian of a region, in the
// order of the members' ids.
func (r *Roster) Custodians(region string) []Device {
	newest := map[PersonID]*RosterDevice{}
	for _, d := range r.devices {
		old := newest[d.Owner]
		if !d.Revoked() && r.IsCustodian(d.Owner, region) && (old == nil || d.from > old.from) {
			newest[d.Owner] = d
		}
	}
	out := make([]Device, 0, len(newest))
	for _, d := range newest {
		out = append(out, d.Device)
	}
	slices.SortFunc(out, func(a, b Device) int { return slices.Compare(a.Owner[:], b.Owner[:]) })
	return out
}

// IsCustodian reports whether the newest roster makes a person a custodian of a region, or with "" of any.
func (r *Roster) IsCustodian(p PersonID, region string) bool {
	return slices.ContainsFunc(r.ActiveGrants(p), func(g Grant) bool { return g.Role == RoleCustodian && covers(g.Region, region) })
}

// Verdict is what Judge says of a changeset.
type Verdict struct {
	Person     PersonID
	Rights     Rights // at the roster head that the changeset cites
	Quarantine Code   // "" where it takes effect
}

// Claim is what a changeset asks to be judged by. A store keeps it beside the changeset, so that a later revocation,
// team change or admission can be judged without taking the packet apart again.
type Claim struct {
	Device     DeviceID
	Feed       FeedID
	N          uint64
	RosterHead Hash
	Needs      Rights // that the operations need: see Changeset.Claim

	// Within reports whether the changeset is, or is an ancestor of, the changeset that a cut names. Where the named
	// changeset is not at hand it is false: nobody can tell yet.
	Within func(FeedCut) bool
}

// Claim returns what the changeset asks to be judged by. Needs is the right to write, together with what the
// vocabulary and the table of kinds ask of the writer of each operation. Within knows of this changeset alone, as if
// nothing that follows it had come; who holds more puts their own in its place.
func (cs *Changeset) Claim() Claim {
	h := &cs.Header
	self := cs.Cut()
	c := Claim{h.Device, self.Feed, h.N, h.RosterHead, RightWrite, func(k FeedCut) bool { return k == self }}
	for i := range cs.Ops {
		o := &cs.Ops[i]
		if spec := kinds[o.Kind]; spec.role == roleControl {
			c.Needs |= spec.right
		} else if _, f, ok := LookupField(o.Field); ok {
			c.Needs |= f.Writer
		}
	}
	return c
}

// Cut names the changeset as the last of its branch that counts.
func (cs *Changeset) Cut() FeedCut { return FeedCut{cs.Header.Feed(), cs.Header.N, cs.ID.Short()} }

// Judge says by whom a changeset is, with what rights, and whether it may take effect. It is a function of the
// roster, the scope's standing and the claim, never of the time or order of arrival (docs/protocol.md §6). A
// person's admission overrides a quarantine; that is the caller's to apply.
//
// It returns an Error of CodeHeldDevice, CodeHeldRoster or CodeHeldScope where something must come first.
func (r *Roster) Judge(c Claim, s *Standing) (Verdict, error) {
	d, ok := r.devices[c.Device]
	if !ok {
		return Verdict{}, Refuse(CodeHeldDevice, "judging changeset: device %s is not in the roster yet", c.Device)
	}
	at, ok := r.index[c.RosterHead]
	if !ok {
		return Verdict{}, Refuse(CodeHeldRoster, "judging changeset: it cites a roster record that is not known here yet")
	}
	if s == nil {
		return Verdict{}, Refuse(CodeHeldScope, "judging changeset: its scope has not been opened here yet")
	}
	cited := r.rights(d.Owner, s, func(g *RosterGrant) bool { return g.holds(at) })
	inTime := r.rights(d.Owner, s, func(g *RosterGrant) bool {
		return g.holds(at) && (g.Active() || g.cut.cover(&c))
	})
	v := Verdict{Person: d.Owner, Rights: inTime}
	switch {
	case d.Revoked() && !d.cut.cover(&c), cited.Has(RightWrite) && !inTime.Has(RightWrite):
		v.Quarantine = CodeQuarantineLate
	case at < d.from, !inTime.Has(RightWrite):
		v.Quarantine = CodeQuarantineNoRight
	case !inTime.Has(c.Needs):
		v.Quarantine = CodeQuarantineField
	}
	return v, nil
}

// Clone returns a copy that later Appends to r do not change.
func (r *Roster) Clone() *Roster {
	c := *r
	c.index, c.members = maps.Clone(r.index), maps.Clone(r.members)
	c.devices, c.grants = make(map[DeviceID]*RosterDevice, len(r.devices)), make(map[EntityID]*RosterGrant, len(r.grants))
	for id, d := range r.devices {
		d := *d
		c.devices[id] = &d
	}
	for id, g := range r.grants {
		g := *g
		c.grants[id] = &g
	}
	c.byOwner = make(map[PersonID][]EntityID, len(r.byOwner))
	for p, ids := range r.byOwner {
		c.byOwner[p] = slices.Clone(ids)
	}
	c.servers, c.named = maps.Clone(r.servers), maps.Clone(r.named)
	c.records, c.ids = slices.Clone(r.records), slices.Clone(r.ids)
	return &c
}
