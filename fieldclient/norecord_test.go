package fieldclient

import (
	"errors"
	"testing"

	"kua/syncproto"
)

func TestOfAPersonWhoAllowsNoRecordNothingIsWrittenDown(t *testing.T) {
	o := newTeam(t)
	office, aru := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions), o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := office.visit(aru)
	carry(t, office, aru)
	if _, err := aru.Create(t.Context(), visit, "interview", map[string]string{"kind": "private", "consent": "C0", "summary": "beaten"}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("made at once: %v", err)
	}
	id, err := aru.Create(t.Context(), visit, "interview", map[string]string{"kind": "private", "consent": "C0", "themes": "treatment"})
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) error {
		f := field(t, "interview", name)
		b, err := f.ParseValue(value)
		if err != nil {
			t.Fatal(err)
		}
		_, err = aru.Set(t.Context(), Target{Scope: visit, Entity: id, Field: f}, b)
		return err
	}
	for _, step := range []struct {
		name, value string
		want        error
	}{{"summary", "beaten", ErrNoRecord}, {"risk", "watched", ErrNoRecord}, {"start", "10:15", nil}, {"themes", "treatment medical", nil},
		{"consent", "C2", nil}, {"summary", "beaten", nil}, {"consent", "C0", nil}, {"summary", "more", ErrNoRecord}, {"summary", "", nil}} {
		if err := set(step.name, step.value); !errors.Is(err, step.want) {
			t.Errorf("%s = %q: %v, want %v", step.name, step.value, err, step.want)
		}
	}
}
