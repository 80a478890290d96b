package replica

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"kua/syncproto"
)

// Tx is one write transaction. It is valid until the function given to InTx returns.
type Tx struct {
	*sql.Tx
	r       *Replica
	ctx     context.Context
	staged  []*row // changesets of this transaction that are not in the database yet
	records map[recordKey]*record
	byID    map[int64]*record
	dirty   []*record // to be written, in the order in which they were folded
	scopes  []*scope  // to be written
	feeds   []*feed   // to be written
	stmts   map[string]*sql.Stmt
	roster  bool // the roster grew
	again   bool // a scope was judged again: outcomes given before may have changed

	replaying bool  // leaves are in the transparency log already
	leaf      int64 // of the changeset that is replayed
}

type recordKey struct {
	scope  int64
	entity syncproto.EntityID
}

// row is one changeset on its way into the database.
type row struct {
	id       int64
	cs       *syncproto.Changeset
	scope    *scope
	feed     *feed
	prev     int64
	position uint64
	verdict  syncproto.Verdict
	claim    syncproto.Claim
	admitted bool
	received int64
	ext      int64
	leaf     int64
	body     syncproto.Hash
	records  []int64
	found    map[syncproto.Dep]int64 // rows that dependencies were looked up at; 0 where they have not come
}

// InTx runs fn in one write transaction: what fn did is committed when it returns nil, and undone otherwise.
func (r *Replica) InTx(ctx context.Context, fn func(*Tx) error) error {
	var used map[string]*sql.Stmt
	err := r.inTx(ctx, func(t *Tx) error {
		used = t.stmts
		return fn(t)
	})
	if err == nil {
		r.keepPrepared(ctx, used)
	}
	return err
}

// mostPrepared bounds the statements that are kept; there are some forty texts, and a few sizes of INSERT.
const mostPrepared = 200

// keepPrepared prepares what a transaction used for the ones after it: a save is short, and parsing SQL was a third of
// its work. What cannot be prepared now will be in its transaction.
func (r *Replica) keepPrepared(ctx context.Context, used map[string]*sql.Stmt) {
	for query := range used {
		r.preparing.Lock()
		_, have := r.prepared[query]
		full := len(r.prepared) >= mostPrepared
		r.preparing.Unlock()
		if have || full {
			continue
		}
		s, err := r.cfg.DB.PrepareContext(ctx, query)
		if err != nil {
			return
		}
		r.preparing.Lock()
		r.prepared[query] = s
		r.preparing.Unlock()
	}
}

func (r *Replica) inTx(ctx context.Context, fn func(*Tx) error) (err error) {
	// The connection comes first: a reader that holds it may be waiting for mu.
	conn, err := r.cfg.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("beginning a write: %w", err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a write: %w", err)
	}
	defer tx.Rollback() // does nothing after a commit
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	t := &Tx{Tx: tx, r: r, ctx: ctx, records: map[recordKey]*record{}, byID: map[int64]*record{}, stmts: map[string]*sql.Stmt{}}
	committed := false
	defer func() { // also where fn panics: whoever recovers finds the store as it was
		if committed {
			return
		}
		tx.Rollback()
		if back := r.load(context.WithoutCancel(ctx), conn); back != nil {
			r.broken = fmt.Errorf("reading the state back after a failed write: %w: restart the program", back)
			err = errors.Join(err, r.broken)
		}
	}()
	if err = fn(t); err != nil {
		return err
	}
	if err = t.settle(); err != nil {
		return err
	}
	if err = tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	committed = true
	if t.roster {
		r.shared.Store(r.roster.Clone())
	}
	return nil
}

// Clear empties the store, the roster and held work with it: a laptop reads the log of its vault into the same store
// again where the records in memory may differ from it.
func (r *Replica) Clear(ctx context.Context) error {
	err := r.InTx(ctx, func(t *Tx) error {
		for _, table := range append([]string{"roster", "changeset", "held"}, derivedTables...) {
			if _, err := t.ExecContext(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		return r.load(ctx, t.Tx)
	})
	if err != nil {
		return fmt.Errorf("emptying the store: %w", err)
	}
	return nil
}

// settle writes everything that is staged and judges again what a decision in this transaction touches, until
// nothing changes any more.
func (t *Tx) settle() error {
	for {
		if err := t.flush(); err != nil {
			return err
		}
		again := false
		for _, s := range t.r.scopes {
			if s.rejudge {
				s.rejudge, again, t.again = false, true, true
				if err := t.rejudge(s); err != nil {
					return fmt.Errorf("judging scope %s again: %w", s.id, err)
				}
			}
		}
		if !again {
			return nil
		}
	}
}

// prepared returns a statement that is prepared once in the transaction.
func (t *Tx) prepared(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	t.r.preparing.Lock()
	kept := t.r.prepared[query]
	t.r.preparing.Unlock()
	if kept != nil {
		s := t.StmtContext(t.ctx, kept)
		t.stmts[query] = s
		return s, nil
	}
	s, err := t.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = s
	return s, nil
}

func (t *Tx) exec(query string, args ...any) error {
	s, err := t.prepared(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(t.ctx, args...)
	return err
}

// collect runs a query and gathers its rows before the next statement: a PostgreSQL connection carries one at a time.
func collect[T any](t *Tx, query string, args []any, scan func(*sql.Rows) (T, error)) ([]T, error) {
	var out []T
	err := each(t.ctx, t.Tx, query, args, func(rows *sql.Rows) error {
		v, err := scan(rows)
		out = append(out, v)
		return err
	})
	return out, err
}

const rowsAtOnce = 6 // rows of one INSERT: SQLite looks $n binds up one by one, so that long statements cost more than many short ones

// insertMany inserts rows of equal width with few statements.
func (t *Tx) insertMany(head string, width int, args []any) error {
	for len(args) > 0 {
		n := min(len(args)/width, rowsAtOnce)
		if err := t.exec(head+values(n, width), args[:n*width]...); err != nil {
			return err
		}
		args = args[n*width:]
	}
	return nil
}

func values(rows, width int) string {
	var b strings.Builder
	for i := range rows {
		b.WriteString([]string{",(", " VALUES ("}[btoi(i == 0)])
		for j := range width {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "$%d", i*width+j+1)
		}
		b.WriteByte(')')
	}
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// flush writes staged changesets, scopes, feeds and records.
func (t *Tx) flush() error {
	for _, step := range []func() error{t.flushLog, t.flushScopes, t.flushFeeds, t.flushRecords} {
		if err := step(); err != nil {
			return fmt.Errorf("writing staged rows: %w", err)
		}
	}
	return nil
}

func (t *Tx) flushLog() error {
	if len(t.staged) == 0 {
		return nil
	}
	if t.r.cfg.Leaves != nil && !t.replaying {
		ids := make([]syncproto.ChangesetID, len(t.staged))
		for i, w := range t.staged {
			ids[i] = w.cs.ID
		}
		first, err := t.r.cfg.Leaves(t.ctx, t.Tx, ids)
		if err != nil {
			return err
		}
		for i, w := range t.staged {
			w.leaf = first + int64(i)
		}
	}
	args := make([]any, 0, len(t.staged)*20)
	for _, w := range t.staged {
		args = append(args, w.args(t.r.cfg.Packets)...)
	}
	t.staged = t.staged[:0]
	return t.insertMany(`
		INSERT INTO changeset (id, cs, scope, position, feed, n, seq0, count, prev, roster, needs, rights, code, admitted,
			received, body, leaf, records, redacted, ext, packet)`, 21, args)
}

func (w *row) args(packets bool) []any {
	h := &w.cs.Header
	var packet []byte
	if packets {
		packet = w.cs.Packet.Encode()
	}
	records := make([]byte, 0, 8)
	for _, id := range w.records {
		records = binary.AppendUvarint(records, uint64(id))
	}
	return []any{w.id, w.cs.ID[:], w.scope.row, int64(w.position), w.feed.row, int64(h.N), int64(h.Seq0), h.Count, w.prev,
		h.RosterHead[:], int64(w.claim.Needs), int64(w.verdict.Rights), string(w.verdict.Quarantine), btoi(w.admitted),
		w.received, w.body[:], w.leaf, records, 0, w.ext, packet}
}

func (t *Tx) flushScopes() error {
	for _, s := range t.scopes {
		var err error
		switch {
		case s.fresh:
			err = t.exec(`INSERT INTO scope (id, scope, position, region, opening) VALUES ($1, $2, $3, $4, $5)`,
				s.row, s.id[:], int64(s.position), s.region, s.opening)
		case s.dirty:
			err = t.exec(`UPDATE scope SET position = $2, region = $3, opening = $4 WHERE id = $1`,
				s.row, int64(s.position), s.region, s.opening)
		}
		if err != nil {
			return err
		}
		s.fresh, s.dirty = false, false
	}
	t.scopes = t.scopes[:0]
	return nil
}

func (t *Tx) flushFeeds() error {
	for _, f := range t.feeds {
		var err error
		switch {
		case f.fresh:
			err = t.exec(`INSERT INTO feed (id, feed, scope, device, n, head, head_id, next_seq, forked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				f.row, f.id[:], f.scope.row, f.device[:], int64(f.n), f.head, f.headID[:], int64(f.nextSeq), btoi(f.forked))
		case f.dirty:
			err = t.exec(`UPDATE feed SET n = $2, head = $3, head_id = $4, next_seq = $5, forked = $6 WHERE id = $1`,
				f.row, int64(f.n), f.head, f.headID[:], int64(f.nextSeq), btoi(f.forked))
		}
		if err != nil {
			return err
		}
		f.fresh, f.dirty = false, false
	}
	t.feeds = t.feeds[:0]
	return nil
}

func (t *Tx) flushRecords() error {
	var fresh []any
	for _, rec := range t.dirty {
		rec.dirty = false
		if rec.fresh {
			rec.fresh = false
			fresh = append(fresh, rec.id, rec.scope.row, rec.entity[:], int64(rec.kind), int64(rec.attention), rec.pack())
			continue
		}
		if err := t.exec(`UPDATE record SET kind = $2, attention = $3, log = $4 WHERE id = $1`,
			rec.id, int64(rec.kind), int64(rec.attention), rec.pack()); err != nil {
			return err
		}
	}
	t.dirty = t.dirty[:0]
	return t.insertMany(`INSERT INTO record (id, scope, entity, kind, attention, log)`, 6, fresh)
}
