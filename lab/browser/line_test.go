package browser

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"kua/internal/loopback"
)

// line stands between the laptops and the server, and can break.
type line struct {
	srv *http.Server

	mu     sync.Mutex     // guards what follows
	pieces map[string]int // of originals that reached the server, by original and first byte
	bytes  int64          // of these pieces
	breaks func(n int) broken
	n      int           // of pieces that were sent since the line was set
	mended chan struct{} // closed when a line that hangs goes on
}

// broken is how a line breaks.
type broken int

const (
	whole broken = iota
	torn         // in the middle of a piece
	mute         // the server has the piece, and its answer is lost
	hangs        // nothing goes on, and nobody says so
)

// between starts the server anew, with a line in front of it.
func (w *World) between() *line {
	w.T.Helper()
	w.StopServer()
	address := strings.TrimPrefix(w.URL, "http://")
	behind, err := loopback.Address()
	must(w.T, err)
	w.serveAt(behind)
	l := &line{pieces: map[string]int{}, breaks: func(int) broken { return whole }, mended: make(chan struct{})}
	on := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: behind})
		r.Out.Host = r.In.Host
	}}
	listener, err := net.Listen("tcp", address)
	must(w.T, err)
	l.srv = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { l.carry(on, rw, r) })}
	go func() { _ = l.srv.Serve(listener) }()
	w.T.Cleanup(func() { l.set(nil); l.srv.Close() })
	return l
}

// set says how the line breaks at the piece of a number, counted from 1; nil mends it.
func (l *line) set(breaks func(n int) broken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if breaks == nil {
		breaks = func(int) broken { return whole }
	}
	close(l.mended)
	l.breaks, l.n, l.mended = breaks, 0, make(chan struct{})
}

func (l *line) carry(on http.Handler, rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/v1/blobs/") {
		on.ServeHTTP(rw, r)
		return
	}
	l.mu.Lock()
	l.n++
	how, mended := l.breaks(l.n), l.mended
	l.mu.Unlock()
	switch how {
	case torn:
		_, _ = io.CopyN(io.Discard, r.Body, 100)
		panic(http.ErrAbortHandler)
	case hangs:
		select {
		case <-mended:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	l.pieces[r.URL.Path+" "+r.Header.Get("Upload-Offset")]++
	l.bytes += int64(len(body))
	l.mu.Unlock()
	if how == mute {
		on.ServeHTTP(&deaf{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	on.ServeHTTP(rw, r)
}

// deaf hears no answer.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d *deaf) WriteHeader(int)             {}

// TestASyncThatBreaksGoesOnWhereItStopped breaks the line three times in the middle of the originals: in a piece, after one
// whose answer is lost, and without a word. Each time the page says what is not at the server yet, and one press goes on
// without a question. In the end all is there, once.
func TestASyncThatBreaksGoesOnWhereItStopped(t *testing.T) {
	w := NewWorld(t)
	l := w.between()
	sum, originals := int64(0), map[string][]byte{}
	for i, size := range []int{300_000, 700_000, 2_500_000} {
		b := make([]byte, size)
		_, err := rand.Read(b)
		must(t, err)
		name := w.path(fmt.Sprintf("scan%d.bin", i))
		must(t, os.WriteFile(name, b, 0o600))
		id := field(t, w.Kua(Aigerim, "evidence", "add", w.Visit, name, "--json"), "record")
		originals[id], sum = b, sum+int64(size)
		must(t, os.Remove(name))
	}
	app, b := w.Screens(Aigerim, "en")
	note := w.note(b)

	b.Go("/sync")
	at := 0.0                         // how far the bar has come
	start := func(pieces ...broken) { // the last one is how all that follow fare
		l.set(func(n int) broken { return pieces[min(n, len(pieces))-1] })
		b.Leave(chromedp.Click(`form[action="/sync/start"] button`, chromedp.ByQuery))
	}
	bar := func() (value, most float64) {
		var got []float64
		b.Do(chromedp.Evaluate(`(p => p && p.max > 1 ? [p.value, p.max] : [0, 0])(document.querySelector("#progress progress"))`, &got))
		return got[0], got[1]
	}
	waits := func(n int) {
		t.Helper()
		b.Until(`document.querySelector("#progress .notice")`)
		got := b.Text("#progress")
		if n == 1 && !strings.Contains(got, "1 original is only on this laptop") || n > 1 && !strings.Contains(got, fmt.Sprintf("%d originals are only on this laptop", n)) {
			t.Errorf("with %d originals to come, the page says %q", n, got)
		}
		if class := b.eval(`document.querySelector("#progress .notice").className`); class != "notice warn" {
			t.Errorf("with %d originals to come, the page says so as %q", n, class)
		}
		if got := b.Text(`form[action="/sync/start"] button`); got != "Continue" {
			t.Errorf("the button says %q", got)
		}
	}
	start(whole, whole, torn) // in the second original
	waits(2)
	start(whole, mute, torn)
	waits(2)
	start(whole, whole, hangs)
	b.Until(`document.querySelector("#progress progress")?.max > 1`) // it has begun with the originals
	b.Until(`document.querySelector("#progress progress")?.value > 700000`)
	value, most := bar()
	if left := float64(sum - 300_000); value > most || most < left || most > left*1.05 { // the first is whole, and what is there of the second counts
		t.Errorf("the bar stands at %v of %v, with originals of %v bytes to bring", value, most, left)
	}
	at = value
	for range 3 { // nothing moves, and the bar does not either
		b.Do(b.async(`new Promise(done => setTimeout(() => done(true), 900))`, nil))
		if value, _ := bar(); value != at {
			t.Errorf("while nothing goes on, the bar moves from %v to %v", at, value)
		}
	}
	b.Leave(chromedp.Click(`form[action="/sync/stop"] button`, chromedp.ByQuery))
	b.Until(`document.querySelector("#progress .notice")`)
	if got := b.Text("#progress"); !strings.Contains(got, "Stopped") {
		t.Errorf("after a stop, the page says %q", got)
	}
	start(whole)
	b.Until(`document.querySelector("#progress .notice.good")`)
	if got := b.Text("#progress"); strings.Contains(got, "only on this laptop") {
		t.Errorf("in the end the page says %q", got)
	}
	b.Quiet()
	app.Stop()

	l.mu.Lock()
	for piece, n := range l.pieces {
		if n > 1 {
			t.Errorf("piece %s went %d times", piece, n)
		}
	}
	if l.bytes < sum || l.bytes > sum+sum/20 {
		t.Errorf("%d bytes went, for originals of %d", l.bytes, sum)
	}
	l.mu.Unlock()
	w.Kua(Daulet, "sync")
	var list []struct{ Record string }
	must(t, json.Unmarshal([]byte(w.Kua(Daulet, "evidence", "list", w.Visit, "--json")), &list))
	if len(list) != len(originals) {
		t.Errorf("the other laptop has %d originals, want %d", len(list), len(originals))
	}
	w.Kua(Daulet, "evidence", "fetch", w.Visit)
	for id, want := range originals {
		out := w.path("out.bin")
		w.Kua(Daulet, "evidence", "export", w.Visit, id, out)
		got, err := os.ReadFile(out)
		must(t, err)
		must(t, os.Remove(out))
		if !bytes.Equal(got, want) {
			t.Errorf("original %s came as %d other bytes, want %d", id, len(got), len(want))
		}
	}
	if got := w.Kua(Daulet, "search", note); strings.Count(got, note) != 1 {
		t.Errorf("the note that was written before the sync is found as %q", got)
	}
	for _, who := range []string{Aigerim, Daulet} {
		w.Kua(who, "verify")
	}
}

// note writes an observation on the screens and returns its words.
func (w *World) note(b *Tab) string {
	w.T.Helper()
	text := canary(w.T)
	b.Go("/visits/" + w.Visit + "/observations")
	b.Press(".adder button", "#cards textarea")
	b.Type("#cards textarea", text)
	b.Until(`(f => f.dataset.state === "" && f.querySelector(".ok"))(document.querySelector("#cards textarea").form)`)
	return text
}
