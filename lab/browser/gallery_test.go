package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// gallery takes a picture of whatever page a tab shows, and holds it to what holds for all pages.
type gallery struct {
	*Tab
	language string
	shown    map[string]bool // patterns of routes.go that have a picture
}

// hang adds the page that the tab shows, by the pattern of its door; "" for the answer to a form.
func (g *gallery) hang(name, pattern string) {
	g.T.Helper()
	g.shown[pattern] = true
	name += "-" + g.language
	if got := g.language; !strings.Contains(g.eval(`document.documentElement.lang`), got) {
		g.T.Errorf("%s speaks %s", name, g.eval(`document.documentElement.lang`))
	}
	g.Picture(name)
	g.Fits(name, 360)
	g.Fits(name, 1366/2) // what a screen of 1366 shows at 200 %
	g.Do(chromedp.EmulateViewport(1366, 768))
	g.Judge(name)
	g.Stores(name)
	if g.language == Languages[0] { // what does not depend on words
		g.Do(chromedp.EmulateViewport(360, 740))
		g.Judge(name + " on a phone")
		g.Do(chromedp.EmulateViewport(1366, 768), dark(true))
		g.Judge(name + " in the dark")
		g.one(name+"-dark", 1366, 768)
		g.Do(dark(false))
		g.ByKeyboard(name)
	}
}

// dark asks for dark colours or light ones, at once: half-way through a transition no contrast is right.
func dark(on bool) chromedp.Action {
	value := "light"
	if on {
		value = "dark"
	}
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}})
}

// TestGallery shows every page of the application in every language, and holds each to the rules for all pages. A page
// without a picture is a failure: whoever adds a door adds a sheet to sheets.go, or a step here.
func TestGallery(t *testing.T) {
	judged(t)
	old, err := filepath.Glob(filepath.Join(Out(), "*.png"))
	must(t, err)
	for _, path := range old {
		must(t, os.Remove(path))
	}
	w := NewWorld(t)
	w.fill()
	shown := map[string]bool{}
	for _, l := range Languages {
		t.Run(l, func(t *testing.T) {
			w.T = t
			w.firstDay(&gallery{language: l, shown: shown})
			w.anyDay(&gallery{language: l, shown: shown})
		})
	}
	for _, d := range doors(t) {
		if noPages[d] == "" && !shown[d] {
			t.Errorf("the gallery shows no page of GET %s: add a sheet to sheets.go", d)
		}
	}
	for d := range noPages {
		if !slices.Contains(doors(t), d) {
			t.Errorf("noPages names %s, which is no door", d)
		}
	}
	at, err := filepath.Abs(Out())
	must(t, err)
	t.Logf("the gallery is in %s", at)
}

// firstDay goes through set-up and enrolment as a new member does.
func (w *World) firstDay(g *gallery) {
	who := "Жанар " + g.language
	card, err := os.ReadFile(w.Invite(who, "monitor"))
	must(w.T, err)
	app := w.App(who)
	g.Tab = Browse(w.T, w.env()...)
	g.Folder = ""
	g.Open(<-app.Launch)
	g.Language(g.language)
	g.hang("setup", "/setup")
	g.Type("#passphrase", Words)
	g.Type("#again", Words)
	g.Press("main button.main", ".secret")
	g.hang("recovery", "")
	g.Press("a.main", "#code")
	g.hang("enrol", "/enrol")
	g.Type("#code", strings.TrimSpace(string(card)))
	g.Press("main button.main", ".six")
	g.hang("six-words", "/enrol")
	g.Press("main form button.main", "[role=status]")
	g.hang("six-words-waiting", "")
	g.Quiet()
	app.Stop()
}

// anyDay opens every page of a member's laptop.
func (w *World) anyDay(g *gallery) {
	app := w.App(Aigerim)
	g.Tab = Browse(w.T, w.env()...)
	g.Folder = ""
	g.Open(<-app.Launch)
	g.Language(g.language)
	g.hang("unlock", "/unlock")
	g.Type("#passphrase", "not the right words")
	g.Press("button.main", "#wrong")
	g.hang("unlock-wrong", "")
	g.Forgive("/unlock")
	g.Unlock()
	for _, s := range w.sheets() {
		g.Go(w.pathOf(s))
		g.hang(s.name, s.pattern)
	}
	g.Go("/search")
	g.Type("#words", "хлор")
	g.Until(`document.querySelector("#results article")`)
	g.hang("found", "")
	g.Go("/sync")
	g.Press(`form[action="/sync/start"] button`, "#progress .notice.good")
	g.hang("synced", "")
	g.Type("#folder", w.Dir)
	g.Press(`form[action="/courier/export"] button`, ".notice.good code")
	g.hang("exported", "")
	g.Go("/visits/" + w.Visit + "/evidence")
	g.Press(`.proof a.picture`, `img.view`)
	g.Go("/visits/" + w.Visit + "/debrief?all=yes")
	g.hang("debrief-all", "/visits/{visit}/debrief")
	g.Go("/nowhere")
	g.hang("error", "")
	g.Forgive("/nowhere")
	g.Quiet()
	app.Stop()
}
