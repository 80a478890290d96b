package fieldclient

import (
	"strings"
	"testing"

	"kua/fieldclient/form"
)

// Nobody moves without being told of every answer that will not fit, or will not be seen.
func TestAMoveNamesEveryAnswerThatDoesNotFitOrIsNotAsked(t *testing.T) {
	const one = `
type | name | label | relevant
text | why  | Why   |
date | dob  | Day   |
text | bc   | Card  |
text | was  | Was   | ${why} = 'never'
select_one s | smell | Smell |
`
	two := strings.NewReplacer("text | why ", "integer | why ", "date | dob", "dateTime | dob", "| Card  |", "| Card  | 1 = 2", "${why} = 'never'", "1 = 2").Replace(one)
	first, second := workbook(t, "moves", "1", one, smells), workbook(t, "moves", "2", two, strings.Replace(smells, "damp", "mould", 1))
	s := newSeason(t, first)
	k := s.on(s.a)
	for item, value := range map[string]string{"why": "x", "dob": "2026-11-24", "bc": "yes", "smell": "damp"} {
		say(t, k, item, value)
	}
	say(t, s.on(s.b), "why", "y") // and the members differ
	s.approve(second)
	s.spread()
	k = s.on(s.a)
	p, err := k.PreviewMove(t.Context(), TemplateID(second))
	if err != nil {
		t.Fatal(err)
	}
	keys := func(list []ItemWords) (out string) {
		for _, w := range list {
			out += w.Key + " "
		}
		return out
	}
	if keys(p.Misfit) != "why dob smell " || keys(p.Hidden) != "bc " || p.Problems != 3 {
		t.Errorf("misfit are %q, hidden %q, and %d problems", keys(p.Misfit), keys(p.Hidden), p.Problems)
	}
	if _, err := k.Move(t.Context(), TemplateID(second)); err != nil {
		t.Fatal(err)
	}
	problems, err := k.Problems(t.Context())
	got := map[form.Ref]form.Code{}
	for _, p := range problems {
		got[p.Ref] = p.Code
	}
	if err != nil || len(got) != 3 || got["/data/why"] != form.CodeType || got["/data/dob"] != form.CodeType || got["/data/smell"] != form.CodeChoice {
		t.Errorf("after the move the problems are %v, %v", problems, err)
	}
}
