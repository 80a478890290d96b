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

// arrival is one verified changeset on its way into the vault and the records.
type arrival struct {
	cs       *syncproto.Changeset
	ext      int64 // row in the vault; 0 while it is not there
	received uint64
	server   uint64
	stranger bool // its device was not in the roster when the signature should have been checked
}

const arrivalsAtOnce = 500

// replay reads the vault's log into memory.
func (c *Client) replay(ctx context.Context) error {
	var batch []arrival
	var roster [][]byte // only one of the two holds something: order counts
	flush := func() error {
		err := c.merge(ctx, batch)
		if err == nil {
			err = c.readRoster(ctx, roster)
		}
		batch, roster = batch[:0], roster[:0]
		return err
	}
	err := c.vault.Scan(ctx, 0, func(id int64, kind uint8, payload []byte) error {
		switch kind {
		case rowPacket:
			a, err := c.stored(id, payload)
			if err != nil {
				return fmt.Errorf("row %d: %w", id, err)
			}
			if len(roster) > 0 || len(batch) == arrivalsAtOnce {
				if err := flush(); err != nil {
					return err
				}
			}
			batch = append(batch, a)
		case rowRoster:
			if len(batch) > 0 {
				if err := flush(); err != nil {
					return err
				}
			}
			roster = append(roster, slices.Clone(payload))
		case rowReceipt:
			if len(roster) > 0 { // it names the server
				if err := flush(); err != nil {
					return err
				}
			}
			return c.countReceipt(payload)
		case rowProven:
			return c.countProven(payload)
		case rowRefused:
			a, err := c.stored(id, payload)
			if err != nil {
				return fmt.Errorf("row %d: %w", id, err)
			}
			c.refused[a.cs.Header.Scope] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	if err := c.judgeKeys(ctx, nil); err != nil {
		return err
	}
	return c.loadFeeds(ctx)
}

// stored takes apart a packet from the vault. Its signature was verified before it was sealed there.
func (c *Client) stored(id int64, payload []byte) (arrival, error) {
	var s storedPacket
	if err := syncproto.DecodeMessage(payload, &s); err != nil {
		return arrival{}, err
	}
	p, err := syncproto.DecodePacket(s.Packet)
	if err != nil {
		return arrival{}, err
	}
	cs, err := syncproto.ParsePacket(p)
	return arrival{cs: cs, ext: id, received: s.Received, server: s.Server}, err
}

// readRoster reads durable records in, and shows what had waited for them.
func (c *Client) readRoster(ctx context.Context, records [][]byte) error {
	if len(records) == 0 {
		return nil
	}
	var first int64
	err := c.rep.InTx(ctx, func(tx *replica.Tx) error {
		first = tx.NextRow()
		known, twice := c.rep.Roster(), map[string]bool{}
		for _, rec := range records {
			if isKnown(known, rec) || twice[string(rec)] {
				continue
			}
			twice[string(rec)] = true
			if err := tx.AppendRoster(rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the roster: %w", err)
	}
	logged, err := c.showNew(ctx, first, nil)
	c.checklists.movedAll() // whose work takes effect, in any scope
	if err != nil {
		return err
	}
	return c.redactLocal(ctx, logged)
}

// loadFeeds reads which feeds this laptop appends to, and which visits are in gate mode.
func (c *Client) loadFeeds(ctx context.Context) error {
	for _, s := range c.rep.Scopes() {
		if err := c.loadGate(ctx, s.Scope); err != nil {
			return err
		}
		var f ownFeed
		err := c.getState(ctx, stateFeed(s.Scope), &f)
		if errors.Is(err, vault.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		c.feeds[s.Scope] = &f
	}
	return nil
}

// absorb stores arrivals durably and merges them. Changesets that are here already are passed over. also runs in
// the same vault transaction, so that a cursor never gets ahead of what it stands for.
func (c *Client) absorb(ctx context.Context, items []arrival, also func(*vault.Tx) error) error {
	fresh, fuller, err := c.sift(ctx, items)
	if err != nil {
		return err
	}
	err = c.vault.InTx(ctx, func(tx *vault.Tx) error {
		rows := make([]vault.Row, len(fresh))
		for i, a := range fresh {
			b, err := syncproto.EncodeMessage(storedPacket{a.cs.Packet.Encode(), a.received, a.server})
			if err != nil {
				return err
			}
			rows[i] = vault.Row{Kind: rowPacket, Payload: b}
		}
		first, err := tx.AppendAll(rows)
		if err != nil {
			return err
		}
		for i := range fresh {
			fresh[i].ext = first + int64(i)
		}
		for _, a := range fuller {
			b, err := syncproto.EncodeMessage(storedPacket{a.cs.Packet.Encode(), a.received, a.server})
			if err != nil {
				return err
			}
			if err := tx.Replace(a.ext, rowPacket, b); err != nil {
				return err
			}
		}
		if also != nil {
			return also(tx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing what came: %w", err)
	}
	err = c.inMemory(ctx, func(ctx context.Context) error {
		if err := c.merge(ctx, fresh); err != nil {
			return err
		}
		return c.refill(ctx, fuller)
	})
	if err != nil {
		return err
	}
	return c.noticeOwn(context.WithoutCancel(ctx), fresh)
}

// sift passes over what is here, and finds what is here without its values and now came with them.
func (c *Client) sift(ctx context.Context, items []arrival) (fresh, fuller []arrival, err error) {
	roster := c.rep.Roster()
	twice := make(map[syncproto.ChangesetID]bool, len(items))
	for _, a := range items {
		_, away := c.away[a.cs.Header.Scope]
		if twice[a.cs.ID] || away || !a.knownBy(roster) {
			continue
		}
		twice[a.cs.ID] = true
		l, here, err := c.isHere(ctx, a.cs)
		if err != nil {
			return nil, nil, err
		}
		held := false
		if !here {
			if held, err = c.rep.Holds(ctx, a.cs.ID); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case here && c.lacks(l, a.cs):
			a.ext = l.Ext
			fuller = append(fuller, a)
		case !here && !held:
			fresh = append(fresh, a)
		}
	}
	return fresh, fuller, nil
}

// knownBy checks the signature of a device that came into the roster since the changeset was looked at. What the vault
// holds of a device that the roster knows is not checked again at each unlock: a forgery must not get there.
func (a *arrival) knownBy(roster *syncproto.Roster) bool {
	if !a.stranger {
		return true
	}
	d, ok := roster.Device(a.cs.Header.Device)
	if !ok {
		return true // held, and checked when its device is known
	}
	a.stranger = false
	return a.cs.Verify(d.Signing) == nil
}

// lacks reports whether a changeset is here without values that show, and now came with some that do: a server withholds
// them from the order to erase some until a holder of the key has brought the others, and whoever carries a sealed body
// can spoil it.
func (c *Client) lacks(l replica.Logged, cs *syncproto.Changeset) bool {
	withheld := cs.Packet.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}).BodyHash()
	if cs.Body.Form == syncproto.BodyWithheld || l.Body != withheld && !c.spoiled[l.ID] {
		return false
	}
	_, err := cs.Open(c.opener(cs))
	return err == nil || errors.Is(err, errNoKey)
}

// refill shows the values of changesets that were here without them. They are in the vault already.
func (c *Client) refill(ctx context.Context, items []arrival) error {
	for _, a := range items {
		err := c.rep.InTx(ctx, func(tx *replica.Tx) error { return tx.Refill(a.cs.ID, a.cs.Packet.BodyHash()) })
		if err != nil {
			return fmt.Errorf("taking in values of changeset %s: %w", a.cs.ID, err)
		}
		l, err := c.rep.Changeset(ctx, a.cs.ID)
		if err != nil {
			return err
		}
		values, err := c.valuesOf(l, a.cs)
		if err != nil {
			return err
		}
		if err := c.show(ctx, values); err != nil {
			return err
		}
		c.checklists.moved(l.Scope)
		if err := c.redactLocal(ctx, []replica.Logged{l}); err != nil {
			return err
		}
	}
	return nil
}

// isHere returns a changeset as it is in the log. What continues a feed beyond its newest changeset cannot be.
func (c *Client) isHere(ctx context.Context, cs *syncproto.Changeset) (l replica.Logged, here bool, err error) {
	f, ok := c.rep.Feed(cs.Header.Feed())
	if !ok || cs.Header.N > f.N {
		return l, false, nil
	}
	l, err = c.rep.Changeset(ctx, cs.ID)
	if errors.Is(err, replica.ErrNotFound) {
		return l, false, nil
	}
	return l, err == nil, err
}

// merge takes stored changesets into the records, shows their values and drops those that were erased.
func (c *Client) merge(ctx context.Context, items []arrival) error {
	logged, err := c.mergeOnly(ctx, items)
	if err != nil {
		return err
	}
	return c.redactLocal(ctx, logged)
}

// broughtBy names whose share of the memory for work that waits a changeset takes: its author's, and of all devices that
// nobody knows one share together. A stick can hold any number of them.
func broughtBy(roster *syncproto.Roster, cs *syncproto.Changeset) syncproto.DeviceID {
	if _, ok := roster.Device(cs.Header.Device); ok {
		return cs.Header.Device
	}
	return syncproto.DeviceID{0xff}
}

// mergeOnly takes stored changesets into the records and shows their values. The vault is not written.
func (c *Client) mergeOnly(ctx context.Context, items []arrival) ([]replica.Logged, error) {
	if len(items) == 0 {
		return nil, nil
	}
	byID := make(map[syncproto.ChangesetID]*arrival, len(items))
	incoming := make([]replica.Incoming, len(items))
	for i := range items {
		a := &items[i]
		byID[a.cs.ID] = a
		at := a.received
		if a.server != 0 {
			at = a.server
		}
		incoming[i] = replica.Incoming{CS: a.cs, Received: int64(at), Ext: a.ext, By: broughtBy(c.rep.Roster(), a.cs), Unverified: a.stranger}
	}
	var first int64
	err := c.rep.InTx(ctx, func(tx *replica.Tx) error {
		first = tx.NextRow()
		_, err := tx.Ingest(incoming)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("merging: %w", err)
	}
	logged, err := c.showNew(ctx, first, byID)
	for i := range logged {
		c.checklists.moved(logged[i].Scope)
	}
	return logged, err
}

// showNew shows every changeset that the log took since row first: arrivals, and what had been held for them.
func (c *Client) showNew(ctx context.Context, first int64, byID map[syncproto.ChangesetID]*arrival) (logged []replica.Logged, err error) {
	var list []shown
	if err := c.rep.Since(ctx, first, func(l replica.Logged) error { logged = append(logged, l); return nil }); err != nil {
		return nil, err
	}
	judged := map[syncproto.ScopeID]bool{}
	for _, l := range logged {
		cs, err := c.changesetOf(ctx, l, byID)
		if err != nil {
			return nil, err
		}
		if err := c.takeKeys(ctx, l, cs); err != nil {
			return nil, err
		}
		if judges(cs) {
			judged[l.Scope] = true
		}
		c.noteAliases(cs)
		values, err := c.valuesOf(l, cs)
		if err != nil {
			return nil, err
		}
		list = append(list, values...)
		c.hlc = c.hlc.Observe(cs.Header.HLC0, c.trusted())
	}
	if len(judged) > 0 {
		if err := c.judgeKeys(ctx, judged); err != nil {
			return nil, err
		}
	}
	return logged, c.show(ctx, list)
}

func (c *Client) changesetOf(ctx context.Context, l replica.Logged, byID map[syncproto.ChangesetID]*arrival) (*syncproto.Changeset, error) {
	if a, ok := byID[l.ID]; ok {
		return a.cs, nil
	}
	a, err := c.arrivalOf(ctx, l)
	return a.cs, err
}

// arrivalOf reads a logged changeset back from the vault.
func (c *Client) arrivalOf(ctx context.Context, l replica.Logged) (arrival, error) {
	_, payload, err := c.vault.Read(ctx, l.Ext)
	if err != nil {
		return arrival{}, fmt.Errorf("reading changeset %s: %w", l.ID, err)
	}
	return c.stored(l.Ext, payload)
}

// valuesOf opens a changeset's values. A body whose key has not come is remembered; one that does not open is an
// incident of its own and shows as missing values, never as a crash.
func (c *Client) valuesOf(l replica.Logged, cs *syncproto.Changeset) ([]shown, error) {
	values, err := cs.Open(c.opener(cs))
	if errors.Is(err, errNoKey) {
		s := c.scopeKeys(cs.Header.Scope)
		k := cs.Header.Key
		s.locked = append(s.locked, lockedBody{uint64(l.Row), k.Commitment, k.Epoch == syncproto.GateEpoch})
		return nil, nil
	}
	if err != nil {
		c.spoiled[l.ID] = true // Verify names it
		return nil, nil
	}
	delete(c.spoiled, l.ID)
	var out []shown
	for i, leaf := range values.Leaves {
		o := &cs.Ops[i]
		if leaf.Erased || !o.Kind.Settles() && o.Kind != syncproto.KindAdmit && o.Kind != syncproto.KindEndorse && o.Kind != syncproto.KindErase {
			continue
		}
		out = append(out, shown{cs.Header.Scope, uint64(l.Row), i, o.Entity, o.Field, leaf.Value})
	}
	return out, nil
}

var errNoKey = errors.New("the visit key has not come to this laptop")

// opener opens bodies of a changeset's scope and epoch.
func (c *Client) opener(cs *syncproto.Changeset) syncproto.Opener {
	return func(aad, box []byte) ([]byte, error) {
		k := cs.Header.Key
		key, ok := c.scopes[cs.Header.Scope].key(k.Commitment)
		if !ok {
			return nil, errNoKey
		}
		return seal.OpenBody(key, k.Commitment, aad, box)
	}
}

// noticeOwn finds changesets of this laptop's current feeds that it did not write as far as it knows: its data was
// restored. It opens new incarnations.
func (c *Client) noticeOwn(ctx context.Context, items []arrival) error {
	for _, a := range items {
		h := &a.cs.Header
		f := c.feeds[h.Scope]
		if h.Device == c.keys.device.ID && f != nil && f.Incarnation == h.Incarnation && (h.N > f.N || h.N == f.N && a.cs.ID != f.Head) {
			return c.abandonFeeds(ctx, "restored: our own later work came back from elsewhere")
		}
	}
	return nil
}
