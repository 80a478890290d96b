package form

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// roundTrip holds that an exported form imports as the same one.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
	Context() context.Context
}, tmpl *Template) {
	t.Helper()
	var b bytes.Buffer
	if err := tmpl.WriteXLSX(&b); err != nil {
		t.Fatalf("export: %v", err)
	}
	again, issues, err := Import(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), tmpl.fallback+".xlsx")
	if err != nil {
		t.Fatalf("the export does not import: %v\n%s", err, lines(issues))
	}
	if again.Hash() != tmpl.Hash() {
		t.Fatalf("the export is another form:\n%s", cmp.Diff(tmpl.Sheets(), again.Sheets()))
	}
	decoded, err := Decode(tmpl.Canonical())
	if err != nil {
		t.Fatalf("the canonical bytes do not decode: %v", err)
	}
	if decoded.Hash() != tmpl.Hash() {
		t.Fatalf("the canonical bytes are another form")
	}
}

func TestARealFormSurvivesItsExport(t *testing.T) {
	for _, file := range corpusFiles(t) {
		if tmpl, _, err := importFile(t, file); err == nil {
			t.Run(filepath.Base(file), func(t *testing.T) { roundTrip(t, tmpl) })
		}
	}
}

func TestTheSameFormInBothFormatsIsOneForm(t *testing.T) {
	corpusFiles(t)
	a, _, errA := importFile(t, filepath.Join(corpus, "text_and_integer.xls"))
	b, _, errB := importFile(t, filepath.Join(corpus, "text_and_integer.xlsx"))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Hash() != b.Hash() {
		t.Error(cmp.Diff(a.Sheets(), b.Sheets()))
	}
}

func TestAnyCellSurvivesAnExport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := survey("type|name|label|my notes|ünknown:x", "text|a|A")
		book := &workbook{}
		if err := book.copySheet(s[0]); err != nil {
			t.Fatalf("%v", err)
		}
		for i := range rapid.IntRange(0, 8).Draw(t, "cells") {
			text := rapid.String().Draw(t, "text")
			if err := book.set(&book.sheets[0], 1, 3+i, text); err != nil {
				t.Fatalf("%v", err)
			}
		}
		more, err := book.addSheet("Ескертпе")
		if err != nil {
			t.Fatalf("%v", err)
		}
		if err := book.set(more, rapid.IntRange(0, 9).Draw(t, "row"), rapid.IntRange(0, 9).Draw(t, "col"), rapid.StringMatching(`[ \n_x0-9a-fA-F<&"=+@-]{0,20}`).Draw(t, "cell")); err != nil {
			t.Fatalf("%v", err)
		}
		tmpl, issues := build(book.sheets, "form", nil)
		if tmpl == nil {
			t.Fatalf("%s", lines(issues))
		}
		roundTrip(t, tmpl)
	})
}

func TestDecodeRefusesWhatIsNotCanonical(t *testing.T) {
	tmpl := mustBuild(t, survey("type|name|label", "text|a|A"))
	good := tmpl.Canonical()
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if other, err := Decode(bad); err == nil && other.Hash() == tmpl.Hash() {
			t.Errorf("byte %d may be changed", i)
		}
	}
	if _, err := Decode(append(good, 0)); err == nil {
		t.Error("bytes may follow")
	}
	if long := bytes.Replace(good, []byte{0xA3, 1, 1}, []byte{0xA3, 1, 0x18, 1}, 1); bytes.Equal(long, good) {
		t.Fatal("the bytes do not begin as they should")
	} else if _, err := Decode(long); err == nil {
		t.Error("a number may be longer than it need be")
	}
	if _, err := Decode(append([]byte{0xBF}, append(good[1:], 0xFF)...)); err == nil {
		t.Error("the map may be of indefinite length")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustBuild(f, survey("type|name|label", "text|a|A")).Canonical())
	f.Fuzz(func(t *testing.T, data []byte) {
		tmpl, err := Decode(data)
		if err == nil && !bytes.Equal(tmpl.Canonical(), data) {
			t.Error("two forms of bytes are one template")
		}
	})
}

func TestTheTemplateHoldsWhatTheFormSays(t *testing.T) {
	tmpl := mustBuild(t, []Sheet{
		sheet("survey",
			"type|name|label::Русский (ru)|label::English (en)|hint|relevant|required|required_message::English (en)|constraint|choice_filter|default|appearance|Theme|media::image",
			"begin_repeat|cell|Камера|Cell||||||||field-list",
			"decimal|area|Площадь|Area|net of toilet||yes|say it|. > 0||||t1|plan.png",
			"select_one town|town|Город|Town||${area} > 4||||region = ${area}|today()",
			"end repeat"),
		sheet("choices", "list_name|name|label::Русский (ru)|label::English (en)|region", "town|a|А|A|north", "town|b|Б|B|south"),
		sheet("settings", "form_title|form_id|version|default_language|instance_name|odd", "Visit|core|3|English (en)|concat('v')|x"),
	})
	if tmpl.ID != "core" || tmpl.Title != "Visit" || tmpl.Version != "3" || tmpl.DefaultLanguage != "English (en)" || tmpl.InstanceName != "concat('v')" {
		t.Errorf("settings: %+v", tmpl)
	}
	if diff := cmp.Diff([]string{"Русский (ru)", "English (en)"}, tmpl.Languages); diff != "" {
		t.Error(diff)
	}
	cell := tmpl.Root.Children[0]
	area, town := cell.Children[0], cell.Children[1]
	want := Node{Type: "decimal", Source: "decimal", Name: "area", Row: 3, Control: "input", Data: "decimal",
		Label: Text{{"Русский (ru)", "Площадь"}, {"English (en)", "Area"}}, Hint: Text{{"", "net of toilet"}}, Required: "yes",
		RequiredMessage: Text{{"English (en)", "say it"}}, Constraint: ". > 0", Extra: []Attr{{"Theme", "t1"}}, Media: []Media{{"image", Text{{"", "plan.png"}}}}}
	got := *area
	got.Parent = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if area.Path() != "/data/cell/area" || !area.InRepeat() || !town.Dynamic || town.List != "town" {
		t.Errorf("%s %+v", area.Path(), town)
	}
	l, _ := tmpl.List("town")
	if diff := cmp.Diff(Choice{Name: "b", Label: Text{{"Русский (ru)", "Б"}, {"English (en)", "B"}}, Fields: []Attr{{"region", "south"}}, Row: 3}, l.Choices[1]); diff != "" {
		t.Error(diff)
	}
	if got := area.Label.In("Қазақша (kk)", "English (en)"); got != "Area" {
		t.Errorf("fallback: %q", got)
	}
}

func TestChangingWhatATemplateGaveOutDoesNotChangeIt(t *testing.T) {
	tmpl := mustBuild(t, survey("type|name|label", "text|a|A"))
	before := tmpl.Hash()
	tmpl.Sheets()[0].Rows[1][2] = "B"
	tmpl.Canonical()[0] = 0
	if tmpl.Hash() != before || tmpl.Sheets()[0].Rows[1][2] != "A" {
		t.Error("it changed")
	}
}

func TestCancellingStopsAnImport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data := zipped(t, parts(strings.Repeat("<row/>", 10)))
	if _, _, err := Import(ctx, bytes.NewReader(data), int64(len(data)), "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAFormWithAnIDIsTheSameWhateverItsFileIsCalled(t *testing.T) {
	sheets := append(survey("type | name | label", "text | q | Q"), sheet("settings", "form_id", "mine"))
	a, _ := build(sheets, "one", nil)
	b, _ := build(sheets, "other", nil)
	if a.Hash() != b.Hash() {
		t.Error("the name of the file makes another form of it")
	}
	if c, err := Decode(a.Canonical()); err != nil || c.ID != "mine" {
		t.Errorf("decoded: %v, %v", c, err)
	}
	a, _ = build(sheets[:1], "one", nil)
	b, _ = build(sheets[:1], "other", nil)
	if a.Hash() == b.Hash() || a.ID != "one" {
		t.Error("a form without an id is not named after its file")
	}
}
