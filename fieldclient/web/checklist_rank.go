package web

import (
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
)

// ranked gives the choices of a ranking in the order of its answer. What has no place in it, because nobody has answered
// or because the form offers it since, comes last and in the form's order.
func ranked(v form.View) []string {
	var out []string
	for _, w := range strings.Fields(v.Value) {
		if slices.ContainsFunc(v.Choices, func(o form.Option) bool { return o.Value == w }) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, o := range v.Choices {
		if !slices.Contains(out, o.Value) {
			out = append(out, o.Value)
		}
	}
	return out
}

// moved is the answer to a ranking after one of its buttons: up:WORD, down:WORD, or keep, which takes the order as it is
// shown. What is first already stays there, and so does what is last.
func moved(v form.View, move string) (string, error) {
	order := ranked(v)
	how, word, _ := strings.Cut(move, ":")
	at := slices.Index(order, word)
	step := map[string]int{"up": -1, "down": 1}[how]
	switch {
	case how == "keep":
	case step == 0 || at < 0:
		return "", errNoPage
	case at+step >= 0 && at+step < len(order):
		order[at], order[at+step] = order[at+step], order[at]
	}
	return strings.Join(order, " "), nil
}

// rankedChoice is one row of a ranking.
type rankedChoice struct {
	offer
	First, Last bool
}

// Ranking is the question's choices in their order.
func (q asked) Ranking() []rankedChoice {
	order := ranked(q.View)
	var out []rankedChoice
	for at, w := range order {
		i := slices.IndexFunc(q.Options, func(o offer) bool { return o.Value == w })
		out = append(out, rankedChoice{q.Options[i], at == 0, at == len(order)-1})
	}
	return out
}

// movedTo says where a choice of a ranking stands after a move of it; "" where none was moved.
func (w *words) movedTo(q asked, move string) string {
	_, word, _ := strings.Cut(move, ":")
	all := q.Ranking()
	i := slices.IndexFunc(all, func(o rankedChoice) bool { return o.Value == word })
	if i < 0 {
		return ""
	}
	return w.T("rank.moved", all[i].Label, strconv.Itoa(i+1), strconv.Itoa(len(all)))
}
