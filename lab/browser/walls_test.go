package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// caller speaks to the screens as another program of this machine would, that has got hold of a launch token.
type caller struct {
	*http.Client
	t   testing.TB
	own string
}

func newCaller(t testing.TB, own string) *caller {
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &caller{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, t, own}
}

func (c *caller) send(method, path string, form url.Values, headers ...string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.own+path, strings.NewReader(form.Encode()))
	must(c.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	res, err := c.Do(req)
	must(c.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(c.t, err)
	return res.StatusCode, string(body)
}

// blank starts the program on a laptop that is not set up.
func blank(t testing.TB) (*App, string) {
	t.Helper()
	dir := t.TempDir()
	app := Start(t, filepath.Join(dir, "data"), filepath.Join(dir, "state"))
	return app, <-app.Launch
}

func TestALaunchTokenLetsOneBrowserIn(t *testing.T) {
	_, file := blank(t)
	l := readLaunch(t, file)
	own := "http://" + l.Address
	first, second := newCaller(t, own), newCaller(t, own)
	if got, _ := first.send("GET", "/setup", nil); got != http.StatusForbidden {
		t.Errorf("without a launch: %d", got)
	}
	for _, wrong := range []string{"", "0", strings.Repeat("0", 64)} {
		if got, _ := first.send("POST", "/launch", url.Values{"token": {wrong}}); got != http.StatusForbidden {
			t.Errorf("with the token %q: %d", wrong, got)
		}
	}
	if got, _ := first.send("GET", "/launch?token="+l.Token, nil); got != http.StatusForbidden {
		t.Errorf("with the token in an address: %d", got)
	}
	if got, _ := first.send("POST", "/launch", url.Values{"token": {l.Token}}); got != http.StatusOK {
		t.Fatalf("with the token: %d", got)
	}
	if got, _ := first.send("GET", "/setup", nil); got != http.StatusOK {
		t.Errorf("after the launch: %d", got)
	}
	if got, _ := second.send("POST", "/launch", url.Values{"token": {l.Token}}); got != http.StatusForbidden {
		t.Errorf("with a token that was used: %d", got)
	}
	if got, _ := second.send("GET", "/setup", nil); got != http.StatusForbidden {
		t.Errorf("a second browser: %d", got)
	}
}

func TestALaunchTokenLivesForHalfAMinute(t *testing.T) {
	t.Parallel() // it waits
	_, file := blank(t)
	l := readLaunch(t, file)
	time.Sleep(31 * time.Second)
	c := newCaller(t, "http://"+l.Address)
	if got, _ := c.send("POST", "/launch", url.Values{"token": {l.Token}}); got != http.StatusForbidden {
		t.Errorf("with a token of half a minute ago: %d", got)
	}
	if got, _ := c.send("POST", "/launch", url.Values{"token": {readLaunch(t, file).Token}}); got != http.StatusOK {
		t.Errorf("with the token that took its place in the file: %d", got)
	}
}

func TestAFormWithoutTheTokenOfAPageChangesNothing(t *testing.T) {
	_, file := blank(t)
	l := readLaunch(t, file)
	c := newCaller(t, "http://"+l.Address)
	c.send("POST", "/launch", url.Values{"token": {l.Token}})
	setup := url.Values{"passphrase": {Words}, "again": {Words}}
	for _, wrong := range []string{"", "AAAA", strings.Repeat("A", 64)} {
		setup.Set("csrf", wrong)
		if got, _ := c.send("POST", "/setup", setup); got != http.StatusForbidden {
			t.Errorf("with the field %q: %d", wrong, got)
		}
	}
	_, page := c.send("GET", "/setup", nil)
	_, after, _ := strings.Cut(page, `name="csrf" value="`)
	token, _, _ := strings.Cut(after, `"`)
	setup.Set("csrf", token)
	if got, _ := c.send("POST", "/setup", setup, "Origin", "http://127.0.0.1:1"); got != http.StatusForbidden {
		t.Errorf("with the field, from another page: %d", got)
	}
	if got, page := c.send("POST", "/setup", setup, "Origin", c.own); got != http.StatusOK || !strings.Contains(page, "secret") {
		t.Errorf("with the field, from the page: %d", got)
	}
}

// A name of another machine that an attacker's name server gives this machine's address looks like the same origin.
func TestAReboundNameIsTurnedAway(t *testing.T) {
	_, file := blank(t)
	l := readLaunch(t, file)
	if got, body := newCaller(t, "http://"+l.Address).send("GET", "/", nil, "Host", "evil.example"); got != http.StatusMisdirectedRequest || strings.Contains(body, "csrf") {
		t.Errorf("with the Host evil.example: %d %s", got, body)
	}
	b := browse(t, nil, chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"))
	_, port, _ := strings.Cut(l.Address, ":")
	for _, path := range []string{"/", "/setup", "/static/kua.js"} {
		b.Do(chromedp.Navigate("http://evil.example:" + port + path))
		if got := b.eval(`document.body.textContent`); !strings.Contains(got, "421") {
			t.Errorf("evil.example%s shows %q", path, got)
		}
	}
}

// elsewhere is a page of another port of this machine: the same site to the browser's cookies.
func elsewhere(t testing.TB, own string) string {
	page := fmt.Sprintf(`<!doctype html><title>elsewhere</title><iframe id="in" src="%[1]s/today"></iframe>
<form id="f" method="post" action="%[1]s/lock"><input name="csrf" value="AAAA"></form><script src="%[1]s/static/kua.js" onload="window.kuaScript=1"></script>`, own)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAPageOfAnotherPortReadsShowsAndSendsNothing(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	b.Do(chromedp.Navigate(elsewhere(t, b.own)))
	var got struct {
		Fetched, Posted, Script bool
		Frame                   string
	}
	b.Do(b.async(fmt.Sprintf(`(async () => {
		const ok = p => p.then(r => r.ok || r.type === "opaque" && r.status !== 0, () => false);
		let frame = "closed";
		try { frame = document.getElementById("in").contentDocument?.body.textContent ?? "closed" } catch { }
		return {Script: Boolean(window.kuaScript), Frame: frame,
			Fetched: await ok(fetch(%[1]q + "/today", {credentials: "include"})),
			Posted: await ok(fetch(%[1]q + "/lock", {method: "POST", credentials: "include", headers: {"X-Kua-Form": "AAAA"}}))}})()`, b.own), &got))
	if got.Fetched || got.Posted || got.Script {
		t.Errorf("a page of another port was answered: %+v", got)
	}
	var frames []string
	b.Do(chromedp.Evaluate(`[...Array(window.length).keys()].map(i => { try { return window[i].location.href } catch { return "closed" } })`, &frames))
	if len(frames) != 1 || frames[0] != "closed" {
		t.Errorf("the frame shows %q", frames)
	}
	if got := b.frameText(); strings.Contains(got, "Көктемгі бару") || strings.Contains(got, "Kua") {
		t.Errorf("a frame of another page shows %q", got)
	}
	b.Do(chromedp.Evaluate(`document.getElementById("f").submit()`, nil), chromedp.WaitReady("body", chromedp.ByQuery))
	b.Until(`location.pathname === "/lock"`)
	if got := b.eval(`document.body.textContent`); !strings.Contains(got, "403") {
		t.Errorf("a form of another page was answered with %q", got)
	}
	b.Go("/today") // typed by the person: it is still open
	if got := b.Text("main"); !strings.Contains(got, "Көктемгі бару") {
		t.Errorf("the laptop shows %q", got)
	}
}

// frameText is what stands in the frames of the page, read past the walls between them.
func (b *Tab) frameText() string {
	b.T.Helper()
	var nodes []string
	b.Do(chromedp.Evaluate(`[...document.querySelectorAll("iframe")].map(f => { try { return f.contentDocument?.body?.textContent ?? "" } catch { return "" } })`, &nodes))
	return strings.Join(nodes, " ")
}

func TestALockEmptiesThePageAndWhatLiesBehindIt(t *testing.T) {
	w := NewWorld(t)
	const typed = "Хлор иісі дәлізде"
	_, b := w.Screens(Aigerim, "en")
	b.Go("/visits/" + w.Visit + "/observations")
	b.Press(".adder button", "#cards textarea")
	b.Listens()
	b.Type("#cards textarea", typed)
	b.Do(chromedp.Evaluate(`window.kuaDocument = document.body, window.kuaWas = [], new MutationObserver(() => window.kuaWas.push(document.body?.textContent ?? "")).observe(document.body, {childList: true}), void 0`, nil),
		chromedp.KeyEvent(kb.F9))
	b.Until(`location.pathname === "/unlock" && document.querySelector("#passphrase") === document.activeElement`)
	for range 6 { // back through everything that was open
		_ = chromedp.Run(b.Context, chromedp.Evaluate(`history.back()`, nil)) // it may be gone before it answers
		time.Sleep(200 * time.Millisecond)                                    // it begins when it likes
		b.Until(`document.readyState === "complete"`)
		var got string
		err := chromedp.Run(b.Context, chromedp.Evaluate(`document.documentElement.outerHTML + [...document.querySelectorAll("input,textarea")].map(e => e.value).join(" ")`, &got))
		if err == nil && (strings.Contains(got, typed) || strings.Contains(got, "Көктемгі") || strings.Contains(got, Aigerim)) {
			t.Errorf("after the lock, going back shows %s", got)
		}
	}
	b.Go("/")
	b.Stores("after a lock")
	b.Unlock()
	b.Go("/visits/" + w.Visit + "/observations")
	if got := b.eval(`document.querySelector("#cards textarea").value`); got != typed {
		t.Errorf("what was typed just before the lock reads %q", got)
	}
}
