package fieldclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// Whoever goes to a gate takes one visit along. What is not on the laptop needs no passphrase to be safe: see
// docs/decisions/0012-travel-light.md.

// ErrAway says that a visit was removed from this laptop with TravelLight. It is on the server.
var ErrAway = errors.New("the visit was removed from this laptop")

// rowRemoved stands where a row was removed: ids count without gaps.
const rowRemoved uint8 = 7

const stateAway = "away"

// awayVisit is a visit that was removed from this laptop.
type awayVisit struct {
	Scope syncproto.ScopeID    `cbor:"1,keyasint"`
	Epoch syncproto.Hash       `cbor:"2,keyasint"` // life of the server's database that held all of it
	Heads []syncproto.FeedHead `cbor:"3,keyasint"` // what it held
}

// Stayed is a visit that TravelLight could not remove.
type Stayed struct {
	Scope syncproto.ScopeID `json:"visit"`
	Why   string            `json:"why"` // one of the sentences below
}

// Why a visit stays.
const (
	StayNoServer  = "this laptop never met the server: sync first"
	StayGate      = "it is in gate mode: leave that first"
	StayOriginals = "the server has not acknowledged all of its photos, sounds and files: sync first"
	StayErasure   = "the server has not taken an erasure yet: sync first"
	StayRefused   = "it holds work that the server refused, which is kept as evidence"
	StayEarly     = "it holds work that waits for other work to come first"
	StayOwn       = "the server has not signed for all of this laptop's work in it: sync first"
	StayOthers    = "it holds work of others that may not be on the server: sync first"
)

// TravelReport says what TravelLight did.
type TravelReport struct {
	Removed    []syncproto.ScopeID `json:"removed"`
	Changesets int                 `json:"changesets"` // removed with them
	Stayed     []Stayed            `json:"stayed"`     // neither asked to be kept nor safe to remove
}

// TravelLight removes every visit but those named from this laptop: packets, values and keys. It removes a visit only
// where the server has signed for every changeset of this laptop's own in it, in the life of its database that this
// laptop met last, and is known to hold all others; the rest stays, with the reason. Syncs pass removed visits over
// until BringBack. What the vault's files held is overwritten as far as the file system and the drive do so.
func (c *Client) TravelLight(ctx context.Context, keep []syncproto.ScopeID) (TravelReport, error) {
	out := TravelReport{Removed: []syncproto.ScopeID{}, Stayed: []Stayed{}}
	if !c.underway.TryLock() {
		return out, errors.New("travelling light: a sync is running: wait for its end")
	}
	defer c.underway.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range keep {
		if st, ok := c.rep.Scope(id); !ok || st.Standing.Registry {
			return out, fmt.Errorf("travelling light: visit %s: %w", id, ErrNotFound)
		}
	}
	p, err := c.packing(ctx, keep)
	if err == nil {
		err = p.attachments(ctx)
	}
	if err != nil {
		return out, fmt.Errorf("travelling light: %w", err)
	}
	for _, s := range c.rep.Scopes() {
		why, going := p.stays[s.Scope]
		switch {
		case going && why == "":
			out.Removed = append(out.Removed, s.Scope)
			out.Changesets += p.changesets[s.Scope]
		case going:
			out.Stayed = append(out.Stayed, Stayed{s.Scope, why})
		}
	}
	if len(out.Removed) == 0 {
		return out, nil
	}
	if err := c.removeVisits(ctx, p); err != nil {
		return out, fmt.Errorf("travelling light: %w", err)
	}
	return out, nil
}

// packing is a walk through the vault's log before a journey. The rows decide, not the records in memory: what is in
// no record yet, because something else has to come first, is in a row all the same.
type packing struct {
	c          *Client
	epoch      syncproto.Hash               // the server's life that this laptop met last
	stays      map[syncproto.ScopeID]string // of the visits that are not to be kept: why they stay, or ""
	synced     map[syncproto.ScopeID]bool   // in that life: what came from the server before it is there, or was sent again
	changesets map[syncproto.ScopeID]int
	rows       []removedRow
	proven     []int64    // rows that name changesets of any scope
	names      []blobName // of sealed originals, whole, in part or not here, of all visits
}

// attachments keeps the visits whose sealed originals no server has whole.
func (p *packing) attachments(ctx context.Context) error {
	held, err := p.c.heldBlobs(ctx)
	if err != nil {
		return err
	}
	for _, b := range held {
		if why, going := p.stays[b.scope]; going && why == "" && b.state != StateStored {
			p.stays[b.scope] = StayOriginals
		}
	}
	p.c.whole.RLock()
	defer p.c.whole.RUnlock()
	p.names, err = p.c.allBlobs(ctx)
	return err
}

func (p *packing) goes(scope syncproto.ScopeID) bool {
	why, going := p.stays[scope]
	return going && why == ""
}

// forgetOriginals takes what is known of the originals of the visits that go out of the vault's state, and lists the files
// that go with them: what a crash leaves of them goes at the next unlock.
func (p *packing) forgetOriginals(tx *vault.Tx, leaving [][]byte) error {
	for _, n := range p.names {
		if !p.goes(n.scope) {
			continue
		}
		if err := tx.Delete(stateBlob(n.scope, n.hash)); err != nil {
			return err
		}
		leaving = append(leaving, n.hash[:])
	}
	if len(leaving) == 0 {
		return nil
	}
	return putState(tx, stateLeavingBlobs, leaving)
}

// stateLeavingBlobs lists sealed files of visits that were removed from this laptop.
const stateLeavingBlobs = "attachments leaving"

func (c *Client) leavingBlobs(ctx context.Context) (list [][]byte, err error) {
	if err = c.getState(ctx, stateLeavingBlobs, &list); errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// sweepLeaving removes the sealed files, whole or in part, of visits that were removed. One that a visit which is here
// names as well stays. A server has all of them, so it holds after a restore too.
func (c *Client) sweepLeaving(ctx context.Context) error {
	list, err := c.leavingBlobs(ctx)
	if err != nil || len(list) == 0 || c.broken != nil {
		return err
	}
	names, err := c.allBlobs(ctx)
	if err != nil {
		return err
	}
	needed := map[vault.BlobHash]bool{}
	for _, n := range names {
		needed[n.hash] = true
	}
	var failed error
	for _, b := range list {
		if len(b) == sha256.Size && !needed[vault.BlobHash(b)] {
			failed = errors.Join(failed, c.vault.RemoveBlob(vault.BlobHash(b)))
		}
	}
	if failed != nil {
		return fmt.Errorf("removing the originals of removed visits: %w", failed)
	}
	return c.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Delete(stateLeavingBlobs) })
}

type removedRow struct {
	scope syncproto.ScopeID
	id    int64
}

func (c *Client) packing(ctx context.Context, keep []syncproto.ScopeID) (*packing, error) {
	p := &packing{c: c, stays: map[syncproto.ScopeID]string{}, synced: map[syncproto.ScopeID]bool{}, changesets: map[syncproto.ScopeID]int{}}
	if err := c.getState(ctx, stateEpoch, &p.epoch); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return nil, err
	}
	for _, s := range c.rep.Scopes() {
		if s.Standing.Registry || slices.Contains(keep, s.Scope) {
			continue
		}
		why, err := p.unready(ctx, s.Scope)
		if err != nil {
			return nil, err
		}
		p.stays[s.Scope] = why
	}
	return p, c.vault.Scan(ctx, 0, func(id int64, kind uint8, payload []byte) error { return p.row(ctx, id, kind, payload) })
}

// unready returns why a visit as a whole cannot be removed now, or "".
func (p *packing) unready(ctx context.Context, scope syncproto.ScopeID) (string, error) {
	var cur syncproto.Cursor
	if err := p.c.getState(ctx, stateCursor(scope), &cur); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return "", err
	}
	if p.epoch == (syncproto.Hash{}) {
		return StayNoServer, nil
	}
	p.synced[scope] = cur.Epoch == p.epoch
	if p.c.gates[scope] != nil {
		return StayGate, nil
	}
	erased, err := p.c.rep.Redacted(ctx, scope)
	if err != nil || len(erased) == 0 {
		return "", err
	}
	var had redactedState
	if err := p.c.getState(ctx, stateRedacted(scope), &had); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return "", err
	}
	count := 0
	for _, e := range erased {
		count += len(e.Places)
	}
	if had.Epoch != p.epoch || had.Count != count {
		return StayErasure, nil
	}
	return "", nil
}

func (p *packing) row(ctx context.Context, id int64, kind uint8, payload []byte) error {
	switch kind {
	case rowPacket, rowRefused:
		a, err := p.c.stored(id, payload)
		if err != nil {
			return fmt.Errorf("row %d: %w", id, err)
		}
		scope := a.cs.Header.Scope
		why, going := p.stays[scope]
		if !going || why != "" {
			return nil
		}
		if kind == rowRefused {
			p.stays[scope] = StayRefused
			return nil
		}
		if why, err = p.unacknowledged(ctx, &a); err != nil {
			return err
		}
		p.stays[scope] = why
		p.rows = append(p.rows, removedRow{scope, id})
		p.changesets[scope]++
	case rowReceipt:
		r, err := p.c.rep.Roster().OpenReceipt(payload)
		if err != nil {
			return fmt.Errorf("row %d: %w", id, err)
		}
		if _, going := p.stays[r.Scope]; going {
			p.rows = append(p.rows, removedRow{r.Scope, id})
		}
	case rowProven:
		p.proven = append(p.proven, id)
	}
	return nil
}

// unacknowledged returns why a changeset must not be removed, or "" where the server holds it for certain.
func (p *packing) unacknowledged(ctx context.Context, a *arrival) (string, error) {
	l, err := p.c.rep.Changeset(ctx, a.cs.ID)
	if errors.Is(err, replica.ErrNotFound) {
		return StayEarly, nil
	}
	if err != nil {
		return "", err
	}
	r, ok := p.c.receipt(l.ID)
	signed := ok && r.epoch == p.epoch && !r.signsAnother(l)
	switch {
	case signed, l.Device != p.c.keys.device.ID && a.server != 0 && p.synced[l.Scope] && !r.signsAnother(l):
		return "", nil
	case l.Device == p.c.keys.device.ID:
		return StayOwn, nil
	}
	return StayOthers, nil
}

// removeVisits takes visits out of the vault, then out of the memory and from the disk.
func (c *Client) removeVisits(ctx context.Context, p *packing) error {
	away, err := c.forgetVisits(ctx, p)
	if err != nil {
		return err
	}
	c.away = away
	for scope := range p.stays {
		if p.goes(scope) {
			c.checklists.forget(scope)
		}
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(c.rebuild(ctx), c.sweepLeaving(ctx))
}

// forgetVisits overwrites the rows of visits and forgets what was kept about them, in one transaction. The feeds are
// forgotten too: who brings a visit back writes in a new one, so no number is ever used again.
func (c *Client) forgetVisits(ctx context.Context, p *packing) (map[syncproto.ScopeID]awayVisit, error) {
	away := maps.Clone(c.away)
	for scope, why := range p.stays {
		if why != "" {
			continue
		}
		heads, err := c.rep.Heads(ctx, scope)
		if err != nil {
			return nil, err
		}
		away[scope] = awayVisit{scope, p.epoch, heads}
	}
	leaving, err := c.leavingBlobs(ctx)
	if err != nil {
		return nil, err
	}
	gone := map[syncproto.ChangesetID]bool{}
	return away, c.vault.InTx(ctx, func(tx *vault.Tx) error {
		for _, row := range p.rows {
			if p.stays[row.scope] != "" {
				continue
			}
			if err := c.removeRow(tx, row.id, gone); err != nil {
				return err
			}
		}
		for _, id := range p.proven {
			if err := removeProven(tx, id, gone); err != nil {
				return err
			}
		}
		for scope, why := range p.stays {
			if why != "" {
				continue
			}
			for _, name := range []string{stateFeed(scope), stateCursor(scope), stateUnread(scope), stateRedo(scope), stateRedacted(scope), stateGateBlobs(scope), stateRemembered(TakenAlong(scope))} {
				if err := tx.Delete(name); err != nil {
					return err
				}
			}
		}
		if err := p.forgetOriginals(tx, leaving); err != nil {
			return err
		}
		return putAway(tx, away)
	})
}

func (c *Client) removeRow(tx *vault.Tx, id int64, gone map[syncproto.ChangesetID]bool) error {
	kind, payload, err := tx.Read(id)
	if err != nil {
		return err
	}
	if kind == rowPacket {
		a, err := c.stored(id, payload)
		if err != nil {
			return err
		}
		gone[a.cs.ID] = true
	}
	return tx.Replace(id, rowRemoved, nil)
}

// removeProven takes removed changesets out of a row that says what was carried or proven.
func removeProven(tx *vault.Tx, id int64, gone map[syncproto.ChangesetID]bool) error {
	_, payload, err := tx.Read(id)
	if err != nil {
		return err
	}
	var row provenRow
	if err := syncproto.DecodeMessage(payload, &row); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(row.Changesets), func(cs syncproto.ChangesetID) bool { return gone[cs] })
	switch len(left) {
	case len(row.Changesets):
		return nil
	case 0:
		return tx.Replace(id, rowRemoved, nil)
	}
	row.Changesets = left
	b, err := syncproto.EncodeMessage(row)
	if err != nil {
		return err
	}
	return tx.Replace(id, rowProven, b)
}
