package form

import (
	"regexp"
	"slices"
	"strings"
)

// resolve writes every ${name} of an expression as a path, seen from context. In a filter, current() is the question
// and a bare path would be the choice.
func (x *xform) resolve(text string, context *Node, filter bool) string {
	refs, _ := references(text)
	if len(refs) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, r := range refs {
		b.WriteString(text[at:r.start])
		b.WriteString(x.reference(r, context, filter, text))
		at = r.end
	}
	b.WriteString(text[at:])
	return b.String()
}

// reference is the path for one ${name}, with a space on either side. Within a repeat that both share it is relative,
// so that it means the same instance.
func (x *xform) reference(r ref, context *Node, filter bool, text string) string {
	target := x.byName[r.name]
	if target == nil {
		return text[r.start:r.end]
	}
	if r.lastSaved {
		return " instance('__last-saved')" + target.Path() + " "
	}
	if context != nil && relativeHere(r, text) {
		if steps, rest := between(context, target); steps > 0 {
			prefix := " "
			if filter || inInstancePredicate(r, text) {
				prefix = " current()/"
			}
			return prefix + strings.TrimSuffix(strings.Repeat("../", steps), "/") + rest + " "
		}
	}
	return " " + target.Path() + " "
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
	whole := strings.TrimSuffix(strings.TrimSpace(x.throughRepeat(n, target)), "/"+target.Name)
	return whole
}

// fromRepeat is the set of a repeat's instances.
func (x *xform) fromRepeat(n *Node) string {
	if target := x.byName[n.From]; target != nil {
		return strings.TrimSpace(x.throughRepeat(n, target))
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

var (
	indexedPattern  = regexp.MustCompile(`indexed-repeat\([^)]+\)`)
	instancePattern = regexp.MustCompile(`instance\([^)]+.+`)
	bracketPattern  = regexp.MustCompile(`\[[^\]]+\]`)
)

// relativeHere reports whether a reference may be relative: the repeats that indexed-repeat() names must not be.
func relativeHere(r ref, text string) bool {
	if !strings.Contains(text, "indexed-repeat(") {
		return true
	}
	for _, m := range indexedPattern.FindAllStringIndex(text, -1) {
		if r.end > m[1] || r.start < m[0] {
			continue
		}
		open := strings.IndexByte(text[m[0]:], '(') + m[0] + 1
		switch strings.Count(text[open:r.start], ",") {
		case 0, 1, 3, 5:
			return false
		}
		return true
	}
	return true
}

// inInstancePredicate reports whether a reference stands in a condition on another instance's items.
func inInstancePredicate(r ref, text string) bool {
	if !instancePattern.MatchString(text) {
		return false
	}
	return slices.ContainsFunc(bracketPattern.FindAllStringIndex(text, -1), func(m []int) bool { return r.start >= m[0] && r.end <= m[1] })
}
