package syncproto

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawTime(t *rapid.T, label string) time.Time {
	return time.UnixMilli(rapid.OneOf(rapid.Int64Range(-1e13, 4e14), rapid.Int64Range(1.7e12, 1.9e12)).Draw(t, label))
}

func TestAClockReadingOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := HLC(rapid.Uint64().Draw(t, "start"))
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			before := h
			if rapid.Bool().Draw(t, "remote") {
				h = h.Observe(HLC(rapid.Uint64().Draw(t, "m")), drawTime(t, "trusted"))
				if h < before {
					t.Fatalf("observing went back from %d to %d", before, h)
				}
				continue
			}
			if h = h.Tick(drawTime(t, "now")); h <= before && before != ^HLC(0) {
				t.Fatalf("a tick went from %d to %d", before, h)
			}
		}
	})
}

func TestAReadingFarAheadDoesNotDragTheClock(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	h := HLC(0).Tick(now)
	if got := h.Time(); !got.Equal(now) || h.Counter() != 0 {
		t.Fatalf("reading of %v: %v", now, got)
	}
	near, far := hlcOf(now.Add(MaxAhead)), hlcOf(now.Add(MaxAhead+time.Millisecond))
	if h.Observe(near, now) != near || h.Observe(far, now) != h {
		t.Error("the limit of what is believed is not five minutes")
	}
	if h.Observe(near, time.Time{}) != h {
		t.Error("without trusted time a remote reading was believed")
	}
	if got := hlcOf(time.Unix(-1, 0)); got != 0 {
		t.Errorf("before 1970: %d", got)
	}
	if got := hlcOf(time.UnixMilli(1 << 50)); got.Time().UnixMilli() != 1<<48-1 {
		t.Errorf("a clock beyond the range wrapped to %v", got.Time())
	}
}
