package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// A text that turns itself round stays in its box as it was written, and the page says beside it what it holds.
func TestWhatTurnsATextRoundIsSaidBesideItsBox(t *testing.T) {
	s := NewSeason(t)
	_, b := Screens(t, s.Aigerim)
	b.Go("/visits/" + s.Visit.String() + "/observations")
	b.Press(".adder button", "#cards textarea")
	b.Do(chromedp.Evaluate(`(() => { const t = document.querySelector("#cards textarea"); t.focus(); t.value = "Nobody was \u202ebeaten"; t.dispatchEvent(new Event("input", {bubbles: true})); })()`, nil))
	b.Do(chromedp.WaitVisible("#cards .ordernote .ordermark", chromedp.ByQuery))
	if kept := b.eval(`String(document.querySelector("#cards textarea").value === "Nobody was \u202ebeaten" && document.activeElement === document.querySelector("#cards textarea"))`); kept != "true" {
		t.Error("the box does not hold what was typed, or lost the cursor")
	}
	if got := b.Text("#cards .ordernote"); !contains(got, "⟪RLO⟫", "beaten") {
		t.Errorf("beside the box stands %q", got)
	}
	b.Judge("marks")
	b.Do(chromedp.Evaluate(`(() => { const t = document.querySelector("#cards textarea"); t.value = "Nobody was beaten"; t.dispatchEvent(new Event("input", {bubbles: true})); })()`, nil))
	b.Until(`!document.querySelector(".ordernote")`)
	b.Go("/search")
	b.Type("#words", "beaten")
	b.Do(chromedp.WaitVisible("#results article", chromedp.ByQuery))
	if got := b.eval(`String([...document.body.innerText].some(c => c === "\u202e"))`); got != "false" {
		t.Error("the results are turned round")
	}
	b.Quiet()
}
