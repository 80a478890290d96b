package form

import (
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// wording names a text of a node.
type wording uint8

const (
	label wording = iota
	hint
	guidance
	requiredMessage
	constraintMessage
	wordings
)

// words is a text in every language, with the expressions that stand in it.
type words []phrase

type phrase struct {
	lang  string
	parts []part
}

// part is a piece of text, or an answer that is shown in it.
type part struct {
	text string
	expr *expr.Expr
	sole *spec // the question that is shown, where there is only one of it
}

func (w words) expressions() (out []*expr.Expr) {
	for _, p := range w {
		for _, part := range p.parts {
			if part.expr != nil {
				out = append(out, part.expr)
			}
		}
	}
	return out
}

// in chooses a language as Text.In does.
func (w words) in(langs []string) []part {
	for _, l := range langs {
		for _, p := range w {
			if p.lang == l {
				return p.parts
			}
		}
	}
	if len(w) > 0 {
		return w[0].parts
	}
	return nil
}

// wordings prepares the texts of a node. Those of its question itself are watched, messages are written when asked for.
func (g *Graph) wordings(s *spec) {
	s.words = map[wording]words{}
	watched := false
	for i, t := range [wordings]Text{s.Label, s.Hint, s.Guidance, s.RequiredMessage, s.ConstraintMessage} {
		if len(t) == 0 {
			continue
		}
		w := g.words(t, s.Node)
		s.words[wording(i)] = w
		watched = watched || i <= int(guidance) && len(w.expressions()) > 0
	}
	if watched || len(g.choiceRefs[s.List]) > 0 {
		s.rules[worded] = &rule{of: s, is: worded}
		g.rules = append(g.rules, s.rules[worded])
	}
}

func (g *Graph) words(t Text, of *Node) words {
	var out words
	for _, w := range t {
		out = append(out, phrase{w.Lang, g.parts(w.Text, of)})
	}
	return out
}

// parts takes a text apart at its references. One that leads nowhere stays as its author wrote it.
func (g *Graph) parts(text string, of *Node) (out []part) {
	at := 0
	for _, in := range inserts(text) {
		source := in.source
		if source == "" {
			source = g.shows(in.ref, of)
		} else if resolved, err := g.t.Resolve(source, of, false); err == nil {
			source = resolved.Text
		}
		e, err := expr.Parse(source)
		if err != nil {
			continue
		}
		if in.start > at {
			out = append(out, part{text: text[at:in.start]})
		}
		shown := part{expr: e}
		if target := g.t.Named(in.name); target != nil && target.Kind == KindQuestion && !target.InRepeat() && !in.lastSaved {
			shown.sole = g.specs[target]
		}
		out = append(out, shown)
		at = in.end
	}
	if at < len(text) {
		out = append(out, part{text: text[at:]})
	}
	return out
}

// shows is the path of an answer that a text shows. In the words of a repeat, what lies in it is that of the instance.
func (g *Graph) shows(r ref, of *Node) string {
	target := g.t.Named(r.name)
	if of != nil && of.Kind == KindRepeat && target != nil && !r.lastSaved {
		if rest, in := strings.CutPrefix(target.Path(), of.Path()+"/"); in {
			return "./" + rest
		}
	}
	return strings.TrimSpace(g.t.path(r.name, of, r.lastSaved, false, false))
}

// noteChoices finds the questions whose answers stand in the labels of choices.
func (g *Graph) noteChoices() {
	for _, l := range g.t.Lists {
		for _, c := range l.Choices {
			for _, w := range c.Label {
				refs, _ := references(w.Text)
				for _, r := range refs {
					if s := g.specs[g.t.Named(r.name)]; s != nil && !slices.Contains(g.choiceRefs[l.Name], s) {
						g.choiceRefs[l.Name] = append(g.choiceRefs[l.Name], s)
					}
				}
			}
		}
	}
}
