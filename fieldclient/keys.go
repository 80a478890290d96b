package fieldclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// scopeKeys returns the keys of a scope. They are not stored: each unlock unwraps them from the log with the device's
// sealing key.
func (c *Client) scopeKeys(id syncproto.ScopeID) *scopeKeys {
	if s, ok := c.scopes[id]; ok {
		return s
	}
	s := &scopeKeys{keys: map[syncproto.Hash]seal.VisitKey{}, gateKeys: map[syncproto.Hash]seal.VisitKey{}}
	if g := c.gates[id]; g != nil {
		maps.Copy(s.gateKeys, g.keys)
	}
	c.scopes[id] = s
	return s
}

// takeKeys reads the visit keys that a changeset carries for this laptop, and opens what waited for them. Quarantined
// work is opened too, so that a person can look at it; but its keys are not sealed under, see choose.
func (c *Client) takeKeys(ctx context.Context, l replica.Logged, cs *syncproto.Changeset) error {
	for i := range cs.Ops {
		if cs.Ops[i].Kind != syncproto.KindKeyWrap {
			continue
		}
		var w syncproto.KeyWraps
		if err := syncproto.DecodeMessage(cs.Ops[i].Clear, &w); err != nil {
			continue // a wrap that does not parse is for nobody
		}
		s := c.scopeKeys(cs.Header.Scope)
		s.note(l, &w)
		if err := c.takeWraps(ctx, s, cs, &w, c.keys.sealing, c.keys.device.ID); err != nil {
			return err
		}
	}
	return nil
}

// takeWraps unwraps what is there for one recipient. Only who holds a gate key can wrap it under an epoch, which
// releases it; nobody's word alone does.
func (c *Client) takeWraps(ctx context.Context, s *scopeKeys, cs *syncproto.Changeset, w *syncproto.KeyWraps, private seal.PrivateKey, recipient syncproto.DeviceID) error {
	for _, one := range w.Wraps {
		_, had := s.keys[w.Commitment]
		if _, atGate := s.gateKeys[w.Commitment]; had || atGate && w.Epoch == syncproto.GateEpoch || one.Recipient != recipient {
			continue
		}
		key, err := seal.Unwrap(private, wrapInfo(cs.Header.Scope, w.Epoch, cs.Header.Device, recipient), one.Wrap)
		if err != nil || key.Commitment() != w.Commitment {
			continue // made for somebody else, or spoiled: another holder's wrap may still come
		}
		if w.Epoch == syncproto.GateEpoch {
			s.gateKeys[w.Commitment] = key
		} else {
			s.keys[w.Commitment] = key
			delete(s.gateKeys, w.Commitment)
		}
		if err := c.unlockBodies(ctx, s, w.Commitment); err != nil {
			return err
		}
	}
	s.choose()
	return nil
}

// wrapped is what a changeset says of one key: who made it or passed it on, and who has it since.
type wrapped struct {
	name       keyName
	row        uint64
	author     syncproto.DeviceID
	recipients []syncproto.DeviceID
	effective  bool
}

func (s *scopeKeys) note(l replica.Logged, w *syncproto.KeyWraps) {
	if w.Epoch == 1 && s.first == (syncproto.Hash{}) {
		s.first = w.Commitment // of the opening: nothing comes before it
	}
	n := wrapped{name: keyName{w.Epoch, w.Commitment}, row: uint64(l.Row), author: l.Device, effective: l.Quarantine == "" || l.Admitted}
	for _, one := range w.Wraps {
		n.recipients = append(n.recipients, one.Recipient)
	}
	if w.Epoch == syncproto.GateEpoch {
		s.gateWraps = append(s.gateWraps, n)
		return
	}
	s.wraps = append(s.wraps, n)
}

// choose decides which key the next save is sealed under: the newest that is held here and came in work that takes
// effect, so that whoever holds a revoked laptop does not choose it. An epoch counts only where the one before it has
// begun: nobody can use up the numbers. Where none is left, as on a laptop that was revoked itself, work goes on under
// what there is, for a person to decide on.
func (s *scopeKeys) choose() {
	begun := map[uint64]bool{}
	s.epochs, s.recipients = map[syncproto.Hash]uint64{}, map[syncproto.Hash]map[syncproto.DeviceID]bool{}
	for i := range s.wraps {
		if w := &s.wraps[i]; w.effective {
			begun[w.name.epoch] = true
			s.count(w)
		}
	}
	var last uint64
	for begun[last+1] {
		last++
	}
	var effective, any keyName
	for i := range s.wraps {
		w := &s.wraps[i]
		if _, held := s.keys[w.name.commitment]; !held {
			continue
		}
		if w.name.newerThan(any) {
			any = w.name
		}
		name := keyName{s.epochs[w.name.commitment], w.name.commitment}
		if w.effective && name.epoch <= last && name.newerThan(effective) {
			effective = name
		}
	}
	s.current = effective
	if s.current == (keyName{}) {
		s.current = any
	}
}

// count files who holds a key. Its maker does, whether or not there is a wrap that says so.
func (s *scopeKeys) count(w *wrapped) {
	k := w.name.commitment
	if e, ok := s.epochs[k]; !ok || w.name.epoch < e {
		s.epochs[k] = w.name.epoch
	}
	if s.recipients[k] == nil {
		s.recipients[k] = map[syncproto.DeviceID]bool{}
	}
	s.recipients[k][w.author] = true
	for _, r := range w.recipients {
		s.recipients[k][r] = true
	}
}

// judgeKeys looks again at which wraps take effect, in the given scopes or, with nil, in all: a revocation, a team or a
// person's decision has changed it.
func (c *Client) judgeKeys(ctx context.Context, scopes map[syncproto.ScopeID]bool) error {
	for id, s := range c.scopes {
		if scopes != nil && !scopes[id] {
			continue
		}
		changed, err := c.judgeWraps(ctx, s.wraps)
		if err != nil {
			return err
		}
		if _, err := c.judgeWraps(ctx, s.gateWraps); err != nil {
			return err
		}
		if changed {
			s.choose()
		}
	}
	return nil
}

func (c *Client) judgeWraps(ctx context.Context, wraps []wrapped) (changed bool, err error) {
	for i := range wraps {
		l, err := c.rep.Row(ctx, wraps[i].row)
		if err != nil {
			return false, err
		}
		now := l.Quarantine == "" || l.Admitted
		changed, wraps[i].effective = changed || now != wraps[i].effective, now
	}
	return changed, nil
}

// judges reports whether a changeset may change which others take effect.
func judges(cs *syncproto.Changeset) bool {
	return slices.ContainsFunc(cs.Ops, func(o syncproto.Op) bool {
		return o.Kind == syncproto.KindAdmit || o.Kind == syncproto.KindDecline || o.Kind == syncproto.KindTeam
	})
}

func wrapInfo(scope syncproto.ScopeID, epoch uint64, author, recipient syncproto.DeviceID) seal.WrapInfo {
	return seal.WrapInfo{Scope: scope, Epoch: epoch, Author: author, Recipient: recipient}
}

// unlockBodies shows the values of sealed bodies whose key has now come.
func (c *Client) unlockBodies(ctx context.Context, s *scopeKeys, key syncproto.Hash) error {
	waiting := s.locked
	s.locked = nil
	var list []shown
	for _, w := range waiting {
		if w.key != key {
			s.locked = append(s.locked, w)
			continue
		}
		l, err := c.rep.Row(ctx, w.row)
		if err != nil {
			return err
		}
		cs, err := c.changesetOf(ctx, l, nil)
		if err != nil {
			return err
		}
		values, err := c.valuesOf(l, cs)
		if err != nil {
			return err
		}
		list = append(list, values...)
	}
	if err := c.show(ctx, list); err != nil {
		return err
	}
	if len(list) > 0 {
		c.checklists.movedAll() // only now: who reads meanwhile does not have them
	}
	return nil
}

// recoveryID names the organisation's recovery key as the recipient of a wrap.
func recoveryID(org *syncproto.Organisation) syncproto.DeviceID {
	return syncproto.DeviceIDOf(org.Recovery)
}

// wrapsFor wraps a visit key to devices and, where asked for, to the organisation's recovery key. A device whose
// sealing key does not parse gets none: it must not keep the others from theirs.
func (c *Client) wrapsFor(scope syncproto.ScopeID, epoch uint64, key seal.VisitKey, devices []syncproto.Device, recovery bool) (Change, error) {
	w := syncproto.KeyWraps{Epoch: epoch, Commitment: key.Commitment()}
	to := slices.Clone(devices)
	if recovery {
		org := c.rep.Roster().Organisation()
		to = append(to, syncproto.Device{ID: recoveryID(org), Sealing: org.Recovery})
	}
	for _, d := range to {
		pub, err := seal.ParsePublicKey(d.Sealing)
		if err != nil {
			continue
		}
		wrap, err := seal.Wrap(pub, wrapInfo(scope, epoch, c.keys.device.ID, d.ID), key)
		if err != nil {
			return Change{}, fmt.Errorf("wrapping the visit key to device %s: %w", d.ID, err)
		}
		w.Wraps = append(w.Wraps, syncproto.KeyWrap{Recipient: d.ID, Wrap: wrap})
	}
	clear, err := syncproto.EncodeMessage(w)
	return Change{Kind: syncproto.KindKeyWrap, Entity: scopeEntity(scope), Field: scopeField, Clear: clear}, err
}

// scopeField is the pseudo-kind of operations on the scope itself.
const scopeField syncproto.Field = 2900

// scopeEntity is the record that operations on the scope itself are filed under.
func scopeEntity(s syncproto.ScopeID) syncproto.EntityID { return syncproto.EntityID(s) }

// ShareKeys keeps the visit keys where they belong (docs/protocol.md §7): entitled devices that have none yet get a
// wrap, and where somebody who holds the current key is entitled no longer, a new key epoch begins without them. It
// returns how many wraps it saved.
func (c *Client) ShareKeys(ctx context.Context) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	me, err := c.Person()
	if d, ok := c.rep.Roster().Device(c.keys.device.ID); errors.Is(err, ErrNotEnrolled) || ok && d.Revoked() {
		return 0, nil // what a revoked laptop shares would wait in quarantine, and be shared again at each sync
	}
	if err != nil {
		return 0, err
	}
	total := 0
	for _, st := range c.rep.Scopes() {
		if st.Standing.Registry {
			continue
		}
		n, err := c.shareKey(ctx, st.Scope, &st.Standing, c.rep.Roster().RightsNow(me.Person, &st.Standing))
		if err != nil {
			return total, fmt.Errorf("sharing the key of visit %s: %w", st.Scope, err)
		}
		total += n
	}
	return total, nil
}

func (c *Client) shareKey(ctx context.Context, id syncproto.ScopeID, st *syncproto.Standing, rights syncproto.Rights) (int, error) {
	s := c.scopes[id]
	if _, ok := s.now(); !ok || !rights.Has(syncproto.RightWrite) || s.epochs[s.current.commitment] == 0 {
		return 0, nil
	}
	holders := slices.DeleteFunc(c.rep.Roster().KeyHolders(st), func(d syncproto.Device) bool {
		_, err := seal.ParsePublicKey(d.Sealing)
		return err != nil
	})
	entitled := map[syncproto.DeviceID]bool{recoveryID(c.rep.Roster().Organisation()): true}
	for _, d := range holders {
		entitled[d.ID] = true
	}
	// Only those who may change a team begin an epoch: fewer keys begin twice.
	if rights.Has(syncproto.RightTeam) && !subset(s.recipients[s.current.commitment], entitled) && entitled[c.keys.device.ID] {
		return c.newEpoch(ctx, id, s, holders)
	}
	changes, wraps, err := c.missingWraps(id, s, holders)
	if err != nil {
		return 0, err
	}
	more, moreWraps, err := c.missingGateWraps(id, s, st)
	changes, wraps = append(changes, more...), wraps+moreWraps
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	_, err = c.saveAll(ctx, id, changes) // of many keys more than one changeset
	return wraps, err
}

// missingWraps wraps every key that is held here, of this and of earlier epochs, to the entitled devices that have no
// wrap of it, and to the organisation's recovery key: who joins reads what was written before.
func (c *Client) missingWraps(id syncproto.ScopeID, s *scopeKeys, holders []syncproto.Device) (changes []Change, wraps int, err error) {
	recovery := recoveryID(c.rep.Roster().Organisation())
	for _, commitment := range slices.SortedFunc(maps.Keys(s.epochs), func(a, b syncproto.Hash) int { return slices.Compare(a[:], b[:]) }) {
		key, held := s.keys[commitment]
		missing := slices.DeleteFunc(slices.Clone(holders), func(d syncproto.Device) bool { return s.recipients[commitment][d.ID] })
		lost := !s.recipients[commitment][recovery]
		if !held || len(missing) == 0 && !lost {
			continue
		}
		change, err := c.wrapsFor(id, s.epochs[commitment], key, missing, lost)
		if err != nil {
			return nil, 0, err
		}
		changes, wraps = append(changes, change), wraps+len(missing)
		if lost {
			wraps++
		}
	}
	return changes, wraps, nil
}

func subset(a, b map[syncproto.DeviceID]bool) bool {
	for id := range a {
		if !b[id] {
			return false
		}
	}
	return true
}

// newEpoch begins a key epoch: what is saved from now on is closed to whoever is not among holders. What they have
// seen already they keep.
func (c *Client) newEpoch(ctx context.Context, id syncproto.ScopeID, s *scopeKeys, holders []syncproto.Device) (int, error) {
	key, err := seal.NewVisitKey(c.cfg.Rand)
	if err != nil {
		return 0, err
	}
	change, err := c.wrapsFor(id, s.current.epoch+1, key, holders, true)
	if err != nil {
		return 0, err
	}
	// Sealed under the old key, so that everybody who could read until now sees who began the new one.
	_, err = c.save(ctx, id, []Change{change}, nil)
	return len(holders), err
}

// Recover opens every visit with the organisation's recovery key and wraps what it opens to this laptop: for the day
// on which no holder of a key is left. It returns how many visits it opened.
func (c *Client) Recover(ctx context.Context, recovery []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	private, err := seal.ParsePrivateKey(recovery)
	if err != nil {
		return 0, fmt.Errorf("recovering: %w", err)
	}
	if org := c.rep.Roster().Organisation(); org == nil || !bytes.Equal(private.Public().Bytes(), org.Recovery) {
		return 0, errors.New("recovering: this is not the recovery key of this organisation: take the other file")
	}
	opened := 0
	for _, st := range c.rep.Scopes() {
		n, err := c.recoverScope(ctx, st.Scope, private)
		if err != nil {
			return opened, fmt.Errorf("recovering visit %s: %w", st.Scope, err)
		}
		opened += n
	}
	return opened, nil
}

func (c *Client) recoverScope(ctx context.Context, id syncproto.ScopeID, private seal.PrivateKey) (int, error) {
	me := syncproto.Device{ID: c.keys.device.ID, Sealing: c.keys.device.Sealing}
	mine := recoveryID(c.rep.Roster().Organisation())
	var changes []Change
	err := c.rep.Pull(ctx, id, 0, 1<<30, func(l replica.Logged) error {
		cs, err := c.changesetOf(ctx, l, nil)
		if err != nil {
			return err
		}
		for i := range cs.Ops {
			var w syncproto.KeyWraps
			if cs.Ops[i].Kind != syncproto.KindKeyWrap || syncproto.DecodeMessage(cs.Ops[i].Clear, &w) != nil {
				continue
			}
			s := c.scopeKeys(id)
			if _, had := s.key(w.Commitment); had {
				continue
			}
			if err := c.takeWraps(ctx, s, cs, &w, private, mine); err != nil {
				return err
			}
			key, ok := s.key(w.Commitment)
			if !ok {
				continue
			}
			change, err := c.wrapsFor(id, w.Epoch, key, []syncproto.Device{me}, false)
			if err != nil {
				return err
			}
			changes = append(changes, change)
		}
		return nil
	})
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	_, err = c.saveAll(ctx, id, changes)
	return 1, err
}
