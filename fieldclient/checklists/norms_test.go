package checklists

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func on(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(day, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func norm(t *testing.T, key, value, from, to string) Norm {
	t.Helper()
	n, err := NewNorm(key, value, "m²", from, to, "order of the minister")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// figures are the norms of a measure in force on a day, key and value.
func figures(norms []Norm, measure string) (out []string) {
	for _, n := range norms {
		if n.Measure == measure {
			out = append(out, n.Source+"/"+n.Applies+" "+n.Value)
		}
	}
	return out
}

func TestEveryRowOfTheNormsIsWhole(t *testing.T) {
	table := readTable(t, "norms")
	keys := map[string]bool{}
	for _, row := range table.rows {
		key := table.of(row, "key")
		if want := table.of(row, "measure") + "/" + table.of(row, "source") + "/" + table.of(row, "applies"); key != want || keys[key] {
			t.Errorf("the key %q is not %q, or stands there twice", key, want)
		}
		keys[key] = true
		if _, err := NewNorm(key, table.of(row, "value"), table.of(row, "unit"), table.of(row, "from"), table.of(row, "to"), ""); err != nil {
			t.Error(err)
		}
		if !slices.Contains(measures, table.of(row, "measure")) {
			t.Errorf("%s: no question measures that", key)
		}
		for column, allowed := range map[string][]string{"bound": {string(AtLeast), string(AtMost)}, "source": {"CPT", "UN", "KZ"}, "unit": {"m²", "m", "h"}, "confirmed": {"yes", "no"}} {
			if !slices.Contains(allowed, table.of(row, column)) {
				t.Errorf("%s: %s is %q", key, column, table.of(row, column))
			}
		}
		if table.of(row, "reference") == "" {
			t.Errorf("%s stands nowhere", key)
		}
	}
}

func TestInternationalAndNationalNormsAreShownSideBySide(t *testing.T) {
	got := map[string]bool{}
	for _, c := range Compare("m2_per_person", "3.99", NormsOn(on(t, "2026-11-24"), nil)) {
		got[c.Norm.Source+"/"+c.Norm.Applies] = c.Met
		if c.Norm.Label.KK == "" || c.Norm.Label.RU == "" || c.Norm.Label.EN == "" || c.Norm.Reference == "" {
			t.Errorf("%s has no words: %+v", c.Norm.Key, c.Norm)
		}
	}
	want := map[string]bool{"CPT/shared": false, "CPT/single": false, "CPT/police-overnight": false, "KZ/men": true, "KZ/women": true, "KZ/minors": true, "KZ/medical": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("3.99 m² (-want +got):\n%s", diff)
	}
}

func TestAFigureIsComparedAsItIsWrittenAndNeverRounded(t *testing.T) {
	norms := []Norm{norm(t, "m2_per_person/CPT/shared", "4", "", ""), norm(t, "hours_arrest_to_record/KZ/all", "3", "", "")}
	for _, c := range []struct {
		measure, value string
		met            bool
	}{
		{"m2_per_person", "4", true}, {"m2_per_person", "4.00", true}, {"m2_per_person", "3.999999999999999999", false}, {"m2_per_person", "4.000000000000000001", true}, {"m2_per_person", "-5", false},
		{"hours_arrest_to_record", "3", true}, {"hours_arrest_to_record", "3.000000000000000001", false}, {"hours_arrest_to_record", "2.99", true},
	} {
		got := Compare(c.measure, c.value, norms)
		if len(got) != 1 || got[0].Met != c.met {
			t.Errorf("%s %s: %+v, want met: %v", c.measure, c.value, got, c.met)
		}
	}
	for _, value := range []string{"", "x", "1e9", "NaN", "1,5", "0x10", "1/2", strings.Repeat("9", 40)} {
		if got := Compare("m2_per_person", value, norms); got != nil {
			t.Errorf("%q is compared: %+v", value, got)
		}
	}
	if got := Compare("temperature_c", "5", norms); got != nil {
		t.Errorf("a measure without a norm is compared: %+v", got)
	}
}

func TestTheDayOfTheVisitDecidesWhichNormApplies(t *testing.T) {
	more := []Norm{
		norm(t, "m2_per_person/KZ/men", "4", "2027-01-01", "2028-12-31"),
		norm(t, "m2_per_person/KZ/transit", "1.5", "", "2026-12-31"),
		norm(t, "m2_per_person/KZ/women", "3.75", "2026-09-01", ""), norm(t, "m2_per_person/KZ/women", "3.25", "2026-06-01", ""),
	}
	rest := []string{"KZ/minors 3.5", "KZ/medical 5"}
	cpt := []string{"CPT/shared 4", "CPT/single 6", "CPT/police-overnight 7"}
	for day, want := range map[string][]string{
		"2026-05-31": {"KZ/men 2.5", "KZ/women 3", "KZ/minors 3.5", "KZ/medical 5", "KZ/transit 1.5"},
		"2026-08-31": {"KZ/men 2.5", "KZ/women 3.25", "KZ/minors 3.5", "KZ/medical 5", "KZ/transit 1.5"},
		"2026-12-31": {"KZ/men 2.5", "KZ/women 3.75", "KZ/minors 3.5", "KZ/medical 5", "KZ/transit 1.5"},
		"2027-01-01": {"KZ/men 4", "KZ/women 3.75", "KZ/minors 3.5", "KZ/medical 5"},
		"2028-12-31": {"KZ/men 4", "KZ/women 3.75", "KZ/minors 3.5", "KZ/medical 5"},
		"2029-01-01": append([]string{"KZ/women 3.75"}, rest...), // the registry ended it: what the program knows does not come back
	} {
		if diff := cmp.Diff(append(slices.Clone(cpt), want...), figures(NormsOn(on(t, day), more), "m2_per_person")); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", day, diff)
		}
	}
	late := time.Date(2027, 1, 1, 1, 0, 0, 0, time.FixedZone("", 5*3600)) // still the year before in UTC
	if got := figures(NormsOn(late, more), "m2_per_person"); !slices.Contains(got, "KZ/men 4") {
		t.Errorf("shortly after midnight of the first day: %v", got)
	}
}

func TestANormOfTheRegistryHasTheWordsAndTheBoundOfItsKey(t *testing.T) {
	n := norm(t, "hours_arrest_to_record/KZ/all", "2", "", "")
	if n.Bound != AtMost || n.Label.EN == "" || n.Measure != "hours_arrest_to_record" || n.Source != "KZ" || n.Applies != "all" {
		t.Errorf("%+v", n)
	}
	if n := norm(t, "hours_arrest_to_record/KZ/women", "2", "", ""); n.Bound != AtMost || n.Label.EN != "" {
		t.Errorf("a new key of a known measure: %+v", n)
	}
	for _, bad := range [][]string{{"m2", "4", "", ""}, {"a/b/", "4", "", ""}, {"a/b/c", "4,0", "", ""}, {"a/b/c", "1e99", "", ""}, {"a/b/c", "4", "1.1.2026", ""}, {"a/b/c", "4", "2027-01-01", "2026-01-01"}} {
		if _, err := NewNorm(bad[0], bad[1], "m²", bad[2], bad[3], ""); !errors.Is(err, ErrNotANorm) {
			t.Errorf("%v is taken: %v", bad, err)
		}
	}
}

func TestNoFigureOfANormStandsInAHint(t *testing.T) {
	units := map[string]string{"m²": `(m²|м²)`, "m": `(m|м)`, "h": `(h|hours?|час\p{L}*|сағат\p{L}*)`}
	for _, name := range names() {
		s := readTable(t, name)
		for _, n := range embedded() {
			figure := regexp.MustCompile(`(^|[^\d.,])` + strings.ReplaceAll(n.Value, ".", "[.,]") + ` ` + units[n.Unit] + `($|\P{L})`)
			for _, row := range s.rows {
				for _, lang := range languages {
					for _, column := range []string{"hint::", "guidance_hint::"} {
						if text := s.of(row, column+lang); figure.MatchString(text) {
							t.Errorf("%s: %s repeats %s %s: %q", name, s.of(row, "name"), n.Key, n.Value, text)
						}
					}
				}
			}
		}
	}
}

func TestANormForAnotherKindOfRoomIsNotThisRooms(t *testing.T) {
	offered := []string{"shared", "single", "dormitory", "other"}
	for kind, want := range map[string]string{"shared": "shared", "dormitory": "shared", "single": "single police-overnight", "": "shared single police-overnight", "other": "shared single police-overnight"} {
		var got []string
		for _, n := range NormsOn(on(t, "2026-11-24"), nil) {
			if n.Measure == "m2_per_person" && n.Source == "CPT" && n.For(kind, offered) {
				got = append(got, n.Applies)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q has %v, want %s", kind, got, want)
		}
	}
}

// An earlier visit is not judged by a rule that came later, and what a norm says is what it is about.
func TestAnEarlierVisitIsNotJudgedByALaterRule(t *testing.T) {
	for day, want := range map[string]int{"2017-11-30": 0, "2017-12-01": 3} {
		if got := figures(NormsOn(on(t, day), nil), "hours_arrest_to_court"); len(got) != want {
			t.Errorf("on %s there are %v", day, got)
		}
	}
	if got := figures(NormsOn(on(t, "2026-11-24"), nil), "hours_arrest_to_lawyer"); got != nil {
		t.Errorf("the first meeting with a lawyer is held against %v", got)
	}
}
