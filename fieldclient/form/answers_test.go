package form

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestAnAnswerIsOfItsQuestionsType(t *testing.T) {
	in := begin(t, "type | name | label | calculation | read_only | relevant | trigger", "integer|i|I", "decimal|n|N", "date|d|D", "time|t|T", "dateTime|dt|DT", "geopoint|p|P", "geotrace|tr|TR",
		"text|s|S", "select_one r|one|One", "select_multiple r|many|Many", "rank r|rank|Rank", "acknowledge|ok|OK", "note|note|Note", "calculate|c||1", "text|ro|RO||yes", "text|no|No|||false()",
		"begin group|g|G", "text|q|Q", "end group", "choices", "list_name|name|label", "r|a|A", "r|b|B")
	for _, c := range []struct {
		ref   Ref
		value string
		want  string
		err   error
	}{
		{"i", "12", "12", nil}, {"i", " -007 ", "-7", nil}, {"i", "1.5", "", ErrBadValue}, {"i", "x", "", ErrBadValue}, {"i", "99999999999999999999", "", ErrBadValue}, {"i", "", "", nil},
		{"n", "1.50", "1.50", nil}, {"n", ".5", "0.5", nil}, {"n", "-.5", "-0.5", nil}, {"n", "1.", "1", nil}, {"n", "+007.50", "7.50", nil}, {"n", "-0.0", "0.0", nil}, {"n", "000", "0", nil}, {"n", ".", "", ErrBadValue}, {"n", "1-2", "", ErrBadValue}, {"n", "1e5", "", ErrBadValue}, {"n", "NaN", "", ErrBadValue}, {"n", "1,5", "", ErrBadValue}, {"n", "1.2.3", "", ErrBadValue},
		{"d", "2026-02-28", "2026-02-28", nil}, {"d", "2026-02-30", "", ErrBadValue}, {"d", "28.02.2026", "", ErrBadValue},
		{"t", "14:30", "14:30", nil}, {"t", "14:30:00.000+05:00", "14:30:00.000+05:00", nil}, {"t", "25:00", "", ErrBadValue},
		{"t", "9:30", "09:30", nil}, {"t", "9:30:00,5", "09:30:00.5", nil}, {"t", "09:30+15:00", "", ErrBadValue}, {"dt", "2026-11-24T9:30", "2026-11-24T09:30", nil}, {"dt", "2026-11-24T9:30:00,25+05:00", "2026-11-24T09:30:00.25+05:00", nil},
		{"dt", "2026-02-28T14:30:00Z", "2026-02-28T14:30:00Z", nil}, {"dt", "2026-02-28", "", ErrBadValue},
		{"p", "51.1 71.4", "51.1 71.4", nil}, {"p", "51.1 71.4 0 5", "51.1 71.4 0 5", nil}, {"p", "91 0", "", ErrBadValue}, {"p", "51", "", ErrBadValue}, {"p", "NaN 1", "", ErrBadValue},
		{"tr", "1 2;3 4;", "1 2;3 4;", nil}, {"tr", "1 2;x", "", ErrBadValue}, {"s", " as is ", " as is ", nil},
		{"one", "a", "a", nil}, {"one", "a b", "", ErrBadValue}, {"one", "z", "", ErrBadValue}, {"many", "b  a", "b a", nil}, {"many", "b z", "", ErrBadValue}, {"many", "a a", "", ErrBadValue},
		{"rank", "b a", "b a", nil}, {"rank", "b", "", ErrBadValue}, {"ok", "OK", "OK", nil}, {"ok", "yes", "", ErrBadValue},
		{"note", "x", "", ErrNotAsked}, {"c", "2", "", ErrNotAsked}, {"ro", "x", "", ErrNotAsked}, {"no", "x", "", ErrNotRelevant}, {"g", "x", "", ErrNotAsked},
		{"none", "x", "", ErrNoPlace}, {"i[2]", "1", "", ErrNoPlace}, {"g/q[x]", "1", "", ErrNoPlace}, {"g/q/r", "1", "", ErrNoPlace}, {"", "1", "", ErrNoPlace},
	} {
		before := in.Answers()
		_, err := in.Set("/data/"+c.ref, c.value)
		if !errors.Is(err, c.err) {
			t.Errorf("%s = %q: error %v, want %v", c.ref, c.value, err, c.err)
		}
		if c.err != nil {
			if diff := cmp.Diff(before, in.Answers()); diff != "" {
				t.Errorf("%s = %q was refused, and changed:\n%s", c.ref, c.value, diff)
			}
			continue
		}
		if v, _ := in.View("/data/" + c.ref); v.Value != c.want {
			t.Errorf("%s = %q: got %q, want %q", c.ref, c.value, v.Value, c.want)
		}
	}
	for _, ref := range []Ref{"", "x", "/", "//", "/data[2]/i", "/data/g[0]/q", "/data/g[-1]", "/other/i"} {
		if _, err := in.Set(ref, "1"); !errors.Is(err, ErrNoPlace) {
			t.Errorf("Set(%q): %v", ref, err)
		}
	}
}

// What is taken as an answer and read by no expression would be a silent nothing in every figure made of it.
func TestEveryMomentThatIsTakenIsReadByExpressions(t *testing.T) {
	in := begin(t, "type | name | label | calculation", "date|d|D", "time|t|T", "dateTime|dt|DT", "calculate|rd||decimal-date-time(${d})", "calculate|rt||decimal-time(${t})", "calculate|rdt||decimal-date-time(${dt})")
	for _, hour := range []string{"9", "09", "0", "23"} {
		for _, rest := range []string{":30", ":30:05", ":30:05.5", ":30:05,5", ":3", ":30:5", ":30:05.", ":30:05.1234567891"} {
			for _, zone := range []string{"", "Z", "+05:00", "-11:30", "+14:00", "+15:00", "+24:00", "+5:00", "z"} {
				for name, value := range map[Ref]string{"t": hour + rest + zone, "dt": "2026-11-24T" + hour + rest + zone} {
					if _, err := in.Set("/data/"+name, value); err != nil {
						continue
					}
					if v, _ := in.View("/data/r" + name); v.Value == "" || v.Value == "NaN" {
						t.Errorf("%s = %q is taken and read as %q", name, value, v.Value)
					}
				}
			}
		}
	}
}

func TestValidateTellsEverythingAtOnceInTheLanguageAsked(t *testing.T) {
	in := begin(t, "type | name | label::en | label::kk | required | required_message::en | required_message::kk | constraint | constraint_message::en | relevant | choice_filter",
		"text|a|A|А|yes|say it|айтыңыз", "integer|b|B|Б||||. < ${c}|less than ${c}", "integer|c|C|В", "begin group|g|G|Г||||||${c} = 7", "text|h|H|Ғ|yes", "end group",
		"select_one r|r|R|Р|||||||region = ${c}", "choices", "list_name|name|label::en|label::kk|region", "r|x|X|Х|9", "r|y|Y|У|7", "r|z|Z|З|9")
	do(t, in, "c = 9", "b = 10", "r = x")
	check := func(want ...Problem) {
		t.Helper()
		if diff := cmp.Diff(want, in.Validate(), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	in.SetLanguages("en")
	check(Problem{"/data/a", CodeRequired, "say it"}, Problem{"/data/b", CodeConstraint, "less than 9"})
	in.SetLanguages("kk")
	check(Problem{"/data/a", CodeRequired, "айтыңыз"}, Problem{"/data/b", CodeConstraint, "less than 9"})
	do(t, in, "a ! access-refused", "c = 7")
	check(Problem{"/data/b", CodeConstraint, "less than 7"}, Problem{"/data/g/h", CodeRequired, ""}, Problem{"/data/r", CodeChoice, ""})
	do(t, in, "b ! not-checked", "g/h = x", "r = y")
	check()
	do(t, in, "a ! none")
	check(Problem{"/data/a", CodeRequired, "айтыңыз"})
}

func TestAnExpressionThatCannotBeEvaluatedIsAProblemAndNoSilentAnswer(t *testing.T) {
	in := begin(t, "type | name | label | calculation | relevant", "text|a|A", "calculate|c||pulldata('none', 'x', 'y', ${a})", "text|b|B||instance('none')/root/item = ${a}")
	do(t, in, "a = 1", "b relevant yes", "c ? ")
	var at []Ref
	for _, p := range in.Validate() {
		if p.Code != CodeFault || p.Message == "" {
			t.Errorf("%+v", p)
		}
		at = append(at, p.Ref)
	}
	if diff := cmp.Diff([]Ref{"/data/c", "/data/b"}, at); diff != "" {
		t.Error(diff)
	}
}

func TestProgressNeverMixesSilencesWithValues(t *testing.T) {
	in := begin(t, "type | name | label | relevant | read_only", "text|a|A", "note|n|N", "begin group|g|Section", "text|b|B", "text|c|C|${a} = 'x'", "text|ro|RO||yes",
		"begin repeat|k|Cell", "text|d|D", "end repeat", "end group")
	do(t, in, "a = y", "g/b ! not-applicable", "+ g/k", "g/k[2]/d = 1")
	want := []Section{
		{"/data", "", 0, 2, 1, 1, 1, 0}, {"/data/g", "Section", 1, 1, 1, 1, 1, 0}, {"/data/g/k[1]", "Cell", 2, 0, 0, 1, 0, 0}, {"/data/g/k[2]", "Cell", 2, 1, 0, 0, 0, 0},
	}
	if diff := cmp.Diff(want, in.Progress()); diff != "" {
		t.Error(diff)
	}
}

// Where nobody has measured a cell, cells are not complete.
func TestARepeatThatNobodyHasBegunIsSeenInProgress(t *testing.T) {
	in := begin(t, "type | name | label | relevant | repeat_count", "text|a|A||", "begin group|g|Section||", "begin repeat|k|Cell||", "text|d|D||", "end repeat|||",
		"begin repeat|hidden|Hidden|${a} = 'x'|", "text|e|E||", "end repeat|||", "begin repeat|three|Three||3", "text|f|F||", "end repeat|||", "end group|||")
	do(t, in, "- g/k[1]", "- g/hidden[1]", "a = y")
	got := in.Progress()
	want := []Section{{"/data", "", 0, 1, 0, 3, 0, 1}, {"/data/g", "Section", 1, 0, 0, 3, 0, 1}, {"/data/g/k", "Cell", 2, 0, 0, 0, 0, 1}}
	if diff := cmp.Diff(want, got[:3]); diff != "" || len(got) != 6 {
		t.Error(diff, got)
	}
	do(t, in, "a = x", "+ g/k")
	if got := in.Progress(); got[0].Empty != 1 || got[2].Ref != "/data/g/k[1]" || got[3].Ref != "/data/g/hidden" {
		t.Errorf("%+v", got)
	}
}

func TestAnswersWithoutAPlaceAreGivenBack(t *testing.T) {
	in := begin(t, "type | name | label | default", "text|a|A|x", "begin repeat|k|K", "text|d|D", "end repeat")
	answers := []Answer{{"/data/gone", "v", None}, {"/data/k[3]", "", None}, {"/data/k[2]/d", "two", None}, {"/data/k[9999]/d", "v", None}, {"/data/k", "v", None}, {"/data/a[2]", "v", None}, {"/data/a", "", Silence(9)}}
	in, homeless := in.graph.Load(testEnv, answers)
	if diff := cmp.Diff([]Answer{answers[0], answers[3], answers[4], answers[5], answers[6]}, homeless); diff != "" {
		t.Error(diff)
	}
	do(t, in, "a ? ", "k[1]/d ? ", "k[2]/d ? two", "k[3]/d ? ")
}

func TestARepeatsNumberIsGuarded(t *testing.T) {
	in := begin(t, "type | name | label | repeat_count", "integer|n|N", "begin repeat|k|K|${n}", "text|d|D", "end repeat", "begin repeat|m|M", "text|e|E", "end repeat")
	do(t, in, "n = 2")
	if _, _, err := in.Add("/data/k"); !errors.Is(err, ErrRepeatCount) {
		t.Errorf("Add: %v", err)
	}
	if _, err := in.Remove("/data/k[1]"); !errors.Is(err, ErrRepeatCount) {
		t.Errorf("Remove: %v", err)
	}
	if _, err := in.Remove("/data/n"); !errors.Is(err, ErrNoPlace) {
		t.Errorf("Remove: %v", err)
	}
	if _, _, err := in.Add("/data/n"); !errors.Is(err, ErrNoPlace) {
		t.Errorf("Add: %v", err)
	}
	do(t, in, "n = 5000")
	if got := in.Validate(); len(got) == 0 || got[0].Code != CodeFault {
		t.Errorf("5,000 instances: %v", got)
	}
	if v, err := in.Evaluate("/data", "count(${k})"); err != nil || v.Number() != MaxInstances {
		t.Errorf("count: %v %v", v, err)
	}
}

func TestTheEndIsNotKnownBeforeTheFormIsFinished(t *testing.T) {
	in := begin(t, "type | name | label | calculation", "start|s", "end|e", "text|a|A", "calculate|took||${e} != ''")
	do(t, in, "s ? 2026-11-24T09:00:00.000+00:00", "e ? ", "a = x", "e ? ", "took ? false")
	if diff := cmp.Diff([]Ref{"/data/e", "/data/took"}, in.Finish()); diff != "" {
		t.Error(diff)
	}
	do(t, in, "e ? 2026-11-24T09:00:00.000+00:00", "took ? true")
}
