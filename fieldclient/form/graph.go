package form

import (
	"errors"
	"fmt"
	"strings"

	"kua/fieldclient/form/expr"
)

var (
	// ErrCycle: expressions of the form wait for each other, so that none can be evaluated first.
	ErrCycle = errors.New("expressions wait for each other")
	// ErrTangled: the form's expressions read more answers of each other than are followed.
	ErrTangled = errors.New("expressions read too many answers")
)

// Graph is what a template's expressions depend on, computed once for all filled forms. It does not change and may be
// used from several goroutines.
type Graph struct {
	t     *Template
	root  *spec
	specs map[*Node]*spec
	rules []*rule // so ordered that none comes before one that it needs
	loose []*rule // that are evaluated after every change, since what they depend on is known only then

	choiceRefs map[string][]*spec // the questions whose answers stand in the labels of a list's choices
}

// aspect is what a rule decides about its question.
type aspect uint8

const (
	isRelevant aspect = iota
	calculated
	counted // how many instances a repeat has
	isReadOnly
	isRequired
	satisfies // the constraint
	offered   // the choices
	worded    // label, hint and guidance
	aspects
)

var aspectNames = [aspects]string{"relevant", "calculation", "repeat_count", "read_only", "required", "constraint", "choice_filter", "label"}

// spec is a node of the form with its expressions made ready.
type spec struct {
	*Node
	up      *spec
	kids    []*spec
	named   map[string][]*spec // the kids, by name
	at      int                // among the kids of up
	depth   int
	rules   [aspects]*rule
	readers []reader
	initial *rule     // a dynamic default
	fires   []*action // what a change of this answer sets elsewhere
	words   map[wording]words
	value   string // the child of a choice that holds its value
	label   string // the child of a choice that holds its label
	// silences are the choices that stand for one; see Template.Silences.
	silences map[string]Silence
	knownAs  string // the property that makes the question needless
}

// rule is one expression of one node.
type rule struct {
	of     *spec
	is     aspect
	expr   *expr.Expr // nil for labels, and where err is set
	err    error      // why the expression cannot be evaluated
	order  int
	needs  []*rule // that must be evaluated before
	speaks bool    // depends on the language
}

// reader is a rule that uses a node. The rule is evaluated wherever its node lies below the instance of anchor that
// the change happened in.
type reader struct {
	rule   *rule
	anchor *spec
	use    expr.Use
}

// action sets an answer when another one changes (setvalue of XForms).
type action struct {
	target *spec
	rule   *rule // nil empties the answer
	anchor *spec
}

// NewGraph makes a template's expressions ready. A template that Import gave has none that wait for each other
// (ErrCycle) or are too many to follow (ErrTangled). An expression that cannot be evaluated is no error: Validate
// reports it wherever it would be needed.
func NewGraph(t *Template) (*Graph, error) {
	g := &Graph{t: t, specs: map[*Node]*spec{}, choiceRefs: map[string][]*spec{}}
	document := &spec{Node: &Node{Kind: KindForm}}
	g.root = g.spec(t.Root, document)
	document.kids, document.named = []*spec{g.root}, map[string][]*spec{t.Root.Name: {g.root}}
	g.noteChoices()
	for n := range t.Root.All() {
		if s := g.specs[n]; s != nil {
			g.prepare(s)
		}
	}
	if err := g.link(); err != nil {
		return nil, fmt.Errorf("preparing form %s: %w", t.ID, err)
	}
	g.linkTriggers()
	if err := g.sort(); err != nil {
		return nil, fmt.Errorf("preparing form %s: %w", t.ID, err)
	}
	return g, nil
}

func (g *Graph) spec(n *Node, up *spec) *spec {
	s := &spec{Node: n, up: up, depth: up.depth + 1, named: map[string][]*spec{}, silences: g.t.Silences(n), knownAs: n.Kua("known")}
	g.specs[n] = s
	for _, c := range n.Children {
		if c.Kind != KindFile {
			k := g.spec(c, s)
			k.at = len(s.kids)
			s.kids = append(s.kids, k)
			s.named[k.Name] = append(s.named[k.Name], k)
		}
	}
	return s
}

// prepare parses the expressions of a node.
func (g *Graph) prepare(s *spec) {
	g.rule(s, isRelevant, asExpression(s.Relevant))
	g.rule(s, isReadOnly, asExpression(s.ReadOnly))
	g.rule(s, isRequired, asExpression(s.Required))
	g.rule(s, satisfies, asExpression(s.Constraint))
	if len(s.Trigger) == 0 {
		g.rule(s, calculated, s.Calculation)
	}
	if s.Kind == KindRepeat {
		g.rule(s, counted, s.RepeatCount)
	}
	if s.List != "" || s.File != "" || s.From != "" {
		g.choices(s)
	}
	if s.Dynamic {
		s.initial = g.parse(s, calculated, s.Default, false)
	}
	g.wordings(s)
}

func (g *Graph) rule(s *spec, is aspect, src string) {
	if src == "" {
		return
	}
	s.rules[is] = g.parse(s, is, src, false)
	g.rules = append(g.rules, s.rules[is])
}

func (g *Graph) parse(s *spec, is aspect, src string, filter bool) *rule {
	r := &rule{of: s, is: is}
	text, err := g.t.Resolve(src, s.Node, filter)
	if err == nil {
		r.expr, err = expr.Parse(text.Text)
	}
	r.err = err
	return r
}

// externalID stands before the name of a list of the sheet external_choices, for names of lists are not unique among
// both sheets.
const externalID = "external_choices:"

// listID names the list of a select among the instances of a filled form.
func (s *spec) listID() string {
	if s.Type == "select_one_external" {
		return externalID + s.List
	}
	return s.List
}

// choices makes the expression that gives the choices of a select, as ODK writes it into an itemset.
func (g *Graph) choices(s *spec) {
	x := &xform{t: g.t}
	nodes, filter := "instance('"+s.listID()+"')/root/item", ""
	s.value, s.label = "name", "label"
	switch name, ext := fileName(s.File); {
	case s.File != "":
		if ext == ".geojson" {
			s.value, s.label = "id", "title"
		}
		s.value, s.label = firstOf(s.Parameters["value"], s.value), firstOf(s.Parameters["label"], s.label)
		nodes = "instance('" + name + "')/root/item"
	case !strings.HasPrefix(s.Type, "select") && s.Type != "rank":
		return
	case s.From != "":
		target := g.t.Named(s.From)
		if target == nil || target.Parent == nil {
			return
		}
		nodes, s.value, s.label = x.parentOf(s.Node, target), target.Name, target.Name
		filter = "./" + target.Name + " != ''"
	}
	if s.ChoiceFilter != "" {
		text, err := g.t.Resolve(s.ChoiceFilter, s.Node, true)
		if err != nil {
			s.rules[offered] = &rule{of: s, is: offered, err: err}
			g.rules = append(g.rules, s.rules[offered])
			return
		}
		if filter = text.Text; s.From != "" {
			filter = x.answerFilter(s.Node, nodes)
		}
	}
	if filter != "" {
		nodes += "[" + filter + "]"
	}
	if s.Parameters["randomize"] == "true" {
		seed := s.Parameters["seed"]
		if seed != "" {
			seed = ", " + seed
		}
		nodes = "randomize(" + nodes + seed + ")"
	}
	g.rule(s, offered, nodes)
}

func fileName(file string) (name, ext string) {
	if i := strings.LastIndexByte(file, '.'); i >= 0 {
		return file[:i], file[i:]
	}
	return file, ""
}

// expressions are those of a rule: of a label, one for each reference in it.
func (r *rule) expressions() (out []*expr.Expr) {
	if r.expr != nil {
		return []*expr.Expr{r.expr}
	}
	if r.is == worded {
		for _, w := range r.of.words {
			out = append(out, w.expressions()...)
		}
	}
	return out
}

// anchor is the innermost section around both the rule and all that the path means from there.
func (r *rule) anchor(p expr.Reference) *spec {
	at := r.of
	for range p.Up {
		if at.up == nil {
			break
		}
		at = at.up
	}
	if p.Absolute || p.Across {
		for at.up != nil {
			at = at.up
		}
	}
	return at
}

func (g *Graph) linkTriggers() {
	for n := range g.t.Root.All() {
		s := g.specs[n]
		if s == nil || len(n.Trigger) == 0 {
			continue
		}
		a := &action{target: s}
		if n.Calculation != "" {
			a.rule = g.parse(s, calculated, n.Calculation, false)
		}
		for _, name := range n.Trigger {
			from := g.specs[g.t.Named(name)]
			if from == nil {
				continue
			}
			to := *a
			to.anchor = g.specs[commonAncestor(n, from.Node)]
			from.fires = append(from.fires, &to)
		}
	}
}
