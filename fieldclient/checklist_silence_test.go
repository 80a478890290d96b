package fieldclient

import (
	"testing"

	"kua/fieldclient/form"
)

// N/A of the QualityRights scale is a choice that names a silence: it is counted and compared as that silence.
func TestAChoiceThatNamesASilenceIsThatSilence(t *testing.T) {
	s := newSeason(t, starter(t, "psychiatric"))
	a, b := s.on(s.a), s.on(s.b)
	say(t, a, "PSY-1.1", "na")
	say(t, a, "PSY-1.2", "af")
	not, checked := form.NotApplicable, form.NotChecked
	silent := func(k *Checklist, item string, why *form.Silence) {
		t.Helper()
		ref, err := k.Find(t.Context(), item)
		if err == nil {
			_, err = k.Answer(t.Context(), ref, AnswerChange{Silence: why})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	silent(a, "PSY-1.3", &not)
	progress, err := a.Progress(t.Context())
	if err != nil || progress[0].Answered != 1 || progress[0].Silent != 2 {
		t.Errorf("answered %d, silent %d, %v", progress[0].Answered, progress[0].Silent, err)
	}
	silent(b, "PSY-1.1", &not)
	say(t, b, "PSY-1.3", "na")
	silent(b, "PSY-1.2", &checked)
	s.spread()
	leader := s.on(s.leader)
	for item, want := range map[string]Standing{"PSY-1.1": StandsUnanimous, "PSY-1.3": StandsUnanimous, "PSY-1.2": StandsDiffering} {
		if it := groupItem(t, leader, item); it.Standing != want {
			t.Errorf("%s stands %s, want %s: %+v", item, it.Standing, want, it.Said)
		}
	}
	it := groupItem(t, leader, "PSY-1.1")
	if _, err := leader.Agree(t.Context(), it.Lasting, "na", form.None, "", it.Seen); err != nil {
		t.Fatal(err)
	}
	if it := groupItem(t, leader, "PSY-1.1"); len(it.Minorities()) != 0 {
		t.Errorf("who says the same is a minority: %+v", it.Minorities())
	}
}
