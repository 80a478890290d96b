package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/xuri/excelize/v2"
)

// ordering is a form with one question that is answered by an order, of four choices.
func ordering(t testing.TB, path string) {
	t.Helper()
	f := excelize.NewFile()
	for name, rows := range map[string][][]any{
		"survey": {{"type", "name", "label::English (en)", "label::Русский (ru)", "label::Қазақша (kk)"}, {"begin group", "g", "Block", "Блок", "Блок"},
			{"rank worry", "first", "What worries people most?", "Что беспокоит людей больше всего?", "Адамдарды не көбірек алаңдатады?"}, {"text", "why", "Why?", "Почему?", "Неге?"}, {"end group"}},
		"settings": {{"form_id", "form_title", "version"}, {"ordering", "Ordering", "1"}},
		"choices": {{"list_name", "name", "label::English (en)", "label::Русский (ru)", "label::Қазақша (kk)"}, {"worry", "food", "Food", "Еда", "Тамақ"}, {"worry", "cold", "Cold", "Холод", "Суық"},
			{"worry", "doctor", "Doctor", "Врач", "Дәрігер"}, {"worry", "letters", "Letters", "Письма", "Хаттар"}}} {
		_, err := f.NewSheet(name)
		must(t, err)
		for i, row := range rows {
			must(t, f.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row))
		}
	}
	must(t, f.DeleteSheet("Sheet1"))
	must(t, f.SaveAs(path))
}

// TestAnOrderIsMadeWithTheKeyboardAlone moves the rows of a ranking by their buttons, in both ways of answering.
func TestAnOrderIsMadeWithTheKeyboardAlone(t *testing.T) {
	judged(t)
	w := NewWorld(t)
	ordering(t, w.path("ordering.xlsx"))
	w.Kua(Saule, "template", "import", w.path("ordering.xlsx"), "--approve")
	w.Sync()
	w.Checklist = w.Kua(Aigerim, "checklist", "open", w.Visit, "ordering", "--quiet")
	_, b := w.Screens(Aigerim, "en")
	const order = `[...document.querySelectorAll(".rank .text")].map(e => e.textContent).join(" ")`
	at := func(row, way string) string {
		return `[...document.querySelectorAll(".rank li")].find(e => e.querySelector(".text").textContent === "` + row + `").querySelector('button[value^="` + way + `"]')`
	}
	press := func(row, way, key, want, said string) {
		t.Helper()
		b.Do(chromedp.Evaluate(at(row, way)+`.focus()`, nil))
		b.Key(key)
		b.Until(order + ` === "` + want + `" && document.querySelector(".rank").closest("[data-field]").dataset.state === "saved"`)
		b.Until(`document.activeElement === ` + at(row, way))
		b.Until(`document.querySelector('.state[role="status"]').textContent.includes("` + said + `")`)
	}
	saved := func(want string) {
		t.Helper()
		b.Go(b.Path())
		if got := b.eval(order); got != want {
			t.Errorf("the disk has %s, want %s", got, want)
		}
	}

	b.Go(w.list() + "/section/0")
	if got := b.eval(`document.querySelector(".rank").className + ": " + ` + order); got != "rank unranked: Food Cold Doctor Letters" {
		t.Errorf("before an answer the page shows %s", got)
	}
	press("Food", "down", kb.Enter, "Cold Food Doctor Letters", "Food: place 2 of 4")
	press("Food", "down", " ", "Cold Doctor Food Letters", "Food: place 3 of 4")
	press("Letters", "up", kb.Enter, "Cold Doctor Letters Food", "Letters: place 3 of 4")
	saved("Cold Doctor Letters Food")

	b.Do(chromedp.Evaluate(at("Cold", "down")+`.focus()`, nil)) // quicker than the answers come: each press counts
	for range 3 {
		b.Do(chromedp.KeyEvent(kb.Enter))
	}
	b.Until(order + ` === "Doctor Letters Food Cold" && !document.querySelector(".htmx-request")`)
	b.Until(`document.activeElement === ` + at("Cold", "down"))
	b.Key(kb.Enter) // it is the last already
	if got := b.eval(at("Cold", "down") + `.getAttribute("aria-disabled") + " " + ` + order); got != "true Doctor Letters Food Cold" {
		t.Errorf("past the end: %s", got)
	}
	saved("Doctor Letters Food Cold")

	b.Go(w.list() + "/one/1")
	press("Food", "up", kb.Enter, "Doctor Food Letters Cold", "Food: place 2 of 4")
	saved("Doctor Food Letters Cold")
	b.Judge("a ranking")
	b.ByKeyboard("a ranking")
	b.Fits("a ranking", 360)
	for l, want := range map[string]string{"kk": "Дәрігер: жоғары", "ru": "Врач: выше", "en": "Doctor: up"} {
		b.Language(l)
		if got := b.eval(`document.querySelector('.rank button').getAttribute("aria-label").split(": ").reverse().join(": ")`); got != want {
			t.Errorf("in %s the first button is called %s", l, got)
		}
	}
	b.In("ranking")
	b.Do(chromedp.Click(`[data-silence="not-checked"]`, chromedp.ByQuery))
	b.Until(`document.querySelector(".rank.unranked") && document.querySelector('[data-silence="not-checked"][aria-pressed="true"]')`)
	b.Do(chromedp.Click(`button[value="keep"]`, chromedp.ByQuery))
	b.Until(`document.querySelector(".rank:not(.unranked)") && !document.querySelector('[data-silence][aria-pressed="true"]')`)
	saved("Food Cold Doctor Letters")
	b.Quiet()
}
