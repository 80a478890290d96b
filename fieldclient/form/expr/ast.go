package expr

// node is one part of a parsed expression. Chains of operators of one level hold all their operands, so that the
// depth of the tree is the nesting that the author wrote and never the length of a chain.
type node interface{ at() int }

type (
	position int // byte offset in the source

	// steady says that a part has the same value for every node that a predicate is tried on.
	steady bool

	number struct {
		position
		value float64
	}

	text struct {
		position
		value string
	}

	call struct {
		position
		steady
		name  string
		fn    *function
		args  []node
		kind  Kind
		regex *matcher // of regex(), when the pattern is written out
		path  node     // of jr:choice-name(), when the question is written out
	}

	// chain is args[0] ops[0] args[1] ops[1] …, from left to right.
	chain struct {
		position
		steady
		level level
		ops   []op // one fewer than args
		args  []node
	}

	// negation is count minus signs before an operand.
	negation struct {
		position
		steady
		count int
		arg   node
	}

	// path is a location path. It starts at the root (absolute), at the nodes of from, or at the context node.
	path struct {
		position
		steady
		absolute bool
		from     node
		filters  []node // predicates on from
		steps    []step
	}

	step struct {
		position
		axis  axis
		test  test
		preds []node
	}

	// test is a node test: kind and, for named and prefixed tests, the name as written.
	test struct {
		kind testKind
		name string
	}
)

func (p position) at() int { return int(p) }

func isSteady(n node) bool {
	switch n := n.(type) {
	case *path:
		return bool(n.steady)
	case *call:
		return bool(n.steady)
	case *negation:
		return bool(n.steady)
	case *chain:
		return bool(n.steady)
	}
	return isLiteral(n)
}

func isLiteral(n node) bool {
	switch n.(type) {
	case *number, *text:
		return true
	}
	return false
}

func allSteady(nodes []node) steady {
	for _, n := range nodes {
		if !isSteady(n) {
			return false
		}
	}
	return true
}

type testKind uint8

const (
	testName   testKind = iota
	testPrefix          // prefix:*
	testAny             // *
	testNode            // node()
)

type axis uint8

const (
	axisChild axis = iota
	axisParent
	axisSelf
	axisDescendant
	axisDescendantOrSelf
	axisAncestor
	axisAncestorOrSelf
	axisFollowingSibling
	axisPrecedingSibling
	axisAttribute
)

var axes = map[string]axis{
	"child": axisChild, "parent": axisParent, "self": axisSelf, "descendant": axisDescendant,
	"descendant-or-self": axisDescendantOrSelf, "ancestor": axisAncestor, "ancestor-or-self": axisAncestorOrSelf,
	"following-sibling": axisFollowingSibling, "preceding-sibling": axisPrecedingSibling, "attribute": axisAttribute,
}

// level is the precedence of a chain, from the weakest binding to the strongest (XPath 1.0 §3.5 and §3.3).
type level uint8

const (
	levelOr level = iota
	levelAnd
	levelEqual
	levelCompare
	levelAdd
	levelMultiply
	levelUnary
	levelUnion
	levelPath
)

type op uint8

const (
	opOr op = iota
	opAnd
	opEqual
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAdd
	opSubtract
	opMultiply
	opDivide
	opModulo
	opUnion
)

var opWords = [...]string{"or", "and", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "div", "mod", "|"}

var opLevels = [...]level{
	levelOr, levelAnd, levelEqual, levelEqual, levelCompare, levelCompare, levelCompare, levelCompare,
	levelAdd, levelAdd, levelMultiply, levelMultiply, levelMultiply, levelUnion,
}

// everything is the step that // stands for.
func everything(pos position) step {
	return step{position: pos, axis: axisDescendantOrSelf, test: test{kind: testNode}}
}

func (s step) isEverything() bool {
	return s.axis == axisDescendantOrSelf && s.test.kind == testNode && len(s.preds) == 0
}
