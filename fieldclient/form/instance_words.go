package form

import (
	"strings"

	"kua/fieldclient/form/expr"
)

// SetLanguages changes the languages in which the form speaks, the best first, and gives what changed.
func (in *Instance) SetLanguages(langs ...string) []Ref {
	in.langs = append(append([]string(nil), langs...), in.graph.t.DefaultLanguage)
	clear(in.lists)
	for _, r := range in.graph.rules {
		if r.speaks || r.is == worded || r.is == offered {
			in.waitWithin(r, in.document)
		}
	}
	return in.change()
}

// render writes a text with the answers that stand in it.
func (in *Instance) render(it *item, w words) string {
	var b strings.Builder
	for _, p := range w.in(in.langs) {
		switch {
		case p.expr == nil:
			b.WriteString(p.text)
			continue
		case p.sole != nil:
			in.root.within(p.sole, func(shown *item) { b.WriteString(shown.Text()) })
			continue
		}
		if v, err := p.expr.Evaluate(expr.Context{Node: it, Env: &in.env}); err == nil {
			b.WriteString(v.Answer())
		}
	}
	return b.String()
}

func (in *Instance) words(it *item, which wording) string { return in.render(it, it.of.words[which]) }

// shown is all of a question that people see, to notice when it changes.
func (in *Instance) shown(it *item) string {
	all := in.words(it, label) + "\x00" + in.words(it, hint) + "\x00" + in.words(it, guidance)
	if len(in.graph.choiceRefs[it.of.List]) == 0 {
		return all
	}
	for _, n := range it.options {
		all += "\x00" + in.choiceText(it, n)
	}
	return all
}

func (in *Instance) list(id string) (*element, bool) {
	if e := in.lists[id]; e != nil {
		return e, true
	}
	l, ok := in.graph.t.list(id)
	if !ok {
		if s := in.graph.t.file(id); s != nil {
			in.lists[id] = tableNode(s)
			return in.lists[id], true
		}
		return nil, false
	}
	e := listNode(l, func(t Text) (string, func() string) {
		w := in.graph.words(t, nil)
		if len(w.expressions()) == 0 {
			return in.render(in.root, w), nil
		}
		return "", func() string { return in.render(in.root, w) }
	})
	in.lists[id] = e
	return e, true
}

// itext gives the label of a choice by the name that an exported form has for it.
func (in *Instance) itext(id string) (string, bool) {
	for _, l := range in.graph.t.Lists {
		if !strings.HasPrefix(id, l.Name+"-") {
			continue
		}
		doc, _ := in.list(l.Name)
		for _, one := range doc.kids[0].Children() {
			if childText(one, "itextId") == id {
				return childText(one, "label"), true
			}
		}
	}
	for s := range in.graph.t.Root.All() {
		for i, suffix := range map[wording]string{label: ":label", hint: ":hint", requiredMessage: ":jr:requiredMsg", constraintMessage: ":jr:constraintMsg"} {
			if id == s.Path()+suffix {
				if known := in.graph.specs[s]; known != nil && len(known.words[i]) > 0 {
					return in.render(in.root, known.words[i]), true
				}
			}
		}
	}
	return "", false
}

// choiceLabel gives the label of a choice, whether a filter lets it through or not.
func (in *Instance) choiceLabel(question expr.Node, value string) (string, bool) {
	it, ok := question.(*item)
	if !ok || it.of.Kind != KindQuestion {
		return "", false
	}
	nodes := it.options
	if doc, ok := in.list(it.of.listID()); ok {
		nodes = doc.kids[0].Children()
	}
	for _, n := range nodes {
		if childText(n, it.of.value) == value {
			return in.choiceText(it, n), true
		}
	}
	return "", false
}

// choiceText is what people read of a choice.
func (in *Instance) choiceText(it *item, n expr.Node) string {
	if e, ok := n.(*element); ok && e.choice != nil {
		return in.render(in.root, in.graph.words(e.choice.Label, nil))
	}
	return childText(n, it.of.label)
}

func childText(n expr.Node, name string) string {
	for _, c := range n.Children() {
		if c.Name() == name {
			return c.Text()
		}
	}
	return ""
}

// preload gives what the device knows without being asked when a form is begun. When it ends is not known yet: Finish.
func (in *Instance) preload(n *Node) string {
	src := ""
	switch n.Preload {
	case "timestamp":
		if n.PreloadParams == "end" {
			return ""
		}
		src = "now()"
	case "date":
		src = "today()"
	case "uid":
		src = "concat('uuid:', uuid())"
	case "property":
		if in.env.Property != nil {
			s, _ := in.env.Property(n.PreloadParams)
			return s
		}
	}
	if src == "" {
		return ""
	}
	return in.known(src)
}

// needless reports whether the program knows what a question asks for.
func (in *Instance) needless(s *spec) bool {
	if s.knownAs == "" || in.env.Property == nil {
		return false
	}
	known, _ := in.env.Property(s.knownAs)
	return known != ""
}

// known evaluates what stands in no form.
func (in *Instance) known(src string) string {
	e, err := expr.Parse(src)
	if err != nil {
		return ""
	}
	v, err := e.Evaluate(expr.Context{Env: &in.env})
	if err != nil {
		return ""
	}
	return v.Answer()
}
