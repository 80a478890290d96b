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
	Began    time.Time
	Took     time.Duration // while it runs: so far
	Report   *fieldclient.Report
	Problem  string // name of the sentences that say what went wrong
	Detail   string
	Finished int64 // Unix milliseconds
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
			y.set(func(s *syncState) { s.Phase, s.Done, s.Total = p.Phase, p.Done, p.Total })
		})
		y.set(func(s *syncState) { s.finish(rep, err, ctx.Err() != nil, a.s.cfg.Client.Now()) })
	}, func() {
		y.set(func(s *syncState) { *s = syncState{Running: true, Phase: "roster", Began: time.Now()} })
	})
	if err != nil && !errors.Is(err, errBusy) {
		return err
	}
	return a.to("/sync")
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
