package fieldclient

import (
	"errors"
	"slices"
	"testing"

	"kua/fieldclient/form"
)

const rooms = `
type         | name  | label                 | relevant     | kua::id | kua::right
note         | intro | Write no names.       |              |         |
text         | first | First                 |              | R-1     |
begin group  | part  | Part                  |              |         |
note         | where | Measure wall to wall. |              |         |
begin repeat | room  | Room                  |              | R-2     |
decimal      | area  | Area                  |              | R-2/a   |
begin repeat | bed   | Bed                   |              | R-3     |
text         | state | State                 |              |         |
end repeat   |       |                       |              |         |
end repeat   |       |                       |              |         |
begin repeat | later | Later                 | ${last} = 'x' |         |
text         | more  | More                  |              |         |
end repeat   |       |                       |              |         |
begin repeat | wound | Wound                 |              |         | medical
text         | kind  | Kind                  |              |         |
end repeat   |       |                       |              |         |
text         | last  | Last                  |              |         |
end group    |       |                       |              |         |
`

func names(items []Item) (out []string) {
	for _, it := range items {
		out = append(out, it.Node.Name)
	}
	return out
}

// Rooms of which nobody has measured one are not complete: they are named where their turn comes, and at the end.
func TestWhatNobodyHasBegunIsNotComplete(t *testing.T) {
	s := newSeason(t, workbook(t, "rooms", "1", rooms, smells))
	k := s.on(s.a)
	step := func(left bool, name string, notes, empty []string) Step {
		t.Helper()
		got, err := k.Next(t.Context(), "")
		if err != nil || got.Left != left || left && got.Node.Name != name || !slices.Equal(names(got.Notes), notes) || !slices.Equal(names(got.Empty), empty) {
			t.Errorf("next is %v %s after %v with %v empty, %v", got.Left, got.Key, names(got.Notes), names(got.Empty), err)
		}
		return got
	}
	step(true, "first", []string{"intro"}, nil)
	say(t, k, "R-1", "a")
	step(true, "last", []string{"where"}, []string{"room"})
	say(t, k, "last", "b")
	step(false, "", []string{"where"}[1:], []string{"room"})
	all, err := k.Progress(t.Context())
	if err != nil || all[0].Empty != 1 || len(all) != 3 || all[2].Ref != "/data/part/room" {
		t.Errorf("progress is %+v, %v", all, err)
	}
	say(t, k, "last", "x")
	step(false, "", nil, []string{"room", "later"})

	repeat, err := k.FindRepeat(t.Context(), "R-2")
	if err != nil || repeat != "/data/part/room" {
		t.Fatalf("the repeat is at %s, %v", repeat, err)
	}
	addRow(t, k, string(repeat))
	addRow(t, k, string(repeat))
	say(t, k, "R-2/a:2", "12")
	got, err := k.Names(t.Context())
	for ref, want := range map[form.Ref]string{"/data/part/room[2]/area": "R-2/a:2", "/data/part/room[2]": "R-2:2", "/data/part/room[2]/bed": "R-3:2", "/data/part/room": "R-2", "/data/first": "R-1"} {
		if err != nil || got[ref] != want {
			t.Errorf("%s is called %q, want %q, %v", ref, got[ref], want, err)
		}
	}
	if _, err := k.FindRepeat(t.Context(), "R-3"); !errors.Is(err, ErrSeveralPlaces) {
		t.Errorf("a bed in one of two rooms: %v", err)
	}
	if ref, err := k.FindRepeat(t.Context(), "R-3:2"); err != nil || ref != "/data/part/room[2]/bed" {
		t.Errorf("beds of the second room are at %s, %v", ref, err)
	}
	if ref, err := k.FindRow(t.Context(), "R-2:2"); err != nil || ref != "/data/part/room[2]" {
		t.Errorf("the second room is at %s, %v", ref, err)
	}
	step(true, "area", []string{"where"}, nil)
}
