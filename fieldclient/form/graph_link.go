package form

import (
	"errors"
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// linker finds what the rules of a graph read, and which must come before which.
type linker struct {
	g      *Graph
	rule   *rule // whose expressions are followed
	reads  map[reading]bool
	waits  map[*rule]bool
	budget int
}

// reading is a place that the rule reads, as in reader.
type reading struct {
	at, anchor *spec
	use        expr.Use
}

// A form of a thousand questions costs some ten thousand; one that costs more than maxLinking could not be recalculated
// while somebody types.
const (
	maxLinking = 20_000_000
	perLink    = 20 // what a link costs beside a place that is only passed
)

// link links every rule. An error names the rule at which the budget ended.
func (g *Graph) link() error {
	l := &linker{g: g, reads: map[reading]bool{}, waits: map[*rule]bool{}, budget: maxLinking}
	for _, r := range g.rules {
		l.rule = r
		clear(l.reads)
		clear(l.waits)
		l.link()
		if l.budget < 0 {
			return &ruleError{ErrTangled, [][]*rule{{r}}}
		}
	}
	return nil
}

// link finds what the rule reads, and which rules must come before it.
func (l *linker) link() {
	r := l.rule
	if r.is == satisfies {
		l.read(r.of, r.of, expr.UseText) // whether it says so or not
	}
	l.choices()
	for _, e := range r.expressions() {
		refs := e.References()
		r.speaks = r.speaks || refs.Language || len(refs.Instances) > 0 // lists have labels
		if refs.Computed && !slices.Contains(l.g.loose, r) {
			l.g.loose = append(l.g.loose, r)
		}
		for _, p := range refs.Paths {
			self := !p.Absolute && p.Up == 0 && len(p.Steps) == 0
			for _, s := range l.follow(r.of, p) {
				l.read(s, r.anchor(p), p.Use)
				if !self || r.is == isRelevant && p.Use != expr.UsePlace { // once(…) looks at its own answer
					l.order(s, p.Use)
				}
			}
		}
	}
}

// choices lets the rule be evaluated again when an answer changes that stands in the label of a choice which the rule
// may read. It puts nothing before the rule: labels may be about what the rule computes.
func (l *linker) choices() {
	g, r := l.g, l.rule
	if len(g.choiceRefs) == 0 {
		return
	}
	of := map[string]bool{}
	if r.is == worded {
		of[r.of.List] = true
	}
	for _, e := range r.expressions() {
		refs := e.References()
		for list := range g.choiceRefs {
			of[list] = of[list] || refs.Language || slices.Contains(refs.Instances, list)
		}
	}
	for list := range of {
		for _, s := range g.choiceRefs[list] {
			l.read(s, g.root.up, expr.UseText)
		}
	}
}

func (l *linker) read(at, anchor *spec, use expr.Use) {
	if l.budget--; l.budget < 0 || l.reads[reading{at, anchor, use}] {
		return
	}
	l.reads[reading{at, anchor, use}] = true
	l.budget -= perLink
	at.readers = append(at.readers, reader{l.rule, anchor, use})
}

// order puts before the rule all that decides what it reads at s. A repeat's count is not among it: forms let it depend
// on answers in the repeat, and a change of it brings back the rules that it touches.
func (l *linker) order(s *spec, use expr.Use) {
	for up := s; up != nil; up = up.up {
		if use == expr.UseText || up.Kind == KindRepeat || up.InRepeat() {
			l.after(up.rules[isRelevant])
		}
	}
	if use == expr.UseText {
		l.after(s.rules[calculated])
		for _, k := range s.kids {
			l.below(k)
		}
	}
}

// below puts before the rule, which reads a section, all that the section's answers come from.
func (l *linker) below(s *spec) {
	if l.budget < 0 {
		return
	}
	l.read(s, l.rule.anchor(expr.Reference{Absolute: true}), expr.UseText)
	l.after(s.rules[isRelevant])
	l.after(s.rules[calculated])
	for _, k := range s.kids {
		l.below(k)
	}
}

func (l *linker) after(o *rule) {
	if o == nil || l.waits[o] || l.budget < 0 {
		return
	}
	l.waits[o] = true
	l.budget -= perLink
	l.rule.needs = append(l.rule.needs, o)
}

// follow gives the nodes that a path means from a node, whatever the instances.
func (l *linker) follow(from *spec, p expr.Reference) []*spec {
	at := from
	for range p.Up {
		if at = at.up; at == nil {
			return nil
		}
	}
	if p.Absolute {
		at = l.g.root.up
	}
	found := []*spec{at}
	for _, step := range p.Steps {
		var next []*spec
		for _, s := range found {
			next = l.descend(next, s, step)
		}
		found = next
	}
	return found
}

func (l *linker) descend(out []*spec, s *spec, step expr.Step) []*spec {
	if !step.Deep && step.Name != "*" {
		l.budget--
		return append(out, s.named[step.Name]...)
	}
	for _, k := range s.kids {
		if l.budget--; l.budget < 0 {
			return out
		}
		if step.Name == "*" || k.Name == step.Name {
			out = append(out, k)
		}
		if step.Deep {
			out = l.descend(out, k, step)
		}
	}
	return out
}

// maxCircles bounds the circles that are named; who mends them meets the next.
const maxCircles = 20

// sort numbers the rules; it refuses those that wait for each other.
func (g *Graph) sort() error {
	const open, done = 1, 2
	state := make(map[*rule]int, len(g.rules))
	var path, sorted []*rule
	var circles [][]*rule
	var visit func(*rule)
	visit = func(r *rule) {
		state[r] = open
		path = append(path, r)
		for _, o := range r.needs {
			switch state[o] {
			case open:
				if len(circles) < maxCircles {
					circles = append(circles, slices.Clone(path[slices.Index(path, o):]))
				}
			case 0:
				visit(o)
			}
		}
		path = path[:len(path)-1]
		state[r] = done
		r.order = len(sorted)
		sorted = append(sorted, r)
	}
	for _, r := range g.rules {
		if state[r] == 0 {
			visit(r)
		}
	}
	if len(circles) > 0 {
		return &ruleError{ErrCycle, circles}
	}
	g.rules = sorted
	return nil
}

// ruleError is ErrCycle with the circles in which rules wait, or ErrTangled with the rule that was too much.
type ruleError struct {
	err   error
	rules [][]*rule
}

func (e *ruleError) Error() string { return e.err.Error() + ": " + names(e.rules[0], true) }

func (e *ruleError) Unwrap() error { return e.err }

// names writes a circle of rules; what they decide only where it differs, or where that is asked for.
func names(circle []*rule, always bool) string {
	var b strings.Builder
	for _, r := range append(slices.Clone(circle), circle[0]) {
		if b.Len() > 0 {
			b.WriteString(" needs ")
		}
		if always || slices.ContainsFunc(circle, func(o *rule) bool { return o.is != r.is }) {
			b.WriteString(aspectNames[r.is] + " of ")
		}
		b.WriteString(r.of.Name)
	}
	return b.String()
}

// checkGraph refuses a form whose expressions cannot be put into an order.
func (b *builder) checkGraph() {
	_, err := NewGraph(b.t)
	var wrong *ruleError
	if !errors.As(err, &wrong) {
		return
	}
	for _, circle := range wrong.rules {
		first := circle[0]
		at := b.ofExpression(first.of.Node, aspectNames[first.is])
		switch {
		case wrong.err == ErrTangled:
			b.errorf(at, "tangled", "by this row the expressions of the form read more answers of each other than can be followed: let them name single questions as ${name}, not every question below a section or /")
		case len(circle) == 1 && first.of.Kind != KindQuestion:
			b.errorf(at, "cycle", "this waits for itself: %s. Whether a section is asked cannot hang on an answer in that section", names(circle, false))
		default:
			b.errorf(at, "cycle", "this waits for itself: %s", names(circle, false))
		}
	}
}
