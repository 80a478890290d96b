package fieldclient

import (
	"strings"
	"testing"
)

// What a form says of who fills it in is a name that people know; what is saved is the member's id.
func TestTheUsernameInALabelIsAName(t *testing.T) {
	s := newSeason(t, workbook(t, "user", "1", "type | name | label\nusername | user |\ninteger | age | Age of ${user}", ""))
	for _, l := range []*laptop{s.a, s.b} {
		say(t, s.on(l), "age", "30")
	}
	s.spread()
	s.a.reopen()
	k := s.on(s.a)
	ref, err := k.Find(t.Context(), "age")
	if err != nil {
		t.Fatal(err)
	}
	it, err := k.Item(t.Context(), ref)
	if err != nil || it.Label != "Age of Marat" {
		t.Errorf("the label is %q, %v", it.Label, err)
	}
	user, err := k.Item(t.Context(), "/data/user")
	if err != nil || user.Mine.Value != k.me.String() {
		t.Errorf("saved is %q, %v", user.Mine.Value, err)
	}
	if it := groupItem(t, s.on(s.leader), "age"); !strings.HasSuffix(it.Label, "Age of Dana, Marat") {
		t.Errorf("the group's label is %q", it.Label)
	}
}
