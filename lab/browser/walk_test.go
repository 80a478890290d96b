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

func TestTheOfficeScreens(t *testing.T) {
	s := NewSeason(t)
	visit := syncproto.EntityID(s.Visit)
	Set(t, s.Daulet, s.Visit, visit, "visit", "population", "840")
	Set(t, s.Aigerim, s.Visit, visit, "visit", "population", "812")
	Set(t, s.Aigerim, s.Visit, visit, "visit", "summary", "Қоймада ылғал.")
	s.SyncAll()
	Set(t, s.Aigerim, s.Visit, visit, "visit", "title", "Көктемгі бару, 2026")
	_, b := Screens(t, s.Aigerim)
	b.Press(`a[href="/attention"]`, `main h1`)
	b.In("attention")
	b.Press(`a.button[href$="/2008"]`, `.timeline`)
	b.In("settle")
	b.Do(chromedp.Click(`input[value="0"]`, chromedp.ByQuery))
	b.Type(`#reason`, "Тізім бойынша санадық.")
	b.Press(`form[action$="/resolve"] button`, `.timeline li.head`)
	b.In("history")
	b.Press(`a[href="/search"]`, `#words`)
	b.Type(`#words`, "коймада")
	b.Do(chromedp.WaitVisible(`#results article`, chromedp.ByQuery))
	b.Picture("search-en")
	b.Press(`nav a[href="/sync"]`, `#stick`)
	b.In("sync")
	b.Press(`form[action="/sync/start"] button`, `#progress .notice`)
	b.In("synced")
	b.Type(`#folder`, t.TempDir())
	b.Press(`form[action="/courier/export"] button`, `.notice.good code`)
	b.Picture("exported-en")
	b.Press(`nav a[href="/today"]`, `a.button.main`)
	b.Press(`a[href="/visits/new"]`, `#facility`)
	b.In("newvisit")
	b.Do(chromedp.SetValue(`#facility`, s.Facility.String(), chromedp.ByQuery), chromedp.SendKeys(`#title`, "Арнайы бару", chromedp.ByQuery))
	b.Press(`button.main`, `.rail`)
	b.Press(`.who`, `#idle`)
	b.In("settings")
	b.Quiet()
}
