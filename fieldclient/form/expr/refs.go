package expr

import (
	"fmt"
	"slices"
	"strings"
)

// References is what an expression depends on, as far as its text tells. It is complete: what is not in it cannot
// change the value.
type References struct {
	// Paths are the places in the form, each once, in the order of their first mention.
	Paths []Reference
	// Instances are the ids of lists and tables, each once.
	Instances []string
	// Volatile are the functions that give another value although no answer changed: now, today, random, randomize
	// and uuid.
	Volatile []string
	// Computed is set when a place, a list or a table is named by an answer, so that Paths or Instances cannot name it.
	Computed bool
	// Device is set when the value depends on property() or version().
	Device bool
	// Language is set when the value depends on the language in use: jr:itext, jr:choice-name, format-date.
	Language bool
}

// Reference is a place in the form, reduced to the way to it: . and name/.. are taken out.
type Reference struct {
	Pos      int  // byte offset of its first mention
	Absolute bool // from the top of the form; else from what the expression belongs to
	Up       int  // steps to the parent before the first of Steps; 0 when absolute
	Steps    []Step
	Use      Use
	// Across is set when a relative path means other instances of the repeats that it lies in, too (indexed-repeat).
	Across bool
}

// Use says what of a place matters.
type Use uint8

// The uses of a place. A group or a repeat of which only existence or place matters does not make the expression
// depend on the answers in it.
const (
	UseText   Use = iota // what the nodes hold
	UseExists            // which nodes there are: count, and, or, not
	UsePlace             // where a node stands among its siblings: position, last
)

// Step is one step down to a child.
type Step struct {
	Name     string // as written; "*" for every child
	Deep     bool   // any number of levels may lie between
	Filtered bool   // a predicate or an axis selects some of them
}

// String writes the place as a path, with * and // for wildcards and without predicates.
func (r Reference) String() string {
	var b strings.Builder
	if !r.Absolute {
		b.WriteString(strings.TrimSuffix(strings.Repeat("../", r.Up), "/"))
	}
	for i, s := range r.Steps {
		if i > 0 || r.Up > 0 || r.Absolute {
			b.WriteByte('/')
		} else if s.Deep {
			b.WriteString("./")
		}
		if s.Deep {
			b.WriteByte('/')
		}
		b.WriteString(s.Name)
	}
	switch {
	case b.Len() > 0:
		return b.String()
	case r.Absolute:
		return "/"
	}
	return "."
}

// References gives what the expression depends on. The caller must not change it.
func (e *Expr) References() References { return e.refs }

// ways are the places that a part of an expression can mean; it is empty for places in lists and tables, which do not
// change while a form is filled in.
type ways []Reference

type collector struct {
	refs References
	self ways            // what the expression belongs to
	seen map[string]bool // the Paths of refs
}

func collect(root node) References {
	c := collector{self: ways{{}}, seen: map[string]bool{}}
	c.walk(root, c.self, UseText)
	return c.refs
}

// walk collects what n depends on when it is evaluated at the places of context, and gives the places that n is.
func (c *collector) walk(n node, context ways, use Use) ways {
	switch n := n.(type) {
	case *negation:
		c.walk(n.arg, context, UseText)
	case *chain:
		var all ways
		if n.level <= levelAnd {
			use = UseExists
		} else if n.level != levelUnion {
			use = UseText
		}
		for _, a := range n.args {
			all = append(all, c.walk(a, context, use)...)
		}
		if n.level == levelUnion {
			return settle(all)
		}
	case *path:
		return c.path(n, context, use)
	case *call:
		return c.call(n, context, use)
	}
	return nil
}

func (c *collector) path(p *path, context ways, use Use) ways {
	at := context
	switch {
	case p.from != nil:
		at = c.from(p, context)
	case p.absolute:
		at = ways{{Absolute: true}}
	}
	for i, s := range p.steps {
		deep := i > 0 && p.steps[i-1].isEverything() && s.axis == axisChild
		if i+1 < len(p.steps) && s.isEverything() && p.steps[i+1].axis == axisChild {
			continue // //name
		}
		at = c.step(at, s, deep)
	}
	c.add(at, p.at(), use)
	return at
}

// from gives the places at which a path with a filter expression begins. The start of current()/name is no place that
// the value depends on; only where the path leads is.
func (c *collector) from(p *path, context ways) ways {
	at := c.self
	if start, ok := p.from.(*call); !ok || start.name != "current" {
		at = c.walk(p.from, context, UseExists)
	}
	if len(p.filters) == 0 {
		return at
	}
	at = filtered(at)
	for _, f := range p.filters {
		c.walk(f, at, UseExists)
	}
	return at
}

func (c *collector) step(at ways, s step, deep bool) ways {
	name := s.test.name
	switch s.test.kind {
	case testAny, testNode:
		name = "*"
	case testPrefix:
		name += "*"
	}
	var out ways
	for _, r := range at {
		switch s.axis {
		case axisSelf:
			out = append(out, r)
		case axisParent:
			out = append(out, r.parents()...)
		case axisChild:
			out = append(out, r.down(Step{Name: name, Deep: deep}))
		case axisAttribute:
			out = append(out, r.down(Step{Name: "@" + name}))
		case axisDescendant:
			out = append(out, r.down(Step{Name: name, Deep: true}))
		case axisDescendantOrSelf:
			out = append(out, r, r.down(Step{Name: name, Deep: true}))
		case axisAncestor, axisAncestorOrSelf:
			out = append(out, Reference{Absolute: true}.down(Step{Name: name, Deep: true, Filtered: true}))
			if s.test.kind == testNode {
				out = append(out, Reference{Absolute: true}) // the form itself is a node
			}
		case axisFollowingSibling, axisPrecedingSibling:
			for _, up := range r.parents() {
				out = append(out, up.down(Step{Name: name, Filtered: true}))
			}
		}
	}
	if len(s.preds) > 0 {
		out = filtered(out)
	}
	out = settle(out)
	for _, pred := range s.preds {
		c.walk(pred, out, UseExists)
	}
	return out
}

func (r Reference) down(s Step) Reference {
	if n := len(r.Steps); n > 0 && r.Steps[n-1].everything() {
		r.Steps = r.Steps[:n-1] // //*//name is covered by //name
		s.Deep = true
	}
	r.Steps = append(slices.Clip(r.Steps), s)
	return r
}

func (s Step) everything() bool { return s.Deep && s.Name == "*" && !s.Filtered }

// parents gives the places that .. can mean.
func (r Reference) parents() ways {
	n := len(r.Steps)
	switch {
	case n > 0 && r.Steps[n-1].Deep:
		up := r
		up.Steps = r.Steps[:n-1]
		return ways{up, up.down(Step{Name: "*", Deep: true})}
	case n > 0:
		r.Steps = r.Steps[:n-1]
	case !r.Absolute:
		r.Up++
	}
	return ways{r}
}

func filtered(at ways) ways {
	out := slices.Clone(at)
	for i, r := range out {
		if n := len(r.Steps); n > 0 {
			out[i].Steps = slices.Clone(r.Steps)
			out[i].Steps[n-1].Filtered = true
		}
	}
	return out
}

// settle keeps each place once, and takes every place of the form where there are too many: paths with many // and ..
// in turn would double them at each step.
func settle(at ways) ways {
	const most = 16
	var out ways
	for _, r := range at {
		if slices.ContainsFunc(out, r.equal) {
			continue
		}
		if out = append(out, r); len(out) > most {
			return ways{Reference{Absolute: true}.down(Step{Name: "*", Deep: true})}
		}
	}
	return out
}

func (r Reference) equal(o Reference) bool {
	return r.Absolute == o.Absolute && r.Up == o.Up && r.Use == o.Use && r.Across == o.Across && slices.Equal(r.Steps, o.Steps)
}

func (c *collector) add(at ways, pos int, use Use) {
	for _, r := range at {
		r.Pos, r.Use = pos, use
		key := fmt.Sprint(r.Use, r.Across, r.Absolute, r.Up, r.Steps)
		if !c.seen[key] {
			c.seen[key] = true
			c.refs.Paths = append(c.refs.Paths, r)
		}
	}
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (c *collector) call(n *call, context ways, use Use) ways {
	if volatile[n.name] {
		c.refs.Volatile = addOnce(c.refs.Volatile, n.name)
	}
	args := make([]ways, len(n.args))
	for i, a := range n.args {
		args[i] = c.walk(a, context, n.use(i, use))
	}
	switch n.name {
	case "current":
		c.add(c.self, n.at(), use)
		return c.self
	case "if":
		return settle(slices.Concat(args[1], args[2]))
	case "coalesce":
		return settle(slices.Concat(args[0], args[1]))
	case "randomize":
		return args[0]
	case "once":
		c.add(c.self, n.at(), UseText)
		return args[0]
	case "string", "number", "string-length", "normalize-space":
		if len(args) == 0 {
			c.add(context, n.at(), UseText)
		}
	case "position", "last":
		if len(args) == 0 {
			c.add(context, n.at(), UsePlace)
		}
	case "indexed-repeat":
		out := slices.Clone(args[0])
		for i := range out {
			out[i].Across = true // it is read where the expression does not stand
		}
		c.add(out, n.args[0].at(), UseText)
		return out
	case "instance", "pulldata":
		c.table(n)
	case "jr:choice-name":
		c.refs.Language = true
		if n.path == nil {
			c.refs.Computed = true
			break
		}
		c.walk(n.path, context, UseExists)
	case "jr:itext", "format-date", "format-date-time":
		c.refs.Language = true
	case "property", "version":
		c.refs.Device = true
	}
	return nil
}

// use says what of argument i matters.
func (n *call) use(i int, outer Use) Use {
	switch {
	case n.name == "position":
		return UsePlace
	case n.name == "count", n.name == "name", n.name == "local-name", n.fn.param(i) == 'b',
		n.name == "indexed-repeat" && i%2 == 1, n.name == "indexed-repeat" && i == 0:
		return UseExists
	case n.name == "if":
		return outer
	}
	return UseText
}

func (c *collector) table(n *call) {
	id, ok := n.args[0].(*text)
	if !ok {
		c.refs.Computed = true
		return
	}
	c.refs.Instances = addOnce(c.refs.Instances, id.value)
}
