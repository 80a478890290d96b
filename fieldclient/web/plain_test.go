package web

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kua/syncproto"
)

// Where the page's script has not come, an answer is saved by its form alone.
func TestAnAnswerIsSavedWithoutTheScript(t *testing.T) {
	h := newGateHouse(t)
	e := unlockedSite(t, h.aigerim)
	page, at := h.sectionOf(t, e, h.item)
	for _, form := range regexp.MustCompile(`(?s)<form[^>]*/answer".*?</form>`).FindAllString(page, -1) {
		if !strings.Contains(form, `name="csrf"`) {
			t.Fatalf("a form would be refused: %.200s", form)
		}
	}
	if !strings.Contains(page, `class="notice bad plainly"`) || !strings.Contains(page, `class="small plainly"`) {
		t.Error("nothing says that the page does not save by itself, or no button saves")
	}
	res, _ := e.post(h.base+"/answer", url.Values{"place": {string(h.item)}, "at": {at}, "part": {"value"}, "value": {"met"}})
	if to := res.Header.Get("Location"); res.StatusCode != 303 || !strings.HasPrefix(to, h.base+"/section/"+at) {
		t.Errorf("the answer leads to %q, %s", to, res.Status)
	}
	if page, _ := h.sectionOf(t, e, h.item); !strings.Contains(page, `value="met" checked`) {
		t.Error("the answer was not saved")
	}
}

// What a field does not take is shown where it was typed, and not thrown away for a page that says nothing of it.
func TestWhatAFieldDoesNotTakeStaysWithoutTheScript(t *testing.T) {
	h := newGateHouse(t)
	e := unlockedSite(t, h.aigerim)
	kind, _ := syncproto.KindNamed("visit")
	for name, typed := range map[string]string{"population": "eight hundred", "impression": strings.Repeat("ң", 40000)} {
		f, err := kind.FieldNamed(name)
		check(t, err)
		e.get("/at/" + h.visit.String() + "/" + h.visit.String() + "/" + fieldNumber(f))
		res, page := e.post("/field", url.Values{"scope": {h.visit.String()}, "entity": {h.visit.String()}, "field": {fieldNumber(f)}, "value": {typed}})
		if res.StatusCode != 422 || !strings.Contains(page, typed) || !strings.Contains(page, `<html`) || !strings.Contains(page, `class="notice bad" role="alert"`) {
			t.Errorf("%s: of what was typed nothing is left, or nothing says why: %s", name, res.Status)
		}
	}
}

func TestWhatAQuestionDoesNotTakeStaysWithoutTheScript(t *testing.T) {
	h := newGateHouse(t)
	e := unlockedSite(t, h.aigerim)
	_, page := e.get(h.base + "/section/0")
	for _, form := range regexp.MustCompile(`(?s)<form[^>]*/answer".*?</form>`).FindAllString(page, -1) {
		if !strings.Contains(form, `name="number"`) {
			continue
		}
		at := regexp.MustCompile(`name="place" value="([^"]+)"`).FindStringSubmatch(form)[1]
		for _, section := range []string{"0", "-1"} {
			res, page := e.post(h.base+"/answer", url.Values{"place": {at}, "at": {section}, "part": {"value"}, "number": {"int"}, "value": {"forty-five beds"}})
			if res.StatusCode != 422 || !strings.Contains(page, "<html") || !strings.Contains(page, `value="forty-five beds"`) || !strings.Contains(page, `class="problem"`) {
				t.Errorf("in %s, of what was typed nothing is left, or nothing says why: %s", section, res.Status)
			}
		}
		return
	}
	t.Fatal("no question asks for a number")
}
