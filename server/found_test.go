package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kua/internal/setupcode"
	"kua/syncproto"
	"kua/syncproto/prooflog"
	"kua/syncproto/prototest"
)

func TestInitTakesOnlyAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, PublicURL: "https://kua.example", Now: time.Now, Rand: rand.Reader}
	code, err := Init(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := setupcode.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if parsed.Server != s.id || !strings.HasPrefix(s.tiles.Origin(), "kua.example/") {
		t.Errorf("code of %s, server %s, origin %s", parsed.Server, s.id, s.tiles.Origin())
	}
	for name, want := range map[string]os.FileMode{"": 0o700, keyFile: 0o600, databaseFile: 0o600, blobFolder: 0o700} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := Init(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), "choose an empty one") {
		t.Errorf("a second init: %v", err)
	}
	for _, url := range []string{"", "kua.example", "ftp://kua.example", "https://kua.example/path"} {
		cfg := cfg
		cfg.Dir, cfg.PublicURL = filepath.Join(t.TempDir(), "new"), url
		if _, err := Init(context.Background(), cfg); err == nil {
			t.Errorf("the URL %q was taken", url)
		}
	}
	if _, err := Open(context.Background(), Config{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "kua-server init") {
		t.Errorf("opening nothing: %v", err)
	}
}

func TestSetupCodeFoundsOnce(t *testing.T) {
	s := emptySite(t, roomy)
	body := stringsOf(t, s.Roster.Records(0))
	found := func(code string) answer {
		return s.send(request{method: "POST", path: "/v1/roster", body: body, header: map[string]string{setupHeader: code}})
	}
	good, err := setupcode.Parse(s.setup)
	if err != nil {
		t.Fatal(err)
	}
	guess, foreign := good, good
	guess.Secret[0]++
	foreign.Server[0]++
	for name, code := range map[string]string{"none": "", "nonsense": "abc", "another secret": guess.String(), "another server": foreign.String()} {
		if a := found(code); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %v", name, a)
		}
	}
	broken := stringsOf(t, append(s.Roster.Records(0)[:3:3], []byte("no record")))
	if a := s.send(request{method: "POST", path: "/v1/roster", body: broken, header: map[string]string{setupHeader: s.setup}}); a.status != http.StatusBadRequest {
		t.Fatalf("%v", a)
	}
	if n := s.server.replica.Roster().Len(); n != 0 {
		t.Fatalf("%d records of a refused request are there", n)
	}
	if a := found(strings.ToLower(s.setup)); a.status != http.StatusNoContent {
		t.Fatalf("%v", a)
	}
	if a := found(s.setup); a.status != http.StatusUnauthorized {
		t.Fatalf("the code works twice: %v", a)
	}
	var hello syncproto.Hello
	s.send(request{method: "GET", path: "/v1/hello"}).decode(t, &hello)
	if hello.RosterHead != s.Roster.Head() || hello.RosterLen != uint64(s.Roster.Len()) || !bytes.Equal(hello.Root, s.Root.Public().(ed25519.PublicKey)) || hello.Server != s.server.id || hello.Epoch != s.server.epoch {
		t.Fatalf("hello %+v", hello)
	}
}

func TestRosterGrowsOnlyAtItsEndAndByRight(t *testing.T) {
	s := newSite(t)
	l := s.laptop(s.Coordinator)
	post := func(l *laptop, records ...[]byte) answer {
		return l.send(request{method: "POST", path: "/v1/roster", body: stringsOf(t, records)})
	}
	member := func(name string) syncproto.RosterRecord {
		return syncproto.RosterRecord{Member: &syncproto.Member{Person: syncproto.PersonID(s.ID()), Name: name}}
	}
	stale := s.Record(s.Coordinator.Key, s.Roster.NextRecord(member("Stale")))
	byMonitor := s.Record(s.Monitor.Key, s.Roster.NextRecord(member("By a monitor")))
	if a := post(l, byMonitor); a.status != http.StatusForbidden {
		t.Fatalf("a record without the right: %v", a)
	}
	s.Append(s.Coordinator.Key, member("New"))
	s.giveRoster()
	if a := post(l, stale); a.status != http.StatusConflict || a.problem(t).Code != syncproto.CodeRosterStale {
		t.Fatalf("%v", a)
	}
	a := s.laptop(s.Monitor).send(request{method: "GET", path: fmt.Sprintf("/v1/roster?from=%d", s.Roster.Len()-1)})
	got, err := splitStrings(a.body)
	if err != nil || a.header.Get("Content-Type") != typeSeq {
		t.Fatalf("%v: %v", err, a)
	}
	if d := cmp.Diff(s.Roster.Records(s.Roster.Len()-1), got); d != "" {
		t.Fatal(d)
	}
}

func TestEnrolment(t *testing.T) {
	s := newSite(t)
	root := s.Root.Public().(ed25519.PublicKey)
	coordinator := s.laptop(s.Coordinator)
	code := []byte("a code of sixteen bytes")
	invitation := syncproto.Invitation{ID: syncproto.Nonce{1}, Code: syncproto.InvitationHash(code), Expires: uint64(time.Now().Add(time.Hour).UnixMilli()), Intent: []byte("for Aru")}
	invite := func(i syncproto.Invitation) answer {
		return coordinator.send(request{method: "POST", path: "/v1/invitations", body: message(t, i)})
	}
	if a := invite(invitation); a.status != http.StatusNoContent {
		t.Fatalf("%v", a)
	}
	if a := invite(invitation); a.status != http.StatusBadRequest {
		t.Fatalf("an invitation was replaced: %v", a)
	}
	late := invitation
	late.ID, late.Expires = syncproto.Nonce{2}, 1
	if a := invite(late); a.status != http.StatusBadRequest {
		t.Fatalf("%v", a)
	}
	enrol := func(e syncproto.Enrolment) answer {
		return s.send(request{method: "POST", path: "/v1/enrol", body: message(t, e)})
	}
	newcomer := s.Stranger(s.Monitor.Owner)
	request1 := func(label string) syncproto.Enrolment {
		return syncproto.NewEnrolment(root, invitation.ID, code, newcomer.Key, newcomer.Sealing.Public().Bytes(), label)
	}
	e := request1("Aru's second laptop")
	for range 3 {
		if a := enrol(e); a.status != http.StatusAccepted {
			t.Fatalf("%v", a)
		}
	}
	forged := e
	forged.Label = "another"
	if a := enrol(forged); a.status != http.StatusBadRequest || a.problem(t).Code != syncproto.CodeBadSignature {
		t.Fatalf("%v", a)
	}
	foreign := syncproto.NewEnrolment(root, syncproto.Nonce{9}, code, newcomer.Key, newcomer.Sealing.Public().Bytes(), "")
	if a := enrol(foreign); a.status != http.StatusNotFound {
		t.Fatalf("%v", a)
	}
	for i, want := range []int{http.StatusAccepted, http.StatusAccepted, http.StatusTooManyRequests} {
		if a := enrol(request1(fmt.Sprint("try ", i))); a.status != want {
			t.Fatalf("try %d: %v", i, a)
		}
	}
	s.ahead.Store(int64(2 * time.Hour))
	if a := enrol(e); a.status != http.StatusNotFound {
		t.Fatalf("an expired invitation works: %v", a)
	}
	s.ahead.Store(0)
	var pending []syncproto.PendingEnrolment
	coordinator.send(request{method: "GET", path: "/v1/enrolments"}).decode(t, &pending)
	if len(pending) != syncproto.MaxEnrolTries || pending[0].Invitation != invitation.ID || string(pending[0].Intent) != "for Aru" || pending[0].Received == 0 {
		t.Fatalf("pending %+v", pending)
	}
	var got syncproto.Enrolment
	if err := syncproto.DecodeMessage(pending[0].Request, &got); err != nil || got.CheckCode(root, code) != nil {
		t.Fatalf("the request changed on the way: %v", err)
	}
	withdraw := request{method: "DELETE", path: "/v1/enrolments/" + invitation.ID.String()}
	if a := coordinator.send(withdraw); a.status != http.StatusNoContent {
		t.Fatalf("%v", a)
	}
	if a := coordinator.send(withdraw); a.status != http.StatusNotFound {
		t.Fatalf("%v", a)
	}
	if a := enrol(e); a.status != http.StatusNotFound {
		t.Fatalf("an invitation works after it was used: %v", a)
	}
}

// TestReceiptIsProvenByPublicLog is what an auditor does: from a receipt to a signed checkpoint, over public doors.
func TestReceiptIsProvenByPublicLog(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	var changesets []*syncproto.Changeset
	changesets = append(changesets, opening)
	for range 299 {
		changesets = append(changesets, s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100)))
	}
	receipt := l.receipt(l.push(changesets...))
	verifier, err := prooflog.NewVerifier(s.server.tiles.Origin(), s.server.key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	a := s.send(request{method: "GET", path: "/checkpoint"})
	tree, err := prooflog.OpenCheckpoint(a.body, s.server.tiles.Origin(), verifier)
	if err != nil || tree.Size != 300 {
		t.Fatalf("tree %+v: %v (%v)", tree, err, a)
	}
	p := prooflog.Prover{Tree: tree, Fetch: func(_ context.Context, path string) ([]byte, error) {
		a := s.send(request{method: "GET", path: "/" + path})
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			return nil, fmt.Errorf("%s: %v", path, a)
		}
		return a.body, nil
	}}
	for _, i := range []int{0, 17, 299} {
		entry := receipt.Entries[i]
		proof, err := p.Inclusion(context.Background(), entry.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		leaf := prooflog.LeafHash(prooflog.Entry("changeset", changesets[i].ID))
		if err := prooflog.CheckInclusion(tree, entry.Leaf, leaf, proof); err != nil {
			t.Fatal(err)
		}
	}
	bundle := s.send(request{method: "GET", path: "/tile/entries/001.p/44"})
	entries, err := prooflog.SplitBundle(bundle.body, 44)
	if err != nil || !bytes.Equal(entries[43], prooflog.Entry("changeset", changesets[299].ID)) {
		t.Fatalf("bundle: %v", err)
	}
	if a := s.send(request{method: "GET", path: "/tile/0/001"}); a.status != http.StatusNotFound {
		t.Fatalf("a tile that is not full yet: %v", a)
	}
}

func TestStatusHealthAndMetrics(t *testing.T) {
	s := newSite(t)
	_, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	l := s.laptop(s.Monitor)
	l.push(opening)
	for path, want := range map[string]string{"/": s.server.epoch.String(), "/healthz": "ok\n", "/readyz": "ready\n"} {
		if a := s.send(request{method: "GET", path: path}); a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %v", path, a)
		}
	}
	if a := s.send(request{method: "HEAD", path: "/"}); a.status != http.StatusOK {
		t.Errorf("HEAD /: %v", a)
	}
	w := httptest.NewRecorder()
	s.server.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`kua_requests_total{method="POST",route="/v1/scopes/:scope/push",status="200"} 1`,
		`kua_ingest_changesets_total{status="accepted"} 1`, "kua_ingest_commits_total 1", "kua_scopes 2", "kua_held_changesets 0",
		"kua_quarantined_changesets 0", "kua_log_entries 1", "kua_database_bytes",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %q:\n%s", want, w.Body.String())
		}
	}
	s.server.Stopping()
	if a := s.send(request{method: "GET", path: "/readyz"}); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a stopping server is ready: %v", a)
	}
}
