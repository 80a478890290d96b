// Package bench measures the whole path: save, server ingest, first sync. Figures compare within one run.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/lab/stage"
	"kua/syncproto"
)

// opsWanted is how many operations the path carries; KUA_BENCH_OPS overrides it.
func opsWanted(t testing.TB) int {
	if v := os.Getenv("KUA_BENCH_OPS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20_000
}

const opsEach = 10 // operations of one changeset, on one record

// fill saves changesets of ten values on one record each: half of them new records, half edits.
func fill(b testing.TB, l *stage.Laptop, visit syncproto.ScopeID, changesets int) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	kind, _ := syncproto.KindNamed("interview")
	var known []syncproto.EntityID
	for i := range changesets {
		var changes []fieldclient.Change
		var id syncproto.EntityID
		edit := i%2 == 1 && len(known) > 0
		if edit {
			id = known[r.IntN(len(known))]
		} else {
			for j := range id {
				id[j] = byte(r.Uint32())
			}
			known = append(known, id)
			changes = append(changes, fieldclient.Change{Kind: syncproto.KindCreate, Entity: id, Field: kind.ID})
		}
		for j := 0; len(changes) < opsEach; j++ {
			f := &kind.Fields[j%7]
			text := fmt.Sprintf("value %d of changeset %d, some words", j, i)
			spec := syncproto.FieldSpec{Type: syncproto.TypeText}
			v, err := spec.ParseValue(text)
			if err != nil {
				b.Fatal(err)
			}
			changes = append(changes, fieldclient.Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Value: v})
		}
		if _, err := l.Save(context.Background(), visit, changes); err != nil {
			b.Fatal(err)
		}
	}
}

func report(b *testing.B, what string, ops int, d time.Duration) {
	b.ReportMetric(float64(ops)/d.Seconds(), what+"-ops/s")
}

// BenchmarkPath saves on one laptop, pushes to the server, and syncs a cold second laptop.
func BenchmarkPath(b *testing.B) {
	ops := opsWanted(b)
	for range b.N {
		s := stage.New(b)
		aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
		dana := s.Laptop("Dana", syncproto.RoleMonitor, "KZ-75")
		aru.Sync()
		visit := aru.Visit("KZ-75", aru, dana)
		aru.Sync()
		start := time.Now()
		fill(b, aru, visit, ops/opsEach)
		report(b, "save", ops, time.Since(start))
		start = time.Now()
		aru.Sync()
		report(b, "push", ops, time.Since(start))
		runtime.GC()
		start = time.Now()
		rep := dana.Sync()
		report(b, "first-sync", ops, time.Since(start))
		if rep.Received < ops/opsEach {
			b.Fatalf("received %d changesets", rep.Received)
		}
		start = time.Now()
		dana.Reopen()
		report(b, "unlock", ops, time.Since(start))
		want, err := aru.Replica().Digest(context.Background(), visit)
		if err != nil {
			b.Fatal(err)
		}
		if got, err := dana.Replica().Digest(context.Background(), visit); err != nil || got != want {
			b.Fatalf("the laptops differ: %v", err)
		}
	}
}
