package checklists

import (
	"slices"
	"strings"
	"testing"
)

// rowOf finds a question of a checklist by its stable id.
func rowOf(t *testing.T, s table, id string) func(column string) string {
	t.Helper()
	i := slices.IndexFunc(s.rows, func(row []string) bool {
		return s.of(row, "kua::id") == id && !strings.HasPrefix(s.of(row, "type"), "end_")
	})
	if i < 0 {
		t.Fatalf("there is no %s", id)
	}
	return func(column string) string { return s.of(s.rows[i], column) }
}

// The chapters on the NPM stand in the act of each sector, and the articles run in parallel.
func TestTheLawThatIsCitedIsTheSectorsOwn(t *testing.T) {
	for name, want := range map[string]string{
		"colony": "OPCAT 21(1); PEC 45", "ivs": "OPCAT 21(1); Special Institutions Law 46-16", "sizo": "OPCAT 21(1); Special Institutions Law 46-16",
		"psychiatric": "OPCAT 21(1); Health Code 190; Social Code 149", "children": "OPCAT 21(1); Child Rights Law 47-7", "core": "OPCAT 21(1)",
	} {
		s := survey(t, name)
		for _, row := range s.rows {
			id, standard := s.of(row, "kua::id"), s.of(row, "kua::standard")
			if base(id) == "CORE-26" && standard != want {
				t.Errorf("%s: %s rests on %q, want %q", name, id, standard, want)
			}
			if name != "colony" && strings.Contains(standard, "PEC") {
				t.Errorf("%s: %s rests on the code of the prisons: %q", name, id, standard)
			}
		}
	}
}

func TestWhoCanKnowMayBeNamedAsTheSource(t *testing.T) {
	if got := rowOf(t, survey(t, "colony"), "COL-31/any")("kua::sources"); got != "observation document management" {
		t.Errorf("whether somebody serves life is known from %q", got)
	}
}

func TestAllPersonsOfAnInstitutionAreNotMeasuredAsThoseOfOneRoom(t *testing.T) {
	for _, name := range names() {
		s := survey(t, name)
		inside := 0
		for _, row := range s.rows {
			switch kind := s.of(row, "type"); {
			case kind == "begin_repeat" || kind == "begin_group" && s.of(row, "kua::id") == "COL-22":
				inside++
			case strings.HasPrefix(kind, "end_") && (kind == "end_repeat" || s.of(row, "name") == "col_22"):
				inside--
			}
			if m := s.of(row, "kua::measure"); (m == "persons" && inside == 0) || (m == "persons_held" && inside > 0) {
				t.Errorf("%s: %s measures %s", name, s.of(row, "kua::id"), m)
			}
		}
	}
	if got := rowOf(t, survey(t, "psychiatric"), "PSY-C01/residents")("kua::measure"); got != "persons_held" {
		t.Errorf("the residents are measured as %q", got)
	}
}

func TestEveryMomentOfACaseHasItsInterval(t *testing.T) {
	s := survey(t, "ivs")
	note := ""
	for _, row := range s.rows {
		if s.of(row, "name") == "ivs_01_hours_note" {
			note = strings.Join(row, "\n")
		}
	}
	for _, moment := range []string{"arrival", "record", "admission", "lawyer", "family", "doctor", "court", "release"} {
		if got := rowOf(t, s, "IVS-01/h_"+moment)("kua::measure"); got != "hours_arrest_to_"+moment {
			t.Errorf("the interval of %s is measured as %q", moment, got)
		}
		if strings.Count(note, "${ivs_01_h_"+moment+"}") != len(languages) {
			t.Errorf("the hours since arrest leave out %s", moment)
		}
	}
	in := fill(t, "ivs", [2]string{"ivs_01", "1"}, [2]string{"ivs_01_arrest", "2026-11-24T9:30"}, [2]string{"ivs_01_arrival", "2026-11-24T10:45"})
	if got := see(t, in, "ivs_01_h_arrival").Value; got != "1.3" {
		t.Errorf("the person arrived after %q hours, want 1.3", got)
	}
}

func TestAnInjuryOfTheFaceMayBePhotographed(t *testing.T) {
	of := rowOf(t, survey(t, "allegation"), "ALG-18/photo")
	for lang, words := range map[string]string{"Қазақша (kk)": "жарақат бетте", "Русский (ru)": "повреждение не на лице", "English (en)": "unless the injury is on it"} {
		if hint := of("hint::" + lang); !strings.Contains(hint, words) {
			t.Errorf("the photo of an injury of the face is ruled out: %q", hint)
		}
	}
}

func TestTrueFiguresAreTaken(t *testing.T) {
	for _, c := range []struct{ checklist, question, value string }{
		{"core", "core_19_calls", "0.5"}, {"sizo", "sizo_02_median", "10.5"}, {"psychiatric", "psy_c05_median", "12.5"},
		{"core", "core_01", "1441"}, {"core", "core_01", "4320"},
	} {
		if v := see(t, fill(t, c.checklist, [2]string{c.question, c.value}), c.question); v.Value != c.value || v.Invalid {
			t.Errorf("%s: %s = %s is %q, wrong: %v", c.checklist, c.question, c.value, v.Value, v.Invalid)
		}
	}
}
