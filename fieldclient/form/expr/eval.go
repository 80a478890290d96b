package expr

import (
	"io"
	"math"
	"time"
)

// Env is everything from outside that functions ask for. What is nil is not there: a function that needs it is an
// error with [CodeMissing].
type Env struct {
	Now    func() time.Time // for today() and now()
	Zone   *time.Location   // of the person who fills in the form; nil means UTC
	Random io.Reader        // for random(), uuid() and randomize()

	// Instance gives the document node of a secondary instance, such as a list of choices or a table of pulldata.
	Instance func(id string) (Node, bool)
	// Lookup answers pulldata faster than a search through the instance: the column of the first row of the table
	// in which the column key has the value; "" where there is none, false where there is no such table.
	Lookup func(table, column, key, value string) (string, bool)
	// Itext gives a text of the form in the language in use.
	Itext func(id string) (string, bool)
	// ChoiceLabel gives the label of a choice of a question in the language in use.
	ChoiceLabel func(question Node, value string) (string, bool)
	// Property gives a property of device or user, such as deviceid or username.
	Property func(name string) (string, bool)
	Version  string // of the form

	// Months and Days are the short names for format-date, from January and from Sunday; English where empty.
	Months [12]string
	Days   [7]string
}

// Context is where and with what an expression is evaluated.
type Context struct {
	Node  Node // what the expression belongs to: . in it, and the start of relative paths
	Env   *Env // nil is an empty one
	Steps int  // units of work that are allowed; 0 means DefaultSteps
}

// Evaluate computes the expression. Errors are of type [*Error] and point into [Expr.Source].
func (e *Expr) Evaluate(c Context) (Value, error) {
	r := run{env: c.Env, origin: c.Node, steps: c.Steps, parse: Parse}
	if r.env == nil {
		r.env = &Env{}
	}
	if r.zone = r.env.Zone; r.zone == nil {
		r.zone = time.UTC
	}
	if r.steps <= 0 {
		r.steps = DefaultSteps
	}
	v, err := r.eval(e.root, focus{node: c.Node})
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

// run is one evaluation.
type run struct {
	env    *Env
	zone   *time.Location
	origin Node // what current() gives
	top    Node // what / gives, once it was asked for
	steps  int  // what is left
	pos    int  // of the part that is being evaluated, for messages
	parse  func(string) (*Expr, error)
	known  map[node]Value // of steady parts of predicates
}

// focus is the context of XPath 1.0 §1. At the top, pos is 0: position() then counts the node among its siblings.
type focus struct {
	node      Node
	pos, size int
}

// check says whether there is work left to spend.
func (r *run) check() error {
	if r.steps >= 0 {
		return nil
	}
	return fail(CodeLimit, r.pos, "this takes too much work: look at fewer questions at once")
}

// spend takes off the work for n bytes of text.
func (r *run) spend(n int) { r.steps -= 1 + n/64 }

func (r *run) eval(n node, f focus) (Value, error) {
	r.pos = n.at()
	if r.steps--; r.steps < 0 {
		return Value{}, r.check()
	}
	if f.pos == 0 || !isSteady(n) || isLiteral(n) {
		return r.compute(n, f)
	}
	if v, ok := r.known[n]; ok {
		return v, nil
	}
	v, err := r.compute(n, f)
	if err == nil {
		if r.known == nil {
			r.known = map[node]Value{}
		}
		r.known[n] = v
	}
	return v, err
}

func (r *run) compute(n node, f focus) (Value, error) {
	switch n := n.(type) {
	case *number:
		return r.number(n.value), nil
	case *text:
		return r.text(n.value), nil
	case *path:
		nodes, err := r.path(n, f)
		return Value{kind: Nodes, nodes: nodes, zone: r.zone}, err
	case *negation:
		v, err := r.eval(n.arg, f)
		if err != nil {
			return v, err
		}
		if num := v.Number(); n.count%2 == 0 {
			return r.number(num), nil
		} else {
			return r.number(-num), nil
		}
	case *call:
		return r.call(n, f)
	case *chain:
		return r.chain(n, f)
	}
	return Value{}, fail(CodeSyntax, n.at(), "this is not an expression")
}

func (r *run) number(f float64) Value { return Value{kind: Number, num: f, zone: r.zone} }
func (r *run) text(s string) Value    { return Value{kind: Text, text: s, zone: r.zone} }
func (r *run) boolean(b bool) Value   { return Value{kind: Boolean, yes: b, zone: r.zone} }
func (r *run) set(nodes []Node) Value { return Value{kind: Nodes, nodes: nodes, zone: r.zone} }

// made is text that a function has put together: it counts as work and must not be too long.
func (r *run) made(s string) (Value, error) {
	r.spend(len(s))
	if len(s) > MaxText {
		return Value{}, fail(CodeLimit, r.pos, "this makes a text of more than %d bytes", MaxText)
	}
	return r.text(s), nil
}

// call evaluates the arguments, converts them as the signature says, and calls the function.
func (r *run) call(c *call, f focus) (Value, error) {
	if c.fn.lazy != nil {
		return c.fn.lazy(r, f, c)
	}
	var few [4]Value
	args := few[:0]
	for i, a := range c.args {
		v, err := r.eval(a, f)
		if err != nil {
			return v, err
		}
		switch letter := c.fn.param(i); {
		case letter == 's' && v.kind != Text:
			v = r.text(v.String())
		case letter == 'n' && v.kind != Number:
			v = r.number(v.Number())
		case letter == 'b' && v.kind != Boolean:
			v = r.boolean(v.Boolean())
		case letter == 'N' && v.kind != Nodes:
			return v, fail(CodeArguments, a.at(), "%s takes a question as value %d, and this is %s", c.fn.usage(c.name), i+1, v.kind)
		}
		r.spend(len(v.text))
		args = append(args, v)
	}
	r.pos = c.at()
	return c.fn.eager(r, f, c, args)
}

func (r *run) chain(n *chain, f focus) (Value, error) {
	if n.level == levelUnion {
		return r.union(n, f)
	}
	left, err := r.eval(n.args[0], f)
	if err != nil {
		return left, err
	}
	for i, op := range n.ops {
		if n.level <= levelAnd && left.Boolean() == (op == opOr) {
			return r.boolean(op == opOr), nil // the rest cannot change it
		}
		right, err := r.eval(n.args[i+1], f)
		if err != nil {
			return right, err
		}
		r.pos = n.at()
		switch n.level {
		case levelOr, levelAnd:
			left = r.boolean(right.Boolean())
		case levelEqual, levelCompare:
			left = r.boolean(r.compare(op, left, right))
		default:
			left = r.number(arithmetic(op, left.Number(), right.Number()))
		}
	}
	return left, r.check()
}

// arithmetic is IEEE 754; the remainder has the sign of the dividend (XPath 1.0 §3.5).
func arithmetic(o op, a, b float64) float64 {
	switch o {
	case opAdd:
		return a + b
	case opSubtract:
		return a - b
	case opMultiply:
		return a * b
	case opDivide:
		return a / b
	}
	return math.Mod(a, b)
}

func (r *run) union(n *chain, f focus) (Value, error) {
	var all []Node
	for _, a := range n.args {
		v, err := r.eval(a, f)
		if err != nil {
			return v, err
		}
		if v.kind != Nodes {
			return v, fail(CodeArguments, a.at(), "| joins questions, and this is %s", v.kind)
		}
		if all = append(all, v.nodes...); len(all) > MaxNodes {
			return v, fail(CodeLimit, a.at(), "more than %d nodes at once", MaxNodes)
		}
	}
	nodes, err := r.arrange(all)
	return r.set(nodes), err
}
