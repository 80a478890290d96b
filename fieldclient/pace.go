package fieldclient

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pace is what an exchange with a server must keep up, whatever there is at the other end of the line. A mobile line of 5 kB
// a second is a thousand times quicker than what it asks for.
type pace struct {
	quiet time.Duration                        // in which at least `least` bytes must pass, either way
	least int64                                // what a server sends that only wants to hold a line open is less
	whole time.Duration                        // for one request with its answer; a server of ours gives up then too
	after func(time.Duration) <-chan time.Time // time.After
}

func fieldPace() pace {
	return pace{quiet: time.Minute, least: 4 << 10, whole: 10 * time.Minute, after: time.After}
}

// The two ways in which an exchange ends that does not keep the pace. Both are an ErrUnreachable too: what was sent may have
// arrived, nothing is lost, and the next sync goes on.
var (
	ErrStalled = fmt.Errorf("%w: the line is open, but nothing comes through", ErrUnreachable)
	errTooLong = fmt.Errorf("%w: one request took too long", ErrUnreachable)
)

// exchanging watches one request and its answer.
type exchanging struct {
	moved atomic.Int64 // bytes of bodies
	end   func()       // to be called when the answer is read; waits for what watches
}

// watch returns a context that ends, with its cause, when the exchange falls behind.
func (p pace) watch(ctx context.Context) (context.Context, *exchanging) {
	ctx, cancel := context.WithCancelCause(ctx)
	x := &exchanging{}
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		late := p.after(p.whole)
		for was := int64(0); ; {
			select {
			case <-p.after(p.quiet):
				now := x.moved.Load()
				if now-was < p.least {
					cancel(ErrStalled)
					return
				}
				was = now
			case <-late:
				cancel(errTooLong)
				return
			case <-over:
				return
			}
		}
	})
	x.end = func() {
		close(over)
		watching.Wait()
		cancel(nil)
	}
	return ctx, x
}

// metered is a body whose bytes count.
type metered struct {
	io.Reader
	x *exchanging
}

func (c metered) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.x.moved.Add(int64(n))
	return n, err
}

func (x *exchanging) body(b []byte) io.ReadCloser {
	return io.NopCloser(metered{bytes.NewReader(b), x})
}

// sendBuffer bounds what the system takes of a request before the line has carried it, because that counts as passed.
const sendBuffer = 32 << 10

// dial connects to a server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		err = tcp.SetWriteBuffer(sendBuffer)
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}
