package browser

import (
	"bytes"
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/lab/stage"
	"kua/syncproto"
)

// Approve brings starter checklists into the registry and approves them.
func Approve(t testing.TB, l *stage.Laptop, names ...string) {
	t.Helper()
	ctx := context.Background()
	for _, name := range names {
		b, err := checklists.Workbook(name)
		must(t, err)
		f, _, err := form.Import(ctx, bytes.NewReader(b), int64(len(b)), name+".xlsx")
		must(t, err)
		info, err := l.ImportTemplate(ctx, f)
		must(t, err)
		must(t, l.ApproveTemplate(ctx, info.ID))
	}
}

func TestAChecklistIsFilledInOnTheScreens(t *testing.T) {
	s := NewSeason(t)
	Approve(t, s.Lead, "colony", "core", "interview")
	s.SyncAll()
	colony := templateID(t, s.Aigerim, "kua_colony")
	_, b := Screens(t, s.Aigerim)
	b.Do(chromedp.WaitVisible(`a[href="/today"][aria-current]`, chromedp.ByQuery))
	visit := s.Visit.String()
	b.Language("en")
	b.Go("/visits/" + visit + "/checklists")
	b.In("checklists-empty")
	b.Do(chromedp.SetValue(`select[name="template"]`, colony, chromedp.ByQuery),
		chromedp.Submit(`select[name="template"]`, chromedp.ByQuery), chromedp.WaitVisible(`.question`, chromedp.ByQuery))
	b.Do(chromedp.SendKeys(`.question input.number`, "45", chromedp.ByQuery))
	b.Do(chromedp.WaitVisible(`.question .state .ok`, chromedp.ByQuery))
	b.Do(chromedp.Click(`.question input[type=radio][value="yes"]`, chromedp.ByQuery), chromedp.WaitVisible(`.question textarea`, chromedp.ByQuery))
	b.Do(chromedp.Click(`.question:nth-of-type(2) .silence`, chromedp.ByQuery), chromedp.WaitVisible(`.silence[aria-pressed="true"]`, chromedp.ByQuery))
	b.In("checklist-first")
	b.Quiet()
}

// What backs an answer opens below it, stays open while it is filled in, and offers a photo as soon as there is an answer.
func TestWhatBacksAnAnswerStaysOpen(t *testing.T) {
	s := NewSeason(t)
	Approve(t, s.Lead, "colony")
	s.SyncAll()
	_, b := Screens(t, s.Aigerim)
	b.Go("/visits/" + s.Visit.String() + "/checklists")
	b.Do(chromedp.Submit(`select[name="template"]`, chromedp.ByQuery), chromedp.WaitVisible(`.question .more`, chromedp.ByQuery))
	b.Do(chromedp.Evaluate(`document.fonts.ready.then(() => true)`, nil, awaits)) // what is clicked must not move
	b.Do(chromedp.Click(`.question .more > summary`, chromedp.ByQuery), chromedp.WaitVisible(`.morebody textarea`, chromedp.ByQuery))
	b.Do(chromedp.SendKeys(`.question input.number`, "45", chromedp.ByQuery), chromedp.WaitVisible(`.morebody [data-evidence]`, chromedp.ByQuery))
	b.Do(chromedp.Click(`.morebody input[value="observation"]`, chromedp.ByQuery), chromedp.WaitVisible(`.question .more > summary .tag`, chromedp.ByQuery))
	b.Do(chromedp.SendKeys(`.morebody textarea`, "Тор арқылы.", chromedp.ByQuery), chromedp.WaitVisible(`.question .more > summary .tag + .tag`, chromedp.ByQuery))
	if b.eval(`String(document.querySelector('.morebody input[value="observation"]').checked && document.querySelector(".morebody textarea").value)`) != "Тор арқылы." {
		t.Error("what was filled in below an answer went with its own saving")
	}
	b.Judge("what backs an answer")
	b.Quiet()
}

func templateID(t testing.TB, l *stage.Laptop, name string) string {
	t.Helper()
	all, err := l.Templates(context.Background())
	must(t, err)
	for _, info := range all {
		if info.Form == name {
			return info.ID.String()
		}
	}
	t.Fatalf("no template %s", name)
	return ""
}

func TestTheGroupTalksOverWhereItsAnswersDiffer(t *testing.T) {
	s := NewSeason(t)
	Approve(t, s.Lead, "colony")
	s.SyncAll()
	ctx := context.Background()
	colony, err := syncproto.ParseEntityID(templateID(t, s.Aigerim, "kua_colony"))
	must(t, err)
	say := func(l *stage.Laptop, item, value string, ch fieldclient.AnswerChange) {
		id, err := l.OpenChecklist(ctx, s.Visit, colony, nil, "")
		must(t, err)
		k, err := l.Checklist(ctx, s.Visit, id, "kk")
		must(t, err)
		ref, err := k.Find(ctx, item)
		must(t, err)
		ch.Value = &value
		_, err = k.Answer(ctx, ref, ch)
		must(t, err)
	}
	note := "Екі камерада ғана көрдім."
	say(s.Aigerim, "CORE-03", "met", fieldclient.AnswerChange{Sources: &[]string{"observation"}})
	s.SyncAll()
	say(s.Daulet, "CORE-03", "partly", fieldclient.AnswerChange{Note: &note})
	s.SyncAll()
	_, b := Screens(t, s.Aigerim)
	b.Do(chromedp.WaitVisible(`a[href="/today"][aria-current]`, chromedp.ByQuery))
	b.Go("/visits/" + s.Visit.String() + "/debrief")
	b.Do(chromedp.Click(`details summary`, chromedp.ByQuery), chromedp.WaitVisible(`input[name="take"]`, chromedp.ByQuery))
	b.In("debrief")
	b.Do(chromedp.Click(`details summary`, chromedp.ByQuery), chromedp.WaitVisible(`input[name="take"]`, chromedp.ByQuery))
	b.Do(chromedp.Click(`input[value^="said:"]`, chromedp.ByQuery), chromedp.Click(`details button.main`, chromedp.ByQuery), chromedp.WaitVisible(`.notice.good`, chromedp.ByQuery))
	b.Go("/visits/" + s.Visit.String() + "/debrief?all=yes")
	b.Do(chromedp.WaitVisible(`.side.agreed`, chromedp.ByQuery))
	b.In("debrief-agreed")
	b.Go("/visits/" + s.Visit.String() + "/findings")
	b.Press(`.adder button`, `#cards textarea`)
	b.Type(`#cards textarea`, "Камераларда ауа алмаспайды.")
	b.Saved(`#cards form.field`)
	b.In("findings")
	b.Quiet()
}
