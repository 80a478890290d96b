package web

import (
	"testing"

	"kua/fieldclient"
	"kua/fieldclient/form"
)

func TestASectionWithAnEmptyRepeatIsNotDone(t *testing.T) {
	for _, c := range []struct {
		s    form.Section
		want string
	}{{form.Section{Answered: 1, Empty: 1}, "begun"}, {form.Section{Answered: 1}, "done"}, {form.Section{Empty: 1}, "new"}} {
		if got := (railSection{ChecklistProgress: fieldclient.ChecklistProgress{Section: c.s}}).State(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.s, got, c.want)
		}
	}
}
