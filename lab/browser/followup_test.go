package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestARecommendationIsCheckedOnSite goes from the preparation to the place and to the debrief, on a laptop that has left
// the earlier visit at home.
func TestARecommendationIsCheckedOnSite(t *testing.T) {
	judged(t)
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	visit := "/visits/" + w.Visit
	b.Go(visit + "/protect")
	b.Press(`form[action$="/travel"] button`, `.notice[role="status"]`)
	b.Go(visit + "/prepare")
	if got := b.Text(`section[aria-labelledby="earlier"]`); got == "" || !hasText(b, `section[aria-labelledby="open"]`, "Камераларда ауа алмасуды") {
		t.Errorf("after travelling light, the preparation says %q", got)
	}
	b.Leave(chromedp.Click(`a[href="`+visit+`/followups"].button`, chromedp.ByQuery))
	b.Do(chromedp.Evaluate(`document.querySelector('button[value="partly"]').focus()`, nil))
	b.Key(kb.Enter)
	b.Until(`document.activeElement.tagName === "TEXTAREA" && document.querySelector("select").value === "partly"`)
	b.Do(chromedp.KeyEvent("Екі терезе ашылады."))
	b.Until(`document.activeElement.form.querySelector(".ok")`)
	b.Judge("follow-up")
	b.ByKeyboard("follow-up")
	b.Fits("follow-up", 360)
	b.In("followups")
	b.Go(visit + "/debrief")
	if !hasText(b, "main", "Екі терезе ашылады.") || !hasText(b, "main", "Камераларда ауа алмасуды") {
		t.Errorf("the debrief says %q", b.Text("main"))
	}
	b.In("debrief-followups")
	b.Quiet()
}

func hasText(b *Tab, selector, text string) bool {
	var there bool
	b.Do(chromedp.Evaluate(`document.querySelector('`+selector+`').textContent.includes("`+text+`")`, &there))
	return there
}
