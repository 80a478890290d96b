package server

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

// bench is a feed of changesets of ten operations on one record each: half of them on new records, half edits.
type bench struct {
	feed    *prototest.Feed
	site    *site
	visit   *prototest.Visit
	scope   syncproto.ScopeID
	records []syncproto.EntityID
	last    [][]prototest.Ref
	n       int
}

func (b *bench) next() *syncproto.Changeset {
	const ops = 10
	var out []prototest.Op
	i := len(b.records)
	if b.n%2 == 0 {
		e := b.site.Entity()
		b.records, b.last = append(b.records, e), append(b.last, nil)
		out = append(out, prototest.Create(e, 2100))
		for k := range ops - 1 {
			out = append(out, prototest.Set(e, benchField(k), "a value of the usual length"))
		}
	} else {
		i = (b.n * 7919) % len(b.records)
		for k := range ops {
			o := prototest.Set(b.records[i], benchField(k), "another value of the usual length")
			if k+1 < len(b.last[i]) {
				o = o.Seeing(b.last[i][k+1])
			}
			out = append(out, o)
		}
	}
	b.n++
	cs := b.feed.Sign(out...)
	b.last[i] = prototest.OpsOf(cs)
	return cs
}

func newBench(tb testing.TB) *bench {
	s := newSite(tb)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	s.laptop(s.Monitor).push(opening)
	return &bench{feed: s.Monitor.Feed(visit), site: s, visit: visit, scope: visit.Scope}
}

func (b *bench) batches(n, size int) [][][]byte {
	out := make([][][]byte, n)
	for i := range out {
		for range size {
			out[i] = append(out[i], b.next().Packet.Encode())
		}
	}
	return out
}

// BenchmarkIngest measures ingest without HTTP: packets are parsed, their signatures verified, merged, logged and
// committed with a sync to the disk, one request after the other. A laptop sends up to 500 changesets in one. Signing
// is not measured.
func BenchmarkIngest(tb *testing.B) {
	for _, size := range []int{50, 500} { // changesets of a request
		tb.Run(fmt.Sprintf("changesets=%d", size), func(tb *testing.B) {
			b := newBench(tb)
			batches := b.batches(tb.N, size)
			runtime.GC()
			tb.ResetTimer()
			began := time.Now()
			b.ingest(tb, batches)
			tb.ReportMetric(float64(tb.N*size*10)/time.Since(began).Seconds(), "ops/s")
		})
	}
}

// ingest takes batches in, in order.
func (b *bench) ingest(tb testing.TB, batches [][][]byte) {
	tb.Helper()
	for i := range batches {
		t, err := b.site.server.take(context.Background(), b.site.Monitor.ID, &b.scope, batches[i])
		if err != nil {
			tb.Fatal(err)
		}
		for _, r := range t.results {
			if r.Status != syncproto.StatusAccepted {
				tb.Fatalf("%+v", r)
			}
		}
		if _, err := b.site.server.receipt(b.scope, t); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkIngestAtMillion compares throughput at ten thousand operations and at KUA_BENCH_OPS of them, such as
// 1000000, in one database.
func BenchmarkIngestAtMillion(tb *testing.B) {
	total, err := strconv.Atoi(os.Getenv("KUA_BENCH_OPS"))
	if err != nil {
		tb.Skip("KUA_BENCH_OPS is not set")
	}
	const size, ops = 500, 10
	window := 10 // batches that are measured: 50,000 operations
	b := newBench(tb)
	measure := func() float64 {
		batches := b.batches(window, size)
		runtime.GC()
		began := time.Now()
		b.ingest(tb, batches)
		return float64(window*size*ops) / time.Since(began).Seconds()
	}
	for range tb.N {
		b.ingest(tb, b.batches(max(1, 10_000/size/ops), size))
		early := measure()
		for b.n*ops < total {
			b.ingest(tb, b.batches(window, size))
		}
		late := measure()
		tb.ReportMetric(early, "early-ops/s")
		tb.ReportMetric(late, "late-ops/s")
		tb.ReportMetric(late/early, "late/early")
	}
}

// benchField is the number of a field that no vocabulary has, and so everybody may write: no kind has ten of those.
func benchField(k int) syncproto.Field { return syncproto.Field(1_000_000 + k) }
