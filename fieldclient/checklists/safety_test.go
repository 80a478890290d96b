package checklists

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// freeText are the questions of a form that take words. A new one is a new line here, after asking what a person could
// be known by in it.
var freeText = map[string][]string{
	"interview": {
		"INT-01", "INT-06/note", "INT-08/other", "INT-09/code", "INT-12", "INT-15/purpose", "INT-17/interests", "INT-19",
		"INT-23", "INT-24", "INT-25", "INT-26", "INT-27", "INT-28", "INT-30", "INT-34",
	},
	"allegation": {
		"ALG-01", "ALG-06", "ALG-07/described", "ALG-08", "ALG-09/other", "ALG-11/which", "ALG-12/result", "ALG-13",
		"ALG-14/when", "ALG-18/description", "ALG-18/explained", "ALG-21", "ALG-22", "ALG-25/note",
	},
}

// identity are words that ask who a person is.
var identity = regexp.MustCompile(`(?i)\b(full |first |last |sur)?name\b|date of birth|address|passport|` +
	`фамили|отчеств|(^|\P{L})имя(\P{L}|$)|ФИО|дата рождения|паспорт|адрес|ИИН|аты-жөні|(^|\P{L})тегі(\P{L}|$)|туған күн|мекенжай|ЖСН`)

func TestInterviewsAndAllegationsHaveNoPlaceForAName(t *testing.T) {
	for name, want := range freeText {
		s := survey(t, name)
		var got []string
		for _, row := range s.rows {
			id, kind := s.of(row, "kua::id"), s.of(row, "type")
			if kind == "text" {
				got = append(got, id)
			}
			if kind == "barcode" || strings.HasPrefix(kind, "geo") || kind == "username" || kind == "deviceid" {
				t.Errorf("%s: %s takes a %s, which tells who or where a person is", name, id, kind)
			}
			if id == "INT-01" || id == "ALG-01" || !asks(kind) {
				continue
			}
			for _, lang := range languages {
				label := s.of(row, "label::"+lang)
				if asked := regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(label, ""); identity.MatchString(asked) {
					t.Errorf("%s: %s asks who a person is: %q", name, id, label)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: questions that take words (-want +got):\n%s", name, diff)
		}
	}
}

// conditions returns what must hold for each answer to be asked: its own relevance and that of all around it.
func conditions(s table) map[string][]string {
	out := map[string][]string{}
	var around []string
	for _, row := range s.rows {
		kind, own := s.of(row, "type"), s.of(row, "relevant")
		switch {
		case strings.HasPrefix(kind, "begin_"):
			around = append(around, own)
		case strings.HasPrefix(kind, "end_"):
			around = around[:len(around)-1]
		default:
			out[s.of(row, "name")] = append(slices.Clone(around), own)
		}
	}
	return out
}

func TestOnlyAHealthExpertJudgesConsistency(t *testing.T) {
	s := survey(t, "allegation")
	when := conditions(s)
	judged := 0
	for _, row := range s.rows {
		name, right := s.of(row, "name"), s.of(row, "kua::right")
		if consistency := s.of(row, "type") == "select_one ip_consistency"; consistency {
			judged++
			if right != "medical" {
				t.Errorf("%s does not want the medical right", name)
			}
		}
		if right != "medical" {
			continue
		}
		if !strings.Contains(strings.Join(when[name], " and "), "${alg_16} = 'yes'") {
			t.Errorf("%s is asked of somebody who is no health expert", name)
		}
	}
	if judged != 2 {
		t.Errorf("%d questions judge consistency, want one for each injury and one for the whole", judged)
	}
	choices := readTable(t, "choices")
	var scale []string
	for _, row := range choices.rows {
		if choices.of(row, "list_name") == "ip_consistency" {
			scale = append(scale, choices.of(row, "name"))
		}
	}
	// Istanbul Protocol (2022), paragraph 418.
	if diff := cmp.Diff([]string{"not_consistent", "consistent", "highly_consistent", "typical", "diagnostic"}, scale); diff != "" {
		t.Errorf("consistency (-want +got):\n%s", diff)
	}
}

func TestWithoutConsentNoContentIsAsked(t *testing.T) {
	s := survey(t, "interview")
	when := conditions(s)
	for _, row := range s.rows {
		id := s.of(row, "kua::id")
		if all := strings.Join(when[s.of(row, "name")], " and "); slices.Contains(append(span("INT-", 18, 30), "INT-34"), base(id)) &&
			(!strings.Contains(all, "${int_13} = 'yes'") || !strings.Contains(all, "not(selected(${int_14}, 'C0'))")) {
			t.Errorf("%s is asked of a person who did not agree to talk, or to a record", id)
		}
	}
	s = survey(t, "allegation")
	when = conditions(s)
	for _, row := range s.rows {
		name, id := s.of(row, "name"), s.of(row, "kua::id")
		if id > "ALG-05" && asks(s.of(row, "type")) && !strings.Contains(strings.Join(when[name], " and "), "${alg_04} != 'C0'") {
			t.Errorf("%s is asked of a person who allows no record", id)
		}
	}
}

func TestSilencesAreNoValues(t *testing.T) {
	choices := readTable(t, "choices")
	lists := map[string][]string{}
	for _, row := range choices.rows {
		list, name := choices.of(row, "list_name"), choices.of(row, "name")
		lists[list] = append(lists[list], name)
		if silence := choices.of(row, "kua_silence"); (silence != "") != (list == "qr_scale" && name == "na") {
			t.Errorf("list %s, %s stands for the silence %q", list, name, silence)
		}
		if slices.Contains([]string{"not_checked", "not_applicable", "access_refused"}, name) {
			t.Errorf("list %s has the silence %s among its values", list, name)
		}
	}
	if diff := cmp.Diff([]string{"met", "partly", "not_met"}, lists["scale"]); diff != "" {
		t.Errorf("scale (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"af", "ap", "ai", "ni", "na"}, lists["qr_scale"]); diff != "" {
		t.Errorf("scale of QualityRights (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"C0", "C1", "C2", "C3", "C4", "C5"}, lists["consent"]); diff != "" {
		t.Errorf("levels of consent (-want +got):\n%s", diff)
	}
}

func TestSpaceForEachPersonIsComputedInsideItsRoom(t *testing.T) {
	for _, name := range []string{"colony", "ivs", "sizo", "psychiatric", "children"} {
		s := survey(t, name)
		var room []string // the measures of the repeat that is open
		inside, found := false, 0
		for _, row := range s.rows {
			kind := s.of(row, "type")
			switch {
			case kind == "begin_repeat":
				inside, room = true, nil
			case kind == "end_repeat":
				inside = false
			}
			if m := s.of(row, "kua::measure"); m == "m2_per_person" {
				found++
				if !inside || !slices.Contains(room, "floor_area_m2") || !slices.Contains(room, "height_m") || !slices.Contains(room, "persons") {
					t.Errorf("%s: %s is not computed in a room with its area, height and persons", name, s.of(row, "name"))
				}
			} else if m != "" {
				room = append(room, m)
			}
		}
		if found == 0 {
			t.Errorf("%s measures no room", name)
		}
	}
}
