package web

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

const passphrase = "seven quiet words for a test"

// config is a laptop that does not exist yet.
func config(t testing.TB) fieldclient.Config {
	dir := t.TempDir()
	return fieldclient.Config{Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), KDF: vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}},
		Now: time.Now, Rand: rand.Reader, App: "test"}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mechanism is an organisation whose laptops were enrolled by hand: no server is needed.
type mechanism struct {
	t        testing.TB
	root     ed25519.PrivateKey
	recovery seal.PrivateKey
	roster   *syncproto.Roster
	people   []*person
}

// person is a member with a laptop.
type person struct {
	*fieldclient.Client
	cfg fieldclient.Config
	id  syncproto.PersonID
}

func newMechanism(t testing.TB) *mechanism {
	t.Helper()
	_, root, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	recovery, err := seal.GenerateRecipient(rand.Reader)
	check(t, err)
	m := &mechanism{t: t, root: root, recovery: recovery, roster: &syncproto.Roster{}}
	m.record(syncproto.RosterRecord{Organisation: &syncproto.Organisation{Name: "NPM", Root: root.Public().(ed25519.PublicKey), Recovery: recovery.Public().Bytes()}})
	return m
}

func (m *mechanism) record(rec syncproto.RosterRecord) {
	m.t.Helper()
	message, err := syncproto.SignRecord(m.root, m.roster.NextRecord(rec))
	check(m.t, err)
	check(m.t, m.roster.Append(message))
}

func (m *mechanism) join(name string, role syncproto.Role) *person {
	m.t.Helper()
	ctx := context.Background()
	p := &person{cfg: config(m.t)}
	c, _, err := fieldclient.Create(ctx, p.cfg, passphrase)
	check(m.t, err)
	p.Client = c
	m.t.Cleanup(func() { p.Client.Close() })
	told, err := syncproto.EncodeMessage(struct {
		Root []byte `cbor:"1,keyasint"`
	}{m.root.Public().(ed25519.PublicKey)}) // as an invitation tells it
	check(m.t, err)
	check(m.t, c.Vault().InTx(ctx, func(tx *vault.Tx) error { return tx.Put("enrolment", told) }))
	p.id, err = syncproto.RandomID(rand.Reader)
	check(m.t, err)
	grant, err := syncproto.RandomID(rand.Reader)
	check(m.t, err)
	d := c.Device()
	m.record(syncproto.RosterRecord{Member: &syncproto.Member{Person: p.id, Name: name}})
	m.record(syncproto.RosterRecord{Grant: &syncproto.Grant{ID: grant, Person: p.id, Role: role, Region: "KZ-75"}})
	m.record(syncproto.RosterRecord{Device: &syncproto.Device{ID: d.ID, Signing: d.Signing, Sealing: d.Sealing, Owner: p.id, Label: name}})
	m.people = append(m.people, p)
	return p
}

// share gives every laptop the newest list of members.
func (m *mechanism) share() {
	m.t.Helper()
	for _, p := range m.people {
		check(m.t, p.AppendRoster(context.Background(), m.roster.Records(p.Roster().Len())))
	}
}

// site is a running server with one browser that was let in.
type site struct {
	*http.Client
	t      testing.TB
	s      *Server
	base   string
	csrf   string
	ended  chan Ending
	failed chan error
	stop   context.CancelFunc
}

// serve runs the screens of a laptop on a real port. They end with the test.
func serve(t testing.TB, cfg fieldclient.Config) *site {
	t.Helper()
	l, err := Listen()
	check(t, err)
	s, err := New(Config{Client: cfg, Language: "en", KDF: func() vault.KDF { return cfg.Vault.KDF }}, l.Addr().String())
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	e := &site{t: t, s: s, base: "http://" + l.Addr().String(), ended: make(chan Ending, 1), failed: make(chan error, 1), stop: stop}
	go func() {
		end, err := s.Serve(ctx, l)
		e.ended <- end
		e.failed <- err
	}()
	t.Cleanup(func() { stop(); <-e.failed })
	e.Client = e.browser()
	return e
}

// browser is an HTTP client with cookies that follows nowhere by itself.
func (e *site) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	check(e.t, err)
	transport := &http.Transport{} // its connections are its own
	e.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// enter lets the browser in.
func (e *site) enter() *site {
	e.t.Helper()
	e.s.Offer("ticket")
	res, _ := e.send("POST", "/launch", url.Values{"token": {"ticket"}}, "Origin", "null")
	if res.StatusCode != http.StatusOK {
		e.t.Fatalf("launching: %s", res.Status)
	}
	return e
}

// unlocked runs the screens of a member's laptop, lets a browser in and unlocks.
func unlockedSite(t testing.TB, p *person) *site {
	t.Helper()
	check(t, p.Client.Close())
	e := serve(t, p.cfg).enter()
	e.get("/unlock")
	if res, _ := e.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("unlocking: %s", res.Status)
	}
	e.get("/today")
	return e
}

// send sends one request as a browser would, with further headers in pairs, and returns the answer with its body.
func (e *site) send(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	e.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, e.base+path, body)
	check(e.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := e.Do(req)
	check(e.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(e.t, err)
	return res, string(b)
}

var csrfOf = regexp.MustCompile(`<meta name="csrf" content="([^"]+)">`)

// get reads a page and remembers its token.
func (e *site) get(path string) (*http.Response, string) {
	e.t.Helper()
	res, body := e.send("GET", path, nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
	if m := csrfOf.FindStringSubmatch(body); m != nil {
		e.csrf = m[1]
	}
	return res, body
}

// post sends a form of the page that was read last.
func (e *site) post(path string, form url.Values, headers ...string) (*http.Response, string) {
	e.t.Helper()
	form.Set("csrf", e.csrf)
	return e.send("POST", path, form, append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...)
}
