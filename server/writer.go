package server

import (
	"context"
	"sync"
)

// writer is the one goroutine that stores changesets.
type writer struct{ s *Server }

func newWriter(s *Server) *writer { return &writer{s} }

func (w *writer) run(ctx context.Context) { <-ctx.Done() }

// bell tells any number of waiting requests that something was stored.
type bell struct {
	mu   sync.Mutex // guards next
	next chan struct{}
}

func newBell() *bell { return &bell{next: make(chan struct{})} }

// wait returns a channel that is closed at the next ring. Take it before looking at what may have changed.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
}
