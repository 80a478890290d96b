package replica

import (
	"math/rand/v2"
	"slices"
	"testing"

	"kua/syncproto"
)

func TestAnOperationIsFoundHoweverOftenSomebodyLooks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rec := record{}
	next := map[uint64]uint64{}
	for range 400 {
		feed := 1 + rng.Uint64N(3)
		if rng.IntN(20) == 0 { // a fork: its numbers come again
			next[feed] = next[feed] / 2
		}
		rec.log = append(rec.log, syncproto.Contribution{Changeset: uint64(len(rec.log) + 1), Feed: feed})
		for range 1 + rng.IntN(3) {
			next[feed]++
			if rng.IntN(4) > 0 { // else on another record
				rec.add(syncproto.MergeOp{Seq: next[feed]})
			}
		}
		seq := rng.Uint64N(next[feed] + 2)
		if got, want := rec.find(feed, seq), rec.look(feed, seq); !slices.Equal(got, want) {
			t.Fatalf("operation %d of feed %d is in %v, and %v is found", seq, feed, want, got)
		}
	}
	if rec.at == nil {
		t.Error("the index was never made: the test does not reach what it is for")
	}
}

func TestADependencyHasOnePlace(t *testing.T) {
	dep := func(n uint64) syncproto.Dep { return syncproto.Dep{Feed: syncproto.FeedID{1}, N: n} }
	rec := record{deps: []syncproto.Dep{dep(7), dep(8)}} // as unpacked
	for _, c := range []struct{ n, at uint64 }{{8, 1}, {9, 2}, {7, 0}, {9, 2}, {10, 3}} {
		if at := rec.depIndex(dep(c.n)); at != c.at || rec.deps[at] != dep(c.n) {
			t.Errorf("dependency %d is at %d, want %d", c.n, at, c.at)
		}
	}
	if len(rec.deps) != 4 {
		t.Errorf("%d places", len(rec.deps))
	}
}
