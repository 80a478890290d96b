package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"kua/syncproto"
)

func TestTheScreensAnswerOnThisMachineOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:80", "[::1]:80", "localhost:80", ":80", "192.168.0.4:80", "127.0.0.1"} {
		if _, err := New(Config{Client: config(t)}, address); err == nil {
			t.Errorf("the screens answer on %s", address)
		}
	}
	l, err := Listen()
	check(t, err)
	defer l.Close()
	if !strings.HasPrefix(l.Addr().String(), "127.0.0.1:") {
		t.Errorf("listening on %s", l.Addr())
	}
}

func TestARequestMustNameThisVeryAddress(t *testing.T) {
	e := serve(t, config(t)).enter()
	port := e.s.host[strings.LastIndex(e.s.host, ":"):]
	for _, host := range []string{"evil.example", "evil.example" + port, "localhost" + port, "127.0.0.1", "127.0.0.1:1", "127.0.0.2" + port} {
		for _, path := range []string{"/", "/launch", "/static/kua.css", "/setup"} {
			if res, _ := e.send("GET", path, nil, "Host", host); res.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("Host %s, %s: %s", host, path, res.Status)
			}
		}
	}
	if res, _ := e.get("/setup"); res.StatusCode != http.StatusOK {
		t.Errorf("the right Host: %s", res.Status)
	}
}

func TestAnotherSiteGetsNothing(t *testing.T) {
	e := serve(t, config(t)).enter()
	e.get("/setup")
	own := "http://" + e.s.host
	for _, c := range []struct {
		method  string
		headers []string
		want    int
	}{
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "cors"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		{"GET", []string{"Origin", "http://evil.example"}, 403},
		{"GET", []string{"Origin", "null"}, 403},
		{"GET", []string{"Origin", own}, 200},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 403},
		{"POST", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"POST", []string{"Origin", "null"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://evil.example"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "null"}, 422}, // a page that keeps its address to itself
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", own}, 422},
	} {
		var form url.Values
		if c.method == "POST" {
			form = url.Values{"csrf": {e.csrf}, "passphrase": {"short"}}
		}
		if res, _ := e.send(c.method, "/setup", form, c.headers...); res.StatusCode != c.want {
			t.Errorf("%s with %v: %s, want %d", c.method, c.headers, res.Status, c.want)
		}
	}
}

func TestALaunchTokenLetsOneBrowserInOnceAndSoon(t *testing.T) {
	e := serve(t, config(t))
	now := time.Duration(0)
	e.s.mono = func() time.Duration { return now }
	try := func(token string, headers ...string) int {
		e.Client = e.browser()
		res, _ := e.send("POST", "/launch", url.Values{"token": {token}}, headers...)
		return res.StatusCode
	}
	e.s.Offer("one")
	if got := try("other"); got != http.StatusForbidden {
		t.Errorf("a wrong token: %d", got)
	}
	if got := try("one", "Origin", "http://evil.example"); got != http.StatusForbidden {
		t.Errorf("a launch from a site: %d", got)
	}
	e.s.Offer("one")
	if got := try("one", "Origin", "null"); got != http.StatusOK {
		t.Errorf("the right token: %d", got)
	}
	if got := try("one"); got != http.StatusForbidden {
		t.Errorf("the token once more: %d", got)
	}
	e.s.Offer("two")
	now += tokenLife + time.Second
	if got := try("two"); got != http.StatusForbidden {
		t.Errorf("a stale token: %d", got)
	}
	e.s.Offer("three")
	if res, _ := e.send("GET", "/launch?token=three", nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("a token in an address: %s", res.Status)
	}
	if res, _ := e.send("POST", "/launch?token=three", url.Values{}); res.StatusCode != http.StatusForbidden {
		t.Errorf("a token in the address of a form: %s", res.Status)
	}
}

func TestWithoutASessionThereIsNothing(t *testing.T) {
	e := serve(t, config(t))
	for _, d := range all() {
		method, path, _ := strings.Cut(d.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{name}", "kua.css", "{visit}", "00", "{kind}", "observation", "{scope}", "00", "{entity}", "00", "{field}", "2001").Replace(path)
		var form url.Values
		if method == "POST" {
			form = url.Values{}
		}
		if res, body := e.send(method, path, form); res.StatusCode != http.StatusForbidden || strings.Contains(body, "csrf") {
			t.Errorf("%s: %s", d.pattern, res.Status)
		}
	}
}

func TestTheCookieIsStrictAndOfThisProcessOnly(t *testing.T) {
	cfg := config(t)
	e := serve(t, cfg)
	e.s.Offer("ticket")
	res, _ := e.send("POST", "/launch", url.Values{"token": {"ticket"}})
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || len(c.Name) != len("kua-")+16 || len(c.Value) != 64 || !c.Expires.IsZero() || c.MaxAge != 0 {
		t.Errorf("the cookie is %s", c)
	}
	other := serve(t, cfg)
	for _, name := range []string{c.Name, other.s.cookie} {
		if res, _ := other.send("GET", "/", nil, "Cookie", name+"="+c.Value); res.StatusCode != http.StatusForbidden {
			t.Errorf("another process takes the cookie: %s", res.Status)
		}
	}
}

func TestEveryChangeNeedsATokenOfThisSession(t *testing.T) {
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	e := unlockedSite(t, p)
	stranger := &session{forms: [32]byte{1}}
	for _, d := range all() {
		method, path, _ := strings.Cut(d.pattern, " ")
		if method == "GET" {
			continue
		}
		path = strings.NewReplacer("{visit}", "00", "{kind}", "observation", "{scope}", "00", "{entity}", "00", "{field}", "2001").Replace(path)
		for _, token := range []string{"", "x", stranger.token(make([]byte, 16)), e.csrf[:len(e.csrf)-2] + "AA"} {
			for _, in := range []string{"form", "header"} {
				form, headers := url.Values{}, []string{"Sec-Fetch-Site", "same-origin"}
				if in == "form" {
					form.Set("csrf", token)
				} else {
					headers = append(headers, csrfHeader, token)
				}
				if res, _ := e.send(method, path, form, headers...); res.StatusCode != http.StatusForbidden {
					t.Errorf("%s with token %q in the %s: %s", d.pattern, token, in, res.Status)
				}
			}
		}
	}
	if e.s.client.Load() == nil {
		t.Error("a request without a token locked the laptop")
	}
	first := e.csrf
	if e.get("/today"); e.csrf == first {
		t.Error("two pages have one token")
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	m := newMechanism(t)
	p := m.join("Aigerim", syncproto.RoleLeader)
	m.share()
	e := unlockedSite(t, p)
	want := map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "X-DNS-Prefetch-Control": "off", "Content-Security-Policy": policy, "Permissions-Policy": permissionsOn(runtime.GOOS),
	}
	for _, path := range []string{"/today", "/nothing", "/static/kua.css", "/static/nothing", "/launch", "/visits/xyz", "/sync", "/wipe"} {
		res, _ := e.get(path)
		for name, value := range want {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	res, _ := e.send("GET", "/", nil, "Host", "evil.example")
	if res.Header.Get("Content-Security-Policy") != policy {
		t.Error("a refusal lacks the policy")
	}
	for _, word := range []string{"unsafe", "data:", "http", "*"} {
		if strings.Contains(policy, word) {
			t.Errorf("the policy allows %s", word)
		}
	}
	for _, allowed := range strings.Split(permissionsOn("windows"), ", ") {
		if name, to, _ := strings.Cut(allowed, "="); to != "()" && name != "microphone" && name != "camera" {
			t.Errorf("pages may use %s", name)
		}
	}
	for _, system := range []string{"windows", "darwin"} {
		if got := permissionsOn(system); !strings.Contains(got, "bluetooth=()") || !strings.Contains(got, "web-share=()") {
			t.Errorf("on %s pages may use what its browsers have: %s", system, got)
		}
	}
}

func TestAFormNeverReachesADisk(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	e := serve(t, config(t)).enter()
	e.get("/setup")
	for _, size := range []int{maxBody - 4096, maxBody + 1, 40 * maxBody} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		check(t, w.WriteField("csrf", e.csrf))
		part, err := w.CreateFormFile("file", "x")
		check(t, err)
		_, err = part.Write(bytes.Repeat([]byte("k"), size))
		check(t, err)
		check(t, w.Close())
		req, err := http.NewRequest("POST", e.base+"/setup", &b)
		check(t, err)
		req.ContentLength = -1 // it does not say how much comes
		req.Header.Set("Content-Type", w.FormDataContentType())
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := e.Do(req)
		if err != nil {
			continue // cut off while it was still sending
		}
		res.Body.Close()
		if size > maxBody && res.StatusCode < 400 {
			t.Errorf("%d bytes: %s", size, res.Status)
		}
	}
	left, err := os.ReadDir(tmp)
	check(t, err)
	for _, f := range left {
		t.Errorf("a form left %s behind", f.Name())
	}
}
