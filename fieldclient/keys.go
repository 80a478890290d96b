package fieldclient

import (
	"context"
	"fmt"
	"slices"

	"kua/syncproto"
	"kua/syncproto/seal"
)

// scopeKeys returns the keys of a scope. They are not stored: each unlock unwraps them from the log with the device's
// sealing key.
func (c *Client) scopeKeys(id syncproto.ScopeID) *scopeKeys {
	if s, ok := c.scopes[id]; ok {
		return s
	}
	s := &scopeKeys{keys: map[uint64]seal.VisitKey{}, recipients: map[syncproto.DeviceID]bool{}}
	c.scopes[id] = s
	return s
}

// takeKeys reads the visit keys that a changeset carries for this laptop, and opens what waited for them.
func (c *Client) takeKeys(ctx context.Context, cs *syncproto.Changeset) error {
	for i := range cs.Ops {
		if cs.Ops[i].Kind != syncproto.KindKeyWrap {
			continue
		}
		var w syncproto.KeyWraps
		if err := syncproto.DecodeMessage(cs.Ops[i].Clear, &w); err != nil {
			continue // a wrap that does not parse is for nobody
		}
		if err := c.takeWraps(ctx, cs, &w); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) takeWraps(ctx context.Context, cs *syncproto.Changeset, w *syncproto.KeyWraps) error {
	scope := cs.Header.Scope
	s := c.scopeKeys(scope)
	if w.Epoch > s.newest {
		s.newest = w.Epoch
		clear(s.recipients)
	}
	for _, one := range w.Wraps {
		if w.Epoch == s.newest {
			s.recipients[one.Recipient] = true
		}
		if one.Recipient != c.keys.device.ID || s.has(w.Epoch) {
			continue
		}
		key, err := seal.Unwrap(c.keys.sealing, wrapInfo(scope, w.Epoch, cs.Header.Device, c.keys.device.ID), one.Wrap)
		if err != nil || key.Commitment() != w.Commitment {
			continue // made for somebody else, or spoiled: another holder's wrap may still come
		}
		s.keys[w.Epoch] = key
		if err := c.unlockBodies(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func wrapInfo(scope syncproto.ScopeID, epoch uint64, author, recipient syncproto.DeviceID) seal.WrapInfo {
	return seal.WrapInfo{Scope: scope, Epoch: epoch, Author: author, Recipient: recipient}
}

// unlockBodies shows the values of sealed bodies whose key has now come.
func (c *Client) unlockBodies(ctx context.Context, s *scopeKeys) error {
	waiting := s.locked
	s.locked = nil
	var list []shown
	for _, w := range waiting {
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
	return c.show(ctx, list)
}

// recoveryID names the organisation's recovery key as the recipient of a wrap.
func recoveryID(org *syncproto.Organisation) syncproto.DeviceID {
	return syncproto.DeviceIDOf(org.Recovery)
}

// wrapsFor wraps a visit key to devices and, where asked for, to the organisation's recovery key.
func (c *Client) wrapsFor(scope syncproto.ScopeID, epoch uint64, key seal.VisitKey, devices []syncproto.Device, recovery bool) (Change, error) {
	w := syncproto.KeyWraps{Epoch: epoch, Commitment: key.Commitment()}
	add := func(id syncproto.DeviceID, public []byte) error {
		pub, err := seal.ParsePublicKey(public)
		if err != nil {
			return err
		}
		wrap, err := seal.Wrap(pub, wrapInfo(scope, epoch, c.keys.device.ID, id), key)
		w.Wraps = append(w.Wraps, syncproto.KeyWrap{Recipient: id, Wrap: wrap})
		return err
	}
	for _, d := range devices {
		if err := add(d.ID, d.Sealing); err != nil {
			return Change{}, fmt.Errorf("wrapping the visit key to device %s: %w", d.ID, err)
		}
	}
	if org := c.rep.Roster().Organisation(); recovery {
		if err := add(recoveryID(org), org.Recovery); err != nil {
			return Change{}, fmt.Errorf("wrapping the visit key to the recovery key: %w", err)
		}
	}
	clear, err := syncproto.EncodeMessage(w)
	return Change{Kind: syncproto.KindKeyWrap, Entity: scopeEntity(scope), Field: scopeField, Clear: clear}, err
}

// scopeField is the pseudo-kind of operations on the scope itself.
const scopeField syncproto.Field = 2900

// scopeEntity is the record that operations on the scope itself are filed under.
func scopeEntity(s syncproto.ScopeID) syncproto.EntityID { return syncproto.EntityID(s) }

// ShareKeys gives the visit keys that this laptop holds to entitled devices that have none yet: laptops that were
// enrolled, and people who joined a team, since the visit was opened (docs/protocol.md §7). It returns how many wraps
// it saved.
func (c *Client) ShareKeys(ctx context.Context) (int, error) {
	total := 0
	for _, st := range c.rep.Scopes() {
		n, err := c.shareKey(ctx, st.Scope, &st.Standing)
		if err != nil {
			return total, fmt.Errorf("sharing the key of visit %s: %w", st.Scope, err)
		}
		total += n
	}
	return total, nil
}

func (c *Client) shareKey(ctx context.Context, id syncproto.ScopeID, st *syncproto.Standing) (int, error) {
	c.mu.Lock()
	s := c.scopes[id]
	var missing []syncproto.Device
	if s != nil && !st.Registry {
		missing = slices.DeleteFunc(c.rep.Roster().KeyHolders(st), func(d syncproto.Device) bool { return s.recipients[d.ID] })
	}
	var change Change
	var err error
	if len(missing) > 0 {
		key, ok := s.key(s.newest)
		if !ok {
			missing = nil
		} else {
			change, err = c.wrapsFor(id, s.newest, key, missing, false)
		}
	}
	c.mu.Unlock()
	me, perr := c.Person()
	if err != nil || len(missing) == 0 || perr != nil || !c.rep.Roster().RightsNow(me.Person, st).Has(syncproto.RightWrite) {
		return 0, err
	}
	_, err = c.Save(ctx, id, []Change{change})
	return len(missing), err
}
