package web

import (
	"testing"
	"time"
)

// clocks are the two clocks of a watch, moved by hand.
type clocks struct {
	wall time.Time
	mono time.Duration
}

func (c *clocks) pass(d time.Duration) { c.wall, c.mono = c.wall.Add(d), c.mono+d }

func watched() (*clocks, *watch) {
	c := &clocks{wall: time.Date(2026, 4, 2, 9, 0, 0, 0, time.UTC)}
	return c, newWatch(func() time.Time { return c.wall }, func() time.Duration { return c.mono })
}

func TestTheLaptopLocksWhenNobodyTouchesIt(t *testing.T) {
	for _, c := range []struct {
		idle int
		gate bool
		want time.Duration
	}{{IdleDefault, false, 3 * time.Minute}, {IdleDefault, true, time.Minute}, {15, false, 15 * time.Minute}, {99, false, 15 * time.Minute}, {0, false, time.Minute}, {15, true, time.Minute}} {
		now, w := watched()
		w.setIdle(c.idle)
		w.setGate(c.gate)
		now.pass(20 * time.Second)
		w.touch()
		for now.mono < 20*time.Second+c.want {
			if why := w.due(); why != "" {
				t.Fatalf("%+v: locked after %v: %s", c, now.mono, why)
			}
			now.pass(time.Second)
		}
		if why := w.due(); why != "idle" {
			t.Errorf("%+v: not locked after %v: %q", c, c.want, why)
		}
	}
}

func TestTheLaptopLocksWhenTheClocksPart(t *testing.T) {
	for _, c := range []struct {
		name string
		move func(*clocks)
		want string
	}{
		{"the lid was closed for a while: the machine slept", func(c *clocks) { c.wall = c.wall.Add(40 * time.Second) }, "clock"},
		{"somebody set the clock back", func(c *clocks) { c.wall = c.wall.Add(-time.Hour) }, "clock"},
		{"the clock was corrected a little", func(c *clocks) { c.wall = c.wall.Add(5 * time.Second) }, ""},
		{"time passed", func(c *clocks) { c.pass(40 * time.Second) }, ""},
	} {
		now, w := watched()
		c.move(now)
		if got := w.due(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheLaptopLocksWhenTheLastPageIsClosed(t *testing.T) {
	now, w := watched()
	w.setIdle(15)
	step := func(d time.Duration, want string) {
		t.Helper()
		now.pass(d)
		if got := w.due(); got != want {
			t.Errorf("after %v: %q, want %q", now.mono, got, want)
		}
	}
	step(2*time.Minute, "") // no page was ever open: a browser is still starting
	w.page(1)
	w.page(1)
	w.page(-1)
	step(2*time.Minute, "")
	w.page(-1)
	step(59*time.Second, "")
	w.page(1) // a reload
	step(2*time.Minute, "")
	w.page(-1)
	step(60*time.Second, "deserted")
}
