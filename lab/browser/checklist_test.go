package browser

import (
	"bytes"
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/lab/stage"
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
