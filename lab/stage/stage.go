// Package stage sets up a whole mechanism for tests: a real server on real HTTP over loopback, and laptops with real
// vaults. Nothing in it is a stand-in.
package stage

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/internal/loopback"
	"kua/server"
	"kua/syncproto"
)

// Passphrase opens every laptop on the stage.
const Passphrase = "seven quiet words for a test"

// Stage is one mechanism.
type Stage struct {
	T      testing.TB
	Server *Server
	Now    func() time.Time
	Rand   io.Reader
	Lead   *Laptop // the first coordinator
}

// Server is a running server and its folder.
type Server struct {
	*server.Server
	Cfg  server.Config
	URL  string
	http *http.Server
	done chan struct{}
}

// Laptop is one unlocked laptop.
type Laptop struct {
	*fieldclient.Client
	T      testing.TB
	Name   string
	Cfg    fieldclient.Config
	Person syncproto.PersonID
}

// New starts a server in a new folder and founds an organisation with its first coordinator.
func New(t testing.TB) *Stage {
	t.Helper()
	s := &Stage{T: t, Now: time.Now, Rand: rand.Reader}
	dir := t.TempDir()
	unlimited := rate.Inf
	cfg := server.Config{Dir: filepath.Join(dir, "server"), HighWater: filepath.Join(dir, "highwater"), Now: s.Now, Rand: s.Rand,
		Limits: server.Limits{Device: unlimited, Address: unlimited, Enrol: unlimited, DeviceBurst: 1, AddressBurst: 1, EnrolBurst: 1}}
	address, err := loopback.Address() // Restart needs it again
	check(t, err)
	listener := listen(t, address)
	cfg.PublicURL = "http://" + listener.Addr().String()
	setup, err := server.Init(context.Background(), cfg)
	check(t, err)
	s.Server = Start(t, cfg, listener)
	s.Lead = s.Blank("Saule")
	check(t, s.Lead.Found(context.Background(), fieldclient.Founding{Organisation: "NPM", Coordinator: "Saule", URL: cfg.PublicURL, Setup: setup,
		Keep: func(root, recovery []byte) error { return nil }}))
	s.Lead.identify()
	return s
}

func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	check(t, err)
	return l
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Start opens the server of a folder and serves it on a listener.
func Start(t testing.TB, cfg server.Config, l net.Listener) *Server {
	t.Helper()
	srv, err := server.Open(context.Background(), cfg)
	check(t, err)
	s := &Server{Server: srv, Cfg: cfg, URL: cfg.PublicURL, http: &http.Server{Handler: srv.Handler()}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l) // ends with Stop
	}()
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server; it may be started again on the same address with Restart.
func (s *Server) Stop() {
	if s.http == nil {
		return
	}
	s.Stopping()
	_ = s.http.Close()
	<-s.done
	_ = s.Close()
	s.http = nil
}

// Restart starts a stopped server again on its address.
func (s *Stage) Restart() {
	s.T.Helper()
	s.Server.Stop()
	s.Server = Start(s.T, s.Server.Cfg, listen(s.T, s.Server.URL[len("http://"):]))
}

// Blank makes a laptop that belongs to nobody yet.
func (s *Stage) Blank(name string) *Laptop {
	s.T.Helper()
	dir := s.T.TempDir()
	cfg := fieldclient.Config{Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"),
		KDF: vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}}, Now: s.Now, Rand: s.Rand, App: "stage"}
	c, _, err := fieldclient.Create(context.Background(), cfg, Passphrase)
	check(s.T, err)
	l := &Laptop{Client: c, T: s.T, Name: name, Cfg: cfg}
	s.T.Cleanup(func() { l.Client.Close() })
	return l
}

// Laptop makes a person with a role and a laptop that has gone through the whole enrolment.
func (s *Stage) Laptop(name string, role syncproto.Role, region string) *Laptop {
	s.T.Helper()
	ctx := context.Background()
	inv, err := s.Lead.Invite(ctx, name, role, region, nil, time.Hour)
	check(s.T, err)
	l := s.Blank(name)
	words, err := l.Enrol(ctx, inv, name+"'s laptop")
	check(s.T, err)
	_, err = s.Lead.Approve(ctx, inv.ID.String(), words)
	check(s.T, err)
	check(s.T, l.FinishEnrol(ctx))
	l.identify()
	return l
}

func (l *Laptop) identify() {
	l.T.Helper()
	m, err := l.Client.Person()
	check(l.T, err)
	l.Person = m.Person
}

// Sync syncs the laptop with its server.
func (l *Laptop) Sync() fieldclient.Report {
	l.T.Helper()
	rep, err := l.TrySync()
	if err != nil {
		l.T.Fatalf("%s syncs: %v", l.Name, err)
	}
	return rep
}

// TrySync is Sync for tests in which it may fail.
func (l *Laptop) TrySync() (fieldclient.Report, error) {
	r, err := l.Remote()
	if err != nil {
		return fieldclient.Report{}, err
	}
	return l.Client.Sync(context.Background(), r, nil)
}

// Reopen locks the laptop and unlocks it again.
func (l *Laptop) Reopen() {
	l.T.Helper()
	check(l.T, l.Client.Close())
	l.Unlock()
}

// Unlock unlocks a laptop that was closed.
func (l *Laptop) Unlock() {
	l.T.Helper()
	c, err := fieldclient.Open(context.Background(), l.Cfg, Passphrase)
	check(l.T, err)
	l.Client = c
}

// Visit opens a visit with a team.
func (l *Laptop) Visit(region string, team ...*Laptop) syncproto.ScopeID {
	l.T.Helper()
	var ids []syncproto.PersonID
	for _, m := range team {
		ids = append(ids, m.Person)
	}
	id, err := l.OpenVisit(context.Background(), region, ids, map[string]string{"title": "a visit"})
	check(l.T, err)
	return id
}

// Target names a field of the visit's own record.
func Target(t testing.TB, visit syncproto.ScopeID, name string) fieldclient.Target {
	t.Helper()
	k, _ := syncproto.KindNamed("visit")
	f, err := k.FieldNamed(name)
	check(t, err)
	return fieldclient.Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: f}
}

// Set sets a field of the visit's own record.
func (l *Laptop) SetField(visit syncproto.ScopeID, name, value string) {
	l.T.Helper()
	target := Target(l.T, visit, name)
	v, err := target.Field.ParseValue(value)
	check(l.T, err)
	_, err = l.Set(context.Background(), target, v)
	check(l.T, err)
}

// Field returns a field of the visit's own record as the laptop shows it.
func (l *Laptop) Field(visit syncproto.ScopeID, name string) fieldclient.FieldView {
	l.T.Helper()
	v, err := l.Record(context.Background(), visit, syncproto.EntityID(visit))
	check(l.T, err)
	for _, f := range v.Fields {
		if f.Name == name {
			return f
		}
	}
	return fieldclient.FieldView{}
}
