package browser

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"kua/syncproto"
)

// photo is a picture of a wall with a window.
func photo(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 1200, 900))
	for y := range 900 {
		for x := range 1200 {
			c := color.RGBA{uint8(150 + y/20), uint8(140 + x/40), 130, 255}
			if x > 400 && x < 800 && y > 200 && y < 600 && x%100 > 12 {
				c = color.RGBA{190, 215, 235, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

// Dark takes a picture in dark colours too.
func (b *Tab) Dark(name string) {
	b.T.Helper()
	b.Do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	b.Picture(name + "-dark")
	b.Do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}))
}

func TestAConversationInACorridor(t *testing.T) {
	s := NewSeason(t)
	s.Laptop("Бірінші Сақтаушы", syncproto.RoleCustodian, "KZ-75")
	s.Laptop("Екінші Сақтаушы", syncproto.RoleCustodian, "KZ-75")
	Approve(t, s.Lead, "interview", "allegation")
	s.SyncAll()
	visit := "/visits/" + s.Visit.String()
	_, b := Screens(t, s.Aigerim)
	b.Do(chromedp.Navigate(b.Origin()+visit+"/interviews"), chromedp.WaitVisible(`form button.main`, chromedp.ByQuery))
	b.Press(`button[name="kind"][value="private"]`, `h1.pseudonym`)
	at := b.Path()
	b.Press(`input[name="level"][value="C3"]`, `input[name="level"][value="C3"]:checked`)
	b.Do(chromedp.Click(`#use-report button[value="yes"]`, chromedp.ByQuery), chromedp.WaitVisible(`#use-report.given`, chromedp.ByQuery))
	b.Do(chromedp.Click(`#use-photo button[value="no"]`, chromedp.ByQuery), chromedp.WaitVisible(`#use-photo.refused`, chromedp.ByQuery))
	b.Type(`#said ~ form textarea`, "Алғашқы түні карцерде ұстаған, көрпе бермеген.")
	b.Saved(`#said ~ form`)
	b.In("interview")
	b.Dark("interview")
	b.Do(chromedp.Click(`#use-report summary`, chromedp.ByQuery), chromedp.Click(`#use-report input[name="sure"]`, chromedp.ByQuery),
		chromedp.Click(`#use-report button.danger`, chromedp.ByQuery), chromedp.WaitVisible(`#use-report.withdrawn`, chromedp.ByQuery))
	b.In("withdrawn")
	b.Do(chromedp.Navigate(b.Origin()+at+"/identity"), chromedp.WaitVisible(`#confirm`, chromedp.ByQuery))
	b.In("vault")
	name := b.Text(`main p a:last-child`)
	b.Type(`#name`, "Жанар Әбішева")
	b.Type(`#reason`, "қайта табуды сұрады")
	b.Type(`#confirm`, name)
	b.Press(`button.danger`, `.card .sealed`)
	b.In("sealed")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/interviews"), chromedp.WaitVisible(`.people`, chromedp.ByQuery))
	b.Press(`button[name="kind"][value="staff"]`, `h1.pseudonym`)
	b.Do(chromedp.Evaluate(`document.fonts.ready.then(() => true)`, nil, awaits)) // what is clicked must not move
	b.Press(`input[name="level"][value="C0"]`, `.notice.warn`)
	b.In("c0")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/interviews"), chromedp.WaitVisible(`.people`, chromedp.ByQuery))
	b.In("interviews")
	b.Quiet()
}

func TestPhotosAndSound(t *testing.T) {
	s := NewSeason(t)
	file := filepath.Join(t.TempDir(), "wall.jpg")
	must(t, os.WriteFile(file, photo(t), 0o600))
	visit := "/visits/" + s.Visit.String()
	_, b := Screens(t, s.Aigerim)
	b.Do(chromedp.Navigate(b.Origin()+visit+"/evidence"), chromedp.WaitVisible(`[data-record]`, chromedp.ByQuery))
	b.In("noevidence")
	b.Do(chromedp.SetUploadFiles(`[data-pick]`, []string{file}, chromedp.ByQuery), chromedp.WaitVisible(`.proof img`, chromedp.ByQuery))
	b.Do(chromedp.Click(`[data-record]`, chromedp.ByQuery), chromedp.WaitVisible(`[data-stop]`, chromedp.ByQuery))
	b.Do(chromedp.WaitVisible(`//*[@data-clock and text()="0:03"]`, chromedp.BySearch))
	b.Picture("recording-en")
	b.Do(chromedp.Click(`[data-stop]`, chromedp.ByQuery), chromedp.WaitVisible(`.proof + .proof`, chromedp.ByQuery))
	b.In("evidence")
	b.Press(`.proof:last-child a.picture`, `img.view`)
	b.In("photo")
	b.Dark("photo")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/evidence"), chromedp.WaitVisible(`.proof`, chromedp.ByQuery))
	b.Press(`.proof:first-child a.picture`, `audio`)
	var playable bool
	b.Do(chromedp.Evaluate(`(async () => { const a = document.querySelector("audio"); a.load(); await new Promise((y, n) => { a.onloadedmetadata = y; a.onerror = n; a.preload = "auto"; }); return true; })()`, &playable, awaits))
	if !playable {
		t.Error("the recording does not play")
	}
	b.In("sound")
	b.Quiet()

	// What was spoken until a lock is kept, without a press on stop.
	b.Do(chromedp.Navigate(b.Origin()+visit+"/evidence"), chromedp.WaitVisible(`[data-record]`, chromedp.ByQuery))
	b.Do(chromedp.Click(`[data-record]`, chromedp.ByQuery), chromedp.WaitVisible(`//*[@data-clock and text()="0:03"]`, chromedp.BySearch))
	b.Do(chromedp.KeyEvent(kb.F9), chromedp.WaitVisible(`#passphrase`, chromedp.ByQuery))
	b.Unlock()
	b.Do(chromedp.Navigate(b.Origin()+visit+"/evidence"), chromedp.WaitVisible(`.proof:nth-child(3)`, chromedp.ByQuery))
}

func TestBeforeTheGateAndAfterIt(t *testing.T) {
	s := NewSeason(t)
	visit := "/visits/" + s.Visit.String()
	_, b := Screens(t, s.Daulet)
	b.Do(chromedp.Navigate(b.Origin()+visit+"/prepare"), chromedp.WaitVisible(`#way`, chromedp.ByQuery))
	b.In("way")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/protect"), chromedp.WaitVisible(`#travel`, chromedp.ByQuery))
	b.In("protect")
	b.Language("ru")
	b.Press(`form[action$="/travel"] button`, `.notice[role="status"]`)
	b.Picture("travelled-ru")
	b.Language("en")
	b.Do(chromedp.Click(`input[name="sure"]`, chromedp.ByQuery))
	b.Press(`button[value="enter"]`, `.gatebar`)
	b.In("gate")
	b.Dark("gate")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/interviews"), chromedp.WaitVisible(`form button.main`, chromedp.ByQuery))
	b.Press(`button[name="kind"][value="private"]`, `h1.pseudonym`)
	at := b.Path()
	b.Type(`#said ~ form textarea`, "Қақпа ішінде жазылған сөз.")
	b.Saved(`#said ~ form`)
	b.Do(chromedp.KeyEvent(kb.F9), chromedp.WaitVisible(`#passphrase`, chromedp.ByQuery))
	b.Unlock()
	b.Do(chromedp.Navigate(b.Origin()+at), chromedp.WaitVisible(`.sealed`, chromedp.ByQuery))
	var html string
	b.Do(chromedp.OuterHTML(`main`, &html, chromedp.ByQuery))
	if strings.Contains(html, "жазылған сөз") {
		t.Error("what was sealed at the gate is shown after a lock")
	}
	b.In("closed")
	b.Do(chromedp.Navigate(b.Origin()+visit+"/interviews"), chromedp.WaitVisible(`.people`, chromedp.ByQuery))
	b.In("closedlist")
	b.Quiet()
}

// awaits waits for the promise that a script returns.
func awaits(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
