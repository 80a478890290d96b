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

// The states of a changeset on its way (docs/protocol.md §9).
const (
	StateSaved   = "saved"   // durable on this laptop
	StateCarried = "carried" // also on a courier bundle that left it
	StateStored  = "stored"  // the server has signed for it
	StateProven  = "proven"  // in the server's log, proved against a verified checkpoint
)

// carriedMark is the log row that says what a courier bundle took along.
type provenRow struct {
	Changesets []syncproto.ChangesetID `cbor:"1,keyasint"`
	Size       uint64                  `cbor:"2,keyasint"` // of the checkpoint; 0 means carried, not proven
}

// State returns how far a changeset has come.
func (c *Client) State(id syncproto.ChangesetID) string {
	r, ok := c.receipt(id)
	switch {
	case ok && r.proven > 0:
		return StateProven
	case ok && r.epoch != (syncproto.Hash{}):
		return StateStored
	case ok && r.carried:
		return StateCarried
	}
	return StateSaved
}

// StateOf is State, and knows too that what came from the server is stored there, and that a receipt for another body
// than is here is none for this one.
func (c *Client) StateOf(ctx context.Context, l replica.Logged) (string, error) {
	state := c.State(l.ID)
	if r, _ := c.receipt(l.ID); r.signsAnother(l) {
		state = StateSaved
		if r.carried {
			state = StateCarried
		}
		return state, nil
	}
	if state != StateSaved && state != StateCarried {
		return state, nil
	}
	a, err := c.arrivalOf(ctx, l)
	if err == nil && a.server != 0 {
		state = StateStored
	}
	return state, err
}

// signsAnother reports whether the server signed for another body than is here: a courier may have spoiled it on the way.
// Where a value was erased the two may differ.
func (r receiptState) signsAnother(l replica.Logged) bool {
	return r.epoch != (syncproto.Hash{}) && !l.Erased && r.entry.Body != l.Body
}

func (c *Client) receipt(id syncproto.ChangesetID) (receiptState, bool) {
	c.rmu.RLock()
	defer c.rmu.RUnlock()
	r, ok := c.receipts[id]
	return r, ok
}

// countReceipt verifies a receipt and remembers what it says.
func (c *Client) countReceipt(message []byte) error {
	r, err := c.rep.Roster().OpenReceipt(message)
	if err != nil {
		return fmt.Errorf("reading a receipt: %w", err)
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for _, e := range r.Entries {
		s := c.receipts[e.ID]
		if s.epoch != r.Epoch || s.entry.Body != e.Body {
			clear(c.signed)
		}
		if s.epoch != r.Epoch {
			s.proven = 0 // another life of the server's database: its log is another too
		}
		s.entry, s.epoch = e, r.Epoch
		c.receipts[e.ID] = s
	}
	return nil
}

func (c *Client) countProven(payload []byte) error {
	var p provenRow
	if err := syncproto.DecodeMessage(payload, &p); err != nil {
		return err
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for _, id := range p.Changesets {
		s := c.receipts[id]
		if p.Size == 0 {
			s.carried = true
		} else {
			s.proven = p.Size
		}
		c.receipts[id] = s
	}
	return nil
}

// keepReceipt stores a receipt after verifying it. Receipts of servers that the roster does not name are refused.
func (c *Client) keepReceipt(ctx context.Context, message []byte) error {
	if len(message) == 0 {
		return nil
	}
	if err := c.countReceipt(message); err != nil {
		return err
	}
	return c.vault.InTx(ctx, func(tx *vault.Tx) error {
		_, err := tx.Append(rowReceipt, message)
		return err
	})
}

// mark writes down that changesets were carried (size 0) or proven by a checkpoint of that size.
func (c *Client) mark(ctx context.Context, ids []syncproto.ChangesetID, size uint64) error {
	const atOnce = 2000
	for len(ids) > 0 {
		n := min(len(ids), atOnce)
		b, err := syncproto.EncodeMessage(provenRow{ids[:n], size})
		if err != nil {
			return err
		}
		if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { _, err := tx.Append(rowProven, b); return err }); err != nil {
			return fmt.Errorf("writing down what was %s: %w", []string{"carried", "proven"}[min(size, 1)], err)
		}
		if err := c.countProven(b); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// redactLocal drops erased values from the vault and the records: whatever order erasure and body came in.
func (c *Client) redactLocal(ctx context.Context, logged []replica.Logged) error {
	var scopes []syncproto.ScopeID
	for _, l := range logged {
		if !slices.Contains(scopes, l.Scope) {
			scopes = append(scopes, l.Scope)
		}
	}
	for _, scope := range scopes {
		list, err := c.rep.Unredacted(ctx, scope)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := c.redactOne(ctx, e); err != nil {
				return fmt.Errorf("erasing values of changeset %s: %w", e.ID, err)
			}
		}
	}
	return nil
}

// redactOne drops the erased values of one changeset. A body that is withheld, or closed to this laptop, is left as it
// is: nothing of it shows, packet does not pass it on, and the other values in it may be the last there are.
func (c *Client) redactOne(ctx context.Context, e replica.Erasure) error {
	body, err := c.redacted(ctx, e)
	if errors.Is(err, errNoKey) || err == nil && body.Form == syncproto.BodyWithheld {
		return nil
	}
	if err != nil {
		return err
	}
	_, payload, err := c.vault.Read(ctx, e.Ext)
	if err != nil {
		return err
	}
	var s storedPacket
	if err := syncproto.DecodeMessage(payload, &s); err != nil {
		return err
	}
	p, err := syncproto.DecodePacket(s.Packet)
	if err != nil {
		return err
	}
	s.Packet = p.WithBody(body).Encode()
	if payload, err = syncproto.EncodeMessage(s); err != nil {
		return err
	}
	if err := c.dropErased(ctx, e); err != nil { // before the values: a crash between the two is made good at the next unlock
		return err
	}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Replace(e.Ext, rowPacket, payload) }); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := c.hide(ctx, e.Row, e.Places); err != nil {
		return err
	}
	return c.rep.InTx(ctx, func(tx *replica.Tx) error { return tx.Redact(e.ID, body, e.Erased()) })
}

// redacted returns a changeset's body without the erased values, sealed again under the same key.
func (c *Client) redacted(ctx context.Context, e replica.Erasure) (syncproto.Body, error) {
	cs, err := c.changesetOf(ctx, e.Logged, nil)
	if err != nil {
		return syncproto.Body{}, err
	}
	if cs.Body.Form == syncproto.BodyWithheld {
		return cs.Body, nil
	}
	values, err := cs.Open(c.opener(cs))
	if err != nil {
		return syncproto.Body{}, err
	}
	erase := make(map[int]bool, len(e.Places))
	there := false
	for _, p := range e.Places {
		erase[p] = true
		there = there || p < len(values.Leaves) && !values.Leaves[p].Erased
	}
	if !there {
		return cs.Body, nil // somebody else did it
	}
	content := values.Redact(erase).Encode()
	if cs.Body.Form == syncproto.BodyPlain {
		return syncproto.Body{Form: syncproto.BodyPlain, Content: content}, nil
	}
	box, err := c.seal(cs, content)
	return syncproto.Body{Form: syncproto.BodySealed, Content: box}, err
}

func (c *Client) seal(cs *syncproto.Changeset, content []byte) ([]byte, error) {
	key, ok := c.scopes[cs.Header.Scope].key(cs.Header.Key.Commitment)
	if !ok {
		return nil, errNoKey
	}
	return seal.SealBody(c.cfg.Rand, key, cs.ID[:], content)
}
