package form

import (
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// Resolve writes every ${name} of an expression as a path, as seen from the node that the expression belongs to. In a
// filter, where a bare path would be the choice, the path begins with current(). Errors are of type *expr.Error.
func (t *Template) Resolve(src string, of *Node, filter bool) (expr.Rewritten, error) {
	return expr.Rewrite(src, func(m expr.Mention) (string, error) {
		absolute := m.Function == "indexed-repeat" && (m.Argument == 0 || m.Argument%2 == 1)
		return t.path(m.Name, of, m.LastSaved, absolute, filter || m.InList), nil
	})
}

// path is the way from a node to the question of a name. Within a repeat that both share it is relative, so that it
// means the same instance.
func (t *Template) path(name string, from *Node, lastSaved, absolute, filter bool) string {
	target := t.byName[name]
	if target == nil {
		return "${" + name + "}"
	}
	if lastSaved {
		return "instance('__last-saved')" + target.Path()
	}
	if from != nil && !absolute {
		if steps, rest := between(from, target); steps > 0 {
			way := strings.TrimSuffix(strings.Repeat("../", steps), "/") + rest
			if filter {
				return "current()/" + way
			}
			return way
		}
	}
	return target.Path()
}

// resolve is Resolve for a form whose references are known to be sound.
func (x *xform) resolve(text string, context *Node, filter bool) string {
	if !strings.Contains(text, "${") {
		return text
	}
	out, err := x.t.Resolve(text, context, filter)
	if err != nil {
		return text
	}
	return out.Text
}

// between says how many steps lead from a node up to what it shares with another inside a common repeat, and the path
// down from there; no steps where they share no repeat.
func between(from, to *Node) (steps int, rest string) {
	shared := commonAncestor(from, to)
	for p := shared; ; p = p.Parent {
		if p == nil {
			return 0, ""
		}
		if p.Kind == KindRepeat {
			break
		}
	}
	for p := from; p != shared; p = p.Parent {
		steps++
	}
	return steps, strings.TrimPrefix(to.Path(), shared.Path())
}

// commonAncestor is the innermost section that both nodes lie in.
func commonAncestor(a, b *Node) *Node {
	var above []*Node
	for p := a.Parent; p != nil; p = p.Parent {
		above = append(above, p)
	}
	for p := b.Parent; p != nil; p = p.Parent {
		if slices.Contains(above, p) {
			return p
		}
	}
	return nil
}

// parentOf is the set of sections that hold an earlier answer, for a select from those answers: from inside the repeat
// it goes up to the repeat's own parent, so that all instances are meant.
func (x *xform) parentOf(n, target *Node) string {
	return strings.TrimSuffix(x.throughRepeat(n, target), "/"+target.Name)
}

// answerFilter is the filter of a select from answers: in it, questions of the same repeat are those of the instance
// that is offered.
func (x *xform) answerFilter(n *Node, nodeset string) string {
	out, err := expr.Rewrite(n.ChoiceFilter, func(m expr.Mention) (string, error) {
		target := x.t.byName[m.Name]
		if target == nil || m.LastSaved {
			return x.t.path(m.Name, n, m.LastSaved, false, true), nil
		}
		way := x.throughRepeat(n, target)
		if rest, ok := strings.CutPrefix(way, nodeset); ok {
			return "." + rest, nil
		}
		if strings.HasPrefix(way, "..") {
			way = "current()/" + way
		}
		return way, nil
	})
	if err != nil {
		return n.ChoiceFilter
	}
	return out.Text
}

// fromRepeat is the set of a repeat's instances.
func (x *xform) fromRepeat(n *Node) string {
	if target := x.t.byName[n.From]; target != nil {
		return x.throughRepeat(n, target)
	}
	return ""
}

func (x *xform) throughRepeat(n, target *Node) string {
	var lcar *Node
	for p := commonAncestor(n, target); p != nil && lcar == nil; p = p.Parent {
		if p.Kind == KindRepeat {
			lcar = p
		}
	}
	if lcar == nil {
		return target.Path()
	}
	if lcar == nearestRepeat(target) && (nearestRepeat(lcar) == nil || nearestRepeat(n) != lcar) && lcar.Parent != nil {
		steps := 1
		for p := n; p != lcar; p = p.Parent {
			steps++
		}
		return strings.TrimSuffix(strings.Repeat("../", steps), "/") + strings.TrimPrefix(target.Path(), lcar.Parent.Path())
	}
	steps, rest := between(n, target)
	return strings.TrimSuffix(strings.Repeat("../", steps), "/") + rest
}
