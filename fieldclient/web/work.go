package web

import (
	"context"
	"errors"
	"sync"
)

// errBusy says that a sync or a courier bundle is on its way already.
var errBusy = errors.New("something is on its way already")

// work is what takes longer than an answer: one thing at a time, watched by a page, broken off by a person or a lock.
type work struct {
	mu     sync.Mutex // guards what follows
	cancel context.CancelFunc
	ended  chan struct{}
}

// start runs fn beside the screens, after before, which sees to it that a page shows it as running.
func (w *work) start(fn func(ctx context.Context), before func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		select {
		case <-w.ended:
		default:
			return errBusy
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	w.cancel, w.ended = cancel, ended
	before()
	go func() {
		defer close(ended)
		defer cancel()
		fn(ctx)
	}()
	return nil
}

// stop breaks off what runs and waits for it.
func (w *work) stop() {
	w.mu.Lock()
	cancel, ended := w.cancel, w.ended
	w.mu.Unlock()
	if ended != nil {
		cancel()
		<-ended
	}
}
