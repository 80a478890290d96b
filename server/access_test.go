package server

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kua/internal/dpop"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// someone is who knocks in the matrix.
type someone string

const (
	nobody    someone = "no token"
	stranger  someone = "a laptop outside the roster"
	outsider  someone = "a monitor outside the team"
	member    someone = "a monitor of the team"
	secretary someone = "a coordinator"
	gone      someone = "a revoked laptop of the team"
)

// wantAccess is the table of routes.go said once more, by what a stranger sees: 0 means that the door opened and
// whatever the handler said of an empty request.
func wantAccess(r route, who someone) int {
	scoped := strings.Contains(r.path, ":scope")
	switch r.who {
	case public, enrolling:
		return 0
	}
	if who == nobody || who == stranger {
		return http.StatusUnauthorized
	}
	switch r.who {
	case deliverer:
		return 0
	case device:
		if who == gone {
			return http.StatusForbidden
		}
		if who == outsider && scoped {
			return http.StatusNotFound
		}
		return 0
	}
	if who == secretary {
		return 0
	}
	return http.StatusForbidden
}

func TestEveryDoorOpensToWhomTheTableSaysAndNobodyElse(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Health.Owner)
	s.laptop(s.Monitor).push(opening, s.Monitor.Feed(visit).Sign(prototest.Create(s.Entity(), 2100)))
	s.RevokeDevice(s.Health)
	s.giveRoster()
	outside := s.Stranger(s.Monitor.Owner)
	knock := map[someone]*laptop{
		stranger: s.laptop(outside), outsider: s.laptop(s.Monitor2), member: s.laptop(s.Monitor),
		secretary: s.laptop(s.Coordinator), gone: s.laptop(s.Health),
	}
	for _, r := range s.server.routes() {
		path := strings.NewReplacer(":scope", visit.Scope.String(), ":device", s.Monitor.ID.String(), ":id", syncproto.Nonce{1}.String(),
			":hash", syncproto.Hash{1}.String(), "*", "0/000").Replace(r.path)
		for _, who := range []someone{nobody, stranger, outsider, member, secretary, gone} {
			q := request{method: r.method, path: path}
			if r.path == "/v1/watch" {
				q.path += "?wait=0"
			}
			var a answer
			if who == nobody || who == stranger && (r.who == public || r.who == enrolling) {
				a = s.send(q)
			} else {
				a = knock[who].send(q)
			}
			want := wantAccess(r, who)
			shut := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
			if r.path == tokenPath {
				shut = false
			}
			if want == 0 && (shut || a.status >= 500) || want != 0 && a.status != want {
				t.Errorf("%s %s by %s: got %v, want %d", r.method, r.path, who, a, want)
			}
			if want != 0 && r.method != http.MethodHead && a.problem(t).Status != want {
				t.Errorf("%s %s by %s: the problem says %v", r.method, r.path, who, a)
			}
		}
	}
}

// TestOutsiderCannotTellScopeFromNone is I15: not a byte, not even that the scope exists.
func TestOutsiderCannotTellScopeFromNone(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	e := s.Entity()
	cs := s.Monitor.Feed(visit).Sign(prototest.Create(e, 2100), prototest.Set(e, 2101, "a secret"))
	s.laptop(s.Monitor).push(opening, cs)
	outside := s.laptop(s.Monitor2)
	for _, r := range s.server.routes() {
		if !strings.Contains(r.path, ":scope") {
			continue
		}
		ask := func(scope syncproto.ScopeID) answer {
			path := strings.NewReplacer(":scope", scope.String(), ":hash", syncproto.Hash{1}.String()).Replace(r.path)
			if strings.HasSuffix(path, "history") {
				path += "?entity=" + e.String()
			}
			q := request{method: r.method, path: path}
			if strings.HasSuffix(path, "offer") {
				q.body = message(t, syncproto.Offer{Heads: []syncproto.FeedHead{{Feed: syncproto.FeedID{1}, N: 3}}})
			}
			return outside.send(q)
		}
		real, none := ask(visit.Scope), ask(syncproto.ScopeID{0xee})
		if real.status != none.status || !bytes.Equal(real.body, none.body) {
			t.Errorf("%s %s: %v of a scope that exists, %v of one that does not", r.method, r.path, real, none)
		}
	}
	var scopes []syncproto.ScopeInfo
	outside.send(request{method: "GET", path: "/v1/scopes"}).decode(t, &scopes)
	if len(scopes) != 1 || scopes[0].Scope != s.Registry {
		t.Errorf("somebody outside sees %+v", scopes)
	}
	scopes = nil
	s.laptop(s.Coordinator).send(request{method: "GET", path: "/v1/scopes"}).decode(t, &scopes)
	if len(scopes) != 2 || scopes[0] != (syncproto.ScopeInfo{Scope: visit.Scope, Position: 2}) {
		t.Errorf("the coordinator sees %+v", scopes)
	}
}

// TestSessionPitfalls goes through what security.md says breaks such sessions.
func TestSessionPitfalls(t *testing.T) {
	s := newSite(t)
	l := s.laptop(s.Monitor)
	q := request{method: "GET", path: "/v1/scopes"}
	if a := l.send(q); a.status != http.StatusOK || a.header.Get("DPoP-Nonce") == "" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v", a)
	}
	signed := l.sign(q)
	if a := s.send(signed); a.status != http.StatusOK {
		t.Fatalf("%v", a)
	}
	with := func(q request, header, value string) request {
		h := map[string]string{}
		for k, v := range q.header {
			h[k] = v
		}
		h[header] = value
		q.header = h
		return q
	}
	proofFor := func(l *laptop, method, url, access, nonce string) string {
		p, err := l.prover.Proof(method, url, access, nonce)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	other := s.laptop(s.Monitor2)
	other.login()
	fresh := l.sign(q)
	for name, bad := range map[string]request{
		"a proof sent twice":               signed,
		"no proof":                         with(l.sign(q), "DPoP", ""),
		"a proof for another path":         with(l.sign(q), "DPoP", proofFor(l, "GET", s.url+"/v1/roster", l.access, l.nonce)),
		"a proof for another host":         with(l.sign(q), "DPoP", proofFor(l, "GET", "http://evil.example/v1/scopes", l.access, l.nonce)),
		"a proof for another method":       with(l.sign(q), "DPoP", proofFor(l, "POST", s.url+"/v1/scopes", l.access, l.nonce)),
		"a proof for another token":        with(l.sign(q), "DPoP", proofFor(l, "GET", s.url+"/v1/scopes", other.access, l.nonce)),
		"a proof by another key":           with(l.sign(q), "DPoP", proofFor(other, "GET", s.url+"/v1/scopes", l.access, l.nonce)),
		"another device's token":           with(l.sign(q), "Authorization", "DPoP "+other.access),
		"a bearer token":                   with(l.sign(q), "Authorization", "Bearer "+l.access),
		"no token":                         with(l.sign(q), "Authorization", ""),
		"an unsigned token":                with(l.sign(q), "Authorization", "DPoP eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0."+strings.Split(l.access, ".")[1]+"."),
		"a token with a changed claim":     with(l.sign(q), "Authorization", "DPoP "+l.access[:len(l.access)/2]+"A"+l.access[len(l.access)/2+1:]),
		"an assertion in place of a token": with(l.sign(q), "Authorization", "DPoP "+assertion(t, l)),
	} {
		a := s.send(bad)
		if p := a.problem(t); a.status != http.StatusUnauthorized || p.Code != syncproto.CodeUnauthorized || a.header.Get("WWW-Authenticate") == "" || a.header.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: %v", name, a)
		}
	}
	if a := s.send(fresh); a.status != http.StatusOK {
		t.Errorf("a refused request spent somebody's proof: %v", a)
	}
	r, err := http.NewRequest("GET", s.url+"/v1/scopes", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	r.Header.Set("Authorization", "DPoP "+l.access)
	r.Header.Set("DPoP", proofFor(l, "GET", "http://evil.example/v1/scopes", l.access, l.nonce))
	res, err := s.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a proof for the host that the request names: %s", res.Status)
	}
	for name, nonce := range map[string]string{"no nonce": "", "a foreign nonce": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		a := s.send(with(l.sign(q), "DPoP", proofFor(l, "GET", s.url+"/v1/scopes", l.access, nonce)))
		if p := a.problem(t); a.status != http.StatusUnauthorized || p.Code != codeUseNonce || a.header.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: %v", name, a)
		}
	}
}

func assertion(t *testing.T, l *laptop) string {
	a, err := l.prover.Assertion(l.url+tokenPath, l.nonce)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUnknownDeviceGetsNoToken(t *testing.T) {
	s := newSite(t)
	a := s.laptop(s.Stranger(s.Monitor.Owner)).login()
	if p := a.problem(t); a.status != http.StatusUnauthorized || p.Code != syncproto.CodeUnauthorized {
		t.Fatalf("%v", a)
	}
	l := s.laptop(s.Monitor)
	if a := l.login(); a.status != http.StatusOK {
		t.Fatalf("%v", a)
	}
	l.nonce = ""
	l.prover = dpop.Prover{Key: l.device.Key, Now: func() time.Time { return time.Unix(0, 0) }, Rand: l.prover.Rand}
	if a := l.login(); a.status != http.StatusOK {
		t.Fatalf("a laptop with a wrong clock gets no token: %v", a)
	}
}

// TestServerHoldsNoWordInClear is I15's other half: neither disk nor log hold what was typed.
func TestServerHoldsNoWordInClear(t *testing.T) {
	s := newSite(t)
	const canary = "canary-Zhaqsybek-was-beaten"
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	e := s.Entity()
	cs := s.Monitor.Feed(visit).Sign(prototest.Create(e, 2100), prototest.Set(e, 2101, canary))
	l := s.laptop(s.Monitor)
	l.push(opening, cs)
	l.pull(visit.Scope)
	l.send(request{method: "GET", path: scopePath(visit.Scope, "history?entity="+e.String()+"&field=2101&"+canary)})
	l.send(request{method: "GET", path: "/" + canary, header: map[string]string{canary: canary}})
	s.http.Close()
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	s.server.db = nil
	found := 0
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("%s holds a word in clear", path)
		}
		if bytes.Contains(b, cs.ID[:]) {
			found++
		}
		if info, _ := d.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("the search does not see the data: %v, %d", err, found)
	}
	for _, secret := range []string{canary, e.String(), visit.Scope.String(), l.access} {
		if strings.Contains(s.logged.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, s.logged.String())
		}
	}
	if !strings.Contains(s.logged.String(), "route=/v1/scopes/:scope/push") {
		t.Error("the log does not name routes")
	}
	s.open() // for the cleanup
}

func TestFloodIsSentAway(t *testing.T) {
	limits := roomy
	limits.Device, limits.DeviceBurst = 0.001, 3
	limits.Enrol, limits.EnrolBurst = 0.001, 2
	s := emptySite(t, limits)
	a := s.send(request{method: "POST", path: "/v1/roster", body: stringsOf(t, s.Roster.Records(0)), header: map[string]string{setupHeader: s.setup}})
	if a.status != http.StatusNoContent {
		t.Fatalf("%v", a)
	}
	l, other := s.laptop(s.Monitor), s.laptop(s.Monitor2)
	for i := range 4 {
		a := l.send(request{method: "GET", path: "/v1/scopes"})
		if i < 3 && a.status != http.StatusOK {
			t.Fatalf("request %d: %v", i, a)
		}
		if i == 3 && (a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || a.problem(t).Code != syncproto.CodeLimited) {
			t.Fatalf("request %d: %v", i, a)
		}
	}
	if a := other.send(request{method: "GET", path: "/v1/scopes"}); a.status != http.StatusOK {
		t.Fatalf("one device's flood shuts out another: %v", a)
	}
	for i := range 3 {
		if a := s.send(request{method: "POST", path: "/v1/enrol", body: []byte{0xa0}}); (a.status == http.StatusTooManyRequests) != (i == 2) {
			t.Fatalf("enrolment %d: %v", i, a)
		}
	}
}

func TestLimitersForgetBoundedly(t *testing.T) {
	b := buckets[int]{rate: 1, burst: 1}
	now := time.Unix(0, 0)
	for i := range maxBuckets + 10 {
		if err := b.take(i, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.of) > maxBuckets {
		t.Fatalf("%d buckets", len(b.of))
	}
}

func TestUnpackingIsBoundedInMemory(t *testing.T) {
	bomb := compressed(t, make([]byte, 256<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := decompress(bomb); syncproto.CodeOf(err) != syncproto.CodeTooLarge {
		t.Fatalf("%d bytes that unpack to 256 MiB: %v", len(bomb), err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4*syncproto.MaxDecoded {
		t.Fatalf("unpacking took %d bytes", used)
	}
}

func TestOversizedRequestsAreRefused(t *testing.T) {
	s := newSite(t)
	l := s.laptop(s.Monitor)
	push := scopePath(s.Registry, "push")
	zstdHeader := map[string]string{"Content-Encoding": "zstd"}
	for name, c := range map[string]struct {
		q    request
		want int
		code syncproto.Code
	}{
		"over a megabyte":       {request{method: "POST", path: push, body: make([]byte, syncproto.MaxRequest+1)}, 413, syncproto.CodeTooLarge},
		"unpacks to too much":   {request{method: "POST", path: push, body: compressed(t, make([]byte, 64<<20)), header: zstdHeader}, 413, syncproto.CodeTooLarge},
		"not zstd":              {request{method: "POST", path: push, body: []byte("not zstd"), header: zstdHeader}, 400, syncproto.CodeMalformed},
		"another encoding":      {request{method: "POST", path: push, header: map[string]string{"Content-Encoding": "gzip"}}, 400, syncproto.CodeMalformed},
		"not a sequence":        {request{method: "POST", path: push, body: []byte{0x61, 'x'}}, 400, syncproto.CodeMalformed},
		"a lying length":        {request{method: "POST", path: push, body: []byte{0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}, 400, syncproto.CodeMalformed},
		"too many items":        {request{method: "POST", path: push, body: bytes.Repeat([]byte{0x40}, maxStrings+1)}, 400, syncproto.CodeMalformed},
		"an offer that is none": {request{method: "POST", path: scopePath(s.Registry, "offer"), body: []byte{0xff}}, 400, syncproto.CodeMalformed},
		"a body where none is":  {request{method: "GET", path: "/v1/scopes", body: []byte("x")}, 413, syncproto.CodeTooLarge},
		"a scope that is none":  {request{method: "POST", path: "/v1/scopes/x/push"}, 404, syncproto.CodeNotFound},
		"a limit that is none":  {request{method: "GET", path: scopePath(s.Registry, "pull?limit=-1")}, 400, syncproto.CodeMalformed},
		"a path that is none":   {request{method: "GET", path: "/v1/nothing"}, 404, syncproto.CodeNotFound},
		"a method that is none": {request{method: "PATCH", path: "/v1/scopes"}, 405, codeMethod},
	} {
		if a := l.send(c.q); a.status != c.want || a.problem(t).Code != c.code {
			t.Errorf("%s: got %v, want %d %s", name, a, c.want, c.code)
		}
	}
}

func TestClosedServerAnswersNobody(t *testing.T) {
	s := newSite(t)
	visit, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner)
	before := s.laptop(s.Monitor).push(opening)
	epoch, origin := s.server.epoch, s.server.tiles.Origin()
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.server.writer.store(context.Background(), nil); err == nil {
		t.Fatal("a closed server stored something")
	}
	s.open()
	if s.server.epoch != epoch || s.server.tiles.Origin() != origin {
		t.Fatal("a restart changed epoch or origin")
	}
	s.http.Config.Handler = s.server.Handler()
	out, err := s.server.take(context.Background(), s.Monitor.ID, &visit.Scope, packetsOf(opening))
	if err != nil {
		t.Fatal(err)
	}
	if receipt, err := s.server.receipt(visit.Scope, out); err != nil || !bytes.Equal(receipt, before.Receipt) {
		t.Fatalf("another receipt after a restart: %v", err)
	}
}
