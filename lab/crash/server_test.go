package crash

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kua/internal/sqldb"
	"kua/syncproto"
)

const (
	serverKills = 210
	verifyEvery = 30
)

func TestAKilledServerKeepsItsReceipts(t *testing.T) {
	s := newCentral(t)
	s.start()
	notary := &notary{given: map[syncproto.ChangesetID]syncproto.ReceiptEntry{}, heard: make(chan struct{}, 1), t: t}
	lead, team, visit := found(t, s, 3, notary)
	all := append(team, lead)
	roster := lead.Roster()
	notary.roster = roster
	s.kill()
	pushes := newWork(t, visit)
	for k := range serverKills {
		for _, l := range all {
			pushes.save(l, 1+rand.IntN(4))
		}
		s.start()
		var begun <-chan struct{}
		if k%2 == 0 { // however slow the machine is, the test sees receipts
			notary.forget()
			begun = notary.heard
		}
		underLoad(t, s, all, pushes, begun)
		notary.check(s)
		if k%verifyEvery == 0 {
			verify(t, s.dir)
		}
		if t.Failed() {
			t.Logf("after kill %d: %s", k+1, s.said.String())
			return
		}
	}
	t.Logf("%d kills of the server, %d acknowledged saves, %d receipts, %d of them given again", serverKills, len(pushes.saved), len(notary.given), notary.again)
	if len(notary.given) < serverKills/4 || notary.again == 0 {
		t.Errorf("too few receipts: the test does not reach what it is for")
	}
	s.start()
	for _, l := range team {
		check(t, l.Close())
	}
	everythingArrives(t, s, all, visit)
	notary.check(s)
	pushes.check(s)
	check(t, lead.Close())
}

// underLoad has all laptops sync at once and kills the server meanwhile: not before begun, where that is not nil.
func underLoad(t *testing.T, s *central, all []*laptop, w *work, begun <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, l := range all {
		running.Go(func() {
			for ctx.Err() == nil {
				rep, err := l.sync(ctx)
				if rep.Bad > 0 || len(rep.Warnings) > 0 || len(rep.Refused) > 0 {
					t.Errorf("a sync while the server is killed: %+v %v", rep, err)
				}
				if ctx.Err() == nil {
					w.save(l, 1)
				}
			}
		})
	}
	if begun != nil {
		<-begun
	}
	time.Sleep(time.Duration(rand.Int64N(int64(110 * time.Millisecond))))
	s.kill()
	cancel()
	running.Wait()
}

// work counts what laptops acknowledged.
type work struct {
	t     *testing.T
	visit syncproto.ScopeID

	mu    sync.Mutex // guards what follows
	saved map[syncproto.ChangesetID]bool
	n     int
}

func newWork(t *testing.T, visit syncproto.ScopeID) *work {
	return &work{t: t, visit: visit, saved: map[syncproto.ChangesetID]bool{}}
}

func (w *work) save(l *laptop, times int) {
	for range times {
		id, err := l.Create(context.Background(), w.visit, "observation", map[string]string{"text": "seen"})
		if err != nil {
			w.t.Errorf("saving: %v", err)
			return
		}
		v, err := l.Replica().Record(context.Background(), w.visit, id)
		if err != nil {
			w.t.Errorf("a saved record does not show: %v", err)
			return
		}
		row, err := l.Replica().Row(context.Background(), v.Log[0].Changeset)
		if err != nil {
			w.t.Error(err)
			return
		}
		w.mu.Lock()
		w.saved[row.ID] = true
		w.mu.Unlock()
	}
}

// check holds that every save is at the server.
func (w *work) check(s *central) {
	stored := storedBy(w.t, s)
	for id := range w.saved {
		if _, ok := stored[id]; !ok {
			w.t.Errorf("I3: changeset %s was acknowledged, and did not reach the server", id)
		}
	}
}

// notary is the way to the server. It keeps every receipt that passes, and loses some answers after it has read them,
// so that the same work is sent again.
type notary struct {
	t      *testing.T
	roster *syncproto.Roster
	heard  chan struct{} // a receipt came since forget

	mu    sync.Mutex // guards what follows
	given map[syncproto.ChangesetID]syncproto.ReceiptEntry
	again int
}

var errLost = errors.New("the answer was lost")

// RoundTrip sends one request over a connection of its own.
func (n *notary) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || n.roster == nil || !strings.HasSuffix(req.URL.Path, "/push") || res.StatusCode != http.StatusOK {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	n.read(body)
	select {
	case n.heard <- struct{}{}:
	default:
	}
	if rand.IntN(3) == 0 {
		return nil, errLost
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// forget makes heard wait for the next receipt.
func (n *notary) forget() {
	select {
	case <-n.heard:
	default:
	}
}

func (n *notary) read(body []byte) {
	var a syncproto.PushAnswer
	if err := syncproto.DecodeMessage(body, &a); err != nil || len(a.Receipt) == 0 {
		n.t.Errorf("a push answer has no receipt: %v", err)
		return
	}
	r, err := n.roster.OpenReceipt(a.Receipt)
	if err != nil {
		n.t.Errorf("a receipt does not verify: %v", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range r.Entries {
		old, ok := n.given[e.ID]
		if ok {
			n.again++
		}
		if ok && old != e {
			n.t.Errorf("I10: changeset %s had the receipt %+v, and now %+v", e.ID, old, e)
		}
		n.given[e.ID] = e
	}
}

// check holds every receipt against what the kill left, on a copy, so that the server recovers by itself afterwards.
func (n *notary) check(s *central) {
	n.t.Helper()
	stored := storedBy(n.t, s)
	for id, e := range n.given {
		if stored[id] != e {
			n.t.Errorf("I3: the server signed %+v, and holds %+v", e, stored[id])
		}
	}
}

// storedBy reads what a killed server holds, and holds that the file is sound and positions are dense.
func storedBy(t *testing.T, s *central) map[syncproto.ChangesetID]syncproto.ReceiptEntry {
	t.Helper()
	dir, err := os.MkdirTemp("", "kua-crash-copy-")
	check(t, err)
	defer os.RemoveAll(dir)
	for _, name := range []string{"server.db", "server.db-wal"} {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	db, err := sqldb.Open(context.Background(), sqldb.Config{Path: filepath.Join(dir, "server.db")})
	check(t, err)
	defer db.Close()
	var ok string
	if err := db.Read.QueryRow(`PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity check: %s %v", ok, err)
	}
	rows, err := db.Read.Query(`SELECT cs, scope, position, body, received, leaf FROM changeset ORDER BY scope, position`)
	check(t, err)
	defer rows.Close()
	out := map[syncproto.ChangesetID]syncproto.ReceiptEntry{}
	last := map[int64]uint64{}
	for rows.Next() {
		var id, body []byte
		var scope int64
		var e syncproto.ReceiptEntry
		check(t, rows.Scan(&id, &scope, &e.Position, &body, &e.Received, &e.Leaf))
		e.ID, e.Body = syncproto.ChangesetID(id), syncproto.Hash(body)
		if last[scope]++; e.Position != last[scope] {
			t.Errorf("I9: position %d where %d must follow", e.Position, last[scope])
		}
		out[e.ID] = e
	}
	check(t, rows.Err())
	return out
}
