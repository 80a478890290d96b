package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Expr is a parsed expression. It does not change and may be used from several goroutines.
type Expr struct {
	src  string
	root node
	refs References
}

// Parse reads an expression. Errors are of type [*Error] and point into src. References of the form ${name} must have
// been replaced before, with [Rewrite].
func Parse(src string) (*Expr, error) {
	if len(src) > MaxLength {
		return nil, fail(CodeLimit, MaxLength, "the expression has %d bytes; %d are allowed: move parts of it into calculations of their own", len(src), MaxLength)
	}
	p := parser{lex: lexer{src: src}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tokEnd {
		return nil, fail(CodeSyntax, 0, "the expression is empty")
	}
	root, err := p.chain(levelOr)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.unexpected("an operator such as and, or, = or +")
	}
	e := &Expr{src: src, root: root}
	e.refs = collect(root)
	return e, nil
}

// Source gives the text that was parsed.
func (e *Expr) Source() string { return e.src }

// Kind gives the kind of value that the expression always has, or Any when that depends on answers. A condition of
// kind Nodes is true wherever the question stands, answered or not: most authors mean "${name} != ”".
func (e *Expr) Kind() Kind { return kindOf(e.root) }

type parser struct {
	lex    lexer
	tok    token
	depth  int
	chance int // volatile functions so far
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) unexpected(wanted string) error {
	if p.tok.is(")") || p.tok.is("]") {
		return fail(CodeSyntax, p.tok.pos, "%s closes nothing, or closes too early: %s is expected here", p.tok, wanted)
	}
	return fail(CodeSyntax, p.tok.pos, "%s stands where %s is expected", p.tok, wanted)
}

// accept steps over a symbol when it comes next.
func (p *parser) accept(symbol string) (bool, error) {
	if !p.tok.is(symbol) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(symbol, why string) error {
	if !p.tok.is(symbol) {
		return p.unexpected("“" + symbol + "” " + why)
	}
	return p.advance()
}

// nested parses one level of precedence inside brackets.
func (p *parser) nested() (node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, fail(CodeLimit, p.tok.pos, "more than %d brackets inside each other: move parts into calculations of their own", MaxDepth)
	}
	defer func() { p.depth-- }()
	return p.chain(levelOr)
}

func (p *parser) chain(l level) (node, error) {
	if l == levelUnary {
		return p.unary()
	}
	if l == levelPath {
		return p.path()
	}
	first, err := p.chain(l + 1)
	if err != nil {
		return nil, err
	}
	var c *chain
	for p.tok.kind == tokOperator && opLevels[p.tok.op] == l {
		if c == nil {
			c = &chain{position: position(p.tok.pos), level: l, args: []node{first}}
		}
		c.ops = append(c.ops, p.tok.op)
		if err := p.advance(); err != nil {
			return nil, err
		}
		arg, err := p.chain(l + 1)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	if c == nil {
		return first, nil
	}
	c.steady = allSteady(c.args)
	for _, a := range c.args {
		if k := kindOf(a); l == levelUnion && k != Nodes && k != Any {
			return nil, fail(CodeArguments, a.at(), "| joins questions, and this is %s", k)
		}
	}
	return c, nil
}

func (p *parser) unary() (node, error) {
	n := &negation{position: position(p.tok.pos)}
	for p.tok.kind == tokOperator && p.tok.op == opSubtract {
		n.count++
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	arg, err := p.chain(levelUnion)
	if err != nil || n.count == 0 {
		return arg, err
	}
	n.arg, n.steady = arg, steady(isSteady(arg))
	return n, nil
}

// path parses a location path or a filter expression (XPath 1.0 §2 and §3.3).
func (p *parser) path() (node, error) {
	before := p.chance
	n, err := p.location()
	if at, ok := n.(*path); ok {
		at.steady = p.chance == before && (steady(at.absolute) || at.from != nil && steady(isSteady(at.from)))
	}
	return n, err
}

func (p *parser) location() (node, error) {
	at := &path{position: position(p.tok.pos)}
	switch {
	case p.tok.is("/"):
		at.absolute = true
		if err := p.advance(); err != nil || !p.startsStep() {
			return at, err
		}
		return at, p.steps(at)
	case p.tok.is("//"):
		at.absolute = true
		return at, p.slash(at)
	case p.startsStep():
		return at, p.steps(at)
	}
	first, err := p.primary()
	if err != nil {
		return nil, err
	}
	if !p.tok.is("[") && !p.tok.is("/") && !p.tok.is("//") {
		return first, nil
	}
	if k := kindOf(first); k != Nodes && k != Any {
		return nil, fail(CodeArguments, p.tok.pos, "%s follows a question or a list, and before it stands %s", p.tok, k)
	}
	at.from = first
	if at.filters, err = p.predicates(); err != nil {
		return nil, err
	}
	if p.tok.is("/") || p.tok.is("//") {
		return at, p.slash(at)
	}
	return at, nil
}

// slash parses what follows a / or // in a path.
func (p *parser) slash(at *path) error {
	if p.tok.is("//") {
		at.steps = append(at.steps, everything(position(p.tok.pos)))
	}
	if err := p.advance(); err != nil {
		return err
	}
	if !p.startsStep() {
		return p.unexpected("a name")
	}
	return p.steps(at)
}

// startsStep says whether the next token begins a step of a path.
func (p *parser) startsStep() bool {
	switch p.tok.kind {
	case tokName, tokAxis:
		return true
	case tokFunction:
		return nodeType(p.tok.text)
	case tokSymbol:
		return p.tok.text == "." || p.tok.text == ".." || p.tok.text == "@"
	}
	return false
}

func nodeType(name string) bool {
	return name == "node" || name == "text" || name == "comment" || name == "processing-instruction"
}

func (p *parser) steps(at *path) error {
	for {
		if len(at.steps) >= MaxDepth {
			return fail(CodeLimit, p.tok.pos, "a path of more than %d steps", MaxDepth)
		}
		s, err := p.step()
		if err != nil {
			return err
		}
		at.steps = append(at.steps, s)
		switch {
		case p.tok.is("//"):
			at.steps = append(at.steps, everything(position(p.tok.pos)))
		case !p.tok.is("/"):
			return nil
		}
		if err := p.advance(); err != nil {
			return err
		}
		if !p.startsStep() {
			return p.unexpected("a name")
		}
	}
}

func (p *parser) step() (step, error) {
	s := step{position: position(p.tok.pos)}
	switch {
	case p.tok.is("."), p.tok.is(".."):
		s.axis, s.test.kind = axisSelf, testNode
		if p.tok.text == ".." {
			s.axis = axisParent
		}
		if err := p.advance(); err != nil {
			return s, err
		}
		if p.tok.is("[") {
			return s, fail(CodeSyntax, p.tok.pos, "a condition in [ ] cannot follow . or .. directly: write self::node()[…] or parent::node()[…]")
		}
		return s, nil
	case p.tok.is("@"):
		s.axis = axisAttribute
		if err := p.advance(); err != nil {
			return s, err
		}
	case p.tok.kind == tokAxis:
		a, ok := axes[p.tok.text]
		if !ok {
			return s, fail(CodeUnsupported, p.tok.pos, "%s:: is not a direction that is supported; there are child, parent, self, descendant, descendant-or-self, ancestor, ancestor-or-self, following-sibling, preceding-sibling and attribute", p.tok.text)
		}
		s.axis = a
		if err := p.advance(); err != nil {
			return s, err
		}
		if err := p.expect("::", "behind the direction"); err != nil {
			return s, err
		}
	}
	if err := p.test(&s.test); err != nil {
		return s, err
	}
	var err error
	s.preds, err = p.predicates()
	return s, err
}

func (p *parser) test(t *test) error {
	switch {
	case p.tok.kind == tokFunction && nodeType(p.tok.text):
		if p.tok.text != "node" {
			return fail(CodeUnsupported, p.tok.pos, "%s() is not supported: the path to a question gives its answer without it", p.tok.text)
		}
		t.kind = testNode
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.expect("(", "behind node"); err != nil {
			return err
		}
		return p.expect(")", "behind node(")
	case p.tok.kind != tokName:
		return p.unexpected("a name")
	case p.tok.text == "*":
		t.kind = testAny
	case strings.HasSuffix(p.tok.text, ":*"):
		t.kind, t.name = testPrefix, strings.TrimSuffix(p.tok.text, "*")
	default:
		t.name = p.tok.text
	}
	return p.advance()
}

func (p *parser) predicates() (preds []node, err error) {
	for p.tok.is("[") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		pred, err := p.nested()
		if err != nil {
			return nil, err
		}
		if err := p.expect("]", "that ends the condition"); err != nil {
			return nil, err
		}
		preds = append(preds, pred)
	}
	return preds, nil
}

func (p *parser) primary() (node, error) {
	t := p.tok
	switch {
	case t.kind == tokNumber:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil || math.IsInf(v, 0) {
			return nil, fail(CodeSyntax, t.pos, "%s is too large a number", shown(t.text))
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		return &number{position(t.pos), v}, nil
	case t.kind == tokText:
		if !utf8.ValidString(t.text) {
			return nil, fail(CodeSyntax, t.pos, "this text has bytes that are not UTF-8: write it again")
		}
		return &text{position(t.pos), t.text}, p.advance()
	case t.kind == tokFunction:
		return p.call()
	case t.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		inner, err := p.nested()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")", "that closes the bracket")
	}
	return nil, p.unexpected("a value")
}
