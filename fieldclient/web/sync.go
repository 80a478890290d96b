package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"kua/fieldclient"
)

// syncing is the sync that runs or ran last. A page asks for it while it runs.
type syncing struct {
	mu  sync.Mutex // guards what follows
	now syncState
}

// syncState is how far a sync has come, or how it ended.
type syncState struct {
	Running  bool
	Stopped  bool // a person stopped it
	Phase    string
	Done     uint64
	Total    uint64 // 0 while it is unknown
	Bytes    uint64 // of originals that have gone; the phase of attachments counts these
	AllBytes uint64
	Began    time.Time
	Phased   time.Time     // when the phase began
	Took     time.Duration // while it runs: so far
	Report   *fieldclient.Report
	Problem  string // name of the sentences that say what went wrong
	Detail   string
	Finished int64 // Unix milliseconds
}

// Unfinished reports whether the last sync left something for the next one.
func (s syncState) Unfinished() bool {
	return s.Stopped || s.Problem != "" || s.Report != nil && s.Report.AttachmentsWaiting > 0
}

// share is how much of the phase is done, as the bar shows it: of originals the bytes count.
func (s syncState) share() (done, all uint64) {
	if s.AllBytes > 0 {
		return s.Bytes, s.AllBytes
	}
	return s.Done, s.Total
}

// Bar is share for the page.
func (s syncState) Bar() map[string]uint64 {
	done, all := s.share()
	return map[string]uint64{"Done": done, "All": all}
}

// Left is about how long the phase still takes at the pace so far; 0 while nobody can say.
func (s syncState) Left() time.Duration {
	done, all := s.share()
	so := time.Since(s.Phased)
	if all == 0 || done == 0 || done >= all || so < 2*time.Second {
		return 0
	}
	return time.Duration(float64(so) * float64(all-done) / float64(done)).Round(time.Second)
}

func (y *syncing) get() syncState {
	y.mu.Lock()
	defer y.mu.Unlock()
	s := y.now
	if s.Running {
		s.Took = time.Since(s.Began)
	}
	return s
}

func (y *syncing) set(change func(*syncState)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	change(&y.now)
}

// syncPage is ui/sync.html.
type syncPage struct {
	Page
	Now       syncState
	Total     fieldclient.Whereabouts
	Confirmed int64
	Server    string
	Folders   []string // where a stick may be
	Did       *courierDone
	Blocked   int // changes that have no effect until a coordinator has decided
}

func syncScreen(a *ask) error { return a.syncing(nil) }

func (a *ask) syncing(did *courierDone) error {
	p := &syncPage{Page: Page{Title: a.words.T("sync.title")}, Now: a.s.sync.get(), Folders: sticks(), Did: did}
	if s := a.client.Server(); s != nil {
		p.Server = s.URL
	}
	if at, _ := a.client.LastContact(); !at.IsZero() {
		p.Confirmed = at.UnixMilli()
	}
	for _, s := range a.client.Replica().Scopes() {
		w, err := a.client.Whereabouts(a.Context(), s.Scope)
		if err != nil {
			return err
		}
		p.Total.Add(w)
	}
	var err error
	if p.Blocked, err = a.blockedCount(); err != nil {
		return err
	}
	return a.page("sync", p)
}

// syncStart begins a sync beside the screens. It may be broken off anywhere and begun again: each step is durable before
// the next.
func syncStart(a *ask) error {
	remote, err := a.client.Remote()
	if err != nil {
		return err
	}
	y, c := &a.s.sync, a.client
	err = a.s.running.start(func(ctx context.Context) {
		rep, err := c.Sync(ctx, remote, func(p fieldclient.Progress) {
			y.set(func(s *syncState) { s.come(p) })
		})
		y.set(func(s *syncState) { s.finish(rep, err, ctx.Err() != nil, a.s.cfg.Client.Now()) })
	}, func() {
		y.set(func(s *syncState) {
			*s = syncState{Running: true, Phase: "roster", Began: time.Now(), Phased: time.Now()}
		})
	})
	if err != nil && !errors.Is(err, errBusy) {
		return err
	}
	return a.to("/sync")
}

// come takes over how far the sync has come.
func (s *syncState) come(p fieldclient.Progress) {
	if p.Phase != s.Phase {
		s.Phased = time.Now()
	}
	s.Phase, s.Done, s.Total, s.Bytes, s.AllBytes = p.Phase, p.Done, p.Total, p.BytesDone, p.BytesTotal
}

func (s *syncState) finish(rep fieldclient.Report, err error, stopped bool, now time.Time) {
	s.Running, s.Took, s.Report, s.Finished = false, time.Since(s.Began), &rep, now.UnixMilli()
	if s.Stopped = stopped; err != nil && !stopped {
		s.Problem, s.Detail = problemOf(err).name, err.Error()
	}
}

func syncStop(a *ask) error {
	a.s.running.stop()
	return a.to("/sync")
}

// syncProgress is the moving part of the page, which asks for it again while something moves.
func syncProgress(a *ask) error {
	now := a.s.sync.get()
	if !now.Running {
		a.w.Header().Set("HX-Refresh", "true")
	}
	return a.partOf("sync", "progress", &syncPage{Now: now, Page: Page{CSRF: a.csrf()}})
}
