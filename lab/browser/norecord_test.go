package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// all is whatever the page holds, shown or not, and what stands in its fields.
const all = `document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")].map(e => e.value).join(" ")`

// What somebody said before they took the record back is on no page, until they allow it again.
func TestWhatMayNotBeRecordedIsOnNoPage(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	words := []string{"ешкім келмеді", "таяқпен ұрды"}
	summary := "/at/" + w.Visit + "/" + w.Interview + "/" + numberOf(t, "interview", "summary")
	interview := "/visits/" + w.Visit + "/interviews/" + w.Interview
	app, b := w.Screens(Aigerim, "en")
	level := func(l string) {
		b.Go(interview)
		b.Do(chromedp.Evaluate(`document.fonts.ready.then(() => true)`, nil, awaits), chromedp.Click(`input[name="level"][value="`+l+`"]`, chromedp.ByQuery))
		b.Until(`!document.querySelector(".htmx-request") && document.querySelector('input[name="level"][value="` + l + `"]').checked && Boolean(document.querySelector("#said ~ .notice.warn")) === ` + map[bool]string{true: "true", false: "false"}[l == "C0"])
	}
	on := func(b *Tab) (where []string) {
		for _, path := range append(w.paths(), summary, "/visits/"+w.Visit+"/debrief?all=yes") {
			b.Go(path)
			if html := b.eval(all); strings.Contains(html, words[0]) || strings.Contains(html, words[1]) {
				where = append(where, path)
			}
		}
		for _, word := range []string{"келмеді", "таяқпен"} {
			b.Go("/search")
			b.Type("#words", word)
			b.Until(`document.querySelector("#results p")`)
			if b.eval(`String(document.querySelectorAll("#results article").length)`) != "0" {
				where = append(where, "/search "+word)
			}
		}
		return where
	}
	b.Go(interview)
	b.Do(chromedp.Evaluate(`document.querySelector("#said ~ form textarea").focus(); document.activeElement.select()`, nil), chromedp.KeyEvent("Түнде таяқпен ұрды."))
	b.Saved(`#said ~ form`)
	written := strings.Join(on(b), " ")
	if !contains(written, interview, summary, "/search келмеді", "/search таяқпен") {
		t.Fatalf("before, it stands on %s", written)
	}
	level("C0")
	if where := on(b); len(where) > 0 {
		t.Errorf("what may not be recorded stands on %s", where)
	}
	b.Go(interview)
	if got := b.Text("main"); !contains(got, "filled in before is not shown") {
		t.Errorf("nothing says that words are kept: %s", got)
	}
	b.Quiet()
	app.Stop()
	w.Sync()
	_, other := w.Screens(Daulet, "en")
	if where := on(other); len(where) > 0 {
		t.Errorf("on a colleague's laptop what may not be recorded stands on %s", where)
	}
	_, b = w.Screens(Aigerim, "en")
	level("C2")
	if again := strings.Join(on(b), " "); again != written {
		t.Errorf("it stood on %s, and allowed again on %s", written, again)
	}
	b.Quiet()
}

// paths are those of all pages of a member.
func (w *World) paths() (out []string) {
	for _, s := range w.sheets() {
		out = append(out, w.pathOf(s))
	}
	return out
}
