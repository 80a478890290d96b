package fieldclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kua/syncproto"
)

// badServer is a listener on this machine that treats every connection as answer does.
func badServer(t *testing.T, answer func(net.Conn)) (base string, met *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	met = &atomic.Int64{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			met.Add(1)
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return "http://" + l.Addr().String(), met
}

// held reads until the other side hangs up.
func held(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// asked reads the head of a request.
func asked(conn net.Conn) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	return req
}

// clock gives a remote a time that passes when the test says so.
type clock struct {
	quiet, whole chan time.Time
	waits        *atomic.Int64 // how often somebody began to wait for quiet
}

func (l *laptop) paced(base string) (*Remote, clock) {
	r, c := l.NewRemote(base), clock{make(chan time.Time), make(chan time.Time), &atomic.Int64{}}
	r.pace.after = func(d time.Duration) <-chan time.Time {
		if d == r.pace.whole {
			return c.whole
		}
		c.waits.Add(1)
		return c.quiet
	}
	return r, c
}

// runs lets time pass until the test is over, as quickly as anybody waits for it.
func runs(t *testing.T, c chan time.Time) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case c <- time.Time{}:
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() { close(over); <-ended })
}

func stranger(t *testing.T) *laptop {
	o := newTeam(t)
	l := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	return l
}

var hello = request{method: http.MethodGet, path: "/v1/hello", anonymous: true}

func TestAServerThatHoldsTheLineIsLeft(t *testing.T) {
	upload := request{method: http.MethodPost, path: "/v1/bundles", body: make([]byte, 8<<20), anonymous: true}
	for name, c := range map[string]struct {
		q      request
		answer func(net.Conn)
	}{
		"never answers":  {hello, held},
		"never reads":    {upload, func(conn net.Conn) { <-t.Context().Done() }},
		"drips its head": {hello, func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nX-Slow: a"); held(conn) }},
		"drips its answer": {hello, func(conn net.Conn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nxyz")
			held(conn)
		}},
		"begins, and forgets": {hello, func(conn net.Conn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n", strings.Repeat("x", 5000))
			held(conn)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			base, met := badServer(t, c.answer)
			r, clock := stranger(t).paced(base)
			runs(t, clock.quiet)
			_, err := r.do(t.Context(), c.q)
			if !errors.Is(err, ErrStalled) || !errors.Is(err, ErrUnreachable) {
				t.Errorf("it ended with %v", err)
			}
			if n := met.Load(); n > 2 { // a minute each
				t.Errorf("it was tried %d times", n)
			}
		})
	}
}

func TestOneRequestHasAnEndHoweverQuickTheLineIs(t *testing.T) {
	base, met := badServer(t, func(conn net.Conn) { asked(conn); held(conn) })
	r, clock := stranger(t).paced(base)
	runs(t, clock.whole)
	if _, err := r.do(t.Context(), hello); !errors.Is(err, errTooLong) || met.Load() > 1 {
		t.Errorf("it was tried %d times and ended with %v", met.Load(), err)
	}
}

func TestAnAnswerWithoutEndIsNotReadToTheEnd(t *testing.T) {
	hungUp := make(chan error, 1)
	base, met := badServer(t, func(conn net.Conn) {
		asked(conn)
		_, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n\r\n")
		for more := make([]byte, 64<<10); err == nil; {
			_, err = conn.Write(more)
		}
		hungUp <- err
	})
	r, _ := stranger(t).paced(base)
	if _, err := r.do(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "over 16777216 bytes") {
		t.Errorf("it ended with %v", err)
	}
	<-hungUp
	if n := met.Load(); n != 1 {
		t.Errorf("it was read %d times", n)
	}
}

func TestAHeadWithoutEndIsNotReadToTheEnd(t *testing.T) {
	base, _ := badServer(t, func(conn net.Conn) {
		asked(conn)
		_, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = fmt.Fprintf(conn, "X-More: %s\r\n", strings.Repeat("x", 1000))
		}
	})
	r, _ := stranger(t).paced(base)
	if _, err := r.once(t.Context(), hello); !errors.Is(err, ErrUnreachable) {
		t.Errorf("it ended with %v", err)
	}
}

// progress is a transport that knows how many bytes of an answer have been taken in.
type progress struct {
	http.RoundTripper
	read atomic.Int64
}

func (p *progress) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := p.RoundTripper.RoundTrip(req)
	if err == nil {
		res.Body = &progressing{res.Body, p, 0}
	}
	return res, err
}

type progressing struct {
	io.ReadCloser
	p *progress
	n int64
}

func (b *progressing) Read(to []byte) (int, error) {
	b.p.read.Store(b.n) // whoever asks for more has counted what came before
	n, err := b.ReadCloser.Read(to)
	b.n += int64(n)
	return n, err
}

// A mobile line at its worst carries more in a minute than the pace asks for. It may go on for a long time.
func TestASlowLineThatLivesIsNotCut(t *testing.T) {
	const windows = 40
	l := stranger(t)
	size := fieldPace().least
	more := make(chan struct{})
	base, met := badServer(t, func(conn net.Conn) {
		asked(conn)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", windows*size)
		for range windows {
			<-more
			_, _ = conn.Write(make([]byte, size))
		}
		held(conn)
	})
	r, clock := l.paced(base)
	p := &progress{RoundTripper: r.http.Transport}
	r.http.Transport = p
	go func() {
		for i := range int64(windows) {
			more <- struct{}{}
			for i+1 < windows && p.read.Load() < (i+1)*size {
				runtime.Gosched()
			}
			if i+1 < windows {
				clock.quiet <- time.Time{}
			}
			for i+1 < windows && clock.waits.Load() < i+2 {
				runtime.Gosched() // until what passed is counted
			}
		}
	}()
	a, err := r.do(context.Background(), hello)
	if err != nil || int64(len(a.body)) != windows*size || met.Load() != 1 {
		t.Errorf("a slow line was cut: %v, %d connections", err, met.Load())
	}
}

// What the system keeps of a request counts as passed, so it must be little against what passes in the time of the pace.
func TestThePaceIsOneThatAMobileLineKeeps(t *testing.T) {
	p := fieldPace()
	if edge := int64(p.quiet.Seconds()) * 5_000; 4*sendBuffer > edge || p.least*10 > edge {
		t.Errorf("a line of 5 kB a second carries %d bytes in %s", edge, p.quiet)
	}
	if r := stranger(t).NewRemote("https://kua.example"); r.http.Timeout != 0 || r.http.Transport.(*http.Transport).DialContext == nil {
		t.Error("a request has another deadline than its pace")
	}
}
