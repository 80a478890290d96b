package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestASilenceStandsHoweverSoonItFollows types a number and says, sooner or later, that access was refused: what was said
// last is what the page shows and the disk has.
func TestASilenceStandsHoweverSoonItFollows(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	section := w.list() + "/section/0"
	b.Go(section)
	id := b.eval(`document.querySelector('[data-question]:has(input.number)').id`)
	here := `document.getElementById("` + id + `")`
	number, refused := here+`.querySelector("input.number")`, here+`.querySelector('[data-silence="access-refused"]')`
	state := `[` + number + `.value, ` + refused + `.getAttribute("aria-pressed")].join(" ")`
	for name, silence := range map[string]func(){
		"a key":       func() { b.Key("3", input.ModifierAlt) },
		"the pointer": func() { b.Do(chromedp.Evaluate(refused+`.click()`, nil)) },
	} {
		for _, pause := range []time.Duration{0, 200, 350, 380, 390, 400, 410, 430, 700} {
			b.Do(chromedp.Evaluate(number+`.focus(); `+number+`.select()`, nil), chromedp.KeyEvent("77"))
			time.Sleep(pause * time.Millisecond)
			silence()
			time.Sleep(time.Second) // for a save that must not come
			b.Until(`!document.querySelector(".htmx-request")`)
			if got := b.eval(state); got != " true" {
				t.Errorf("%s, %d ms after a number: the page shows %q", name, pause, got)
			}
			b.Go(section)
			if got := b.eval(state); got != " true" {
				t.Errorf("%s, %d ms after a number: the disk has %q", name, pause, got)
			}
			b.Do(chromedp.Evaluate(refused+`.click()`, nil)) // taken back
			b.Until(refused + `.getAttribute("aria-pressed") === "false" && !document.querySelector(".htmx-request")`)
		}
	}
	b.Quiet()
}

// TestAKeyAnswersNoQuestionThatNobodyMeant presses the key of a silence where no field has the focus.
func TestAKeyAnswersNoQuestionThatNobodyMeant(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	b.Go(w.list() + "/section/0")
	const silent = `[...document.querySelectorAll('[data-silence][aria-pressed="true"]')].map(e => e.closest("[data-question]").id).join(" ")`
	was := b.eval(silent)
	unmoved := func(when string) {
		t.Helper()
		b.Key("3", input.ModifierAlt)
		time.Sleep(300 * time.Millisecond) // for an answer that must not come
		b.Until(`!document.querySelector(".htmx-request")`)
		if got := b.eval(silent); got != was {
			t.Errorf("%s, the key of a silence answered %q, which nobody meant", when, got)
		}
	}
	b.Do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	unmoved("on a page that was just opened")
	last := b.eval(`[...document.querySelectorAll("[data-question]")].findLast(e => e.checkVisibility()).id`)
	press := func() { // on its words
		b.Do(chromedp.Click("#"+last+" :is(legend, label)", chromedp.ByQuery), chromedp.Evaluate(`document.activeElement.blur()`, nil))
	}
	press()
	b.Do(chromedp.Evaluate(`window.scrollTo(0, 0)`, nil))
	unmoved("out of sight")
	press()
	b.Key("3", input.ModifierAlt)
	b.Until(`document.querySelector('#` + last + ` [data-silence="access-refused"]').getAttribute("aria-pressed") === "true"`)

	b.Go(w.list() + "/one/1")
	if got := b.eval(`document.activeElement.closest("[data-question]") ? "in it" : document.activeElement.tagName`); got != "in it" {
		t.Errorf("where one question is shown, the keys go to %s", got)
	}
	b.Key("2", input.ModifierAlt)
	b.Until(`document.querySelector('[data-silence="not-applicable"]').getAttribute("aria-pressed") === "true"`)
	b.Key(kb.ArrowRight, input.ModifierAlt)
	b.Until(`location.pathname.endsWith("/one/2") && document.activeElement.closest("[data-question]")`)
	b.Quiet()
}

// typeOn makes the page type a letter every 100 ms, as somebody who never pauses.
const typeOn = `window.typist = setInterval(() => { const t = document.querySelector("#cards textarea"); t.value += "ң"; t.dispatchEvent(new Event("input", {bubbles: true})); }, 100)`

func TestWhoTypesWithoutAPauseIsSavedOnTheWay(t *testing.T) {
	w := NewWorld(t)
	app, b := w.Screens(Daulet, "en")
	b.observe(w, "а")
	before := len([]rune(b.eval(`document.querySelector("#cards textarea").value`)))
	b.Do(chromedp.Evaluate(`document.querySelector("#cards textarea").focus(); void (`+typeOn+`)`, nil))
	b.Until(`document.querySelector("#cards textarea").value.length > 60`)
	app.Kill()
	_, b = w.Screens(Daulet, "en")
	b.Go("/visits/" + w.Visit + "/observations")
	if got := len([]rune(b.eval(`document.querySelector("#cards textarea").value`))); got <= before {
		t.Errorf("of more than 60 letters typed without a pause, the disk has %d", got)
	}
}

// answerDialogs says yes to whatever the browser asks, once ready holds, and tells what it asked.
func (b *Tab) answerDialogs(ready func()) <-chan page.DialogType {
	asked := make(chan page.DialogType, 8)
	chromedp.ListenTarget(b.Context, func(ev any) {
		d, ok := ev.(*page.EventJavascriptDialogOpening)
		if !ok {
			return
		}
		go func() {
			ready()
			asked <- d.Type
			_ = chromedp.Run(b.Context, page.HandleJavaScriptDialog(true))
		}()
	})
	return asked
}

// A text that a browser does not carry out of its page is saved while it asks whether to leave.
func TestALongTextOutlivesItsPage(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Daulet, "en")
	b.observe(w, "а")
	asked := b.answerDialogs(func() { time.Sleep(2 * time.Second) }) // as somebody who reads the question
	b.Do(chromedp.Click("#cards textarea", chromedp.ByQuery), chromedp.KeyEvent("б"))
	text := strings.Repeat("ң", 20000)
	b.Do(chromedp.Evaluate(`(() => { const t = document.querySelector("#cards textarea"); t.value = "`+text+`"; t.dispatchEvent(new Event("input", {bubbles: true})); setTimeout(() => location.reload(), 0); })()`, nil))
	select {
	case d := <-asked:
		if d != page.DialogTypeBeforeunload {
			t.Errorf("the browser asked %s", d)
		}
	case <-time.After(patience):
		t.Fatal("the browser leaves a page whose text it cannot carry, and does not ask")
	}
	b.Until(`document.readyState === "complete" && document.querySelector("#cards textarea")`)
	b.Go("/visits/" + w.Visit + "/observations")
	if got := b.eval(`document.querySelector("#cards textarea").value`); got != text {
		t.Errorf("of %d letters, the disk has %d", 20000, len([]rune(got)))
	}
	b.Quiet()
}

// A text that is longer than its field stays on the screen, says why it is not saved, and is not left behind silently; a
// lock does not wait for anybody's answer.
func TestATextThatIsTooLongSaysSo(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	b.observe(w, "а")
	asked := b.answerDialogs(func() {})
	paste := func(selector string, n int) {
		b.Do(chromedp.Click(selector, chromedp.ByQuery), chromedp.KeyEvent("б"), chromedp.Evaluate(fmt.Sprintf(
			`(() => { const t = document.querySelector(%q); t.value = "ң".repeat(%d); t.dispatchEvent(new Event("input", {bubbles: true})); t.dispatchEvent(new Event("change", {bubbles: true})); })()`, selector, n), nil))
	}
	paste("#cards textarea", 40000)
	b.Until(`document.querySelector("#cards form[data-state=unsaved] .wrong")?.textContent.includes("longer than this field takes")`)
	if got := b.eval(`String(document.querySelector("#cards textarea").value.length)`); got != "40000" {
		t.Errorf("of 40000 letters that were refused, the screen shows %s", got)
	}
	b.Forgive("422")
	ctx, cancel := context.WithTimeout(b.Context, patience)
	defer cancel()
	must(t, chromedp.Run(ctx, chromedp.Evaluate(`setTimeout(() => location.assign("/today"), 0)`, nil)))
	select {
	case <-asked:
	case <-ctx.Done():
		t.Fatal("words that were refused are left behind without a question")
	}
	b.Until(`location.pathname === "/today" && document.readyState === "complete"`)

	b.Go(w.list() + "/section/0")
	id := b.eval(`document.querySelector('[data-question]:has(input[type=radio])').id`)
	note := "#" + id + " .morebody textarea"
	b.Press("#"+id+" .more summary", note)
	paste(note, 40000)
	b.Until(`document.querySelector("#` + id + ` .problem")?.textContent.includes("longer than this field takes")`)
	if got := b.eval(`String(document.querySelector("` + note + `").value.length)`); got != "40000" {
		t.Errorf("of a note of 40000 letters that was refused, the screen shows %s", got)
	}
	b.Listens()
	b.Key(kb.F9)
	b.Until(`location.pathname === "/unlock"`)
	select {
	case d := <-asked:
		t.Errorf("a lock was held up by %s", d)
	default:
	}
}
