package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The monitor's day, a test for each rule of it. Debrief and interviews are in checklist_test.go and people_test.go.

func TestAMemberJoinsByComparingSixWords(t *testing.T) {
	w := Found(t)
	const who = "Жанар"
	card, err := os.ReadFile(w.Invite(who, "monitor"))
	must(t, err)
	app := w.App(who)
	b := Browse(t, w.env()...)
	b.Open(<-app.Launch)
	b.Language("kk")
	for _, weak := range []string{"short", "one two three"} {
		b.Do(chromedp.SetValue("#passphrase", weak, chromedp.ByQuery), chromedp.SetValue("#again", weak, chromedp.ByQuery))
		b.Leave(chromedp.Click("main button.main", chromedp.ByQuery))
		b.Do(chromedp.WaitVisible("#wrong", chromedp.ByQuery))
	}
	b.Type("#passphrase", Words)
	b.Type("#again", Words)
	b.Press("main button.main", ".secret")
	b.Press("a.main", "#code")
	b.Type("#code", strings.TrimSpace(string(card)))
	b.Press("main button.main", ".six")
	var six []string
	b.Do(chromedp.Evaluate(`[...document.querySelectorAll(".six li")].map(e => e.textContent.trim())`, &six))
	b.Press("main form button.main", "[role=status]") // the coordinator has not approved: it says so
	waiting := w.Kua(Saule, "enrolments", "--json")
	if invitation := between(waiting, `"invitation": "`, `"`); len(six) != 6 || invitation == "" {
		t.Fatalf("the screen shows %q, and what waits is %s", six, waiting)
	} else {
		w.Kua(Saule, append([]string{"approve", invitation}, six...)...)
	}
	b.Press("main form button.main", "nav")
	b.Go("/today")
	if got := b.eval(`document.querySelector(".who").textContent`); got != who {
		t.Errorf("the laptop is that of %s", got)
	}
	b.Forgive("/setup")
	b.Quiet()
}

func between(s, begin, end string) string {
	_, s, _ = strings.Cut(s, begin)
	s, _, _ = strings.Cut(s, end)
	return s
}

// count is a number that Today shows of where the work is.
func (b *Tab) count(state string) string {
	b.T.Helper()
	return b.eval(`document.querySelector(".where .counts dt.` + state + ` + dd").textContent`)
}

func TestTodaySaysWhereEachPieceOfWorkIs(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	b.observe(w, "Хлор иісі.")
	b.Go("/today")
	if got := b.count("saved"); got == "0" {
		t.Errorf("after a save, %s pieces are saved here only", got)
	}
	saved := b.count("saved")
	b.Go("/sync")
	b.Type("#folder", w.path("tmp"))
	b.Press(`form[action="/courier/export"] button`, ".notice.good code")
	b.Go("/today")
	if got := b.count("carried"); got != saved || b.count("saved") != "0" {
		t.Errorf("of %s pieces on a stick, %s are carried", saved, got)
	}
	w.StopServer()
	b.Go("/sync")
	b.Press(`form[action="/sync/start"] button`, "#progress .notice.bad")
	w.serve()
	b.Press(`form[action="/sync/start"] button`, "#progress .notice.good") // no question is asked
	b.Go("/today")
	if b.count("saved") != "0" || b.count("carried") != "0" || b.count("proven") == "0" {
		t.Errorf("after a sync: %s saved, %s carried, %s stored, %s proven", b.count("saved"), b.count("carried"), b.count("stored"), b.count("proven"))
	}
	b.Quiet()
}

// observe writes an observation and waits until the disk has it.
func (b *Tab) observe(w *World, text string) {
	b.T.Helper()
	b.Go("/visits/" + w.Visit + "/observations")
	b.Press(".adder button", "#cards textarea")
	b.Type("#cards textarea", text)
	b.Until(`document.querySelector("#cards form:has(textarea)[data-state='']:not(.htmx-request) .ok")`)
}

func TestAStickBringsTheWorkToAColleague(t *testing.T) {
	w := NewWorld(t)
	w.StopServer()
	const text = "Кереуеттер тот басқан."
	first, b := w.Screens(Daulet, "en")
	b.observe(w, text)
	stick := w.path("stick")
	must(t, os.Mkdir(stick, 0o755))
	b.Go("/sync")
	b.Type("#folder", stick)
	b.Press(`form[action="/courier/export"] button`, ".notice.good code")
	bundle := b.Text(".notice.good code")
	first.Stop()
	if filepath.Dir(bundle) != stick || len(holding(t, stick, text)) > 0 {
		t.Errorf("the bundle %s is elsewhere, or can be read", bundle)
	}
	_, b = w.Screens(Aigerim, "en")
	b.Go("/sync")
	b.Type("#bundle", bundle)
	b.Press(`form[action="/courier/import"] button`, ".notice.good code")
	b.Go("/search")
	b.Type("#words", "тот")
	b.Until(`document.querySelector("#results article")?.textContent.includes("` + text + `")`)
	b.Quiet()
}

func TestWhoTravelsLightCarriesOneVisit(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	b.Go("/visits/" + w.Visit + "/protect")
	b.Press(`form[action$="/travel"] button`, "[role=status]")
	b.Go("/today")
	if got := b.Text("main"); strings.Contains(got, "Күзгі бару") || !strings.Contains(got, "Көктемгі бару") {
		t.Errorf("on the way, the laptop shows %s", got)
	}
	b.QuickLock()
	b.Unlock()
	b.Go("/today")
	if got := b.Text("main"); strings.Contains(got, "Күзгі бару") {
		t.Error("after a lock, the visit that stayed at home is here again")
	}
	b.Quiet()
}

func TestAVisitInGateModeStaysClosedAfterALock(t *testing.T) {
	w := NewWorld(t)
	const text = "Терезелер боялған."
	_, b := w.Screens(Aigerim, "en")
	b.Go("/visits/" + w.Visit + "/protect")
	b.Do(chromedp.Click(`form[action$="/gate"] input[name="sure"]`, chromedp.ByQuery))
	b.Press(`form[action$="/gate"] button[value="enter"]`, `form[action$="/gate"] button[value="leave"]`)
	b.observe(w, text)
	b.QuickLock()
	b.Unlock()
	b.Go("/visits/" + w.Visit + "/observations")
	if got := b.eval(`document.body.textContent + [...document.querySelectorAll("textarea")].map(e => e.value)`); strings.Contains(got, text) {
		t.Error("after a lock, what was written at the gate can be read")
	}
	b.Go("/search")
	b.Type("#words", "боялған")
	b.Until(`document.querySelector("#results")?.textContent.trim()`)
	if got := b.Text("#results"); strings.Contains(got, text) {
		t.Error("after a lock, what was written at the gate is found")
	}
	b.Quiet()
}

func TestAWipeCanBeCalledOffAndThenCannot(t *testing.T) {
	w := NewWorld(t)
	app, b := w.Screens(Aigerim, "en")
	b.Listens()
	b.Key(kb.F9, input.ModifierShift)
	b.Do(chromedp.WaitVisible("[data-countdown]", chromedp.ByQuery))
	b.Press(`form[action="/wipe/cancel"] button`, "nav")
	b.Go("/today")
	if got := b.Text("main"); !strings.Contains(got, "Көктемгі бару") {
		t.Errorf("after a wipe that was called off, the laptop shows %s", got)
	}
	b.Listens()
	b.Key(kb.F9, input.ModifierShift)
	must(t, app.Wait())
	if said := app.Said(); !strings.Contains(said, "Wiped") {
		t.Errorf("the program does not say that the laptop was wiped: %s", said)
	}
	b.Until(`!document.documentElement.outerHTML.includes("Көктемгі")`)
	again := w.App(Aigerim)
	after := Browse(t, w.env()...)
	after.Open(<-again.Launch)
	if got := after.Path(); got != "/setup" {
		t.Errorf("after a wipe, the laptop begins at %s", got)
	}
}

func TestWhatIsTypedInFromPaperSaysSo(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Aigerim, "en")
	b.Go(w.list() + "/print")
	if got := b.Text(".paper"); strings.Contains(got, "Тор арқылы") || b.eval(`document.querySelector(".paper input:checked, .paper textarea")?.outerHTML ?? ""`) != "" {
		t.Error("the blank form shows an answer")
	}
	b.Go(w.list() + "/section/0")
	b.Leave(chromedp.Click(`form[action$="/paper"] button`, chromedp.ByQuery))
	question := `[data-question]:has(input[type=radio]:not(:checked))`
	b.Do(chromedp.Focus(question+` input[type=radio]`, chromedp.ByQuery))
	b.Key(" ")
	b.Until(`document.querySelector("[data-question] .state .ok")`)
	if got := b.Text("[data-question]:has(.state .ok) .state"); !strings.Contains(got, "paper") {
		t.Errorf("an answer from paper says %q", got)
	}
	b.Quiet()
}

// An answer that is changed on site is not from paper any more.
func TestWhatIsChangedOnSiteIsNoLongerFromPaper(t *testing.T) {
	w := NewWorld(t)
	w.opens()
	_, b := w.Screens(Aigerim, "en")
	section, id := b.met(w)
	paper := func() {
		b.Go(section)
		b.Leave(chromedp.Click(`form[action$="/paper"] button`, chromedp.ByQuery))
		b.Go(section)
	}
	said := func(when string, want bool) {
		t.Helper()
		if got := b.Text("#" + id + " .state"); strings.Contains(got, "paper") != want {
			t.Errorf("%s, the question says %q", when, got)
		}
	}
	paper()
	b.choose(id, "met")
	said("typed in from paper", true)
	paper()
	said("with paper put away", true)
	b.choose(id, "not_met")
	said("changed on site", false)
	b.Go(section)
	said("and opened again", false)
	b.Quiet()
}

// A person types, and is gone in the next moment.
func TestWhatWasTypedLastIsNotLost(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	for how, leave := range map[string]func(){
		"by a link":     func() { b.Do(chromedp.Click(`nav a[href="/sync"]`, chromedp.ByQuery)) },
		"by an address": func() { b.Go("/today") },
		"by going back": func() { b.Do(chromedp.Evaluate(`history.back()`, nil)) },
		"by reloading":  func() { b.Do(chromedp.Reload()) },
	} {
		b.Go("/visits/" + w.Visit + "/observations")
		b.Do(chromedp.Evaluate(`void (window.kuaCards = document.querySelectorAll("#cards textarea").length)`, nil), chromedp.Click(".adder button", chromedp.ByQuery))
		b.Until(`document.querySelectorAll("#cards textarea").length > window.kuaCards`) // the new one comes first
		text := canary(t)
		b.Type("#cards textarea", text)
		leave()
		b.Until(`document.readyState === "complete"`)
		there := false
		for try := 0; !there && try < 20; try++ { // it may still be on its way
			b.Go("/visits/" + w.Visit + "/observations")
			b.Do(chromedp.Evaluate(`[...document.querySelectorAll("textarea")].some(e => e.value === "`+text+`")`, &there))
		}
		if !there {
			t.Errorf("what was typed just before leaving %s is lost: of %s, the page has %s", how, text, b.eval(`[...document.querySelectorAll("textarea")].map(e => e.value).join(" | ")`))
		}
	}
}
