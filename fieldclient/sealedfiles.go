package fieldclient

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// statePendingBlobs lists sealed files that have their name and whose record is being saved.
const statePendingBlobs = "attachments pending"

// keepEvidence names the sealed file, then saves its record. Between the two a list in the vault tells of the file: a crash
// there leaves one without a record, and sweepPending knows it.
func (c *Client) keepEvidence(ctx context.Context, scope syncproto.ScopeID, s *sealedOriginal, e Evidence, changes []Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.MayLink(ctx, scope, e.Links, e.fields()["kind"]); err != nil {
		return errors.Join(err, s.file.Discard())
	}
	pending, err := c.pendingBlobs(ctx)
	if err == nil {
		err = c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, statePendingBlobs, append(pending, s.blob[:])) })
	}
	if err != nil {
		return errors.Join(err, s.file.Discard())
	}
	if _, err := s.file.Keep(); err != nil {
		return errors.Join(err, c.sweepPending(context.WithoutCancel(ctx)))
	}
	may := func(cs *syncproto.Changeset) error { return c.mayTakeEffect(cs, nil) }
	closed, err := c.gateBlobs(ctx, scope)
	if err != nil {
		return errors.Join(err, c.sweepPending(context.WithoutCancel(ctx)))
	}
	err = c.sign(ctx, scope, changes, may, func(tx *vault.Tx, _ *syncproto.Changeset) error {
		if c.gates[scope] != nil {
			if err := putState(tx, stateGateBlobs(scope), append(closed, s.blob[:])); err != nil {
				return err
			}
		}
		return putState(tx, statePendingBlobs, pending)
	})
	if err != nil {
		return errors.Join(err, c.sweepPending(context.WithoutCancel(ctx)))
	}
	return nil
}

// stateGateBlobs lists the sealed originals that were added to a visit in gate mode. After a lock their records do not open
// here, and they must reach the server all the same. A hash says nothing of what it is of.
func stateGateBlobs(scope syncproto.ScopeID) string { return "gate attachments/" + scope.String() }

func (c *Client) gateBlobs(ctx context.Context, scope syncproto.ScopeID) (list [][]byte, err error) {
	if err = c.getState(ctx, stateGateBlobs(scope), &list); errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

func (c *Client) pendingBlobs(ctx context.Context) (list [][]byte, err error) {
	if err = c.getState(ctx, statePendingBlobs, &list); errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// sweepPending removes sealed files whose record was not saved: nobody has their key. A file whose record is here stays,
// whatever was answered. After a restore nothing is removed: the record may come back from elsewhere.
func (c *Client) sweepPending(ctx context.Context) error {
	list, err := c.pendingBlobs(ctx)
	if err != nil || len(list) == 0 || c.broken != nil {
		return err
	}
	for _, b := range list {
		if len(b) != sha256.Size || c.restored != "" {
			continue
		}
		named, err := c.namesBlob(ctx, vault.BlobHash(b))
		if err == nil && len(named) == 0 {
			err = c.vault.RemoveBlob(vault.BlobHash(b))
		}
		if err != nil {
			return fmt.Errorf("sweeping attachments: %w", err)
		}
	}
	return c.vault.InTx(ctx, func(tx *vault.Tx) error { return tx.Delete(statePendingBlobs) })
}

// namesBlob returns the records that name a sealed file, in any value that this laptop can read.
func (c *Client) namesBlob(ctx context.Context, h vault.BlobHash) ([]blobName, error) {
	all, err := c.blobNames(ctx)
	return slices.DeleteFunc(all, func(n blobName) bool { return n.hash != h }), err
}

// blobName is one statement that a record's sealed original is a certain file.
type blobName struct {
	scope  syncproto.ScopeID
	entity syncproto.EntityID
	row    uint64
	hash   vault.BlobHash
	gate   bool // known from the gate's list: neither record nor row is told
}

// blobNames returns every statement about sealed files that this laptop can read, also those that were replaced.
func (c *Client) blobNames(ctx context.Context) ([]blobName, error) {
	rows, err := c.mem.Write.QueryContext(ctx, `SELECT scope, entity, changeset, value FROM value WHERE field = 2706 ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("looking for attachments: %w", err)
	}
	defer rows.Close()
	var out []blobName
	for rows.Next() {
		var n blobName
		var scope, entity, value []byte
		if err := rows.Scan(&scope, &entity, &n.row, &value); err != nil {
			return nil, err
		}
		h, ok := hashOf(value)
		if !ok {
			continue
		}
		n.scope, n.entity, n.hash = syncproto.ScopeID(scope), syncproto.EntityID(entity), vault.BlobHash(h)
		out = append(out, n)
	}
	return out, rows.Err()
}

// allBlobs returns blobNames, and the sealed files whose records were closed at a gate.
func (c *Client) allBlobs(ctx context.Context) ([]blobName, error) {
	out, err := c.blobNames(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range c.rep.Scopes() {
		list, err := c.gateBlobs(ctx, s.Scope)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if len(b) == sha256.Size {
				out = append(out, blobName{scope: s.Scope, hash: vault.BlobHash(b), gate: true})
			}
		}
	}
	return out, nil
}

// hashOf reads a SHA-256 from a value.
func hashOf(value []byte) (h [sha256.Size]byte, ok bool) {
	b, err := hex.DecodeString(syncproto.TextOf(value))
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return [sha256.Size]byte(b), true
}

// dropErased removes the sealed originals whose name or key an erasure takes away. One that another record names too stays:
// nobody erases somebody else's evidence by naming it.
func (c *Client) dropErased(ctx context.Context, e replica.Erasure) error {
	for _, place := range e.Places {
		var entity []byte
		err := c.mem.Write.QueryRowContext(ctx, `SELECT entity FROM value WHERE changeset = $1 AND place = $2 AND field IN ($3, $4)`,
			int64(e.Row), place, int64(evidenceBlob), int64(evidenceKey)).Scan(&entity)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking for erased attachments: %w", err)
		}
		if err := c.dropNamed(ctx, uint64(e.Row), syncproto.EntityID(entity)); err != nil {
			return fmt.Errorf("removing an erased attachment: %w", err)
		}
	}
	return nil
}

// dropNamed removes the sealed originals that a changeset names for a record and that no other record names, of this visit
// or of another.
func (c *Client) dropNamed(ctx context.Context, row uint64, entity syncproto.EntityID) error {
	all, err := c.allBlobs(ctx)
	if err != nil {
		return err
	}
	l, err := c.rep.Row(ctx, row)
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.row != row || n.entity != entity {
			continue
		}
		needed, err := c.isNeeded(ctx, slices.DeleteFunc(slices.Clone(all), func(o blobName) bool {
			return o.hash != n.hash || !c.isAnother(o, n, l.Device)
		}))
		if err != nil {
			return err
		}
		if needed {
			continue
		}
		if err := c.vault.RemoveBlob(n.hash); err != nil {
			return err
		}
	}
	return nil
}

// isNeeded reports whether one of the other records that name a file still has the key that was saved with the name, or is closed at the gate. Whose
// key was erased before has no use for the file, and must not keep it for good.
func (c *Client) isNeeded(ctx context.Context, others []blobName) (bool, error) {
	for _, o := range others {
		keys := 0
		err := c.mem.Write.QueryRowContext(ctx, `SELECT count(*) FROM value WHERE changeset = $1 AND entity = $2 AND field = $3`,
			int64(o.row), o.entity[:], int64(evidenceKey)).Scan(&keys)
		if err != nil || o.gate || keys > 0 {
			return true, err
		}
	}
	return false, nil
}

// isAnother reports whether a name of a file belongs to another record than the erased one, which a laptop wrote. A name
// that was closed at the gate tells no record: it is that of the erased one only where this laptop wrote that too.
func (c *Client) isAnother(o, erased blobName, author syncproto.DeviceID) bool {
	if o.scope != erased.scope {
		return true
	}
	if o.gate {
		return author != c.keys.device.ID
	}
	return o.entity != erased.entity
}
