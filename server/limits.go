package server

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kua/syncproto"
)

// limiters bound how often somebody may come: by address before a request is looked at, by device after.
type limiters struct {
	now       func() time.Time
	addresses buckets[netip.Addr]
	strict    buckets[netip.Addr]
	devices   buckets[syncproto.DeviceID]
}

func newLimiters(l Limits, now func() time.Time) *limiters {
	return &limiters{
		now:       now,
		addresses: buckets[netip.Addr]{rate: l.Address, burst: l.AddressBurst},
		strict:    buckets[netip.Addr]{rate: l.Enrol, burst: l.EnrolBurst},
		devices:   buckets[syncproto.DeviceID]{rate: l.Device, burst: l.DeviceBurst},
	}
}

func (l *limiters) address(ip string, strict bool) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return syncproto.Refuse(syncproto.CodeMalformed, "the request has no address")
	}
	if addr = addr.Unmap(); addr.Is6() {
		p, _ := addr.Prefix(64) // one subscriber has at least that many addresses
		addr = p.Addr()
	}
	if strict {
		return l.strict.take(addr, l.now())
	}
	return l.addresses.take(addr, l.now())
}

func (l *limiters) device(id syncproto.DeviceID) error { return l.devices.take(id, l.now()) }

// maxBuckets bounds the memory of one set of buckets.
const maxBuckets = 1 << 16

// buckets is a token bucket for each key.
type buckets[K comparable] struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex // guards of
	of map[K]*rate.Limiter
}

func (b *buckets[K]) take(key K, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.of[key]
	if l == nil {
		if b.of == nil {
			b.of = map[K]*rate.Limiter{}
		}
		if len(b.of) >= maxBuckets {
			b.forget(now)
		}
		l = rate.NewLimiter(b.rate, b.burst)
		b.of[key] = l
	}
	r := l.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &later{http.StatusTooManyRequests, wait, syncproto.Refuse(syncproto.CodeLimited, "too many requests: try again later")}
	}
	return nil
}

// forget drops full buckets, which are as good as new ones, and where that is not enough any.
func (b *buckets[K]) forget(now time.Time) {
	for key, l := range b.of {
		if l.TokensAt(now) >= float64(b.burst) {
			delete(b.of, key)
		}
	}
	for key := range b.of {
		if len(b.of) < maxBuckets/2 {
			return
		}
		delete(b.of, key)
	}
}
