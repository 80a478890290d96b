package browser

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// focus is what tells the element that has the focus.
const focus = `(document.activeElement.id || document.activeElement.dataset.silence || document.activeElement.name || document.activeElement.tagName)`

// TestTheKeyboardAloneIsEnough unlocks, answers, says why not, and locks, without the pointer.
func TestTheKeyboardAloneIsEnough(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	app := w.App(Daulet)
	b := Browse(t, w.env()...)
	b.Open(<-app.Launch)
	b.Language("en")
	if got := b.eval(focus); got != "passphrase" {
		t.Errorf("on the lock, the keys go to %s", got)
	}
	b.Leave(chromedp.KeyEvent(Words + kb.Enter))
	b.Until(`location.pathname === "/today"`)
	b.Key(kb.Tab)
	if got := b.eval(`document.activeElement.className`); got != "skip" {
		t.Errorf("the first key leads to %s, not past the menu", got)
	}
	b.Key(kb.Enter)
	if got := b.eval(focus); got != "main" {
		t.Errorf("past the menu is %s", got)
	}

	b.Go(w.list() + "/section/0")
	question := `document.querySelector("[data-question]:has(input[type=radio])")`
	b.Do(chromedp.Evaluate(question+`.querySelector("input[type=radio]").focus()`, nil))
	at := b.eval(question + `.id`)
	here := `document.getElementById("` + at + `")`
	b.Key(" ")
	b.Until(here + `.querySelector(".state .ok")`)
	if got := b.eval(`document.activeElement.closest("[data-question]")?.id ?? document.activeElement.tagName`); got != at {
		t.Errorf("after an answer, the keys go to %s", got)
	}
	b.Key(kb.ArrowDown)
	b.Until(here + `.querySelectorAll("input[type=radio]")[1].checked && ` + here + `.querySelector("[data-field]").dataset.state === "saved"`)

	for key, silence := range map[string]string{"1": "not-checked", "2": "not-applicable", "3": "access-refused"} {
		b.Key(key, input.ModifierAlt)
		b.Until(here + `.querySelector('[data-silence="` + silence + `"]').getAttribute("aria-pressed") === "true"`)
		b.Until(`![...` + here + `.querySelectorAll("input[type=radio]")].some(e => e.checked)`)
		if got := b.eval(`document.activeElement.closest("[data-question]")?.id ?? document.activeElement.tagName`); got != at {
			t.Errorf("after Alt+%s, the keys go to %s", key, got)
		}
	}
	b.Key(kb.ArrowRight, input.ModifierAlt)
	b.Until(`location.pathname.endsWith("/section/1") && document.readyState === "complete"`)

	for _, lock := range []func(){func() { b.Key(kb.F9) }, func() { b.Key(".", input.ModifierCtrl) }} {
		b.Listens()
		lock()
		b.Until(`location.pathname === "/unlock"`)
		b.Until(focus + ` === "passphrase"`)
		b.Leave(chromedp.KeyEvent(Words + kb.Enter))
		b.Until(`location.pathname === "/today" && document.readyState === "complete"`)
	}
	b.Quiet()
}

// TestAScreenShowsWhatIsSaved holds what a question shows to what the disk has, when a person is quicker than the disk and
// when a silence takes the place of an answer.
func TestAScreenShowsWhatIsSaved(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	b.Go(w.list() + "/section/0")
	find := func(inside string) (id, here string) {
		id = b.eval(`document.querySelector('[data-question]:has(` + inside + `)').id`)
		return id, `document.getElementById("` + id + `")`
	}
	silent := func(here string) {
		b.Key("1", input.ModifierAlt)
		b.Until(here + `.querySelector('[data-silence="not-checked"]').getAttribute("aria-pressed") === "true"`)
	}
	saved := func() []string { // what the page shows when it is opened anew
		b.Go(w.list() + "/section/0")
		var out []string
		b.Do(chromedp.Evaluate(`[...document.querySelectorAll("[data-question] input:checked, [data-question] input.number")].map(e => e.closest("[data-question]").id + " " + e.value)`, &out))
		return out
	}

	id, here := find(`input[type=radio]:nth-of-type(1)`)
	last := b.eval(`[...` + here + `.querySelectorAll("input[type=radio]")].at(-1).value`)
	n := 0
	b.Do(chromedp.Evaluate(here+`.querySelectorAll("input[type=radio]").length`, &n), chromedp.Evaluate(here+`.querySelector("input[type=radio]").focus()`, nil))
	b.Do(chromedp.KeyEvent(" "))
	for range n - 1 {
		b.Do(chromedp.KeyEvent(kb.ArrowDown))
	}
	b.Until(`!document.querySelector(".htmx-request") && ` + here + `.querySelector("[data-field]").dataset.state === "saved"`)
	if got := b.eval(here + `.querySelector("input[type=radio]:checked")?.value ?? "nothing"`); got != last {
		t.Errorf("the last of %d quick choices was %s, and the page shows %s", n, last, got)
	}
	if got := saved(); !slices.Contains(got, id+" "+last) {
		t.Errorf("the last of %d quick choices was %s, and the disk has %q", n, last, got)
	}
	b.Do(chromedp.Evaluate(here+`.querySelector("input[type=radio]:checked").focus()`, nil))
	silent(here)
	if got := b.eval(here + `.querySelector("input[type=radio]:checked")?.value ?? "nothing"`); got != "nothing" {
		t.Errorf("beside a silence, %s is chosen", got)
	}

	id, here = find(`input.number`)
	b.Do(chromedp.Evaluate(here+`.querySelector("input.number").focus()`, nil), chromedp.KeyEvent("45"))
	b.Until(here + `.querySelector(".state .ok")`)
	silent(here)
	if got := b.eval(here + `.querySelector("input.number").value`); got != "" {
		t.Errorf("beside a silence, the field shows %q", got)
	}
	if got := saved(); !slices.Contains(got, id+" ") {
		t.Errorf("after a silence, the disk has %q", got)
	}
	b.Quiet()
}

// Enter is what people press after a number.
func TestEnterInAQuestionSavesItAndStays(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	tried := 0
	for section := range 3 {
		path := fmt.Sprintf("%s/section/%d", w.list(), section)
		b.Go(path)
		for _, field := range []string{`input[type=radio]`, `input.number`, `input[type=text]:not(.number)`} {
			var there bool
			b.Do(chromedp.Evaluate(`(e => { e?.focus(); return Boolean(e) })([...document.querySelectorAll('[data-question] .field `+field+`')].find(e => e.checkVisibility()))`, &there))
			if !there {
				continue
			}
			tried++
			if field != `input[type=radio]` {
				b.Do(chromedp.KeyEvent("7"))
			}
			b.Do(chromedp.KeyEvent(kb.Enter))
			time.Sleep(300 * time.Millisecond) // for the page that must not come
			b.Until(`document.readyState === "complete" && !document.querySelector(".htmx-request")`)
			if got := b.Path(); got != path {
				t.Fatalf("Enter in %s leads to %s", field, got)
			}
		}
	}
	if tried < 3 {
		t.Errorf("only %d fields were tried", tried)
	}
	b.Quiet()
}
