package fieldclient

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
)

func sayAt(t testing.TB, k *Checklist, ref form.Ref, value string) {
	t.Helper()
	if _, err := k.Answer(t.Context(), ref, AnswerChange{Value: &value}); err != nil {
		t.Fatalf("%s = %q: %v", ref, value, err)
	}
}

func TestARepeatInsideAnInstanceThatFollowsACountIsKeptInIt(t *testing.T) {
	s := newSeason(t, workbook(t, "blocks", "1", `
type         | name    | label   | repeat_count
integer      | n       | Blocks  |
begin repeat | blocks  | Blocks  | ${n}
text         | letter  | Letter  |
begin repeat | cells   | Cells   |
decimal      | area    | Area    |
end repeat   |         |         |
end repeat   |         |         |
`, ""))
	k := s.on(s.a)
	sayAt(t, k, "/data/n", "3")
	for _, block := range []int{3, 1} {
		ref := addRow(t, k, fmt.Sprintf("/data/blocks[%d]/cells", block))
		sayAt(t, k, ref+"/area", fmt.Sprint(block))
	}
	want := k.written()
	for _, part := range []string{`/data/blocks[3]/cells[1]/area "3"`, `/data/blocks[1]/cells[1]/area "1"`} {
		if !strings.Contains(want, part) {
			t.Errorf("the form lacks %s:\n%s", part, want)
		}
	}
	s.a.reopen()
	if got := s.on(s.a).written(); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestStrikingAnInstanceTakesOutWhatLiesInIt(t *testing.T) {
	s := newSeason(t, workbook(t, "blocks", "1", `
type         | name    | label
begin repeat | blocks  | Blocks
text         | letter  | Letter
begin repeat | cells   | Cells
decimal      | area    | Area
end repeat   |         |
end repeat   |         |
`, ""))
	k := s.on(s.a)
	for i := range 2 {
		block := addRow(t, k, "/data/blocks")
		sayAt(t, k, block+"/letter", string(rune('A'+i)))
		sayAt(t, k, addRow(t, k, string(block)+"/cells")+"/area", fmt.Sprint(10+i))
	}
	if _, err := k.StrikeRow(t.Context(), "/data/blocks[1]"); err != nil {
		t.Fatal(err)
	}
	want := "/data/blocks[1] \"\"\n/data/blocks[1]/letter \"B\"\n/data/blocks[1]/cells[1] \"\"\n/data/blocks[1]/cells[1]/area \"11\""
	if got := answersOf(k.written()); got != want {
		t.Error("struck:", cmp.Diff(want, got))
	}
	if got := answersOf(k.groupWritten()); got != want {
		t.Error("for the group:", cmp.Diff(want, got))
	}
}

// answersOf leaves the form's own id out.
func answersOf(written string) string {
	lines := strings.Split(written, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "/data/meta/") }), "\n")
}
