package fieldclient

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// ErrNotFound says that a record, visit or changeset is not on this laptop.
var ErrNotFound = replica.ErrNotFound

// OpenVisit opens a visit: a scope of its own, with a key that is wrapped to everybody entitled and to the
// organisation's recovery key before anything else is saved (docs/protocol.md §7). It needs no network. The visit's
// record has the scope's id.
func (c *Client) OpenVisit(ctx context.Context, region string, team []syncproto.PersonID, fields map[string]string) (syncproto.ScopeID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := c.openVisit(ctx, region, team, fields)
	if err != nil {
		return id, fmt.Errorf("opening a visit: %w", err)
	}
	return id, nil
}

func (c *Client) openVisit(ctx context.Context, region string, team []syncproto.PersonID, fields map[string]string) (scope syncproto.ScopeID, err error) {
	roster := c.rep.Roster()
	if _, err := c.Person(); err != nil {
		return scope, err
	}
	for _, p := range team {
		if _, ok := roster.Member(p); !ok {
			return scope, fmt.Errorf("person %s is not in the roster", p)
		}
	}
	nonce, err := syncproto.RandomID(c.cfg.Rand)
	if err != nil {
		return scope, err
	}
	opening := &syncproto.ScopeOpening{Kind: syncproto.ScopeVisit, Region: region, Team: team, Nonce: nonce}
	clear, err := syncproto.EncodeMessage(opening)
	if err != nil {
		return scope, err
	}
	scope = syncproto.NewScopeID(c.keys.device.ID, clear)
	key, err := seal.NewVisitKey(c.cfg.Rand)
	if err != nil {
		return scope, err
	}
	changes, err := c.openingChanges(scope, opening, clear, key, fields)
	if err != nil {
		return scope, err
	}
	name := keyName{1, key.Commitment()}
	c.scopes[scope] = &scopeKeys{current: name, first: name.commitment, keys: map[syncproto.Hash]seal.VisitKey{name.commitment: key}, gateKeys: map[syncproto.Hash]seal.VisitKey{}}
	if _, err := c.save(ctx, scope, changes, opening); err != nil {
		delete(c.scopes, scope)
		return scope, err
	}
	return scope, nil
}

func (c *Client) openingChanges(scope syncproto.ScopeID, o *syncproto.ScopeOpening, clear []byte, key seal.VisitKey, fields map[string]string) ([]Change, error) {
	holders := c.rep.Roster().KeyHolders(o.Standing())
	mine := false
	for _, d := range holders {
		mine = mine || d.ID == c.keys.device.ID
	}
	if !mine {
		return nil, ErrNoRight
	}
	wraps, err := c.wrapsFor(scope, 1, key, holders, true)
	if err != nil {
		return nil, err
	}
	visit := syncproto.EntityID(scope)
	changes := []Change{{Kind: syncproto.KindScopeOpen, Entity: visit, Field: scopeField, Clear: clear}, wraps}
	more, err := createChanges("visit", visit, fields)
	return append(changes, more...), err
}

// createChanges makes a record with its first values.
func createChanges(kind string, id syncproto.EntityID, fields map[string]string) ([]Change, error) {
	k, ok := syncproto.KindNamed(kind)
	if !ok {
		return nil, fmt.Errorf("there is no kind of record called %q", kind)
	}
	out := []Change{{Kind: syncproto.KindCreate, Entity: id, Field: k.ID}}
	for i := range k.Fields {
		text, ok := fields[k.Fields[i].Name]
		if !ok {
			continue
		}
		value, err := k.Fields[i].ParseValue(text)
		if err != nil {
			return nil, err
		}
		out = append(out, Change{Kind: syncproto.KindSet, Entity: id, Field: k.Fields[i].ID, Flags: k.Fields[i].Flags(), Value: value})
	}
	for name := range fields {
		if _, err := k.FieldNamed(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Create makes a record with its first values and returns its random id.
func (c *Client) Create(ctx context.Context, scope syncproto.ScopeID, kind string, fields map[string]string) (id syncproto.EntityID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.create(ctx, scope, kind, fields)
}

func (c *Client) create(ctx context.Context, scope syncproto.ScopeID, kind string, fields map[string]string) (id syncproto.EntityID, err error) {
	if id, err = syncproto.RandomID(c.cfg.Rand); err != nil {
		return id, err
	}
	if err := soundNew(kind, fields); err != nil {
		return id, err
	}
	changes, err := createChanges(kind, id, fields)
	if err != nil {
		return id, err
	}
	_, err = c.saveAll(ctx, scope, changes)
	return id, err
}

// ItemID returns the record of a checklist item in a visit: the same on every laptop that holds the visit's key, and
// without it not to be guessed. instance is "" outside repeats.
func (c *Client) ItemID(scope syncproto.ScopeID, item, instance string) (id syncproto.EntityID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.itemID(scope, item, instance)
}

func (c *Client) itemID(scope syncproto.ScopeID, item, instance string) (id syncproto.EntityID, err error) {
	s := c.scopes[scope]
	if s == nil {
		return id, errNoKey
	}
	key, ok := s.key(s.first)
	if !ok {
		return id, errNoKey
	}
	return deriveID(key, item, instance), nil
}

func deriveID(key seal.VisitKey, item, instance string) (id syncproto.EntityID) {
	m := hmac.New(sha256.New, key.Bytes())
	fmt.Fprintf(m, "kua/item/1\x00%s\x00%s", item, instance)
	copy(id[:], m.Sum(nil))
	return id
}

// Target names a field of a record and what the person saw of it. An edit refers to nothing else: what arrived between
// the look and the save stands beside it.
type Target struct {
	Scope  syncproto.ScopeID
	Entity syncproto.EntityID
	Field  *syncproto.FieldSpec
	Seen   []Seen // nil: what stands when it is saved; empty: nothing was there
}

// Set gives a field a value. It replaces what this person wrote before, and at most one answer of somebody else,
// which then waits for an endorsement.
func (c *Client) Set(ctx context.Context, t Target, value []byte) (Saved, error) {
	ch := Change{Kind: syncproto.KindSet, Entity: t.Entity, Field: t.Field.ID, Flags: t.Field.Flags(), Value: value}
	return c.edit(ctx, t, ch)
}

// Clear says that the question was asked and not answered, which differs from never asked.
func (c *Client) Clear(ctx context.Context, t Target) (Saved, error) {
	return c.edit(ctx, t, Change{Kind: syncproto.KindClear, Entity: t.Entity, Field: t.Field.ID, Flags: t.Field.Flags()})
}

func (c *Client) edit(ctx context.Context, t Target, ch Change) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.refers(ctx, t)
	if err != nil {
		return Saved{}, fmt.Errorf("changing %s: %w", t.Field.Name, err)
	}
	if err := c.sound(ctx, t, ch.Value); err != nil {
		return Saved{}, fmt.Errorf("changing %s: %w", t.Field.Name, err)
	}
	ch.Refers = seen
	return c.saveAll(ctx, t.Scope, []Change{ch})
}

// Resolve settles a conflict with a value and a reason. It hides exactly the answers that were seen: one that arrives
// later opens the conflict again.
func (c *Client) Resolve(ctx context.Context, t Target, value []byte, reason string) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen, err := c.refers(ctx, t)
	if err != nil {
		return Saved{}, fmt.Errorf("resolving %s: %w", t.Field.Name, err)
	}
	if len(seen) == 0 {
		return Saved{}, fmt.Errorf("resolving %s: %w", t.Field.Name, ErrUnread)
	}
	if err := c.sound(ctx, t, value); err != nil {
		return Saved{}, fmt.Errorf("resolving %s: %w", t.Field.Name, err)
	}
	note, err := syncproto.EncodeMessage(reason)
	if err != nil {
		return Saved{}, err
	}
	return c.saveAll(ctx, t.Scope, []Change{
		{Kind: syncproto.KindResolve, Entity: t.Entity, Field: t.Field.ID, Value: value, Refers: seen},
		{Kind: syncproto.KindSet, Entity: t.Entity, Field: ReasonField, Flags: syncproto.FlagPersonal, Value: note},
	})
}

// ReasonField is the pseudo-field under which the reason of a decision is kept beside it, in the same changeset.
const ReasonField syncproto.Field = 1

// Endorse accepts the foreign retirements on a field that wait for it: those whose author's statement was seen.
func (c *Client) Endorse(ctx context.Context, t Target) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return Saved{}, err
	}
	if err := c.veiledAt(ctx, t); err != nil {
		return Saved{}, fmt.Errorf("endorsing %s: %w", t.Field.Name, err)
	}
	f := v.State.Field(t.Field.ID)
	if f == nil || len(f.Reviews) == 0 {
		return Saved{}, fmt.Errorf("endorsing %s: nothing waits for it", t.Field.Name)
	}
	var named []syncproto.OpRef
	for _, r := range f.Reviews {
		both, err := c.legible(ctx, []syncproto.OpRef{r.By, r.Replaced}, v.State.Fates)
		if err != nil {
			return Saved{}, fmt.Errorf("endorsing %s: %w", t.Field.Name, err)
		}
		if len(both) == 2 && !slices.Contains(named, r.By) {
			named = append(named, r.By)
		}
	}
	if len(named) == 0 {
		return Saved{}, fmt.Errorf("endorsing %s: %w", t.Field.Name, ErrUnread)
	}
	if t.Seen != nil {
		seen, err := c.refers(ctx, t)
		if err != nil {
			return Saved{}, fmt.Errorf("endorsing %s: %w", t.Field.Name, err)
		}
		named = slices.DeleteFunc(named, func(r syncproto.OpRef) bool { return !slices.Contains(seen, r) })
	}
	if len(named) == 0 {
		return Saved{}, fmt.Errorf("endorsing %s: nothing that was seen waits for it", t.Field.Name)
	}
	return c.saveAll(ctx, t.Scope, []Change{{Kind: syncproto.KindEndorse, Entity: t.Entity, Field: t.Field.ID, Refers: named}})
}

// Remove removes a record with the context of everything that was seen on it: what somebody writes meanwhile shows as
// "removed, but edited".
func (c *Client) Remove(ctx context.Context, scope syncproto.ScopeID, e syncproto.EntityID) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.rep.Record(ctx, scope, e)
	if err != nil {
		return Saved{}, err
	}
	refers, err := c.contextOf(ctx, v)
	if err != nil {
		return Saved{}, err
	}
	return c.saveAll(ctx, scope, []Change{{Kind: syncproto.KindRemove, Entity: e, Field: v.State.Kind, Refers: refers}})
}

// contextOf names the newest operation of every feed on a record, and what stands of its existence. What does not open
// here, and what its feed says after it, nobody has seen.
func (c *Client) contextOf(ctx context.Context, v replica.RecordView) ([]syncproto.OpRef, error) {
	newest := map[uint64]syncproto.OpRef{}
	at := map[uint64]uint64{}
	unseen := map[uint64]uint64{} // by feed: the first that does not open here
	for _, contribution := range v.Log {
		for _, o := range contribution.Ops {
			if !o.Kind.Settles() {
				continue
			}
			ref := syncproto.OpRef{Changeset: contribution.Changeset, Index: o.Index}
			locked, _, err := c.closed(ctx, ref, v.State.Fates[ref].Kind)
			if err != nil {
				return nil, err
			}
			if first, ok := unseen[contribution.Feed]; locked && (!ok || o.Seq < first) {
				unseen[contribution.Feed] = o.Seq
			}
		}
	}
	var out []syncproto.OpRef
	for _, contribution := range v.Log {
		for _, o := range contribution.Ops {
			ref := syncproto.OpRef{Changeset: contribution.Changeset, Index: o.Index}
			switch o.Kind {
			case syncproto.KindCreate, syncproto.KindRemove, syncproto.KindRestore:
				if v.State.Fates[ref].Kind == syncproto.FateHead {
					out = append(out, ref)
				}
			}
			if first, ok := unseen[contribution.Feed]; ok && o.Seq >= first {
				continue
			}
			if o.Kind.Settles() && o.Seq >= at[contribution.Feed] {
				at[contribution.Feed], newest[contribution.Feed] = o.Seq, ref
			}
		}
	}
	for _, feed := range slices.Sorted(maps.Keys(newest)) { // in one order: it is signed
		out = append(out, newest[feed])
	}
	return out, nil
}

// Restore brings a removed record back.
func (c *Client) Restore(ctx context.Context, scope syncproto.ScopeID, e syncproto.EntityID) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.rep.Record(ctx, scope, e)
	if err != nil {
		return Saved{}, err
	}
	var standing []syncproto.OpRef
	for _, contribution := range v.Log {
		for _, o := range contribution.Ops {
			ref := syncproto.OpRef{Changeset: contribution.Changeset, Index: o.Index}
			if o.Kind == syncproto.KindRemove && v.State.Fates[ref].Kind == syncproto.FateHead {
				standing = append(standing, ref)
			}
		}
	}
	if len(standing) == 0 {
		return Saved{}, fmt.Errorf("restoring: the record is not removed")
	}
	return c.saveAll(ctx, scope, []Change{{Kind: syncproto.KindRestore, Entity: e, Field: v.State.Kind, Refers: standing}})
}

// Erase orders that every value on a field that is not erased yet be dropped, here and everywhere; hashes and
// signatures stay.
func (c *Client) Erase(ctx context.Context, t Target, basis string) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return Saved{}, err
	}
	var targets []syncproto.OpRef
	for _, contribution := range v.Log {
		for _, o := range contribution.Ops {
			ref := syncproto.OpRef{Changeset: contribution.Changeset, Index: o.Index}
			if o.Field == t.Field.ID && o.Kind.Settles() && v.State.Fates[ref].Kind != syncproto.FateErased {
				targets = append(targets, ref)
			}
		}
	}
	if len(targets) == 0 {
		return Saved{}, fmt.Errorf("erasing %s: nothing is there", t.Field.Name)
	}
	note, err := syncproto.EncodeMessage(basis)
	if err != nil {
		return Saved{}, err
	}
	return c.saveAll(ctx, t.Scope, []Change{{Kind: syncproto.KindErase, Entity: t.Entity, Field: t.Field.ID, Value: note, Refers: targets}})
}

// Decide admits quarantined changesets, so that they take effect, or declines them, so that they stay without effect
// and no longer wait. It covers each named changeset's feed up to it.
func (c *Client) Decide(ctx context.Context, scope syncproto.ScopeID, ids []syncproto.ChangesetID, admit bool, reason string) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := Change{Kind: syncproto.KindDecline, Entity: scopeEntity(scope), Field: scopeField}
	if admit {
		ch.Kind = syncproto.KindAdmit
	}
	for _, id := range ids {
		l, err := c.rep.Changeset(ctx, id)
		if err != nil {
			return Saved{}, fmt.Errorf("deciding on changeset %s: %w", id, err)
		}
		if l.Quarantine == "" || l.Scope != scope {
			return Saved{}, fmt.Errorf("deciding on changeset %s: it is not quarantined in this scope", id)
		}
		ch.UpTo = append(ch.UpTo, l)
	}
	note, err := syncproto.EncodeMessage(reason)
	if err != nil {
		return Saved{}, err
	}
	ch.Value = note
	return c.saveAll(ctx, scope, []Change{ch})
}

// AddToTeam puts members on a visit's team; their laptops get the key from any holder's next sync.
func (c *Client) AddToTeam(ctx context.Context, scope syncproto.ScopeID, people []syncproto.PersonID) (Saved, error) {
	clear, err := syncproto.EncodeMessage(syncproto.TeamChange{Add: people})
	if err != nil {
		return Saved{}, err
	}
	return c.Save(ctx, scope, []Change{{Kind: syncproto.KindTeam, Entity: scopeEntity(scope), Field: scopeField, Clear: clear}})
}

// Quarantined is one changeset that is or was without effect until a person decides.
type Quarantined struct {
	Changeset syncproto.ChangesetID `json:"changeset"`
	Scope     syncproto.ScopeID     `json:"scope"`
	Code      syncproto.Code        `json:"code"`
	Person    syncproto.PersonID    `json:"person"`
	Name      string                `json:"name"`
	Device    syncproto.DeviceID    `json:"device"`
	Ops       int                   `json:"operations"`
	Decision  string                `json:"decision"` // waiting, admitted or declined
}

// Quarantine returns the quarantined work of a scope with what has been decided on it.
func (c *Client) Quarantine(ctx context.Context, scope syncproto.ScopeID) ([]Quarantined, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	declined, err := c.rep.Decided(ctx, scope)
	if err != nil {
		return nil, err
	}
	out := []Quarantined{}
	err = c.rep.Quarantined(ctx, scope, func(l replica.Logged) error {
		q := Quarantined{Changeset: l.ID, Scope: scope, Code: l.Quarantine, Person: l.Person, Device: l.Device, Ops: l.Count, Decision: "waiting"}
		m, _ := c.rep.Roster().Member(l.Person)
		q.Name = m.Name
		switch {
		case l.Admitted:
			q.Decision = "admitted"
		case declined[l.ID]:
			q.Decision = "declined"
		}
		out = append(out, q)
		return nil
	})
	return out, err
}

// TeamWithMe returns a team with the person of this laptop on it, unless their role holds the key of every visit of the
// region anyway: whoever opens a visit must be able to read it.
func (c *Client) TeamWithMe(region string, team []syncproto.PersonID) ([]syncproto.PersonID, error) {
	me, err := c.Person()
	if err != nil {
		return nil, err
	}
	opening := syncproto.ScopeOpening{Region: region, Team: team}
	for _, d := range c.rep.Roster().KeyHolders(opening.Standing()) {
		if d.Owner == me.Person {
			return team, nil
		}
	}
	return append(slices.Clone(team), me.Person), nil
}
