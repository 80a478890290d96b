package server

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"kua/internal/replica"
)

// writer is the one goroutine that stores changesets. Requests that wait together are committed together, so that
// they share one sync to the disk.
type writer struct {
	s     *Server
	queue chan *job
	ended chan struct{}
}

// job is the verified changesets of one request.
type job struct {
	items []replica.Incoming
	out   []replica.Outcome
	err   error
	done  chan struct{} // closed when out or err is set
}

// maxGroup bounds the changesets of one transaction: readers of the replica's memory wait for it.
const maxGroup = 1000

func newWriter(s *Server) *writer {
	return &writer{s: s, queue: make(chan *job, 256), ended: make(chan struct{})}
}

// store waits until the changesets are on disk. If ctx ends first they may still be stored: no answer means unknown.
func (w *writer) store(ctx context.Context, items []replica.Incoming) ([]replica.Outcome, error) {
	j := &job{items: items, done: make(chan struct{})}
	select {
	case w.queue <- j:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.ended:
		return nil, busy(5*time.Second, "the server is stopping")
	}
	select {
	case <-j.done:
		return j.out, j.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.ended:
		return nil, busy(5*time.Second, "the server is stopping")
	}
}

func (w *writer) run(ctx context.Context) {
	defer close(w.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-w.queue:
			w.commitAll(w.gather(j))
		}
	}
}

// gather adds whatever waits to a job, up to maxGroup changesets.
func (w *writer) gather(first *job) []*job {
	jobs, n := []*job{first}, len(first.items)
	for n < maxGroup {
		select {
		case j := <-w.queue:
			jobs, n = append(jobs, j), n+len(j.items)
		default:
			return jobs
		}
	}
	return jobs
}

// commitAll stores jobs in one transaction. If that fails each gets its own, so that one cannot stop the others.
func (w *writer) commitAll(jobs []*job) {
	err := w.commit(jobs)
	if err != nil && len(jobs) > 1 {
		for _, j := range jobs {
			w.commitAll([]*job{j})
		}
		return
	}
	for _, j := range jobs {
		if j.err = err; err != nil {
			j.out = nil
		}
		close(j.done)
	}
	if err == nil {
		w.s.committed()
	}
}

func (w *writer) commit(jobs []*job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.s.log.Error("storing changesets panicked", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("storing changesets: %v", r)
		}
	}()
	began := time.Now()
	received := w.s.cfg.Now().UnixMilli()
	var all []replica.Incoming
	for _, j := range jobs {
		for _, in := range j.items {
			in.Received = received
			all = append(all, in)
		}
	}
	var out []replica.Outcome
	err = w.s.replica.InTx(context.Background(), func(tx *replica.Tx) (err error) {
		out, err = tx.Ingest(all)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing changesets: %w", err)
	}
	for _, j := range jobs {
		j.out, out = out[:len(j.items)], out[len(j.items):]
	}
	w.s.metrics.committed(len(all), time.Since(began))
	return nil
}

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
