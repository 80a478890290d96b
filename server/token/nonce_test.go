package token

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNonceIgnoresStepsOfTheWallClock(t *testing.T) {
	real := time.Now()
	n := must(newNonces(func() time.Time { return real }, &counter{}))
	real = real.Add(time.Minute)
	nonce := n.issue()
	if _, issued, err := n.check(nonce); err != nil || issued != time.Minute {
		t.Fatalf("issued %v, %v; want 1m0s", issued, err)
	}
	real = real.Add(-time.Second)
	if _, _, err := n.check(nonce); err == nil {
		t.Fatal("a nonce from the future was accepted")
	}
}

func TestReplaysForgetOnlyWhatNoNonceCanBring(t *testing.T) {
	r := newReplays(2)
	for i, id := range []string{"a", "b"} {
		if v := r.add(10, time.Duration(i), id); v != fresh {
			t.Fatalf("%s: %v", id, v)
		}
	}
	if v := r.add(11, 11, "c"); v != fresh {
		t.Fatalf("a full cache locks out: %v", v)
	}
	if v := r.add(12, 0, "a"); v != forgotten {
		t.Fatalf("what a full cache dropped: %v, want forgotten", v)
	}
	if v := r.add(12, 1, "b"); v != replayed {
		t.Fatalf("what a full cache kept: %v, want replayed", v)
	}
}

func TestALateCallerCannotReplay(t *testing.T) {
	r := newReplays(8)
	r.add(0, 0, "a")
	r.add(2*NonceLife, 2*NonceLife, "b") // drops a
	if v := r.add(NonceLife, 0, "a"); v == fresh {
		t.Fatal("an id was accepted twice by a caller with an old present")
	}
}

// TestReplaysNeverAdmitTwiceAndStayBounded compares the cache with an unbounded set.
func TestReplaysNeverAdmitTwiceAndStayBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 100).Draw(t, "limit")
		r, admitted, now := newReplays(limit), map[string]bool{}, time.Duration(0)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 20).Draw(t, "wait")) * time.Second
			issued := now - time.Duration(rapid.IntRange(0, 300).Draw(t, "age"))*time.Second
			name := fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "name"), "/", issued) // one nonce for each signed id
			if r.add(now, issued, name) == fresh {
				if admitted[name] {
					t.Fatalf("%s admitted twice", name)
				}
				admitted[name] = true
			}
			if len(r.ids) > limit || len(r.queue) > limit {
				t.Fatalf("cache holds %d of %d, ring %d", len(r.ids), limit, len(r.queue))
			}
		}
	})
}
