package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// TestMain lets this program be the process with the screens, as kua is.
func TestMain(m *testing.M) {
	if dir := os.Getenv("WEB_TEST_SCREENS"); dir != "" {
		os.Exit(screensProcess(dir))
	}
	os.Exit(m.Run())
}

func screensProcess(dir string) int {
	if os.Getenv("WEB_TEST_CRASH") != "" {
		return 3
	}
	for _, e := range os.Environ() {
		if strings.Contains(e, "PASSPHRASE") {
			fmt.Fprintln(os.Stderr, "a passphrase is in the environment of the screens")
			return 1
		}
	}
	l, err := Inherited()
	if err == nil {
		cfg := config(new(testing.T))
		cfg.Vault.Dir, cfg.Vault.StateDir = filepath.Join(dir, "data"), filepath.Join(dir, "state")
		err = RunScreens(context.Background(), Config{Client: cfg, KDF: func() vault.KDF { return cfg.Vault.KDF }}, l, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// host runs a Host without a browser on a laptop, and gives the paths of its launch files.
func host(t *testing.T, dir string, env ...string) (launches chan string, ended chan error, stop context.CancelFunc) {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	t.Setenv("KUA_PASSPHRASE", "must not be seen")
	t.Setenv("KUA_NEW_PASSPHRASE_FILE", "nor this")
	launches, ended = make(chan string, 8), make(chan error, 1)
	h := &Host{Command: func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env, cmd.Stderr = append(os.Environ(), append(env, "WEB_TEST_SCREENS="+dir)...), os.Stderr
		return cmd
	}, Say: func(path string) { launches <- path }}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		ended <- h.Run(ctx)
		close(launches)
	}()
	t.Cleanup(stop)
	return launches, ended, stop
}

var actionOf, tokenOf = regexp.MustCompile(`action="http://([^/"]+)/launch"`), regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

// open does what a browser does with a launch file.
func openLaunch(t *testing.T, path string) *site {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	e := &site{t: t, base: "http://" + actionOf.FindStringSubmatch(string(b))[1]}
	e.Client = e.browser()
	if res, _ := e.send("POST", "/launch", url.Values{"token": {tokenOf.FindStringSubmatch(string(b))[1]}}, "Origin", "null"); res.StatusCode != http.StatusOK {
		t.Fatalf("launching: %s", res.Status)
	}
	return e
}

func laptopDir(t *testing.T) string {
	t.Helper()
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	check(t, p.Client.Close())
	return filepath.Dir(p.cfg.Vault.Dir)
}

func TestTheLaunchFileIsForThisUserOnceAndHoldsNoAddressWithAToken(t *testing.T) {
	launches, ended, stop := host(t, laptopDir(t))
	path := <-launches
	for at, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(at)
		check(t, err)
		if runtime.GOOS != "windows" && info.Mode() != mode {
			t.Errorf("%s has mode %v", at, info.Mode())
		}
	}
	b, err := os.ReadFile(path)
	check(t, err)
	if token := tokenOf.FindStringSubmatch(string(b))[1]; strings.Count(string(b), token) != 1 || strings.Contains(path, token) {
		t.Error("the token stands elsewhere than in the form's field")
	}
	e := openLaunch(t, path)
	e.get("/unlock")
	e.post("/language", url.Values{"to": {"kk"}, "back": {"/unlock"}}) // the host has heard of the launch before it answers this
	stop()
	check(t, <-ended)
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("the folder of the launch file is still there: %v", err)
	}
}

func TestALockedPageComesBackToAFreshProcessOnTheSamePort(t *testing.T) {
	if !canInherit {
		t.Skip("a port cannot be handed on here")
	}
	dir := laptopDir(t)
	launches, ended, stop := host(t, dir)
	e := openLaunch(t, <-launches)
	e.get("/unlock")
	e.post("/language", url.Values{"to": {"kk"}, "back": {"/"}})
	if res, _ := e.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("unlocking: %s", res.Status)
	}
	for range 2 {
		e.get("/today")
		page := e.stream()
		e.post("/lock", url.Values{}, csrfHeader, e.csrf)
		why, ticket, _ := strings.Cut(last(page), " ")
		if why != EndLocked {
			t.Fatalf("the page heard %q", why)
		}
		old := e.Client
		e.Client = e.browser()
		if res, _ := e.send("POST", "/launch", url.Values{"token": {ticket}}, "Origin", e.base); res.StatusCode != http.StatusOK {
			t.Fatalf("coming back: %s", res.Status)
		}
		if res, _ := e.send("POST", "/launch", url.Values{"token": {ticket}}); res.StatusCode != http.StatusForbidden {
			t.Errorf("the ticket once more: %s", res.Status)
		}
		_, body := e.get("/unlock")
		if !strings.Contains(body, `lang="kk"`) {
			t.Error("the language is forgotten with the lock")
		}
		fresh := e.Client
		if e.Client = old; true {
			if res, _ := e.send("GET", "/unlock", nil); res.StatusCode != http.StatusForbidden {
				t.Errorf("the session outlives its process: %s", res.Status)
			}
		}
		e.Client = fresh
		e.get("/unlock")
		e.post("/unlock", url.Values{"passphrase": {passphrase}})
	}
	stop()
	check(t, <-ended)
	cfg := config(t)
	cfg.Vault.Dir, cfg.Vault.StateDir = filepath.Join(dir, "data"), filepath.Join(dir, "state")
	c, err := fieldclient.Open(context.Background(), cfg, passphrase) // nobody holds it any more
	check(t, err)
	check(t, c.Close())
}

func TestAProcessThatKeepsCrashingIsNotStartedForEver(t *testing.T) {
	_, ended, _ := host(t, t.TempDir(), "WEB_TEST_CRASH=1")
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "without a word") {
		t.Errorf("it ended with %v", err)
	}
}

func TestAWipeEndsTheHost(t *testing.T) {
	launches, ended, _ := host(t, laptopDir(t))
	e := openLaunch(t, <-launches)
	e.get("/wipe")
	e.post("/wipe", url.Values{})
	if err := <-ended; !errors.Is(err, ErrWiped) {
		t.Errorf("it ended with %v", err)
	}
}

// fakeBrowser is a program that writes down what it was started with and waits for a file to go away.
func fakeBrowser(t *testing.T, name string) (path, told, alive string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in is a shell script")
	}
	dir := t.TempDir()
	path, told, alive = filepath.Join(dir, name), filepath.Join(dir, "told"), filepath.Join(dir, "alive")
	check(t, os.WriteFile(alive, nil, 0o600))
	script := "#!/bin/sh\nenv > " + told + ".env\nprintf '%s\\n' \"$@\" > " + told + ".new && mv " + told + ".new " + told + "\nwhile test -e " + alive + "; do sleep 0.05; done\n"
	check(t, os.WriteFile(path, []byte(script), 0o700))
	return path, told, alive
}

// appears waits for a file.
func appears(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTheBrowserGetsAProfileOfItsOwnAndNoToken(t *testing.T) {
	for _, name := range []string{"chromium", "firefox"} {
		t.Run(name, func(t *testing.T) {
			path, told, alive := fakeBrowser(t, name)
			t.Setenv("KUA_PASSPHRASE", "must not be seen")
			file, err := newLaunchFile()
			check(t, err)
			defer file.remove()
			check(t, file.write("127.0.0.1:1", strings.Repeat("ab", 32)))
			b := &Browser{path, name == "firefox"}
			w, err := b.open(nil, file.path)
			check(t, err)
			appears(told)
			args, err := os.ReadFile(told)
			check(t, err)
			env, err := os.ReadFile(told + ".env")
			check(t, err)
			if strings.Contains(string(args), "abab") || strings.Contains(string(env), "PASSPHRASE") {
				t.Errorf("the browser was told a secret: %s", args)
			}
			if !strings.Contains(string(args), w.profile) || !strings.Contains(string(args), "file://"+file.path) {
				t.Errorf("the browser was started with %s", args)
			}
			private := map[string]string{"chromium": "--incognito", "firefox": "-private-window"}[name]
			if !strings.Contains(string(args), private) {
				t.Errorf("the window is not private: %s", args)
			}
			info, err := os.Stat(w.profile)
			check(t, err)
			if info.Mode().Perm() != 0o700 {
				t.Errorf("the profile has mode %v", info.Mode())
			}
			check(t, os.Remove(alive))
			<-w.gone
			check(t, w.remove())
			if _, err := os.Stat(w.profile); !os.IsNotExist(err) {
				t.Errorf("the profile is still there: %v", err)
			}
		})
	}
}

func TestTheBrowserIsClosedWithTheProgram(t *testing.T) {
	path, told, _ := fakeBrowser(t, "chromium")
	self, err := os.Executable()
	check(t, err)
	dir := laptopDir(t)
	h := &Host{Browser: &Browser{Path: path}, Command: func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env, cmd.Stderr = append(os.Environ(), "WEB_TEST_SCREENS="+dir), os.Stderr
		return cmd
	}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	appears(told)
	stop()
	check(t, <-ended)
	select {
	case <-h.window.gone:
	default:
		t.Error("the browser stays open")
	}
	if _, err := os.Stat(h.window.profile); !os.IsNotExist(err) {
		t.Errorf("the profile is still there: %v", err)
	}
}

func TestClosingTheBrowserEndsTheProgram(t *testing.T) {
	path, told, alive := fakeBrowser(t, "chromium")
	self, err := os.Executable()
	check(t, err)
	dir := laptopDir(t)
	h := &Host{Browser: &Browser{Path: path}, Command: func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env, cmd.Stderr = append(os.Environ(), "WEB_TEST_SCREENS="+dir), os.Stderr
		return cmd
	}}
	ended := make(chan error, 1)
	go func() { ended <- h.Run(context.Background()) }()
	appears(told)
	check(t, os.Remove(alive))
	check(t, <-ended)
	if _, err := os.Stat(h.window.profile); !os.IsNotExist(err) {
		t.Errorf("the profile is still there: %v", err)
	}
}
