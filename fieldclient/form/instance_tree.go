package form

import (
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form/expr"
)

// item is a place in a filled form: a question, a section, a repeat as a whole, or an instance of one.
type item struct {
	of     *spec
	parent *item   // of an instance: the section around its repeat
	repeat *item   // of an instance: the repeat as a whole
	kids   []*item // one for each of of.kids; of a repeat as a whole: its instances
	whole  bool    // a repeat as a whole, which has no place in paths
	nodes  []expr.Node

	answer   string
	silence  Silence
	own      bool // its own relevance
	relevant bool // with that of all around it
	readOnly bool
	required bool
	wrong    bool // the constraint does not hold
	count    int  // of a repeat as a whole; free where people decide
	options  []expr.Node
	text     string // label, hint and guidance as last shown
	dirty    [aspects]bool
	fresh    bool // its dynamic default has not been set
	changed  bool
}

// free is the count of a repeat whose instances people add and remove.
const free = -1

// Name is the name of the node; it and the next three methods make an item a node of expressions.
func (it *item) Name() string { return it.of.Name }

// Parent is the section around the node.
func (it *item) Parent() expr.Node {
	if it.parent == nil {
		return nil
	}
	return it.parent
}

// Children are what lies in a section; instances of repeats that are not relevant are left out.
func (it *item) Children() []expr.Node {
	if it.nodes != nil || len(it.kids) == 0 || it.whole {
		return it.nodes
	}
	for _, k := range it.kids {
		if !k.whole {
			it.nodes = append(it.nodes, k)
			continue
		}
		for _, one := range k.kids {
			if one.relevant {
				it.nodes = append(it.nodes, one)
			}
		}
	}
	return it.nodes
}

// Text is the answer as expressions see it: one that is not relevant, or a silence, is empty.
func (it *item) Text() string {
	if it.of.Kind == KindQuestion {
		if !it.relevant {
			return ""
		}
		return it.answer
	}
	var b strings.Builder
	for _, k := range it.Children() {
		b.WriteString(k.Text())
	}
	return b.String()
}

// place counts an instance in its repeat, from 1.
func (it *item) place() int { return slices.Index(it.repeat.kids, it) + 1 }

func (it *item) ref() Ref {
	var names []string
	for ; it.parent != nil; it = it.parent {
		name := it.of.Name
		if it.repeat != nil {
			name += "[" + strconv.Itoa(it.place()) + "]"
		}
		names = append(names, name)
	}
	slices.Reverse(names)
	return Ref("/" + strings.Join(names, "/"))
}

// way is the place in document order.
func (it *item) way() []int {
	var out []int
	for ; it.parent != nil; it = it.parent {
		if it.repeat != nil {
			out = append(out, it.place())
		}
		out = append(out, it.of.at)
	}
	slices.Reverse(out)
	return out
}

// each visits the item and all below it, in document order. A repeat as a whole comes before its instances.
func (it *item) each(visit func(*item)) {
	visit(it)
	for _, k := range it.kids {
		k.each(visit)
	}
}

// within visits every item of a spec at or below the item.
func (it *item) within(s *spec, visit func(*item)) {
	var way [64]*spec
	n := 0
	for up := s; up != it.of; up = up.up {
		if up == nil || n == len(way) {
			return
		}
		way[n] = up
		n++
	}
	it.down(way[:n], visit)
}

func (it *item) down(way []*spec, visit func(*item)) {
	if it.whole {
		for _, one := range it.kids {
			one.down(way, visit)
		}
		return
	}
	if len(way) == 0 {
		visit(it)
		return
	}
	it.kids[way[len(way)-1].at].down(way[:len(way)-1], visit)
}

// around gives the item of a spec that the item lies in.
func (it *item) around(s *spec) *item {
	for ; it != nil && it.of != s; it = it.parent {
	}
	return it
}

// element is a node of a list of choices, or an attribute.
type element struct {
	name   string
	text   string
	words  func() string // in place of text, where it follows answers
	parent expr.Node
	kids   []expr.Node
	choice *Choice
}

func (e *element) Name() string          { return e.name }
func (e *element) Parent() expr.Node     { return e.parent }
func (e *element) Children() []expr.Node { return e.kids }
func (e *element) Text() string {
	if e.words != nil {
		return e.words()
	}
	if len(e.kids) == 0 {
		return e.text
	}
	var b strings.Builder
	for _, k := range e.kids {
		b.WriteString(k.Text())
	}
	return b.String()
}

func (e *element) add(name, text string) *element {
	k := &element{name: name, text: text, parent: e}
	e.kids = append(e.kids, k)
	return k
}

// listNode makes the instance of a list of choices.
func listNode(l *List, label func(Text) (string, func() string)) *element {
	doc := &element{}
	root := doc.add("root", "")
	for i := range l.Choices {
		c := &l.Choices[i]
		one := root.add("item", "")
		one.choice = c
		one.add("itextId", l.Name+"-"+strconv.Itoa(i))
		one.add("name", c.Name)
		text, words := label(c.Label)
		one.add("label", text).words = words
		for _, f := range c.Fields {
			one.add(f.Name, f.Value)
		}
	}
	return doc
}
