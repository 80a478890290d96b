package replica

import (
	"database/sql"
	"encoding/binary"
	"fmt"

	"kua/syncproto"
)

// A held changeset waits for one thing; need names it so that the arrival of that thing finds it.
func needFor(cs *syncproto.Changeset, code syncproto.Code) []byte {
	h := &cs.Header
	switch code {
	case syncproto.CodeHeldPrev:
		return append([]byte{'p'}, h.Prev[:]...)
	case syncproto.CodeHeldDevice:
		return needDevice(h.Device)
	case syncproto.CodeHeldRoster:
		return needRoster(h.RosterHead)
	}
	return append([]byte{'s'}, h.Scope[:]...)
}

func needDevice(id syncproto.DeviceID) []byte { return append([]byte{'d'}, id[:]...) }
func needRoster(head syncproto.Hash) []byte   { return append([]byte{'r'}, head[:]...) }

// maxHeld bounds how much work of unknown standing a store keeps.
const maxHeld = 100_000

// hold keeps a changeset that cannot be judged yet. Outcomes other than held are left alone.
func (t *Tx) hold(in Incoming, o Outcome) error {
	if o.Status != syncproto.StatusHeld {
		return nil
	}
	total := 0
	for _, n := range t.r.needs {
		total += n
	}
	if total >= maxHeld {
		return fmt.Errorf("holding changeset %s: %d are held already", in.CS.ID, total)
	}
	need := needFor(in.CS, o.Code)
	res, err := t.ExecContext(t.ctx, `INSERT INTO held (cs, scope, code, need, since, ext, packet) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		in.CS.ID[:], in.CS.Header.Scope[:], string(o.Code), need, in.Received, in.Ext, in.CS.Packet.Encode())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	t.r.needs[string(need)]++
	return nil
}

// release takes in what was held for a staged changeset: the next of its feed, and where it opens a scope everything
// that waited for that.
func (t *Tx) release(w *row) error {
	if err := t.releaseNeed(append([]byte{'p'}, w.cs.ID[:]...)); err != nil {
		return err
	}
	if w.scope.standing == nil {
		return nil
	}
	return t.releaseNeed(append([]byte{'s'}, w.scope.id[:]...))
}

type heldRow struct {
	cs, packet binaryBytes
	since, ext int64
}

type binaryBytes = []byte

// releaseNeed takes in again everything that waited for one thing. What still cannot be stored is held again under
// its new need.
func (t *Tx) releaseNeed(need []byte) error {
	if t.r.needs[string(need)] == 0 {
		return nil
	}
	delete(t.r.needs, string(need))
	rows, err := collect(t, `SELECT cs, packet, since, ext FROM held WHERE need = $1 ORDER BY since, cs`, []any{need}, func(rows *sql.Rows) (h heldRow, err error) {
		return h, rows.Scan(&h.cs, &h.packet, &h.since, &h.ext)
	})
	if err != nil {
		return err
	}
	for _, h := range rows {
		if err := t.exec(`DELETE FROM held WHERE cs = $1`, h.cs); err != nil {
			return err
		}
		if err := t.retry(h); err != nil {
			return fmt.Errorf("taking in held changeset %x: %w", h.cs, err)
		}
	}
	return nil
}

func (t *Tx) retry(h heldRow) error {
	p, err := syncproto.DecodePacket(h.packet)
	if err != nil {
		return err
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return err
	}
	// Held for its device, the signature could not be checked on arrival.
	if d, ok := t.r.roster.Device(cs.Header.Device); ok {
		if err := cs.Verify(d.Signing); err != nil {
			return nil // dropped: it was never that device's work
		}
	}
	_, err = t.ingest(Incoming{CS: cs, Received: h.since, Ext: h.ext})
	return err
}

// Held is one changeset that waits for something to come first.
type Held struct {
	ID    syncproto.ChangesetID
	Scope syncproto.ScopeID
	Code  syncproto.Code
	Since int64
}

// AppendRoster verifies one roster record, stores it, and takes in or judges again what depended on it.
func (t *Tx) AppendRoster(message []byte) error {
	r := t.r
	at := r.roster.Len()
	if err := r.roster.Append(message); err != nil {
		return err
	}
	t.roster = true
	head := r.roster.Head()
	if err := t.exec(`INSERT INTO roster (position, id, record) VALUES ($1, $2, $3)`, at, head[:], message); err != nil {
		return err
	}
	if at == 0 {
		if s := r.scopes[r.roster.Registry()]; s != nil {
			s.standing = &syncproto.Standing{Registry: true}
		}
	}
	if err := t.releaseNeed(needRoster(head)); err != nil {
		return err
	}
	for need := range r.needs {
		if need[0] == 'd' {
			if _, ok := r.roster.Device(syncproto.DeviceID([]byte(need[1:]))); ok {
				if err := t.releaseNeed([]byte(need)); err != nil {
					return err
				}
			}
		}
	}
	if r.roster.RevokedAt(at) {
		for _, s := range r.scopes {
			s.rejudge = true
		}
	}
	return nil
}

// uvarints decodes a list of varints.
func uvarints(b []byte) (out []int64) {
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return out
		}
		out, b = append(out, int64(v)), b[n:]
	}
	return out
}
