package form

import (
	"errors"
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// checkExpressions parses every expression of the form, and finds those that wait for each other.
func (b *builder) checkExpressions() {
	calculations, conditions := map[*Node][]*Node{}, map[*Node][]*Node{}
	for n := range b.t.Root.All() {
		for _, e := range n.expressions() {
			if _, known := truth(e.text); !e.xpath || known {
				continue
			}
			parsed := b.parse(n, e)
			if parsed == nil {
				continue
			}
			needs := b.needs(n, e, parsed)
			switch {
			case e.key == "calculation" && len(n.Trigger) == 0:
				calculations[n] = append(calculations[n], needs...)
			case e.key == "relevant":
				conditions[n] = append(conditions[n], needs...)
			}
		}
	}
	b.reportCycles("calculation", Error, calculations)
	b.reportCycles("relevant", Warning, conditions)
}

// parse reads one expression. One that is no expression is an error; one that only uses what is not known here is
// kept, with a warning.
func (b *builder) parse(n *Node, e expression) *expr.Expr {
	at := b.of(n, e.key)
	if n.Name == "instanceName" && n.Generated {
		at = place{sheet: "settings", column: "instance_name"}
	}
	text, err := b.t.Resolve(e.text, n, e.key == "choice_filter")
	var parsed *expr.Expr
	if err == nil {
		parsed, err = expr.Parse(text.Text)
	}
	if err == nil {
		return parsed
	}
	var wrong *expr.Error
	if !errors.As(err, &wrong) {
		b.errorf(at, "bad-expression", "this expression cannot be read: %v", err)
		return nil
	}
	switch wrong.Code {
	case expr.CodeReference: // checkReferences has said so
	case expr.CodeSyntax:
		b.errorf(at, "bad-expression", "this is no expression, %v", &expr.Error{Code: wrong.Code, Pos: text.Source(wrong.Pos), Msg: wrong.Msg})
	default:
		b.warnf(at, "expression-not-supported", "this expression is kept, but cannot be evaluated, %v", &expr.Error{Code: wrong.Code, Pos: text.Source(wrong.Pos), Msg: wrong.Msg})
	}
	return nil
}

// needs are the questions whose answers an expression uses. A path to nowhere is reported.
func (b *builder) needs(n *Node, e expression, parsed *expr.Expr) (out []*Node) {
	for _, r := range parsed.References().Paths {
		if e.key == "choice_filter" && !r.Absolute {
			continue // a column of the choice
		}
		if b.walked > maxWalked {
			return out
		}
		found := b.follow(n, r)
		if len(found) == 0 && r.Absolute && !slices.ContainsFunc(r.Steps, func(s expr.Step) bool { return strings.HasPrefix(s.Name, "@") }) {
			b.warnf(b.of(n, e.key), "unknown-path", "the path %s leads to no question; write ${name} instead", r.String())
		}
		if itself := !r.Absolute && r.Up == 0 && len(r.Steps) == 0; r.Use == expr.UseText && !itself { // once(…) looks at its own answer
			out = append(out, found...)
		}
	}
	return out
}

// follow walks a path from a node.
func (b *builder) follow(from *Node, r expr.Reference) []*Node {
	root, at, steps := b.t.Root, []*Node{from}, r.Steps
	if r.Absolute {
		if len(steps) == 0 {
			return []*Node{root}
		}
		if !steps[0].Deep && steps[0].Name != "*" && steps[0].Name != root.Name {
			return nil
		}
		at = []*Node{root}
		if !steps[0].Deep {
			steps = steps[1:]
		}
	}
	for range r.Up {
		if at[0] = at[0].Parent; at[0] == nil {
			return nil
		}
	}
	for _, s := range steps {
		var next []*Node
		for _, n := range at {
			for c := range below(n, s.Deep) {
				b.walked++
				if s.Name == "*" || c.Name == s.Name {
					next = append(next, c)
				}
			}
		}
		if at = next; len(at) == 0 || len(at) > maxFollowed {
			return nil
		}
	}
	return at
}

// maxFollowed bounds the questions that one path means, maxWalked those looked at for all paths of a form; what goes
// beyond is not looked into for cycles.
const (
	maxFollowed = 1000
	maxWalked   = 20_000_000
)

func below(n *Node, deep bool) func(func(*Node) bool) {
	if !deep {
		return slices.Values(n.Children)
	}
	return func(yield func(*Node) bool) {
		for _, c := range n.Children {
			if !c.each(yield) {
				return
			}
		}
	}
}

func (b *builder) reportCycles(key string, severity Severity, waits map[*Node][]*Node) {
	for _, cycle := range cycles(b.t.Root, waits) {
		names := make([]string, len(cycle))
		for i, n := range cycle {
			names[i] = n.Name
		}
		at := b.of(cycle[0], key)
		b.add(Issue{severity, at.sheet, at.row, at.column, "cycle", "this waits for itself: " + strings.Join(append(names, names[0]), " needs ")})
	}
}
