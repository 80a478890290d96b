package stage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// cutter breaks every answer about a snapshot chunk off after some bytes, until the chunk is through.
type cutter struct {
	after  int64
	cuts   atomic.Int64
	ranges atomic.Int64
	bytes  atomic.Int64
}

func (c *cutter) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || !strings.Contains(req.URL.Path, "/chunk/") {
		return res, err
	}
	if req.Header.Get("Range") != "" {
		c.ranges.Add(1)
	}
	res.Body = &cutBody{ReadCloser: res.Body, left: c.after, c: c}
	return res, nil
}

type cutBody struct {
	io.ReadCloser
	left int64
	c    *cutter
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.c.cuts.Add(1)
		return 0, errors.New("connection reset by the test")
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.c.bytes.Add(int64(n))
	return n, err
}

func TestAFirstSyncGoesOnAtTheByteWhereItBrokeOff(t *testing.T) {
	s := New(t)
	visit := s.Lead.Visit("KZ-75", s.Lead)
	kind, _ := syncproto.KindNamed("observation")
	for range 5 { // enough for a snapshot
		var changes []fieldclient.Change
		for i := range 450 {
			changes = append(changes, fieldclient.Change{Kind: syncproto.KindCreate, Entity: syncproto.EntityID{byte(i), byte(i >> 8)}, Field: kind.ID})
		}
		for len(changes) > 0 {
			if _, err := s.Lead.Save(context.Background(), visit, changes[:1]); err != nil {
				t.Fatal(err)
			}
			changes = changes[1:]
		}
	}
	s.Lead.Sync()
	timur := s.Laptop("Timur", syncproto.RoleCoordinator, syncproto.AllRegions)
	s.Lead.Sync()
	cut := &cutter{after: 300 << 10}
	timur.Cfg.Transport = cut
	timur.Reopen()
	rep := timur.Sync()
	if cut.cuts.Load() == 0 || cut.ranges.Load() == 0 {
		t.Fatalf("nothing was broken off: %d cuts, %d resumptions", cut.cuts.Load(), cut.ranges.Load())
	}
	if rep.Received < 2250 {
		t.Errorf("received %d changesets", rep.Received)
	}
	t.Logf("%d changesets over %d cuts", rep.Received, cut.cuts.Load())
}
