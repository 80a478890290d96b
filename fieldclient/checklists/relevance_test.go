package checklists

import "testing"

// An item about a group of people is left out only where somebody counted and found none of them; one count of 0 beside
// one that nobody could make does not say so.
func TestAnItemIsHiddenOnlyWhereAllItsCountsAreZero(t *testing.T) {
	for _, c := range []struct {
		checklist, first, second string
		items                    []string
	}{
		{"colony", "core_04_women", "core_04_girls", []string{"col_32", "col_32_pregnant", "col_32_children"}},
		{"sizo", "core_04_women", "core_04_girls", []string{"col_32", "col_32_pregnant", "col_32_children", "sizo_14"}},
		{"sizo", "core_04_boys", "core_04_girls", []string{"sizo_12"}},
		{"core", "core_15_deaths", "core_15_injuries", []string{"core_15_causes", "core_15_family", "core_15_investigation"}},
	} {
		for _, first := range []string{"", silence, "0", "2"} {
			for _, second := range []string{"", silence, "0", "2"} {
				in := answered(t, c.checklist, [2]string{c.first, first}, [2]string{c.second, second})
				for _, item := range c.items {
					if asked, want := see(t, in, item).Relevant, first != "0" || second != "0"; asked != want {
						t.Errorf("%s: %s %q and %s %q: %s asked: %v, want %v", c.checklist, c.first, first, c.second, second, item, asked, want)
					}
				}
			}
		}
	}
	for _, c := range []struct{ checklist, item string }{{"colony", "col_33"}, {"sizo", "col_33"}, {"sizo", "sizo_11"}} {
		for count, want := range map[string]bool{"": true, silence: true, "0": false, "1": true} {
			if got := see(t, answered(t, c.checklist, [2]string{"core_04_foreigners", count}), c.item).Relevant; got != want {
				t.Errorf("%s: %q foreigners: %s asked: %v", c.checklist, count, c.item, got)
			}
		}
	}
}

// What was written down before the person said no goes out of sight and is still there: that is said where they say it.
func TestAnAccountDoesNotLeaveTheFormWithoutAWord(t *testing.T) {
	in := answered(t, "interview", [2]string{"int_13", "yes"}, [2]string{"int_14", "C1"}, [2]string{"int_23", "words"})
	if see(t, in, "int_14_c0").Relevant {
		t.Error("consent C1 is called none")
	}
	for _, step := range [][2]string{{"int_14", "C0"}, {"int_14", "C1"}, {"int_33", "changed"}, {"int_33_new", "C0"}} {
		if _, err := in.Set(at(in, step[0]), step[1]); err != nil {
			t.Fatal(err)
		}
		for note, want := range map[string]bool{"int_14_c0": step[1] == "C0" && step[0] == "int_14", "int_33_c0": step[1] == "C0" && step[0] == "int_33_new"} {
			if got := see(t, in, note).Relevant; got != want {
				t.Errorf("after %v: %s is shown: %v", step, note, got)
			}
		}
	}
	in = answered(t, "allegation", [2]string{"alg_04", "C1"}, [2]string{"alg_06", "words"}, [2]string{"alg_04", "C0"})
	if !see(t, in, "alg_04_c0").Relevant {
		t.Error("an allegation leaves without a word")
	}
}
