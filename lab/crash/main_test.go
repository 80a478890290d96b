// Package crash kills real processes at random moments: laptops that save and sync, and the server while laptops push.
// Whatever was acknowledged must be there afterwards, under the number and with the receipt that it had
// (docs/protocol.md §11, I3, I8, I9, I10).
package crash

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/internal/loopback"
	"kua/syncproto"
)

const (
	passphrase = "seven quiet words for a test"
	childEnv   = "KUA_CRASH_CHILD"
	region     = "KZ-75"
)

var quick = vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}

// program is the kua-server that the tests run and kill.
var program string

// TestMain lets the test binary be the laptop that is killed, and builds the server.
func TestMain(m *testing.M) {
	if kind := os.Getenv(childEnv); kind != "" {
		if err := laptopProcess(kind == "sync", os.Args[1], os.Args[2]); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(withServer(m))
}

func withServer(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kua-crash-")
	if err == nil {
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "kua-server")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", program, "kua/server/cmd/kua-server").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the server:", err)
		return 1
	}
	return m.Run()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// central is a server as a process of its own.
type central struct {
	t           testing.TB
	dir, listen string
	setup       string
	process     *exec.Cmd
	said        bytes.Buffer
}

// newCentral makes the data of a server that will listen on a free port of loopback.
func newCentral(t testing.TB) *central {
	t.Helper()
	address, err := loopback.Address()
	check(t, err)
	s := &central{t: t, dir: filepath.Join(t.TempDir(), "server"), listen: address}
	out, err := exec.Command(program, "init", "--data", s.dir, "--url", s.url(), "--json").Output()
	check(t, err)
	var made struct {
		Setup string `json:"setup"`
	}
	check(t, json.Unmarshal(out, &made))
	s.setup = made.Setup
	t.Cleanup(s.kill)
	return s
}

func (s *central) url() string { return "http://" + s.listen }

// start begins a server process and returns once it listens.
func (s *central) start() {
	s.t.Helper()
	s.process = exec.Command(program, "serve", "--data", s.dir, "--listen", s.listen, "--metrics", "", "--json")
	s.said.Reset()
	s.process.Stderr = &s.said
	out, err := s.process.StdoutPipe()
	check(s.t, err)
	check(s.t, s.process.Start())
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		s.process.Wait()
		s.t.Fatalf("the server does not start again: %v\n%s", err, s.said.String())
	}
}

// kill ends the server process without warning.
func (s *central) kill() {
	if s.process == nil {
		return
	}
	s.process.Process.Kill()
	s.process.Wait() // says that it was killed
	s.process = nil
}

// laptop is one installation, closed or open in this process.
type laptop struct {
	*fieldclient.Client
	t      testing.TB
	dir    string
	cfg    fieldclient.Config
	person syncproto.PersonID
}

func config(dir string, transport http.RoundTripper) fieldclient.Config {
	return fieldclient.Config{App: "crash", Now: time.Now, Rand: rand.Reader, Transport: transport,
		Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), KDF: quick}}
}

func blank(t testing.TB, transport http.RoundTripper) *laptop {
	t.Helper()
	l := &laptop{t: t, dir: t.TempDir()}
	l.cfg = config(l.dir, transport)
	c, _, err := fieldclient.Create(context.Background(), l.cfg, passphrase)
	check(t, err)
	l.Client = c
	return l
}

func (l *laptop) identify() {
	l.t.Helper()
	m, err := l.Client.Person()
	check(l.t, err)
	l.person = m.Person
}

func (l *laptop) open() {
	l.t.Helper()
	c, err := fieldclient.Open(context.Background(), l.cfg, passphrase)
	check(l.t, err)
	l.Client = c
}

func (l *laptop) sync(ctx context.Context) (fieldclient.Report, error) {
	r, err := l.Remote()
	if err != nil {
		return fieldclient.Report{}, err
	}
	return l.Client.Sync(ctx, r, nil)
}

// found makes an organisation on a running server, n monitors with a laptop each, and a visit that all of them hold.
func found(t testing.TB, s *central, n int, transport http.RoundTripper) (lead *laptop, team []*laptop, visit syncproto.ScopeID) {
	t.Helper()
	ctx := context.Background()
	lead = blank(t, transport)
	check(t, lead.Found(ctx, fieldclient.Founding{Organisation: "NPM", Coordinator: "Saule", URL: s.url(), Setup: s.setup,
		Keep: func(root, recovery []byte) error { return nil }}))
	lead.identify()
	var people []syncproto.PersonID
	for i := range n {
		inv, err := lead.Invite(ctx, fmt.Sprint("monitor ", i), syncproto.RoleMonitor, region, nil, time.Hour)
		check(t, err)
		l := blank(t, transport)
		words, err := l.Enrol(ctx, inv, "laptop")
		check(t, err)
		_, err = lead.Approve(ctx, inv.ID.String(), words)
		check(t, err)
		check(t, l.FinishEnrol(ctx))
		l.identify()
		team, people = append(team, l), append(people, l.person)
	}
	visit, err := lead.OpenVisit(ctx, region, people, map[string]string{"title": "a visit"})
	check(t, err)
	for _, l := range append([]*laptop{lead}, team...) {
		_, err := l.sync(ctx)
		check(t, err)
	}
	return lead, team, visit
}

// target is the field that processes count in.
func target(visit syncproto.ScopeID) fieldclient.Target {
	k, _ := syncproto.KindNamed("visit")
	f, err := k.FieldNamed("population")
	if err != nil {
		panic(err) // the vocabulary is a table of this program
	}
	return fieldclient.Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: f}
}

// laptopProcess saves numbered values for ever, and syncs if told to. Every line that it prints is an acknowledgement.
func laptopProcess(syncs bool, dir, scope string) error {
	ctx := context.Background()
	visit, err := syncproto.ParseScopeID(scope)
	if err != nil {
		return err
	}
	c, err := fieldclient.Open(ctx, config(dir, nil), passphrase)
	if err != nil {
		return err
	}
	if why := c.Restored(); why != "" {
		return fmt.Errorf("a crash is taken for a restore: %s", why)
	}
	next := c.Replica().DeviceFeeds(c.Device().ID) // a number that grows over the kills
	n := uint64(1)
	for _, f := range next {
		n += f.N
	}
	fmt.Println("open")
	t := target(visit)
	for i := 1; ; i, n = i+1, n+1 {
		if err := saveOne(ctx, c, t, n); err != nil {
			return err
		}
		switch {
		case i%12 == 0:
			if err := saveMany(ctx, c, visit); err != nil {
				return err
			}
		case i%9 == 0: // a stick
			if _, err := c.ExportBundle(ctx, io.Discard, nil, false); err != nil {
				return err
			}
		}
		if syncs && i%4 == 0 {
			r, err := c.Remote()
			if err != nil {
				return err
			}
			rep, err := c.Sync(ctx, r, nil)
			if err != nil || len(rep.Warnings) > 0 || rep.Bad > 0 {
				return fmt.Errorf("syncing: %+v %w", rep, err)
			}
			fmt.Println("synced", rep.Sent)
		}
	}
}

func saveOne(ctx context.Context, c *fieldclient.Client, t fieldclient.Target, n uint64) error {
	v, err := t.Field.ParseValue(fmt.Sprint(n))
	if err != nil {
		return err
	}
	s, err := c.Set(ctx, t, v)
	if err != nil {
		return err
	}
	fmt.Println("save", s.Changesets[0], n)
	return nil
}

// saveMany saves a page of sixty fields in one changeset.
func saveMany(ctx context.Context, c *fieldclient.Client, visit syncproto.ScopeID) error {
	k, _ := syncproto.KindNamed("observation")
	f, err := k.FieldNamed("text")
	if err != nil {
		return err
	}
	var changes []fieldclient.Change
	for i := range 60 {
		id, err := syncproto.RandomID(rand.Reader)
		if err != nil {
			return err
		}
		v, err := f.ParseValue(fmt.Sprint("line ", i))
		if err != nil {
			return err
		}
		changes = append(changes, fieldclient.Change{Kind: syncproto.KindCreate, Entity: id, Field: k.ID},
			fieldclient.Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Value: v})
	}
	s, err := c.Save(ctx, visit, changes)
	if err != nil {
		return err
	}
	fmt.Println("save", s.Changesets[0], 0)
	return nil
}
