package expr

import (
	"strings"
)

// String writes the expression in a canonical form. Parsing it again gives the same expression.
func (e *Expr) String() string {
	var p printer
	p.node(e.root, levelOr)
	return p.String()
}

type printer struct{ strings.Builder }

// node writes n so that it can stand where an operand of the level is expected.
func (p *printer) node(n node, l level) {
	if loose(n) < l {
		p.WriteByte('(')
		p.node(n, levelOr)
		p.WriteByte(')')
		return
	}
	switch n := n.(type) {
	case *number:
		p.WriteString(formatNumber(n.value))
	case *text:
		quote := "'"
		if strings.Contains(n.value, quote) {
			quote = `"`
		}
		p.WriteString(quote + n.value + quote)
	case *call:
		p.WriteString(n.name)
		p.list("(", ", ", ")", n.args)
	case *negation:
		p.WriteString(strings.Repeat("-", n.count))
		p.node(n.arg, levelUnion)
	case *chain:
		for i, a := range n.args {
			if i > 0 {
				p.WriteString(" " + opWords[n.ops[i-1]] + " ")
			}
			p.node(a, n.level+1)
		}
	case *path:
		p.path(n)
	}
}

// loose gives the level at which a part can stand without brackets.
func loose(n node) level {
	switch n := n.(type) {
	case *chain:
		return n.level
	case *negation:
		return levelUnary
	}
	return levelPath
}

func (p *printer) list(open, between, end string, nodes []node) {
	p.WriteString(open)
	for i, a := range nodes {
		if i > 0 {
			p.WriteString(between)
		}
		p.node(a, levelOr)
	}
	p.WriteString(end)
}

func (p *printer) predicates(preds []node) {
	for _, pred := range preds {
		p.list("[", "", "]", []node{pred})
	}
}

func (p *printer) path(n *path) {
	switch {
	case n.from != nil:
		switch n.from.(type) {
		case *call, *number, *text:
			p.node(n.from, levelPath)
		default:
			p.list("(", "", ")", []node{n.from})
		}
		p.predicates(n.filters)
		if len(n.steps) > 0 {
			p.WriteByte('/')
		}
	case n.absolute && len(n.steps) == 0:
		p.WriteString("(/)") // alone, / would swallow a name or * behind it
	case n.absolute:
		p.WriteByte('/')
	}
	short := false // the step before was written as //
	for i, s := range n.steps {
		last := i == len(n.steps)-1
		if short = !short && s.isEverything() && !last && (i > 0 || n.absolute || n.from != nil); short {
			p.WriteByte('/') // the second one of //
			continue
		}
		p.step(s)
		if !last {
			p.WriteByte('/')
		}
	}
}

func (p *printer) step(s step) {
	switch {
	case s.axis == axisSelf && s.test.kind == testNode && len(s.preds) == 0:
		p.WriteByte('.')
		return
	case s.axis == axisParent && s.test.kind == testNode && len(s.preds) == 0:
		p.WriteString("..")
		return
	case s.axis == axisAttribute:
		p.WriteByte('@')
	case s.axis != axisChild:
		for name, a := range axes {
			if a == s.axis {
				p.WriteString(name + "::")
			}
		}
	}
	switch s.test.kind {
	case testNode:
		p.WriteString("node()")
	case testAny:
		p.WriteByte('*')
	case testPrefix:
		p.WriteString(s.test.name + "*")
	case testName:
		p.WriteString(s.test.name)
	}
	p.predicates(s.preds)
}
