package replica

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"kua/syncproto"
)

// Erasure is a changeset some of whose values a right-holder ordered to be dropped.
type Erasure struct {
	Logged
	Places []int // indexes of the operations
}

// Erased returns Places as a Redaction names them.
func (e Erasure) Erased() []uint64 {
	out := make([]uint64, len(e.Places))
	for i, p := range e.Places {
		out[i] = uint64(p)
	}
	return out
}

// Unredacted returns the changesets of a scope whose stored body still holds erased values.
func (r *Replica) Unredacted(ctx context.Context, id syncproto.ScopeID) ([]Erasure, error) {
	return r.erasures(ctx, id, 0)
}

func (r *Replica) erasures(ctx context.Context, id syncproto.ScopeID, redacted int) ([]Erasure, error) {
	// Erasures are rare and this is asked after every save: begin with them, not with the scope's log.
	var some bool
	if err := r.reader().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM erasure)`).Scan(&some); err != nil || !some {
		return nil, err
	}
	var out []Erasure
	err := each(ctx, r.reader(), `SELECT `+loggedColumns+`, e.place FROM (SELECT changeset, place FROM erasure ORDER BY changeset) e
		JOIN changeset c ON c.id = e.changeset JOIN scope s ON s.id = c.scope
		WHERE s.scope = $1 AND c.redacted = $2 ORDER BY c.id, e.place`, []any{id[:], redacted}, func(rows *sql.Rows) error {
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

// Redact replaces the stored body of a changeset by its redacted form and remembers that. erased is what its maker says
// is not in it: of a sealed body nobody else can tell, and the same bytes may be right, where a store got a body only
// after its redaction. It refuses where no erasure is known, so that nobody can drop values without a signed order, and
// where more was ordered than its maker knew (docs/protocol.md §2, I12).
func (t *Tx) Redact(id syncproto.ChangesetID, body syncproto.Body, erased []uint64) error {
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
	if body.Form == syncproto.BodyWithheld {
		return syncproto.Refuse(syncproto.CodeMalformed, "redacting changeset %s: without its other values: send the body that keeps them", id)
	}
	ordered, err := collect(t, `SELECT place FROM erasure WHERE changeset = $1 ORDER BY place`, []any{row}, func(rows *sql.Rows) (i int, err error) {
		return i, rows.Scan(&i)
	})
	if err != nil {
		return err
	}
	for _, i := range ordered {
		if !slices.Contains(erased, uint64(i)) {
			return syncproto.Refuse(syncproto.CodeBadValues, "redacting changeset %s: value %d was to be erased and is there: sync, and send a newer one", id, i)
		}
	}
	if packet == nil {
		return t.exec(`UPDATE changeset SET redacted = 1 WHERE id = $1`, row)
	}
	p, err := syncproto.DecodePacket(packet)
	if err != nil {
		return fmt.Errorf("redacting changeset %s: %w", id, err)
	}
	redacted := p.WithBody(body)
	if err := checkRedaction(ordered, p, redacted); err != nil {
		return fmt.Errorf("redacting changeset %s: %w", id, err)
	}
	hash := redacted.BodyHash()
	p = redacted
	return t.exec(`UPDATE changeset SET redacted = 1, packet = $2, body = $3 WHERE id = $1`, row, p.Encode(), hash[:])
}

// checkRedaction checks what can be checked without a key: the form, and in a plain body that exactly the ordered
// values are gone.
func checkRedaction(places []int, before, after syncproto.Packet) error {
	cs, err := syncproto.ParsePacket(after)
	if err != nil || cs.Body.Form != syncproto.BodyPlain {
		return err
	}
	values, err := cs.Open(nil)
	if err != nil {
		return err
	}
	old, err := syncproto.ParsePacket(before)
	if err != nil {
		return err
	}
	had, err := old.Open(nil)
	if err != nil {
		return err
	}
	for i, leaf := range values.Leaves {
		gone := i < len(had.Leaves) && had.Leaves[i].Erased
		switch ordered := slices.Contains(places, i); {
		case ordered && !leaf.Erased:
			return syncproto.Refuse(syncproto.CodeBadValues, "value %d was to be erased and is there", i)
		case !ordered && leaf.Erased && !gone:
			return syncproto.Refuse(syncproto.CodeUnauthorized, "value %d is gone though nobody ordered that", i)
		}
	}
	return nil
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

// Redacted returns the changesets of a scope whose stored body is the redacted one, with what is not in it.
func (r *Replica) Redacted(ctx context.Context, id syncproto.ScopeID) ([]Erasure, error) {
	return r.erasures(ctx, id, 1)
}

// Withheld returns how many changesets of a scope are here without their values: a server withholds them from the
// order to erase some until a holder of the key has brought the others.
func (r *Replica) Withheld(ctx context.Context, id syncproto.ScopeID) (n int, err error) {
	none := syncproto.Packet{}.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}).BodyHash()
	err = r.reader().QueryRowContext(ctx, `SELECT COUNT(*) FROM changeset c JOIN scope s ON s.id = c.scope WHERE s.scope = $1 AND c.body = $2`,
		id[:], none[:]).Scan(&n)
	return n, err
}

// Refill remembers that the values of a changeset which came without them are here now. It is for stores that keep
// their packets elsewhere.
func (t *Tx) Refill(id syncproto.ChangesetID, body syncproto.Hash) error {
	return t.exec(`UPDATE changeset SET body = $2, redacted = 0 WHERE cs = $1`, id[:], body[:])
}
