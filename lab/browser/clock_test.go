package browser

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/fieldclient/web"
)

// screensWithClock is the process with the screens, as `kua screens` is, on a clock that a test can set: the file holds by
// how much it is off. The clock that stands still while a machine sleeps goes on, as for a machine whose lid was closed.
func screensWithClock(file string) int {
	now := func() time.Time {
		b, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		off, err := time.ParseDuration(string(b))
		if err != nil {
			return time.Now()
		}
		return time.Now().Round(0).Add(off)
	}
	l, err := web.Inherited()
	if err == nil {
		dir := os.Getenv("KUA_LAB_DIR")
		cfg := fieldclient.Config{Vault: vault.Config{Dir: filepath.Join(dir, "data"), StateDir: filepath.Join(dir, "state"), Rand: rand.Reader}, Now: now, Rand: rand.Reader, App: "lab"}
		err = web.RunScreens(context.Background(), web.Config{Client: cfg}, l, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// clocked shows the screens of somebody's laptop on a clock that set moves.
func (w *World) clocked(who string) (b *Tab, set func(time.Duration)) {
	w.T.Helper()
	file := w.path("clock")
	set = func(off time.Duration) {
		must(w.T, os.WriteFile(file+".new", []byte(off.String()), 0o600))
		must(w.T, os.Rename(file+".new", file))
	}
	set(0)
	launch := make(chan string, 8)
	h := &web.Host{Say: func(path string) { launch <- path }, Command: func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), w.env()...), "KUA_LAB_CLOCK="+file, "KUA_LAB_DIR="+w.path("laptops", who))
		cmd.Stderr = os.Stderr
		return cmd
	}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	w.T.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.T.Errorf("the screens ended with %v", err)
		}
	})
	b = Browse(w.T, w.env()...)
	b.Open(<-launch)
	b.Language("en")
	b.Unlock()
	return b, set
}

// TestASetClockAndAClosedLidLock holds that the laptop locks where its two clocks part, and saves what was typed in that
// moment; and that it does not lock for the seconds by which clocks are put right.
func TestASetClockAndAClosedLidLock(t *testing.T) {
	w := NewWorld(t)
	b, set := w.clocked(Aigerim)
	path := "/visits/" + w.Visit + "/observations"
	b.Go(path)
	b.Press(".adder button", "#cards textarea")
	b.Listens()
	set(10 * time.Second) // as a network's clock puts it right
	b.Do(b.async(`new Promise(done => setTimeout(() => done(true), 2500))`, nil))
	if got := b.Path(); got != path {
		t.Fatalf("ten seconds of difference lead to %s", got)
	}
	off := 10 * time.Second
	for how, by := range map[string]time.Duration{"a lid that was closed for two hours": 2 * time.Hour, "a clock that was put back by a day": -24 * time.Hour} {
		text := canary(t)
		b.Do(chromedp.Evaluate(`(e => { e.focus(); e.select() })(document.querySelector("#cards textarea"))`, nil), chromedp.KeyEvent(text))
		off += by
		set(off)
		b.Until(`location.pathname === "/unlock" && document.querySelector("#passphrase")`)
		if got := b.eval(`document.documentElement.outerHTML`); hasAny(got, text, "Көктемгі", Aigerim) {
			t.Errorf("after %s the page shows %s", how, got)
		}
		b.Unlock()
		b.Go(path)
		if got := b.eval(`document.querySelector("#cards textarea").value`); got != text {
			t.Errorf("of %q, which was typed before %s, the disk has %q", text, how, got)
		}
		b.Listens()
	}
	b.Quiet()
}

// TestNobodyThereLocks waits for the shortest time that can be chosen, with a page open and nobody touching it.
func TestNobodyThereLocks(t *testing.T) {
	t.Parallel() // it waits
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	b.Go("/settings")
	b.Do(chromedp.SetValue("#idle", "1", chromedp.ByQuery))
	b.Leave(chromedp.Evaluate(`document.querySelector("#idle").form.requestSubmit()`, nil))
	text := w.note(b)
	began := time.Now()
	b.Until(`location.pathname === "/unlock" && document.querySelector("#passphrase")`)
	if waited := time.Since(began); waited < 45*time.Second {
		t.Errorf("it locked after %v", waited)
	}
	if got := b.eval(`document.documentElement.outerHTML`); hasAny(got, text, "Көктемгі", Aigerim) {
		t.Errorf("after the lock the page shows %s", got)
	}
	b.Unlock()
	b.Go("/visits/" + w.Visit + "/observations")
	if got := b.eval(`document.querySelector("#cards textarea").value`); got != text {
		t.Errorf("the disk has %q", got)
	}
	b.Quiet()
}
