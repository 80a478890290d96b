// Package sim drives a whole mechanism, laptops with real vaults and a real server, through random trouble from one
// seed: work in the field, bad lines, sticks, old copies, wrong clocks. Nothing in it is a stand-in but the wire, the
// clocks and the randomness. docs/protocol.md §11 is what it checks.
package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/server"
	"kua/syncproto"
)

const (
	passphrase = "seven quiet words for a test"
	address    = "https://kua.test"
)

var quick = vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}

// World is one mechanism and all that is known of it from outside.
type World struct {
	T    testing.TB
	Seed uint64
	Dir  string
	rng  *rand.Rand
	now  time.Time // true time

	cfg     server.Config
	server  *server.Server // nil while it is down
	handler http.Handler
	line    line

	laptops []*laptop
	lead    *laptop // the first coordinator, who alone changes the roster
	people  int
	words   int
	sticks  []stick
	backups []string // of the server, oldest first
	stale   bool     // the server was restored, and the lead has not synced since

	trace []string
	facts facts
}

// laptop is one installation. A copy of a laptop is another one with the same device.
type laptop struct {
	w      *World
	name   string
	role   syncproto.Role
	region string
	cfg    fieldclient.Config
	c      *fieldclient.Client // nil while it is locked
	person syncproto.PersonID
	device syncproto.DeviceID
	skew   time.Duration // of its clock

	has     map[syncproto.ChangesetID]bool // what it has shown to hold: it must not lose any of it
	copies  []snapshot
	carried map[syncproto.ScopeID]bool // scopes of which a stick brought something
	twin    bool                       // another installation has the same keys
	revoked bool
}

// snapshot is an old copy of a laptop's data.
type snapshot struct {
	data, state string
	has         map[syncproto.ChangesetID]bool
}

type stick struct {
	from   string
	bytes  []byte
	scopes []syncproto.ScopeID
}

// stream is a reader of seeded randomness that several goroutines may use.
type stream struct {
	mu sync.Mutex // guards r
	r  *rand.ChaCha8
}

func (s *stream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(b)
}

func (w *World) stream(parts ...any) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], w.Seed)
	copy(key[8:], fmt.Sprint(parts...))
	return &stream{r: rand.NewChaCha8(key)}
}

// New founds an organisation and enrols its people. It must run in a synctest bubble: pauses cost nothing there.
func New(t testing.TB, seed uint64) *World {
	w := &World{T: t, Seed: seed, Dir: scratch(t), rng: rand.New(rand.NewPCG(seed, 0x6b7561)),
		now: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC), facts: newFacts()}
	w.line.rng = rand.New(rand.NewPCG(seed, 0x6c696e65))
	unlimited := server.Limits{Device: rate.Inf, Address: rate.Inf, Enrol: rate.Inf, DeviceBurst: 1, AddressBurst: 1, EnrolBurst: 1}
	w.cfg = server.Config{Dir: filepath.Join(w.Dir, "server"), HighWater: filepath.Join(w.Dir, "highwater"), PublicURL: address,
		Now: func() time.Time { return w.now }, Rand: w.stream("server"), Limits: unlimited}
	ctx := context.Background()
	setup, err := server.Init(ctx, w.cfg)
	w.must(err)
	w.start()
	w.lead = w.blank("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	w.must(w.lead.c.Found(ctx, fieldclient.Founding{Organisation: "NPM", Coordinator: "Saule", URL: address, Setup: setup,
		Keep: func(root, recovery []byte) error { return nil }}))
	w.lead.identify()
	for _, p := range []struct {
		name, region string
		role         syncproto.Role
	}{
		{"Timur", syncproto.AllRegions, syncproto.RoleCoordinator}, {"Marat", "KZ-75", syncproto.RoleLeader},
		{"Aru", "KZ-75", syncproto.RoleMonitor}, {"Dana", "KZ-75", syncproto.RoleHealth},
		{"Gulnar", syncproto.AllRegions, syncproto.RoleProtection}, {"Zhan", "KZ-10", syncproto.RoleMonitor},
	} {
		w.enrol(p.name, p.role, p.region, nil)
	}
	w.note("a first visit: %s", w.visit(w.lead))
	w.note("Saule: %s", w.contact(w.lead, clean))
	for _, l := range w.laptops[1:] {
		if chance(w.rng, 60) {
			w.note("%s: %s", l.name, w.contact(l, clean))
		}
		l.learn()
	}
	w.lead.learn()
	return w
}

// scratch returns a folder for one world: in memory where the system has one, because nothing here cuts the power.
func scratch(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "kua-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.fatalf("%v", err)
	}
}

// failf reports a broken rule with what leads to it again.
func (w *World) failf(format string, args ...any) {
	w.T.Helper()
	w.T.Errorf("seed %d, step %d: %s", w.Seed, len(w.trace), fmt.Sprintf(format, args...))
}

func (w *World) fatalf(format string, args ...any) {
	w.T.Helper()
	w.failf(format, args...)
	if testing.Verbose() {
		w.T.Log(strings.Join(w.trace, "\n"))
	}
	w.T.FailNow()
}

// start opens the server.
func (w *World) start() {
	w.T.Helper()
	s, err := server.Open(context.Background(), w.cfg)
	w.must(err)
	w.server, w.handler = s, s.Handler()
}

func (w *World) stop() {
	w.T.Helper()
	if w.server == nil {
		return
	}
	synctest.Wait()
	w.must(w.server.Close())
	w.server, w.handler = nil, nil
}

// Close locks everything.
func (w *World) Close() {
	w.stop()
	for _, l := range w.laptops {
		l.lock()
	}
}

// blank makes a laptop that belongs to nobody yet.
func (w *World) blank(name string, role syncproto.Role, region string) *laptop {
	w.T.Helper()
	dir := filepath.Join(w.Dir, fmt.Sprintf("laptop%d", len(w.laptops)))
	l := &laptop{w: w, name: name, role: role, region: region, has: map[syncproto.ChangesetID]bool{}, carried: map[syncproto.ScopeID]bool{}}
	l.configure(dir)
	c, _, err := fieldclient.Create(context.Background(), l.cfg, passphrase)
	w.must(err)
	l.c, l.device = c, c.Device().ID
	w.laptops = append(w.laptops, l)
	return l
}

func (l *laptop) configure(dir string) {
	n := len(l.w.laptops)
	l.cfg = fieldclient.Config{App: "sim", Now: func() time.Time { return l.w.now.Add(l.skew) }, Rand: l.w.stream("client", n),
		Transport: &wire{l}, Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), KDF: quick, Rand: l.w.stream("vault", n)}}
}

// enrol makes a person, or with a person given another laptop of theirs, and goes through the whole enrolment.
func (w *World) enrol(name string, role syncproto.Role, region string, person *syncproto.PersonID) *laptop {
	w.T.Helper()
	ctx := context.Background()
	skew := w.lead.skew
	w.lead.skew = 0 // an invitation carries the coordinator's date, and the server judges that
	defer func() { w.lead.skew = skew }()
	inv, err := w.lead.c.Invite(ctx, name, role, region, person, time.Hour)
	w.must(err)
	l := w.blank(name, role, region)
	words, err := l.c.Enrol(ctx, inv, name+"'s laptop")
	w.must(err)
	_, err = w.lead.c.Approve(ctx, inv.ID.String(), words)
	w.must(err)
	w.must(l.c.FinishEnrol(ctx))
	l.identify()
	return l
}

func (l *laptop) identify() {
	l.w.T.Helper()
	m, err := l.c.Person()
	l.w.must(err)
	l.person = m.Person
}

func (l *laptop) lock() {
	l.w.T.Helper()
	if l.c == nil {
		return
	}
	l.w.must(l.c.Close())
	l.c = nil
}

func (l *laptop) unlock() {
	l.w.T.Helper()
	if l.c != nil {
		return
	}
	c, err := fieldclient.Open(context.Background(), l.cfg, passphrase)
	l.w.must(err)
	l.c = c
}

// note adds a line to the trace.
func (w *World) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// word returns a word that occurs nowhere else, so that it can be looked for.
func (w *World) word() string {
	w.words++
	return fmt.Sprintf("zq%dx%dqz", w.Seed, w.words)
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// refusals are what a person may be told without anything being wrong.
var refusals = []error{fieldclient.ErrNoRight, fieldclient.ErrNotFound, fieldclient.ErrNotEnrolled, fieldclient.ErrUnread}

// said shortens an outcome for the trace, and fails the run where an error is none that a person may be told.
func (w *World) said(err error, allowed ...string) string {
	w.T.Helper()
	if err == nil {
		return "ok"
	}
	for _, r := range refusals {
		if errors.Is(err, r) {
			return r.Error()
		}
	}
	for _, a := range allowed {
		if strings.Contains(err.Error(), a) {
			return a
		}
	}
	w.failf("%v", err)
	return "failed"
}
