package replica

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// comparedTable is one table as CheckDerived compares it: rows in the order of key, all columns named.
type comparedTable struct {
	name, key string
	columns   []string
}

var compared = []comparedTable{
	{"scope", "id", []string{"id", "scope", "position", "region", "opening"}},
	{"team", "scope, person, changeset", []string{"scope", "person", "changeset"}},
	{"feed", "id", []string{"id", "feed", "scope", "device", "n", "head", "head_id", "next_seq", "forked"}},
	{"changeset", "id", []string{"id", "cs", "scope", "position", "feed", "n", "seq0", "count", "prev", "roster", "needs", "rights",
		"code", "admitted", "received", "body", "leaf", "records", "redacted", "ext"}},
	{"record", "id", []string{"id", "scope", "entity", "kind", "attention", "log"}},
	{"dangling", "feed, n, record", []string{"feed", "n", "record"}},
	{"admission", "scope, feed, n, short, changeset", []string{"scope", "feed", "n", "short", "changeset", "declined"}},
	{"erasure", "changeset, place", []string{"changeset", "place"}},
}

// compareTable walks a table in two databases side by side. It stops where one has a row that the other lacks: what
// follows would only repeat that.
func compareTable(ctx context.Context, have, want *sql.DB, t comparedTable, most int) (out []string, err error) {
	query := `SELECT ` + strings.Join(t.columns, ", ") + ` FROM ` + t.name + ` ORDER BY ` + t.key
	a, err := have.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	b, err := want.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	for len(out) < most {
		x, err := nextRow(a, len(t.columns))
		if err != nil {
			return nil, err
		}
		y, err := nextRow(b, len(t.columns))
		if err != nil {
			return nil, err
		}
		switch {
		case x == nil && y == nil:
			return out, nil
		case x == nil:
			return append(out, fmt.Sprintf("%s: a row is missing: %s", t.name, t.describe(y))), nil
		case y == nil:
			return append(out, fmt.Sprintf("%s: a row too many: %s", t.name, t.describe(x))), nil
		}
		for i, column := range t.columns {
			if !same(x[i], y[i]) {
				out = append(out, fmt.Sprintf("%s %s: %s is %s, derived anew it is %s", t.name, show(x[0]), column, show(x[i]), show(y[i])))
			}
		}
	}
	return out, nil
}

// nextRow returns the next row, or nil behind the last.
func nextRow(rows *sql.Rows, width int) ([]any, error) {
	if !rows.Next() {
		return nil, rows.Err()
	}
	row, into := make([]any, width), make([]any, width)
	for i := range row {
		into[i] = &row[i]
	}
	return row, rows.Scan(into...)
}

func same(a, b any) bool {
	x, isBytes := a.([]byte)
	y, areBytes := b.([]byte)
	if isBytes || areBytes {
		return isBytes == areBytes && bytes.Equal(x, y)
	}
	return a == b
}

func show(v any) string {
	if b, ok := v.([]byte); ok {
		if len(b) > 20 {
			return fmt.Sprintf("%x… (%d bytes)", b[:20], len(b))
		}
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%v", v)
}

func (t comparedTable) describe(row []any) string {
	keys := strings.Split(t.key, ", ")
	var b strings.Builder
	for i, column := range t.columns {
		for _, k := range keys {
			if column == k {
				fmt.Fprintf(&b, "%s %s ", column, show(row[i]))
			}
		}
	}
	return strings.TrimSpace(b.String())
}
