package checklists

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// span returns the ids from lo to hi, two digits each, behind a prefix.
func span(prefix string, lo, hi int) []string {
	var ids []string
	for n := lo; n <= hi; n++ {
		ids = append(ids, fmt.Sprintf("%s%02d", prefix, n))
	}
	return ids
}

// qualityRights are the 25 standards of QualityRights under their five themes.
func qualityRights() []string {
	var ids []string
	for theme, standards := range []int{7, 5, 4, 5, 4} {
		for n := range standards {
			ids = append(ids, fmt.Sprintf("PSY-%d.%d", theme+1, n+1))
		}
	}
	return ids
}

// items are the stable ids that each checklist must have: no more and no fewer. An id that was ever given out keeps its
// meaning, for answers of earlier visits are joined by it.
func items() map[string][]string {
	core := span("CORE-", 1, 29)
	return map[string][]string{
		"core":        core,
		"colony":      slices.Concat(core, span("COL-", 1, 35)),
		"ivs":         slices.Concat(core, span("IVS-", 1, 25)),
		"sizo":        slices.Concat(core, span("COL-", 2, 25), span("COL-", 32, 34), span("SIZO-", 1, 14)),
		"psychiatric": slices.Concat(core, qualityRights(), span("PSY-C", 1, 15)),
		"children":    slices.Concat(core, span("CHI-", 1, 34)),
		"interview":   span("INT-", 1, 34),
		"allegation":  span("ALG-", 1, 30),
	}
}

func TestEveryItemIsThere(t *testing.T) {
	for name, want := range items() {
		s := survey(t, name)
		var got []string
		for _, row := range s.rows {
			if id := s.of(row, "kua::id"); id != "" && !slices.Contains(got, base(id)) {
				got = append(got, base(id))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// asks tells whether a row takes or computes an answer.
func asks(kind string) bool {
	return kind != "note" && !strings.HasPrefix(kind, "begin_") && !strings.HasPrefix(kind, "end_")
}

func TestEveryAnswerHasAnIdOfItsOwnAndANameMadeFromIt(t *testing.T) {
	made := strings.NewReplacer("-", "_", "/", "_", ".", "_")
	for _, c := range All() {
		s := survey(t, c.Name)
		ids, names := map[string]bool{}, map[string]bool{}
		for _, row := range s.rows {
			id, name, kind := s.of(row, "kua::id"), s.of(row, "name"), s.of(row, "type")
			if strings.HasPrefix(kind, "end_") {
				continue
			}
			if name == "" || names[name] {
				t.Errorf("%s: the name %q is empty or used twice", c.Name, name)
			}
			names[name] = true
			if id == "" && !asks(kind) {
				continue
			}
			if id == "" || ids[id] {
				t.Errorf("%s: %s has the id %q, empty or used twice", c.Name, name, id)
			}
			ids[id] = true
			if want := made.Replace(strings.ToLower(id)); asks(kind) && name != want {
				t.Errorf("%s: %s is named %s, want %s", c.Name, id, name, want)
			}
		}
	}
}

var (
	themes  = []string{"treatment", "protection", "material", "regime", "medical", "staff", "vulnerable", "visit"}
	sources = []string{"observation", "interview", "document", "management"}
	// measures are the figures that dated norms are compared with.
	measures = []string{
		"allegations", "beds", "capacity", "consent", "deaths", "expired_orders", "floor_area_m2", "height_m",
		"hours_arrest_to_admission", "hours_arrest_to_arrival", "hours_arrest_to_court", "hours_arrest_to_doctor", "hours_arrest_to_family",
		"hours_arrest_to_lawyer", "hours_arrest_to_record", "hours_arrest_to_release", "hours_open_air",
		"hours_open_air_isolated", "hours_out_of_cell", "m2_per_person", "minutes_to_entry", "occupancy_percent",
		"persons", "persons_held", "register_differences", "remand_longest_days", "remand_median_days",
		"remand_over_limit", "restraint_longest_hours", "restraint_median_minutes", "showers_per_week",
		"solitary_excluded_groups", "solitary_longest_days", "solitary_today", "temperature_c", "video_storage_days",
		"visible_injuries", "wall_distance_m",
	}
)

func TestEveryItemSaysItsThemeItsSourcesAndItsStandard(t *testing.T) {
	for _, c := range All() {
		s := survey(t, c.Name)
		for _, row := range s.rows {
			id := s.of(row, "kua::id")
			if id == "" {
				continue
			}
			if !slices.Contains(themes, s.of(row, "kua::theme")) {
				t.Errorf("%s: %s has the theme %q", c.Name, id, s.of(row, "kua::theme"))
			}
			allowed := strings.Fields(s.of(row, "kua::sources"))
			if len(allowed) == 0 {
				t.Errorf("%s: %s allows no source", c.Name, id)
			}
			for _, source := range allowed {
				if !slices.Contains(sources, source) {
					t.Errorf("%s: %s allows the source %q", c.Name, id, source)
				}
			}
			if s.of(row, "kua::standard") == "" {
				t.Errorf("%s: %s rests on no standard", c.Name, id)
			}
			if m := s.of(row, "kua::measure"); m != "" && !slices.Contains(measures, m) {
				t.Errorf("%s: %s measures %q, which no norm knows", c.Name, id, m)
			}
			if r := s.of(row, "kua::right"); r != "" && r != "medical" {
				t.Errorf("%s: %s wants the right %q", c.Name, id, r)
			}
		}
	}
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

func TestEveryReferenceResolves(t *testing.T) {
	for _, c := range All() {
		of := sheets(t, c.Name)
		s := of["survey"]
		names := map[string]bool{}
		for _, row := range s.rows {
			if kind := s.of(row, "type"); kind != "note" && !strings.HasPrefix(kind, "end_") {
				names[s.of(row, "name")] = true
			}
		}
		for sheet, table := range of {
			for i, row := range table.rows {
				for _, m := range reference.FindAllStringSubmatch(strings.Join(row, "\n"), -1) {
					if !names[m[1]] {
						t.Errorf("%s: sheet %s, row %d refers to %s, which is not there", c.Name, sheet, i+2, m[0])
					}
				}
			}
		}
	}
}

func TestListsAreDefinedAndUsed(t *testing.T) {
	choices := readTable(t, "choices")
	defined, used := map[string]bool{}, map[string]bool{}
	seen := map[string]bool{}
	for _, row := range choices.rows {
		list, name := choices.of(row, "list_name"), choices.of(row, "name")
		defined[list] = true
		if seen[list+" "+name] {
			t.Errorf("list %s has %s twice", list, name)
		}
		seen[list+" "+name] = true
	}
	for _, c := range All() {
		s := survey(t, c.Name)
		for _, row := range s.rows {
			f := strings.Fields(s.of(row, "type"))
			if len(f) != 2 || !strings.HasPrefix(f[0], "select_") {
				continue
			}
			used[f[1]] = true
			if !defined[f[1]] {
				t.Errorf("%s: %s chooses from %s, which is not defined", c.Name, s.of(row, "name"), f[1])
			}
		}
	}
	for list := range defined {
		if !used[list] {
			t.Errorf("list %s is defined and not used", list)
		}
	}
}

// compared finds the words that a condition compares a question's answer with.
var compared = regexp.MustCompile(`\$\{(\w+)\} *!?= *'(\w+)'|selected\((?:\$\{(\w+)\}|(\.)), *'(\w+)'\)`)

func TestConditionsCompareWithChoicesThatExist(t *testing.T) {
	choices := readTable(t, "choices")
	lists := map[string][]string{}
	for _, row := range choices.rows {
		lists[choices.of(row, "list_name")] = append(lists[choices.of(row, "list_name")], choices.of(row, "name"))
	}
	for _, c := range All() {
		s := survey(t, c.Name)
		list := map[string]string{}
		for _, row := range s.rows {
			if f := strings.Fields(s.of(row, "type")); len(f) == 2 {
				list[s.of(row, "name")] = f[1]
			}
		}
		for _, row := range s.rows {
			name := s.of(row, "name")
			for _, m := range compared.FindAllStringSubmatch(s.of(row, "relevant")+"\n"+s.of(row, "constraint"), -1) {
				of, choice := m[1]+m[3], m[2]+m[5]
				if m[4] == "." {
					of = name
				}
				if !slices.Contains(lists[list[of]], choice) {
					t.Errorf("%s: %s waits for the choice %q of %s, which has none of that name", c.Name, name, choice, of)
				}
			}
		}
	}
}
