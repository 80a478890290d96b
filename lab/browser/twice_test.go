package browser

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestTwoTabsOfOnePersonLoseNothingToEachOther types two answers and two notes to one question, each tab not knowing what
// the other did, and settles them.
func TestTwoTabsOfOnePersonLoseNothingToEachOther(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	other := b.Beside()
	section := w.list() + "/section/0"
	b.Go(section)
	id := b.eval(`document.querySelector('[data-question]:has(input.number)').id`)
	here := `document.getElementById("` + id + `")`
	number, note := "#"+id+" input.number", "#"+id+" .morebody textarea"
	saved := func(b *Tab, field string) {
		b.Until(`document.querySelector("` + field + `").closest("[data-field]").dataset.state !== "typing" && !document.querySelector(".htmx-request")`)
	}
	other.Go(section)
	for _, tab := range []*Tab{b, other} {
		tab.Do(chromedp.WaitVisible(number, chromedp.ByQuery))
		tab.Press("#"+id+" .more summary", note)
	}

	b.Type(number, "45")
	saved(b, number)
	other.Type(number, "54")
	saved(other, number)
	other.Until(here + `.querySelector(".stand") && ` + here + `.querySelector("input.number").value === "54"`)
	if got := other.Text("#" + id + " .stand"); !contains(got, "45", "54") {
		t.Errorf("two answers stand, and the page says %q", got)
	}
	b.Go(section) // the first tab hears of it, too
	if got := b.Text("#" + id + " .stand"); !contains(got, "45", "54") {
		t.Errorf("two answers stand, and another tab says %q", got)
	}
	other.Judge("twice")
	other.Do(chromedp.Evaluate(`[...`+here+`.querySelectorAll(".stand li")].find(li => li.querySelector("blockquote").textContent === "45").querySelector("button").focus(); document.activeElement.click()`, nil))
	other.Until(`!` + here + `.querySelector(".stand") && ` + here + `.querySelector("input.number").value === "45"`)

	b.Press("#"+id+" .more summary", note)
	b.Type(note, "Counted at the door")
	saved(b, note)
	b.Type(note, ", twice.") // goes on typing: not in its own way
	saved(b, note)
	b.Until(here + `.querySelector(".state") && !` + here + `.querySelector(".stand")`)
	other.Type(note, "They told us.")
	saved(other, note)
	other.Until(here + `.querySelector(".stand")`)
	other.Type(note, " Twice.") // typing on settles nothing
	saved(other, note)
	other.Until(here + `.querySelector(".stand").textContent.includes("They told us. Twice.")`)
	if got := other.Text("#" + id + " .stand"); !contains(got, "Counted at the door, twice.", "They told us. Twice.") {
		t.Errorf("two notes stand, and the page says %q", got)
	}
	other.Do(chromedp.Evaluate(`[...`+here+`.querySelectorAll(".stand li button")].at(-1).focus(); document.activeElement.click()`, nil)) // both
	other.Until(`!` + here + `.querySelector(".stand")`)
	if got := other.eval(`document.querySelector("` + note + `").value`); !contains(got, "Counted at the door, twice.", "They told us. Twice.") {
		t.Errorf("both notes are kept, and the field shows %q", got)
	}
	other.Type(note, " End.")
	saved(other, note)
	b.Go(section)
	if got := b.eval(here + `.querySelector(".stand")?.textContent ?? ""`); got != "" {
		t.Errorf("what was settled asks again: %q", got)
	}
	b.Quiet()
	other.Quiet()
}

// TestWhoIsQuickIsNotInTheirOwnWay types, answers with a silence and types again, quicker than the disk.
func TestWhoIsQuickIsNotInTheirOwnWay(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Daulet, "en")
	section := w.list() + "/section/0"
	b.Go(section)
	id := b.eval(`document.querySelector('[data-question]:has(input.number)').id`)
	here, note := `document.getElementById("`+id+`")`, "#"+id+" .morebody textarea"
	b.Press("#"+id+" .more summary", note)
	b.Do(chromedp.Evaluate(`(() => {
		const q = `+here+`, n = q.querySelector("input.number"), t = q.querySelector(".morebody textarea");
		const type = (e, v) => { e.focus(); e.value = v; e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); };
		for (const v of ["1", "12", "123"]) { type(n, v); type(t, "note " + v); q.querySelector(".silence").click(); type(n, v + "4"); }
		for (const c of q.querySelectorAll('.morebody input[type=checkbox]')) c.click();
	})()`, nil))
	for range 3 { // the answers wait for each other: between two of them nothing is under way
		b.Until(`!document.querySelector(".htmx-request") && ` + here + `.querySelector("input.number").value === "1234" && ![...` + here +
			`.querySelectorAll("[data-field]")].some(f => f.dataset.state === "typing" || f.dataset.state === "saving")`)
		time.Sleep(time.Second)
	}
	b.Go(section)
	if got := b.eval(here + `.querySelector(".stand")?.textContent ?? ""`); got != "" {
		t.Errorf("one page is in its own way: %q", got)
	}
	if got := b.eval(here + `.querySelector("input.number").value`); got != "1234" {
		t.Errorf("the disk has %q", got)
	}
	b.Press("#"+id+" .more summary", note)
	b.Until(`[...` + here + `.querySelectorAll(".morebody input[name=value][type=checkbox]")].every(e => e.checked)`)
	b.Do(chromedp.Evaluate(here+`.querySelector(".morebody input[type=checkbox]").click()`, nil))
	b.Until(`!document.querySelector(".htmx-request") && ` + here + `.querySelector(".morebody [data-field]").dataset.state === "saved"`)
	if got := b.eval(`String(` + here + `.querySelector(".morebody input[type=checkbox]").checked)`); got != "false" {
		t.Errorf("a source that was taken away shows %s", got)
	}
	b.Quiet()
}

func contains(s string, all ...string) bool {
	return !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(s, part) })
}
