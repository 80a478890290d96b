package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// clicks presses the mouse on an element as a person who clicks several times does.
func (b *Tab) clicks(selector string, times int64) {
	b.T.Helper()
	b.Do(chromedp.ScrollIntoView(selector, chromedp.ByQuery))
	var at []float64
	b.Do(chromedp.Evaluate(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector), &at))
	for n := range times {
		for _, what := range []input.MouseType{input.MousePressed, input.MouseReleased} {
			b.Do(input.DispatchMouseEvent(what, at[0], at[1]).WithButton(input.Left).WithClickCount(n + 1))
		}
	}
}

// One press makes one record, however often the finger comes down, and the next press makes the next.
func TestOnePressMakesOneRecord(t *testing.T) {
	s := NewSeason(t)
	_, b := Screens(t, s.Aigerim)
	for _, part := range []string{"observations", "documents"} {
		b.Go("/visits/" + s.Visit.String() + "/" + part)
		for want := 1; want <= 2; want++ {
			b.clicks(".adder button", 3)
			b.Until(fmt.Sprintf(`document.querySelectorAll("#cards article.card").length >= %d && !document.querySelector(".htmx-request")`, want))
			b.Go("/visits/" + s.Visit.String() + "/" + part)
			if got := b.eval(`String(document.querySelectorAll("#cards article.card").length)`); got != fmt.Sprint(want) {
				t.Errorf("%s: after %d presses there are %s records", part, want, got)
			}
		}
		b.Do(chromedp.Focus(".adder button", chromedp.ByQuery))
		b.Do(chromedp.Evaluate(`for (let i = 0; i < 3; i++) document.querySelector(".adder button").click()`, nil)) // while the first is under way
		b.Until(`document.querySelectorAll("#cards article.card").length >= 3 && !document.querySelector(".htmx-request")`)
		b.Go("/visits/" + s.Visit.String() + "/" + part)
		if got := b.eval(`String(document.querySelectorAll("#cards article.card").length)`); got != "3" {
			t.Errorf("%s: three presses at once end with %s records", part, got)
		}
	}
	b.Quiet()
}
