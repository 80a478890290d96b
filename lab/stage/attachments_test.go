package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// laneLine is a line that sees every request, and may break it.
type laneLine struct {
	mu     sync.Mutex
	seen   []string // method and path of what went through
	before func(req *http.Request) error
	after  func(req *http.Request) error // the request was served, its answer is lost
}

func (l *laneLine) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.seen = append(l.seen, req.Method+" "+req.URL.Path)
	before, after := l.before, l.after
	l.mu.Unlock()
	if before != nil {
		if err := before(req); err != nil {
			return nil, err
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && after != nil {
		if lost := after(req); lost != nil {
			res.Body.Close()
			return nil, lost
		}
	}
	return res, err
}

// count returns how many requests began so.
func (l *laneLine) count(prefix string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.seen {
		if strings.HasPrefix(s, prefix) {
			n++
		}
	}
	return n
}

func (l *laneLine) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = nil
}

// on gives a laptop a line of its own.
func on(l *Laptop) *laneLine {
	line := &laneLine{}
	l.Cfg.Transport = line
	l.Reopen()
	return line
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func (l *Laptop) addEvidence(visit syncproto.ScopeID, original []byte) syncproto.EntityID {
	l.T.Helper()
	id, err := l.AddEvidence(context.Background(), visit, fieldclient.Evidence{Media: "audio/mp4"}, bytes.NewReader(original))
	check(l.T, err)
	return id
}

func (l *Laptop) readEvidence(visit syncproto.ScopeID, id syncproto.EntityID) []byte {
	l.T.Helper()
	o, _, err := l.OpenEvidence(context.Background(), visit, id)
	check(l.T, err)
	defer o.Close()
	b, err := io.ReadAll(o)
	check(l.T, err)
	return b
}

func (l *Laptop) fetchEvidence(visit syncproto.ScopeID, id syncproto.EntityID) error {
	r, err := l.Remote()
	check(l.T, err)
	return l.FetchEvidence(context.Background(), r, visit, id)
}

var errCut = errors.New("the line is cut")

func TestAnAttachmentGoesUpAndComesDownThroughAnyCuts(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleLeader, "KZ-75")
	dana := s.Laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru, dana)
	want := noise(5<<20 + 3)
	line := on(aru)
	id := aru.addEvidence(visit, want)
	cuts := 0
	line.before = func(req *http.Request) error {
		if req.Method == http.MethodPut && cuts >= 0 {
			if cuts++; cuts%3 != 1 { // one piece passes, then the line is dead until the next sync
				return errCut
			}
		}
		return nil
	}
	var sent int64
	for try := 1; ; try++ {
		rep := aru.Sync() // the text goes, whatever becomes of the attachment
		sent += rep.AttachmentBytes
		if rep.AttachmentsWaiting == 0 {
			break
		}
		if len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "where this one stopped") {
			t.Fatalf("warnings: %v", rep.Warnings)
		}
		if try == 2 {
			if err := dana.syncAndFetch(visit, id); !errors.Is(err, fieldclient.ErrNotFound) {
				t.Fatalf("half an attachment was fetched: %v", err)
			}
			line.mu.Lock()
			cuts = -1 // the line is mended
			line.mu.Unlock()
		}
		if try > 5 {
			t.Fatal("it never arrives")
		}
	}
	list, err := aru.Evidence(context.Background(), visit)
	check(t, err)
	if list[0].State != fieldclient.StateStored {
		t.Errorf("%+v", list[0])
	}
	if sealed := int64(len(want)) * 17 / 16; sent > sealed+1<<20 {
		t.Errorf("%d bytes were sent for %d: it began anew", sent, len(want))
	}

	// Down: cut in the middle, then on from there.
	down := on(dana)
	down.before = func(req *http.Request) error {
		if strings.HasPrefix(req.URL.Path, "/v1/blobs/") && down.count("GET /v1/blobs/") > 2 {
			return errCut
		}
		return nil
	}
	if err := dana.syncAndFetch(visit, id); !errors.Is(err, fieldclient.ErrUnreachable) {
		t.Fatalf("over a line that was cut: %v", err)
	}
	dana.Reopen()
	down.mu.Lock()
	down.before = nil
	down.mu.Unlock()
	down.forget()
	check(t, dana.fetchEvidence(visit, id))
	if !bytes.Equal(dana.readEvidence(visit, id), want) {
		t.Error("another original came")
	}
	if down.count("GET /v1/blobs/") == 0 {
		t.Error("the test's line sees nothing")
	}
	down.forget()
	check(t, dana.fetchEvidence(visit, id))
	if n := down.count("GET"); n != 0 {
		t.Errorf("what is here was asked for %d times", n)
	}
}

func (l *Laptop) syncAndFetch(visit syncproto.ScopeID, id syncproto.EntityID) error {
	l.T.Helper()
	l.Sync()
	return l.fetchEvidence(visit, id)
}

func TestAPieceWhoseAnswerIsLostIsNotSentTwice(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleLeader, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru)
	line := on(aru)
	id := aru.addEvidence(visit, noise(1<<20))
	lost := map[string]bool{}
	line.after = func(req *http.Request) error {
		if at := req.Header.Get("Upload-Offset"); req.Method == http.MethodPut && !lost[at] {
			lost[at] = true
			return errCut
		}
		return nil
	}
	rep := aru.Sync()
	if rep.Attachments != 1 || rep.AttachmentsWaiting != 0 || len(lost) < 2 {
		t.Fatalf("%+v, %d answers lost", rep, len(lost))
	}
	check(t, aru.DropOriginal(context.Background(), visit, id))
	check(t, aru.fetchEvidence(visit, id))
}

func TestTextThatIsSavedMeanwhileGoesBeforeTheNextPiece(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleLeader, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru)
	line := on(aru)
	aru.addEvidence(visit, noise(4<<20))
	puts := 0
	line.before = func(req *http.Request) error {
		if req.Method == http.MethodPut {
			if puts++; puts == 2 {
				aru.SetField(visit, "summary", "written while the recording goes up")
			}
		}
		return nil
	}
	if rep := aru.Sync(); rep.Attachments != 1 || rep.AttachmentsWaiting != 0 {
		t.Fatalf("%+v", rep)
	}
	var order []string
	for _, r := range line.seen {
		switch {
		case strings.HasPrefix(r, "PUT /v1/blobs/"):
			order = append(order, "piece")
		case strings.HasSuffix(r, "/push"):
			order = append(order, "text")
		}
	}
	first, last := strings.Join(order, " "), ""
	if i := strings.LastIndex(first, "text"); i > 0 {
		last = first[i:]
	}
	if !strings.HasPrefix(first, "text piece piece text piece") || strings.Count(last, "piece") < 2 {
		t.Errorf("the order on the line: %v", order)
	}
}

func TestAServerThatTakesNoAttachmentStillTakesText(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleLeader, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru)
	line := on(aru)
	line.before = func(req *http.Request) error {
		if req.Method == http.MethodPut { // another size each time: the server refuses
			req.Header.Set("Upload-Length", "not a number")
		}
		return nil
	}
	aru.addEvidence(visit, noise(70_000))
	aru.addEvidence(visit, noise(80_000))
	rep := aru.Sync()
	if rep.Attachments != 0 || rep.AttachmentsWaiting != 2 || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "stays on this laptop only") {
		t.Fatalf("%+v", rep)
	}
	if err := aru.DropOriginal(context.Background(), visit, mustEvidence(t, aru, visit)[0].Record); !errors.Is(err, fieldclient.ErrNotStored) {
		t.Errorf("the only copy was dropped: %v", err)
	}
	line.mu.Lock()
	line.before = nil
	line.mu.Unlock()
	if rep := aru.Sync(); rep.Attachments != 2 || rep.AttachmentsWaiting != 0 {
		t.Fatalf("%+v", rep)
	}
}

func mustEvidence(t *testing.T, l *Laptop, visit syncproto.ScopeID) []fieldclient.EvidenceView {
	t.Helper()
	list, err := l.Evidence(context.Background(), visit)
	check(t, err)
	return list
}

func TestProgressOfAttachmentsCountsBytesToTheEnd(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleLeader, "KZ-75")
	aru.Sync()
	visit := aru.Visit("KZ-75", aru)
	aru.addEvidence(visit, noise(2<<20))
	aru.addEvidence(visit, noise(1<<20))
	r, err := aru.Remote()
	check(t, err)
	var seen []fieldclient.Progress
	_, err = aru.Client.Sync(context.Background(), r, func(p fieldclient.Progress) {
		if p.Phase == fieldclient.PhaseAttachments {
			seen = append(seen, p)
		}
	})
	check(t, err)
	if len(seen) < 3 {
		t.Fatalf("%d events", len(seen))
	}
	for i, p := range seen {
		if p.BytesTotal != seen[0].BytesTotal || p.BytesDone > p.BytesTotal || i > 0 && p.BytesDone <= seen[i-1].BytesDone || p.Total != 2 {
			t.Errorf("event %d: %+v", i, p)
		}
	}
	if p := seen[len(seen)-1]; p.BytesDone != p.BytesTotal {
		t.Errorf("the last event: %+v", p)
	}
}
