package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe is the source of axe-core 4.14.1 (MPL-2.0), which npm fetches by its lock file; it never ships.
var axe = sync.OnceValues(func() (string, error) {
	path := filepath.Join("node_modules", "axe-core", "axe.min.js")
	if b, err := os.ReadFile(path); err == nil {
		return string(b), nil
	}
	out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--fetch-retries=1", "--fetch-timeout=20000").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm cannot fetch it: %w %s", err, out)
	}
	b, err := os.ReadFile(path)
	return string(b), err
})

// judged skips a test where axe-core is not to be had.
func judged(t testing.TB) {
	t.Helper()
	if _, err := axe(); err != nil {
		missing(t, "axe-core is not on this machine, so no page was judged: "+err.Error())
	}
}

// wcag are the rules that pages are held to: WCAG 2.0 to 2.2, levels A and AA.
const wcag = `["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa"]`

// Judge fails the test for each serious or critical violation that axe-core finds on the page.
func (b *Tab) Judge(name string) {
	b.T.Helper()
	source, err := axe()
	must(b.T, err)
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	b.Do(chromedp.Evaluate(`window.axe ? 1 : (() => {`+source+`
; return 1 })()`, nil), b.async(`axe.run(document, {runOnly: {type: "tag", values: `+wcag+`}, resultTypes: ["violations"]})
		.then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical"))`, &found))
	for _, v := range found {
		for i, n := range v.Nodes {
			if i == 3 {
				b.T.Errorf("%s: and %d more places", name, len(v.Nodes)-i)
				break
			}
			b.T.Errorf("%s: axe %s (%s): %s\n\t%s\n\t%s", name, v.ID, v.Impact, v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

// async evaluates a promise.
func (b *Tab) async(js string, into any) chromedp.Action {
	return chromedp.Evaluate(js, into, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })
}

// Fits fails the test where the page scrolls sideways at a width, in CSS pixels.
func (b *Tab) Fits(name string, width int64) {
	b.T.Helper()
	var got struct {
		Inner, Page int64
		Widest      string
	}
	b.Do(chromedp.EmulateViewport(width, 740), chromedp.Evaluate(`(() => {
		const w = document.documentElement.clientWidth, over = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > w + 1);
		return {Inner: w, Page: document.documentElement.scrollWidth, Widest: over.length ? over.at(-1).outerHTML.slice(0, 160) : ""}})()`, &got))
	if got.Page > got.Inner {
		b.T.Errorf("%s is %d pixels wide on a screen of %d: %s", name, got.Page, got.Inner, got.Widest)
	}
}

// Stores fails the test where the page has put something into a store of the browser, or lets scripts see its cookie.
func (b *Tab) Stores(name string) {
	b.T.Helper()
	var got map[string]int
	b.Do(b.async(`(async () => ({
		localStorage: localStorage.length, sessionStorage: sessionStorage.length, cookie: document.cookie.length,
		indexedDB: (await indexedDB.databases()).length, caches: window.caches ? (await caches.keys()).length : 0,
		workers: navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length : 0,
		state: history.state === null ? 0 : 1}))()`, &got))
	for store, n := range got {
		if n != 0 {
			b.T.Errorf("%s: %s holds something", name, store)
		}
	}
}

// ByKeyboard walks over the page with the tab key, and fails the test where it does not come to something that can be
// used, or where one cannot see where one is.
func (b *Tab) ByKeyboard(name string) {
	b.T.Helper()
	var n int
	b.Do(chromedp.Evaluate(`(() => {
		const group = e => e.type === "radio" && e.form ? e.form.elements.namedItem(e.name)[0] ?? e : e;
		const all = [...document.querySelectorAll('a[href],button,input:not([type="hidden"]),select,textarea,summary,[tabindex]:not([tabindex^="-"])')]
			.filter(e => !e.disabled && !e.closest("fieldset:disabled") && (e.checkVisibility({visibilityProperty: true}) || e.classList.contains("skip")));
		window.kuaTest = {group, left: new Set(all.map(group))};
		return window.kuaTest.left.size})()`, &n))
	for idle := 0; n > 0 && idle < 30; {
		var at struct {
			Left, Index int
			Bad         string
		}
		b.Do(chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(`(() => {
			const t = window.kuaTest, e = document.activeElement, s = getComputedStyle(e);
			const ring = s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1;
			const picker = e.matches("input[type^=date],input[type=time]") && !e.matches(":focus-visible"); // the browser rings the button inside
			const seen = e === document.body || (e.checkVisibility({visibilityProperty: true}) && (ring(s) || picker));
			const r = e.getBoundingClientRect(), inside = e === document.body || (r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth);
			t.left.delete(t.group(e));
			return {Left: t.left.size, Bad: seen && inside ? "" : e.outerHTML.slice(0, 160)}})()`, &at))
		if at.Bad != "" {
			b.T.Errorf("%s: the focus cannot be seen on %s", name, at.Bad)
		}
		if at.Left == n {
			idle++
		} else {
			n, idle = at.Left, 0
		}
	}
	if n > 0 {
		var left json.RawMessage
		b.Do(chromedp.Evaluate(`[...window.kuaTest.left].slice(0, 5).map(e => e.outerHTML.slice(0, 160))`, &left))
		b.T.Errorf("%s: the tab key does not come to %d places: %s", name, n, left)
	}
}
