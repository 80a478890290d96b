package prototest

import (
	"crypto/ed25519"
	"time"

	"kua/syncproto"
	"kua/syncproto/seal"
)

// Device is one laptop. Now is its own clock; a test may give it a wrong one.
type Device struct {
	Org     *Org
	ID      syncproto.DeviceID
	Key     ed25519.PrivateKey
	Sealing seal.PrivateKey
	Owner   *Person
	Now     func() time.Time
	HLC     syncproto.HLC

	feeds map[syncproto.ScopeID]*Feed
}

// Certificate returns the roster's entry for the device.
func (d *Device) Certificate() *syncproto.Device {
	return &syncproto.Device{ID: d.ID, Signing: public(d.Key), Sealing: d.Sealing.Public().Bytes(), Owner: d.Owner.ID}
}

// Public returns the device's signing key.
func (d *Device) Public() ed25519.PublicKey { return public(d.Key) }

// Visit is a sealed scope with its key of one epoch.
type Visit struct {
	Scope  syncproto.ScopeID
	Region string
	Team   []syncproto.PersonID
	Epoch  uint64
	Key    seal.VisitKey
}

// Standing returns what Judge needs to know of the visit.
func (v *Visit) Standing() *syncproto.Standing {
	s := &syncproto.Standing{Region: v.Region, Team: map[syncproto.PersonID]bool{}}
	for _, p := range v.Team {
		s.Team[p] = true
	}
	return s
}

// Open opens a sealed body of the visit; it is a syncproto.Opener for one changeset.
func (v *Visit) Open(cs *syncproto.Changeset) (syncproto.Values, error) {
	return cs.Open(func(aad, box []byte) ([]byte, error) {
		return seal.OpenBody(v.Key, cs.Header.Key.Commitment, aad, box)
	})
}

// OpenVisit opens a visit: its first changeset holds the opening and the key's wraps to all who may read, and to the
// recovery key. Further operations may follow them.
func (d *Device) OpenVisit(region string, team ...*Person) (*Visit, *syncproto.Changeset) {
	d.Org.T.Helper()
	key, err := seal.NewVisitKey(d.Org.Rand)
	if err != nil {
		d.Org.T.Fatal(err)
	}
	v := &Visit{Region: region, Epoch: 1, Key: key}
	for _, p := range team {
		v.Team = append(v.Team, p.ID)
	}
	opening := syncproto.ScopeOpening{Kind: syncproto.ScopeVisit, Region: region, Team: v.Team}
	d.Org.read(opening.Nonce[:])
	clear, err := syncproto.EncodeMessage(opening)
	if err != nil {
		d.Org.T.Fatal(err)
	}
	v.Scope = syncproto.NewScopeID(d.ID, clear)
	cs := d.Feed(v).Sign(
		Op{Kind: syncproto.KindScopeOpen, Entity: syncproto.EntityID(v.Scope), Clear: opening},
		Op{Kind: syncproto.KindKeyWrap, Entity: syncproto.EntityID(v.Scope), Clear: d.Wraps(v)},
	)
	return v, cs
}

// Wraps returns the visit's key, wrapped to every device that the roster entitles and to the recovery key.
func (d *Device) Wraps(v *Visit) syncproto.KeyWraps {
	d.Org.T.Helper()
	out := syncproto.KeyWraps{Epoch: v.Epoch, Commitment: v.Key.Commitment()}
	add := func(id syncproto.DeviceID, sealing []byte) {
		to, err := seal.ParsePublicKey(sealing)
		if err != nil {
			d.Org.T.Fatal(err)
		}
		wrap, err := seal.Wrap(to, seal.WrapInfo{Scope: v.Scope, Epoch: v.Epoch, Author: d.ID, Recipient: id}, v.Key)
		if err != nil {
			d.Org.T.Fatal(err)
		}
		out.Wraps = append(out.Wraps, syncproto.KeyWrap{Recipient: id, Wrap: wrap})
	}
	for _, holder := range d.Org.Roster.KeyHolders(v.Standing()) {
		add(holder.ID, holder.Sealing)
	}
	add(d.Org.RecoveryID(), d.Org.Recovery.Public().Bytes())
	return out
}

// Feed is one device's chain of changesets in one scope and incarnation. Copy it by value to fork it.
type Feed struct {
	Device      *Device
	Scope       syncproto.ScopeID
	Visit       *Visit // nil in the registry
	Incarnation syncproto.Incarnation
	N           uint64 // of the newest changeset
	Seq         uint64 // of the newest operation
	Prev        syncproto.ChangesetID
	Checkpoint  *syncproto.CheckpointSeen
	Clock       *syncproto.ClockEvidence
	RosterHead  *syncproto.Hash // cited instead of the newest
}

// Feed returns the device's feed in a visit, or in the registry where v is nil; the first call opens it.
func (d *Device) Feed(v *Visit) *Feed {
	d.Org.T.Helper()
	scope := d.Org.Registry
	if v != nil {
		scope = v.Scope
	}
	if d.feeds[scope] == nil {
		d.Incarnate(v)
	}
	return d.feeds[scope]
}

// Incarnate opens a new feed of the device in a visit, as after a restore, and makes it the one that Feed returns.
func (d *Device) Incarnate(v *Visit) *Feed {
	d.Org.T.Helper()
	f := &Feed{Device: d, Scope: d.Org.Registry, Visit: v}
	if v != nil {
		f.Scope = v.Scope
	}
	d.Org.read(f.Incarnation[:])
	d.feeds[f.Scope] = f
	return f
}

// ID returns the feed's identifier.
func (f *Feed) ID() syncproto.FeedID {
	return syncproto.NewFeedID(f.Device.ID, f.Scope, f.Incarnation)
}

// Head returns how much of the feed has been signed.
func (f *Feed) Head() syncproto.FeedHead {
	return syncproto.FeedHead{Feed: f.ID(), N: f.N, Short: f.Prev.Short()}
}

// Cut returns the feed's part of a revocation that counts everything signed so far as received in time.
func (f *Feed) Cut() syncproto.FeedCut {
	return syncproto.FeedCut{Feed: f.ID(), N: f.N, Short: f.Prev.Short()}
}

// Fork returns a second writer of the same feed, as a copied disk would be.
func (f *Feed) Fork() *Feed { c := *f; return &c }

// Sign signs the feed's next changeset and verifies it.
func (f *Feed) Sign(ops ...Op) *syncproto.Changeset {
	f.Device.Org.T.Helper()
	u := f.Unsigned(ops...)
	cs, err := u.Sign(f.Device.Org.Rand, f.Device.Key, f.sealer())
	if err != nil {
		f.Device.Org.T.Fatalf("signing a changeset: %v", err)
	}
	if err := cs.Verify(f.Device.Public()); err != nil {
		f.Device.Org.T.Fatal(err)
	}
	f.N, f.Seq, f.Prev = cs.Header.N, cs.Header.LastSeq(), cs.ID
	return cs
}

// Unsigned returns the feed's next changeset before it is signed; the feed stays where it is.
func (f *Feed) Unsigned(ops ...Op) syncproto.Unsigned {
	f.Device.Org.T.Helper()
	d := f.Device
	h := syncproto.Header{
		Scope: f.Scope, Device: d.ID, Incarnation: f.Incarnation, N: f.N + 1, Seq0: f.Seq + 1, Prev: f.Prev,
		RosterHead: d.Org.Roster.Head(), Schema: syncproto.SchemaRevision, App: "kua test",
		Clock: f.Clock, Checkpoint: f.Checkpoint,
	}
	if f.RosterHead != nil {
		h.RosterHead = *f.RosterHead
	}
	if f.Visit != nil {
		h.Key = &syncproto.KeyRef{Epoch: f.Visit.Epoch, Commitment: f.Visit.Key.Commitment()}
	}
	u := syncproto.Unsigned{Header: h}
	for i, o := range ops {
		d.HLC = d.HLC.Tick(d.Now())
		if i == 0 {
			u.Header.HLC0 = d.HLC
		}
		f.add(&u, o)
	}
	return u
}

func (f *Feed) sealer() syncproto.Sealer {
	if f.Visit == nil {
		return nil
	}
	return func(aad, plaintext []byte) ([]byte, error) {
		return seal.SealBody(f.Device.Org.Rand, f.Visit.Key, aad, plaintext)
	}
}

func (f *Feed) add(u *syncproto.Unsigned, o Op) {
	f.Device.Org.T.Helper()
	op := syncproto.Op{
		Kind: o.Kind, Entity: o.Entity, Field: o.Field, Flags: o.Flags,
		Delta: uint64(f.Device.HLC - u.Header.HLC0), Dots: f.dots(u, o.Sees),
	}
	if o.Clear != nil {
		op.Clear = f.encode(o.Clear)
	}
	u.Ops = append(u.Ops, op)
	u.Values = append(u.Values, f.encode(o.Value))
}

// dots turns references into dots and enters the dependencies that pin them: one for each branch, at the highest
// changeset referred to.
func (f *Feed) dots(u *syncproto.Unsigned, refs []Ref) []syncproto.Dot {
	var dots []syncproto.Dot
	for _, r := range refs {
		if r.Feed == f.ID() && !r.Foreign {
			dots = append(dots, syncproto.Dot{Feed: 0, Seq: r.Seq})
			continue
		}
		at := -1
		for i, d := range u.Header.Deps {
			if d.Feed == r.Feed && d.N == r.N && d.Short == r.Short {
				at = i
			}
		}
		if at < 0 {
			u.Header.Deps = append(u.Header.Deps, syncproto.Dep{Feed: r.Feed, N: r.N, Short: r.Short})
			at = len(u.Header.Deps) - 1
		}
		dots = append(dots, syncproto.Dot{Feed: at + 1, Seq: r.Seq})
	}
	return dots
}

func (f *Feed) encode(v any) []byte {
	f.Device.Org.T.Helper()
	b, err := syncproto.EncodeMessage(v)
	if err != nil {
		f.Device.Org.T.Fatalf("encoding a value: %v", err)
	}
	return b
}
