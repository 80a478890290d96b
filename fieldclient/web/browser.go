package web

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Browser is a browser of this machine that can show the screens in a window of their own, with a profile that is made
// for them and thrown away: no history, no session to restore, no extension, nothing sent anywhere.
type Browser struct {
	Path    string
	Firefox bool // else of Chromium's family
}

// FindBrowser returns the first browser of this machine that can, or nil.
func FindBrowser() *Browser {
	for _, c := range candidates() {
		path, err := exec.LookPath(c)
		if err != nil || sandboxed(path) {
			continue
		}
		return &Browser{path, strings.Contains(strings.ToLower(filepath.Base(path)), "firefox")}
	}
	return nil
}

// sandboxed reports whether a browser is packed so that it cannot read a file outside its own folders.
func sandboxed(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	return err != nil || strings.HasPrefix(real, "/snap/") || strings.HasSuffix(real, "/snap") || strings.Contains(real, "/flatpak/")
}

func candidates() []string {
	switch runtime.GOOS {
	case "windows":
		var out []string
		for _, rel := range []string{`Microsoft\Edge\Application\msedge.exe`, `Google\Chrome\Application\chrome.exe`, `Chromium\Application\chrome.exe`, `Mozilla Firefox\firefox.exe`} {
			for _, base := range []string{"ProgramFiles(x86)", "ProgramFiles", "LocalAppData"} {
				if dir := os.Getenv(base); dir != "" {
					out = append(out, filepath.Join(dir, rel))
				}
			}
		}
		return out
	case "darwin":
		return []string{"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
			"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Firefox.app/Contents/MacOS/firefox"}
	}
	return []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "microsoft-edge-stable", "firefox-esr", "firefox"}
}

// window is the browser that was opened, with its profile.
type window struct {
	dir     *runDir // its profile is inside
	profile string
	process *os.Process
	gone    chan struct{} // closed when the browser has ended
	over    bool          // the host has seen it
}

// open opens a file: in a new browser with a new profile, or as another page of the one that is open.
func (b *Browser) open(w *window, file string) (*window, error) {
	fresh := w == nil
	if fresh {
		dir, err := newRunDir("browser")
		if err != nil {
			return nil, fmt.Errorf("making a profile for the browser: %w", err)
		}
		w = &window{dir: dir, profile: filepath.Join(dir.path, "profile"), gone: make(chan struct{})}
		if err := errors.Join(os.Mkdir(w.profile, 0o700), b.prepare(w.profile)); err != nil {
			return nil, errors.Join(err, dir.remove())
		}
	}
	cmd := exec.Command(b.Path, b.args(w.profile, (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())...)
	cmd.Env = withoutSecrets(os.Environ())
	if fresh {
		w.dir.lend(cmd)
	}
	if err := cmd.Start(); err != nil {
		if fresh {
			err = errors.Join(err, w.dir.remove())
		}
		return nil, fmt.Errorf("opening the browser: %w", err)
	}
	if fresh {
		w.process = cmd.Process
	}
	go func() {
		_ = cmd.Wait() // how it ended says nothing
		if fresh {
			close(w.gone)
		}
	}()
	return w, nil
}

// ended gives what is closed when the browser has ended; nil once the host has seen it.
func (w *window) ended() <-chan struct{} {
	if w == nil || w.over {
		return nil
	}
	return w.gone
}

// remove closes the browser, which nothing is left to show in, and throws its profile away.
func (w *window) remove() error {
	if w == nil {
		return nil
	}
	if w.process.Signal(os.Interrupt) != nil { // Windows knows no such thing
		_ = w.process.Kill()
	}
	if !within(farewellWait, func() { <-w.gone }) {
		_ = w.process.Kill()
		<-w.gone
	}
	var err error
	for range 20 { // its last helpers may still be writing
		if err = w.dir.remove(); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// prepare writes the settings of the new profile.
func (b *Browser) prepare(profile string) error {
	if b.Firefox {
		return os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxSettings), 0o600)
	}
	dir := filepath.Join(profile, "Default")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Preferences"), []byte(chromiumSettings), 0o600)
}

func (b *Browser) args(profile, page string) []string {
	if b.Firefox {
		return []string{"-no-remote", "-profile", profile, "-private-window", page}
	}
	return []string{"--user-data-dir=" + profile, "--incognito", "--app=" + page, "--lang=ru",
		"--no-first-run", "--no-default-browser-check", "--disable-sync", "--disable-extensions", "--disable-component-extensions-with-background-pages",
		"--disable-background-networking", "--disable-background-mode", "--disable-component-update", "--disable-default-apps", "--disable-domain-reliability",
		"--disable-client-side-phishing-detection", "--disable-breakpad", "--disable-crash-reporter", "--disable-session-crashed-bubble", "--disable-quic",
		"--no-pings", "--no-proxy-server", "--metrics-recording-only", "--no-service-autorun", "--password-store=basic", "--disk-cache-size=1", "--media-cache-size=1",
		"--disable-features=Translate,AutofillServerCommunication,OptimizationHints,MediaRouter,InterestFeedContentSuggestions,CertificateTransparencyComponentUpdater"}
}

const chromiumSettings = `{"credentials_enable_service":false,"credentials_enable_autosignin":false,
"profile":{"password_manager_enabled":false,"exit_type":"Normal"},
"autofill":{"enabled":false,"profile_enabled":false,"credit_card_enabled":false},
"browser":{"enable_spellchecking":false},"spellcheck":{"use_spelling_service":false,"dictionaries":[]},
"session":{"restore_on_startup":5},"search":{"suggest_enabled":false},"safebrowsing":{"enabled":false},"translate":{"enabled":false},
"net":{"network_prediction_options":2},"alternate_error_pages":{"enabled":false},"signin":{"allowed":false},"background_mode":{"enabled":false}}
`

const firefoxSettings = `user_pref("browser.privatebrowsing.autostart", true);
user_pref("browser.sessionstore.enabled", false);
user_pref("browser.sessionstore.resume_from_crash", false);
user_pref("browser.sessionstore.max_tabs_undo", 0);
user_pref("browser.sessionstore.privacy_level", 2);
user_pref("browser.cache.disk.enable", false);
user_pref("browser.formfill.enable", false);
user_pref("signon.rememberSignons", false);
user_pref("layout.spellcheckDefault", 0);
user_pref("browser.search.suggest.enabled", false);
user_pref("browser.urlbar.suggest.searches", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.crashReports.unsubmittedCheck.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("toolkit.telemetry.unified", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.auto", false);
user_pref("extensions.update.enabled", false);
user_pref("identity.fxaccounts.enabled", false);
user_pref("network.prefetch-next", false);
user_pref("network.dns.disablePrefetch", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("places.history.enabled", false);
`
