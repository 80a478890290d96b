package web

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kua/fieldclient"
	"kua/syncproto"
)

func TestATextTypedAfterALockStandsBesideTheSealedOne(t *testing.T) {
	ctx := context.Background()
	h := newGateHouse(t)
	check(t, h.aigerim.EnterGate(ctx, h.visit))
	kind, _ := syncproto.KindNamed("visit")
	f, err := kind.FieldNamed("summary")
	check(t, err)
	target := fieldclient.Target{Scope: h.visit, Entity: syncproto.EntityID(h.visit), Field: f}
	e := unlockedSite(t, h.aigerim)
	at := "/at/" + h.visit.String() + "/" + h.visit.String() + "/" + fieldNumber(f)
	save := func(text string) {
		t.Helper()
		_, page := e.get(at)
		form := url.Values{"scope": {h.visit.String()}, "entity": {h.visit.String()}, "field": {fieldNumber(f)}, "value": {text}}
		for _, m := range regexp.MustCompile(`name="seen" value="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			form.Add("seen", m[1])
		}
		if res, body := e.post("/field", form, "HX-Request", "true"); res.StatusCode != 200 {
			t.Fatalf("saving: %s\n%s", res.Status, body)
		}
	}
	save("GATEWORDS")
	e = h.locked(t, e)
	save("second text")
	if _, page := e.get(at); !strings.Contains(page, "second text") || !strings.Contains(page, "Sealed at the gate") {
		t.Error("the field shows only one of the two")
	}
	aigerim := &person{Client: e.s.client.Load()}
	check(t, aigerim.LeaveGate(ctx, h.visit))
	h.carry(t, aigerim, h.saule)
	_, err = h.saule.ReleaseGate(ctx, h.visit)
	check(t, err)
	h.carry(t, h.saule, aigerim)
	v, err := aigerim.Record(ctx, h.visit, target.Entity)
	check(t, err)
	for _, fv := range v.Fields {
		if fv.Name == "summary" && (len(fv.Heads) != 2 || !fv.Conflict) {
			t.Errorf("of two texts %d stand: %+v", len(fv.Heads), fv.Heads)
		}
	}
	if _, page := e.get("/attention"); !strings.Contains(page, "GATEWORDS") {
		t.Error("nothing waits")
	}
}

func fieldNumber(f *syncproto.FieldSpec) string { return strconv.FormatUint(uint64(f.ID), 10) }
