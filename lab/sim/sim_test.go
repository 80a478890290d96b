package sim

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

var (
	oneSeed   = flag.Uint64("seed", 0, "replay this seed alone, twice")
	moreSeeds = flag.Int("seeds", 20, "run this many seeds: by default the same ones each time, however fast the machine is; 0 runs as many as fit into -budget")
	firstSeed = flag.Uint64("first", 1, "first seed of a run")
	budget    = flag.Duration("budget", time.Minute, "time to spend where -seeds is 0")
	dump      = flag.Bool("dump", false, "print what happened")
	steps     = flag.Int("steps", 200, "things that happen in one run")
)

const rounds = 4 // of sync by everybody, after which all must agree

// run lets a world live and returns what happened, line by line. Every third seed checks safety only: nobody gets the
// chance to settle.
func run(t *testing.T, seed uint64, trace *[]string) {
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		w := New(t, seed)
		defer w.Close()
		defer func() { *trace = w.trace }()
		for range *steps {
			w.Step()
			if t.Failed() {
				return
			}
		}
		if seed%3 != 0 {
			w.Settle(rounds)
		}
		w.Finish()
	})
}

func TestSim(t *testing.T) {
	if *oneSeed != 0 {
		twice(t, *oneSeed)
		return
	}
	began, n := time.Now(), 0
	for seed := *firstSeed; ; seed++ {
		if *moreSeeds > 0 && n >= *moreSeeds || *moreSeeds == 0 && n > 0 && time.Since(began) > *budget {
			break
		}
		twice(t, seed)
		n++
	}
	t.Logf("%d seeds, each run twice, %d steps each", n, *steps)
}

// twice runs a seed two times: the same must happen.
func twice(t *testing.T, seed uint64) {
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		var a, b []string
		defer func() {
			if *dump {
				t.Log("\n" + strings.Join(a, "\n"))
			}
		}()
		t.Run("once", func(t *testing.T) { run(t, seed, &a) })
		if t.Failed() {
			t.Logf("replay with: go test ./sim -run Sim -seed %d -v\n%s", seed, last(a))
			return
		}
		t.Run("again", func(t *testing.T) { run(t, seed, &b) })
		if i := slices.IndexFunc(a, func(string) bool { return !slices.Equal(a, b) }); i >= 0 {
			for i = range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("seed %d does not repeat: step %d\n%s\n%s", seed, i, a[i], b[i])
					return
				}
			}
			t.Errorf("seed %d does not repeat: %d and %d steps", seed, len(a), len(b))
		}
	})
}

func last(trace []string) (out string) {
	for _, l := range trace[max(0, len(trace)-25):] {
		out += l + "\n"
	}
	return out
}
