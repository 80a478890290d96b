package fieldclient

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
)

func TestAnAnswerFindsItsQuestionHoweverLongItsNameAndWhereverItStands(t *testing.T) {
	long := strings.Repeat("КАМЕРА-", 60)
	lines := []string{"type | name | label | kua::id", "text | a | A | b", "text | b | B |", "text | c | C | " + long + "1", "text | d | D | " + long + "2"}
	s := newSeason(t, workbook(t, "ids", "1", strings.Join(lines, "\n"), ""))
	k := s.on(s.a)
	for _, name := range []string{"a", "b", "c", "d"} {
		sayAt(t, k, form.Ref("/data/"+name), "of "+name)
	}
	want := k.written()
	s.a.reopen()
	k = s.on(s.a)
	if got := k.written(); got != want {
		t.Error(cmp.Diff(want, got))
	}
	lines[1], lines[2] = lines[2], lines[1]
	second := workbook(t, "ids", "2", strings.Join(lines, "\n"), "")
	s.approve(second)
	s.spread()
	if _, err := k.Move(t.Context(), TemplateID(second)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if it, err := k.Item(t.Context(), form.Ref("/data/"+name)); err != nil || it.Value != "of "+name {
			t.Errorf("in the next version %s has %q, %v", name, it.Value, err)
		}
	}
}

func TestAnswersWhoseQuestionHasGoneAreShownWhetherMembersAgreeOrNot(t *testing.T) {
	first := workbook(t, "cells", "1", cells, smells)
	second := workbook(t, "cells", "2", strings.Replace(cells, "| smell ", "| odour ", 1), smells)
	s := newSeason(t, first)
	say(t, s.on(s.a), "smell", "none")
	say(t, s.on(s.b), "smell", "damp")
	s.approve(second)
	s.spread()
	k := s.on(s.leader)
	p, err := k.PreviewMove(t.Context(), TemplateID(second))
	if err != nil || len(p.Away) != 1 || len(p.Away[0].Said) != 2 {
		t.Errorf("the preview shows %+v, %v", p.Away, err)
	}
	if _, err := s.on(s.a).Move(t.Context(), TemplateID(second)); err != nil {
		t.Fatal(err)
	}
	s.spread()
	away, err := k.Away(t.Context())
	if err != nil || len(away) != 1 || len(away[0].Said) != 2 {
		t.Errorf("%+v are shown, %v", away, err)
	}
}
