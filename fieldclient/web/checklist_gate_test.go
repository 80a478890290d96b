package web

import (
	"bytes"
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// gateHouse is a visit of Aigerim, who leads it and is inside, with a checklist. Saule stays outside.
type gateHouse struct {
	saule, aigerim *person
	visit          syncproto.ScopeID
	list           syncproto.EntityID
	item           form.Ref
	base           string
}

func newGateHouse(t *testing.T) *gateHouse {
	ctx := context.Background()
	m := newMechanism(t)
	h := &gateHouse{saule: m.join("Saule", syncproto.RoleCoordinator), aigerim: m.join("Aigerim", syncproto.RoleLeader)}
	m.share()
	b, err := checklists.Workbook("colony")
	check(t, err)
	template, _, err := form.Import(ctx, bytes.NewReader(b), int64(len(b)), "colony.xlsx")
	check(t, err)
	info, err := h.saule.ImportTemplate(ctx, template)
	check(t, err)
	check(t, h.saule.ApproveTemplate(ctx, info.ID))
	h.visit, err = h.saule.OpenVisit(ctx, "KZ-75", []syncproto.PersonID{h.aigerim.id}, nil)
	check(t, err)
	h.list, err = h.saule.OpenChecklist(ctx, h.visit, info.ID, nil, "")
	check(t, err)
	h.carry(t, h.saule, h.aigerim)
	k, err := h.saule.Checklist(ctx, h.visit, h.list)
	check(t, err)
	h.item, err = k.Find(ctx, "COL-04")
	check(t, err)
	h.base = "/visits/" + h.visit.String() + "/checklists/" + h.list.String()
	return h
}

// carry brings one laptop's work to another, as a stick does.
func (h *gateHouse) carry(t *testing.T, from, to *person) {
	t.Helper()
	bundle := new(bytes.Buffer)
	_, err := from.ExportBundle(context.Background(), bundle, nil, true)
	check(t, err)
	_, err = to.ImportBundle(context.Background(), bundle)
	check(t, err)
}

// locked locks Aigerim's laptop and unlocks it again.
func (h *gateHouse) locked(t *testing.T, e *site) *site {
	t.Helper()
	e.post("/lock", url.Values{})
	<-e.ended
	e = serve(t, h.aigerim.cfg).enter()
	e.get("/unlock")
	if res, _ := e.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != 303 {
		t.Fatalf("unlocking: %s", res.Status)
	}
	e.get("/today")
	return e
}

// sectionOf finds the page of the checklist that shows an item.
func (h *gateHouse) sectionOf(t *testing.T, e *site, item form.Ref) (page, at string) {
	t.Helper()
	for _, at := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		if _, page := e.get(h.base + "/section/" + at); strings.Contains(html.UnescapeString(page), `value="`+string(item)+`"`) {
			return page, at
		}
	}
	t.Fatalf("no section shows %s", item)
	return "", ""
}

func (h *gateHouse) answer(t *testing.T, e *site, at, value string) {
	t.Helper()
	res, body := e.post(h.base+"/answer", url.Values{"place": {string(h.item)}, "at": {at}, "part": {"value"}, "value": {value}}, "HX-Request", "true")
	if res.StatusCode != 200 {
		t.Fatalf("answering: %s\n%s", res.Status, body)
	}
}

func TestACheckedQuestionSaysWhatIsSealedAtTheGateAndLaterOffersBoth(t *testing.T) {
	ctx := context.Background()
	h := newGateHouse(t)
	check(t, h.aigerim.EnterGate(ctx, h.visit))
	e := unlockedSite(t, h.aigerim)
	_, at := h.sectionOf(t, e, h.item)
	h.answer(t, e, at, "met")
	e = h.locked(t, e)
	page, at := h.sectionOf(t, e, h.item)
	if !strings.Contains(page, "Sealed at the gate: your answer is kept") || !strings.Contains(page, "1 sealed at the gate") {
		t.Error("after a lock the question looks as if nobody had answered it")
	}
	for path, want := range map[string]string{"/check": "1 sealed at the gate", "": ""} {
		if _, page := e.get(h.base + path); !strings.Contains(page, want) {
			t.Errorf("%s says nothing of what is sealed", path)
		}
	}
	if _, page := e.get("/visits/" + h.visit.String() + "/checklists"); !strings.Contains(page, "1 sealed at the gate") {
		t.Error("the list of checklists says nothing of what is sealed")
	}
	if _, page := e.post("/search", url.Values{"words": {"light"}}); !strings.Contains(page, "What is sealed is not searched.") {
		t.Error("the search says nothing of what is sealed")
	}
	if _, page := e.get("/visits/" + h.visit.String() + "/debrief?all=yes"); !strings.Contains(page, "To 1 question somebody’s answer is sealed") {
		t.Error("the debrief says nothing of what is sealed")
	}
	h.answer(t, e, at, "not_met")

	aigerim := &person{Client: e.s.client.Load()}
	check(t, aigerim.LeaveGate(ctx, h.visit))
	h.carry(t, aigerim, h.saule)
	_, err := h.saule.ReleaseGate(ctx, h.visit)
	check(t, err)
	h.carry(t, h.saule, aigerim)
	_, debrief := e.get("/visits/" + h.visit.String() + "/debrief")
	also := regexp.MustCompile(`name="take" value="(also:[^"]*)"`).FindStringSubmatch(debrief)
	if also == nil {
		t.Fatal("the debrief offers one of two answers of one person")
	}
	page, at = h.sectionOf(t, e, h.item)
	settle := url.Values{"place": {string(h.item)}, "at": {at}, "part": {"value"}, "settles": {"yes"}, "value": {"met"}}
	form := regexp.MustCompile(`name="settles" value="yes"><input type="hidden" name="value" value="met">((?:<input type="hidden" name="seen" value="[^"]+">)+)`).FindStringSubmatch(page)
	if form == nil {
		t.Fatal("the question does not offer what stands beside its answer")
	}
	for _, m := range regexp.MustCompile(`value="([^"]+)"`).FindAllStringSubmatch(form[1], -1) {
		settle.Add("seen", m[1])
	}
	seen := url.Values{"list": {h.list.String()}, "place": {string(h.item)}, "take": {also[1]}}
	if res, body := e.post("/visits/"+h.visit.String()+"/debrief", seen); res.StatusCode != 303 {
		t.Fatalf("agreeing on the answer that stood beside: %s\n%s", res.Status, body)
	}
	if res, body := e.post(h.base+"/answer", settle, "HX-Request", "true"); res.StatusCode != 200 {
		t.Fatalf("settling: %s\n%s", res.Status, body)
	}
	k, err := aigerim.Checklist(ctx, h.visit, h.list)
	check(t, err)
	it, err := k.Item(ctx, h.item)
	if err != nil || it.Value != "met" || len(it.Mine.Also) != 0 || len(it.Agreed) != 1 || it.Agreed[0].Value != "met" {
		t.Errorf("chosen, it is %q beside %v, agreed %v, %v", it.Value, it.Mine.Also, it.Agreed, err)
	}
}
