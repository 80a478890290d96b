package browser

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
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
