package web

import (
	"context"
	"net/url"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

// earlierVisit is a mechanism with an earlier visit to a place that left recommendations, and a new one to the same place.
type earlierVisit struct {
	saule, aru *person
	old, visit syncproto.ScopeID
	ids        map[string]syncproto.EntityID // of the recommendations, by text
}

func newEarlierVisit(t *testing.T) *earlierVisit {
	t.Helper()
	ctx := context.Background()
	m := newMechanism(t)
	v := &earlierVisit{saule: m.join("Saule", syncproto.RoleCoordinator), aru: m.join("Aru", syncproto.RoleMonitor), ids: map[string]syncproto.EntityID{}}
	m.share()
	place, err := v.saule.Create(ctx, v.saule.Roster().Registry(), "facility", map[string]string{"name": "SIZO", "type": "sizo", "region": "KZ-75"})
	check(t, err)
	open := func(title string) syncproto.ScopeID {
		id, err := v.saule.OpenVisit(ctx, "KZ-75", []syncproto.PersonID{v.saule.id, v.aru.id}, map[string]string{"title": title, "facility": place.String()})
		check(t, err)
		return id
	}
	v.old, v.visit = open("Autumn"), open("Spring")
	for text, status := range map[string]string{"Open the windows.": "sent", "Pay the doctor.": "responded", "Paint the wall.": "implemented"} {
		v.ids[text], err = v.saule.Create(ctx, v.old, "recommendation", map[string]string{"text": text, "status": status, "addressee": "Head"})
		check(t, err)
	}
	carry(t, v.saule.Client, v.aru.Client)
	return v
}

func (v *earlierVisit) path(part string) string { return "/visits/" + v.visit.String() + "/" + part }

func TestTwoWhoCheckARecommendationApartWriteIntoOneRecord(t *testing.T) {
	ctx := context.Background()
	v := newEarlierVisit(t)
	ids := map[syncproto.EntityID]bool{}
	for _, p := range []struct {
		*person
		seen string
	}{{v.saule, "done"}, {v.aru, "not-done"}} {
		id, err := p.CheckRecommendation(ctx, v.visit, v.ids["Open the windows."], p.seen)
		check(t, err)
		ids[id] = true
	}
	if len(ids) != 1 {
		t.Errorf("two members made %d records", len(ids))
	}
	if _, err := v.aru.CheckRecommendation(ctx, v.visit, v.ids["Open the windows."], "perhaps"); err == nil {
		t.Error("a word that the vocabulary has not was taken")
	}
	carry(t, v.aru.Client, v.saule.Client)
	e := unlockedSite(t, v.saule)
	_, body := e.get(v.path("debrief"))
	has(t, "the debrief", body, "Open the windows.", "members saw it differently", "Nothing is noted yet on 1 recommendation")
	for _, said := range []string{"done</p><p class=\"by\"><bdi>Saule", "not done</p><p class=\"by\"><bdi>Aru"} {
		has(t, "the debrief", body, said)
	}
	hasNot(t, "the debrief", body, "Paint the wall.")
	_, body = e.get(v.path("prepare"))
	has(t, "the preparation", body, "Open the windows.", "Pay the doctor.", v.path("followups"))
	hasNot(t, "the preparation", body, "Paint the wall.")
}

func TestARecommendationIsCheckedOnSite(t *testing.T) {
	v := newEarlierVisit(t)
	e := unlockedSite(t, v.aru)
	_, body := e.get(v.path("followups"))
	has(t, "the page", body, "Open the windows.", "Pay the doctor.", "Nothing is noted yet on 2 recommendations", `value="not-checked"`)
	hasNot(t, "the page", body, "Paint the wall.", `name="field" value="2854"`)
	form := url.Values{"recommendation": {v.ids["Pay the doctor."].String()}, "seen": {"partly"}}
	_, part := e.post(v.path("followups"), form, "HX-Request", "true")
	has(t, "the answer", part, `id="fu-`+v.ids["Pay the doctor."].String(), `value="partly" selected`, `name="field" value="2852"`, `name="field" value="2854"`, "autofocus", "data-evidence")
	_, body = e.get(v.path("followups"))
	has(t, "the page", body, "Nothing is noted yet on 1 recommendation", `value="partly" selected`)
	for _, wrong := range []url.Values{{"recommendation": {v.visit.String()}, "seen": {"done"}}, {"recommendation": {"x"}, "seen": {"done"}}} {
		if res, _ := e.post(v.path("followups"), wrong); res.StatusCode != 404 {
			t.Errorf("%v: %s", wrong, res.Status)
		}
	}
}

// Who travels light takes along what is to be checked: without a server nothing else leaves the laptop here.
func TestWhatIsToBeCheckedIsTakenAlong(t *testing.T) {
	v := newEarlierVisit(t)
	e := unlockedSite(t, v.aru)
	e.get(v.path("protect"))
	if res, _ := e.post(v.path("travel"), url.Values{}); res.StatusCode != 200 {
		t.Fatalf("travelling light: %s", res.Status)
	}
	taken, err := e.s.client.Load().Remembered(context.Background(), fieldclient.TakenAlong(v.visit))
	check(t, err)
	has(t, "what was taken along", taken, "Open the windows.", "Pay the doctor.")
	hasNot(t, "what was taken along", taken, "Paint the wall.")
}
