package stage

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"kua/fieldclient"
	"kua/server"
	"kua/syncproto"
)

// deaf loses the answers to some requests: what they ask for is done.
type deaf struct {
	method, path string
	times        atomic.Int64
}

func (d *deaf) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && req.Method == d.method && req.URL.Path == d.path && d.times.Add(-1) >= 0 {
		res.Body.Close()
		return nil, errors.New("connection reset by the test")
	}
	return res, err
}

func TestAFoundingWhoseAnswerIsLostIsNotLost(t *testing.T) {
	s := &Stage{T: t, Now: time.Now, Rand: rand.Reader}
	dir := t.TempDir()
	cfg := server.Config{Dir: filepath.Join(dir, "server"), HighWater: filepath.Join(dir, "highwater"), Now: s.Now, Rand: s.Rand,
		Limits: server.Limits{Device: rate.Inf, Address: rate.Inf, Enrol: rate.Inf, DeviceBurst: 1, AddressBurst: 1, EnrolBurst: 1}}
	listener := listen(t, "127.0.0.1:0")
	cfg.PublicURL = "http://" + listener.Addr().String()
	setup, err := server.Init(context.Background(), cfg)
	check(t, err)
	s.Server = Start(t, cfg, listener)
	lead := s.Blank("Saule")
	lost := &deaf{method: http.MethodPost, path: "/v1/roster"}
	lost.times.Store(100) // every answer of the first try
	lead.Cfg.Transport = lost
	lead.Reopen()
	kept := 0
	found := func() error {
		return lead.Found(context.Background(), fieldclient.Founding{Organisation: "NPM", Coordinator: "Saule", URL: cfg.PublicURL, Setup: setup,
			Keep: func(root, recovery []byte) error { kept++; return nil }})
	}
	if err := found(); err != nil { // refused the second time: there is an organisation, and it is ours
		t.Fatalf("the answer was lost, and so was the organisation: %v", err)
	}
	if m, err := lead.Client.Person(); err != nil || m.Name != "Saule" || kept != 1 {
		t.Errorf("the first coordinator is %q, keys were kept %d times: %v", m.Name, kept, err)
	}
	lead.identify()
	lead.Visit("KZ-75", lead)
	lead.Sync()
}

func TestAnApprovalWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	s := New(t)
	ctx := context.Background()
	inv, err := s.Lead.Invite(ctx, "Aru", syncproto.RoleMonitor, "KZ-75", nil, time.Hour)
	check(t, err)
	aru := s.Blank("Aru")
	words, err := aru.Enrol(ctx, inv, "Aru's laptop")
	check(t, err)
	lost := &deaf{method: http.MethodPost, path: "/v1/roster"}
	lost.times.Store(1)
	s.Lead.Cfg.Transport = lost
	s.Lead.Reopen()
	before := s.Lead.Roster().Len()
	if _, err := s.Lead.Approve(ctx, inv.ID.String(), words); err != nil {
		t.Fatalf("approving: %v", err)
	}
	if n := s.Lead.Roster().Len() - before; n != 3 {
		t.Errorf("%d records instead of a member, a grant and a laptop", n)
	}
	check(t, aru.FinishEnrol(ctx))
	check(t, aru.FinishEnrol(ctx))
}

// Between its enrolment and its approval a laptop may sync.
func TestAWaitingLaptopThatSyncsTakesNothing(t *testing.T) {
	s := New(t)
	ctx := context.Background()
	inv, err := s.Lead.Invite(ctx, "Aru", syncproto.RoleMonitor, "KZ-75", nil, time.Hour)
	check(t, err)
	aru := s.Blank("Aru")
	_, err = aru.Enrol(ctx, inv, "Aru's laptop")
	check(t, err)
	if _, err := aru.TrySync(); err == nil || aru.Roster().Len() != 0 {
		t.Errorf("a laptop that nobody approved has %d roster records: %v", aru.Roster().Len(), err)
	}
}
