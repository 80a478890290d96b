package expr

// path evaluates a location path to nodes in document order, each once.
func (r *run) path(p *path, f focus) ([]Node, error) {
	nodes, flat, err := r.start(p, f)
	for i := 0; i < len(p.steps) && err == nil && len(nodes) > 0; i++ {
		s := p.steps[i]
		if s.isEverything() && i+1 < len(p.steps) && p.steps[i+1].axis == axisChild && len(p.steps[i+1].preds) == 0 {
			i++ // //name is every descendant of that name
			s = step{position: p.steps[i].position, axis: axisDescendant, test: p.steps[i].test}
		}
		nodes, flat, err = r.step(s, nodes, flat)
	}
	return nodes, err
}

// start gives the nodes at which a path begins. Flat means that none of them is inside another one.
func (r *run) start(p *path, f focus) (nodes []Node, flat bool, err error) {
	switch {
	case p.from != nil:
		v, err := r.eval(p.from, f)
		if err != nil {
			return nil, false, err
		}
		if v.kind != Nodes {
			return nil, false, fail(CodeArguments, p.at(), "a path starts at a question or a list, and this is %s", v.kind)
		}
		nodes, err = r.filter(v.nodes, p.filters)
		return nodes, len(nodes) < 2, err
	case p.absolute:
		// An absolute path starts at the form even inside a predicate on a list (ODK XForms, instance()).
		if r.top == nil {
			for r.top = r.origin; r.top != nil && r.top.Parent() != nil && r.steps >= 0; r.top = r.top.Parent() {
				r.steps--
			}
		}
		if r.top == nil {
			return nil, true, r.check()
		}
		return []Node{r.top}, true, r.check()
	case f.node == nil:
		return nil, true, nil
	}
	return []Node{f.node}, true, nil
}

// step takes one step from every node. Nodes that are in document order and not inside each other stay so under
// child, self and attribute; all other ways from more than one node must be arranged.
func (r *run) step(s step, from []Node, flat bool) ([]Node, bool, error) {
	r.pos = s.at()
	var out []Node
	for _, n := range from {
		start := len(out)
		var err error
		if out, err = r.reach(out, n, s.axis, s.test); err != nil {
			return nil, false, err
		}
		if len(s.preds) == 0 {
			continue
		}
		kept, err := r.filter(out[start:], s.preds)
		if err != nil {
			return nil, false, err
		}
		out = append(out[:start], kept...)
		r.pos = s.at()
	}
	switch s.axis {
	case axisChild, axisSelf, axisAttribute:
		if flat {
			return out, true, nil
		}
	case axisDescendant, axisDescendantOrSelf:
		if flat {
			return out, false, nil
		}
	}
	single := len(from) == 1
	out, err := r.arrange(out)
	return out, single && s.axis != axisAncestor && s.axis != axisAncestorOrSelf || len(out) < 2, err
}

// filter keeps the nodes for which every predicate holds. A number is a place, counted from 1.
func (r *run) filter(nodes []Node, preds []node) ([]Node, error) {
	for _, pred := range preds {
		var kept []Node
		for i, n := range nodes {
			v, err := r.eval(pred, focus{n, i + 1, len(nodes)})
			if err != nil {
				return nil, err
			}
			if v.kind == Number && v.num == float64(i+1) || v.kind != Number && v.Boolean() {
				kept = append(kept, n)
			}
		}
		nodes = kept
	}
	return nodes, nil
}
