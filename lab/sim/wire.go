package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/synctest"
	"time"

	"kua/syncproto"
)

// mode is how good the line is during one contact.
type mode int

const (
	clean mode = iota
	flaky      // single requests go wrong
	cut        // after some requests nothing passes any more
	slow       // answers come after minutes
)

func (m mode) String() string { return [...]string{"clean", "flaky", "cut", "slow"}[m] }

// line is the state of the net. One laptop speaks at a time.
type line struct {
	mode   mode
	left   int // requests that still pass, in mode cut
	rng    *rand.Rand
	hangup context.CancelFunc // ends the contact
	faults int
	pushes int
}

// begin sets the line up for one contact.
func (n *line) begin(m mode, hangup context.CancelFunc) {
	n.mode, n.hangup, n.faults, n.left = m, hangup, 0, n.rng.IntN(25)
}

var errLine = errors.New("the line is dead")

// wire is one laptop's way to the server. Requests reach the server's own handler, in this process.
type wire struct{ l *laptop }

// RoundTrip carries one request, or does not.
func (t *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w := t.l.w
	synctest.Wait() // whatever the server does by itself is done: only then can a run be repeated
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body.Close()
	}
	if w.handler == nil {
		return nil, fmt.Errorf("connection refused")
	}
	fault := w.line.next()
	w.note("  %s %s %s %s", t.l.name, req.Method, req.URL.RequestURI(), fault)
	switch fault {
	case "":
		return t.serve(req, body, nil)
	case "lost":
		return nil, errLine
	case "hangup":
		w.line.hangup()
		return nil, errLine
	case "given up": // somebody closes the window while the answer comes
		res, err := t.serve(req, body, nil)
		if !strings.HasSuffix(req.URL.Path, "/pull") { // that is read by two at once, and no run would repeat
			w.line.hangup()
		}
		return res, err
	case "half":
		t.serve(req, body[:len(body)/2], errLine)
		return nil, errLine
	case "twice":
		t.serve(req, body, nil)
		return t.serve(req, body, nil)
	case "slow":
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-time.After(time.Duration(w.line.rng.IntN(90))*time.Second + 137*time.Millisecond):
		}
		res, err := t.serve(req, body, nil)
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		return res, err
	}
	res, err := t.serve(req, body, nil)
	if err != nil || fault == "answer lost" {
		return nil, errLine
	}
	all, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all[:len(all)/2]), broken{}))
	return res, nil
}

// broken ends with an error.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errLine }

// next draws what happens to a request.
func (n *line) next() string {
	fault := ""
	switch n.mode {
	case flaky:
		if chance(n.rng, 25) {
			fault = pick(n.rng, []string{"lost", "half", "answer lost", "answer cut", "twice"})
		}
	case cut:
		if n.left--; n.left < 0 {
			fault = pick(n.rng, []string{"answer lost", "hangup", "given up"})
			if n.left < -1 {
				fault = "hangup"
			}
		}
	case slow:
		fault = "slow"
	}
	if fault != "" {
		n.faults++
	}
	return fault
}

// serve has the handler answer. With an error, the request's body ends with it.
func (t *wire) serve(req *http.Request, body []byte, fault error) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr, in.Host = req.URL.RequestURI(), "192.0.2.7:4321", req.URL.Host
	in.Body = io.NopCloser(bytes.NewReader(body))
	if fault != nil {
		in.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), broken{}))
		in.ContentLength = -1
	}
	rec := httptest.NewRecorder()
	t.l.w.handler.ServeHTTP(rec, in)
	res := rec.Result()
	if fault == nil && res.StatusCode == http.StatusOK && strings.HasSuffix(req.URL.Path, "/push") {
		t.l.w.line.pushes++
		t.l.w.readReceipt(rec.Body.Bytes())
	}
	return res, nil
}

// receiptKey names a changeset in one life of the server's database.
type receiptKey struct {
	epoch syncproto.Hash
	id    syncproto.ChangesetID
}

// readReceipt holds every receipt against all that were given before: the same changeset has one place, one time and
// one leaf for ever (docs/protocol.md §11, I9, I10).
func (w *World) readReceipt(answer []byte) {
	var a syncproto.PushAnswer
	if err := syncproto.DecodeMessage(answer, &a); err != nil {
		w.failf("a push answer does not parse: %v", err)
		return
	}
	if len(a.Receipt) == 0 {
		return
	}
	r, err := w.lead.roster().OpenReceipt(a.Receipt)
	if err != nil {
		w.failf("a receipt does not verify: %v", err)
		return
	}
	for _, e := range r.Entries {
		key := receiptKey{r.Epoch, e.ID}
		e.Body = syncproto.Hash{} // changes with an erasure
		if old, ok := w.facts.receipts[key]; ok && old != e {
			w.failf("I10: changeset %s had receipt %+v, and now %+v", e.ID, old, e)
		}
		w.facts.receipts[key] = e
	}
}
