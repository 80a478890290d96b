package form

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kua/fieldclient/form/expr"

	"github.com/google/go-cmp/cmp"
)

var testEnv = Env{Expr: expr.Env{Now: func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }, Random: sevens{}}}

// begin starts a form of survey rows; rows after a "choices" line are choices.
func begin(t testing.TB, rows ...string) *Instance {
	t.Helper()
	in, err := NewInstance(mustBuild(t, sheets(rows...)), testEnv)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func sheets(rows ...string) []Sheet {
	if i := slices.Index(rows, "choices"); i >= 0 {
		return []Sheet{sheet("survey", rows[:i]...), sheet("choices", rows[i+1:]...)}
	}
	return survey(rows...)
}

// do runs steps and compares what they say: "q = 5" answers, "q ! not-checked" silences, "+ rep" adds, "- rep[2]"
// removes, "q ? 5" wants a value, "q relevant yes" and its like want a state. Places are below /data.
func do(t testing.TB, in *Instance, steps ...string) {
	t.Helper()
	for _, s := range steps {
		f := strings.SplitN(s, " ", 3)
		var err error
		switch {
		case f[0] == "+":
			_, _, err = in.Add(Ref("/data/" + f[1]))
		case f[0] == "-":
			_, err = in.Remove(Ref("/data/" + f[1]))
		case f[1] == "=":
			_, err = in.Set(Ref("/data/"+f[0]), strings.Join(f[2:], ""))
		case f[1] == "!":
			why := map[string]Silence{"not-checked": NotChecked, "not-applicable": NotApplicable, "access-refused": AccessRefused}[f[2]]
			_, err = in.Silent(Ref("/data/"+f[0]), why)
		default:
			want(t, in, s, f)
		}
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func want(t testing.TB, in *Instance, s string, f []string) {
	t.Helper()
	v, err := in.View(Ref("/data/" + f[0]))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	var values []string
	for _, c := range v.Choices {
		values = append(values, c.Value)
	}
	got := map[string]string{"?": v.Value, "relevant": yes[v.Relevant], "required": yes[v.Required], "readonly": yes[v.ReadOnly],
		"invalid": yes[v.Invalid], "label": v.Label, "hint": v.Hint, "choices": strings.Join(values, " ")}[f[1]]
	if got != strings.Join(f[2:], "") {
		t.Errorf("%s: got %q", s, got)
	}
}

func TestEveryFeatureFollowsTheAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  []string
		steps []string
	}{
		{"relevance", []string{"type | name | label | relevant | calculation", "integer|a|A", "text|b|B|${a} > 5", "calculate|c|||concat(${b}, '.')",
			"begin group|g|G|${a} > 7", "text|d|D", "end group", "calculate|e|||${d}"},
			[]string{"b relevant no", "a = 6", "b relevant yes", "b = x", "c ? x.", "a = 5", "b ? x", "b relevant no", "c ? .", "a = 9", "c ? x.",
				"g/d relevant yes", "g/d = y", "e ? y", "a = 7", "g/d relevant no", "e ? ", "g/d ? y"}},
		{"calculations in a row", []string{"type | name | label | calculation", "calculate|c||${b} * 2", "calculate|b||${a} + 1", "integer|a|A"},
			[]string{"a = 1", "b ? 2", "c ? 4", "a = ", "c ? "}},
		{"states", []string{"type | name | label | required | read_only | constraint", "integer|a|A|||. > 2 and . < ${m}", "integer|m|M", "text|r|R|${m} = 5|${m} = 6"},
			[]string{"a = 1", "a invalid yes", "a = 4", "a invalid yes", "m = 5", "a invalid no", "r required yes", "m = 6", "r readonly yes", "r required no"}},
		{"defaults", []string{"type | name | label | default | calculation", "integer|a|A|4", "date|d|D|today()", "integer|n|N|${a} + 1", "calculate|o||| once(${a})"},
			[]string{"a ? 4", "d ? 2026-11-24", "n ? 5", "o ? 4", "a = 8", "n ? 5", "o ? 4"}},
		{"cascading choices", []string{"type | name | label | choice_filter", "select_one r|r|R", "select_one d|d|D|region = ${r}", "choices", "list_name|name|label|region",
			"r|n|North", "r|s|South", "d|a|A|n", "d|b|B|s", "d|c|C|s"},
			[]string{"d choices ", "r = s", "d choices b c", "d = c", "r = n", "d choices a", "d ? c"}},
		{"triggers", []string{"type | name | label | calculation | trigger", "integer|a|A", "text|b|B", "calculate|t||concat(${b}, ${a})|${a}", "integer|u|U||${a}"},
			[]string{"b = x", "t ? ", "u = 3", "a = 1", "t ? x1", "u ? ", "b = y", "t ? x1", "u = 4", "a = 1", "u ? 4"}},
		{"repeats", []string{"type | name | label | calculation", "begin repeat|c|C", "integer|p|P", "calculate|at||position(..)", "end repeat",
			"calculate|sum||sum(${p})", "calculate|n||count(${c})", "calculate|second||indexed-repeat(${p}, ${c}, 2)"},
			[]string{"n ? 1", "+ c", "+ c", "n ? 3", "c[1]/p = 1", "c[2]/p = 2", "c[3]/p = 4", "sum ? 7", "second ? 2", "c[3]/at ? 3", "- c[1]", "sum ? 6", "second ? 4",
				"c[2]/at ? 2", "c[2]/p ? 4", "c[1]/at ? 1", "n ? 2", "- c[1]", "- c[1]", "sum ? 0", "n ? 0"}},
		{"repeat count", []string{"type | name | label | repeat_count | calculation | default", "integer|k|K", "begin repeat|c|C|${k}", "integer|p|P|||2", "end repeat", "calculate|sum||| sum(${p})"},
			[]string{"sum ? 0", "k = 3", "sum ? 6", "c[3]/p = 5", "sum ? 9", "k = 2", "sum ? 4", "k = 3", "sum ? 9", "c[3]/p ? 5", "k = ", "sum ? 9", "k = 0", "sum ? 0", "k = ", "sum ? 9"}},
		{"count that the repeat decides", []string{"type | name | label | repeat_count", "begin repeat|c|C|count(${more}[. = 'y']) + 1", "text|more|M", "end repeat"},
			[]string{"c_count ? 1", "c[1]/more = y", "c_count ? 2", "c[2]/more = y", "c_count ? 3", "c[1]/more = n", "c_count ? 2", "c[3]/more relevant no"}},
		{"nested repeats", []string{"type | name | label | calculation", "begin repeat|o|O", "begin repeat|i|I", "integer|x|X", "end repeat", "calculate|s||sum(${x})", "end repeat", "calculate|all||sum(${x})"},
			[]string{"+ o", "+ o[2]/i", "+ o[2]/i", "o[1]/i[1]/x = 1", "o[2]/i[1]/x = 2", "o[2]/i[2]/x = 4", "o[1]/s ? 1", "o[2]/s ? 6", "all ? 7", "- o[1]", "all ? 6", "o[1]/s ? 6"}},
		{"silences", []string{"type | name | label | calculation", "integer|a|A", "calculate|c||coalesce(${a}, 'none')"},
			[]string{"a = 3", "c ? 3", "a ! access-refused", "c ? none", "a ? ", "a = 4", "c ? 4"}},
		{"words", []string{"type | name | label::en | label::kk | hint::en", "text|n|Name|Аты|h", "text|q|Where is ${n}?|${n} қайда?|ask ${n}"},
			[]string{"n = Aru", "q label Where is Aru?", "q hint ask Aru"}},
		{"choice names", []string{"type | name | label | calculation", "select_one r|r|R", "calculate|c||jr:choice-name(${r}, '${r}')", "calculate|l||instance('r')/root/item[name = ${r}]/label",
			"choices", "list_name|name|label", "r|n|North", "r|s|South"}, []string{"r = s", "c ? South", "l ? South"}},
		{"repeats that are not relevant", []string{"type | name | label | relevant | calculation", "text|a|A", "begin repeat|c|C|${a} != 'no'", "integer|p|P", "end repeat", "calculate|n|||count(${c})"},
			[]string{"+ c", "n ? 2", "a = no", "n ? 0", "a = yes", "n ? 2"}},
		{"another instance by a relative path", []string{"type | name | label | calculation", "begin repeat|c|C", "integer|p|P", "calculate|x||indexed-repeat(../p, /data/c, 2)", "end repeat"},
			[]string{"+ c", "c[2]/p = 5", "c[1]/x ? 5", "c[2]/p = 6", "c[1]/x ? 6"}},
		{"a constraint without its own answer", []string{"type | name | label | constraint", "integer|a|A|${m} > 1", "integer|m|M"},
			[]string{"m = 1", "a invalid no", "a = 3", "a invalid yes", "a = ", "a invalid no"}},
		{"words of an instance", []string{"type | name | label", "begin repeat|c|Cell ${no}", "text|no|No", "end repeat"},
			[]string{"+ c", "c[1]/no = 12", "c[2]/no = 14", "c[2] label Cell 14"}},
		{"or other", []string{"type | name | label", "select_one r or_other|r|R", "choices", "list_name|name|label", "r|n|North"},
			[]string{"r_other relevant no", "r = other", "r_other relevant yes", "r_other = East"}},
		{"choices from answers", []string{"type | name | label", "begin repeat|c|C", "text|no|No", "end repeat", "select_one ${no}|worst|W"},
			[]string{"+ c", "worst choices ", "c[2]/no = B", "c[1]/no = A", "worst choices A B", "worst = B", "- c[1]", "worst choices B"}},
		{"groups read-only", []string{"type | name | label | read_only", "text|a|A", "begin group|g|G|${a} = 'x'", "text|b|B", "end group"},
			[]string{"g/b readonly no", "a = x", "g/b readonly yes"}},
	} {
		t.Run(c.name, func(t *testing.T) { do(t, begin(t, c.rows...), c.steps...) })
	}
}

func TestAnotherLanguageChangesLabelsChoicesAndWhatIsCalculatedOfThem(t *testing.T) {
	in := begin(t, "type | name | label::en | label::kk | calculation", "select_one r|r|Region|Аймақ", "calculate|c|||jr:choice-name(${r}, '${r}')", "calculate|l|||instance('r')/root/item[name = ${r}]/label",
		"calculate|i|||jr:itext('r-0')", "text|only|Only English|", "choices", "list_name|name|label::en|label::kk", "r|n|North|Солтүстік")
	in.SetLanguages("en")
	do(t, in, "r = n", "c ? North", "l ? North", "i ? North")
	changed := in.SetLanguages("kk")
	do(t, in, "r label Аймақ", "c ? Солтүстік", "l ? Солтүстік", "i ? Солтүстік", "only label Only English")
	if v, _ := in.View("/data/r"); len(v.Choices) != 1 || v.Choices[0].Label != "Солтүстік" {
		t.Errorf("choices %v", v.Choices)
	}
	if diff := cmp.Diff([]Ref{"/data/r", "/data/c", "/data/l", "/data/i"}, changed); diff != "" {
		t.Error(diff)
	}
}

func FuzzNoPlaceAndNoAnswerPanics(f *testing.F) {
	for _, ref := range []string{"/data/a", "/data/g/c[2]/p", "/data/g/c", "/data/k[99999999999]/y", "//[", "/data/g/c[0]"} {
		f.Add(ref, "1")
	}
	g, err := NewGraph(mustBuild(f, manyFeatures))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, ref, value string) {
		in := g.Begin(testEnv)
		_, _ = in.Set(Ref(ref), value)
		_, _ = in.Silent(Ref(ref), NotChecked)
		_, _, _ = in.Add(Ref(ref))
		_, _ = in.Remove(Ref(ref))
		again, homeless := g.Load(testEnv, append(in.Answers(), Answer{Ref: Ref(ref), Value: value}))
		if len(homeless) > 1 {
			t.Errorf("no place for %v", homeless)
		}
		again.Validate()
	})
}

func TestAChangeNamesAllThatItChangedInDocumentOrder(t *testing.T) {
	in := begin(t, "type | name | label | relevant | calculation", "calculate|c|||${a} + 1", "integer|a|A", "text|b|B|${a} > 1", "text|d|D ${c}", "text|e|E")
	got, err := in.Set("/data/a", "3")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Ref{"/data/c", "/data/a", "/data/b", "/data/d"}, got); diff != "" {
		t.Error(diff)
	}
	if got, _ = in.Set("/data/a", "3"); len(got) != 0 {
		t.Errorf("the same answer again changed %v", got)
	}
}

func TestAnAnswerInTheLabelOfAChoiceChangesTheQuestion(t *testing.T) {
	in := begin(t, "type | name | label | calculation", "text|who|Who", "select_one l|s|S", "select_one m|other|O", "calculate|c||jr:choice-name('a', '${s}')",
		"choices", "list_name|name|label", "l|a|Ask ${who}", "m|a|A")
	got, err := in.Set("/data/who", "Aru")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Ref{"/data/who", "/data/s", "/data/c"}, got); diff != "" {
		t.Error(diff)
	}
	do(t, in, "c ? Ask Aru")
}

func TestExternalChoicesComeFromTheirOwnSheet(t *testing.T) {
	tmpl := mustBuild(t, []Sheet{
		sheet("survey", "type|name|label|choice_filter", "select_one l|one|One", "select_one_external l|ext|Ext|region = ${one}"),
		sheet("choices", "list_name|name|label", "l|n|North", "l|s|South"),
		sheet("external_choices", "list_name|name|label|region", "l|x|Town X|n", "l|y|Town Y|s")})
	in, err := NewInstance(tmpl, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	do(t, in, "ext choices ", "one = s", "ext choices y", "ext = y", "one = n", "ext choices x")
	if _, err := in.Set("/data/ext", "y"); !errors.Is(err, ErrBadValue) {
		t.Errorf("a town of another region is taken: %v", err)
	}
	if got := in.Validate(); len(got) != 1 || got[0].Code != CodeChoice {
		t.Errorf("a town that is no longer offered: %v", got)
	}
}
