package form

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const places = "\ufeffname,label,region\nc12,Colony 12,KZ-75\nc7,Colony 7,KZ-10\n"

func TestATableBesideAFormGivesChoicesAndIsLookedUp(t *testing.T) {
	tmpl := mustBuild(t, survey("type | name | label | calculation | choice_filter",
		"text | region | Region", "select_one_from_file places.csv | place | Place | | region = ${region}",
		"calculate | where | | pulldata('places', 'region', 'name', ${place})"))
	if _, issues := build(tmpl.Sheets(), "form", nil); !strings.Contains(lines(issues), "places.csv") {
		t.Error("nobody is told that the file is missing")
	}
	with, issues, err := tmpl.AddFile("places.csv", strings.NewReader(places))
	if err != nil || strings.Contains(lines(issues), "places.csv") {
		t.Fatalf("%v, %v", err, issues)
	}
	if with.Hash() == tmpl.Hash() {
		t.Error("the file is no part of the form's identity")
	}
	var b bytes.Buffer
	if err := with.WriteXLSX(&b); err != nil {
		t.Fatal(err)
	}
	again, _, err := Import(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), "form.xlsx")
	if err != nil || again.Hash() != with.Hash() {
		t.Errorf("written and read again it is another form: %v", err)
	}
	in, err := NewInstance(again, Env{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Set("/data/region", "KZ-75"); err != nil {
		t.Fatal(err)
	}
	v, err := in.View("/data/place")
	if err != nil || len(v.Choices) != 1 || v.Choices[0] != (Option{"c12", "Colony 12"}) {
		t.Errorf("the choices are %v, %v", v.Choices, err)
	}
	if _, err := in.Set("/data/place", "c12"); err != nil {
		t.Fatal(err)
	}
	if v, _ := in.View("/data/where"); v.Value != "KZ-75" {
		t.Errorf("pulldata gives %q", v.Value)
	}
}

func TestAFileThatIsNoTableIsRefused(t *testing.T) {
	tmpl := mustBuild(t, survey("type | name | label", "text | q | Q"))
	for name, content := range map[string]string{"x.xml": "<root/>", "a/b.csv": places, "empty.csv": "", "quote.csv": "a\n\"b", "wide.csv": strings.Repeat("a,", maxColumns+1),
		"long.csv": strings.Repeat("a\n", maxRows+1), strings.Repeat("n", 40) + ".csv": places} {
		if _, _, err := tmpl.AddFile(name, strings.NewReader(content)); err == nil || !(errors.Is(err, ErrBadFile) || errors.Is(err, ErrTooLarge)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
