package expr

import "math"

// compare is XPath 1.0 §3.4: between sets, something is true when it is true for some pair of nodes.
func (r *run) compare(o op, a, b Value) bool {
	if o == opEqual || o == opNotEqual {
		return r.equal(o, a, b)
	}
	if a.kind == Boolean && b.kind == Nodes {
		b = r.boolean(b.Boolean())
	}
	if b.kind == Boolean && a.kind == Nodes {
		a = r.boolean(a.Boolean())
	}
	// a < b holds for some pair exactly when the least a is less than the greatest b.
	if o == opGreater || o == opGreaterEqual {
		a, b = b, a
	}
	least, _ := r.extremes(a)
	_, greatest := r.extremes(b)
	if o == opLess || o == opGreater {
		return least < greatest
	}
	return least <= greatest
}

// extremes gives the least and the greatest number of a value; NaN where there is none.
func (r *run) extremes(v Value) (least, greatest float64) {
	if v.kind != Nodes {
		n := v.Number()
		return n, n
	}
	least, greatest = math.NaN(), math.NaN()
	for _, n := range v.nodes {
		f := parseNumber(r.textOf(n), r.zone)
		if !(f >= least) && !math.IsNaN(f) {
			least = f
		}
		if !(f <= greatest) && !math.IsNaN(f) {
			greatest = f
		}
	}
	return least, greatest
}

// textOf is the text of a node, and its cost.
func (r *run) textOf(n Node) string {
	s := n.Text()
	r.spend(len(s))
	return s
}

func (r *run) equal(o op, a, b Value) bool {
	want := o == opEqual
	if a.kind != Nodes {
		a, b = b, a
	}
	switch {
	case a.kind == Boolean || b.kind == Boolean:
		return (a.Boolean() == b.Boolean()) == want
	case a.kind == Nodes && b.kind == Nodes:
		return r.sets(want, a.nodes, b.nodes)
	case a.kind == Nodes && b.kind == Number:
		for _, n := range a.nodes {
			if same(parseNumber(r.textOf(n), r.zone), b.num) == want {
				return true
			}
		}
		return false
	case a.kind == Nodes:
		for _, n := range a.nodes {
			if (r.textOf(n) == b.text) == want {
				return true
			}
		}
		return false
	case a.kind == Number || b.kind == Number:
		return same(a.Number(), b.Number()) == want
	}
	r.spend(len(a.text))
	return (a.text == b.text) == want
}

// sets compares two sets of nodes by their texts.
func (r *run) sets(want bool, a, b []Node) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if len(a) == 1 && len(b) == 1 {
		return (r.textOf(a[0]) == r.textOf(b[0])) == want
	}
	texts := map[string]bool{}
	for _, n := range a {
		texts[r.textOf(n)] = true
	}
	for _, n := range b {
		s := r.textOf(n)
		if want && texts[s] || !want && (len(texts) > 1 || !texts[s]) {
			return true
		}
	}
	return false
}

// same says whether two numbers are equal, as far as a rounding error of binary fractions is concerned: ODK's
// JavaRosa takes 6.1 - 7.8 for -1.7.
func same(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-12 }
