package web

import (
	"errors"
	"testing"

	"kua/fieldclient/form"
)

func TestARowOfARankingMovesByOnePlace(t *testing.T) {
	choices := []form.Option{{Value: "a"}, {Value: "b"}, {Value: "c"}}
	for _, c := range []struct{ value, move, want string }{
		{"", "down:a", "b a c"}, {"", "up:c", "a c b"}, {"", "keep", "a b c"}, {"c b a", "up:a", "c a b"}, {"c b a", "keep", "c b a"},
		{"c b a", "up:c", "c b a"}, {"c b a", "down:a", "c b a"},
		{"c gone a", "up:a", "a c b"}, // a choice that is not offered any more, and one that has no place yet
		{"", "up:z", ""}, {"", "left:a", ""}, {"", "", ""},
	} {
		got, err := moved(form.View{Value: c.value, Choices: choices}, c.move)
		if got != c.want || (c.want == "") != errors.Is(err, errNoPage) {
			t.Errorf("%q after %q is %q, want %q (%v)", c.value, c.move, got, c.want, err)
		}
	}
}
