package replica

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"kua/syncproto"
)

// Outline is one position of a scope without its packet.
type Outline struct {
	Position uint64
	Bytes    int            // of the packet as stored
	Mark     syncproto.Hash // changes whenever Logged.Relayed or Logged.Received change
}

// Outlines calls fn for every position of a scope behind one, in order, while rows are open: fn must not use the
// replica.
func (r *Replica) Outlines(ctx context.Context, id syncproto.ScopeID, after uint64, fn func(Outline) error) error {
	err := each(ctx, r.reader(), `
		SELECT c.position, LENGTH(c.packet), c.cs, c.body, c.received, c.redacted, EXISTS (SELECT 1 FROM erasure e WHERE e.changeset = c.id)
		FROM changeset c JOIN scope s ON s.id = c.scope WHERE s.scope = $1 AND c.position > $2 ORDER BY c.position`,
		[]any{id[:], int64(after)}, func(rows *sql.Rows) error {
			var o Outline
			var cs, body []byte
			var received int64
			var redacted, erased bool
			if err := rows.Scan(&o.Position, &o.Bytes, &cs, &body, &received, &redacted, &erased); err != nil {
				return err
			}
			o.Mark = sha256.Sum256(fmt.Appendf(nil, "%x %x %d %t", cs, body, received, erased && !redacted))
			return fn(o)
		})
	if err != nil {
		return fmt.Errorf("outlining scope %s: %w", id, err)
	}
	return nil
}

// NewestRow returns the row of the newest changeset of the log, 0 where it is empty.
func (r *Replica) NewestRow(ctx context.Context) (row int64, err error) {
	err = r.reader().QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) FROM changeset`).Scan(&row)
	return row, err
}

// MovedSince returns the scopes that have a changeset behind a row.
func (r *Replica) MovedSince(ctx context.Context, row int64) (map[syncproto.ScopeID]bool, error) {
	out := map[syncproto.ScopeID]bool{}
	err := each(ctx, r.reader(), `SELECT s.scope FROM scope s WHERE s.id IN (SELECT c.scope FROM changeset c WHERE c.id > $1)`, []any{row}, func(rows *sql.Rows) error {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		out[syncproto.ScopeID(id)] = true
		return nil
	})
	return out, err
}
