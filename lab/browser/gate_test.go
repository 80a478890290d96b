package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// met finds the section of the checklist with the first question that can be met, opens it, and returns the question's id.
func (b *Tab) met(w *World) (section, id string) {
	b.T.Helper()
	for _, at := range []string{"0", "1", "2", "3", "4", "5"} {
		section = w.list() + "/section/" + at
		b.Go(section)
		if id = b.eval(`[...document.querySelectorAll("[data-question]:not([hidden])")].find(q => q.querySelector('input[type=radio][value="met"]'))?.id ?? ""`); id != "" {
			return section, id
		}
	}
	b.T.Fatal("no question can be met")
	return "", ""
}

// choose answers a question and waits until the disk has it.
func (b *Tab) choose(id, value string) {
	b.T.Helper()
	radio := `#` + id + ` input[type=radio][value="` + value + `"]`
	b.Do(chromedp.Focus(radio, chromedp.ByQuery), chromedp.Click(radio, chromedp.ByQuery))
	b.Until(`document.querySelector('` + radio + `').checked && document.querySelector("#` + id + ` .field").dataset.state === "saved" && !document.querySelector(".htmx-request")`)
}

// opens the checklist of a visit on Aigerim's laptop.
func (w *World) opens() {
	w.T.Helper()
	w.Checklist = w.Kua(Aigerim, "checklist", "open", w.Visit, "colony", "--quiet")
	w.Sync()
}

// What was said at the gate is known to have been said after a lock, is not replaced by what is said then, and comes back
// beside it.
func TestWhatWasSealedAtTheGateIsNeitherOpenNorReplaced(t *testing.T) {
	w := NewWorld(t)
	w.opens()
	const impression = `section[aria-labelledby="first"]`
	entry, protect := "/visits/"+w.Visit+"/entry", "/visits/"+w.Visit+"/protect"
	_, b := w.Screens(Aigerim, "en")
	b.Go(protect)
	b.Do(chromedp.Click(`form[action$="/gate"] input[name="sure"]`, chromedp.ByQuery))
	b.Press(`form[action$="/gate"] button[value="enter"]`, `form[action$="/gate"] button[value="leave"]`)
	section, id := b.met(w)
	b.choose(id, "met")
	open := func() string {
		b.Go(section)
		return strings.TrimSpace(b.Text(`#rail a[aria-current] .quiet`))
	}
	unanswered := func() string {
		b.Go(w.list() + "/check")
		return b.eval(`[...document.querySelectorAll("main p.row")].map(e => e.firstChild.textContent.trim()).join(" ")`)
	}
	wasOpen, wasUnanswered := open(), unanswered()
	b.Go(entry)
	b.Type(impression+" textarea", "Қақпада: хлор иісі")
	b.Saved(impression + " form")
	b.QuickLock()
	b.Unlock()

	if got := open(); got != wasOpen+" · 1 sealed at the gate" {
		t.Errorf("the rail said %q, and after a lock %q", wasOpen, got)
	}
	if got := b.Text("#" + id); !contains(got, "Sealed at the gate: your answer is kept") || strings.Contains(got, "An earlier answer") {
		t.Errorf("the question says %q", got)
	}
	if got := b.eval(`document.querySelector("#` + id + ` input[type=radio]:checked")?.value ?? ""`); got != "" {
		t.Errorf("after a lock, the answer shows: %s", got)
	}
	if got := unanswered(); got != wasUnanswered {
		t.Errorf("the check counted %q, and after a lock %q", wasUnanswered, got)
	}
	if got := b.Text("main"); !contains(got, "1 sealed at the gate") || b.eval(`document.querySelector('a[href$="#`+id+`"]')?.outerHTML ?? ""`) != "" {
		t.Errorf("the check says %q", got)
	}
	b.Go(entry)
	if got := b.Text(impression); !contains(got, "Sealed at the gate") || b.eval(`document.querySelector('`+impression+` textarea').value`) != "" {
		t.Errorf("the first impression says %q", got)
	}

	b.Type(impression+" textarea", "Кейін: терезелер боялған")
	b.Saved(impression + " form")
	b.Go(section)
	b.choose(id, "not_met")
	if got := b.Text("#" + id); !contains(got, "An earlier answer of yours is sealed at the gate") {
		t.Errorf("answered again, the question says %q", got)
	}
	b.Go(protect)
	b.Press(`form[action$="/gate"] button[value="leave"]`, `form[action$="/gate"] button[value="enter"]`)
	b.synced()
	w.Kua(Saule, "sync")
	w.Kua(Saule, "gate", "release", w.Visit)
	w.Kua(Saule, "sync")
	b.synced()

	b.Go("/at/" + w.Visit + "/" + w.Visit + "/" + numberOf(t, "visit", "impression"))
	for what, selector := range map[string]string{"stands": ".alone .stand", "history": ".timeline"} {
		if got := b.Text(selector); !contains(got, "Қақпада: хлор иісі", "Кейін: терезелер боялған") {
			t.Errorf("%s shows %q of two texts", what, got)
		}
	}
	b.Go(section)
	if got := b.eval(`[...document.querySelectorAll("#` + id + ` .stand blockquote")].map(e => e.textContent).sort().join(" | ")`); got != "Met | Not met" {
		t.Errorf("the question offers %q of two answers", got)
	}
	b.Go("/visits/" + w.Visit + "/debrief")
	offered := b.eval(`[...document.querySelectorAll('label:has(input[name="take"])')].map(e => e.textContent.trim()).filter(s => s.includes("` + Aigerim + `")).join(" | ")`)
	if !contains(offered, ": Met", ": Not met") {
		t.Errorf("the debrief offers %q of two answers", offered)
	}
	b.Quiet()
}

// synced meets the server, and waits until that is done.
func (b *Tab) synced() {
	b.T.Helper()
	b.Go("/sync")
	b.Leave(chromedp.Click(`form[action="/sync/start"] button`, chromedp.ByQuery)) // an earlier one may say that it is done
	b.Do(chromedp.WaitVisible("#progress .notice.good", chromedp.ByQuery))
}
