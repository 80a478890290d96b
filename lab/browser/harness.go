// Package browser drives the real program in a real browser: it starts `kua --no-browser` on a laptop of its own, lets a
// headless Chromium in by the launch file, and takes pictures. Nothing in it is a stand-in.
package browser

import (
	"bufio"
	"bytes"
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

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Build makes the programs once for all tests of a run, and returns the path of kua; kua-server is beside it.
func Build(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built string // the folder of the programs; TestMain removes it

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kua-lab-")
	if err != nil {
		return "", err
	}
	built = dir
	cmd := exec.Command("go", "build", "-o", dir, "kua/fieldclient/cmd/kua", "kua/server/cmd/kua-server")
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
	mu     sync.Mutex
	said   bytes.Buffer // all that it wrote to its outputs
}

// Start runs `kua --no-browser` on the two folders, which need not exist yet. env adds to its environment.
func Start(t testing.TB, data, state string, env ...string) *App {
	t.Helper()
	return start(t, exec.Command(Build(t), "--no-browser", "--data", data, "--state", state), data, state, env...)
}

func start(t testing.TB, cmd *exec.Cmd, data, state string, env ...string) *App {
	t.Helper()
	a := &App{T: t, cmd: cmd, Data: data, State: state, Launch: make(chan string, 8), done: make(chan error, 1)}
	a.cmd.Env = append(append(os.Environ(), "KUA_TEST_KDF=quick"), env...)
	a.cmd.Stderr = io.MultiWriter(os.Stderr, a)
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with whatever it starts
	out, err := a.cmd.StdoutPipe()
	must(t, err)
	must(t, a.cmd.Start())
	go a.read(out)
	t.Cleanup(a.Stop)
	return a
}

var launchFile = regexp.MustCompile(`\S*open\.html`)

func (a *App) read(out io.Reader) {
	for s := bufio.NewScanner(io.TeeReader(out, a)); s.Scan(); {
		if path := launchFile.FindString(s.Text()); path != "" {
			a.Launch <- path
		}
	}
	a.done <- a.cmd.Wait()
	close(a.Launch)
}

// Write keeps what the program writes to its outputs.
func (a *App) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.said.Write(p)
}

// Said is all that the program wrote to its outputs so far.
func (a *App) Said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.said.String()
}

// Stop ends the program and waits for it. A program that is asked to end has nothing to complain of.
func (a *App) Stop() {
	a.T.Helper()
	a.end()
	if said := a.Said(); strings.Contains(said, "kua: ") {
		a.T.Errorf("the program complained: %s", said)
	}
}

func (a *App) end() {
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
	_ = syscall.Kill(-a.cmd.Process.Pid, syscall.SIGKILL)
	a.Wait()
}

// Tab is one page in a browser whose profile is thrown away.
type Tab struct {
	context.Context
	T        testing.TB
	Profile  string
	Folder   string // of its pictures
	close    func()
	own      string // scheme, host and port of the program that let it in
	mu       sync.Mutex
	listens  bool     // to the program's events
	Foreign  []string // addresses outside of the program that the page asked for
	Messages []string // of the browser's console and of its issues, errors only
}

// Browse starts a headless browser. It ends with the test. env adds to its environment.
func Browse(t testing.TB, env ...string) *Tab {
	t.Helper()
	return browse(t, env)
}

func browse(t testing.TB, env []string, flags ...chromedp.ExecAllocatorOption) *Tab {
	t.Helper()
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env(env...), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true))
	profile, err := os.MkdirTemp("", "kua-lab-profile-") // not of the test: the browser goes on writing while it ends
	must(t, err)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(append(opts, chromedp.UserDataDir(profile)), flags...)...)
	t.Cleanup(func() { removeAll(profile) })
	return attach(t, alloc, stop, profile)
}

// removeAll removes a folder into which a browser that ends may still write.
func removeAll(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// attach opens a tab and listens to it.
func attach(t testing.TB, alloc context.Context, stop func(), profile string, opts ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(alloc, opts...)
	tab := &Tab{Context: ctx, T: t, Profile: profile, Folder: "steps", close: sync.OnceFunc(func() {
		cancel()
		stop()
		chromedp.FromContext(ctx).Allocator.Wait()
	})}
	chromedp.ListenTarget(ctx, tab.hear)
	must(t, chromedp.Run(ctx, network.Enable(), page.Enable(), audits.Enable()))
	t.Cleanup(tab.close)
	return tab
}

// chromium finds the browser. Without one a test is skipped, but where CI could have installed it (make browser-deps).
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "There is no Chromium on this machine, so nothing was tried in a browser. `make browser-deps` as root installs it.")
	return ""
}

// missing skips a test loudly, or fails it in CI as root, which may install what is missing.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" && os.Getuid() == 0 {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Open lets the browser in by a launch file.
func (b *Tab) Open(launch string) {
	b.T.Helper()
	if launch == "" {
		b.T.Fatal("the program ended before it opened its screens")
	}
	b.own = "http://" + readLaunch(b.T, launch).Address
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
const patience = 90 * time.Second

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
	return filepath.Join("..", "gallery", "out")
}

// Picture saves the whole page at both sizes as NAME-laptop.png and NAME-phone.png.
func (b *Tab) Picture(name string) {
	b.T.Helper()
	for _, size := range Sizes {
		b.one(name+"-"+size.Name, size.Width, size.Height)
	}
	_ = chromedp.Run(b.Context, chromedp.EmulateViewport(1366, 768))
}

func (b *Tab) one(name string, width, height int64) {
	b.T.Helper()
	folder := filepath.Join(Out(), b.Folder)
	must(b.T, os.MkdirAll(folder, 0o755))
	var png []byte
	if err := chromedp.Run(b.Context, chromedp.EmulateViewport(width, height), chromedp.FullScreenshot(&png, 100)); err != nil {
		b.T.Errorf("taking a picture of %s: %v", name, err)
		return
	}
	must(b.T, os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644))
}

// Languages are those of the screens.
var Languages = []string{"kk", "ru", "en"}

// Language switches the screens by their own switch and waits for the page.
func (b *Tab) Language(language string) {
	b.T.Helper()
	b.Leave(chromedp.Click(fmt.Sprintf(`.languages button[value=%q]`, language), chromedp.ByQuery))
	b.Do(chromedp.WaitVisible(fmt.Sprintf(`html[lang=%q] main h1`, language), chromedp.ByQuery))
}

// Leave does what leads away from the page, and waits until the next one is there.
func (b *Tab) Leave(steps ...chromedp.Action) {
	b.T.Helper()
	b.Do(chromedp.Evaluate(`void (window.kuaLeft = true)`, nil))
	b.Do(steps...)
	b.Until(`!window.kuaLeft && document.readyState === "complete"`)
}

// Until waits until a condition holds, whatever pages come and go meanwhile.
func (b *Tab) Until(js string) {
	b.T.Helper()
	var holds bool
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = chromedp.Run(b.Context, chromedp.Evaluate(`Boolean(`+js+`)`, &holds)); err == nil && holds {
			return
		}
	}
	b.Picture("failed-" + strings.ReplaceAll(b.T.Name(), "/", "-"))
	b.T.Fatalf("never came true: %s (%v)\nconsole: %s", js, err, strings.Join(b.Messages, "\n"))
}

// In takes pictures of the page in each language, and leaves it in English.
func (b *Tab) In(name string) {
	b.T.Helper()
	for _, l := range Languages {
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

// Go opens a page of the program by its path.
func (b *Tab) Go(path string) {
	b.T.Helper()
	_ = chromedp.Run(b.Context, chromedp.Navigate(b.own+path)) // fails where a page that leads on by itself came between
	b.Until(`document.readyState === "complete" && document.querySelector("main h1")`)
}

func (b *Tab) eval(js string) (out string) {
	b.T.Helper()
	b.Do(chromedp.Evaluate(js, &out))
	return out
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

// Key presses a key. With a modifier it writes nothing, as on a keyboard.
func (b *Tab) Key(key string, modifiers ...input.Modifier) {
	b.T.Helper()
	for _, r := range key {
		for _, press := range kb.Encode(r) {
			for _, m := range modifiers {
				press.Modifiers |= m
			}
			if len(modifiers) > 0 && press.Type == input.KeyChar {
				continue
			}
			if len(modifiers) > 0 && press.Type == input.KeyDown {
				press.Type = input.KeyRawDown
			}
			b.Do(press)
		}
	}
}

// Press clicks an element and waits for another.
func (b *Tab) Press(selector, then string) {
	b.T.Helper()
	b.Do(chromedp.Click(selector, chromedp.ByQuery), chromedp.WaitVisible(then, chromedp.ByQuery))
}

// Quiet fails the test where the page asked anybody but its program for something, broke its own policy or was refused
// what it asked for.
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

// Forgive drops complaints about a request that a test meant to be refused.
func (b *Tab) Forgive(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Messages = slices.DeleteFunc(b.Messages, func(m string) bool { return strings.Contains(m, part) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Beside opens another tab in the same browser.
func (b *Tab) Beside() *Tab {
	b.T.Helper()
	ctx, cancel := chromedp.NewContext(b.Context)
	tab := &Tab{Context: ctx, T: b.T, Profile: b.Profile, Folder: b.Folder, own: b.own, close: cancel}
	chromedp.ListenTarget(ctx, tab.hear)
	must(b.T, chromedp.Run(ctx, network.Enable(), page.Enable(), audits.Enable()))
	b.T.Cleanup(cancel)
	return tab
}
