package form

import (
	"container/heap"
	"errors"
	"slices"

	"kua/fieldclient/form/expr"
)

// Ref is the place of a question or section in a filled form, such as /data/cells[2]/area. Instances of repeats count
// from 1; without a number the first one is meant.
type Ref string

// Env is what a filled form needs from outside.
type Env struct {
	// Expr is for expressions: clock, zone, random source, device, tables beside the form. Its Itext, ChoiceLabel and
	// Version are not used, and its Instance is asked only for what the form itself does not have.
	Expr expr.Env
	// Languages are those of the person who fills in the form, the best first. The form's default language follows.
	Languages []string
}

// Instance is a form being filled in. After every change all that depends on it is up to date. It must not be used from
// several goroutines at once.
type Instance struct {
	graph    *Graph
	document *item
	root     *item
	env      expr.Env
	langs    []string
	lists    map[string]*element

	queue   ruleQueue
	waiting [][]*item // by a rule's order: where it is to be evaluated
	spent   int       // evaluations since the last change
	touched []*item   // what changed since
	fresh   []*item   // whose dynamic defaults are to be set
	fired   []firing
	faults  map[fault]error
	quiet   bool // answers are being loaded: nothing is set by default
	growing map[*item]*growth

	beginning bool // the form is being begun
	items     int  // questions and sections that were made and not removed
}

type fault struct {
	it *item
	is aspect
}

type firing struct {
	act *action
	at  *item
}

// NewInstance begins a form: it prepares the template, then does what Graph.Begin does. Where several forms of one
// template are filled in, NewGraph once and Begin often is cheaper.
func NewInstance(t *Template, env Env) (*Instance, error) {
	g, err := NewGraph(t)
	if err != nil {
		return nil, err
	}
	return g.Begin(env), nil
}

// Begin makes a new form with its defaults, and one instance in every repeat that has no count.
func (g *Graph) Begin(env Env) *Instance {
	in := g.empty(env, false)
	in.beginning = true
	in.settle()
	in.beginning = false
	in.take()
	return in
}

func (g *Graph) empty(env Env, quiet bool) *Instance {
	in := &Instance{graph: g, env: env.Expr, lists: map[string]*element{}, faults: map[fault]error{}, waiting: make([][]*item, len(g.rules)), quiet: quiet}
	in.langs = append(slices.Clone(env.Languages), g.t.DefaultLanguage)
	in.env.Version = g.t.Version
	in.env.Itext = in.itext
	in.env.ChoiceLabel = in.choiceLabel
	outside := env.Expr.Instance
	in.env.Instance = func(id string) (expr.Node, bool) {
		if doc, ok := in.list(id); ok {
			return doc, true
		}
		if outside != nil {
			if n, ok := outside(id); ok {
				return n, true
			}
		}
		return &element{}, id == "__last-saved"
	}
	in.document = &item{of: g.root.up, own: true, relevant: true}
	in.root = in.make(g.root, in.document, !quiet)
	in.document.kids = []*item{in.root}
	in.begin(in.root)
	return in
}

// make builds a section or question with all below it. Its rules wait to be evaluated once it has its place (begin). At
// the beginning of a form every repeat that people count has a first instance, inside such an instance too; what is
// added later begins with empty repeats, as ODK's does, for how many are in it is for people to say.
func (in *Instance) make(s *spec, parent *item, first bool) *item {
	in.items++
	it := &item{of: s, parent: parent, own: !in.needless(s)}
	it.relevant = it.own && parent.relevant
	for _, k := range s.kids {
		kid := &item{of: k, parent: it, own: true, relevant: it.relevant, whole: true, count: free}
		if k.Kind != KindRepeat {
			kid = in.make(k, it, first)
		} else if k.RepeatCount == "" && first {
			kid.kids = []*item{in.one(kid, first)}
		}
		it.kids = append(it.kids, kid)
	}
	return it
}

// one builds an instance of a repeat.
func (in *Instance) one(repeat *item, first bool) *item {
	it := in.make(repeat.of, repeat.parent, first)
	it.repeat = repeat
	return it
}

// begin gives what was built its first answers, and lets all its rules be evaluated.
func (in *Instance) begin(top *item) {
	top.each(func(it *item) {
		if it.of.Kind == KindQuestion && !in.quiet {
			in.preset(it)
		}
		for is, r := range it.of.rules {
			if r != nil && it.whole == (aspect(is) == counted) {
				in.wait(r, it)
			}
		}
		in.touch(it)
	})
}

// preset gives a question its static default or what the device knows; a dynamic default waits.
func (in *Instance) preset(it *item) {
	it.answer = in.preload(it.of.Node)
	switch {
	case it.of.Dynamic:
		it.fresh = true
		in.fresh = append(in.fresh, it)
	case it.of.Default != "":
		it.answer = it.of.Default
	}
}

func (in *Instance) touch(it *item) {
	if !it.changed && !it.whole {
		it.changed = true
		in.touched = append(in.touched, it)
	}
}

// take gives what was touched, in document order, and forgets it.
func (in *Instance) take() []Ref {
	type placed struct {
		ref Ref
		way []int
	}
	var all []placed
	for _, it := range in.touched {
		it.changed = false
		if in.placed(it) {
			all = append(all, placed{it.ref(), it.way()})
		}
	}
	in.touched = in.touched[:0]
	slices.SortFunc(all, func(a, b placed) int { return slices.Compare(a.way, b.way) })
	out := make([]Ref, len(all))
	for i, p := range all {
		out[i] = p.ref
	}
	return out
}

// placed reports whether an item is still part of the form.
func (in *Instance) placed(it *item) bool {
	for ; it != in.document; it = it.parent {
		if it == nil || it.repeat != nil && it.place() == 0 {
			return false
		}
	}
	return true
}

// wait puts a rule at an item down for evaluation.
func (in *Instance) wait(r *rule, it *item) {
	if it.dirty[r.is] {
		return
	}
	it.dirty[r.is] = true
	if len(in.waiting[r.order]) == 0 {
		heap.Push(&in.queue, r.order)
	}
	in.waiting[r.order] = append(in.waiting[r.order], it)
}

// ruleQueue gives the rule that comes first.
type ruleQueue []int

func (q ruleQueue) Len() int           { return len(q) }
func (q ruleQueue) Less(i, j int) bool { return q[i] < q[j] }
func (q ruleQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *ruleQueue) Push(x any)        { *q = append(*q, x.(int)) }
func (q *ruleQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

// reading lets the rules be evaluated that read an item.
func (in *Instance) reading(it *item, use func(reader) bool) {
	for _, rd := range it.of.readers {
		if !use(rd) {
			continue
		}
		if top := it.around(rd.anchor); top != nil {
			in.waitWithin(rd.rule, top)
		}
	}
}

func (in *Instance) waitWithin(r *rule, top *item) {
	s := r.of
	if r.is == counted {
		if top.of != s {
			top.within(s.up, func(it *item) { in.wait(r, it.kids[s.at]) })
		}
		return
	}
	top.within(s, func(it *item) { in.wait(r, it) })
}

func usesText(r reader) bool { return r.use == expr.UseText }

// maxEvaluations bounds the work of one change. What goes beyond it is a fault of the form that Validate reports.
const maxEvaluations = 1_000_000

var errEndless = errors.New("a change of one answer sets off too many others")

// settle evaluates all that waits, and then what that sets off: defaults of new instances, actions of triggers.
func (in *Instance) settle() {
	in.spent = 0
	in.growAgain()
	delete(in.faults, fault{in.root, aspects})
	done := map[firing]bool{}
	for {
		in.drain()
		switch {
		case in.spent > maxEvaluations:
			in.faults[fault{in.root, aspects}] = errEndless
			in.drop()
			return
		case len(in.fresh) > 0:
			it := in.fresh[0]
			in.fresh = in.fresh[1:]
			it.fresh = false
			if v, ok := in.evaluate(it.of.initial, it); ok {
				in.setAnswer(it, in.computed(it.of, v))
			}
		case len(in.fired) > 0:
			f := in.fired[0]
			in.fired = in.fired[1:]
			if !done[f] {
				done[f] = true
				in.act(f)
			}
		default:
			return
		}
	}
}

func (in *Instance) drain() {
	for in.queue.Len() > 0 && in.spent <= maxEvaluations {
		order := heap.Pop(&in.queue).(int)
		r := in.graph.rules[order]
		items := in.waiting[order]
		in.waiting[order] = nil
		for _, it := range items {
			it.dirty[r.is] = false
			in.spent++
			in.apply(r, it)
		}
	}
}

// drop forgets what waits.
func (in *Instance) drop() {
	for order, items := range in.waiting {
		for _, it := range items {
			it.dirty[in.graph.rules[order].is] = false
		}
		in.waiting[order] = nil
	}
	in.queue, in.fresh, in.fired = nil, nil, nil
}

// evaluate computes an expression at an item; what goes wrong is kept for Validate.
func (in *Instance) evaluate(r *rule, it *item) (expr.Value, bool) {
	err := r.err
	var v expr.Value
	if err == nil {
		v, err = r.expr.Evaluate(expr.Context{Node: it, Env: &in.env})
	}
	if err != nil {
		in.faults[fault{it, r.is}] = err
		return v, false
	}
	if len(in.faults) > 0 {
		delete(in.faults, fault{it, r.is})
	}
	return v, true
}

// apply evaluates a rule and passes on what changed. Where an expression cannot be evaluated, the question is relevant,
// may be answered, and is not calculated.
func (in *Instance) apply(r *rule, it *item) {
	switch r.is {
	case worded:
		if text := in.shown(it); text != it.text {
			it.text = text
			in.touch(it)
		}
		return
	case satisfies:
		wrong := false
		if it.relevant && it.answer != "" {
			v, ok := in.evaluate(r, it)
			wrong = ok && !v.Boolean()
		} else {
			delete(in.faults, fault{it, r.is})
		}
		in.flag(it, &it.wrong, wrong)
		return
	}
	if r.is == counted && in.growing[it] != nil && in.growing[it].stopped {
		return
	}
	v, ok := in.evaluate(r, it)
	switch r.is {
	case isRelevant:
		if own := (!ok || v.Boolean()) && !in.needless(it.of); own != it.own {
			it.own = own
			in.relevance(it)
		}
	case calculated:
		if ok {
			in.setAnswer(it, in.computed(it.of, v))
		}
	case counted:
		if ok {
			in.resize(it, v.Number())
		}
	case isReadOnly:
		if now := ok && v.Boolean(); now != it.readOnly {
			it.readOnly = now
			it.each(in.touch)
		}
	case isRequired:
		in.flag(it, &it.required, ok && v.Boolean())
	case offered:
		if nodes := v.Nodes(); !slices.Equal(nodes, it.options) {
			it.options = nodes
			in.touch(it)
		}
	}
}

func (in *Instance) flag(it *item, at *bool, now bool) {
	if *at != now {
		*at = now
		in.touch(it)
	}
}

// setAnswer gives a question a value, without asking whether it may have it.
func (in *Instance) setAnswer(it *item, answer string) {
	if it.answer == answer && it.silence == None || it.answer == "" && answer == "" && it.silence != None && it.of.rules[calculated] != nil {
		return
	}
	same := it.answer == answer
	it.answer, it.silence = answer, None
	in.touch(it)
	if same {
		return
	}
	if it.relevant {
		in.reading(it, usesText)
	} else if r := it.of.rules[satisfies]; r != nil {
		in.wait(r, it)
	}
	in.fire(it)
}

// fire puts down what a change of the answer sets elsewhere.
func (in *Instance) fire(it *item) {
	if in.quiet {
		return
	}
	for _, a := range it.of.fires {
		if top := it.around(a.anchor); top != nil {
			top.within(a.target, func(to *item) { in.fired = append(in.fired, firing{a, to}) })
		}
	}
}

func (in *Instance) act(f firing) {
	if f.act.rule == nil {
		in.setAnswer(f.at, "")
		return
	}
	if v, ok := in.evaluate(f.act.rule, f.at); ok {
		in.setAnswer(f.at, in.computed(f.at.of, v))
	}
}
