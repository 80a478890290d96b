package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// Change is one operation that a person asks for, before it is signed.
type Change struct {
	Kind   syncproto.Kind
	Entity syncproto.EntityID
	Field  syncproto.Field
	Flags  syncproto.Flags
	Value  []byte            // one canonical CBOR item; nil for none
	Refers []syncproto.OpRef // operations that its author saw and that it refers to
	Clear  []byte
	UpTo   []replica.Logged // decisions on quarantined work: the last changeset of each feed that is meant
	pinned []pinnedDot      // what it referred to before it was refused, see redo
}

// pinnedDot is an operation by its feed and number, with the dependency that pins it.
type pinnedDot struct {
	dep syncproto.Dep
	seq uint64
}

// Saved is what a save acknowledges: everything named here is on the disk, signed and synced.
type Saved struct {
	Changesets []syncproto.ChangesetID `json:"changesets"`
	Operations int                     `json:"operations"`
}

// ErrNoRight says that the person's role does not allow a change. Nothing was saved.
var ErrNoRight = errors.New("your role does not allow this")

// Save signs changes and returns when operation, changeset and feed head are durable together (docs/protocol.md §5).
// Nothing waits for a network.
func (c *Client) Save(ctx context.Context, scope syncproto.ScopeID, changes []Change) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saveAll(ctx, scope, changes)
}

// saveAll is Save under mu: whoever reads what a change refers to holds mu from there on, or two windows of one person
// would replace the same answer beside each other.
func (c *Client) saveAll(ctx context.Context, scope syncproto.ScopeID, changes []Change) (Saved, error) {
	var saved Saved
	if err := c.soundLinks(ctx, scope, changes); err != nil {
		return saved, fmt.Errorf("saving: %w", err)
	}
	for len(changes) > 0 {
		n := min(len(changes), syncproto.MaxOps)
		id, err := c.save(ctx, scope, changes[:n], nil)
		for syncproto.CodeOf(err) == syncproto.CodeTooLarge && n > 1 { // long texts: more changesets of fewer changes
			n /= 2
			id, err = c.save(ctx, scope, changes[:n], nil)
		}
		if err != nil {
			return saved, fmt.Errorf("saving: %w", err)
		}
		saved.Changesets = append(saved.Changesets, id)
		saved.Operations += n
		changes = changes[n:]
	}
	return saved, nil
}

// save writes one changeset that takes effect. opening is given only by the operation that opens the scope.
func (c *Client) save(ctx context.Context, scope syncproto.ScopeID, changes []Change, opening *syncproto.ScopeOpening) (id syncproto.ChangesetID, err error) {
	may := func(cs *syncproto.Changeset) error {
		id = cs.ID
		return c.mayTakeEffect(cs, opening)
	}
	return id, c.sign(ctx, scope, changes, may, nil)
}

// sign writes one changeset if may, which may be nil, allows it. also, which may be nil, runs in the same transaction of
// the vault.
func (c *Client) sign(ctx context.Context, scope syncproto.ScopeID, changes []Change, may func(*syncproto.Changeset) error, also func(*vault.Tx, *syncproto.Changeset) error) error {
	if c.broken != nil {
		return c.broken
	}
	if _, away := c.away[scope]; away {
		return ErrAway
	}
	if err := c.ensureGate(ctx, scope); err != nil {
		return err
	}
	return c.signUnder(ctx, scope, c.sealingKey(scope), changes, may, also)
}

// signUnder is sign under a given key.
func (c *Client) signUnder(ctx context.Context, scope syncproto.ScopeID, name keyName, changes []Change, may func(*syncproto.Changeset) error, also func(*vault.Tx, *syncproto.Changeset) error) error {
	f, err := c.feedFor(scope)
	if err != nil {
		return err
	}
	u, err := c.unsigned(ctx, scope, f, changes)
	if err != nil {
		return err
	}
	sealer, err := c.sealer(scope, name, &u.Header)
	if err != nil {
		return err
	}
	cs, err := u.Sign(c.cfg.Rand, c.keys.signing, sealer)
	if err != nil {
		return err
	}
	if may != nil {
		if err := may(cs); err != nil {
			return err
		}
	}
	return c.commit(ctx, cs, f, also)
}

// feedFor returns the feed that the next changeset in a scope continues; a new incarnation where there is none.
func (c *Client) feedFor(scope syncproto.ScopeID) (ownFeed, error) {
	if f, ok := c.feeds[scope]; ok && !c.forked(scope, f) {
		return *f, nil
	}
	var f ownFeed
	if _, err := io.ReadFull(c.cfg.Rand, f.Incarnation[:]); err != nil {
		return f, fmt.Errorf("opening a feed: %w", err)
	}
	f.NextSeq = 1
	return f, nil
}

// forked reports whether the feed that this laptop appends to has another branch: its data was restored, and nobody
// noticed before it went on. Both branches stay; nothing is appended to either (docs/protocol.md §5).
func (c *Client) forked(scope syncproto.ScopeID, f *ownFeed) bool {
	st, ok := c.rep.Feed(syncproto.NewFeedID(c.keys.device.ID, scope, f.Incarnation))
	return ok && st.Forked
}

func (c *Client) unsigned(ctx context.Context, scope syncproto.ScopeID, f ownFeed, changes []Change) (syncproto.Unsigned, error) {
	now := c.cfg.Now()
	base := c.hlc.Tick(now)
	u := syncproto.Unsigned{Header: syncproto.Header{
		Scope: scope, Device: c.keys.device.ID, Incarnation: f.Incarnation, N: f.N + 1, Seq0: f.NextSeq, Prev: f.Head,
		HLC0: base, RosterHead: c.rep.Roster().Head(), Schema: syncproto.SchemaRevision, Clock: c.clockEvidence(now),
		App: c.cfg.App,
	}}
	if k := c.check.Load(); k != nil {
		u.Header.Checkpoint = &syncproto.CheckpointSeen{Size: k.Size, Root: k.Root}
	}
	refs := references{c: c, ctx: ctx, own: u.Header.Feed(), deps: map[depKey]int{}}
	for i, ch := range changes {
		dots, err := refs.dots(ch)
		if err != nil {
			return u, err
		}
		u.Ops = append(u.Ops, syncproto.Op{Kind: ch.Kind, Entity: ch.Entity, Field: ch.Field, Dots: dots, Delta: uint64(i), Flags: ch.Flags, Clear: ch.Clear})
		value := ch.Value
		if value == nil {
			value = syncproto.Null
		}
		u.Values = append(u.Values, value)
	}
	u.Header.Deps = refs.list
	return u, nil
}

// sealingKey names what the next save in a scope is sealed under: the gate key of this unlock in gate mode, else the
// scope's newest key.
func (c *Client) sealingKey(scope syncproto.ScopeID) keyName {
	if g := c.gates[scope]; g != nil {
		return keyName{syncproto.GateEpoch, g.now}
	}
	if s := c.scopes[scope]; s != nil {
		return s.current
	}
	return keyName{}
}

// sealer gives a key of the scope to the header and seals under it; the registry is in clear.
func (c *Client) sealer(scope syncproto.ScopeID, name keyName, h *syncproto.Header) (syncproto.Sealer, error) {
	if scope == c.rep.Roster().Registry() {
		return nil, nil
	}
	key, ok := c.scopes[scope].key(name.commitment)
	if !ok {
		return nil, errNoKey
	}
	h.Key = &syncproto.KeyRef{Epoch: name.epoch, Commitment: name.commitment}
	return func(aad, plaintext []byte) ([]byte, error) {
		if len(plaintext) > syncproto.MaxPacket {
			return nil, syncproto.Refuse(syncproto.CodeTooLarge, "%d bytes of values, the limit is %d", len(plaintext), syncproto.MaxPacket)
		}
		return seal.SealBody(c.cfg.Rand, key, aad, plaintext)
	}, nil
}

func (c *Client) clockEvidence(now time.Time) *syncproto.ClockEvidence {
	if c.clock.At == 0 {
		return nil
	}
	return &syncproto.ClockEvidence{OffsetMillis: c.clock.OffsetMillis, ErrorMillis: c.clock.ErrorMillis,
		AgeSeconds: (now.UnixMilli() - int64(c.clock.At)) / 1000}
}

// trusted returns the best known true time, or the zero time where this laptop has never met a server.
func (c *Client) trusted() time.Time {
	if c.clock.At == 0 {
		return time.Time{}
	}
	return c.cfg.Now().Add(time.Duration(c.clock.OffsetMillis) * time.Millisecond)
}

// mayTakeEffect refuses a change that everybody else would quarantine: better a clear word now than a surprise later.
func (c *Client) mayTakeEffect(cs *syncproto.Changeset, opening *syncproto.ScopeOpening) error {
	roster := c.rep.Roster()
	if _, ok := roster.Device(c.keys.device.ID); !ok {
		return ErrNotEnrolled
	}
	var standing *syncproto.Standing
	if st, ok := c.rep.Scope(cs.Header.Scope); ok {
		standing = &st.Standing
	} else if opening != nil {
		standing = opening.Standing()
	} else if cs.Header.Scope == roster.Registry() {
		standing = &syncproto.Standing{Registry: true}
	}
	v, err := roster.Judge(cs.Claim(), standing)
	if err != nil {
		return err
	}
	if v.Quarantine == syncproto.CodeQuarantineNoRight || v.Quarantine == syncproto.CodeQuarantineField {
		return ErrNoRight
	}
	return nil // late after a revocation: kept, quarantined, decided by a person
}

// commit makes a changeset of our own durable and merges it.
func (c *Client) commit(ctx context.Context, cs *syncproto.Changeset, f ownFeed, also func(*vault.Tx, *syncproto.Changeset) error) error {
	now := uint64(c.cfg.Now().UnixMilli())
	payload, err := syncproto.EncodeMessage(storedPacket{Packet: cs.Packet.Encode(), Received: now})
	if err != nil {
		return err
	}
	f.N, f.NextSeq, f.Head = cs.Header.N, cs.Header.LastSeq()+1, cs.ID
	hlc := cs.Header.HLC0 + syncproto.HLC(cs.Header.Count)
	c.hlc = hlc
	var merged chan error
	var logged []replica.Logged
	inside := context.WithoutCancel(ctx) // from here on it is done, whoever goes away
	if err := ctx.Err(); err != nil {
		return err
	}
	err = c.vault.InTx(inside, func(tx *vault.Tx) error {
		if err := putState(tx, stateHLC, hlc); err != nil {
			return err
		}
		if err := putState(tx, stateFeed(cs.Header.Scope), f); err != nil {
			return err
		}
		ext, err := tx.Append(rowPacket, payload)
		if err == nil && also != nil {
			err = also(tx, cs)
		}
		if err != nil {
			return err
		}
		// The records in memory are merged while the disk syncs; if it does not, they are made anew. Values that the
		// change erases are dropped only when the order is durable.
		merged = make(chan error, 1)
		go func() {
			var err error
			logged, err = c.mergeOnly(inside, []arrival{{cs: cs, ext: ext, received: now}})
			merged <- err
		}()
		return nil
	})
	if merged == nil {
		return err
	}
	failed := <-merged
	if err != nil {
		return errors.Join(err, c.rebuild(inside))
	}
	c.feeds[cs.Header.Scope] = &f
	c.saves.Add(1)
	return c.inMemory(ctx, func(ctx context.Context) error {
		if failed != nil {
			return failed
		}
		return c.redactLocal(ctx, logged)
	})
}

// references turns rows into dots and gathers the dependencies that pin them.
type references struct {
	c    *Client
	ctx  context.Context
	own  syncproto.FeedID
	deps map[depKey]int // index into list
	list []syncproto.Dep
}

// depKey is a feed, or on a forked feed one changeset of it: its branches need a dependency each.
type depKey struct {
	feed syncproto.FeedID
	fork syncproto.Short
}

func (r *references) dots(ch Change) ([]syncproto.Dot, error) {
	var out []syncproto.Dot
	for _, ref := range ch.Refers {
		l, err := r.c.rep.Row(r.ctx, ref.Changeset)
		if err != nil {
			return nil, fmt.Errorf("looking up what a change refers to: %w", err)
		}
		out = append(out, syncproto.Dot{Feed: r.feed(l), Seq: l.Seq0 + uint64(ref.Index)})
	}
	for _, l := range ch.UpTo {
		out = append(out, syncproto.Dot{Feed: r.dep(l.Feed, l.N, l.ID.Short()), Seq: l.Seq0 + uint64(l.Count) - 1})
	}
	for _, p := range ch.pinned {
		f, _ := r.c.rep.Feed(p.dep.Feed)
		if p.dep.Feed == r.own && !f.Forked {
			out = append(out, syncproto.Dot{Seq: p.seq})
		} else {
			out = append(out, syncproto.Dot{Feed: r.dep(p.dep.Feed, p.dep.N, p.dep.Short), Seq: p.seq})
		}
	}
	return out, nil
}

func (r *references) feed(l replica.Logged) int {
	f, _ := r.c.rep.Feed(l.Feed)
	if l.Feed == r.own && !f.Forked {
		return 0
	}
	return r.dep(l.Feed, l.N, l.ID.Short())
}

// dep returns the dot index of the dependency that pins a changeset, made or moved forward as needed.
func (r *references) dep(feed syncproto.FeedID, n uint64, short syncproto.Short) int {
	key := depKey{feed: feed}
	if f, _ := r.c.rep.Feed(feed); f.Forked {
		key.fork = short
	}
	i, ok := r.deps[key]
	if !ok {
		i = len(r.list)
		r.deps[key] = i
		r.list = append(r.list, syncproto.Dep{Feed: feed})
	}
	if d := &r.list[i]; n > d.N {
		d.N, d.Short = n, short
	}
	return i + 1
}
