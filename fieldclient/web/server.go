package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/vault"
)

// Config is what the screens work on.
type Config struct {
	Client   fieldclient.Config
	KDF      func() vault.KDF // cost of the passphrase of a new laptop
	Language string           // that was chosen before the last lock; "" where none was
	Tell     func(Message)    // to the host; nil where nobody listens
}

func (c *Config) tell(m Message) {
	if c.Tell != nil {
		c.Tell(m)
	}
}

// Server is the screens of one laptop, from a launch to a lock. It never unlocks twice: what it held in memory goes with
// its process, and the host starts another one.
type Server struct {
	cfg     Config
	screens *screens
	host    string // address, which every request must name
	cookie  string
	mono    func() time.Duration // since the start, on a clock that nobody sets; it stands still while the machine sleeps
	grace   time.Duration        // in which a wipe can be called off
	last    spans                // how long the end may take
	watch   *watch
	running work    // a sync, one at a time
	sync    syncing // how far it has come

	client    atomic.Pointer[fieldclient.Client] // nil while locked
	opening   sync.Mutex                         // one passphrase at a time
	done      chan Ending                        // takes the one reason to end
	ending    chan struct{}                      // closed when it has come
	endOnce   sync.Once
	answered  chan struct{}  // closed when all requests are; streams last until then
	handling  sync.WaitGroup // requests that are being answered, but for streams
	listening sync.WaitGroup // streams
	drawing   sync.Mutex     // one picture at a time
	slicing   sync.Mutex     // one slice of a recording at a time

	destroying sync.Once // the keys

	mu       sync.Mutex // guards what follows
	sessions []*session
	launches launches
	streams  map[chan event]bool
	language string // until the vault says otherwise
	wiping   *wiping
	parted   bool // pages have been told that the screens end
	isShut   bool // no request is answered any more

	recording, lastRecording *recording
}

// Ending is why the screens went away.
type Ending struct {
	Why     string   // locked, wiped or quit
	Tickets []string // that open pages hold, to be let in by the next process
}

// The reasons of an Ending.
const (
	EndLocked = "locked"
	EndWiped  = "wiped"
	EndQuit   = "quit"
)

// New returns the screens of the laptop that cfg names, for the given address of this machine. Nothing is opened yet.
func New(cfg Config, address string) (*Server, error) {
	if host, _, err := net.SplitHostPort(address); err != nil || host != "127.0.0.1" {
		return nil, fmt.Errorf("opening the screens: %q is not an address of this machine alone", address)
	}
	screens, err := readScreens()
	if err != nil {
		return nil, fmt.Errorf("opening the screens: %w", err)
	}
	s := &Server{cfg: cfg, screens: screens, host: address, grace: wipeAfter, last: endSpans(), done: make(chan Ending, 1), ending: make(chan struct{}), answered: make(chan struct{}),
		language: cfg.Language, streams: map[chan event]bool{}, launches: launches{until: map[[32]byte]time.Duration{}}}
	var suffix [8]byte
	s.random(suffix[:])
	s.cookie = "kua-" + hex.EncodeToString(suffix[:])
	began := time.Now()
	s.mono = func() time.Duration { return time.Since(began) }
	s.watch = newWatch(s.cfg.Client.Now, s.mono)
	return s, nil
}

// Listen opens a port of this machine that nobody knows beforehand.
func Listen() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }

func (s *Server) random(b []byte) {
	r := s.cfg.Client.Rand
	if r == nil {
		r = rand.Reader
	}
	if _, err := io.ReadFull(r, b); err != nil {
		panic(fmt.Sprintf("no randomness: %v", err)) // nothing here may go on without
	}
}

// Handler is the whole site behind its walls.
func (s *Server) Handler() http.Handler { return s.guard(s.doors()) }

// Serve answers on the listener until the laptop is locked, wiped or quit, or ctx ends. What was being saved is saved
// before it returns; then the laptop is locked and its keys are zeroed.
func (s *Server) Serve(ctx context.Context, l net.Listener) (Ending, error) {
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10, IdleTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	stop := s.keepWatch()
	defer stop()
	var end Ending
	var err error
	select {
	case end = <-s.done:
	case <-ctx.Done():
		s.end(EndQuit)
		end = <-s.done
	case err = <-failed:
		s.end(EndQuit)
		end = <-s.done
	}
	s.cfg.tell(Message{Ending: true}) // from here on its host waits for it only so long
	if s.wipeInstead() {
		end.Why = EndWiped
	}
	if end.Tickets = s.farewell(end.Why); s.watch.open() {
		s.last.flush()
	}
	l.Close() // what comes from now on waits for the next process, where there is one
	s.shut()
	s.finish(srv)
	if s.wipeInstead() { // that a late request began
		end = Ending{Why: EndWiped}
	}
	close(s.answered)
	within(s.last.farewell, s.listening.Wait)
	if failed := srv.Close(); !errors.Is(failed, net.ErrClosed) { // l is closed already
		err = errors.Join(err, failed)
	}
	closed := make(chan error, 1)
	if c := s.client.Swap(nil); c != nil && within(s.last.closing, func() { closed <- c.Close() }) {
		err = errors.Join(err, <-closed)
	}
	return end, err
}

// spans are the times of the end.
type spans struct {
	flush    func()        // waits for open pages to send what was typed in the last moment
	patience time.Duration // for requests that are being answered
	unheard  time.Duration // for what was broken off after that
	farewell time.Duration // for pages to hear that the screens end
	closing  time.Duration // for closing what is open
}

// endSpans returns the times that people get. Their sum stays below farewellWait.
func endSpans() spans {
	return spans{flush: func() { time.Sleep(300 * time.Millisecond) }, patience: 3 * time.Second, unheard: 2 * time.Second,
		farewell: time.Second, closing: 2 * time.Second}
}

// finish lets what has begun come to its end. What takes longer than a save (a download that stalls, a stick that is slow)
// is broken off: the screen looks locked already, and the keys must not stay in memory behind it.
func (s *Server) finish(srv *http.Server) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.stop()
		s.saveRecording() // what was spoken until now; before the requests, one of which may wait for its end
		s.handling.Wait() // a save that has begun is finished
		s.saveRecording() // that a late request began
	}()
	over := func() { <-done }
	if !within(s.last.patience, over) {
		_ = srv.Close() // ends reading, writing and the context of each request
		within(s.last.unheard, over)
	}
}

// admit counts a request that is answered before the screens end. While they end, what pages still send is saved, but
// nothing is shown any more; once shut was called, nothing comes in.
func (s *Server) admit(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ending:
		if s.isShut || r.Method != http.MethodPost {
			return false
		}
	default:
	}
	s.handling.Add(1)
	return true
}

func (s *Server) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isShut = true
}

// within waits for fn, but not longer than d. It reports whether fn ended.
func within(d time.Duration, fn func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

// end makes Serve return. Only the first reason counts.
func (s *Server) end(why string) {
	s.endOnce.Do(func() {
		s.done <- Ending{Why: why}
		close(s.ending)
	})
}

// ask is one request of a browser that was let in, with what a screen needs to answer it.
type ask struct {
	*http.Request
	w       http.ResponseWriter
	s       *Server
	session *session
	client  *fieldclient.Client // nil while the laptop is locked
	words   *words
}

// htmx reports whether a part of a page asks.
func (a *ask) htmx() bool { return a.Header.Get("HX-Request") == "true" }

// field returns what was typed into a form's field.
func (a *ask) field(name string) string {
	return strings.ReplaceAll(a.PostFormValue(name), "\r\n", "\n")
}

// languageNow is that of the vault, or the one that was chosen before it was open.
func (s *Server) languageNow() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.language == "" {
		return "ru"
	}
	return s.language
}
