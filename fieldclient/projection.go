package fieldclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

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
CREATE UNIQUE INDEX value_place ON value (changeset, place);
CREATE VIRTUAL TABLE search USING fts5(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
`

func openProjection(ctx context.Context) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{Memory: true})
	if err != nil {
		return nil, fmt.Errorf("opening the records in memory: %w", err)
	}
	err = sqldb.Migrate(ctx, db.Write, "replica", replica.Migrations, "migrations/sqlite")
	if err == nil {
		_, err = db.Write.ExecContext(ctx, projectionSchema)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the tables in memory: %w", err), db.Close())
	}
	return db, nil
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

const valuesAtOnce = 60

// show puts values into the projection and the search index.
func (c *Client) show(ctx context.Context, list []shown) error {
	return sqldb.InTx(ctx, c.mem.Write, func(tx *sql.Tx) error {
		var next int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) + 1 FROM value`).Scan(&next); err != nil {
			return err
		}
		for len(list) > 0 {
			n := min(len(list), valuesAtOnce)
			if err := insertShown(ctx, tx, list[:n], next); err != nil {
				return err
			}
			list, next = list[n:], next+int64(n)
		}
		return nil
	})
}

func insertShown(ctx context.Context, tx *sql.Tx, list []shown, id int64) error {
	var args, texts []any
	for i, s := range list {
		args = append(args, id+int64(i), s.scope[:], int64(s.row), s.place, s.entity[:], int64(s.field), s.value)
		if text := syncproto.TextOf(s.value); text != "" {
			texts = append(texts, id+int64(i), text+"\n"+fold(text))
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO value (id, scope, changeset, place, entity, field, value)`+rowsOf(len(list), 7), args...); err != nil {
		return fmt.Errorf("showing values: %w", err)
	}
	if len(texts) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO search (rowid, text)`+rowsOf(len(texts)/2, 2), texts...); err != nil {
		return fmt.Errorf("indexing values: %w", err)
	}
	return nil
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
	var terms []string
	for _, w := range strings.Fields(fold(words)) {
		terms = append(terms, `"`+strings.ReplaceAll(w, `"`, `""`)+`"*`)
	}
	if len(terms) == 0 {
		return nil, errors.New("searching: type at least one word")
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
		h.Current = v.State.Exists && v.State.Fates[h.ref].Kind == syncproto.FateHead
		out = append(out, h.Found)
	}
	return out, nil
}
