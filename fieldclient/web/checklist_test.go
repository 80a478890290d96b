package web

import (
	"bytes"
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// colonyVisit opens the colony's checklist on a visit of one coordinator.
func colonyVisit(t *testing.T) (saule *person, visit syncproto.ScopeID, template *form.Template, id syncproto.EntityID) {
	t.Helper()
	ctx := context.Background()
	m := newMechanism(t)
	saule = m.join("Saule", syncproto.RoleCoordinator)
	m.share()
	b, err := checklists.Workbook("colony")
	check(t, err)
	template, _, err = form.Import(ctx, bytes.NewReader(b), int64(len(b)), "colony.xlsx")
	check(t, err)
	info, err := saule.ImportTemplate(ctx, template)
	check(t, err)
	check(t, saule.ApproveTemplate(ctx, info.ID))
	visit, err = saule.OpenVisit(ctx, "KZ-75", []syncproto.PersonID{saule.id}, nil)
	check(t, err)
	id, err = saule.OpenChecklist(ctx, visit, info.ID, nil, "")
	check(t, err)
	return saule, visit, template, id
}

// A page that was shown stays open while places move: with an instance that was struck in another window, or that came
// in. What is typed into it goes to the instance that it shows.
func TestAnOpenPageAnswersTheInstanceThatItShows(t *testing.T) {
	ctx := context.Background()
	saule, visit, template, id := colonyVisit(t)
	repeat := form.Ref(template.Named("col_02").Path())
	k, err := saule.Checklist(ctx, visit, id)
	check(t, err)
	for _, area := range []string{"11", "12"} {
		ref, _, err := k.AddRow(ctx, repeat)
		check(t, err)
		_, err = k.Answer(ctx, areaOf(ref), fieldclient.AnswerChange{Value: &area})
		check(t, err)
	}
	e := unlockedSite(t, saule)
	base := "/visits/" + visit.String() + "/checklists/" + id.String()
	place, at := "", ""
	for _, section := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		res, page := e.get(base + "/section/" + section)
		if res.StatusCode != 200 {
			t.Fatalf("section %s: %s", section, res.Status)
		}
		shown := regexp.MustCompile(`name="place" value="([^"]*/col_02_area)"`).FindAllStringSubmatch(page, -1)
		if len(shown) > 0 {
			place, at = html.UnescapeString(shown[len(shown)-1][1]), section
			break
		}
	}
	if place == "" {
		t.Fatal("no section shows the second cell's area")
	}
	k, err = e.s.client.Load().Checklist(ctx, visit, id)
	check(t, err)
	_, err = k.StrikeRow(ctx, repeat+"[1]")
	check(t, err)
	added, _, err := k.AddRow(ctx, repeat)
	check(t, err)
	res, page := e.post(base+"/answer", url.Values{"place": {place}, "at": {at}, "part": {"value"}, "value": {"13"}}, "HX-Request", "true")
	if res.StatusCode != 200 {
		t.Fatalf("answering: %s\n%s", res.Status, page)
	}
	for ref, want := range map[form.Ref]string{repeat + "[1]": "13", added: ""} {
		if it, err := k.Item(ctx, areaOf(ref)); err != nil || it.Value != want {
			t.Errorf("%s has %q, want %q, %v", ref, it.Value, want, err)
		}
	}
}

// areaOf is the place of a measured room's area.
func areaOf(room form.Ref) form.Ref { return room + "/col_02_area" }

// What the same person wrote in another window stays beside what a stale page brings, and the page asks.
func TestAStalePageSaysThatAnotherAnswerStands(t *testing.T) {
	ctx := context.Background()
	saule, visit, _, id := colonyVisit(t)
	e := unlockedSite(t, saule)
	base := "/visits/" + visit.String() + "/checklists/" + id.String()
	k, err := e.s.client.Load().Checklist(ctx, visit, id)
	check(t, err)
	ref, err := k.Find(ctx, "COL-04")
	check(t, err)
	say := func(part, value string, seen ...string) string {
		t.Helper()
		res, page := e.post(base+"/answer", url.Values{"place": {string(ref)}, "at": {"0"}, "part": {part}, "value": {value}, "seen": seen}, "HX-Request", "true")
		if res.StatusCode != 200 {
			t.Fatalf("answering: %s\n%s", res.Status, page)
		}
		return page
	}
	const asks = "You have answered this twice"
	first := say("value", "met")
	if page := say("silence", "access-refused", seenOn(first)...); strings.Contains(page, asks) {
		t.Fatalf("a page that saw the answer is asked:\n%s", page)
	}
	page := say("value", "partly", seenOn(first)...)
	if !strings.Contains(page, asks) {
		t.Fatalf("a stale page is not told:\n%s", page)
	}
	if it, err := k.Item(ctx, ref); err != nil || it.Value != "partly" || len(it.Mine.Also) != 1 {
		t.Errorf("%+v, %v", it.Mine, err)
	}
	if page := say("note", "one"); strings.Count(page, asks) != 1 {
		t.Errorf("the first note:\n%s", page)
	}
	if page := say("note", "two"); strings.Count(page, asks) != 2 || !strings.Contains(page, "one\ntwo") && !strings.Contains(page, "two\none") {
		t.Errorf("another note, by a page that saw none:\n%s", page)
	}
}

// seenOn is what the form for the value of a question carries.
func seenOn(page string) (out []string) {
	form := page[strings.Index(page, `name="part" value="value"`):]
	form = form[:strings.Index(form, "</form>")]
	for _, m := range regexp.MustCompile(`name="seen" value="([^"]+)"`).FindAllStringSubmatch(form, -1) {
		out = append(out, m[1])
	}
	return out
}
