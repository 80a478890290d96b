package expr

import (
	"slices"
	"strings"
)

// Node is a node of the tree of answers, or of a list of choices. The tree must not change while an expression is
// evaluated, and nodes must be comparable with == (pointers are): the same node is always the same value.
//
// The top of a tree is a document node that has no parent and the name "": its only child is the form's own node,
// which is /data in the path /data/name. A question that is not relevant has no place in the tree.
type Node interface {
	// Name is the name as written in paths, with its prefix.
	Name() string
	// Parent is nil at the top.
	Parent() Node
	// Children are in document order; instances of a repeat are siblings of one name. The slice is only read.
	Children() []Node
	// Text is the answer; for a group, the answers in it, one after the other.
	Text() string
}

// Attributed is implemented by nodes that have attributes, such as the form's own node with id and version. The
// parent of an attribute is the node that has it.
type Attributed interface{ Attributes() []Node }

func (t test) matches(n Node) bool {
	switch t.kind {
	case testNode:
		return true
	case testName:
		return n.Name() == t.name
	case testPrefix:
		return strings.HasPrefix(n.Name(), t.name)
	}
	return n.Name() != "" // everything but the document node
}

// reach appends to out what the axis reaches from n, nearest first, and what the test lets through.
func (r *run) reach(out []Node, n Node, a axis, t test) ([]Node, error) {
	add := func(m Node) {
		r.steps--
		if t.matches(m) {
			out = append(out, m)
		}
	}
	switch a {
	case axisSelf:
		add(n)
	case axisChild:
		for _, c := range n.Children() {
			add(c)
		}
	case axisAttribute:
		if with, ok := n.(Attributed); ok {
			for _, m := range with.Attributes() {
				add(m)
			}
		}
	case axisParent:
		if up := n.Parent(); up != nil {
			add(up)
		}
	case axisAncestor, axisAncestorOrSelf:
		up := n
		if a == axisAncestor {
			up = n.Parent()
		}
		for ; up != nil && r.steps >= 0; up = up.Parent() {
			add(up)
		}
	case axisDescendant, axisDescendantOrSelf:
		if a == axisDescendantOrSelf {
			add(n)
		}
		for todo := reversed(nil, n.Children()); len(todo) > 0 && r.steps >= 0 && len(out) <= MaxNodes; {
			m := todo[len(todo)-1]
			add(m)
			todo = reversed(todo[:len(todo)-1], m.Children())
		}
	case axisFollowingSibling, axisPrecedingSibling:
		before, after := r.siblings(n)
		if a == axisFollowingSibling {
			for _, m := range after {
				add(m)
			}
			break
		}
		for _, m := range slices.Backward(before) {
			add(m)
		}
	}
	if len(out) > MaxNodes {
		return nil, fail(CodeLimit, r.pos, "more than %d nodes at once", MaxNodes)
	}
	return out, r.check()
}

func reversed(todo, children []Node) []Node {
	for _, c := range slices.Backward(children) {
		todo = append(todo, c)
	}
	return todo
}

// siblings gives what stands before and behind n among the children of its parent.
func (r *run) siblings(n Node) (before, after []Node) {
	up := n.Parent()
	if up == nil {
		return nil, nil
	}
	all := up.Children()
	i := slices.Index(all, n)
	r.steps -= len(all)
	if i < 0 {
		return nil, nil // an attribute
	}
	return all[:i], all[i+1:]
}

// place counts n among the siblings of its name, from 1.
func (r *run) place(n Node) int {
	before, _ := r.siblings(n)
	at := 1
	for _, m := range before {
		if m.Name() == n.Name() {
			at++
		}
	}
	return at
}

// arrange brings nodes into document order, each once.
func (r *run) arrange(nodes []Node) ([]Node, error) {
	if len(nodes) < 2 {
		return nodes, nil
	}
	seen := make(map[Node]bool, len(nodes))
	nodes = slices.DeleteFunc(nodes, func(n Node) bool {
		twice := seen[n]
		seen[n] = true
		return twice
	})
	if len(nodes) < 2 {
		return nodes, nil
	}
	places := map[Node]int{}
	entry := make(map[Node][]int, len(nodes))
	for _, n := range nodes {
		var way []int
		for up := n; up.Parent() != nil; up = up.Parent() {
			if r.steps--; r.steps < 0 {
				return nil, r.check()
			}
			way = append(way, r.index(places, up))
		}
		slices.Reverse(way)
		entry[n] = way
	}
	slices.SortFunc(nodes, func(a, b Node) int { return slices.Compare(entry[a], entry[b]) })
	return nodes, r.check()
}

// index gives the place of n among the children of its parent; attributes come before them.
func (r *run) index(places map[Node]int, n Node) int {
	if i, ok := places[n]; ok {
		return i
	}
	up := n.Parent()
	for i, c := range up.Children() {
		places[c] = i
		r.steps--
	}
	if with, ok := up.(Attributed); ok {
		for i, m := range slices.Backward(with.Attributes()) {
			places[m] = i - MaxNodes
			r.steps--
		}
	}
	return places[n]
}
