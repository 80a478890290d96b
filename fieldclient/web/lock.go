package web

import (
	"context"
	"net/http"
	"time"

	"kua/fieldclient/vault"
)

// keepWatch locks the laptop when it is time to. It returns what ends it.
func (s *Server) keepWatch() (stop func()) {
	ended, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				if s.watch.due() != "" && s.client.Load() != nil {
					s.end(EndLocked)
				}
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// alive says that somebody types or moves the pointer. kua.js sends it now and then while that is so.
func alive(a *ask) error {
	a.s.watch.touch()
	a.w.WriteHeader(http.StatusNoContent)
	return nil
}

// lockedPage is ui/locked.html: what a browser without script is left with.
type lockedPage struct {
	Page
}

// lock locks at once and asks nothing. Pages learn of it by their stream and come back with a ticket.
func lock(a *ask) error {
	defer a.s.end(EndLocked)
	a.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if a.Header.Get(csrfHeader) != "" {
		a.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	a.client = nil // the page must not name anybody
	return a.page("locked", &lockedPage{Page{Title: a.words.T("locked.title")}})
}

// quit locks and closes the program.
func quit(a *ask) error {
	defer a.s.end(EndQuit)
	a.client = nil
	return a.page("locked", &lockedPage{Page{Title: a.words.T("locked.title")}})
}

// wipeAfter is how long a wipe can still be called off.
const wipeAfter = 5 * time.Second

// wiping is a wipe on its way.
type wiping struct {
	at    time.Duration // on the monotonic clock
	timer *time.Timer
}

// wipePage is ui/wipe.html.
type wipingPage struct {
	Page
	Running bool
	Seconds int // left
}

func wipePage(a *ask) error {
	p := &wipingPage{Page: Page{Title: a.words.T("wipe.title")}}
	a.s.mu.Lock()
	if w := a.s.wiping; w != nil {
		p.Running, p.Seconds = true, int((w.at-a.s.mono()+time.Second-1)/time.Second)
	}
	a.s.mu.Unlock()
	return a.page("wipe", p)
}

// wipe begins the countdown. It runs here and not in the page: it ends whatever becomes of the browser.
func wipe(a *ask) error {
	s := a.s
	s.mu.Lock()
	if s.wiping == nil {
		s.wiping = &wiping{at: s.mono() + s.grace, timer: time.AfterFunc(s.grace, s.wipeNow)}
	}
	s.mu.Unlock()
	return a.to("/wipe")
}

func wipeCancel(a *ask) error {
	s := a.s
	s.mu.Lock()
	if s.wiping != nil && s.wiping.timer.Stop() {
		s.wiping = nil
	}
	s.mu.Unlock()
	return a.to("/")
}

// wipeNow is the end of the countdown.
func (s *Server) wipeNow() {
	s.destroy()
	s.end(EndWiped)
}

// wipeSpan is how long the end waits for a wipe. The key file goes in its first moment; what may take longer is closing
// what is open.
const wipeSpan = 3 * time.Second

// destroy destroys the keys first, whatever else is running. Who calls it while it runs waits for it.
func (s *Server) destroy() {
	within(wipeSpan, func() {
		s.destroying.Do(func() {
			if c := s.client.Load(); c != nil {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				_ = c.Wipe(ctx) // it goes on after an error; what is left is a file without a key
			} else {
				_ = vault.Wipe(s.cfg.Client.Vault)
			}
		})
	})
}

// wipeInstead finishes a wipe whose countdown runs when the screens end for another reason: whoever began it is not there
// to begin it again, and a timer does not outlive its process. It reports whether there was one.
func (s *Server) wipeInstead() bool {
	s.mu.Lock()
	w := s.wiping
	s.mu.Unlock()
	if w == nil {
		return false
	}
	w.timer.Stop()
	s.destroy()
	return true
}
