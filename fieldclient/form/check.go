package form

import (
	"path"
	"slices"
	"strings"
)

// check finds what only the whole form shows: names that clash, references that lead nowhere, questions without words,
// calculations that wait for each other.
func (b *builder) check() {
	root := b.t.Root
	if root == nil {
		return
	}
	byName := map[string][]*Node{}
	for n := range root.All() {
		if n != root {
			byName[n.Name] = append(byName[n.Name], n)
		}
		b.checkSiblings(n)
		b.checkLabel(n)
	}
	b.checkRepeatNames(byName)
	b.checkReferences(byName)
	b.checkTriggers(byName)
	b.checkInstances()
	b.t.byName = map[string]*Node{}
	for name, nodes := range byName {
		if len(nodes) == 1 {
			b.t.byName[name] = nodes[0]
		}
	}
	b.checkExpressions()
	b.checkGraph()
	if !slices.ContainsFunc(root.Children, func(n *Node) bool { return !n.Generated }) {
		b.warnf(place{sheet: b.survey.Name}, "no-questions", "the form has no questions")
	}
}

// of is the place of a node's cell.
func (b *builder) of(n *Node, key string) place {
	if n.Row == 0 {
		return place{}
	}
	return place{b.survey.Name, n.Row, firstOf(b.headers[key], key)}
}

func (b *builder) checkSiblings(section *Node) {
	rows := map[string]*Node{}
	lower := map[string]*Node{}
	for _, n := range section.Children {
		small := strings.ToLower(n.Name)
		switch first, other := rows[n.Name], lower[small]; {
		case first != nil && first.Row == n.Row:
			b.errorf(b.of(n, "name"), "duplicate-name", "this row needs a question named %q for itself, but that name is taken", n.Name)
		case n.Name == "meta":
		case first != nil:
			b.errorf(b.of(n, "name"), "duplicate-name", "the name %q is taken by row %d; names must differ within a section", n.Name, first.Row)
		case other != nil:
			b.warnf(b.of(n, "name"), "name-case", "the name %q differs from the one in row %d only in its letters' case, which many programs for analysis do not tell apart", n.Name, other.Row)
		}
		rows[n.Name], lower[small] = n, n
	}
}

func (b *builder) checkRepeatNames(byName map[string][]*Node) {
	for n := range b.t.Root.All() {
		if n.Kind != KindRepeat {
			continue
		}
		for _, o := range byName[n.Name] {
			if o.Kind == KindRepeat && o.Row < n.Row && o.Parent != n.Parent {
				b.errorf(b.of(n, "name"), "duplicate-name", "the repeat in row %d already has the name %q; repeats' names must differ in the whole form", o.Row, n.Name)
				break
			}
		}
	}
}

// checkLabel refuses a question that nobody could understand.
func (b *builder) checkLabel(n *Node) {
	if n.Kind != KindQuestion || n.Generated || !n.visible() || n.Appearance == "label" {
		return
	}
	if len(n.Label) == 0 && len(n.Media) == 0 && len(n.Hint) == 0 {
		b.errorf(b.of(n, "label"), "missing-label", "the question %q has neither a label nor a hint: nobody would know what is asked", n.Name)
	}
	for _, words := range []struct {
		key, name string
		text      Text
	}{{"label", "wording", n.Label}, {"hint", "hint", n.Hint}} {
		if !words.text.Localised() {
			continue
		}
		for _, lang := range b.t.Languages {
			if !slices.ContainsFunc(words.text, func(w Wording) bool { return w.Lang == lang }) && !b.reported["lang:"+lang] {
				b.reported["lang:"+lang] = true
				b.warnf(b.of(n, words.key), "missing-translation", "the question %q, and perhaps others, has no %s in %q", n.Name, words.name, lang)
			}
		}
	}
}

// visible reports whether somebody sees the question: it has a control, and is not merely calculated.
func (n *Node) visible() bool {
	if n.Control == "" || n.Type == "calculate" {
		return false
	}
	return n.Calculation == "" && len(n.Trigger) == 0 || len(n.Label) > 0 || len(n.Hint) > 0
}

// expression is one cell of a node that may refer to other questions.
type expression struct {
	key, text string
	xpath     bool // the whole is an expression, not words with references in them
}

// expressions lists them all.
func (n *Node) expressions() []expression {
	out := []expression{
		{"relevant", n.Relevant, true}, {"required", n.Required, true}, {"read_only", n.ReadOnly, true}, {"constraint", n.Constraint, true},
		{"calculation", n.Calculation, true}, {"choice_filter", n.ChoiceFilter, true}, {"repeat_count", n.RepeatCount, true},
		{"default", n.Default, n.Dynamic},
	}
	texts := func(key string, t Text) {
		for _, w := range t {
			out = append(out, expression{key, w.Text, false})
		}
	}
	texts("label", n.Label)
	texts("hint", n.Hint)
	texts("guidance_hint", n.Guidance)
	texts("required_message", n.RequiredMessage)
	texts("constraint_message", n.ConstraintMessage)
	for _, m := range n.Media {
		texts("media", m.File)
	}
	for _, v := range n.Parameters {
		out = append(out, expression{"parameters", v, false})
	}
	for key, attrs := range map[string][]Attr{"bind": n.Bind, "body": n.Body, "instance": n.Instance} {
		for _, a := range attrs {
			out = append(out, expression{key, a.Value, false})
		}
	}
	return slices.DeleteFunc(append(out, expression{"appearance", n.Appearance, false}), func(e expression) bool { return e.text == "" })
}

func (b *builder) checkReferences(byName map[string][]*Node) {
	for n := range b.t.Root.All() {
		at := func(key string) place { return b.ofExpression(n, key) }
		for _, e := range n.expressions() {
			if !n.Generated || n.Row == 0 {
				b.checkText(at(e.key), e.text, byName)
			}
		}
		if n.From != "" {
			b.checkName(at("type"), n.From, byName)
		}
	}
	for _, l := range b.t.Lists {
		for _, c := range l.Choices {
			at := place{b.sheetName(b.choices), c.Row, "label"}
			for _, w := range c.Label {
				b.checkText(at, w.Text, byName)
			}
			for _, m := range c.Media {
				for _, w := range m.File {
					b.checkText(at.in(m.Kind), w.Text, byName)
				}
			}
		}
	}
}

func (b *builder) sheetName(s *Sheet) string {
	if s == nil {
		return ""
	}
	return s.Name
}

func (b *builder) checkText(at place, text string, byName map[string][]*Node) {
	refs, bad := references(text)
	if len(refs) > maxReferences {
		b.errorf(at, "too-many-references", "this cell refers to %d questions, at most %d are allowed; split it into several calculations", len(refs), maxReferences)
		return
	}
	if bad != "" {
		b.errorf(at, "bad-reference", "%q is no reference: it is written as ${name}, with the name of a question", bad)
	}
	for _, r := range refs {
		b.checkName(at, r.name, byName)
	}
}

// maxReferences bounds the ${…} of one cell; maxGuesses the misspellings for which the right spelling is looked for.
const (
	maxReferences = 500
	maxGuesses    = 50
)

func (b *builder) checkName(at place, name string, byName map[string][]*Node) {
	switch found := byName[name]; {
	case len(found) == 0:
		meant := ""
		if b.guesses++; b.guesses > maxGuesses {
			byName = nil
		}
		for other := range byName {
			if d := editDistance(other, name); d <= 2 && d < len(name) && (meant == "" || other < meant) {
				meant = other
			}
		}
		if meant != "" {
			meant = "; did you mean ${" + meant + "}?"
		}
		b.errorf(at, "unknown-reference", "there is no question named %q%s", name, meant)
	case len(found) > 1:
		b.errorf(at, "ambiguous-reference", "${%s} could mean the question in row %d or the one in row %d; give one of them another name", name, found[0].Row, found[1].Row)
	}
}

// checkInstances refuses two files, or a file and a list, that would go by one name in the form's expressions.
func (b *builder) checkInstances() {
	seen := map[string]string{}
	for n := range b.t.Root.All() {
		for _, i := range n.instances() {
			if src := seen[i.id]; src != "" && src != i.src {
				b.errorf(b.of(n, "type"), "instance-clash", "the files %s and %s would have the same name in the form, %q; rename one", path.Base(src), path.Base(i.src), i.id)
			}
			seen[i.id] = i.src
		}
	}
	for _, l := range b.t.Lists {
		if src := seen[l.Name]; src != "" && len(l.Choices) > 0 {
			b.errorf(place{b.sheetName(b.choices), l.Choices[0].Row, "list_name"}, "instance-clash", "the list %q and the file %s would have the same name in the form; rename one", l.Name, path.Base(src))
		}
	}
}

func (b *builder) checkTriggers(byName map[string][]*Node) {
	for n := range b.t.Root.All() {
		for _, name := range n.Trigger {
			switch found := byName[name]; {
			case len(found) != 1:
				b.checkName(b.of(n, "trigger"), name, byName)
			case found[0].Kind != KindQuestion:
				b.errorf(b.of(n, "trigger"), "bad-trigger", "%q is a section; only a question can be a trigger", name)
			case !found[0].visible():
				b.errorf(b.of(n, "trigger"), "bad-trigger", "nobody sees the question %q, so it cannot be a trigger", name)
			}
		}
	}
}
