package replica

import (
	"context"
	"database/sql"
	"fmt"

	"kua/syncproto"
)

// Erasure is a changeset some of whose values a right-holder ordered to be dropped.
type Erasure struct {
	Logged
	Places []int // indexes of the operations
}

// Unredacted returns the changesets of a scope whose stored body still holds erased values.
func (r *Replica) Unredacted(ctx context.Context, id syncproto.ScopeID) ([]Erasure, error) {
	var out []Erasure
	err := each(ctx, r.reader(), `SELECT `+loggedColumns+`, e.place FROM changeset c JOIN scope s ON s.id = c.scope JOIN erasure e ON e.changeset = c.id
		WHERE s.scope = $1 AND c.redacted = 0 ORDER BY c.id, e.place`, []any{id[:]}, func(rows *sql.Rows) error {
		var place int
		l, err := r.scanLogged(rows, &place)
		if err != nil {
			return err
		}
		if k := len(out) - 1; k < 0 || out[k].Row != l.Row {
			out = append(out, Erasure{Logged: l})
		}
		out[len(out)-1].Places = append(out[len(out)-1].Places, place)
		return nil
	})
	return out, err
}

// Redact replaces the stored body of a changeset by its redacted form and remembers that. It refuses where no
// erasure is known, so that nobody can drop values without a signed order (docs/protocol.md §2, I12).
func (t *Tx) Redact(id syncproto.ChangesetID, body syncproto.Body) error {
	var row int64
	var packet []byte
	err := t.QueryRowContext(t.ctx, `
		SELECT c.id, c.packet FROM changeset c WHERE c.cs = $1 AND EXISTS (SELECT 1 FROM erasure e WHERE e.changeset = c.id)`, id[:]).Scan(&row, &packet)
	if err == sql.ErrNoRows {
		return syncproto.Refuse(syncproto.CodeUnauthorized, "redacting changeset %s: no erasure of it is known here", id)
	}
	if err != nil {
		return err
	}
	if packet == nil {
		return t.exec(`UPDATE changeset SET redacted = 1 WHERE id = $1`, row)
	}
	p, err := syncproto.DecodePacket(packet)
	if err != nil {
		return fmt.Errorf("redacting changeset %s: %w", id, err)
	}
	p = p.WithBody(body)
	if _, err := syncproto.ParsePacket(p); err != nil {
		return fmt.Errorf("redacting changeset %s: %w", id, err)
	}
	hash := p.BodyHash()
	return t.exec(`UPDATE changeset SET redacted = 1, packet = $2, body = $3 WHERE id = $1`, row, p.Encode(), hash[:])
}

// Relayed returns the packet of a changeset as it may be passed on: while an erasure waits for its redacted body,
// without values.
func (l Logged) Relayed() ([]byte, error) {
	if !l.Erased || l.Redacted {
		return l.Packet, nil
	}
	p, err := syncproto.DecodePacket(l.Packet)
	if err != nil {
		return nil, err
	}
	return p.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}).Encode(), nil
}
