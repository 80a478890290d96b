package form

import (
	"errors"
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// checkExpressions parses every expression of the form, and reports paths that lead nowhere and tables that are missing.
func (b *builder) checkExpressions() {
	led := map[string]bool{}
	for n := range b.t.Root.All() {
		b.checkTables(n)
		for _, e := range n.expressions() {
			if _, known := truth(e.text); !e.xpath || known {
				continue
			}
			if parsed := b.parse(n, e); parsed != nil {
				b.checkPaths(n, e, parsed, led)
				for _, id := range parsed.References().Instances {
					b.needTable(b.ofExpression(n, e.key), id, id+".csv")
				}
			}
		}
	}
}

// parse reads one expression. One that is no expression is an error; one that only uses what is not known here is
// kept, with a warning.
func (b *builder) parse(n *Node, e expression) *expr.Expr {
	at := b.ofExpression(n, e.key)
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

// ofExpression is the place of an expression's cell.
func (b *builder) ofExpression(n *Node, key string) place {
	if n.Name == "instanceName" && n.Generated {
		return place{sheet: "settings", column: "instance_name"}
	}
	return b.of(n, key)
}

// checkPaths reports absolute paths to nowhere. What a path leads to is looked up once: led knows the answer.
func (b *builder) checkPaths(n *Node, e expression, parsed *expr.Expr, led map[string]bool) {
	for _, r := range parsed.References().Paths {
		if !r.Absolute || slices.ContainsFunc(r.Steps, func(s expr.Step) bool { return strings.HasPrefix(s.Name, "@") }) {
			continue
		}
		path := r.String()
		leads, known := led[path]
		if !known {
			if b.walked > maxWalked {
				return
			}
			leads = b.leads(r)
			led[path] = leads
		}
		if !leads {
			b.warnf(b.of(n, e.key), "unknown-path", "the path %s leads to no question; write ${name} instead", path)
		}
	}
}

// leads reports whether an absolute path leads to a question or section.
func (b *builder) leads(r expr.Reference) bool {
	root, steps := b.t.Root, r.Steps
	if len(steps) == 0 {
		return true
	}
	if !steps[0].Deep && steps[0].Name != "*" && steps[0].Name != root.Name {
		return false
	}
	at := []*Node{root}
	if !steps[0].Deep {
		steps = steps[1:]
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
			return len(at) > 0
		}
	}
	return true
}

// maxFollowed bounds the questions that one path means, maxWalked those looked at for all paths of a form; what goes
// beyond is taken to lead somewhere.
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
