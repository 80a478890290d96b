package checklists

import (
	"bytes"
	"testing"

	"kua/fieldclient/form"
	"kua/fieldclient/form/expr"
)

// fill opens a starter checklist and answers it: each step is a place below the form and what is answered there.
func fill(t *testing.T, name string, steps ...[2]string) *form.Instance {
	t.Helper()
	b, err := Workbook(name)
	if err != nil {
		t.Fatal(err)
	}
	template, _, err := form.Import(t.Context(), bytes.NewReader(b), int64(len(b)), name)
	if err != nil {
		t.Fatal(err)
	}
	in, err := form.NewInstance(template, form.Env{Expr: expr.Env{}, Languages: []string{"kk"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if _, err := in.Set(at(in, s[0]), s[1]); err != nil {
			t.Fatalf("%s = %s: %v", s[0], s[1], err)
		}
	}
	return in
}

// at finds a question's place by its name; of those in a repeat, the first.
func at(in *form.Instance, name string) form.Ref {
	for _, v := range in.Views() {
		if v.Node.Name == name {
			return v.Ref
		}
	}
	return form.Ref(name)
}

func see(t *testing.T, in *form.Instance, name string) form.View {
	t.Helper()
	v, err := in.View(at(in, name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSpaceForEachPersonIsCutAndNeverRoundedUp(t *testing.T) {
	for _, c := range []struct{ area, persons, want string }{
		{"12", "3", "4"},
		{"11.99", "3", "3.99"},
		{"8.7", "3", "2.9"},  // binary fractions must not take a hundredth away
		{"16.4", "4", "4.1"}, //
		{"7.999", "1", "7.99"},
		{"20", "3", "6.66"},
		{"12", "0", ""},
		{"", "3", ""},
	} {
		for name, room := range map[string]string{"colony": "col_02", "ivs": "ivs_12", "psychiatric": "psy_c01", "children": "chi_08"} {
			in := fill(t, name, [2]string{room + "_area", c.area}, [2]string{room + "_persons", c.persons})
			if got := see(t, in, room+"_m2").Value; got != c.want {
				t.Errorf("%s: %s m² for %s: got %q, want %q", name, c.area, c.persons, got, c.want)
			}
		}
	}
}

func TestWhatIsAskedFollowsTheAnswers(t *testing.T) {
	type answers = [][2]string
	for _, c := range []struct {
		checklist string
		answers   answers
		question  string
		asked     bool
	}{
		{"core", answers{{"core_01_refusal", "no"}}, "core_01_reason", false},
		{"core", answers{{"core_01_refusal", "yes"}}, "core_01_reason", true},
		{"core", answers{{"core_11", "0"}}, "core_11_where", false},
		{"core", answers{{"core_11", "2"}}, "core_11_where", true},
		{"core", answers{{"core_06", "met"}}, "core_06_missing", false},
		{"core", answers{{"core_06", "partly"}}, "core_06_missing", true},
		{"core", answers{{"core_15_deaths", "1"}}, "core_15_family", true},
		{"core", answers{{"core_15_deaths", "0"}, {"core_15_injuries", "0"}}, "core_15_family", false},
		{"core", answers{{"core_25", "0"}}, "core_25_text", false},
		{"core", answers{{"core_25", "1"}}, "core_25_text", true},
		{"colony", nil, "col_32", true}, // as long as nobody counted, everything is asked
		{"colony", answers{{"core_04_women", "0"}, {"core_04_girls", "0"}}, "col_32", false},
		{"colony", answers{{"core_04_women", "3"}}, "col_32", true},
		{"colony", answers{{"core_04_foreigners", "0"}}, "col_33", false},
		{"colony", nil, "col_33", true},
		{"colony", answers{{"col_21_longest", "15"}}, "col_21_long", false},
		{"colony", answers{{"col_21_longest", "16"}}, "col_21_long", true},
		{"sizo", answers{{"core_04_boys", "0"}, {"core_04_girls", "0"}}, "sizo_12", false},
		{"sizo", nil, "sizo_12", true},
		{"ivs", answers{{"ivs_22", "0"}}, "ivs_22_ground", false},
		{"ivs", answers{{"ivs_22", "2"}}, "ivs_22_ground", true},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C1 C2"}}, "int_23", true},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C0"}}, "int_23", false},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C0"}}, "int_31", true},
		{"interview", answers{{"int_13", "no"}}, "int_31", false},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C1 C4"}}, "int_15_purpose", true},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C1 C3"}}, "int_15_purpose", false},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C1"}, {"int_17_minor", "yes"}}, "int_17_own", true},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C1"}, {"int_17", "person"}}, "int_17_own", false},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C0"}}, "int_22", false},
		{"allegation", answers{{"alg_04", "C0"}}, "alg_08", false},
		{"allegation", answers{{"alg_04", "C1"}}, "alg_08", true},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_16", "no"}}, "alg_18_consistency", false},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_16", "yes"}}, "alg_18_consistency", true},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_16", "no"}}, "alg_23", false},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_16", "yes"}}, "alg_23", true},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_16", "no"}, {"alg_17", "yes"}, {"alg_18_intimate", "yes"}}, "alg_18_photo_intimate", false},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_16", "no"}, {"alg_17", "yes"}, {"alg_18_intimate", "yes"}}, "alg_18_photo", false},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_16", "yes"}, {"alg_17", "yes"}, {"alg_18_intimate", "yes"}}, "alg_18_photo_intimate", true},
		{"allegation", answers{{"alg_04", "C1"}, {"alg_15", "yes"}, {"alg_17", "no"}, {"alg_18_intimate", "no"}}, "alg_18_photo", false},
	} {
		in := fill(t, c.checklist, c.answers...)
		asked := false
		for _, v := range in.Views() {
			asked = asked || v.Node.Name == c.question && v.Relevant
		}
		if asked != c.asked {
			t.Errorf("%s, after %v: %s asked: %v, want %v", c.checklist, c.answers, c.question, asked, c.asked)
		}
	}
}

func TestAnswersThatCannotBeAreSaidToBeWrong(t *testing.T) {
	type answers = [][2]string
	for _, c := range []struct {
		checklist string
		answers   answers
		question  string
		wrong     bool
	}{
		{"core", answers{{"core_01", "-1"}}, "core_01", true},
		{"core", answers{{"core_04_total", "10"}, {"core_04_men", "11"}}, "core_04_men", true},
		{"core", answers{{"core_04_total", "10"}, {"core_04_men", "10"}}, "core_04_men", false},
		{"core", answers{{"core_04_men", "11"}}, "core_04_men", false}, // nobody counted all yet
		{"core", answers{{"core_26", "yes"}, {"core_26_measures", "none food"}}, "core_26_measures", true},
		{"core", answers{{"core_26", "yes"}, {"core_26_pseudonym", "7K-R4M-03-X"}}, "core_26_pseudonym", false},
		{"colony", answers{{"col_02_area", "0"}}, "col_02_area", true},
		{"colony", answers{{"col_27_hours", "25"}}, "col_27_hours", true},
		{"interview", answers{{"int_04", "2026-11-24T10:00:00+05:00"}, {"int_05", "2026-11-24T09:30:00+05:00"}}, "int_05", true},
		{"interview", answers{{"int_04", "2026-11-24T10:00:00+05:00"}, {"int_05", "2026-11-24T10:30:00+05:00"}}, "int_05", false},
		{"interview", answers{{"int_13", "yes"}, {"int_14", "C0 C2"}}, "int_14", true},
		{"allegation", answers{{"alg_04", "C2"}, {"alg_27", "forwarded_identity"}}, "alg_27", true},
		{"allegation", answers{{"alg_04", "C4"}, {"alg_27", "forwarded_identity"}}, "alg_27", false},
		{"allegation", answers{{"alg_04", "C2"}, {"alg_27", "recorded_only"}}, "alg_27", false},
	} {
		in := fill(t, c.checklist, c.answers...)
		if got := see(t, in, c.question).Invalid; got != c.wrong {
			t.Errorf("%s, after %v: %s wrong: %v, want %v", c.checklist, c.answers, c.question, got, c.wrong)
		}
	}
}

func TestFiguresAreComputed(t *testing.T) {
	in := fill(t, "core", [2]string{"core_04_capacity", "300"}, [2]string{"core_04_total", "351"},
		[2]string{"core_05_register", "10"}, [2]string{"core_05_found_present", "9"}, [2]string{"core_05_present", "5"}, [2]string{"core_05_found_register", "3"})
	if got := see(t, in, "core_04_occupancy").Value; got != "117" {
		t.Errorf("351 persons in 300 places are %q %% full, want 117", got)
	}
	if got := see(t, in, "core_05_differences").Value; got != "3" {
		t.Errorf("one missing on the spot and two in the register: got %q differences, want 3", got)
	}
	in = fill(t, "ivs", [2]string{"ivs_01", "2"},
		[2]string{"ivs_01_arrest", "2026-11-23T22:00:00+05:00"}, [2]string{"ivs_01_record", "2026-11-24T01:30:00+05:00"})
	if got := see(t, in, "ivs_01_h_record").Value; got != "3.5" {
		t.Errorf("the record came after %q hours, want 3.5", got)
	}
	if got := see(t, in, "ivs_01_h_court").Value; got != "" {
		t.Errorf("a court that is not known yet came after %q hours", got)
	}
}

func TestAnEmptyChecklistWantsOnlyWhatConsentNeeds(t *testing.T) {
	want := map[string]int{"interview": 3, "allegation": 2} // pseudonym, kind, agreement; pseudonym, consent
	for _, c := range All() {
		problems := fill(t, c.Name).Validate()
		if len(problems) != want[c.Name] {
			t.Errorf("%s: an empty form has the problems %v, want %d", c.Name, problems, want[c.Name])
		}
	}
}
