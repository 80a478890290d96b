package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// rooms opens the section of measured rooms of a new checklist.
func (w *World) rooms(b *Tab) {
	w.T.Helper()
	b.Go("/visits/" + w.Visit + "/checklists")
	b.Leave(chromedp.Evaluate(`document.querySelector('select[name="template"]').form.requestSubmit()`, nil))
	b.Until(`document.querySelector(".checkrail a")`)
	list, _, _ := strings.Cut(b.Path(), "/section/")
	for i := range 16 {
		var there bool
		b.Go(fmt.Sprintf("%s/section/%d", list, i))
		if b.Do(chromedp.Evaluate(`Boolean(`+roomAdder+`)`, &there)); there {
			return
		}
	}
	w.T.Fatal("no section has rooms that are measured")
}

// roomAdder is the button that adds a room.
const roomAdder = `[...document.querySelectorAll(".repeathead button")].find(e => e.checkVisibility())`

// room is the instance of a repeat that was added last.
const room = `[...document.querySelectorAll(".instance:not(.closed)")].at(-1)`

// in types into a field of the last room, in place of what stands there, and stays in it.
func (b *Tab) in(label, keys string) {
	b.T.Helper()
	b.Do(chromedp.Evaluate(`(e => { e.focus(); e.select() })([...`+room+`.querySelectorAll(".question")].find(q => q.textContent.includes("`+label+`")).querySelector("input.number"))`, nil))
	if keys == "" {
		b.Key(kb.Backspace)
	}
	for _, r := range keys {
		b.Key(string(r))
	}
}

func (b *Tab) addRoom() {
	b.T.Helper()
	var n int
	b.Do(chromedp.Evaluate(`document.querySelectorAll(".instance").length`, &n))
	b.Do(chromedp.Evaluate(roomAdder+`.click()`, nil))
	b.Until(`document.querySelectorAll(".instance").length === ` + string(rune('1'+n)) + ` && document.activeElement.closest(".instance")`)
}

// TestSquareMetresAPersonAreComputedWhileOneTypes holds that a room's figure and the norms follow each key, without leaving
// the field, in this room alone; and that many rooms say of themselves which is too small.
func TestSquareMetresAPersonAreComputedWhileOneTypes(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	w.rooms(b)
	note := room + `.querySelector(".formnote:not([hidden])")?.textContent ?? ""`
	norm := func(source, label string) string {
		return `[...` + room + `.querySelectorAll(".norms li")].find(e => e.checkVisibility() && e.textContent.includes("` + source + `") && e.textContent.includes("` + label + `"))?.className`
	}
	b.addRoom()
	b.in("Floor area", "12,5")
	b.Until(room + `.querySelector(".question .state .ok")`)
	if got := b.eval(note); got != "" {
		t.Errorf("without the number of people the page says %q", got)
	}
	b.in("Persons held", "3")
	b.Until(`(` + note + `).includes("4.16")`)
	if got := b.eval(`document.activeElement.value`); got != "3" {
		t.Errorf("the figures take the keys away: the field with the focus has %q", got)
	}
	if cpt, men := b.eval(norm("CPT", "shared cell")), b.eval(norm("KZ", "man")); cpt != "met" || men != "met" {
		t.Errorf("4.16 m² a person: CPT %s, KZ %s", cpt, men)
	}
	b.Key(kb.Backspace)
	b.Key("4") // in the same field
	b.Until(`(` + note + `).includes("3.12")`)
	if cpt, men := b.eval(norm("CPT", "shared cell")), b.eval(norm("KZ", "man")); cpt != "notmet" || men != "met" {
		t.Errorf("3.12 m² a person: CPT %s, KZ %s", cpt, men)
	}
	b.in("Floor area", "9")
	b.Until(norm("KZ", "man") + ` === "notmet"`)
	b.in("Persons held", "0")
	b.Until(`(` + note + `) === ""`)
	b.in("Persons held", "4")
	b.Until(`(` + note + `).includes("2.25")`)

	b.addRoom() // another room computes for itself
	b.in("Floor area", "20")
	b.in("Persons held", "2")
	b.Until(`(` + note + `).includes("10")`)
	if got := b.eval(`document.querySelector(".instance").querySelector(".formnote:not([hidden])").textContent`); !strings.Contains(got, "2.25") {
		t.Errorf("after a second room, the first says %q", got)
	}
	for range 3 {
		b.addRoom()
	}
	b.Until(`document.querySelector(".instance.closed .tag.warn")`)
	if got := b.eval(`[...document.querySelectorAll(".instance")].map(e => e.querySelector(".tag.warn")?.textContent ? "below" : "-").join(" ")`); got != "below - - - -" {
		t.Errorf("of five rooms, these are said to be below a norm: %s", got)
	}
	at := b.Path()
	b.Go(at) // and the disk has it
	if got := b.eval(`document.querySelector(".instance").textContent`); !strings.Contains(got, "9 · 4") {
		t.Errorf("opened anew, the first room says %q", got)
	}
	b.Quiet()
}

// TestANumberIsTakenAsPeopleHereTypeIt types as on the keyboards of the people who use it.
func TestANumberIsTakenAsPeopleHereTypeIt(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "ru")
	w.rooms(b)
	b.addRoom()
	state := `[...` + room + `.querySelectorAll(".question")].find(q => q.contains(document.activeElement)).querySelector(".state")`
	for _, c := range []struct{ label, keys, says string }{
		{"Площадь пола", "012,50", "12,50"},
		{"Площадь пола", "1 234,5", "1234,5"},
		{"Сколько человек", "007", "7"},
		{"Сколько человек", "ңү", "48"},
		{"Сколько человек", "3,5", "целое число"},
		{"Сколько человек", "12 человек", "только цифры"},
		{"Сколько человек", "ғ,", "раскладку"},
	} {
		b.in(c.label, c.keys)
		b.Until(state + `.textContent.includes("` + c.says + `")`)
		if got := b.eval(`document.activeElement.value`); got != c.keys {
			t.Errorf("after %q the field shows %q", c.keys, got)
		}
	}
	b.Key(kb.Tab) // away from what could not be read: it stays there, and is not called saved
	b.Until(`!document.querySelector(".htmx-request")`)
	if got := b.eval(`[...document.querySelectorAll(".question.wrong input.number")].map(e => e.value).join() + [...document.querySelectorAll(".question.wrong .state .ok")].map(e => e.textContent).join()`); got != "ғ," {
		t.Errorf("what could not be read shows as %q", got)
	}
	b.Go(b.Path())
	if got := b.eval(`[...document.querySelectorAll("input.number")].map(e => e.value).filter(v => v).join()`); got != "1234.5,48" {
		t.Errorf("the disk has %s", got)
	}
	b.Go("/visits/" + w.Visit + "/entry")
	population := `document.querySelector('[id$="-2008-in"]')`
	b.Do(chromedp.Evaluate(population+`.focus()`, nil))
	for _, r := range "1 240" {
		b.Key(string(r))
	}
	b.Until(population + `.form.querySelector(".ok")?.textContent.includes("1240")`)
	b.Do(chromedp.Evaluate(population+`.select()`, nil))
	for _, r := range "много" {
		b.Key(string(r))
	}
	b.Until(population + `.form.querySelector(".wrong")?.textContent.includes("только цифры")`)
	b.Forgive("422")
	b.Quiet()
}
