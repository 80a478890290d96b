package browser

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/xuri/excelize/v2"
)

// large is a checklist of 150 questions in five sections, and 300 cells whose square metres a person are calculated, with a
// sum over all of them.
func large(t testing.TB, path string) {
	t.Helper()
	survey := [][]any{{"type", "name", "label", "calculation", "repeat_count", "relevant"}}
	for s := range 5 {
		survey = append(survey, []any{"begin group", fmt.Sprintf("s%d", s), fmt.Sprintf("Section %d", s+1)})
		for q := range 30 {
			relevant := ""
			if q%10 == 9 {
				relevant = fmt.Sprintf("${q%d_%d} != 'no'", s, q-1)
			}
			survey = append(survey, []any{"select_one met", fmt.Sprintf("q%d_%d", s, q), fmt.Sprintf("Question %d of section %d", q+1, s+1), "", "", relevant})
		}
		survey = append(survey, []any{"end group"})
	}
	survey = append(survey, []any{"begin repeat", "cells", "Cells", "", "300"}, []any{"decimal", "area", "Area"}, []any{"integer", "persons", "Persons"},
		[]any{"calculate", "each", "", "${area} div ${persons}"}, []any{"end repeat"}, []any{"calculate", "total", "", "sum(${persons})"})
	f := excelize.NewFile()
	for name, rows := range map[string][][]any{"survey": survey, "settings": {{"form_id", "form_title", "version"}, {"large", "Large", "1"}},
		"choices": {{"list_name", "name", "label"}, {"met", "yes", "Met"}, {"met", "partly", "Partly"}, {"met", "no", "Not met"}}} {
		_, err := f.NewSheet(name)
		must(t, err)
		for i, row := range rows {
			must(t, f.SetSheetRow(name, fmt.Sprintf("A%d", i+1), &row))
		}
	}
	must(t, f.DeleteSheet("Sheet1"))
	must(t, f.SaveAs(path))
}

// stopwatch measures in the page from a key to the frame after the field says that the disk has it.
const stopwatch = `(() => {
	window.kuaTook = [];
	let began = 0;
	document.addEventListener("keydown", () => { began = performance.now() }, true);
	new MutationObserver(() => {
		if (!began || !document.querySelector('[data-field][data-state="saved"]:focus-within, [data-field][data-state="saved"] .ok')) return;
		const from = began;
		began = 0;
		requestAnimationFrame(() => { window.kuaTook.push(performance.now() - from) });
	}).observe(document.body, {subtree: true, attributes: true, attributeFilter: ["data-state"], childList: true});
})()`

// BenchmarkKeypress measures from the key that answers to "saved" on the screen, which means that the disk has it, in a
// checklist of 150 questions and 300 measured cells: where a choice is made with the arrow keys, and where a number is left.
func BenchmarkKeypress(b *testing.B) {
	w := NewWorld(b)
	large(b, w.path("large.xlsx"))
	w.Kua(Saule, "template", "import", w.path("large.xlsx"), "--approve")
	w.Sync()
	w.Checklist = w.Kua(Aigerim, "checklist", "open", w.Visit, "large", "--quiet")
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "/data/cells[%d]/area\t%d.5\n/data/cells[%d]/persons\t%d\n", i+1, 10+i%7, i+1, 2+i%5)
	}
	must(b, os.WriteFile(w.path("answers"), []byte(lines.String()), 0o600))
	w.Kua(Aigerim, "checklist", "fill", w.path("answers"))
	_, tab := w.Screens(Aigerim, "en")

	b.Run("choice", func(b *testing.B) {
		tab.T = b
		tab.Go(w.list() + "/section/2")
		tab.Do(chromedp.Evaluate(stopwatch, nil), chromedp.Evaluate(`document.querySelectorAll("[data-question]")[10].querySelector("input[type=radio]").focus()`, nil))
		for i := 0; b.Loop(); i++ {
			tab.Do(chromedp.KeyEvent(kb.ArrowDown))
			tab.Until(fmt.Sprintf(`window.kuaTook.length === %d`, i+1))
		}
		tab.report(b)
	})
	b.Run("number", func(b *testing.B) {
		tab.T = b
		tab.Go(w.list() + "/section/5")
		tab.Press(".closed button", "input.number") // of many rooms, one stands open
		for i := 0; b.Loop(); i++ {
			if i == 0 {
				tab.Do(chromedp.Evaluate(stopwatch, nil))
			}
			tab.Do(chromedp.Evaluate(`(() => { const e = [...document.querySelectorAll("input.number")].find(e => e.checkVisibility()); e.focus(); e.select() })()`, nil))
			tab.Do(chromedp.KeyEvent(fmt.Sprint(2+i%9)), chromedp.KeyEvent(kb.Enter))
			tab.Until(fmt.Sprintf(`window.kuaTook.length === %d`, i+1))
		}
		tab.report(b)
	})
}

// report gives the median and the 95th percentile of what the stopwatch took.
func (t *Tab) report(b *testing.B) {
	var took []float64
	t.Do(chromedp.Evaluate(`window.kuaTook`, &took))
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
	b.ReportMetric(0, "ns/op") // with the test's own waiting it says nothing
}
