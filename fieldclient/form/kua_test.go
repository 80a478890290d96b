package form

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKuasOwnColumnsAreKnownAndReadable(t *testing.T) {
	tmpl, issues := build(survey(
		"type | name | label | kua::id | kua :: theme | kua::measure | kua::right",
		"decimal | area | Area | COL-02/area | material | floor_area_m2 | medical",
		"text | plain | Plain"), "form", nil)
	if _, ok := find(issues, "unknown-column"); ok || tmpl == nil {
		t.Fatalf("a column of Kua's own is called unknown:\n%s", lines(issues))
	}
	area, plain := tmpl.Named("area"), tmpl.Named("plain")
	got := []string{area.ItemID(), area.Kua("theme"), area.Kua("measure"), area.Kua("right"), area.Kua("review"), area.Kua("label"), plain.ItemID(), plain.Kua("id")}
	if diff := cmp.Diff([]string{"COL-02/area", "material", "floor_area_m2", "medical", "", "", "plain", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Attr{{"kua::id", "COL-02/area"}, {"kua :: theme", "material"}, {"kua::measure", "floor_area_m2"}, {"kua::right", "medical"}}, area.Extra); diff != "" {
		t.Errorf("what the author wrote (-want +got):\n%s", diff)
	}
}

func TestAMisspeltColumnOfKuasIsCalledUnknownWithTheRightNames(t *testing.T) {
	_, issues := build(survey("type | name | label | kua::norm", "text | a | A | x"), "form", nil)
	if i, ok := find(issues, "unknown-column"); !ok || !strings.Contains(i.Message, "kua::measure") {
		t.Errorf("want a warning that names the columns there are, got:\n%s", lines(issues))
	}
}

func TestOneMeaningHasOneColumnOfKuas(t *testing.T) {
	_, issues := build(survey("type | name | label | kua::id | kua:: id", "text | a | A | x | y"), "form", nil)
	if _, ok := find(issues, "duplicate-column"); !ok {
		t.Errorf("two ids for one question pass:\n%s", lines(issues))
	}
}
