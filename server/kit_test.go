package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"kua/internal/dpop"
	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// site is an organisation with a server that answers over real HTTP.
type site struct {
	*prototest.Cast
	t      testing.TB
	dir    string
	setup  string
	server *Server
	url    string
	logged *lockedBuffer
	limits Limits
	http   *httptest.Server
	given  int          // records of the roster that the server has
	ahead  atomic.Int64 // nanoseconds that the server's clock is ahead of this machine's
}

// lockedBuffer takes the log of a server.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// emptySite returns a server that has no roster yet.
func emptySite(t testing.TB, limits Limits) *site {
	t.Helper()
	s := &site{t: t, Cast: prototest.NewCast(t, 1), dir: filepath.Join(t.TempDir(), "data"), logged: &lockedBuffer{}, limits: limits}
	s.http = httptest.NewUnstartedServer(nil)
	s.url = "http://" + s.http.Listener.Addr().String()
	var err error
	if s.setup, err = Init(context.Background(), s.config()); err != nil {
		t.Fatal(err)
	}
	s.open()
	h := s.server.Handler()
	s.http.Config.Handler = h
	s.http.Start()
	t.Cleanup(func() {
		s.http.Close()
		s.server.Close()
	})
	return s
}

func (s *site) config() Config {
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	return Config{Dir: s.dir, PublicURL: s.url, Now: now, Rand: rand.Reader, Version: "test",
		Logger: slog.New(slog.NewTextHandler(s.logged, nil)), Limits: s.limits}
}

func (s *site) open() {
	s.t.Helper()
	var err error
	if s.server, err = Open(context.Background(), s.config()); err != nil {
		s.t.Fatal(err)
	}
}

// roomy are limits that no test meets by accident.
var roomy = Limits{Device: 1e6, DeviceBurst: 1e6, Address: 1e6, AddressBurst: 1e6, Enrol: 1e6, EnrolBurst: 1e6}

// newSite returns a server with the roster of the usual cast.
func newSite(t testing.TB) *site {
	t.Helper()
	s := emptySite(t, roomy)
	s.Append(s.Root, syncproto.RosterRecord{Server: &syncproto.ServerKey{ID: s.server.id, Key: s.server.key.Public().(ed25519.PublicKey), Origin: s.server.tiles.Origin()}})
	a := s.send(request{method: "POST", path: "/v1/roster", body: stringsOf(t, s.Roster.Records(0)), header: map[string]string{setupHeader: s.setup}})
	if a.status != http.StatusNoContent {
		t.Fatalf("founding: %v", a)
	}
	s.given = s.Roster.Len()
	return s
}

// giveRoster brings what the organisation's roster has more to the server.
func (s *site) giveRoster() {
	s.t.Helper()
	if s.given == s.Roster.Len() {
		return
	}
	a := s.laptop(s.Coordinator).send(request{method: "POST", path: "/v1/roster", body: stringsOf(s.t, s.Roster.Records(s.given))})
	if a.status != http.StatusNoContent {
		s.t.Fatalf("bringing the roster: %v", a)
	}
	s.given = s.Roster.Len()
}

type request struct {
	method, path string
	body         []byte
	header       map[string]string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func (a answer) problem(t testing.TB) syncproto.Problem {
	t.Helper()
	var p syncproto.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("not problem details: %v (%s)", a, a.header.Get("Content-Type"))
	}
	return p
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("the server answered %v", a)
	}
	if err := syncproto.DecodeMessage(a.body, v); err != nil {
		t.Fatal(err)
	}
}

// send sends a request without a token.
func (s *site) send(q request) answer {
	s.t.Helper()
	r, err := http.NewRequest(q.method, s.url+q.path, bytes.NewReader(q.body))
	if err != nil {
		s.t.Fatal(err)
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, body}
}

// laptop is a device that talks to the site's server.
type laptop struct {
	*site
	device *prototest.Device
	prover dpop.Prover
	nonce  string
	access string
}

func (s *site) laptop(d *prototest.Device) *laptop {
	return &laptop{site: s, device: d, prover: dpop.Prover{Key: d.Key, Now: time.Now, Rand: rand.Reader}}
}

// login fetches a token.
func (l *laptop) login() answer {
	l.t.Helper()
	if l.nonce == "" {
		l.nonce = l.site.send(request{method: "GET", path: "/v1/hello"}).header.Get("DPoP-Nonce")
	}
	assertion, err := l.prover.Assertion(l.url+tokenPath, l.nonce)
	if err != nil {
		l.t.Fatal(err)
	}
	proof, err := l.prover.Proof("POST", l.url+tokenPath, "", l.nonce)
	if err != nil {
		l.t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]string{"client_assertion": assertion})
	a := l.site.send(request{method: "POST", path: tokenPath, body: body, header: map[string]string{"DPoP": proof}})
	var got struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}
	if a.status == http.StatusOK {
		if err := json.Unmarshal(a.body, &got); err != nil || got.Type != "DPoP" || got.Expires < 200 {
			l.t.Fatalf("token answer: %v", a)
		}
		l.access = got.Access
	}
	return a
}

// sign adds token and proof to a request.
func (l *laptop) sign(q request) request {
	l.t.Helper()
	proof, err := l.prover.Proof(q.method, l.url+q.path, l.access, l.nonce)
	if err != nil {
		l.t.Fatal(err)
	}
	header := map[string]string{"Authorization": "DPoP " + l.access, "DPoP": proof}
	for k, v := range q.header {
		header[k] = v
	}
	q.header = header
	return q
}

// send sends a request as the device.
func (l *laptop) send(q request) answer {
	l.t.Helper()
	if l.access == "" {
		if a := l.login(); a.status != http.StatusOK {
			return a
		}
	}
	a := l.site.send(l.sign(q))
	if n := a.header.Get("DPoP-Nonce"); n != "" {
		l.nonce = n
	}
	return a
}

func scopePath(id syncproto.ScopeID, what string) string {
	return "/v1/scopes/" + id.String() + "/" + what
}

func packetsOf(changesets ...*syncproto.Changeset) [][]byte {
	var out [][]byte
	for _, cs := range changesets {
		out = append(out, cs.Packet.Encode())
	}
	return out
}

func (l *laptop) pushRaw(scope syncproto.ScopeID, packets [][]byte) answer {
	l.t.Helper()
	return l.send(request{method: "POST", path: scopePath(scope, "push"), body: compressed(l.t, stringsOf(l.t, packets)),
		header: map[string]string{"Content-Encoding": "zstd", "Content-Type": typeSeq}})
}

// push pushes changesets of one scope.
func (l *laptop) push(changesets ...*syncproto.Changeset) syncproto.PushAnswer {
	l.t.Helper()
	var out syncproto.PushAnswer
	l.pushRaw(changesets[0].Header.Scope, packetsOf(changesets...)).decode(l.t, &out)
	if len(out.Results) != len(changesets) {
		l.t.Fatalf("%d results for %d changesets", len(out.Results), len(changesets))
	}
	for i, cs := range changesets {
		if out.Results[i].ID != cs.ID {
			l.t.Fatalf("result %d is of another changeset", i)
		}
	}
	return out
}

func statusesOf(a syncproto.PushAnswer) (out []syncproto.Status) {
	for _, r := range a.Results {
		out = append(out, r.Status)
	}
	return out
}

// pull fetches a whole scope.
func (l *laptop) pull(scope syncproto.ScopeID) (items []syncproto.PullItem, end syncproto.PullEnd) {
	l.t.Helper()
	cursor := syncproto.Cursor{Epoch: l.server.epoch}
	for {
		a := l.send(request{method: "GET", path: scopePath(scope, fmt.Sprintf("pull?epoch=%s&after=%d&limit=7", cursor.Epoch, cursor.Position))})
		if a.status != http.StatusOK || a.header.Get("Content-Encoding") != "zstd" || a.header.Get("Content-Type") != typeSeq {
			l.t.Fatalf("pulling: %v", a)
		}
		page, pageEnd := parsePage(l.t, a.body)
		items, end = append(items, page...), pageEnd
		if !end.More {
			return items, end
		}
		cursor = end.Next
	}
}

func parsePage(t testing.TB, body []byte) (items []syncproto.PullItem, end syncproto.PullEnd) {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	b, err := dec.DecodeAll(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var raw cbor.RawMessage
		if b, err = cbor.UnmarshalFirst(b, &raw); err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			if err := syncproto.DecodeMessage(raw, &end); err != nil {
				t.Fatal(err)
			}
			return items, end
		}
		var item syncproto.PullItem
		if err := syncproto.DecodeMessage(raw, &item); err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
}

func (l *laptop) receipt(a syncproto.PushAnswer) syncproto.Receipt {
	l.t.Helper()
	r, err := l.Roster.OpenReceipt(a.Receipt)
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func stringsOf(t testing.TB, items [][]byte) (out []byte) {
	t.Helper()
	for _, b := range items {
		var err error
		if out, err = appendString(out, b); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func compressed(t testing.TB, b []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(b, nil)
}

func message(t testing.TB, v any) []byte {
	t.Helper()
	b, err := syncproto.EncodeMessage(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// localReplica is what a laptop would merge by itself.
func localReplica(t testing.TB) *replica.Replica {
	t.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(ctx, db.Write, "replica", replica.Migrations, "migrations/sqlite"); err != nil {
		t.Fatal(err)
	}
	r, err := replica.Open(ctx, replica.Config{DB: db.Write, Read: db.Read, Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// absorb takes pulled packets into a local replica, verifying each.
func absorb(t testing.TB, r *replica.Replica, roster *syncproto.Roster, items []syncproto.PullItem) {
	t.Helper()
	err := r.InTx(context.Background(), func(tx *replica.Tx) error {
		for _, rec := range roster.Records(r.Roster().Len()) {
			if err := tx.AppendRoster(rec); err != nil {
				return err
			}
		}
		var in []replica.Incoming
		for _, item := range items {
			p, err := syncproto.DecodePacket(item.Packet)
			if err != nil {
				return err
			}
			cs, err := syncproto.ParsePacket(p)
			if err != nil {
				return err
			}
			d, _ := roster.Device(cs.Header.Device)
			if err := cs.Verify(d.Signing); err != nil {
				return err
			}
			in = append(in, replica.Incoming{CS: cs, Received: int64(item.Received)})
		}
		_, err := tx.Ingest(in)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func digest(t testing.TB, r *replica.Replica, scope syncproto.ScopeID) syncproto.Hash {
	t.Helper()
	h, err := r.Digest(context.Background(), scope)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
