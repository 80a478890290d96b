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
