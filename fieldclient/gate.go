package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// In gate mode a laptop cannot read again what it saved before it was locked: each unlock draws a key of its own, wraps
// it to the people who stay outside, and keeps it in memory only. docs/decisions/0011-gate-mode.md says why it is so.

// ErrNoKeeper says that nobody who stays outside could open and release what gate mode seals. Nothing was changed.
var ErrNoKeeper = errors.New("nobody who stays outside the building could release it again")

// gate is a visit in gate mode. Nothing of it but the mode itself is on the disk.
type gate struct {
	now  syncproto.Hash                   // commitment of the key that the next save is sealed under; zero before the first
	to   []syncproto.DeviceID             // who can open it
	keys map[syncproto.Hash]seal.VisitKey // all keys of this unlock: what they seal is readable until the lock
}

func stateGate(s syncproto.ScopeID) string { return "gate/" + s.String() }

// EnterGate puts a visit into gate mode on this laptop, until LeaveGate: what is saved in it from now on can be read
// here until the laptop is locked and never after, whatever is typed, until somebody outside releases it. The mode
// outlives a lock and a crash; each unlock seals under a key of its own. ErrNoKeeper where no coordinator of the region
// stays outside.
func (c *Client) EnterGate(ctx context.Context, scope syncproto.ScopeID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, ok := c.rep.Scope(scope)
	if !ok || st.Standing.Registry {
		return fmt.Errorf("entering gate mode: visit %s: %w", scope, ErrNotFound)
	}
	me, err := c.Person()
	if err != nil {
		return fmt.Errorf("entering gate mode: %w", err)
	}
	release := func(d syncproto.Device) bool { return c.mayRelease(d.Owner, &st.Standing) }
	if !slices.ContainsFunc(c.keepers(&st.Standing, me.Person), release) {
		return fmt.Errorf("entering gate mode: %w: a coordinator of the region who is not on the team is needed", ErrNoKeeper)
	}
	if c.gates[scope] != nil {
		return nil
	}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateGate(scope), true) }); err != nil {
		return fmt.Errorf("entering gate mode: %w", err)
	}
	c.gates[scope] = &gate{keys: map[syncproto.Hash]seal.VisitKey{}}
	if err := c.ensureGate(ctx, scope); err != nil {
		return fmt.Errorf("entering gate mode: %w", err)
	}
	return nil
}

// LeaveGate ends gate mode for a visit. What was sealed at the gate is closed to this laptop from now on, as after a lock.
func (c *Client) LeaveGate(ctx context.Context, scope syncproto.ScopeID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.gates[scope]
	if g == nil {
		return nil
	}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Delete(stateGate(scope)) }); err != nil {
		return fmt.Errorf("leaving gate mode: %w", err)
	}
	delete(c.gates, scope)
	g.wipe()
	c.checklists.forget(scope)
	return c.rebuild(context.WithoutCancel(ctx)) // what the keys had opened is in memory
}

func (g *gate) wipe() {
	for _, k := range g.keys {
		k.Wipe()
	}
}

// loadGate reads whether a visit is in gate mode. Its keys are gone: the next save draws another.
func (c *Client) loadGate(ctx context.Context, scope syncproto.ScopeID) error {
	if c.gates[scope] != nil {
		return nil // the records are made anew during one unlock
	}
	var on bool
	err := c.getState(ctx, stateGate(scope), &on)
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	if err == nil {
		c.gates[scope] = &gate{keys: map[syncproto.Hash]seal.VisitKey{}}
	}
	return err
}

// keepers returns the devices that a gate key is wrapped to: those of coordinators and protection officers of the
// region who are neither on the team nor the carrier. Nobody who may be inside the building is among them.
func (c *Client) keepers(st *syncproto.Standing, carrier syncproto.PersonID) []syncproto.Device {
	return slices.DeleteFunc(c.rep.Roster().KeyHolders(st), func(d syncproto.Device) bool {
		_, err := seal.ParsePublicKey(d.Sealing)
		return err != nil || d.Owner == carrier || st.Team[d.Owner]
	})
}

// mayRelease reports whether a person may give the team back what was sealed at the gate.
func (c *Client) mayRelease(p syncproto.PersonID, st *syncproto.Standing) bool {
	rights := c.rep.Roster().RightsNow(p, st)
	return rights.Has(syncproto.RightTeam) || rights.Has(syncproto.RightLead)
}

// ensureGate begins a gate key where a save needs one: the first of an unlock, where the one before was released, and
// where somebody who can open it may not any more.
func (c *Client) ensureGate(ctx context.Context, scope syncproto.ScopeID) error {
	g := c.gates[scope]
	if g == nil {
		return nil
	}
	st, _ := c.rep.Scope(scope)
	me, err := c.Person()
	if err != nil {
		return err
	}
	keepers := c.keepers(&st.Standing, me.Person)
	outside := func(id syncproto.DeviceID) bool {
		return slices.ContainsFunc(keepers, func(d syncproto.Device) bool { return d.ID == id })
	}
	_, released := c.scopeKeys(scope).keys[g.now]
	expelled := slices.ContainsFunc(g.to, func(id syncproto.DeviceID) bool { return !outside(id) })
	if g.now != (syncproto.Hash{}) && !released && !expelled {
		return nil
	}
	return c.beginGate(ctx, scope, g, keepers)
}

// beginGate draws a gate key and makes its wraps durable before anything is sealed under it. Where no keeper is left it
// is wrapped to the organisation's recovery key alone: a save never fails for it.
func (c *Client) beginGate(ctx context.Context, scope syncproto.ScopeID, g *gate, keepers []syncproto.Device) error {
	key, err := seal.NewVisitKey(c.cfg.Rand)
	if err != nil {
		return err
	}
	wraps, err := c.wrapsFor(scope, syncproto.GateEpoch, key, keepers, true)
	if err != nil {
		return err
	}
	may := func(cs *syncproto.Changeset) error { return c.mayTakeEffect(cs, nil) }
	if err := c.signUnder(ctx, scope, c.scopeKeys(scope).current, []Change{wraps}, may, nil); err != nil {
		return fmt.Errorf("beginning a gate key: %w", err)
	}
	name := syncproto.Hash(key.Commitment())
	g.now, g.keys[name], g.to = name, key, nil
	for _, d := range keepers {
		g.to = append(g.to, d.ID)
	}
	c.scopeKeys(scope).gateKeys[name] = key
	return nil
}

// missingGateWraps wraps gate keys that are held here to keepers who came later. To the carrier and the team nothing is
// given: that is for a person to do, see ReleaseGate.
func (c *Client) missingGateWraps(id syncproto.ScopeID, s *scopeKeys, st *syncproto.Standing) (changes []Change, wraps int, err error) {
	has, inside := map[syncproto.Hash]map[syncproto.DeviceID]bool{}, map[syncproto.Hash]map[syncproto.PersonID]bool{}
	for _, w := range s.gateWraps {
		k := w.name.commitment
		if has[k] == nil {
			has[k], inside[k] = map[syncproto.DeviceID]bool{}, map[syncproto.PersonID]bool{}
		}
		if d, ok := c.rep.Roster().Device(w.author); ok {
			inside[k][d.Owner] = true // its maker may be a coordinator, and carried the laptop in
		}
		for _, r := range w.recipients {
			has[k][r] = has[k][r] || w.effective
		}
	}
	all := c.keepers(st, syncproto.PersonID{})
	for _, k := range sortedHashes(s.gateKeys) {
		missing := slices.DeleteFunc(slices.Clone(all), func(d syncproto.Device) bool { return has[k][d.ID] || inside[k][d.Owner] })
		if len(missing) == 0 || has[k] == nil {
			continue
		}
		change, err := c.wrapsFor(id, syncproto.GateEpoch, s.gateKeys[k], missing, false)
		if err != nil {
			return nil, 0, err
		}
		changes, wraps = append(changes, change), wraps+len(missing)
	}
	return changes, wraps, nil
}

// releaseEpoch is the epoch under which a gate key is given back: the oldest, so that nothing new is sealed under it
// where a later one has begun.
const releaseEpoch = 1

// ReleaseGate gives what was sealed at the gates of a visit back to everybody entitled, the team among them: after
// their next sync they read it. It takes somebody outside the building who may lead the visit or change its team. It
// returns how many gate keys it released; a gate key of this laptop's own is not among them.
func (c *Client) ReleaseGate(ctx context.Context, scope syncproto.ScopeID) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st, ok := c.rep.Scope(scope)
	if !ok || st.Standing.Registry {
		return 0, fmt.Errorf("releasing what was sealed at the gate: visit %s: %w", scope, ErrNotFound)
	}
	me, err := c.Person()
	if err == nil && !c.mayRelease(me.Person, &st.Standing) {
		err = ErrNoRight
	}
	if err != nil {
		return 0, fmt.Errorf("releasing what was sealed at the gate: %w", err)
	}
	s := c.scopeKeys(scope)
	holders := c.rep.Roster().KeyHolders(&st.Standing)
	var changes []Change
	for _, k := range sortedHashes(s.gateKeys) {
		if g := c.gates[scope]; g != nil {
			if _, own := g.keys[k]; own {
				continue
			}
		}
		change, err := c.wrapsFor(scope, releaseEpoch, s.gateKeys[k], holders, true)
		if err != nil {
			return 0, fmt.Errorf("releasing what was sealed at the gate: %w", err)
		}
		changes = append(changes, change)
	}
	_, err = c.saveAll(ctx, scope, changes)
	return len(changes), err
}

func sortedHashes(m map[syncproto.Hash]seal.VisitKey) []syncproto.Hash {
	out := make([]syncproto.Hash, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b syncproto.Hash) int { return slices.Compare(a[:], b[:]) })
	return out
}

// GateState says how a visit stands with gate mode on this laptop.
type GateState struct {
	Scope      syncproto.ScopeID `json:"visit"`
	On         bool              `json:"on"`         // what is saved here is sealed at the gate
	Sealed     int               `json:"sealed"`     // changesets here that were sealed at a gate and do not open on this laptop
	Waiting    int               `json:"waiting"`    // gate keys of others that this laptop holds and nobody has released
	MayRelease bool              `json:"mayRelease"` // this person may release them
	Keepers    []string          `json:"keepers"`    // who can open what is sealed here now, by name
}

// Gate returns how a visit stands with gate mode on this laptop.
func (c *Client) Gate(scope syncproto.ScopeID) (GateState, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := GateState{Scope: scope, Keepers: []string{}}
	st, ok := c.rep.Scope(scope)
	me, err := c.Person()
	if err != nil || !ok || st.Standing.Registry {
		return out, errors.Join(err, fmt.Errorf("gate mode of visit %s: %w", scope, ErrNotFound))
	}
	g, s := c.gates[scope], c.scopeKeys(scope)
	out.On, out.MayRelease = g != nil, c.mayRelease(me.Person, &st.Standing)
	for _, w := range s.locked {
		if w.gate {
			out.Sealed++
		}
	}
	for k := range s.gateKeys {
		if g == nil || g.keys[k].Commitment() != k {
			out.Waiting++
		}
	}
	for _, d := range c.keepers(&st.Standing, me.Person) {
		m, _ := c.rep.Roster().Member(d.Owner)
		if !slices.Contains(out.Keepers, m.Name) {
			out.Keepers = append(out.Keepers, m.Name)
		}
	}
	slices.Sort(out.Keepers)
	return out, nil
}

// closed reports whether what an operation says does not open on this laptop, and whether that is because it was sealed at
// the gate. fate is what became of it: what was erased is not closed.
func (c *Client) closed(ctx context.Context, ref syncproto.OpRef, fate syncproto.FateKind) (locked, gate bool, err error) {
	if value, err := c.value(ctx, ref); err != nil || value != nil || fate == syncproto.FateErased {
		return false, false, err
	}
	l, err := c.rep.Row(ctx, ref.Changeset)
	if err != nil {
		return false, false, err
	}
	a, err := c.arrivalOf(ctx, l)
	if err != nil {
		return false, false, err
	}
	locked = a.cs.Body.Form == syncproto.BodySealed
	return locked, locked && a.cs.Header.Key != nil && a.cs.Header.Key.Epoch == syncproto.GateEpoch, nil
}

// closedAtGate reports whether some of these changesets are sealed under a gate key that nobody has released. They
// cannot be signed again: after a crash between, nobody here could open them.
func (c *Client) closedAtGate(ctx context.Context, list []replica.Logged) (bool, error) {
	for _, l := range list {
		cs, err := c.changesetOf(ctx, l, nil)
		if err != nil {
			return false, err
		}
		k := cs.Header.Key
		if k == nil || k.Epoch != syncproto.GateEpoch {
			continue
		}
		if _, released := c.scopeKeys(l.Scope).keys[k.Commitment]; !released {
			return true, nil
		}
	}
	return false, nil
}

// leaveFeed goes on in a new feed, and in gate mode under a new key whose wraps are in that feed. What is in the old one
// stays as it is.
func (c *Client) leaveFeed(ctx context.Context, scope syncproto.ScopeID, feed syncproto.FeedID, what string) error {
	f := c.feeds[scope]
	if f == nil || syncproto.NewFeedID(c.keys.device.ID, scope, f.Incarnation) != feed {
		return c.noteOnce(ctx, Incident{What: what, Scope: scope.String()})
	}
	err := c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if err := tx.Delete(stateFeed(scope)); err != nil {
			return err
		}
		return c.note(tx, Incident{What: what, Scope: scope.String()})
	})
	if err != nil {
		return err
	}
	c.noted[Incident{What: what, Scope: scope.String()}] = true
	delete(c.feeds, scope)
	if g := c.gates[scope]; g != nil {
		g.now = syncproto.Hash{}
	}
	return nil
}
