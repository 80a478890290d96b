package form

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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

// A visit is no place to learn that a table was left at home.
func TestATableThatIsNotThereIsSaidForEachRowThatNeedsIt(t *testing.T) {
	rows := func(r ...string) []Sheet {
		return survey(append([]string{"type | name | label | calculation | constraint | relevant"}, r...)...)
	}
	for _, c := range []struct {
		name  string
		form  []Sheet
		at    []string // row and column of each warning
		lacks string
	}{
		{"pulldata", rows("text|a|A", "calculate|c||pulldata('towns', 'x', 'y', ${a})"), []string{"3 calculation"}, "towns.csv"},
		{"external", rows("csv-external|villages", "calculate|c||instance('villages')/root/item[name = 'x']/label"), []string{"2 type", "3 calculation"}, "villages.csv"},
		{"instance alone", rows("text|a|A||count(instance('villages')/root/item) > 0"), []string{"2 constraint"}, "villages.csv"},
		{"relevant", rows("text|a|A|||pulldata(\"towns\", 'x', 'y', 'z') = 'b'"), []string{"2 relevant"}, "towns.csv"},
		{"select", rows("select_one_from_file towns.csv|a|A"), []string{"2 type"}, "towns.csv"},
		{"xml", rows("xml-external|old"), []string{"2 type"}, "old.xml"},
		{"two of one", rows("text|a|A", "calculate|c||pulldata('towns', 'x', 'y', ${a})", "calculate|d||pulldata('towns', 'x', 'y', ${a})"), []string{"3 calculation", "4 calculation"}, "towns.csv"},
		{"a list", append(rows("select_one r|a|A", "calculate|c||instance('r')/root/item[name = ${a}]/label"), sheet("choices", "list_name|name|label", "r|x|X")), nil, ""},
		{"last saved", rows("text|a|A", "text|b|B|${last-saved#a}"), nil, ""},
		{"named by an answer", rows("text|a|A", "calculate|c||pulldata(${a}, 'x', 'y', 'z')"), nil, ""},
		{"there", append(rows("text|a|A", "calculate|c||pulldata('towns', 'x', 'y', ${a})"), sheet("_towns.csv", "x|y", "1|2")), nil, ""},
	} {
		tmpl, issues := build(c.form, "form", nil)
		if tmpl == nil {
			t.Errorf("%s: does not build:\n%s", c.name, lines(issues))
			continue
		}
		var at []string
		for _, i := range issues {
			if i.Code == "file" {
				at = append(at, fmt.Sprint(i.Row, " ", i.Column))
			}
		}
		if !slices.Equal(at, c.at) || strings.Join(tmpl.MissingTables(), " ") != c.lacks {
			t.Errorf("%s: warned at %q, lacks %q; want %q, %q", c.name, at, tmpl.MissingTables(), c.at, c.lacks)
		}
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
