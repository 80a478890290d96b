package fieldclient

import (
	"testing"

	"kua/fieldclient/form"
)

// A checklist that belongs to an interview knows whose it is: the form need not ask, and nobody types a name there.
func TestAFormKnowsTheInterviewThatItBelongsTo(t *testing.T) {
	template := workbook(t, "guide", "1", "type | name | label | kua::known\ntext | pseudonym | Pseudonym | interview\ntext | account | Account |", "")
	s := newSeason(t, template)
	interview, _, err := s.a.NewInterview(t.Context(), s.visit, map[string]string{"kind": "private", "consent": "C1"})
	if err != nil {
		t.Fatal(err)
	}
	its, err := s.a.OpenChecklist(t.Context(), s.visit, TemplateID(template), &interview, "")
	if err != nil {
		t.Fatal(err)
	}
	for id, asked := range map[string]bool{s.checklist.String(): true, its.String(): false} {
		k := s.on(s.a)
		if id == its.String() {
			if k, err = s.a.Checklist(t.Context(), s.visit, its, "en"); err != nil {
				t.Fatal(err)
			}
		}
		it, err := k.Item(t.Context(), form.Ref("/data/pseudonym"))
		if err != nil || it.Relevant != asked {
			t.Errorf("of an interview: %v; the pseudonym is asked: %v, %v", !asked, it.Relevant, err)
		}
	}
}
