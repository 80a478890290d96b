// Package browser drives the real program in a real browser: it starts `kua --no-browser` on a laptop of its own, lets a
// headless Chromium in by the launch file, and takes pictures. Nothing in it is a stand-in.
package browser

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Build makes the program once for all tests of a run, and returns its path.
func Build(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kua-lab-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir, "kua/fieldclient/cmd/kua")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("building kua: %w\n%s", err, out)
	}
	return filepath.Join(dir, "kua"), err
})

// App is one running `kua` on its own laptop.
type App struct {
	T      testing.TB
	Data   string
	State  string
	Launch chan string // paths of launch files, as the program prints them
	cmd    *exec.Cmd
	done   chan error
}

// Start runs `kua --no-browser` on the two folders, which need not exist yet.
func Start(t testing.TB, data, state string) *App {
	t.Helper()
	a := &App{T: t, Data: data, State: state, Launch: make(chan string, 8), done: make(chan error, 1)}
	a.cmd = exec.Command(Build(t), "--no-browser", "--data", data, "--state", state)
	a.cmd.Env = append(os.Environ(), "KUA_TEST_KDF=quick")
	a.cmd.Stderr = os.Stderr
	out, err := a.cmd.StdoutPipe()
	must(t, err)
	must(t, a.cmd.Start())
	go a.read(out)
	t.Cleanup(a.Stop)
	return a
}

var launchFile = regexp.MustCompile(`\S*open\.html`)

func (a *App) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		if path := launchFile.FindString(s.Text()); path != "" {
			a.Launch <- path
		}
	}
	a.done <- a.cmd.Wait()
	close(a.Launch)
}

// Stop ends the program and waits for it.
func (a *App) Stop() {
	select {
	case err := <-a.done:
		a.done <- err
		return
	default:
	}
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	a.Wait()
}

// Wait waits until the program has ended, and returns how.
func (a *App) Wait() error {
	err := <-a.done
	a.done <- err
	return err
}

// Kill ends the program without a word, and the processes that hold its screens with it.
func (a *App) Kill() {
	_ = a.cmd.Process.Kill()
	a.Wait()
}

// Tab is one page in a browser whose profile is thrown away.
type Tab struct {
	context.Context
	T        testing.TB
	Profile  string
	mu       sync.Mutex
	Foreign  []string // addresses outside of this machine that the page asked for
	Messages []string // of the browser's console, errors only
}

// Browse starts a headless browser. It ends with the test.
func Browse(t testing.TB) *Tab {
	t.Helper()
	profile := t.TempDir()
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	tab := &Tab{Context: ctx, T: t, Profile: profile}
	chromedp.ListenTarget(ctx, tab.hear)
	must(t, chromedp.Run(ctx, network.Enable(), page.Enable()))
	t.Cleanup(func() { cancel(); stop() })
	return tab
}

// Open lets the browser in by a launch file.
func (b *Tab) Open(launch string) {
	b.T.Helper()
	if launch == "" {
		b.T.Fatal("the program ended before it opened its screens")
	}
	b.Do(chromedp.Navigate((&url.URL{Scheme: "file", Path: launch}).String()), chromedp.WaitVisible("main h1", chromedp.ByQuery))
}

// Do runs steps; one that fails ends the test with a picture.
func (b *Tab) Do(steps ...chromedp.Action) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	if err := chromedp.Run(ctx, steps...); err != nil {
		b.Picture("failed-" + strings.ReplaceAll(b.T.Name(), "/", "-"))
		b.T.Fatalf("in the browser: %v\nconsole: %s", err, strings.Join(b.Messages, "\n"))
	}
}

// patience bounds a step that will never succeed. No test asserts how long a step takes.
const patience = 30 * time.Second

// Sizes at which pictures are taken.
var Sizes = []struct {
	Name          string
	Width, Height int64
}{{"laptop", 1366, 768}, {"phone", 360, 740}}

// Out is where pictures go. It is not under version control.
func Out() string {
	if dir := os.Getenv("KUA_LAB_OUT"); dir != "" {
		return dir
	}
	return filepath.Join("..", "out", "screens")
}

// Picture saves the whole page at both sizes as NAME-laptop.png and NAME-phone.png.
func (b *Tab) Picture(name string) {
	b.T.Helper()
	must(b.T, os.MkdirAll(Out(), 0o755))
	for _, size := range Sizes {
		var png []byte
		err := chromedp.Run(b.Context, emulation.SetDeviceMetricsOverride(size.Width, size.Height, 1, false), chromedp.FullScreenshot(&png, 100))
		if err != nil {
			b.T.Errorf("taking a picture of %s: %v", name, err)
			continue
		}
		must(b.T, os.WriteFile(filepath.Join(Out(), name+"-"+size.Name+".png"), png, 0o644))
	}
	_ = chromedp.Run(b.Context, emulation.SetDeviceMetricsOverride(1366, 768, 1, false))
}

// Language switches the screens by their own switch and waits for the page.
func (b *Tab) Language(language string) {
	b.T.Helper()
	b.Do(chromedp.Click(fmt.Sprintf(`.languages button[value=%q]`, language), chromedp.ByQuery),
		chromedp.WaitVisible(fmt.Sprintf(`html[lang=%q] main h1`, language), chromedp.ByQuery))
}

// In takes pictures of the page in each language, and leaves it in English.
func (b *Tab) In(name string) {
	b.T.Helper()
	for _, l := range []string{"kk", "ru", "en"} {
		b.Language(l)
		b.Picture(name + "-" + l)
	}
}

// Path is the path of the page's address.
func (b *Tab) Path() string {
	b.T.Helper()
	var at string
	b.Do(chromedp.Location(&at))
	u, err := url.Parse(at)
	must(b.T, err)
	return u.Path
}

// Origin is the scheme, host and port of the page's address.
func (b *Tab) Origin() string {
	b.T.Helper()
	var at string
	b.Do(chromedp.Location(&at))
	u, err := url.Parse(at)
	must(b.T, err)
	return u.Scheme + "://" + u.Host
}

// Text is what an element shows.
func (b *Tab) Text(selector string) string {
	b.T.Helper()
	var s string
	b.Do(chromedp.Text(selector, &s, chromedp.ByQuery))
	return s
}

// Type puts text into a field key by key.
func (b *Tab) Type(selector, text string) {
	b.T.Helper()
	b.Do(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.SendKeys(selector, text, chromedp.ByQuery))
}

// Press clicks an element and waits for another.
func (b *Tab) Press(selector, then string) {
	b.T.Helper()
	b.Do(chromedp.Click(selector, chromedp.ByQuery), chromedp.WaitVisible(then, chromedp.ByQuery))
}

// Quiet fails the test where the page asked another machine for something, or broke its own policy.
func (b *Tab) Quiet() {
	b.T.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.Foreign {
		b.T.Errorf("the page asked for %s", a)
	}
	for _, m := range b.Messages {
		b.T.Errorf("the browser complained: %s", m)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
