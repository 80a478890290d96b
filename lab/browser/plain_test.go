package browser

import (
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A page whose script did not come says so, saves by its buttons, and never says of new words that they are saved.
func TestAPageWithoutItsScriptSavesByItsButtons(t *testing.T) {
	w := NewWorld(t)
	w.opens()
	w.Interview = w.Kua(Aigerim, "interview", w.Visit, "--kind", "private", "--consent", "C2", "--quiet")
	_, b := w.Screens(Aigerim, "en")
	b.Do(network.SetBlockedURLs().WithURLPatterns([]*network.BlockPattern{{URLPattern: "*://*:*/static/*.js", Block: true}}))
	const impression, textarea = `section[aria-labelledby="first"]`, `section[aria-labelledby="first"] textarea`
	claims := `[...document.querySelectorAll(".state .ok, .notsaved")].filter(e => e.checkVisibility({visibilityProperty: true})).map(e => e.textContent).join(" ")`
	says := func() {
		t.Helper()
		b.Until(`document.querySelector(".notice.bad.plainly").checkVisibility({visibilityProperty: true})`)
		if b.eval(`typeof window.htmx + document.documentElement.className`) != "undefined" {
			t.Fatal("the script came")
		}
	}
	b.Go("/visits/" + w.Visit + "/entry")
	says()
	b.Type(textarea, "Бірінші сөз.")
	b.Leave(chromedp.Click(impression+" button.plainly", chromedp.ByQuery))
	b.Go("/visits/" + w.Visit + "/entry")
	if got := b.eval(`document.querySelector('` + textarea + `').value + " " + ` + claims); !contains(got, "Бірінші сөз. saved ✓") {
		t.Errorf("saved by its button, the field has %q", got)
	}
	b.Type(textarea, " Екінші сөз.")
	unclaimed := func(when string) {
		t.Helper()
		if got := b.eval(claims); got != "" {
			t.Errorf("%s, what was typed and not saved says %q", when, got)
		}
	}
	unclaimed("while it is typed")
	b.Do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	unclaimed("left alone")
	b.Go("/visits/" + w.Visit + "/entry")
	if got := b.eval(`document.querySelector('` + textarea + `').value`); got != "Бірінші сөз." {
		t.Errorf("not saved, the field has %q", got)
	}

	section, id := b.met(w)
	says()
	radio := func(value string) string { return `#` + id + ` input[type=radio][value="` + value + `"]` }
	b.Do(chromedp.Click(radio("met"), chromedp.ByQuery))
	unclaimed("chosen")
	b.Leave(chromedp.Click("#"+id+" button.plainly", chromedp.ByQuery))
	b.Go(section)
	if got := b.eval(`document.querySelector("#` + id + ` input[type=radio]:checked")?.value ?? ""`); got != "met" {
		t.Errorf("saved by its button, the answer is %q", got)
	}
	b.Do(chromedp.Click(radio("not_met"), chromedp.ByQuery))
	unclaimed("chosen again")
	b.Do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	unclaimed("chosen and left alone")
	b.Go(section)
	if got := b.eval(`document.querySelector("#` + id + ` input[type=radio]:checked")?.value ?? ""`); got != "met" {
		t.Errorf("not saved, the answer is %q", got)
	}

	interview := "/visits/" + w.Visit + "/interviews/" + w.Interview
	b.Go(interview)
	says()
	b.Do(chromedp.Click(`input[name="level"][value="C3"]`, chromedp.ByQuery))
	b.Leave(chromedp.Click(".level button.plainly", chromedp.ByQuery))
	b.Go(interview)
	if got := b.eval(`document.querySelector('input[name="level"]:checked')?.value ?? ""`); got != "C3" {
		t.Errorf("saved by its button, the person agrees to %q", got)
	}
}
