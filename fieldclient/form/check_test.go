package form

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each form has one fault; the message names its place.
func TestEveryFaultIsFoundAtItsPlace(t *testing.T) {
	const head = "type|name|label|relevant|calculation|constraint|trigger|parameters|choice_filter|repeat_count|default|media::big-image"
	choices := sheet("choices", "list_name|name|label", "ab|a|A", "ab|b|B", "sp|a b|A")
	for _, c := range []struct {
		name   string
		sheets []Sheet
		want   Issue // without its message
		says   string
	}{
		{"no survey", []Sheet{sheet("survy", "type"), sheet("other", "a")}, Issue{Error, "", 0, "", "no-survey", ""}, `"survey"`},
		{"no type column", survey("name|label", "a|A"), Issue{Error, "survey", 1, "", "missing-column", ""}, `"type"`},
		{"same header twice", survey("type|name|label|label", "text|a|A|B"), Issue{Error, "survey", 1, "label", "duplicate-column", ""}, "keep one"},
		{"two names of one column", survey("type|name|label|relevance|bind::relevant", "text|a|A"), Issue{Error, "survey", 1, "bind::relevant", "duplicate-column", ""}, "mean the same"},
		{"unknown column", survey("type|name|label|my notes", "text|a|A|x"), Issue{Warning, "survey", 1, "my notes", "unknown-column", ""}, "kept"},
		{"no type", survey(head, "|a|A"), Issue{Error, "survey", 2, "type", "missing-type", ""}, "no type"},
		{"comment", survey(head, "text|a|A", "|||x"), Issue{Warning, "survey", 3, "", "comment-row", ""}, "comment"},
		{"unknown type", survey(head, "intger|a|A"), Issue{Warning, "survey", 2, "type", "unknown-type", ""}, `"integer"`},
		{"misspelt select", survey(head, "select_on ab|a|A"), Issue{Warning, "survey", 2, "type", "unknown-type", ""}, `"select_one ab"`},
		{"include", survey(head, "include|a|A"), Issue{Error, "survey", 2, "type", "obsolete", ""}, "copy the rows"},
		{"loop over nothing", survey(head, "begin loop|a|A", "text|b|B", "end loop"), Issue{Error, "survey", 2, "type", "missing-list", ""}, "over list_name"},
		{"loop over no list", survey(head, "begin loop over ab|a|A", "text|b|B", "end loop"), Issue{Error, "survey", 2, "type", "unknown-list", ""}, `"ab"`},
		{"loop without an end", []Sheet{survey(head, "begin loop over ab|a|A", "text|b|B")[0], choices}, Issue{Error, "survey", 2, "type", "unbalanced", ""}, "end_loop"},
		{"end of no loop", survey(head, "text|b|B", "end loop"), Issue{Error, "survey", 3, "type", "unbalanced", ""}, "none has begun"},
		{"section across a loop", []Sheet{survey(head, "begin loop over ab|a|A", "begin group|g|G", "text|b|B", "end loop")[0], choices}, Issue{Error, "survey", 3, "type", "unbalanced", ""}, "within its loop"},
		{"loop over what is no name", []Sheet{survey(head, "begin loop over sp|a|A", "text|b|B", "end loop")[0], choices}, Issue{Error, "choices", 4, "name", "bad-name", ""}, "loop"},
		{"unknown prefix", survey("type|name|label|bind::esri:style", "text|a|A|x"), Issue{Warning, "survey", 1, "bind::esri:style", "unknown-prefix", ""}, `"esri"`},
		{"entity property", survey("type|name|label|save_to", "text|a|A|x"), Issue{Warning, "survey", 1, "save_to", "entities", ""}, "kept"},
		{"name with an unknown prefix", survey(head, "text|x:a|A"), Issue{Error, "survey", 2, "name", "bad-name", ""}, "cannot be a name"},
		{"choices by an unknown prefix", []Sheet{survey(head, "text|a|A")[0], sheet("choices", "list_name|name|label|x:y", "ab|a|A|1")}, Issue{Warning, "choices", 1, "x:y", "choices-column", ""}, "other signs"},
		{"section with a trigger", survey(head, "text|a|A", "begin group|g|G||||${a}", "text|b|B", "end group"), Issue{Warning, "survey", 3, "trigger", "not-a-question", ""}, "question"},
		{"cascading", survey(head, "cascading_select ab|a|A"), Issue{Error, "survey", 2, "type", "obsolete", ""}, "choice_filter"},
		{"no name", survey(head, "text||A"), Issue{Error, "survey", 2, "name", "missing-name", ""}, "no name"},
		{"bad name", survey(head, "text|1a|A"), Issue{Error, "survey", 2, "name", "bad-name", ""}, `"1a"`},
		{"name taken", survey(head, "text|a|A", "text|a|A"), Issue{Error, "survey", 3, "name", "duplicate-name", ""}, "row 2"},
		{"name taken but for case", survey(head, "text|a|A", "text|A|A"), Issue{Warning, "survey", 3, "name", "name-case", ""}, "row 2"},
		{"name meta", survey(head, "begin group|meta|A", "text|b|B", "end group"), Issue{Error, "survey", 2, "name", "reserved-name", ""}, "reserved"},
		{"repeats of one name", survey(head, "begin group|g|G", "begin repeat|r|R", "text|a|A", "end repeat", "end group", "begin repeat|r|R", "text|b|B", "end repeat"), Issue{Error, "survey", 7, "name", "duplicate-name", ""}, "row 3"},
		{"no label", survey(head, "text|a|"), Issue{Error, "survey", 2, "label", "missing-label", ""}, "nobody"},
		{"no end", survey(head, "begin group|g|G", "text|a|A"), Issue{Error, "survey", 2, "type", "unbalanced", ""}, "end_group"},
		{"no begin", survey(head, "text|a|A", "end group"), Issue{Error, "survey", 3, "type", "unbalanced", ""}, "none has begun"},
		{"crossed", survey(head, "begin group|g|G", "begin repeat|r|R", "text|a|A", "end group"), Issue{Error, "survey", 5, "type", "unbalanced", ""}, "row 3"},
		{"unknown reference", survey(head, "text|age|A", "text|b|B|${agee} > 1"), Issue{Error, "survey", 3, "relevant", "unknown-reference", ""}, "did you mean ${age}?"},
		{"reference in a label", survey(head, "text|b|B ${x}"), Issue{Error, "survey", 2, "label", "unknown-reference", ""}, `"x"`},
		{"ambiguous reference", survey(head, "begin group|g|G", "text|a|A", "end group", "text|a|A", "note|n|${a}"), Issue{Error, "survey", 6, "label", "ambiguous-reference", ""}, "row 3"},
		{"broken reference", survey(head, "text|a|A|${a"), Issue{Error, "survey", 2, "relevant", "bad-reference", ""}, "${name}"},
		{"unknown list", []Sheet{survey(head, "select_one cd|a|A")[0], choices}, Issue{Error, "survey", 2, "type", "unknown-list", ""}, `"cd"`},
		{"no choices at all", survey(head, "select_one cd|a|A"), Issue{Error, "survey", 2, "type", "unknown-list", ""}, `sheet "choices"`},
		{"no list", []Sheet{survey(head, "select_one|a|A")[0], choices}, Issue{Error, "survey", 2, "type", "missing-list", ""}, "list_name"},
		{"choice with a space", []Sheet{survey(head, "select_multiple sp|a|A")[0], choices}, Issue{Error, "choices", 4, "name", "choice-with-space", ""}, `"a b"`},
		{"choice twice", []Sheet{survey(head, "select_one ab|a|A")[0], sheet("choices", "list_name|name|label", "ab|a|A", "ab|a|B")}, Issue{Error, "choices", 3, "name", "duplicate-choice", ""}, "row 2"},
		{"choice without a name", []Sheet{survey(head, "select_one ab|a|A")[0], sheet("choices", "list_name|name|label", "ab||A")}, Issue{Error, "choices", 2, "name", "choice-without-name", ""}, `"ab"`},
		{"choice without a label", []Sheet{survey(head, "select_one ab|a|A")[0], sheet("choices", "list_name|name|label", "ab|a|")}, Issue{Warning, "choices", 2, "label", "choice-without-label", ""}, `"a"`},
		{"choices without lists", []Sheet{survey(head, "text|a|A")[0], sheet("choices", "name|label", "a|A")}, Issue{Error, "choices", 1, "", "missing-column", ""}, "list_name"},
		{"calculate without", survey(head, "calculate|a|"), Issue{Error, "survey", 2, "calculation", "missing-calculation", ""}, "needs"},
		{"bad parameters", survey(head, "range|a|A|||||start 1"), Issue{Error, "survey", 2, "parameters", "bad-parameters", ""}, "key=value"},
		{"unknown parameter", survey(head, "text|a|A|||||lines=3"), Issue{Warning, "survey", 2, "parameters", "unknown-parameter", ""}, "rows"},
		{"step of nought", survey(head, "range|a|A|||||step=0"), Issue{Error, "survey", 2, "parameters", "bad-range", ""}, `"step"`},
		{"bad trigger", survey(head, "text|a|A", "text|b|B||||a"), Issue{Error, "survey", 3, "trigger", "bad-reference", ""}, "${name}"},
		{"trigger that nobody sees", survey(head, "calculate|a|||1+1", "calculate|b|||1||${a}"), Issue{Error, "survey", 3, "trigger", "bad-trigger", ""}, "nobody sees"},
		{"circle", survey(head, "calculate|a|||${b} + 1", "calculate|b|||${a} + 1"), Issue{Error, "survey", 2, "calculation", "cycle", ""}, "a needs b needs a"},
		{"circle by path", survey(head, "calculate|a|||../b + 1", "calculate|b|||/data/a + 1"), Issue{Error, "survey", 2, "calculation", "cycle", ""}, "a needs b needs a"},
		{"circle of conditions", survey(head, "text|a|A|${b} = 1", "text|b|B|${a} = 1"), Issue{Error, "survey", 2, "relevant", "cycle", ""}, "a needs b needs a"},
		{"circle through a calculation", survey(head, "text|a|A|${b} = 1", "calculate|b|||${a} + 1"), Issue{Error, "survey", 2, "relevant", "cycle", ""}, "relevant of a needs calculation of b needs relevant of a"},
		{"condition on its own answer", survey(head, "text|a|A|. != ''"), Issue{Error, "survey", 2, "relevant", "cycle", ""}, "a needs a"},
		{"section that hangs on its own answer", survey(head, "begin group|g|G|./a = 'x'", "text|a|A", "end group"), Issue{Error, "survey", 2, "relevant", "cycle", ""}, "in that section"},
		{"no expression", survey(head, "text|a|A|1 +"), Issue{Error, "survey", 2, "relevant", "bad-expression", ""}, "character"},
		{"unknown function", survey(head, "text|a|A|frob(1)"), Issue{Warning, "survey", 2, "relevant", "expression-not-supported", ""}, "frob"},
		{"path to nowhere", survey(head, "text|a|A|/data/b = 1"), Issue{Warning, "survey", 2, "relevant", "unknown-path", ""}, "/data/b"},
		{"big image alone", survey(head, "text|a|A|||||||||a.png"), Issue{Error, "survey", 2, "media::big-image", "big-image", ""}, "image"},
		{"nothing asked", survey(head, ""), Issue{Warning, "survey", 0, "", "no-questions", ""}, "no questions"},
		{"bad root", []Sheet{survey(head, "text|a|A")[0], sheet("settings", "name", "a b")}, Issue{Error, "settings", 2, "name", "bad-name", ""}, `"a b"`},
		{"setting without meaning", []Sheet{survey(head, "text|a|A")[0], sheet("settings", "public_key", "abc")}, Issue{Warning, "settings", 2, "public_key", "setting-not-used", ""}, "sealed"},
		{"sheet misnamed", []Sheet{survey(head, "text|a|A")[0], sheet("choises", "list_name", "x")}, Issue{Warning, "choises", 0, "", "sheet-name", ""}, `"choices"`},
		{"after the end", survey(append([]string{head, "text|a|A"}, append(make([]string, 70), "text|b|B")...)...), Issue{Warning, "survey", 63, "", "after-the-end", ""}, "60"},
		{"cell without a header", survey("type|name|label", "text|a|A|x"), Issue{Warning, "survey", 2, "", "cell-without-header", ""}, "column D"},
		{"languages", survey("type|name|label::English|hint::english", "text|a|A|B"), Issue{Warning, "survey", 1, "hint::english", "language-case", ""}, "case"},
		{"missing translation of a hint", survey("type|name|label::kk|label::ru|hint::ru", "text|a|A|Б|", "text|b|B|Г|Д"), Issue{Warning, "survey", 3, "hint::ru", "missing-translation", ""}, `has no hint in "kk"`},
		{"missing translation", survey("type|name|label::kk|label::ru", "text|a|A|Б", "text|b|B|"), Issue{Warning, "survey", 3, "label::kk", "missing-translation", ""}, `"ru"`},
		{"or_other with a filter", []Sheet{survey(head, "select_one ab or_other|a|A||||||true()")[0], choices}, Issue{Error, "survey", 2, "choice_filter", "or-other", ""}, "yourself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl, issues := build(c.sheets, "form", nil)
			got, ok := find(issues, c.want.Code)
			if !ok {
				t.Fatalf("not found among:\n%s", lines(issues))
			}
			if !strings.Contains(got.Message, c.says) {
				t.Errorf("%q does not say %q", got.Message, c.says)
			}
			got.Message = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if (tmpl == nil) != HasErrors(issues) {
				t.Error("a form with errors was taken, or one without refused")
			}
		})
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, issues := build([]Sheet{sheet("survey", "type|name|label|relevant", "text|1|A|${x}", "select_one no|b|B", "begin group|g|G"), sheet("choices", "list_name|name|label", "l||A")}, "form", nil)
	for _, want := range []Code{"bad-name", "unknown-reference", "unknown-list", "unbalanced", "choice-without-name"} {
		if !slices.Contains(codes(issues), want) {
			t.Errorf("%s is missing:\n%s", want, lines(issues))
		}
	}
}

// Lists of the sheet external_choices are cut down by filters: one name may stand in them once for each place.
func TestExternalChoicesMayHaveANameTwice(t *testing.T) {
	_, issues := build([]Sheet{sheet("survey", "type|name|label|choice_filter", "text|s|S", "select_one_external c|a|A|s = ${s}"),
		sheet("external_choices", "list_name|name|s", "c|king|w", "c|king|t")}, "form", nil)
	if HasErrors(issues) {
		t.Error(lines(issues))
	}
}

// A switch is written as in any other column.
func TestIncrementalIsWrittenAsAnySwitch(t *testing.T) {
	for _, yes := range []string{"true", "yes", "TRUE()", "Yes"} {
		x := xformOf(t, mustBuild(t, survey("type|name|label|parameters", "geotrace|g|G|incremental="+yes)))
		if !strings.Contains(x, `incremental="true"`) {
			t.Errorf("%s: %s", yes, x)
		}
	}
	if _, issues := build(survey("type|name|label|parameters", "geotrace|g|G|incremental=perhaps"), "form", nil); !HasErrors(issues) {
		t.Error("anything is taken for a switch")
	}
}

func TestASoundFormHasNothingToSay(t *testing.T) {
	_, issues := build([]Sheet{
		sheet("survey",
			"type|name|label::kk|label::ru|relevant|calculation|required|constraint|repeat_count|choice_filter|default|trigger|parameters",
			"start|start", "begin_group|g|Ж|Г", "integer|n|Н|Н|||yes|. >= 0", "end_group",
			"begin_repeat|cell|К|К|||||${n}", "decimal|area|А|А|${n} > 0", "calculate|per||||round(${area} div 2, 1)",
			"select_one ab|s|С|С||||||filter = ${n}", "end_repeat", "calculate|total||||sum(${area})", "calculate|seed||||once(random())", "calculate|own||||if(. = '', ${n}, .)", "date|d|Д|Д|||||||today()",
			"calculate|stamp||||now()||||||${n}", "range|r|Р|Р|||||||||start=0 end=1 step=0.1", "note|note|${total}|${total}"),
		sheet("choices", "list_name|name|label::kk|label::ru|filter", "ab|a|А|А|1", "ab|b|Б|Б|2"),
		sheet("settings", "form_id|version|default_language", "f|1|kk"),
	}, "form", nil)
	if len(issues) > 0 {
		t.Error(lines(issues))
	}
}

// An endless list of faults helps nobody and costs memory.
func TestTheListOfFaultsEnds(t *testing.T) {
	rows := []string{"type|name|label"}
	for range 5000 {
		rows = append(rows, "text|1|${nothing_like_it}")
	}
	_, issues := build(survey(rows...), "form", nil)
	if len(issues) > maxIssues+1 || issues[len(issues)-1].Code != "more" {
		t.Errorf("%d issues, the last %v", len(issues), issues[len(issues)-1])
	}
}

func TestHeadersAreKnownHoweverTheyAreWritten(t *testing.T) {
	want := column{header: "", key: "relevant"}
	for _, h := range []string{"relevant", "Relevant", "RELEVANCE", "bind:relevant", "bind: relevant", "bind::relevant", "Bind :: relevant"} {
		var r report
		got := r.columns(&Sheet{Name: "survey", Rows: [][]string{{h}}}, classifySurvey, surveyAliases, surveyKnown)
		if len(got) != 1 || got[0].key != want.key {
			t.Errorf("%q: %+v", h, got)
		}
	}
	for h, want := range map[string]column{
		"label":                    {key: "label"},
		"Label:English (en)":       {key: "label", lang: "English (en)"},
		"label :: Қазақша (kk)":    {key: "label", lang: "Қазақша (kk)"},
		"caption::ru":              {key: "label", lang: "ru"},
		"guidance hint":            {key: "guidance_hint"},
		"constraint message::ru":   {key: "constraint_message", lang: "ru"},
		"bind:jr:constraintMsg":    {key: "constraint_message"},
		"bind::jr:requiredMsg::kk": {key: "required_message", lang: "kk"},
		"required_message":         {key: "required_message"},
		"read only":                {key: "read_only"},
		"media::image::ru":         {key: "media", sub: "image", lang: "ru"},
		"image":                    {key: "media", sub: "image"},
		"big-image::kk":            {key: "media", sub: "big-image", lang: "kk"},
		"repeat count":             {key: "repeat_count"},
		"jr:count":                 {key: "repeat_count"},
		"body::accuracyThreshold":  {key: "body", sub: "accuracyThreshold"},
		"bind::odk:length":         {key: "bind", sub: "odk:length"},
		"instance::odk:tag":        {key: "instance", sub: "odk:tag"},
		"bind::bad name":           {},
		"label::a::b":              {},
		"something else":           {},
		"media::smell":             {},
	} {
		var r report
		got := r.columns(&Sheet{Name: "survey", Rows: [][]string{{h}}}, classifySurvey, surveyAliases, surveyKnown)
		if len(got) != 1 {
			t.Errorf("%q: %+v %v", h, got, r.issues)
			continue
		}
		got[0].header, got[0].index = "", 0
		if got[0] != want {
			t.Errorf("%q is %+v, want %+v", h, got[0], want)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("bind:jr:constraintMsg|label::English (en)|media:image:x")
	f.Fuzz(func(t *testing.T, row string) {
		book := &workbook{}
		if err := book.copySheet(Sheet{Name: "survey", Rows: [][]string{strings.Split(row, "|"), {"text", "a", "A", "b"}}}); err != nil {
			return
		}
		build(book.sheets, "fuzz", nil)
	})
}

func FuzzExpressions(f *testing.F) {
	f.Add("${a} - 1", "2010-01-01", "start=1 end=${a}", "select_one a or_other")
	f.Fuzz(func(t *testing.T, expression, def, params, typ string) {
		book := &workbook{}
		err := book.copySheet(Sheet{Name: "survey", Rows: [][]string{
			{"type", "name", "label", "relevant", "calculation", "default", "parameters", "choice_filter", "repeat_count"},
			{"begin repeat", "r", expression, expression, "", "", "", "", expression},
			{typ, "a", expression, expression, expression, def, params, expression}, {"end repeat"}}})
		if err != nil {
			return
		}
		if err := book.copySheet(Sheet{Name: "choices", Rows: [][]string{{"list_name", "name", "label"}, {"a", "x", expression}}}); err != nil {
			return
		}
		if tmpl, _ := build(book.sheets, "fuzz", nil); tmpl != nil {
			canonicalXML(t, []byte(xformOf(t, tmpl)))
		}
	})
}
