package crash

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/syncproto"
)

const (
	writers     = 3
	writerKills = 75 // of each
	syncerKills = 90
)

func TestAKilledLaptopLosesNothingThatItAcknowledged(t *testing.T) {
	s := newCentral(t)
	s.start()
	lead, team, visit := found(t, s, writers+1, nil)
	defer lead.Close()
	var kills, saves atomic.Int64
	t.Run("laptops", func(t *testing.T) {
		for i, l := range team {
			syncs, n := i == writers, writerKills
			if syncs {
				n = syncerKills
			}
			check(t, l.Close())
			t.Run(fmt.Sprintf("%d syncs %v", i, syncs), func(t *testing.T) {
				t.Parallel()
				h := history{t: t, l: l, visit: visit, saved: map[syncproto.ChangesetID]bool{}, places: map[place]syncproto.ChangesetID{}}
				for life := range n {
					h.read(h.killed(syncs, life%8))
					h.check()
					kills.Add(1)
					if t.Failed() {
						return
					}
				}
				saves.Add(int64(len(h.saved)))
				if len(h.saved) < n/2 {
					t.Errorf("only %d saves in %d lives: the test does not reach what it is for", len(h.saved), n)
				}
			})
		}
	})
	t.Logf("%d kills of laptops, %d acknowledged saves", kills.Load(), saves.Load())
	if t.Failed() {
		return
	}
	everythingArrives(t, s, append(team, lead), visit)
}

// everythingArrives opens all laptops, has them sync, and holds that all of them and the server agree.
func everythingArrives(t *testing.T, s *central, all []*laptop, visit syncproto.ScopeID) {
	t.Helper()
	ctx := context.Background()
	for _, l := range all[:len(all)-1] {
		l.open()
		defer l.Close()
	}
	for range 2 {
		for _, l := range all {
			if rep, err := l.sync(ctx); err != nil || rep.Bad > 0 || len(rep.Warnings) > 0 || len(rep.Refused) > 0 {
				t.Errorf("the last sync: %+v %v", rep, err)
			}
		}
	}
	want, err := all[0].Replica().Digest(ctx, visit)
	check(t, err)
	for _, l := range all[1:] {
		if got, err := l.Replica().Digest(ctx, visit); err != nil || got != want {
			t.Errorf("I14: two laptops disagree after everything has arrived: %v: %s", err, difference(t, all[0], l, visit))
		}
	}
	s.kill()
	verify(t, s.dir)
}

// difference says what one of two laptops holds and the other lacks.
func difference(t *testing.T, a, b *laptop, visit syncproto.ScopeID) string {
	t.Helper()
	read := func(l *laptop) map[syncproto.ChangesetID]string {
		out := map[syncproto.ChangesetID]string{}
		check(t, l.Replica().Pull(context.Background(), visit, 0, 1<<20, func(e replica.Logged) error {
			out[e.ID] = fmt.Sprintf("number %d of feed %s of %s, quarantine %q, admitted %v", e.N, e.Feed, e.Person, e.Quarantine, e.Admitted)
			return nil
		}))
		return out
	}
	x, y := read(a), read(b)
	var lines []string
	for id, v := range x {
		if y[id] != v {
			lines = append(lines, fmt.Sprintf("%s is (%s) and (%s)", id, v, y[id]))
		}
	}
	for id, v := range y {
		if x[id] == "" {
			lines = append(lines, fmt.Sprintf("%s is () and (%s)", id, v))
		}
	}
	return fmt.Sprintf("%d and %d changesets\n%s", len(x), len(y), strings.Join(lines, "\n"))
}

// verify runs kua-server verify.
func verify(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command(program, "verify", "--data", dir).CombinedOutput(); err != nil {
		t.Errorf("kua-server verify: %v\n%s", err, out)
	}
}

type place struct {
	feed syncproto.FeedID
	n    uint64
}

// history is what a laptop acknowledged and what it has shown since.
type history struct {
	t      *testing.T
	l      *laptop
	visit  syncproto.ScopeID
	saved  map[syncproto.ChangesetID]bool
	places map[place]syncproto.ChangesetID
	newest uint64 // number that was acknowledged last
}

// killed runs a laptop, kills it at a random moment after some lines, and returns what it printed. Before the first line
// it is not open; and however slow the machine is, a life with several lines has saved something.
func (h *history) killed(syncs bool, lines int) []byte {
	h.t.Helper()
	self, err := os.Executable()
	check(h.t, err)
	cmd := exec.Command(self, h.l.dir, h.visit.String())
	kind, most := "write", 60*time.Millisecond
	if syncs {
		kind, most = "sync", 120*time.Millisecond
	}
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	out, err := cmd.StdoutPipe()
	check(h.t, err)
	check(h.t, cmd.Start())
	var all bytes.Buffer
	r := bufio.NewReader(out)
	for range lines {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			break
		}
	}
	time.Sleep(time.Duration(rand.Int64N(int64(most))))
	cmd.Process.Kill()
	r.WriteTo(&all)
	cmd.Wait() // says that it was killed
	return all.Bytes()
}

func (h *history) read(out []byte) {
	for line := range bytes.Lines(out) {
		if line[len(line)-1] != '\n' {
			return // cut short
		}
		switch f := strings.Fields(string(line)); f[0] {
		case "save":
			var id syncproto.ChangesetID
			if err := id.UnmarshalText([]byte(f[1])); err != nil {
				h.t.Errorf("the laptop says %s", line)
			}
			h.saved[id] = true
			if n, _ := strconv.ParseUint(f[2], 10, 64); n > 0 {
				h.newest = n
			}
		case "open", "synced":
		default:
			h.t.Errorf("the laptop says: %s", line)
		}
	}
}

// check opens what the kill left.
func (h *history) check() {
	h.t.Helper()
	ctx := context.Background()
	h.integrity()
	h.l.open()
	defer h.l.Close()
	if why := h.l.Restored(); why != "" {
		h.t.Errorf("a crash is taken for a restore: %s", why)
	}
	here := map[syncproto.ChangesetID]bool{}
	next := map[syncproto.FeedID]uint64{}
	err := h.l.Replica().Since(ctx, 0, func(e replica.Logged) error {
		here[e.ID] = true
		at := place{e.Feed, e.N}
		if old, ok := h.places[at]; ok && old != e.ID {
			h.t.Errorf("I8: number %d of feed %s was %s and is %s", e.N, e.Feed, old, e.ID)
		}
		h.places[at] = e.ID
		if want, ok := next[e.Feed]; ok && e.Seq0 != want || !ok && e.Seq0 != 1 {
			h.t.Errorf("I8: changeset %d of feed %s begins with operation %d, want %d", e.N, e.Feed, e.Seq0, want)
		}
		next[e.Feed] = e.Seq0 + uint64(e.Count)
		return nil
	})
	check(h.t, err)
	for id := range h.saved {
		if !here[id] {
			h.t.Errorf("I3: changeset %s was acknowledged and is gone", id)
		}
	}
	h.shows(ctx)
}

// shows holds that a person sees what they saved last, or something that they saved after it.
func (h *history) shows(ctx context.Context) {
	if h.newest == 0 {
		return
	}
	v, err := h.l.Record(ctx, h.visit, syncproto.EntityID(h.visit))
	check(h.t, err)
	for _, f := range v.Fields {
		if f.Name != "population" {
			continue
		}
		for _, head := range f.Heads {
			if n, _ := strconv.ParseUint(head.Value, 10, 64); head.Person == h.l.person && n >= h.newest {
				return
			}
		}
		h.t.Errorf("%d was saved, and %+v shows", h.newest, f.Heads)
	}
}

func (h *history) integrity() {
	h.t.Helper()
	db, err := sqldb.Open(context.Background(), sqldb.Config{Path: filepath.Join(h.l.cfg.Vault.Dir, "store.db"), ReadOnly: true})
	check(h.t, err)
	defer db.Close()
	var ok string
	if err := db.Read.QueryRow(`PRAGMA integrity_check`).Scan(&ok); err != nil || ok != "ok" {
		h.t.Errorf("integrity check: %s %v", ok, err)
	}
}
