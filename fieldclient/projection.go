package fieldclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/syncproto"
)

// The projection is plaintext, so it exists in memory only: an SQLite database without a file, whose temporary
// structures stay in memory too. It is made anew at each unlock.
const projectionSchema = `
CREATE TABLE value (
  id        INTEGER PRIMARY KEY,
  scope     BLOB NOT NULL,
  changeset INTEGER NOT NULL,
  place     INTEGER NOT NULL,
  entity    BLOB NOT NULL,
  field     INTEGER NOT NULL,
  value     BLOB NOT NULL
) STRICT;
CREATE INDEX value_blob ON value (field) WHERE field = 2706; -- evidence.blob: which sealed originals are named
CREATE UNIQUE INDEX value_place ON value (changeset, place);
CREATE VIRTUAL TABLE search USING fts5(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
`

// projection is the open database with the statements that every save runs.
type projection struct {
	*sqldb.DB
	value, values, text, texts *sql.Stmt // insert one row, and valuesAtOnce rows
	last                       int64     // newest row of value; owned by whoever merges

	indexing sync.Mutex // guards indexed, and is held while the index grows
	indexed  int64      // newest row of value that the search index holds
}

func openProjection(ctx context.Context) (*projection, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{Memory: true})
	if err != nil {
		return nil, fmt.Errorf("opening the records in memory: %w", err)
	}
	p := &projection{DB: db}
	err = sqldb.Migrate(ctx, db.Write, "replica", replica.Migrations, "migrations/sqlite")
	if err == nil {
		_, err = db.Write.ExecContext(ctx, projectionSchema)
	}
	const value = `INSERT OR REPLACE INTO value (id, scope, changeset, place, entity, field, value)`
	const text = `INSERT INTO search (rowid, text)`
	for _, s := range []struct {
		into        **sql.Stmt
		head        string
		rows, width int
	}{{&p.value, value, 1, 7}, {&p.values, value, valuesAtOnce, 7}, {&p.text, text, 1, 2}, {&p.texts, text, valuesAtOnce, 2}} {
		if err == nil {
			*s.into, err = db.Write.PrepareContext(ctx, s.head+rowsOf(s.rows, s.width))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the tables in memory: %w", err), db.Close())
	}
	return p, nil
}

// empty forgets all values.
func (p *projection) empty(ctx context.Context) error {
	p.indexing.Lock()
	defer p.indexing.Unlock()
	p.last, p.indexed = 0, 0
	return sqldb.InTx(ctx, p.Write, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM value; INSERT INTO search (search) VALUES ('delete-all')`)
		return err
	})
}

// shown is one value on its way into the projection.
type shown struct {
	scope  syncproto.ScopeID
	row    uint64
	place  int
	entity syncproto.EntityID
	field  syncproto.Field
	value  []byte
}

const valuesAtOnce = 20

// show puts values into the projection.
func (c *Client) show(ctx context.Context, list []shown) error {
	if len(list) == 0 {
		return nil
	}
	args := make([]any, 0, 7*len(list))
	id := c.mem.last
	for i := range list {
		s := &list[i]
		id++
		args = append(args, id, s.scope[:], int64(s.row), s.place, s.entity[:], int64(s.field), s.value)
	}
	err := sqldb.InTx(ctx, c.mem.Write, func(tx *sql.Tx) error { return insertRows(ctx, tx, c.mem.value, c.mem.values, 7, args) })
	if err != nil {
		return fmt.Errorf("showing values: %w", err)
	}
	c.mem.last = id
	return nil
}

const indexAtOnce = 2000

// index brings the search index up to date. It is made when somebody searches: most unlocks never do, and a save need
// not wait for it.
func (c *Client) index(ctx context.Context) error {
	m := c.mem
	m.indexing.Lock()
	defer m.indexing.Unlock()
	for {
		texts, last, err := m.unindexed(ctx)
		if err != nil || last == m.indexed {
			return err
		}
		err = sqldb.InTx(ctx, m.Write, func(tx *sql.Tx) error { return insertRows(ctx, tx, m.text, m.texts, 2, texts) })
		if err != nil {
			return fmt.Errorf("indexing values: %w", err)
		}
		m.indexed = last
	}
}

// unindexed returns the texts of the next rows that the index lacks, as arguments of its insert, and the last of them.
func (m *projection) unindexed(ctx context.Context) (texts []any, last int64, err error) {
	last = m.indexed
	rows, err := m.Write.QueryContext(ctx, `SELECT id, value FROM value WHERE id > $1 ORDER BY id LIMIT $2`, m.indexed, indexAtOnce)
	if err != nil {
		return nil, last, err
	}
	defer rows.Close()
	for rows.Next() {
		var value []byte
		if err := rows.Scan(&last, &value); err != nil {
			return nil, last, err
		}
		if text := syncproto.TextOf(value); text != "" {
			texts = append(texts, last, searchText(text))
		}
	}
	return texts, last, rows.Err()
}

// insertRows runs the statement for many rows as long as it can be filled, then the one for one row.
func insertRows(ctx context.Context, tx *sql.Tx, one, many *sql.Stmt, width int, args []any) error {
	one, many = tx.StmtContext(ctx, one), tx.StmtContext(ctx, many)
	for len(args) > 0 {
		stmt, n := one, width
		if len(args) >= width*valuesAtOnce {
			stmt, n = many, width*valuesAtOnce
		}
		if _, err := stmt.ExecContext(ctx, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

// searchText returns a text with, where it differs, its folded form, so that both spellings are found.
func searchText(text string) string {
	if folded := fold(text); folded != strings.ToLower(text) {
		return text + "\n" + folded
	}
	return text
}

func rowsOf(rows, width int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	return " VALUES " + strings.TrimSuffix(strings.Repeat(one+",", rows), ",")
}

// kazakh maps the letters that Russian keyboards lack to those that people type instead.
var kazakh = strings.NewReplacer("ә", "а", "ғ", "г", "қ", "к", "ң", "н", "ө", "о", "ұ", "у", "ү", "у", "һ", "х", "і", "и", "ё", "е")

// fold returns text as it is searched: lower case, Kazakh letters as their base letters.
func fold(text string) string { return kazakh.Replace(strings.ToLower(text)) }

// value returns the canonical encoding of an operation's value, or nil where it is erased, locked or absent.
func (c *Client) value(ctx context.Context, ref syncproto.OpRef) ([]byte, error) {
	var b []byte
	err := c.mem.Write.QueryRowContext(ctx, `SELECT value FROM value WHERE changeset = $1 AND place = $2`, int64(ref.Changeset), ref.Index).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return b, err
}

// hide drops values from the projection and the search index: after an erasure.
func (c *Client) hide(ctx context.Context, row int64, places []int) error {
	defer c.checklists.movedAll()
	return sqldb.InTx(ctx, c.mem.Write, func(tx *sql.Tx) error {
		for _, p := range places {
			if _, err := tx.ExecContext(ctx, `DELETE FROM search WHERE rowid IN (SELECT id FROM value WHERE changeset = $1 AND place = $2)`, row, p); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM value WHERE changeset = $1 AND place = $2`, row, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Found is one value that a search matched.
type Found struct {
	Scope   syncproto.ScopeID  `json:"scope"`
	Entity  syncproto.EntityID `json:"entity"`
	Kind    string             `json:"kind"`
	Field   string             `json:"field"`
	Text    string             `json:"text"`
	Current bool               `json:"current"` // false: it was replaced or removed since
}

// Search finds values by words, in every scope whose key is here. Letters of the Kazakh alphabet match the letters
// that people type instead of them.
func (c *Client) Search(ctx context.Context, words string) ([]Found, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	var terms []string
	for _, w := range strings.Fields(fold(words)) {
		terms = append(terms, `"`+strings.ReplaceAll(w, `"`, `""`)+`"*`)
	}
	if len(terms) == 0 {
		return nil, errors.New("searching: type at least one word")
	}
	if err := c.index(ctx); err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	type hit struct {
		Found
		ref   syncproto.OpRef
		field syncproto.Field
	}
	var hits []hit
	rows, err := c.mem.Write.QueryContext(ctx, `
		SELECT v.scope, v.changeset, v.place, v.entity, v.field, v.value FROM search s JOIN value v ON v.id = s.rowid
		WHERE search MATCH $1 ORDER BY rank LIMIT 200`, strings.Join(terms, " "))
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var h hit
		var scope, entity, value []byte
		if err := rows.Scan(&scope, &h.ref.Changeset, &h.ref.Index, &entity, &h.field, &value); err != nil {
			return nil, err
		}
		h.Scope, h.Entity, h.Text = syncproto.ScopeID(scope), syncproto.EntityID(entity), syncproto.TextOf(value)
		if k, f, ok := syncproto.LookupField(h.field); ok {
			h.Kind, h.Found.Field = k.Name, f.Name
		}
		hits = append(hits, h)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	out := make([]Found, 0, len(hits))
	for _, h := range hits {
		v, err := c.rep.Record(ctx, h.Scope, h.Entity)
		if err != nil {
			return nil, err
		}
		veiled, err := c.veiled(ctx, v, h.field)
		if err != nil {
			return nil, err
		}
		if veiled { // not even found
			continue
		}
		h.Current = v.State.Exists && v.State.Fates[h.ref].Kind == syncproto.FateHead
		out = append(out, h.Found)
	}
	return out, nil
}
