package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Row is a row to append.
type Row struct {
	Kind    uint8
	Payload []byte // at most MaxPayload
}

// Tx is one write transaction. It is valid, for one goroutine, until the function given to InTx returns.
type Tx struct {
	v       *Vault
	ctx     context.Context
	tx      *sql.Tx
	log     *box
	state   *box
	last    int64
	changed bool
	erased  bool
	failed  error // a write that failed: the transaction can only be undone
	arena   []byte
	args    []any
}

// rowsAtOnce is how many rows one INSERT takes; more gains nothing.
const rowsAtOnce = 32

func values(rows int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "($%d,$%d)", 2*i+1, 2*i+2)
	}
	return b.String()
}

// InTx runs fn in one transaction, the only way to write. When fn returns nil, what it did is committed and on the disk
// (synchronous=FULL) before InTx returns nil; in every other case nothing of it remains. Transactions take turns; one
// must not be begun inside another. Reads of the Vault inside fn see the state before it, and would wait for ever for a row
// that fn appends: use those of the Tx.
func (v *Vault) InTx(ctx context.Context, fn func(*Tx) error) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.commit(ctx, v.inside, fn); err != nil {
		return err
	}
	v.noteOutside()
	return nil
}

// commit runs fn and writes next, with the generation and newest row that come of it, in one transaction. v.writing is
// held.
func (v *Vault) commit(ctx context.Context, next instance, fn func(*Tx) error) error {
	if v.broken != nil {
		return v.broken
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// The context must not end the transaction from aside: it could be taken for undone when it was committed.
	tx, err := v.db.Write.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("beginning a write: %w", damaged(err))
	}
	defer tx.Rollback() // does nothing after a commit
	t := &Tx{v: v, ctx: ctx, tx: tx, last: v.inside.last, changed: next != v.inside}
	if t.log, err = v.keys.box(logTable); err != nil {
		return err
	}
	if t.state, err = v.keys.box(stateTable); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	if err := errors.Join(t.failed, ctx.Err()); err != nil {
		return err
	}
	if !t.changed {
		return nil
	}
	if v.reason == NotRestored || next.token != v.inside.token {
		next.generation++ // a restored vault must not count past what shows that it was
	}
	next.last = t.last
	sealed, err := v.keys.sealInstance(next)
	if err != nil {
		return err
	}
	if _, err := tx.Stmt(v.stmt.bump).Exec(sealed); err != nil {
		return fmt.Errorf("counting a write: %w", damaged(err))
	}
	if err := tx.Commit(); err != nil {
		return v.recover(fmt.Errorf("committing: %w", damaged(err)))
	}
	v.inside = next
	v.last.Store(next.last)
	if t.erased {
		// What was erased is still in the WAL. A reader in its way only delays this to a later checkpoint.
		v.db.Write.ExecContext(context.WithoutCancel(ctx), `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
	return nil
}

// recover reads back what a failed commit left: SQLite does not promise which of the two it is.
func (v *Vault) recover(cause error) error {
	v.db.Write.Exec(`ROLLBACK`) // an error says that SQLite did so itself
	in, err := readInstance(context.Background(), v.db.Write, v.keys)
	if err != nil {
		v.broken = fmt.Errorf("the vault cannot be written until it is opened again: %w", errors.Join(cause, err))
		return v.broken
	}
	v.inside = in
	v.last.Store(in.last)
	return cause
}

// Append adds a row to the log and returns its id. Ids count from 1 without gaps.
func (t *Tx) Append(kind uint8, payload []byte) (id int64, err error) {
	return t.AppendAll([]Row{{kind, payload}})
}

// AppendAll adds rows to the log and returns the id of the first; the others follow it. With many rows this is several
// times faster than Append.
func (t *Tx) AppendAll(rows []Row) (first int64, err error) {
	first = t.last + 1
	for len(rows) > 0 {
		n, stmt := 1, t.v.stmt.insert
		if len(rows) >= rowsAtOnce {
			n, stmt = rowsAtOnce, t.v.stmt.insertMany
		}
		if err := t.insert(stmt, rows[:n]); err != nil {
			return 0, t.fail("appending to the log", err)
		}
		rows = rows[n:]
	}
	return first, nil
}

func (t *Tx) insert(stmt *sql.Stmt, rows []Row) error {
	size := 0
	for _, r := range rows {
		size += sealedSize(len(r.Payload))
	}
	if cap(t.arena) < size {
		t.arena = make([]byte, 0, size)
	}
	t.arena, t.args = t.arena[:0], t.args[:0]
	for i, r := range rows {
		id, start := t.last+1+int64(i), len(t.arena)
		var err error
		if t.arena, err = t.log.seal(t.arena, rowOf(id), r.Kind, r.Payload); err != nil {
			return err
		}
		t.args = append(t.args, id, t.arena[start:])
	}
	if err := t.exec(stmt, t.args...); err != nil {
		return err
	}
	t.last += int64(len(rows))
	return nil
}

// Replace writes another row in the place of id, and erases what was there from the files, as far as these are
// overwritten in place.
func (t *Tx) Replace(id int64, kind uint8, payload []byte) error {
	if id < 1 || id > t.last {
		return fmt.Errorf("replacing row %d: %w", id, ErrNotFound)
	}
	sealed, err := t.log.seal(nil, rowOf(id), kind, payload)
	if err == nil {
		err = t.exec(t.v.stmt.replace, id, sealed)
	}
	if err != nil {
		return t.fail(fmt.Sprintf("replacing row %d", id), err)
	}
	t.erased = true
	return nil
}

// Put sets the value of a name.
func (t *Tx) Put(name string, value []byte) error {
	key := t.v.keys.name(name)
	sealed, err := t.state.seal(nil, key, 0, value)
	if err == nil {
		err = t.exec(t.v.stmt.put, key, sealed)
	}
	if err != nil {
		return t.fail("putting "+name, err)
	}
	return nil
}

// Delete removes a name and its value; it is no error when there is none.
func (t *Tx) Delete(name string) error {
	if err := t.exec(t.v.stmt.drop, t.v.keys.name(name)); err != nil {
		return t.fail("deleting "+name, err)
	}
	return nil
}

func (t *Tx) exec(stmt *sql.Stmt, args ...any) error {
	if t.failed != nil {
		return t.failed
	}
	t.changed = true
	_, err := t.tx.Stmt(stmt).ExecContext(t.ctx, args...)
	return damaged(err)
}

// fail dooms the transaction: a statement that was cut short may have left a part of its rows.
func (t *Tx) fail(doing string, err error) error {
	if t.failed == nil {
		t.failed = fmt.Errorf("%s: %w", doing, err)
	}
	return t.failed
}

// Get returns the value of a name, or ErrNotFound.
func (t *Tx) Get(name string) ([]byte, error) {
	return get(t.ctx, t.tx.Stmt(t.v.stmt.txGet), t.state, t.v.keys, name)
}

// Read returns a row of the log, or ErrNotFound.
func (t *Tx) Read(id int64) (kind uint8, payload []byte, err error) {
	return read(t.ctx, t.tx.Stmt(t.v.stmt.txRead), t.log, id, t.last)
}

// Scan is as that of Vault, and sees what the transaction appended before it.
func (t *Tx) Scan(from int64, fn func(id int64, kind uint8, payload []byte) error) error {
	s := scan{stmt: t.tx.Stmt(t.v.stmt.txPage), box: t.log, next: max(from, 1), last: t.last}
	p := &page{}
	for s.next <= s.last {
		if err := s.fill(t.ctx, p); err != nil {
			return err
		}
		if err := p.each(fn); err != nil {
			return err
		}
	}
	return nil
}
