package browser

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/chromedp/chromedp"
)

// canary is a word that is nowhere but where a test puts it.
func canary(t testing.TB) string {
	var b [9]byte
	_, err := rand.Read(b[:])
	must(t, err)
	return "kuacanary" + hex.EncodeToString(b[:])
}

// forms are the ways in which a word may lie on a disk.
func forms(word string) [][]byte {
	var wide []byte
	for _, u := range utf16.Encode([]rune(word)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	out := [][]byte{[]byte(word), []byte(strings.ToUpper(word)), wide}
	for shift := range 3 { // wherever the word begins inside of what was encoded
		s := base64.StdEncoding.EncodeToString(append(make([]byte, shift), word...))
		out = append(out, []byte(s[4:len(s)-4]))
	}
	return out
}

// holding returns the files under a folder that hold one of the words.
func holding(t testing.TB, folder string, words ...string) (found []string) {
	t.Helper()
	var all [][]byte
	for _, w := range words {
		all = append(all, forms(w)...)
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it went away meanwhile, or is no file
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		b = append(b, path...)
		for _, w := range all {
			if bytes.Contains(b, w) {
				found = append(found, path)
				return nil
			}
		}
		return nil
	})
	must(t, err)
	return found
}

// leftovers are files of the temporary folders of this machine that came since a moment and hold one of the words. The
// programs of a World are told to use others; this finds those that do not listen.
func leftovers(t testing.TB, since time.Time, words ...string) (found []string) {
	t.Helper()
	for _, dir := range []string{"/tmp", "/dev/shm", "/var/tmp"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || info.ModTime().Before(since) || strings.HasPrefix(e.Name(), "go-") || strings.HasPrefix(e.Name(), "kua-") {
				continue // of Go's builds, and folders that are looked through elsewhere
			}
			found = append(found, holding(t, filepath.Join(dir, e.Name()), words...)...)
		}
	}
	return found
}

// commandLines returns the processes of this machine whose arguments or environment hold one of the words.
func commandLines(t testing.TB, words ...string) (found []string) {
	t.Helper()
	for _, name := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + name)
		must(t, err)
		for _, path := range paths {
			b, _ := os.ReadFile(path)
			for _, w := range words {
				if bytes.Contains(b, []byte(w)) {
					found = append(found, path)
				}
			}
		}
	}
	return found
}

func TestTheCanaryIsFoundWhereItIs(t *testing.T) {
	dir := t.TempDir()
	word := canary(t)
	if got := holding(t, dir, word); got != nil {
		t.Fatalf("nothing was written, and is found in %v", got)
	}
	for i, form := range forms(word) {
		path := filepath.Join(dir, "deep", string(rune('a'+i)))
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, append(bytes.Repeat([]byte{0xff}, 3+i), form...), 0o600))
		if got := holding(t, dir, word); len(got) != i+1 {
			t.Errorf("form %d is not found: %v", i, got)
		}
	}
	padded := base64.StdEncoding.EncodeToString([]byte("x" + word + " and more"))
	must(t, os.WriteFile(filepath.Join(dir, "base64"), []byte(padded), 0o600))
	if got := holding(t, dir, word); len(got) != len(forms(word))+1 {
		t.Errorf("what is encoded with others is not found: %v", got)
	}
	cmd := exec.Command("sleep", "60")
	cmd.Args[0] = word
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if commandLines(t, word) == nil {
		t.Error("a word in an argument is not found")
	}
}

// writeEverywhere opens every page and types a word of its own into each field that takes words. It returns the words.
func (b *Tab) writeEverywhere(w *World) (words []string) {
	b.T.Helper()
	for _, s := range append(w.sheets(), sheet{name: "error", path: "/nowhere"}) {
		b.Go(w.pathOf(s))
		if s.name == "observations" || s.name == "documents" {
			b.Press(".adder button", "#cards form")
		}
		b.Do(chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open || d.querySelector("summary").click())`, nil))
		b.Until(`!document.querySelector(".htmx-request")`)
		for i := 0; ; i++ {
			var more bool
			b.Do(chromedp.Evaluate(`(i => {
				const all = [...document.querySelectorAll('main textarea, main input[type="text"]:not(.number):not([inputmode]), main input[type="password"], main input[type="search"]')];
				const e = all.filter(e => e.checkVisibility() && !e.readOnly && !e.disabled && !/^(folder|file)$/.test(e.name))[i];
				e?.focus(); return Boolean(e)})(`+strconv.Itoa(i)+`)`, &more))
			if !more || i == 99 {
				break
			}
			word := canary(b.T)
			words = append(words, word)
			b.Do(chromedp.KeyEvent(word + " "))
		}
		b.Do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
		b.Until(`![...document.querySelectorAll("[data-field]")].some(f => f.dataset.state === "typing" || f.dataset.state === "saving")`)
	}
	return words
}

// TestNothingThatIsTypedLiesOnADisk types into every field of every page, and looks for it in everything that the program
// and the browser have written: while it is open, after a lock, and after both were killed.
func TestNothingThatIsTypedLiesOnADisk(t *testing.T) {
	began := time.Now()
	w := NewWorld(t)
	w.fill()
	app, b := w.Own(Aigerim)
	words := append(b.writeEverywhere(w), Words)
	if len(words) < 20 {
		t.Fatalf("only %d fields were found", len(words))
	}
	look := func(when string) {
		for _, path := range append(holding(t, w.Dir, words...), leftovers(t, began, words...)...) {
			t.Errorf("%s: what was typed is in %s", when, path)
		}
		for _, path := range commandLines(t, words[:len(words)-1]...) {
			t.Errorf("%s: what was typed is in %s", when, path)
		}
		for _, word := range words {
			if strings.Contains(app.Said(), word) {
				t.Errorf("%s: the program printed what was typed", when)
			}
		}
	}
	look("while it is open")
	b.QuickLock()
	look("after a lock")
	b.Unlock()
	words = append(words, b.writeEverywhere(w)...)
	app.Kill() // and the browser, which is of its group
	look("after both were killed")
	found := 0
	for _, word := range words {
		if strings.Contains(w.Kua(Aigerim, "search", word), word) {
			found++
		}
	}
	if t.Logf("%d words were typed, %d were saved", len(words), found); found < 10 {
		t.Errorf("only %d of %d words were saved at all", found, len(words))
	}
	look("after the commands have read it")
}

// Own starts the program as people do: it opens the browser itself, with a profile that it makes. The browser that it finds
// is a script that adds what a machine without a screen needs.
func (w *World) Own(who string) (*App, *Tab) {
	w.T.Helper()
	bin := filepath.Join(w.Dir, "bin")
	must(w.T, os.MkdirAll(bin, 0o755))
	script := "#!/bin/sh\nexec " + chromium(w.T) + ` --headless --no-sandbox --disable-gpu --remote-debugging-port=0 "$@" >/dev/null 2>&1` + "\n"
	must(w.T, os.WriteFile(filepath.Join(bin, "chromium"), []byte(script), 0o755))
	app := start(w.T, exec.Command(Build(w.T), "--data", w.Data(who), "--state", w.path("laptops", who, "state")), w.Data(who), "",
		append(w.env(), "PATH="+bin+":"+os.Getenv("PATH"))...)
	profile := w.wait("run/kua-run-browser-*/profile")
	number, path := w.devTools(profile)
	alloc, stop := chromedp.NewRemoteAllocator(context.Background(), "ws://127.0.0.1:"+number+path, chromedp.NoModifyURL)
	seek, leave := chromedp.NewContext(alloc)
	defer leave()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		targets, err := chromedp.Targets(seek)
		must(w.T, err)
		for _, target := range targets {
			u, err := url.Parse(target.URL)
			must(w.T, err)
			if target.Type != "page" || u.Path != "/unlock" {
				continue
			}
			b := attach(w.T, alloc, stop, profile, chromedp.WithTargetID(target.TargetID))
			b.own = u.Scheme + "://" + u.Host
			b.Language("en")
			b.Unlock()
			return app, b
		}
	}
	w.T.Fatal("the program's own browser never showed its page")
	return nil, nil
}

// devTools reads where a browser with this profile listens to tests.
func (w *World) devTools(profile string) (port, path string) {
	w.T.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		if port, path, ok := strings.Cut(strings.TrimSpace(string(b)), "\n"); ok {
			return port, path
		}
	}
	w.T.Fatal("the browser never listened")
	return "", ""
}

// wait waits for a file that matches a pattern.
func (w *World) wait(pattern string) string {
	w.T.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(w.Dir, filepath.FromSlash(pattern))); len(found) > 0 {
			return found[0]
		}
	}
	w.T.Fatalf("%s never came", pattern)
	return ""
}
