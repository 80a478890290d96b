package web

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// corridor is a visit with a monitor, whose screens run, and two custodians and a coordinator outside.
type corridor struct {
	*site
	m     *mechanism
	aru   *person
	visit syncproto.ScopeID
	path  string // of the visit
}

func newCorridor(t *testing.T, role syncproto.Role, custodians int) *corridor {
	t.Helper()
	m := newMechanism(t)
	c := &corridor{m: m, aru: m.join("Aru", role)}
	m.join("Saule", syncproto.RoleCoordinator)
	for i := range custodians {
		m.join(fmt.Sprintf("Custodian %d", i+1), syncproto.RoleCustodian)
	}
	m.share()
	var err error
	c.visit, err = c.aru.OpenVisit(context.Background(), "KZ-75", []syncproto.PersonID{c.aru.id}, map[string]string{"title": "SIZO visit"})
	check(t, err)
	c.path = "/visits/" + c.visit.String()
	c.site = unlockedSite(t, c.aru)
	return c
}

// client is the one behind the screens.
func (c *corridor) client() *fieldclient.Client { return c.s.client.Load() }

// begin makes an interview and returns its path.
func (c *corridor) begin(kind string) string {
	c.t.Helper()
	c.get(c.path + "/interviews")
	res, _ := c.post(c.path+"/interviews", url.Values{"kind": {kind}})
	if res.StatusCode != http.StatusSeeOther {
		c.t.Fatalf("beginning an interview: %s", res.Status)
	}
	return res.Header.Get("Location")
}

func (c *corridor) page(path string) string {
	c.t.Helper()
	res, body := c.get(path)
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", path, res.Status)
	}
	return body
}

// set gives a field of a record a value, as the command line does.
func (c *corridor) set(path, kind, name, value string) {
	c.t.Helper()
	id, err := syncproto.ParseEntityID(path[strings.LastIndexByte(path, '/')+1:])
	check(c.t, err)
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(name)
	check(c.t, err)
	v, err := f.ParseValue(value)
	check(c.t, err)
	_, err = c.client().Set(context.Background(), fieldclient.Target{Scope: c.visit, Entity: id, Field: f}, v)
	check(c.t, err)
}

func has(t *testing.T, what, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(body, w) {
			t.Errorf("%s does not say %q", what, w)
		}
	}
}

// drawn is what is drawn at random: ids, tokens, pseudonyms. It may hold any few letters.
var drawn = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{32,}|[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]`)

func hasNot(t *testing.T, what, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if rest := drawn.ReplaceAllString(body, ""); strings.Contains(rest, w) || drawn.MatchString(w) && strings.Contains(body, w) {
			t.Errorf("%s says %q", what, w)
		}
	}
}

func TestTheListOfInterviewsDoesNotTellWhoComplained(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	quiet, loud := c.begin("private"), c.begin("private")
	c.set(loud, "interview", "summary", "beaten on arrival")
	c.set(loud, "interview", "themes", "treatment,reprisals")
	c.set(loud, "interview", "risk", "a threat by the shift leader")
	c.set(loud, "interview", "urgent", "yes")
	c.set(loud, "interview", "consent", "C4")
	c.set(loud, "interview", "vulnerability", "minor")
	list := c.page(c.path + "/interviews")
	row := func(path string) string {
		m := regexp.MustCompile(`(?s)<li><a href="` + path + `">(.*?)</a></li>`).FindStringSubmatch(list)
		if m == nil {
			t.Fatalf("no row leads to %s", path)
		}
		return regexp.MustCompile(`[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]|\d\d:\d\d`).ReplaceAllString(m[1], "")
	}
	if row(quiet) != row(loud) {
		t.Errorf("the two rows differ by more than pseudonym and time:\n%s\n%s", row(quiet), row(loud))
	}
	hasNot(t, "the list", list, "beaten", "threat", "treatment", "C4", "minor", "reprisals")
	has(t, "the list", list, "<strong>2</strong>")
}

func TestNoScreenButTheVaultAsksForAName(t *testing.T) {
	c := newCorridor(t, syncproto.RoleHealth, 2)
	at := c.begin("private")
	has(t, "the interview", c.page(at), "There is no field for a name")
	named := regexp.MustCompile(`(?i)(name|id)="(name|fullname|person|surname|born|birth\w*|contact)"`)
	for _, path := range []string{c.path + "/interviews", at, c.path + "/evidence"} {
		if m := named.FindString(c.page(path)); m != "" {
			t.Errorf("%s has the field %s", path, m)
		}
	}
}

func TestAtC0NothingOfTheContentIsAskedOrShown(t *testing.T) {
	c := newCorridor(t, syncproto.RoleHealth, 2)
	at := c.begin("private")
	c.set(at, "interview", "summary", "beaten on arrival")
	body := c.page(at)
	has(t, "an interview at C1", body, "beaten on arrival", "Medical findings", "data-evidence", `value="C1" autocomplete="off" checked`)
	res, _ := c.post(at+"/level", url.Values{"level": {"C0"}, "seen": levelSeen(body)})
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("setting C0: %s", res.Status)
	}
	body = c.page(at)
	has(t, "an interview at C0", body, `value="C0" autocomplete="off" checked`, "Themes", "1 field that was filled in before is not shown")
	hasNot(t, "an interview at C0", body, "beaten on arrival", "Medical findings", "What was said</label>", "Risk of reprisals", "data-evidence")
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]+)"`)

// levelSeen returns what the form of the level shows: it is the first on the page.
func levelSeen(body string) []string {
	if i := strings.Index(body, `/level"`); i >= 0 {
		body = body[i:]
	}
	if m := seenField.FindStringSubmatch(body[:strings.Index(body, "</form>")]); m != nil {
		return m[1:]
	}
	return nil
}

func TestAPartOfThePageComesAnewWithAllOfItWhenItsBoundsMove(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	for _, step := range []struct {
		level, recorded string
		whole           bool
	}{{"C2", "true", false}, {"C0", "true", true}, {"C3", "false", true}} {
		form := url.Values{"level": {step.level}, "recorded": {step.recorded}, "seen": levelSeen(c.page(at))}
		res, body := c.post(at+"/level", form, "HX-Request", "true")
		if got := res.Header.Get("HX-Refresh") == "true"; got != step.whole || got == strings.Contains(body, `id="interview"`) {
			t.Errorf("to %s: the whole page comes anew: %v (%s)", step.level, got, res.Status)
		}
	}
}

func TestOnlyHealthExpertsAreAskedForMedicalFindings(t *testing.T) {
	for role, may := range map[syncproto.Role]bool{syncproto.RoleMonitor: false, syncproto.RoleHealth: true} {
		c := newCorridor(t, role, 2)
		body := c.page(c.begin("private"))
		if got := strings.Contains(body, ">Medical findings</label>"); got != may {
			t.Errorf("%s is asked for medical findings: %v", role, got)
		}
	}
}

func TestConsentIsAskedUseByUseAndTakenBackForGood(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.get(at)
	for use, answer := range map[string]string{"report": "yes", "photo": "no"} {
		if res, _ := c.post(at+"/consents", url.Values{"use": {use}, "answer": {answer}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("asking about %s: %s", use, res.Status)
		}
	}
	if res, _ := c.post(at+"/consents", url.Values{"use": {"anything"}, "answer": {"yes"}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("a use that there is not: %s", res.Status)
	}
	body := c.page(at)
	has(t, "the interview", body, `class="use given" id="use-report"`, "yes, C3", `class="use refused" id="use-photo"`, `class="use unasked" id="use-publish"`)
	m := regexp.MustCompile(at + `/consents/([^/]+)/withdraw`).FindStringSubmatch(body[strings.Index(body, `id="use-report"`):])
	if m == nil {
		t.Fatal("the consent cannot be taken back")
	}
	if res, _ := c.post(m[0], url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("taken back by a slip: %s", res.Status)
	}
	if res, _ := c.post(m[0], url.Values{"sure": {"yes"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("taking back: %s", res.Status)
	}
	body = c.page(at)
	has(t, "the interview", body, `class="use withdrawn" id="use-report"`, "A withdrawal overrides everything")
	hasNot(t, "the interview", body, m[0])
	c.post(at+"/consents", url.Values{"use": {"report"}, "answer": {"yes"}}) // on a page that was open meanwhile
	has(t, "the interview", c.page(at), `class="use withdrawn" id="use-report"`)
}

func TestWhoTakesBackTheRecordingItselfIsNotShownAnyMore(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.set(at, "interview", "summary", "beaten on arrival")
	c.get(at)
	c.post(at+"/consents", url.Values{"use": {"record"}, "answer": {"yes"}})
	withdraw := regexp.MustCompile(at + `/consents/[^/]+/withdraw`).FindString(c.page(at))
	c.post(withdraw, url.Values{"sure": {"yes"}})
	body := c.page(at)
	has(t, "the interview", body, "The person has withdrawn consent")
	hasNot(t, "the interview", body, "beaten on arrival", "data-evidence")
}

// everyFile is all that is on the disk of a laptop, in one.
func everyFile(t *testing.T, dirs ...string) []byte {
	t.Helper()
	var all []byte
	for _, dir := range dirs {
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			all = append(all, b...)
			return err
		}))
	}
	return all
}

func TestANameIsSealedAndNeverShownAgain(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	vault := at + "/identity"
	pseudonym := regexp.MustCompile(`<code>|[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]`).FindString(c.page(vault))
	form := url.Values{"name": {"Zhanar Abisheva"}, "born": {"1991"}, "contact": {"through Dina"}, "note": {"call at night"}, "reason": {"asked to be found again"}, "confirm": {"not the pseudonym"}}
	res, body := c.post(vault, form)
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("without the typed confirmation: %s", res.Status)
	}
	has(t, "the form with an error", body, "Zhanar Abisheva", "Nothing was saved yet")
	if n := strings.Count(body, "Zhanar"); n != 1 {
		t.Errorf("the name stands %d times in the answer", n)
	}
	hasNot(t, "the form anew", c.page(vault), "Zhanar", "Dina")
	form.Set("confirm", strings.ToLower(pseudonym))
	if res, _ := c.post(vault, form); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != vault {
		t.Fatalf("sealing: %s to %s", res.Status, res.Header.Get("Location"))
	}
	for _, path := range []string{vault, at} {
		body := c.page(path)
		has(t, path, body, "Sealed by Aru", "asked to be found again")
		hasNot(t, path, body, "Zhanar", "Dina", "1991", "call at night")
	}
	list, err := c.client().Records(context.Background(), c.visit, "identity")
	check(t, err)
	if len(list) != 1 {
		t.Errorf("%d identities are sealed", len(list))
	}
	disk := everyFile(t, c.aru.cfg.Vault.Dir, c.aru.cfg.Vault.StateDir)
	if bytes.Contains(disk, []byte("Zhanar")) {
		t.Error("the name is on the disk in clear")
	}
}

func TestWithoutTwoCustodiansNoNameIsAsked(t *testing.T) {
	for custodians, says := range map[int]string{0: "0 custodians", 1: "1 custodian"} {
		c := newCorridor(t, syncproto.RoleMonitor, custodians)
		vault := c.begin("private") + "/identity"
		body := c.page(vault)
		has(t, "the vault", body, says, "Ask your coordinator for two custodians")
		hasNot(t, "the vault", body, `name="name"`)
		pseudonym := regexp.MustCompile(`[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]`).FindString(body)
		res, body := c.post(vault, url.Values{"name": {"Zhanar"}, "reason": {"r"}, "confirm": {pseudonym}})
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a page that was open meanwhile: %s", res.Status)
		}
		hasNot(t, "the refusal", body, "Zhanar")
	}
}

func TestGateModeIsSaidOnEveryPageAndClosesAfterALock(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.get(c.path + "/protect")
	if res, body := c.post(c.path+"/gate", url.Values{"do": {"enter"}}); res.StatusCode != http.StatusConflict || !strings.Contains(body, "tick first") {
		t.Errorf("without the tick: %s", res.Status)
	}
	if res, _ := c.post(c.path+"/gate", url.Values{"do": {"enter"}, "sure": {"yes"}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("entering: %s", res.Status)
	}
	if got := c.s.watch.idleMinutes(); got != IdleGate {
		t.Errorf("in gate mode the laptop locks after %d minutes", got)
	}
	for _, path := range []string{"/today", at, c.path + "/evidence", "/settings"} {
		has(t, path, c.page(path), `class="gatebar"`, "after 1 minute")
	}
	has(t, "the way to the gate", c.page(c.path+"/protect"), "Saule")
	c.set(at, "interview", "summary", "beaten on arrival")
	has(t, "before the lock", c.page(at), "beaten on arrival")
	inside := c.begin("private")
	c.s.end(EndLocked)
	<-c.ended

	after := serve(t, c.aru.cfg).enter()
	after.get("/unlock")
	if res, _ := after.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("unlocking: %s", res.Status)
	}
	c.site = after
	body := c.page(at)
	has(t, "after the lock", body, "ealed at the gate", `class="gatebar"`)
	hasNot(t, "after the lock", body, "beaten on arrival")
	body = c.page(inside)
	has(t, "one begun inside", body, "Ask again and mark it")
	if strings.Contains(body, `autocomplete="off" checked`) {
		t.Error("after the lock the page names a level that it cannot know")
	}
	hasNot(t, "one begun inside", body, "What was said</label>")
	if res, _ := c.post(inside+"/level", url.Values{"level": {"C2"}, "seen": levelSeen(body)}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("asking for the level again: %s", res.Status)
	}
	has(t, "after asking again", c.page(inside), `value="C2" autocomplete="off" checked`, "What was said</label>")
	c.post(c.path+"/gate", url.Values{"do": {"leave"}})
	hasNot(t, "after leaving", c.page("/today"), `class="gatebar"`)
}
