package vault

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kua/internal/sqldb"
)

// BenchmarkSave compares a save of 30 fields, about 3 KB, with the least that SQLite can do for it: the same bytes,
// bare, in one committed row. The two take turns, so that other load falls on both. The goal is at most twice the
// median time.
func BenchmarkSave(b *testing.B) {
	payload := make([]byte, 3000)
	db, err := sqldb.Open(b.Context(), sqldb.Config{Path: filepath.Join(b.TempDir(), "bare.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB) STRICT`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Write.Prepare(`INSERT INTO t (b) VALUES ($1)`)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	v, _ := mustCreate(b, newConfig(b))
	var bare, sealed []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := insert.Exec(payload); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		err := v.InTx(b.Context(), func(tx *Tx) error {
			if _, err := tx.Append(1, payload); err != nil {
				return err
			}
			return tx.Put("head", payload[:100])
		})
		if err != nil {
			b.Fatal(err)
		}
		bare, sealed = append(bare, between.Sub(start)), append(sealed, time.Since(between))
	}
	b.ReportMetric(0, "ns/op") // of the pair: says nothing
	b.ReportMetric(float64(median(bare).Microseconds()), "µs-bare")
	b.ReportMetric(float64(median(sealed).Microseconds()), "µs-vault")
	b.ReportMetric(float64(median(sealed))/float64(median(bare)), "x-bare")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkAppendAll is a first sync: transactions of 1000 rows of 1 KB.
func BenchmarkAppendAll(b *testing.B) {
	v, _ := mustCreate(b, newConfig(b))
	rows := make([]Row, 1000)
	for i := range rows {
		rows[i] = Row{1, make([]byte, 1000)}
	}
	for b.Loop() {
		if err := v.InTx(b.Context(), func(tx *Tx) error { _, err := tx.AppendAll(rows); return err }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkScan reads 50,000 rows of 1 KB.
func BenchmarkScan(b *testing.B) {
	v, _ := mustCreate(b, newConfig(b))
	rows := make([]Row, 1000)
	for i := range rows {
		rows[i] = Row{1, make([]byte, 1000)}
	}
	for range 50 {
		if err := v.InTx(b.Context(), func(tx *Tx) error { _, err := tx.AppendAll(rows); return err }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Scan(b.Context(), 1, func(int64, uint8, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkUnlock is what a person waits for.
func BenchmarkUnlock(b *testing.B) {
	for b.Loop() {
		clear(DefaultKDF().derive(passphrase, make([]byte, saltSize)))
	}
}
