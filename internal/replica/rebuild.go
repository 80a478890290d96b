package replica

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"kua/syncproto"
)

// replayAtOnce is how many changesets a rebuild holds in memory.
const replayAtOnce = 200

// derivedTables are the tables that a rebuild makes anew, beside the log's own columns.
var derivedTables = []string{"scope", "team", "feed", "record", "dangling", "admission", "erasure"}

// Rebuild drops everything that is derived and makes it again from the roster and the packets, in the order in which
// they were taken in. Rows keep their numbers, so that the result is byte-equal to what ingest left, unless that was
// damaged (docs/protocol.md §11, I1). It is for stores that keep their packets. It runs in one transaction.
func (r *Replica) Rebuild(ctx context.Context) error {
	if !r.cfg.Packets {
		return errors.New("rebuilding: this store does not keep its packets")
	}
	err := r.InTx(ctx, func(t *Tx) error { return t.rebuild() })
	if err != nil {
		return fmt.Errorf("rebuilding: %w", err)
	}
	return nil
}

func (t *Tx) rebuild() error {
	steps := []string{
		`CREATE TABLE rebuilding AS SELECT id, received, leaf, redacted, ext, packet FROM changeset`,
		`CREATE UNIQUE INDEX rebuilding_id ON rebuilding (id)`,
		`DELETE FROM changeset`,
	}
	for _, table := range derivedTables {
		steps = append(steps, `DELETE FROM `+table)
	}
	for _, s := range steps {
		if _, err := t.ExecContext(t.ctx, s); err != nil {
			return err
		}
	}
	if err := t.forget(t.Tx); err != nil {
		return err
	}
	if err := t.replay(t.Tx, `rebuilding`); err != nil {
		return err
	}
	_, err := t.ExecContext(t.ctx, `DROP TABLE rebuilding`)
	return err
}

// forget empties the memory of all but the roster, which it reads and verifies anew from a database.
func (t *Tx) forget(from querier) error {
	r := t.r
	r.roster = &syncproto.Roster{}
	r.scopes, r.byRow = map[syncproto.ScopeID]*scope{}, map[int64]*scope{}
	r.feeds, r.rows = map[syncproto.FeedID]*feed{}, map[int64]*feed{}
	r.recent, r.unmet, r.admits = map[place]seen{}, map[point]int{}, map[syncproto.FeedCut]bool{}
	r.nextRe = 1
	t.roster = true
	return r.loadRoster(t.ctx, from)
}

// original is what cannot be derived of a changeset in the log.
type original struct {
	id, received, leaf, ext int64
	redacted                bool
	packet                  []byte
}

// replay takes the changesets of a table in again, under their numbers. What is held is left alone.
func (t *Tx) replay(from querier, table string) error {
	t.replaying = true
	defer func() { t.replaying = false }()
	var redacted []int64
	for last := int64(0); ; {
		page, err := originals(t.ctx, from, table, last)
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := t.replayOne(o); err != nil {
				return fmt.Errorf("changeset row %d: %w", o.id, err)
			}
			if o.redacted {
				redacted = append(redacted, o.id)
			}
			last = o.id
		}
		if err := t.settle(); err != nil {
			return err
		}
		clear(t.records)
		clear(t.byID)
		if len(page) < replayAtOnce {
			break
		}
	}
	for _, id := range redacted {
		if err := t.exec(`UPDATE changeset SET redacted = 1 WHERE id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

func originals(ctx context.Context, from querier, table string, after int64) (page []original, err error) {
	err = each(ctx, from, `SELECT id, received, leaf, redacted, ext, packet FROM `+table+` WHERE id > $1 ORDER BY id LIMIT $2`,
		[]any{after, replayAtOnce}, func(rows *sql.Rows) error {
			var o original
			err := rows.Scan(&o.id, &o.received, &o.leaf, &o.redacted, &o.ext, &o.packet)
			page = append(page, o)
			return err
		})
	return page, err
}

func (t *Tx) replayOne(o original) error {
	p, err := syncproto.DecodePacket(o.packet)
	if err != nil {
		return err
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return err
	}
	if len(t.r.recent) > 1<<16 {
		clear(t.r.recent)
	}
	t.r.nextCS, t.leaf = o.id, o.leaf
	out, err := t.admit(Incoming{CS: cs, Received: o.received, Ext: o.ext})
	if err != nil {
		return err
	}
	if out.staged == nil {
		return fmt.Errorf("changeset %s is in the log and would now be %s: %s", cs.ID, out.Status, out.Detail)
	}
	return nil
}

// CheckDerived derives the state of the store in db anew in scratch, an empty database that has the tables of
// Migrations, and returns the first differences in words, at most most of them. It changes nothing in db.
func CheckDerived(ctx context.Context, db, scratch *sql.DB, most int) ([]string, error) {
	r, err := Open(ctx, Config{DB: scratch})
	if err != nil {
		return nil, err
	}
	err = r.InTx(ctx, func(t *Tx) error {
		if err := t.forget(db); err != nil {
			return err
		}
		return t.replay(db, `changeset`)
	})
	if err != nil {
		return nil, fmt.Errorf("deriving the state anew: %w", err)
	}
	var out []string
	for _, table := range compared {
		if len(out) >= most {
			break
		}
		more, err := compareTable(ctx, db, scratch, table, most-len(out))
		if err != nil {
			return nil, fmt.Errorf("comparing %s: %w", table.name, err)
		}
		out = append(out, more...)
	}
	return out, nil
}
