package browser

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Second opens one more tab in the same window.
func (b *Tab) Second() *Tab {
	b.T.Helper()
	ctx, cancel := chromedp.NewContext(b.Context)
	tab := &Tab{Context: ctx, T: b.T, Profile: b.Profile, Folder: b.Folder, own: b.own, close: sync.OnceFunc(cancel)}
	chromedp.ListenTarget(ctx, tab.hear)
	must(b.T, chromedp.Run(ctx, network.Enable(), page.Enable(), audits.Enable()))
	b.T.Cleanup(tab.close)
	return tab
}

func hasAny(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// eventually opens a page until something holds on it: what a tab sent in its last moment may still be on its way.
func (b *Tab) eventually(path, js string) bool {
	b.T.Helper()
	there := false
	for try := 0; !there && try < 20; try++ {
		b.Go(path)
		b.Do(chromedp.Evaluate(`Boolean(`+js+`)`, &there))
	}
	return there
}

// TestAClosedTabLosesNothing closes tabs in the middle of typing: in a text, part of which was saved, and in a number of a
// checklist.
func TestAClosedTabLosesNothing(t *testing.T) {
	w := NewWorld(t)
	w.fill()
	_, b := w.Screens(Aigerim, "en")
	path := "/visits/" + w.Visit + "/observations"
	c := b.Second()
	c.Go(path)
	var n int
	c.Do(chromedp.Evaluate(`document.querySelectorAll("#cards article").length`, &n), chromedp.Click(".adder button", chromedp.ByQuery))
	c.Until(fmt.Sprintf(`document.querySelectorAll("#cards article").length === %d`, n+1)) // the new one comes first
	first, more := canary(t), canary(t)
	c.Type("#cards textarea", first)
	c.Saved("#cards form.field")
	c.Do(chromedp.KeyEvent(kb.End + " " + more))
	c.Do(page.Close())
	if !b.eventually(path, `[...document.querySelectorAll("textarea")].some(e => e.value === "`+first+" "+more+`")`) {
		t.Errorf("of two words, the second in a tab that was closed, the disk has %s", b.eval(`[...document.querySelectorAll("textarea")].map(e => e.value).join(" | ")`))
	}

	path = w.list() + "/section/0"
	c = b.Second()
	c.Go(path)
	c.Do(chromedp.Evaluate(`(e => { e.focus(); e.select() })([...document.querySelectorAll("input.number")].find(e => e.checkVisibility()))`, nil), chromedp.KeyEvent("47"), page.Close())
	if !b.eventually(path, `[...document.querySelectorAll("input.number")].some(e => e.value === "47")`) {
		t.Error("a number in a tab that was closed is lost")
	}
	b.Quiet()
}

// TestTwoTabsShowOneLaptop holds that a lock in one empties the other and saves what was typed there; and that what one
// wrote while the other showed an older text is not replaced without a word.
func TestTwoTabsShowOneLaptop(t *testing.T) {
	w := NewWorld(t)
	_, b := w.Screens(Aigerim, "en")
	path := "/visits/" + w.Visit + "/observations"
	b.Go(path)
	b.Press(".adder button", "#cards textarea")
	b.Type("#cards textarea", "before")
	b.Saved("#cards form.field")
	c := b.Second()
	c.Go(path) // it shows "before", and goes on showing it
	typed := func(tab *Tab, text string) {
		tab.Do(page.BringToFront(), chromedp.Evaluate(`(e => { e.focus(); e.select() })(document.querySelector("#cards textarea"))`, nil), chromedp.KeyEvent(text))
	}
	one, other := canary(t), canary(t)
	typed(b, one)
	b.Until(`document.querySelector("#cards form.field[data-state=''] .ok") && !document.querySelector(".htmx-request")`)
	typed(c, other)
	c.Until(`!document.querySelector('#cards [data-state="typing"], #cards [data-state="saving"], .htmx-request')`)
	c.Go(path)
	shown := c.eval(`document.querySelector("#cards form.field").textContent + document.querySelector("#cards textarea").value`)
	if !strings.Contains(shown, one) || !strings.Contains(shown, other) {
		t.Errorf("of %s and %s, which two tabs wrote over the same text, the page shows %q", one, other, shown)
	}

	b.Go(path)
	b.Do(chromedp.Click(".adder button", chromedp.ByQuery))
	b.Until(`document.querySelectorAll("#cards article").length === 2`)
	b.Listens()
	c.Go("/today")
	c.Listens()
	last := canary(t)
	typed(b, last)
	c.Do(page.BringToFront(), chromedp.KeyEvent(kb.F9))
	for _, tab := range []*Tab{c, b} {
		tab.Until(`location.pathname === "/unlock" && document.querySelector("#passphrase")`)
		if got := tab.eval(`document.documentElement.outerHTML`); hasAny(got, one, last, "Көктемгі", Aigerim) {
			t.Errorf("after the lock a tab shows %s", got)
		}
	}
	b.Do(page.BringToFront())
	b.Unlock()
	c.Do(page.BringToFront())
	c.Go("/") // it was let in with the other, and needs no passphrase of its own
	if got := c.Path(); got != "/today" {
		t.Errorf("after one tab was unlocked, the other stands at %s", got)
	}
	if !c.eventually(path, `[...document.querySelectorAll("textarea")].some(e => e.value === "`+last+`")`) {
		t.Error("what was typed in one tab when the other locked is lost")
	}
	for _, tab := range []*Tab{b, c} {
		tab.Quiet()
	}
}
