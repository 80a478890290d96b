package replica

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

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

// Bounds on work of unknown standing: of everybody, and of one device that brings it.
const (
	maxHeld        = 100_000
	maxHeldBy      = 4096
	maxHeldBytesBy = 64 << 20
)

type heldShare struct{ n, bytes int }

// heldCount says how much is held, and who brought it.
type heldCount struct {
	total int
	by    map[syncproto.DeviceID]heldShare // without what this store came by itself
}

func (h *heldCount) add(by syncproto.DeviceID, n, bytes int) {
	h.total += n
	if by == (syncproto.DeviceID{}) {
		return
	}
	s := h.by[by]
	s.n, s.bytes = s.n+n, s.bytes+bytes
	if h.by[by] = s; s.n <= 0 {
		delete(h.by, by)
	}
}

func (h *heldCount) full(by syncproto.DeviceID, bytes int) bool {
	s := h.by[by]
	return h.total >= maxHeld || s.n >= maxHeldBy || s.bytes+bytes > maxHeldBytesBy
}

func (r *Replica) loadHeld(ctx context.Context, q querier) error {
	return each(ctx, q, `SELECT pusher, COUNT(*), SUM(LENGTH(packet)) FROM held GROUP BY pusher`, nil, func(row *sql.Rows) error {
		var by []byte
		var n, bytes int
		if err := row.Scan(&by, &n, &bytes); err != nil {
			return err
		}
		r.held.add(syncproto.DeviceID(by), n, bytes)
		return nil
	})
}

// hold keeps a changeset that cannot be judged yet. Outcomes other than held are left alone. Where too much is held
// already it is not kept, and the outcome says so: its author offers it again.
func (t *Tx) hold(in Incoming, o *Outcome) error {
	if o.Status != syncproto.StatusHeld {
		return nil
	}
	packet := in.CS.Packet.Encode()
	if t.r.held.full(in.By, len(packet)) {
		o.Code, o.Detail = syncproto.CodeLimited, "too many changesets wait for something to come first: send what they need, then this again"
		return nil
	}
	need := needFor(in.CS, o.Code)
	res, err := t.ExecContext(t.ctx, `INSERT INTO held (cs, scope, code, need, since, ext, pusher, packet) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		in.CS.ID[:], in.CS.Header.Scope[:], string(o.Code), need, in.Received, in.Ext, in.By[:], packet)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	t.r.needs[string(need)]++
	t.r.held.add(in.By, 1, len(packet))
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
	cs, packet, by []byte
	since, ext     int64
}

// releaseNeed takes in again everything that waited for one thing. What still cannot be stored is held again under
// its new need.
func (t *Tx) releaseNeed(need []byte) error {
	if t.r.needs[string(need)] == 0 {
		return nil
	}
	delete(t.r.needs, string(need))
	rows, err := collect(t, `SELECT cs, packet, pusher, since, ext FROM held WHERE need = $1 ORDER BY since, cs`, []any{need}, func(rows *sql.Rows) (h heldRow, err error) {
		return h, rows.Scan(&h.cs, &h.packet, &h.by, &h.since, &h.ext)
	})
	if err != nil {
		return err
	}
	for _, h := range rows {
		if err := t.exec(`DELETE FROM held WHERE cs = $1`, h.cs); err != nil {
			return err
		}
		t.r.held.add(syncproto.DeviceID(h.by), -1, -len(h.packet))
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
	// A wrong signature drops it: it was never that device's work.
	_, err = t.ingest(Incoming{CS: cs, Received: h.since, Ext: h.ext, By: syncproto.DeviceID(h.by), Unverified: true})
	return err
}

// Holds reports whether a changeset waits for something to come first.
func (r *Replica) Holds(ctx context.Context, id syncproto.ChangesetID) (held bool, err error) {
	r.mu.RLock()
	none := r.held.total == 0
	r.mu.RUnlock()
	if none {
		return false, nil
	}
	err = r.reader().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM held WHERE cs = $1)`, id[:]).Scan(&held)
	return held, err
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
	for _, need := range slices.Sorted(maps.Keys(r.needs)) {
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
