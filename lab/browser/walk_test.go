package browser

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"kua/syncproto"
)

func TestANewLaptopIsSetUpAndLocked(t *testing.T) {
	dir := t.TempDir()
	app := Start(t, filepath.Join(dir, "data"), filepath.Join(dir, "state"))
	b := Browse(t)
	b.Open(<-app.Launch)
	b.In("setup")
	if got := b.Path(); got != "/setup" {
		t.Fatalf("a new laptop begins at %s", got)
	}
	b.Do(chromedp.Click(`[data-fill]`, chromedp.ByQuery), chromedp.Click(`button.main`, chromedp.ByQuery), chromedp.WaitVisible(`.secret`, chromedp.ByQuery))
	b.Picture("recovery-en")
	b.Press(`a.main`, `#code`)
	b.In("enrol")
	b.Quiet()
}

func TestADayFromUnlockToLock(t *testing.T) {
	s := NewSeason(t)
	visit := syncproto.EntityID(s.Visit)
	Set(t, s.Lead, s.Visit, visit, "visit", "summary", "Жылы.")
	Set(t, s.Daulet, s.Visit, visit, "visit", "population", "840")
	Set(t, s.Aigerim, s.Visit, visit, "visit", "population", "812")
	s.SyncAll()
	_, b := Screens(t, s.Aigerim)
	b.In("today")
	b.Press(`a[href="/visits/`+s.Visit.String()+`"]`, `.rail`)
	b.In("prepare")
	b.Press(`.rail a[href$="/entry"]`, `textarea`)
	b.Do(chromedp.Click(`[data-now]`, chromedp.ByQuery))
	b.Saved(`form.field`)
	b.In("entry")
	b.Press(`.rail a[href$="/observations"]`, `.adder`)
	b.Press(`.adder button`, `#cards textarea`)
	b.Type(`#cards textarea`, "Хлор иісі. Кереуеттер тот басқан.")
	b.Saved(`#cards form.field`)
	b.In("observations")
	b.Do(chromedp.KeyEvent(kb.F9))
	b.Do(chromedp.WaitVisible(`#passphrase`, chromedp.ByQuery))
	b.In("unlock")
	b.Unlock()
	b.Do(chromedp.Navigate(b.Origin()+"/visits/"+s.Visit.String()+"/observations"), chromedp.WaitVisible(`#cards textarea`, chromedp.ByQuery))
	var text string
	b.Do(chromedp.Value(`#cards textarea`, &text, chromedp.ByQuery))
	if text != "Хлор иісі. Кереуеттер тот басқан." {
		t.Errorf("after the lock the observation reads %q", text)
	}
	b.Quiet()
}
