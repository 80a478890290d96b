package checklists

import (
	"slices"
	"strings"
	"testing"

	"kua/fieldclient/form"
)

// silence marks a step of fill as one that leaves the question silent.
const silence = "!"

// answered fills a checklist; where the answer is the silence mark, the question was not checked.
func answered(t *testing.T, name string, steps ...[2]string) *form.Instance {
	t.Helper()
	in := fill(t, name)
	for _, s := range steps {
		var err error
		if s[1] == silence {
			_, err = in.Silent(at(in, s[0]), form.NotChecked)
		} else {
			_, err = in.Set(at(in, s[0]), s[1])
		}
		if err != nil {
			t.Fatalf("%s: %s = %s: %v", name, s[0], s[1], err)
		}
	}
	return in
}

// A figure made of what nobody checked would be a finding made of a silence.
func TestNoFigureIsMadeOfASilence(t *testing.T) {
	given := map[string]string{"integer": "4", "decimal": "12", "dateTime": "2026-11-24T10:00"}
	computed := 0
	for _, c := range All() {
		s := survey(t, c.Name)
		kinds := map[string]string{}
		for _, row := range s.rows {
			kinds[s.of(row, "name")] = s.of(row, "type")
		}
		for _, row := range s.rows {
			if s.of(row, "type") != "calculate" {
				continue
			}
			name := s.of(row, "name")
			var from []string
			for _, m := range reference.FindAllStringSubmatch(s.of(row, "calculation"), -1) {
				if !slices.Contains(from, m[1]) {
					from = append(from, m[1])
				}
			}
			value := func(silent ...string) string {
				var steps [][2]string
				switch {
				case strings.HasPrefix(name, "ivs_01_"):
					steps = append(steps, [2]string{"ivs_01", "1"})
				case strings.HasPrefix(name, "col_22_"):
					steps = append(steps, [2]string{"col_22_any", "yes"})
				}
				for _, q := range from {
					answer := given[kinds[q]]
					if answer == "" {
						t.Fatalf("%s: %s is made of %s, a %s", c.Name, name, q, kinds[q])
					}
					if slices.Contains(silent, q) {
						answer = silence
					}
					steps = append(steps, [2]string{q, answer})
				}
				return see(t, answered(t, c.Name, steps...), name).Value
			}
			computed++
			if got := value(); got == "" || got == "NaN" {
				t.Errorf("%s: %s of all its answers is %q", c.Name, name, got)
			}
			if got := value(from...); got != "" {
				t.Errorf("%s: %s of silences only is %q", c.Name, name, got)
			}
			for _, q := range from {
				if name == "core_05_differences" {
					break // its two directions stand each for themselves
				}
				if got := value(q); got != "" {
					t.Errorf("%s: %s without %s is %q", c.Name, name, q, got)
				}
			}
		}
	}
	if computed < 20 {
		t.Errorf("only %d figures are computed", computed)
	}
}

func TestDifferencesAreCountedInTheDirectionsThatWereChecked(t *testing.T) {
	for _, c := range []struct{ register, foundPresent, present, foundRegister, want string }{
		{"10", "9", "5", "3", "3"}, {"10", "10", "5", "5", "0"},
		{silence, silence, silence, silence, ""}, {"", "", "", "", ""},
		{"10", "9", silence, silence, "1"}, {silence, silence, "5", "3", "2"}, {"10", "10", silence, "", "0"},
		{"10", silence, silence, silence, ""}, {"10", silence, silence, "3", ""}, {silence, "9", "5", silence, ""}, {"10", silence, "5", "3", "2"}, {"10", "9", "5", silence, "1"},
	} {
		in := answered(t, "core", [2]string{"core_05_register", c.register}, [2]string{"core_05_found_present", c.foundPresent},
			[2]string{"core_05_present", c.present}, [2]string{"core_05_found_register", c.foundRegister})
		if got := see(t, in, "core_05_differences").Value; got != c.want {
			t.Errorf("%+v: got %q differences", c, got)
		}
		if asked := see(t, in, "core_05_note").Relevant; asked != (c.want != "" && c.want != "0") {
			t.Errorf("%+v: asked for an explanation: %v", c, asked)
		}
	}
}
