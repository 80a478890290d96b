package fieldclient

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheFormSetsForHealthExpertsKeepsNobodyElseFromAnswering(t *testing.T) {
	s := newSeason(t, workbook(t, "injuries", "1", `
type         | name        | label       | default | kua::right | calculation    | trigger
text         | account     | Account     |         |            |                |
select_one s | consistency | Consistency | none    | medical    |                |
text         | opinion     | Opinion     |         | medical    | concat('to ', ${account}) | ${account}
begin repeat | marks       | Marks       |         |            |                |
select_one s | kind        | Kind        | damp    | medical    |                |
end repeat   |             |             |         |            |                |
`, smells))
	k := s.on(s.a)
	sayAt(t, k, "/data/account", "what was said")
	addRow(t, k, "/data/marks")
	want := "/data/account \"what was said\"\n/data/marks[1] \"\""
	if got := answersOf(k.written()); got != want {
		t.Error(cmp.Diff(want, got))
	}
	s.a.reopen()
	if got := answersOf(s.on(s.a).written()); got != want {
		t.Error(cmp.Diff(want, got))
	}
}
