package expr

import (
	"math"
	"strings"
)

// fnPosition counts a node among the siblings of its name; without argument it gives the place in the set that a
// predicate filters.
func fnPosition(r *run, f focus, _ *call, args []Value) (Value, error) {
	switch {
	case len(args) == 0 && f.pos > 0:
		return r.number(float64(f.pos)), nil
	case len(args) == 0 && f.node != nil:
		return r.number(float64(r.place(f.node))), r.check()
	case len(args) == 0 || len(args[0].nodes) == 0:
		return r.number(math.NaN()), nil
	}
	return r.number(float64(r.place(args[0].nodes[0]))), r.check()
}

func fnLast(r *run, f focus, _ *call, _ []Value) (Value, error) {
	if f.pos > 0 {
		return r.number(float64(f.size)), nil
	}
	if f.node == nil {
		return r.number(math.NaN()), nil
	}
	_, after := r.siblings(f.node)
	last := r.place(f.node)
	for _, n := range after {
		if n.Name() == f.node.Name() {
			last++
		}
	}
	return r.number(float64(last)), r.check()
}

func fnName(r *run, f focus, _ *call, args []Value) (Value, error) {
	n := f.node
	if len(args) > 0 {
		if n = nil; len(args[0].nodes) > 0 {
			n = args[0].nodes[0]
		}
	}
	if n == nil {
		return r.text(""), nil
	}
	return r.text(n.Name()), nil
}

func fnLocalName(r *run, f focus, c *call, args []Value) (Value, error) {
	v, err := fnName(r, f, c, args)
	return r.text(v.text[strings.IndexByte(v.text, ':')+1:]), err
}

func fnCurrent(r *run, _ focus, _ *call, _ []Value) (Value, error) {
	if r.origin == nil {
		return r.set(nil), nil
	}
	return r.set([]Node{r.origin}), nil
}

func fnInstance(r *run, _ focus, c *call, args []Value) (Value, error) {
	n, err := r.instance(c, args[0].text)
	return r.set([]Node{n}), err
}

func (r *run) instance(c *call, id string) (Node, error) {
	if r.env.Instance != nil {
		if n, ok := r.env.Instance(id); ok && n != nil {
			return n, nil
		}
	}
	return nil, fail(CodeMissing, c.at(), "the form has no list or table %s", shown(id))
}

// fnPulldata is instance(table)/root/item[key = value]/column of the first such item, as text.
func fnPulldata(r *run, _ focus, c *call, args []Value) (Value, error) {
	table, column, key, value := args[0].text, args[1].text, args[2].text, args[3].text
	if table == "" {
		return r.text(""), nil // the table is named by an answer that nobody has given yet
	}
	if r.env.Lookup != nil {
		s, ok := r.env.Lookup(table, column, key, value)
		if !ok {
			return Value{}, fail(CodeMissing, c.at(), "the form has no table %s", shown(table))
		}
		return r.made(s)
	}
	doc, err := r.instance(c, table)
	if err != nil {
		return Value{}, err
	}
	for _, root := range doc.Children() {
		for _, item := range root.Children() {
			if cell, ok := r.child(item, key); !ok || cell != value {
				continue
			}
			s, _ := r.child(item, column)
			return r.made(s)
		}
		if err := r.check(); err != nil {
			return Value{}, err
		}
	}
	return r.text(""), nil
}

// child gives the text of the first child of that name.
func (r *run) child(n Node, name string) (string, bool) {
	for _, c := range n.Children() {
		if r.steps--; c.Name() == name {
			return r.textOf(c), true
		}
	}
	return "", false
}

// fnIndexedRepeat gives a question of chosen instances of the repeats around it (ODK XForms, "Repeat Functions"). As
// in JavaRosa the places of question and repeats are taken without their instances; what is not chosen by a number is
// the instance in which the expression stands, or every one.
func fnIndexedRepeat(r *run, f focus, c *call) (Value, error) {
	target, err := r.template(c.args[0], f)
	if err != nil {
		return Value{}, err
	}
	chosen := map[int]int{} // length of the repeat's path: instance
	for i := 1; i+1 < len(c.args); i += 2 {
		group, err := r.template(c.args[i], f)
		if err != nil {
			return Value{}, err
		}
		if len(group) >= len(target) || strings.Join(group, "/") != strings.Join(target[:len(group)], "/") {
			return Value{}, fail(CodeArguments, c.args[i].at(), "indexed-repeat: /%s is not a repeat around /%s", strings.Join(group, "/"), strings.Join(target, "/"))
		}
		v, err := r.eval(c.args[i+1], f)
		if err != nil {
			return v, err
		}
		chosen[len(group)] = 1 // JavaRosa takes the first one while there is no number
		if n := v.Number(); n >= 1 {
			chosen[len(group)] = int(min(n, MaxNodes+1))
		}
	}
	around := ancestry(f.node)
	nodes := around[:min(1, len(around))]
	for i, name := range target {
		if nodes, err = r.descend(nodes, name, chosen[i+1], around, i+1); err != nil {
			return Value{}, err
		}
	}
	return r.set(nodes), nil
}

// descend goes from every node to its children of a name: to the chosen one, else to the one around the expression,
// else to all.
func (r *run) descend(from []Node, name string, chosen int, around []Node, depth int) (out []Node, err error) {
	for _, n := range from {
		count := 0
		for _, child := range n.Children() {
			if r.steps--; child.Name() != name {
				continue
			}
			if count++; chosen == 0 || chosen == count {
				out = append(out, child)
			}
		}
	}
	if chosen == 0 && depth < len(around) && len(from) == 1 && from[0] == around[depth-1] && around[depth].Name() == name {
		out = []Node{around[depth]}
	}
	if len(out) > MaxNodes {
		return nil, fail(CodeLimit, r.pos, "more than %d nodes at once", MaxNodes)
	}
	return out, r.check()
}

// ancestry gives the nodes from the top down to n.
func ancestry(n Node) []Node {
	var way []Node
	for ; n != nil; n = n.Parent() {
		way = append(way, n)
	}
	for i, j := 0, len(way)-1; i < j; i, j = i+1, j-1 {
		way[i], way[j] = way[j], way[i]
	}
	return way
}

// template gives the names on the way from the top to what a path means, whatever the instances.
func (r *run) template(n node, f focus) ([]string, error) {
	wrong := fail(CodeArguments, n.at(), "indexed-repeat takes plain references such as ${name} here")
	p, ok := n.(*path)
	if !ok || len(p.filters) > 0 {
		return nil, wrong
	}
	start := f.node
	if p.from != nil {
		from, ok := p.from.(*call)
		if !ok || from.name != "current" {
			return nil, wrong
		}
		start = r.origin
	}
	var names []string
	if way := ancestry(start); !p.absolute && len(way) > 0 {
		for _, n := range way[1:] {
			names = append(names, n.Name())
		}
	}
	for _, s := range p.steps {
		switch {
		case s.axis == axisChild && s.test.kind == testName:
			names = append(names, s.test.name)
		case s.axis == axisParent && s.test.kind == testNode && len(names) > 0:
			names = names[:len(names)-1]
		case s.axis == axisSelf && s.test.kind == testNode:
		default:
			return nil, wrong
		}
	}
	return names, nil
}

func fnProperty(r *run, _ focus, _ *call, args []Value) (Value, error) {
	if r.env.Property == nil {
		return r.text(""), nil
	}
	s, ok := r.env.Property(args[0].text)
	if !ok {
		s = ""
	}
	return r.made(s)
}

func fnVersion(r *run, _ focus, _ *call, _ []Value) (Value, error) { return r.text(r.env.Version), nil }
