package fieldclient

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// building is a visit with a leader and a monitor inside, and a coordinator outside who opened it.
type building struct {
	*team
	saule, timur, aru *laptop // coordinator, leader, monitor
	visit             syncproto.ScopeID
}

func newBuilding(t *testing.T) *building {
	o := newTeam(t)
	b := &building{team: o, saule: o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions),
		timur: o.laptop("Timur", syncproto.RoleLeader, "KZ-75"), aru: o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")}
	o.share()
	b.visit = b.saule.visit(b.timur, b.aru)
	b.meet()
	return b
}

// meet brings all laptops to the same work, and lets each share keys as a sync does.
func (b *building) meet() {
	b.t.Helper()
	for range 2 {
		for _, from := range b.laptops {
			if _, err := from.ShareKeys(context.Background()); err != nil {
				b.t.Fatal(err)
			}
			for _, to := range b.laptops {
				if from != to {
					carry(b.t, from, to)
				}
			}
		}
	}
}

func (l *laptop) enterGate(visit syncproto.ScopeID) {
	l.t.Helper()
	if err := l.EnterGate(context.Background(), visit); err != nil {
		l.t.Fatalf("%s enters gate mode: %v", l.name, err)
	}
}

// closed holds that a field's only statement is there, saved, and does not open on the laptop.
func (l *laptop) closed(visit syncproto.ScopeID, name string) {
	l.t.Helper()
	h := l.field(visit, name).Heads
	if len(h) != 1 || h[0].Value != "" || !h[0].Locked || !h[0].Gate {
		l.t.Errorf("%s can read what was sealed at the gate, or it is gone: %+v", l.name, h)
	}
}

func (l *laptop) whole() {
	l.t.Helper()
	if v, err := l.Verify(context.Background()); err != nil || len(v.Faults) > 0 {
		l.t.Errorf("%s: verifying: %v %v", l.name, v.Faults, err)
	}
}

func TestWhatIsSavedAtTheGateIsClosedToItsWriterAfterALock(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	item, err := b.aru.ItemID(b.visit, "cells.light", "")
	if err != nil {
		t.Fatal(err)
	}
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "nobody sleeps here")
	b.aru.sees(b.visit, "summary", "nobody sleeps here")
	if err := b.aru.rebuild(ctx); err != nil { // as after a failed save
		t.Fatal(err)
	}
	b.aru.sees(b.visit, "summary", "nobody sleeps here")
	b.aru.reopen()
	b.aru.closed(b.visit, "summary")
	if h := b.aru.field(b.visit, "summary").Heads; h[0].State != StateSaved {
		t.Errorf("what was saved is no longer said to be: %+v", h)
	}
	if found, err := b.aru.Search(ctx, "sleeps"); err != nil || len(found) > 0 {
		t.Errorf("the search finds what was sealed at the gate: %v %v", found, err)
	}
	if again, err := b.aru.ItemID(b.visit, "cells.light", ""); err != nil || again != item {
		t.Errorf("a checklist item has another record: %v", err)
	}
	b.aru.set(b.visit, "refusals", "the second block") // the mode outlives the lock
	b.aru.sees(b.visit, "refusals", "the second block")
	b.aru.reopen()
	b.aru.closed(b.visit, "refusals")
	b.aru.whole()

	b.meet()
	b.saule.sees(b.visit, "summary", "nobody sleeps here")
	b.saule.sees(b.visit, "refusals", "the second block")
	for _, l := range []*laptop{b.aru, b.timur} {
		l.closed(b.visit, "summary")
		l.closed(b.visit, "refusals")
		l.whole()
	}
	for _, l := range []*laptop{b.aru, b.timur} { // the leader has the right, and holds nothing to give
		if n, err := l.ReleaseGate(ctx, b.visit); n != 0 || l == b.aru && !errors.Is(err, ErrNoRight) {
			t.Errorf("%s released %d gate keys: %v", l.name, n, err)
		}
	}
	if n, err := b.saule.ReleaseGate(ctx, b.visit); err != nil || n != 2 {
		t.Fatalf("released %d gate keys of 2: %v", n, err)
	}
	b.meet()
	want, _ := b.saule.Replica().Digest(ctx, b.visit)
	for _, l := range b.laptops {
		for range 2 {
			l.sees(b.visit, "summary", "nobody sleeps here")
			l.sees(b.visit, "refusals", "the second block")
			if got, err := l.Replica().Digest(ctx, b.visit); err != nil || got != want {
				t.Errorf("%s holds another state: %v", l.name, err)
			}
			l.whole()
			l.reopen()
		}
	}
	if n, err := b.saule.ReleaseGate(ctx, b.visit); err != nil || n != 0 {
		t.Errorf("released twice: %d %v", n, err)
	}
	b.aru.set(b.visit, "refusals", "after the release") // still in gate mode, under a further key
	b.aru.reopen()
	b.aru.closed(b.visit, "refusals")
}

// gateRecipients returns everybody whom the gate keys of a visit were wrapped to, as the laptop's log has it.
func (l *laptop) gateRecipients(visit syncproto.ScopeID) (out []syncproto.DeviceID) {
	l.t.Helper()
	err := l.rep.Pull(context.Background(), visit, 0, 1<<20, func(row replica.Logged) error {
		cs, err := l.changesetOf(context.Background(), row, nil)
		if err != nil {
			return err
		}
		for _, o := range cs.Ops {
			var w syncproto.KeyWraps
			if o.Kind != syncproto.KindKeyWrap || syncproto.DecodeMessage(o.Clear, &w) != nil || w.Epoch != syncproto.GateEpoch {
				continue
			}
			for _, one := range w.Wraps {
				out = append(out, one.Recipient)
			}
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func TestAGateKeyGoesToNobodyInTheBuilding(t *testing.T) {
	b := newBuilding(t)
	second := b.laptop("Second", syncproto.RoleCoordinator, "KZ-75")
	guard := b.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	elsewhere := b.laptop("Elsewhere", syncproto.RoleCoordinator, "KZ-10")
	b.share()
	b.meet()
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "sealed")
	got := b.aru.gateRecipients(b.visit)
	for _, l := range []*laptop{b.aru, b.timur, elsewhere} {
		if slices.Contains(got, l.Device().ID) {
			t.Errorf("the gate key is wrapped to %s", l.name)
		}
	}
	for _, l := range []*laptop{b.saule, second, guard} {
		if !slices.Contains(got, l.Device().ID) {
			t.Errorf("the gate key is not wrapped to %s, who stays outside", l.name)
		}
	}
	if !slices.Contains(got, recoveryID(b.aru.Roster().Organisation())) {
		t.Error("the gate key is not wrapped to the recovery key")
	}
}

// A coordinator may carry a laptop in without being on the team. The others must not give the key back at the next sync.
func TestKeysAreSharedWithLaterKeepersAndNeverWithTheCarrier(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	outside := b.laptop("Outside", syncproto.RoleCoordinator, "KZ-75")
	b.share()
	b.meet()
	b.saule.enterGate(b.visit)
	b.saule.set(b.visit, "summary", "seen by Saule")
	if n, err := b.saule.ReleaseGate(ctx, b.visit); err != nil || n != 0 {
		t.Errorf("a carrier released the own gate key: %d %v", n, err)
	}
	b.saule.reopen()
	late := b.laptop("Late", syncproto.RoleCoordinator, "KZ-75")
	b.share()
	b.meet()
	outside.sees(b.visit, "summary", "seen by Saule")
	late.sees(b.visit, "summary", "seen by Saule")
	b.saule.closed(b.visit, "summary")
	if got := b.saule.gateRecipients(b.visit); slices.Contains(got, b.saule.Device().ID) {
		t.Error("another holder wrapped the gate key to the carrier by itself")
	}
}

// Whoever sits at an unlocked laptop of the team signs what they like. That a key belongs to an epoch is nobody's word:
// it takes the key.
func TestNobodyTalksAKeeperIntoReleasing(t *testing.T) {
	b := newBuilding(t)
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "sealed")
	commitment := b.aru.gates[b.visit].now
	b.aru.reopen()
	b.meet()
	for epoch := range uint64(4) {
		clear, err := syncproto.EncodeMessage(syncproto.KeyWraps{Epoch: epoch, Commitment: commitment,
			Wraps: []syncproto.KeyWrap{{Recipient: b.timur.Device().ID, Wrap: make([]byte, 1168)}}})
		if err != nil {
			t.Fatal(err)
		}
		claim := Change{Kind: syncproto.KindKeyWrap, Entity: scopeEntity(b.visit), Field: scopeField, Clear: clear}
		if _, err := b.timur.Save(context.Background(), b.visit, []Change{claim}); err != nil {
			t.Fatal(err)
		}
	}
	b.meet()
	b.saule.set(b.visit, "refusals", "none")
	b.meet()
	b.aru.closed(b.visit, "summary")
	b.timur.closed(b.visit, "summary")
	b.timur.sees(b.visit, "refusals", "none") // and nobody seals ordinary work under it
	b.saule.sees(b.visit, "summary", "sealed")
}

func TestGateModeNeedsSomebodyOutside(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.laptop("Dauren", syncproto.RoleProtection, "KZ-75") // may not release
	o.share()
	visit := saule.visit(saule)
	if err := saule.EnterGate(ctx, visit); !errors.Is(err, ErrNoKeeper) {
		t.Fatalf("gate mode without anybody who could release: %v", err)
	}
	saule.set(visit, "summary", "readable")
	saule.reopen()
	saule.sees(visit, "summary", "readable")

	other := o.laptop("Other", syncproto.RoleCoordinator, "KZ-75")
	o.share()
	saule.enterGate(visit)
	gone := other.Device().ID
	o.append(syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &gone, Reason: "seized"}})
	o.share()
	saule.set(visit, "summary", "after the last keeper was revoked")
	saule.sees(visit, "summary", "after the last keeper was revoked")
	saule.reopen()
	saule.closed(visit, "summary")
	carry(t, saule, other)
	other.closed(visit, "summary")
	if n, err := saule.Recover(ctx, o.recovery.Bytes()); err != nil || n != 1 {
		t.Fatalf("recovering: %d %v", n, err)
	}
	saule.sees(visit, "summary", "after the last keeper was revoked")
	saule.reopen()
	saule.sees(visit, "summary", "after the last keeper was revoked")
}

func TestLeavingGateModeClosesAtOnce(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "inside")
	if s, err := b.aru.Gate(b.visit); err != nil || !s.On || s.Sealed != 0 || !slices.Equal(s.Keepers, []string{"Saule"}) {
		t.Errorf("gate mode in an unlock: %+v %v", s, err)
	}
	if err := b.aru.LeaveGate(ctx, b.visit); err != nil {
		t.Fatal(err)
	}
	b.aru.closed(b.visit, "summary")
	b.aru.set(b.visit, "refusals", "outside")
	b.aru.reopen()
	b.aru.closed(b.visit, "summary")
	b.aru.sees(b.visit, "refusals", "outside")
	if s, err := b.aru.Gate(b.visit); err != nil || s.On || s.Sealed != 1 || s.MayRelease {
		t.Errorf("gate mode was left: %+v %v", s, err)
	}
	b.meet()
	if s, err := b.saule.Gate(b.visit); err != nil || s.Waiting != 1 || !s.MayRelease {
		t.Errorf("what waits outside: %+v %v", s, err)
	}
}

// A server may refuse anything. What cannot be opened cannot be signed again, and must not leave the log for it.
func TestRefusedWorkThatIsSealedAtTheGateStaysUntilItIsReleased(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	b.aru.set(b.visit, "refusals", "before the gate")
	old := *b.aru.feeds[b.visit]
	b.aru.enterGate(b.visit)
	b.aru.set(b.visit, "summary", "sealed")
	if n := b.aru.refuse(b.visit, 1); n != 0 {
		t.Errorf("%d changesets were signed again", n)
	}
	b.aru.set(b.visit, "population", "400")
	if b.aru.feeds[b.visit].Incarnation == old.Incarnation {
		t.Error("the laptop goes on in the refused feed")
	}
	b.aru.reopen()
	b.aru.closed(b.visit, "summary")
	b.aru.sees(b.visit, "refusals", "before the gate")
	b.aru.whole()
	b.meet() // on sticks
	b.saule.sees(b.visit, "summary", "sealed")
	b.saule.sees(b.visit, "population", "400")
	if _, err := b.saule.ReleaseGate(ctx, b.visit); err != nil {
		t.Fatal(err)
	}
	b.meet()
	feed := syncproto.NewFeedID(b.aru.keys.device.ID, b.visit, old.Incarnation)
	n, err := b.aru.reissue(ctx, feed, 1, syncproto.PushResult{Status: syncproto.StatusRefused, Code: syncproto.CodeBadChain})
	if err != nil || n != 3 {
		t.Errorf("after the release %d changesets of 3 were signed again: %v", n, err)
	}
	b.aru.sees(b.visit, "refusals", "before the gate")
	b.aru.whole()
}

// TestGateChild is not a test: it is the process that the next one kills. It saves for ever in gate mode.
func TestGateChild(t *testing.T) {
	where := os.Getenv("KUA_GATE_CHILD")
	if where == "" {
		t.Skip("only as a child of TestAKilledLaptopHasSavedAndCannotRead")
	}
	dir, state, _ := strings.Cut(where, "\n")
	l := &laptop{t: t, cfg: Config{Vault: vault.Config{Dir: dir, StateDir: state, KDF: quickKDF}, Now: time.Now, Rand: rand.Reader, App: "test"}}
	l.unlock()
	visit := l.Replica().Scopes()[slices.IndexFunc(l.Replica().Scopes(), func(s replica.ScopeState) bool { return !s.Standing.Registry })].Scope
	l.enterGate(visit)
	for i := 1; ; i++ {
		l.set(visit, "summary", "nightword "+strconv.Itoa(i))
		fmt.Println("saved", i)
	}
}

func TestAKilledLaptopHasSavedAndCannotRead(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	for range 3 {
		if err := b.aru.Client.Close(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestGateChild$", "-test.v")
		cmd.Env = append(os.Environ(), "KUA_GATE_CHILD="+b.aru.cfg.Vault.Dir+"\n"+b.aru.cfg.Vault.StateDir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		saved, lines := 0, bufio.NewScanner(out)
		for saved < 5 && lines.Scan() {
			if n, ok := strings.CutPrefix(lines.Text(), "saved "); ok {
				saved, _ = strconv.Atoi(n)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		if saved < 5 {
			t.Fatalf("the child saved %d times", saved)
		}
		b.aru.unlock()
		h, err := b.aru.History(ctx, b.aru.looks(b.visit, "summary"))
		if err != nil || len(h) < saved {
			t.Fatalf("%d saves of %d are left: %v", len(h), saved, err)
		}
		for _, s := range h {
			if s.Value != "" || !s.Gate {
				t.Errorf("after kill -9 the laptop shows %q", s.Value)
			}
		}
		b.aru.whole()
	}
	b.meet()
	h, err := b.saule.History(ctx, b.saule.looks(b.visit, "summary"))
	if err != nil || len(h) < 15 {
		t.Fatalf("%d saves arrived: %v", len(h), err)
	}
	for _, s := range h {
		if !strings.HasPrefix(s.Value, "nightword ") {
			t.Errorf("a save does not open outside: %+v", s)
		}
	}
}

func TestAChecklistGoesOnAtTheGateAfterALock(t *testing.T) {
	ctx := context.Background()
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	for range 2 {
		for _, l := range s.laptops {
			if _, err := l.ShareKeys(ctx); err != nil {
				t.Fatal(err)
			}
		}
		s.spread()
	}
	s.a.enterGate(s.visit)
	say(t, s.on(s.a), "smell", "damp")
	if got := s.on(s.a).written(); !strings.Contains(got, `/data/smell "damp"`) {
		t.Fatalf("the answer does not show in this unlock:\n%s", got)
	}
	s.a.reopen()
	if got := s.on(s.a).written(); strings.Contains(got, "damp") {
		t.Errorf("the checklist shows what was sealed at the gate:\n%s", got)
	}
	say(t, s.on(s.a), "block", "B")
	if err := s.a.LeaveGate(ctx, s.visit); err != nil {
		t.Fatal(err)
	}
	if got := s.on(s.a).written(); strings.Contains(got, `block "B"`) {
		t.Errorf("a cache outlives gate mode:\n%s", got)
	}
	carry(t, s.a, s.office)
	if n, err := s.office.ReleaseGate(ctx, s.visit); err != nil || n != 2 {
		t.Fatalf("released %d: %v", n, err)
	}
	carry(t, s.office, s.a)
	s.a.reopen()
	if got := s.on(s.a).written(); !strings.Contains(got, `/data/smell "damp"`) {
		t.Errorf("the checklist lacks what was released:\n%s", got)
	}
}

func TestAPhotoTakenAtTheGateIsClosedAfterALockAndOpensWhenReleased(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	b.aru.enterGate(b.visit)
	photo := []byte("the wall of the second block")
	id := b.aru.add(b.visit, Evidence{Kind: "file", Name: "wall.bin"}, photo)
	if got, err := b.aru.original(b.visit, id); err != nil || string(got) != string(photo) {
		t.Fatalf("in the same hour it does not open: %q %v", got, err)
	}
	b.aru.reopen()
	if got, err := b.aru.original(b.visit, id); err == nil {
		t.Errorf("after a lock its carrier opens it: %q", got)
	}
	b.aru.whole()
	if n := len(sealedFiles(t, b.aru)); n != 1 {
		t.Errorf("%d sealed files are left of one", n)
	}
	b.meet()
	if _, err := b.saule.ReleaseGate(ctx, b.visit); err != nil {
		t.Fatal(err)
	}
	b.meet()
	if got, err := b.aru.original(b.visit, id); err != nil || string(got) != string(photo) {
		t.Errorf("released, it does not open: %q %v", got, err)
	}
}

func TestAChecklistThatWasOpenedAtTheGateGoesOnAfterALock(t *testing.T) {
	ctx := context.Background()
	template := workbook(t, "cells", "1", cells, smells)
	s := newSeason(t, template)
	for range 2 {
		for _, l := range s.laptops {
			if _, err := l.ShareKeys(ctx); err != nil {
				t.Fatal(err)
			}
		}
		s.spread()
	}
	s.a.enterGate(s.visit)
	open := func() *Checklist {
		id, err := s.a.OpenChecklist(ctx, s.visit, TemplateID(template), nil, "block 2")
		if err != nil {
			t.Fatal(err)
		}
		k, err := s.a.Checklist(ctx, s.visit, id, "en")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	say(t, open(), "smell", "damp")
	s.a.reopen()
	k := open()
	say(t, k, "smell", "none")
	carry(t, s.a, s.office)
	if _, err := s.office.ReleaseGate(ctx, s.visit); err != nil {
		t.Fatal(err)
	}
	carry(t, s.office, s.a)
	s.a.reopen()
	if got := open().written(); !strings.Contains(got, `/data/smell "none"`) {
		t.Errorf("released, the last answer is not the one that stands:\n%s", got)
	}
	v, err := s.a.Record(ctx, s.visit, k.id)
	if err != nil || len(v.Attention) > 0 {
		t.Errorf("saying it again made something to settle: %v %v", v.Attention, err)
	}
}
