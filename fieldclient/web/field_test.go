package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// desk is a member at the screens with a visit that a colleague shares.
type desk struct {
	*site
	p, other *person
	scope    syncproto.ScopeID
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	m := newMechanism(t)
	d := &desk{p: m.join("Aigerim", syncproto.RoleLeader), other: m.join("Daulet", syncproto.RoleMonitor)}
	m.share()
	var err error
	d.scope, err = d.p.OpenVisit(context.Background(), "KZ-75", []syncproto.PersonID{d.p.id, d.other.id}, map[string]string{"title": "Spring round"})
	check(t, err)
	carry(t, d.p.Client, d.other.Client)
	d.site = unlockedSite(t, d.p)
	return d
}

func carry(t testing.TB, from, to *fieldclient.Client) {
	t.Helper()
	var stick strings.Builder
	_, err := from.ExportBundle(context.Background(), &stick, nil, true)
	check(t, err)
	_, err = to.ImportBundle(context.Background(), strings.NewReader(stick.String()))
	check(t, err)
}

func (d *desk) client() *fieldclient.Client { return d.s.client.Load() }

func spec(t testing.TB, kind, field string) *syncproto.FieldSpec {
	t.Helper()
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(field)
	check(t, err)
	return f
}

// say sets a field on somebody's laptop.
func say(t testing.TB, c *fieldclient.Client, scope syncproto.ScopeID, kind, field, value string) {
	t.Helper()
	f := spec(t, kind, field)
	v, err := f.ParseValue(value)
	check(t, err)
	_, err = c.Set(context.Background(), fieldclient.Target{Scope: scope, Entity: syncproto.EntityID(scope), Field: f}, v)
	check(t, err)
}

var seenIn = regexp.MustCompile(`name="seen" value="([^"]+)"`)

// shown returns what the box of a field of the visit sends back, as the page of the visit shows it now.
func (d *desk) shown(part, field string) (form url.Values, html string) {
	d.t.Helper()
	_, body := d.get("/visits/" + d.scope.String() + "/" + part)
	f := spec(d.t, "visit", field)
	_, rest, ok := strings.Cut(body, fmt.Sprintf(`id="f-%s-%d"`, d.scope, f.ID))
	if !ok {
		d.t.Fatalf("%s shows no %s", part, field)
	}
	html, _, _ = strings.Cut(rest, "</form>")
	form = url.Values{"scope": {d.scope.String()}, "entity": {d.scope.String()}, "field": {fmt.Sprint(uint32(f.ID))}}
	for _, m := range seenIn.FindAllStringSubmatch(html, -1) {
		form.Add("seen", m[1])
	}
	return form, html
}

// type puts a value into a box and returns the answer.
func (d *desk) put(form url.Values, value string) (*http.Response, string) {
	d.t.Helper()
	f := url.Values{}
	for k, v := range form {
		f[k] = v
	}
	f.Set("value", value)
	return d.post("/field", f, "HX-Request", "true")
}

func (d *desk) heads(field string) []fieldclient.Statement {
	d.t.Helper()
	v, err := d.client().Record(context.Background(), d.scope, syncproto.EntityID(d.scope))
	check(d.t, err)
	for _, f := range v.Fields {
		if f.Name == field {
			return f.Heads
		}
	}
	return nil
}

func (d *desk) writings(field string) int {
	d.t.Helper()
	h, err := d.client().History(context.Background(), fieldclient.Target{Scope: d.scope, Entity: syncproto.EntityID(d.scope), Field: spec(d.t, "visit", field)})
	check(d.t, err)
	return len(h)
}

func TestAFieldIsOnTheDiskWhenItsAnswerSaysSaved(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("prepare", "order")
	res, body := d.put(form, "№ 41")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `value="№ 41"`) || !strings.Contains(body, "saved ✓") {
		t.Fatalf("%s: %s", res.Status, body)
	}
	d.stop()
	<-d.ended
	c, err := fieldclient.Open(context.Background(), d.p.cfg, passphrase)
	check(t, err)
	defer c.Close()
	v, err := c.Record(context.Background(), d.scope, syncproto.EntityID(d.scope))
	check(t, err)
	if got := valueOf(v, "order"); got != "№ 41" {
		t.Errorf("the disk has %q", got)
	}
}

func TestASaveReplacesOnlyWhatThePageShowed(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("entry", "population")
	say(t, d.other.Client, d.scope, "visit", "population", "840")
	carry(t, d.other.Client, d.client()) // it arrives while the page is open
	_, body := d.put(form, "812")
	if got := d.heads("population"); len(got) != 2 {
		t.Fatalf("%d answers stand: %+v", len(got), got)
	}
	for _, want := range []string{"2 different answers", "840", "Daulet", "812"} {
		if !strings.Contains(body, want) {
			t.Errorf("the box does not show %q", want)
		}
	}
	form, _ = d.shown("entry", "population")
	if n := len(form["seen"]); n != 2 {
		t.Errorf("the box sends back %d of 2 answers", n)
	}
}

func TestLeavingAFieldDoesNotWriteItAgain(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("prepare", "order")
	d.put(form, "№ 41")
	form, _ = d.shown("prepare", "order")
	d.put(form, "№ 41")
	if n := d.writings("order"); n != 1 {
		t.Errorf("it was written %d times", n)
	}
	d.put(form, "")
	if h := d.heads("order"); len(h) != 1 || h[0].Kind != syncproto.KindClear {
		t.Errorf("emptied, it stands as %+v", h)
	}
	form, _ = d.shown("prepare", "order")
	d.put(form, "")
	if n := d.writings("order"); n != 2 {
		t.Errorf("emptied twice, it was written %d times", n)
	}
}

func TestWhatAFieldDoesNotTakeStaysOnTheScreen(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("entry", "population")
	res, body := d.put(form, "about 800")
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `value="about 800"`) || !strings.Contains(body, `aria-invalid="true"`) || !strings.Contains(body, `data-state="unsaved"`) {
		t.Errorf("%s: %s", res.Status, body)
	}
	if h := d.heads("population"); len(h) != 0 {
		t.Errorf("it was saved: %+v", h)
	}
}

func TestTimesAreTypedInAHurry(t *testing.T) {
	for typed, want := range map[string]string{"930": "09:30", "9:30": "09:30", "9.30": "09:30", "0930": "09:30", "9": "09:00", "17": "17:00", " 17 05 ": "17:05", "25:00": "25:00", "noon": "noon", "": ""} {
		if got := hours(typed); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestWhatPeopleTypeIsTextAndNothingElse(t *testing.T) {
	d := newDesk(t)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>` + "\u202e{{.CSRF}}"
	for part, fields := range map[string][]string{"prepare": {"title", "order"}, "entry": {"impression"}} {
		for _, field := range fields {
			form, _ := d.shown(part, field)
			if res, _ := d.put(form, evil); res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", field, res.Status)
			}
		}
	}
	for _, path := range []string{"/today", "/visits/" + d.scope.String() + "/prepare", "/visits/" + d.scope.String() + "/entry", "/attention", fmt.Sprintf("/at/%s/%s/2002", d.scope, d.scope)} {
		if _, body := d.get(path); strings.Contains(body, "<script>") || strings.Contains(body, "<img") {
			t.Errorf("%s shows what was typed as a page", path)
		}
	}
	if _, body := d.post("/search", url.Values{"words": {"alert"}}); strings.Contains(body, "<script>") {
		t.Error("search shows what was typed as a page")
	}
}

func TestNoWordOfAPersonStandsInAnAddress(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("prepare", "title")
	d.put(form, "canarytitle")
	address := regexp.MustCompile(`(?:href|action|hx-get|hx-post|src)="([^"]*)"`)
	for _, path := range []string{"/today", "/visits/" + d.scope.String() + "/prepare", "/visits/" + d.scope.String() + "/observations", "/attention", "/search", "/sync", "/visits/new"} {
		_, body := d.get(path)
		for _, m := range address.FindAllStringSubmatch(body, -1) {
			if strings.Contains(m[1], "canary") || strings.Contains(m[1], "Aigerim") {
				t.Errorf("%s leads to %s", path, m[1])
			}
		}
	}
	res, _ := d.get("/search?words=canarytitle")
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	if _, body := d.get("/search?words=canarytitle"); strings.Contains(body, "canarytitle") {
		t.Error("a search by address is answered")
	}
	if _, body := d.post("/search", url.Values{"words": {"canarytitle"}}); !strings.Contains(body, "canarytitle") {
		t.Error("a search finds nothing")
	}
}

func TestAMemberWithoutTheRightCannotSettle(t *testing.T) {
	d := newDesk(t)
	say(t, d.client(), d.scope, "visit", "population", "812")
	say(t, d.other.Client, d.scope, "visit", "population", "840")
	carry(t, d.other.Client, d.client())
	carry(t, d.client(), d.other.Client)
	monitor := unlockedSite(t, d.other)
	path := fmt.Sprintf("/at/%s/%s/2008", d.scope, d.scope)
	_, body := monitor.get(path)
	if strings.Contains(body, "/resolve") {
		t.Error("a monitor is offered to settle")
	}
	_, body = d.get(path)
	form := url.Values{"choice": {"0"}, "reason": {"counted"}}
	for _, m := range seenIn.FindAllStringSubmatch(body, -1) {
		form.Add("seen", m[1])
	}
	if res, _ := monitor.post(path+"/resolve", form); res.StatusCode != http.StatusForbidden {
		t.Errorf("a monitor settles: %s", res.Status)
	}
	d.get(path)
	if res, body := d.post(path+"/resolve", url.Values{"choice": {"0"}, "seen": form["seen"]}); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "reason") {
		t.Errorf("settled without a reason: %s", res.Status)
	}
	if res, _ := d.post(path+"/resolve", form); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the leader settles: %s", res.Status)
	}
	if h := d.heads("population"); len(h) != 1 || h[0].Reason != "counted" {
		t.Errorf("it stands as %+v", h)
	}
}
