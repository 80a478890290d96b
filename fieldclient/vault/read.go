package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const (
	pageRows  = 256
	pageBytes = 1 << 20 // a page ends with the row that reaches it
)

// Get returns the value of a name, or ErrNotFound.
func (v *Vault) Get(ctx context.Context, name string) ([]byte, error) {
	if err := v.enter(); err != nil {
		return nil, err
	}
	defer v.leave()
	b, err := v.keys.box(stateTable)
	if err != nil {
		return nil, err
	}
	return get(ctx, v.stmt.get, b, v.keys, name)
}

func get(ctx context.Context, stmt *sql.Stmt, b *box, k *keys, name string) ([]byte, error) {
	key := k.name(name)
	var sealed []byte
	if err := stmt.QueryRowContext(ctx, key).Scan(&sealed); errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("getting %s: %w", name, ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("getting %s: %w", name, damaged(err))
	}
	value, _, err := b.open(nil, key, sealed)
	if err != nil {
		return nil, fmt.Errorf("the value of %s %w: %w", name, err, ErrDamaged)
	}
	return value, nil
}

// Read returns a row of the log, or ErrNotFound. A row that is just being written is waited for: it is returned when it is
// on the disk.
func (v *Vault) Read(ctx context.Context, id int64) (kind uint8, payload []byte, err error) {
	if err := v.enter(); err != nil {
		return 0, nil, err
	}
	defer v.leave()
	b, err := v.keys.box(logTable)
	if err != nil {
		return 0, nil, err
	}
	if id > v.last.Load() {
		v.settle()
	}
	return read(ctx, v.stmt.read, b, id, v.last.Load())
}

// settle waits for the write that goes on.
func (v *Vault) settle() {
	v.writing.Lock()
	defer v.writing.Unlock()
}

func read(ctx context.Context, stmt *sql.Stmt, b *box, id, last int64) (kind uint8, payload []byte, err error) {
	if id < 1 || id > last {
		return 0, nil, fmt.Errorf("reading row %d: %w", id, ErrNotFound)
	}
	var sealed []byte
	if err := stmt.QueryRowContext(ctx, id).Scan(&sealed); errors.Is(err, sql.ErrNoRows) {
		return 0, nil, missing(id)
	} else if err != nil {
		return 0, nil, fmt.Errorf("reading row %d: %w", id, damaged(err))
	}
	payload, kind, err = b.open(nil, rowOf(id), sealed)
	if err != nil {
		return 0, nil, unreadable(id, err)
	}
	return kind, payload, nil
}

func missing(id int64) error { return fmt.Errorf("row %d of the log is missing: %w", id, ErrDamaged) }

func unreadable(id int64, err error) error {
	return fmt.Errorf("row %d of the log %w: %w", id, err, ErrDamaged)
}

// Last returns the id of the newest row, 0 when there is none.
func (v *Vault) Last() int64 { return v.last.Load() }

// Scan calls fn for every row from the given id up to the newest one at the time of the call, in order, and stops at
// the first error, which it returns. payload is valid until fn returns. A row that is missing, or does not decrypt, is
// an ErrDamaged. Memory is bounded, whatever the length of the log; decrypting runs ahead of fn.
func (v *Vault) Scan(ctx context.Context, from int64, fn func(id int64, kind uint8, payload []byte) error) error {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.leave()
	b, err := v.keys.box(logTable)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := scan{stmt: v.stmt.page, box: b, next: max(from, 1), last: v.last.Load()}
	full, empty := make(chan *page, 1), make(chan *page, 2)
	empty <- &page{}
	empty <- &page{}
	var failed error // of the reader; read after full is closed
	go func() {
		defer close(full)
		for s.next <= s.last {
			var p *page
			select {
			case p = <-empty:
			case <-ctx.Done(): // fn has stopped, and gives no page back
				failed = ctx.Err()
				return
			}
			if failed = s.fill(ctx, p); failed != nil {
				return
			}
			select {
			case full <- p:
			case <-ctx.Done():
				failed = ctx.Err()
				return
			}
		}
	}()
	defer func() { // wait for the reader, also when fn panics
		cancel()
		for range full {
		}
	}()
	for p := range full {
		if err := p.each(fn); err != nil {
			return err
		}
		empty <- p
	}
	return failed
}

// scan reads the log in pages. Each is a query of its own: one that stayed open for the whole log would keep the WAL
// from being checkpointed.
type scan struct {
	stmt       *sql.Stmt
	box        *box
	next, last int64
}

// page holds consecutive rows; its buffers are used again.
type page struct {
	rows  []pageRow
	arena []byte
}

type pageRow struct {
	id         int64
	kind       uint8
	start, end int
}

// fill reads and decrypts the next page; it has at least one row.
func (s *scan) fill(ctx context.Context, p *page) error {
	clear(p.arena)
	p.rows, p.arena = p.rows[:0], p.arena[:0]
	rows, err := s.stmt.QueryContext(ctx, s.next, s.last, pageRows)
	if err != nil {
		return fmt.Errorf("scanning the log: %w", damaged(err))
	}
	defer rows.Close()
	var sealed sql.RawBytes
	for len(p.arena) < pageBytes && rows.Next() {
		r := pageRow{start: len(p.arena)}
		if err := rows.Scan(&r.id, &sealed); err != nil {
			return fmt.Errorf("scanning the log: %w", err)
		}
		if r.id != s.next {
			return missing(s.next)
		}
		if p.arena, r.kind, err = s.box.open(p.arena, rowOf(r.id), sealed); err != nil {
			return unreadable(r.id, err)
		}
		r.end = len(p.arena)
		p.rows = append(p.rows, r)
		s.next++
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("scanning the log: %w", damaged(err))
	}
	if len(p.rows) == 0 {
		return missing(s.next)
	}
	return nil
}

func (p *page) each(fn func(id int64, kind uint8, payload []byte) error) error {
	for _, r := range p.rows {
		if err := fn(r.id, r.kind, p.arena[r.start:r.end:r.end]); err != nil {
			return err
		}
	}
	return nil
}
