package web

import (
	"sync"
	"time"
)

// Limits of the automatic lock.
const (
	IdleDefault = 3  // minutes
	IdleGate    = 1  // minutes, in gate mode
	IdleMost    = 15 // minutes

	jump     = 30 * time.Second // of one clock against the other: somebody set the clock, or the lid was closed
	deserted = 60 * time.Second // without a page open
)

// watch finds the moment to lock. It compares the clock on the wall with the one that stands still while the machine
// sleeps.
type watch struct {
	wall func() time.Time
	mono func() time.Duration

	mu     sync.Mutex // guards what follows
	idle   time.Duration
	gate   bool
	active time.Duration // when somebody last did something
	pages  int           // open
	left   time.Duration // when the last page was closed
	seen   bool          // that a page was open at all
	at     reading
}

type reading struct {
	wall time.Time
	mono time.Duration
}

func newWatch(wall func() time.Time, mono func() time.Duration) *watch {
	w := &watch{wall: wall, mono: mono, idle: IdleDefault * time.Minute}
	w.at, w.active = w.read(), mono()
	return w
}

func (w *watch) read() reading { return reading{w.wall().Round(0), w.mono()} }

// setIdle chooses after how many minutes without a touch the laptop locks.
func (w *watch) setIdle(minutes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = time.Duration(min(max(minutes, 1), IdleMost)) * time.Minute
}

// setGate shortens the wait while a visit is open that cannot be read again after a lock.
func (w *watch) setGate(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate = on
}

func (w *watch) gated() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gate
}

func (w *watch) idleMinutes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.limit() / time.Minute)
}

func (w *watch) limit() time.Duration {
	if w.gate {
		return min(w.idle, IdleGate*time.Minute)
	}
	return w.idle
}

// touch says that a person is there.
func (w *watch) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = w.mono()
}

// page counts a page that was opened (1) or closed (-1).
func (w *watch) page(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages += n
	w.seen = true
	if w.pages == 0 {
		w.left = w.mono()
	}
}

// open reports whether any page is open.
func (w *watch) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pages > 0
}

// due says why it is time to lock, or "".
func (w *watch) due() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.read()
	passed := now.mono - w.at.mono
	drift := (now.wall.Sub(w.at.wall) - passed).Abs()
	w.at = now
	switch {
	case drift > jump:
		return "clock"
	case now.mono-w.active >= w.limit():
		return "idle"
	case w.seen && w.pages == 0 && now.mono-w.left >= deserted:
		return "deserted"
	}
	return ""
}
