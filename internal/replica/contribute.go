package replica

import (
	"database/sql"
	"errors"
	"fmt"

	"kua/syncproto"
)

// contribute adds what a changeset says about each record to that record's log, folds it, and stages the changeset.
// It is not staged before, because resolving its dots may write what is staged, and w.records is not complete until
// then.
func (t *Tx) contribute(w *row) error {
	var order []*record
	for i := range w.cs.Ops {
		rec, err := t.record(w.scope, w.cs.Ops[i].Entity)
		if err != nil {
			return err
		}
		if last := len(rec.log) - 1; last < 0 || rec.log[last].Changeset != uint64(w.id) {
			rec.log = append(rec.log, syncproto.Contribution{
				Changeset: uint64(w.id), Feed: uint64(w.feed.row), N: w.cs.Header.N, Person: w.verdict.Person,
				Rights: w.verdict.Rights, Quarantined: w.quarantined(), Forked: w.feed.forked,
			})
			order = append(order, rec)
			w.records = append(w.records, rec.id)
		}
		op, err := t.resolve(w, rec, i)
		if err != nil {
			return err
		}
		rec.add(op)
	}
	for _, rec := range order {
		if err := t.fold(rec); err != nil {
			return err
		}
	}
	t.staged = append(t.staged, w)
	return t.fulfil(w)
}

// fold merges a record and files the erasures that take effect on it: exactly those, because an order that a
// revocation quarantines no longer stands.
func (t *Tx) fold(rec *record) error {
	fates := rec.fold()
	if !rec.dirty {
		rec.dirty = true
		t.dirty = append(t.dirty, rec)
	}
	for ref, fate := range fates {
		var err error
		if fate.Kind == syncproto.FateErased {
			err = t.fileErasure(ref)
		} else {
			err = t.exec(`DELETE FROM erasure WHERE changeset = $1 AND place = $2`, int64(ref.Changeset), ref.Index)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fileErasure notes that one operation's value is to be dropped. A body that was redacted before still holds it, and
// is withheld again until it is redacted once more (docs/protocol.md §11, I12).
func (t *Tx) fileErasure(ref syncproto.OpRef) error {
	q, err := t.prepared(`INSERT INTO erasure (changeset, place) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	res, err := q.ExecContext(t.ctx, int64(ref.Changeset), ref.Index)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return t.exec(`UPDATE changeset SET redacted = 0 WHERE id = $1`, int64(ref.Changeset))
}

// record returns one record of a scope, empty where this is the first that is heard of it.
func (t *Tx) record(s *scope, e syncproto.EntityID) (*record, error) {
	key := recordKey{s.row, e}
	if rec, ok := t.records[key]; ok {
		return rec, nil
	}
	rec := &record{scope: s, entity: e}
	if !s.fresh {
		q, err := t.prepared(`SELECT id, kind, attention, log FROM record WHERE scope = $1 AND entity = $2`)
		if err != nil {
			return nil, err
		}
		var log []byte
		err = q.QueryRowContext(t.ctx, s.row, e[:]).Scan(&rec.id, &rec.kind, &rec.attention, &log)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("reading record %s: %w", e, err)
		}
		if err == nil {
			if err := rec.unpack(log, t.r.owner); err != nil {
				return nil, err
			}
		}
	}
	if rec.id == 0 {
		rec.id, rec.fresh = t.r.nextRe, true
		t.r.nextRe++
	}
	t.records[key], t.byID[rec.id] = rec, rec
	return rec, nil
}

// recordByRow returns one record by its row.
func (t *Tx) recordByRow(id int64) (*record, error) {
	if rec, ok := t.byID[id]; ok {
		return rec, nil
	}
	var scopeRow int64
	var entity, log []byte
	if err := t.QueryRowContext(t.ctx, `SELECT scope, entity, log FROM record WHERE id = $1`, id).Scan(&scopeRow, &entity, &log); err != nil {
		return nil, fmt.Errorf("reading record row %d: %w", id, err)
	}
	rec := &record{id: id, scope: t.r.byRow[scopeRow], entity: syncproto.EntityID(entity)}
	if err := rec.unpack(log, t.r.owner); err != nil {
		return nil, err
	}
	t.records[recordKey{scopeRow, rec.entity}], t.byID[id] = rec, rec
	return rec, nil
}

// owner gives the person behind a feed row.
func (r *Replica) owner(feedRow uint64) syncproto.PersonID {
	if f := r.rows[int64(feedRow)]; f != nil {
		return f.owner
	}
	return syncproto.PersonID{}
}

// resolve turns operation i of a staged changeset into the form that Fold reads: its dots become rows.
func (t *Tx) resolve(w *row, rec *record, i int) (syncproto.MergeOp, error) {
	o := &w.cs.Ops[i]
	op := syncproto.MergeOp{Index: i, Seq: w.cs.Header.Seq0 + uint64(i), Kind: o.Kind, Field: o.Field, Flags: o.Flags}
	for _, d := range o.Dots {
		if d.Feed == 0 {
			found := rec.find(uint64(w.feed.row), d.Seq)
			target, err := t.onBranch(found, w.feed, w.id, w.prev)
			if err != nil {
				return op, err
			}
			if target != 0 {
				op.Targets = append(op.Targets, syncproto.Target{Changeset: target, Seq: d.Seq})
			}
			continue
		}
		target, err := t.pin(rec, w.cs.Header.Deps[d.Feed-1], d.Seq, w)
		if err != nil {
			return op, err
		}
		if target != nil {
			op.Targets = append(op.Targets, *target)
		}
	}
	return op, nil
}

// pin resolves a dot on another feed through the dependency that pins it. A nil result means that the dot names
// nothing on this record: no honest program writes such a dot, and it has no effect.
func (t *Tx) pin(rec *record, dep syncproto.Dep, seq uint64, w *row) (*syncproto.Target, error) {
	f, at, err := t.lookup(dep, w)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		if err := t.dangle(rec, dep); err != nil {
			return nil, err
		}
		return &syncproto.Target{Changeset: rec.depIndex(dep), Seq: seq, Dangling: true}, nil
	}
	var within []*syncproto.Contribution
	for _, c := range rec.find(uint64(f.row), seq) {
		if c.N <= dep.N {
			within = append(within, c)
		}
	}
	target, err := t.onBranch(within, f, 0, at)
	if err != nil || target == 0 {
		return nil, err
	}
	return &syncproto.Target{Changeset: target, Seq: seq}, nil
}

// onBranch picks, among contributions of one feed, the one on the branch that ends at row tip (or at self). Only a
// forked feed needs a look at its chain.
func (t *Tx) onBranch(found []*syncproto.Contribution, f *feed, self, tip int64) (uint64, error) {
	if len(found) == 0 {
		return 0, nil
	}
	if !f.forked {
		return found[0].Changeset, nil
	}
	for _, c := range found {
		if int64(c.Changeset) == self {
			return c.Changeset, nil
		}
	}
	if err := t.flush(); err != nil {
		return 0, err
	}
	for row := tip; row != 0; {
		for _, c := range found {
			if int64(c.Changeset) == row {
				return c.Changeset, nil
			}
		}
		if err := t.QueryRowContext(t.ctx, `SELECT prev FROM changeset WHERE id = $1`, row).Scan(&row); err != nil {
			return 0, fmt.Errorf("walking feed %s: %w", f.id, err)
		}
	}
	return 0, nil
}

// lookup finds the row of the changeset that a dependency names; 0 where it has not come. w, which may be nil,
// remembers what was not in memory: a changeset of many dots asks the database once for each dependency.
func (t *Tx) lookup(dep syncproto.Dep, w *row) (*feed, int64, error) {
	if w != nil {
		if at, ok := w.found[dep]; ok {
			return t.r.feeds[dep.Feed], at, nil
		}
	}
	f, at, asked, err := t.lookupAgain(dep)
	if err == nil && asked && w != nil {
		if w.found == nil {
			w.found = map[syncproto.Dep]int64{}
		}
		w.found[dep] = at
	}
	return f, at, err
}

func (t *Tx) lookupAgain(dep syncproto.Dep) (f *feed, at int64, asked bool, err error) {
	f = t.r.feeds[dep.Feed]
	if f == nil || dep.N > f.n {
		return f, 0, false, nil
	}
	if dep.N == f.n && dep.Short == f.headID.Short() {
		return f, f.head, false, nil
	}
	if s, ok := t.r.recent[place{f.row, dep.N}]; ok && s.short == dep.Short {
		return f, s.row, false, nil
	}
	if err := t.flush(); err != nil {
		return f, 0, true, err
	}
	type candidate struct {
		row int64
		id  []byte
	}
	rows, err := collect(t, `SELECT id, cs FROM changeset WHERE feed = $1 AND n = $2`, []any{f.row, int64(dep.N)}, func(rows *sql.Rows) (c candidate, err error) {
		return c, rows.Scan(&c.row, &c.id)
	})
	if err != nil {
		return f, 0, true, err
	}
	for _, c := range rows {
		if syncproto.ChangesetID(c.id).Short() == dep.Short {
			t.r.recent[place{f.row, dep.N}] = seen{c.row, dep.Short}
			return f, c.row, true, nil
		}
	}
	return f, 0, true, nil
}

// dangle files a record under a changeset that one of its operations waits for.
func (t *Tx) dangle(rec *record, dep syncproto.Dep) error {
	t.r.unmet[point{dep.Feed, dep.N}]++
	return t.exec(`INSERT INTO dangling (feed, n, record) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, dep.Feed[:], int64(dep.N), rec.id)
}

// fulfil resolves the dangling targets that waited for a staged changeset.
func (t *Tx) fulfil(w *row) error {
	at := point{w.feed.id, w.cs.Header.N}
	if t.r.unmet[at] == 0 {
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	rows, err := collect(t, `SELECT record FROM dangling WHERE feed = $1 AND n = $2`, []any{at.feed[:], int64(at.n)}, func(rows *sql.Rows) (id int64, err error) {
		return id, rows.Scan(&id)
	})
	if err != nil {
		return err
	}
	left := 0
	for _, id := range rows {
		rec, err := t.recordByRow(id)
		if err != nil {
			return err
		}
		still, err := t.resolveAgain(rec, at)
		if err != nil {
			return err
		}
		if still {
			left++
		} else if err := t.exec(`DELETE FROM dangling WHERE feed = $1 AND n = $2 AND record = $3`, at.feed[:], int64(at.n), id); err != nil {
			return err
		}
		if err := t.fold(rec); err != nil {
			return err
		}
	}
	if t.r.unmet[at] = left; left == 0 {
		delete(t.r.unmet, at)
	}
	return nil
}

// resolveAgain tries the record's dangling targets that wait at a point. It reports whether one still waits there:
// for the other branch of a forked feed.
func (t *Tx) resolveAgain(rec *record, at point) (still bool, err error) {
	old := rec.deps
	rec.deps, rec.depAt = nil, nil
	for i := range rec.log {
		for j := range rec.log[i].Ops {
			o := &rec.log[i].Ops[j]
			kept := o.Targets[:0]
			for _, target := range o.Targets {
				if !target.Dangling {
					kept = append(kept, target)
					continue
				}
				dep := old[target.Changeset]
				got, err := t.pin(rec, dep, target.Seq, nil)
				if err != nil {
					return false, err
				}
				if got == nil {
					continue
				}
				kept = append(kept, *got)
				still = still || got.Dangling && dep.Feed == at.feed && dep.N == at.n
			}
			o.Targets = kept
		}
	}
	return still, nil
}
