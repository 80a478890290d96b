package expr

import (
	"fmt"
	"slices"
	"strings"
)

// call parses a function with its arguments and checks them against the table.
func (p *parser) call() (node, error) {
	c := &call{position: position(p.tok.pos), name: p.tok.text}
	fn, ok := functions[c.name]
	if !ok {
		return nil, unknownFunction(c.name, p.tok.pos)
	}
	c.fn = &fn
	if volatile[c.name] {
		p.chance++
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.expect("(", "behind the function"); err != nil {
		return nil, err
	}
	if done, err := p.accept(")"); done || err != nil {
		return c, orElse(err, c.check)
	}
	for {
		arg, err := p.nested()
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
		if done, err := p.accept(")"); done || err != nil {
			return c, orElse(err, c.check)
		}
		if !p.tok.is(",") {
			return nil, p.unexpected("“,” or “)” in " + c.name + "(…)")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func orElse(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// check compares the arguments with the signature, and prepares what is written out in full.
func (c *call) check() error {
	if least, most := c.fn.arity(); len(c.args) < least || len(c.args) > most {
		return fail(CodeArguments, c.at(), "%s takes %s, and %d stand here", c.fn.usage(c.name), counted(least, most), len(c.args))
	}
	for i, a := range c.args {
		if k := kindOf(a); c.fn.param(i) == 'N' && k != Nodes && k != Any {
			return fail(CodeArguments, a.at(), "%s takes a question as value %d, and this is %s", c.fn.usage(c.name), i+1, k)
		}
	}
	c.kind = c.fn.gives
	c.steady = allSteady(c.args) && !contextual(c)
	switch c.name {
	case "if":
		if k := kindOf(c.args[1]); k == kindOf(c.args[2]) {
			c.kind = k
		}
	case "regex":
		t, ok := c.args[1].(*text)
		if !ok {
			return nil
		}
		var err error
		c.regex, err = compile(t.value, t.at())
		return err
	case "jr:choice-name":
		t, ok := c.args[1].(*text)
		if !ok {
			return nil
		}
		e, err := Parse(t.value)
		if err != nil || e.Kind() != Nodes {
			return fail(CodeArguments, t.at(), "jr:choice-name(value, '${question}') takes the place of a question in quotation marks, and this is %s", shown(t.value))
		}
		c.path = e.root
	case "indexed-repeat":
		if len(c.args)%2 == 0 {
			return fail(CodeArguments, c.at(), "indexed-repeat(question, repeat, number, …) takes a question and then pairs of a repeat and a number")
		}
	case "weighted-checklist":
		if len(c.args)%2 != 0 {
			return fail(CodeArguments, c.at(), "weighted-checklist(least, most, answer, weight, …) takes two bounds and then pairs of an answer and a weight")
		}
	}
	return nil
}

// contextual says whether a function looks at the context node, or gives another value each time.
func contextual(c *call) steady {
	switch c.name {
	case "string", "number", "string-length", "normalize-space", "name", "local-name", "position", "last":
		return len(c.args) == 0
	case "jr:choice-name", "indexed-repeat":
		return true
	}
	return steady(volatile[c.name])
}

func counted(least, most int) string {
	switch {
	case most == unlimited && least == 0:
		return "any number of values"
	case most == unlimited:
		return fmt.Sprintf("%d values or more", least)
	case least == most && most == 0:
		return "no value"
	case least == most && most == 1:
		return "one value"
	case least == most:
		return fmt.Sprintf("%d values", least)
	}
	return fmt.Sprintf("%d to %d values", least, most)
}

// unlimited is the arity of a function that takes any number of values.
const unlimited = 1 << 30

// function is a line of the table. The signature has a letter a parameter: s text, n number, b boolean, N nodes,
// a any; behind it ? for "may be left out" and * for "any number of these".
type function struct {
	signature string
	gives     Kind
	eager     func(r *run, f focus, c *call, args []Value) (Value, error)
	lazy      func(r *run, f focus, c *call) (Value, error) // evaluates its arguments itself
}

func (fn *function) arity() (least, most int) {
	for i, letter := range fn.signature {
		switch {
		case letter == '*':
			return least, unlimited
		case letter == '?':
		case strings.HasPrefix(fn.signature[i+1:], "?"):
			most++
		case strings.HasPrefix(fn.signature[i+1:], "*"):
		default:
			least, most = least+1, most+1
		}
	}
	return least, most
}

// param gives the letter of the argument with index i.
func (fn *function) param(i int) byte {
	letter := byte('a')
	for j := 0; j < len(fn.signature); j++ {
		switch fn.signature[j] {
		case '*':
			return letter
		case '?':
			continue
		}
		letter = fn.signature[j]
		if i--; i < 0 {
			return letter
		}
	}
	return letter
}

// usage shows the function as an author writes it.
func (fn *function) usage(name string) string {
	words := map[byte]string{'s': "text", 'n': "number", 'b': "condition", 'N': "question", 'a': "value"}
	var b strings.Builder
	for i := 0; i < len(fn.signature); i++ {
		switch fn.signature[i] {
		case '?':
			b.WriteString("?")
		case '*':
			b.WriteString("…")
		default:
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			b.WriteString(words[fn.signature[i]])
		}
	}
	return name + "(" + b.String() + ")"
}

// unknownFunction lists the functions whose names are near.
func unknownFunction(name string, pos int) error {
	type candidate struct {
		name string
		far  int
	}
	var near []candidate
	for known := range functions {
		bare := func(s string) string {
			return strings.NewReplacer("-", "", "_", "", "jr:", "").Replace(strings.ToLower(s))
		}
		far := editDistance(bare(name), bare(known))
		if far <= 1+len(known)/4 || len(name) > 3 && strings.HasPrefix(bare(known), bare(name)) {
			near = append(near, candidate{known, far})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		if a.far != b.far {
			return a.far - b.far
		}
		return strings.Compare(a.name, b.name)
	})
	if len(near) == 0 {
		return fail(CodeFunction, pos, "there is no function %s", shown(name))
	}
	names := make([]string, 0, 3)
	for _, c := range near[:min(3, len(near))] {
		names = append(names, c.name)
	}
	return fail(CodeFunction, pos, "there is no function %s; there is %s", shown(name), strings.Join(names, ", "))
}

// editDistance counts the letters that must be changed, added or taken away to make b of a; names longer than any
// function are far from all.
func editDistance(a, b string) int {
	const longest = 40
	if len(a) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// kindOf gives the kind of value that a part always has, or Any.
func kindOf(n node) Kind {
	switch n := n.(type) {
	case *number, *negation:
		return Number
	case *text:
		return Text
	case *path:
		return Nodes
	case *call:
		return n.kind
	case *chain:
		switch n.level {
		case levelUnion:
			return Nodes
		case levelAdd, levelMultiply:
			return Number
		}
		return Boolean
	}
	return Any
}
