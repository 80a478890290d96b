package syncproto

import "time"

// HLC is a hybrid logical clock reading: 48 bits of Unix milliseconds, then a 16-bit counter. It is for display and
// sorting only: nothing is ever rejected, delayed or outranked because of it (docs/protocol.md §4).
type HLC uint64

// MaxAhead is how far a remote reading may be ahead of trusted time and still advance the local clock.
const MaxAhead = 5 * time.Minute

// Time returns the reading's wall-clock part.
func (h HLC) Time() time.Time { return time.UnixMilli(int64(h >> 16)) }

// Counter returns the reading's logical part.
func (h HLC) Counter() uint16 { return uint16(h) }

// hlcOf returns the reading for a time; times before 1970 and after the year 10889 are clamped to the representable
// range, so that a broken clock cannot wrap around.
func hlcOf(t time.Time) HLC {
	ms := t.UnixMilli()
	return HLC(uint64(min(max(ms, 0), 1<<48-1))) << 16
}

// Tick returns the reading for a local event at wall-clock time now, strictly greater than h. At the end of the
// range it stays at the maximum: order does not depend on it.
func (h HLC) Tick(now time.Time) HLC {
	if p := hlcOf(now); p > h {
		return p
	}
	if h == ^HLC(0) {
		return h
	}
	return h + 1
}

// Observe returns h advanced by a remote reading m. trusted is the best known true time, or the zero time where this
// laptop has never met a server; a reading more than MaxAhead beyond it, or any reading without it, is ignored.
func (h HLC) Observe(m HLC, trusted time.Time) HLC {
	if trusted.IsZero() || m > hlcOf(trusted.Add(MaxAhead)) {
		return h
	}
	return max(h, m)
}
