package fieldclient

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kua/internal/sqldb"
	"kua/syncproto"
)

// BenchmarkSave compares a save of thirty fields, signed, sealed, durable and merged, with a bare commit of a row of the
// same size, turn by turn in one run.
func BenchmarkSave(b *testing.B) {
	ctx := context.Background()
	l, visit := benchLaptop(b)
	bare, err := sqldb.Open(ctx, sqldb.Config{Path: filepath.Join(b.TempDir(), "bare.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	if _, err := bare.Write.ExecContext(ctx, `CREATE TABLE row (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT`); err != nil {
		b.Fatal(err)
	}
	content := make([]byte, 4<<10)
	rand.Read(content)
	kind, _ := syncproto.KindNamed("interview")
	var saves, commits []time.Duration
	for b.Loop() {
		id, _ := syncproto.RandomID(rand.Reader)
		changes := []Change{{Kind: syncproto.KindCreate, Entity: id, Field: kind.ID}}
		for j := range 29 {
			spec := syncproto.FieldSpec{Type: syncproto.TypeText}
			v, _ := spec.ParseValue(fmt.Sprintf("answer %d with a few words in it", j))
			changes = append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: kind.Fields[j%7].ID, Value: v})
		}
		start := time.Now()
		if _, err := l.Save(ctx, visit, changes); err != nil {
			b.Fatal(err)
		}
		saves = append(saves, time.Since(start))
		start = time.Now()
		err := sqldb.InTx(ctx, bare.Write, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO row (content) VALUES ($1)`, content)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		commits = append(commits, time.Since(start))
	}
	slices.Sort(saves)
	slices.Sort(commits)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		s, c := saves[int(q.at*float64(len(saves)-1))], commits[int(q.at*float64(len(commits)-1))]
		b.ReportMetric(float64(s.Microseconds()), "save-"+q.name+"-µs")
		b.ReportMetric(float64(s)/float64(c), "ratio-"+q.name)
	}
}

func benchLaptop(b *testing.B) (*laptop, syncproto.ScopeID) {
	b.Helper()
	o := newTeam(b)
	l := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	return l, l.visit(l)
}
