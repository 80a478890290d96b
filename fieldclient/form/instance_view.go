package form

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kua/fieldclient/form/expr"
)

// View is a question or section as it stands.
type View struct {
	Ref      Ref
	Node     *Node
	Value    string // kept while the question is not relevant
	Silence  Silence
	Means    Silence // the same, or what a choice stands for that names a silence; see Template.Silences
	Relevant bool
	ReadOnly bool
	Required bool
	Invalid  bool // the constraint does not hold
	Asked    bool // people answer it: no note, nothing read-only or hidden

	Label, Hint, Guidance string // in the language in use
	Choices               []Option
}

// Option is a choice that is offered.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// View gives a question or section as it stands.
func (in *Instance) View(ref Ref) (View, error) {
	it, err := in.at(ref)
	if err != nil {
		return View{}, fmt.Errorf("showing %s: %w", ref, err)
	}
	return in.view(it), nil
}

func (in *Instance) view(it *item) View {
	v := View{Ref: it.ref(), Node: it.of.Node, Value: it.answer, Silence: it.silence, Relevant: it.relevant, ReadOnly: in.fixed(it),
		Required: it.required, Invalid: it.wrong, Label: in.words(it, label), Hint: in.words(it, hint), Guidance: in.words(it, guidance)}
	v.Means = it.means()
	v.Asked = it.of.asks() && !v.ReadOnly
	for _, n := range it.options {
		v.Choices = append(v.Choices, Option{childText(n, it.of.value), in.choiceText(it, n)})
	}
	return v
}

// means is the silence of an item, be it said as one or with a choice.
func (it *item) means() Silence {
	if it.silence == None {
		return it.of.silences[it.answer]
	}
	return it.silence
}

// Views gives every question and section in document order, those that are not relevant included.
func (in *Instance) Views() []View {
	var out []View
	in.root.each(func(it *item) {
		if !it.whole {
			out = append(out, in.view(it))
		}
	})
	return out
}

// Evaluate computes a further expression, with ${name} for questions, as if it stood at a place.
func (in *Instance) Evaluate(ref Ref, src string) (expr.Value, error) {
	it, err := in.at(ref)
	if err != nil {
		return expr.Value{}, fmt.Errorf("evaluating at %s: %w", ref, err)
	}
	r := in.graph.parse(it.of, calculated, src, false)
	if r.err != nil {
		return expr.Value{}, fmt.Errorf("evaluating at %s: %w", ref, r.err)
	}
	return r.expr.Evaluate(expr.Context{Node: it, Env: &in.env})
}

// Problem is what keeps a form from being complete.
type Problem struct {
	Ref     Ref
	Code    Code
	Message string // the form author's words in the language in use; "" where there are none, except for CodeFault
}

// The codes of problems.
const (
	CodeRequired   Code = "required"   // no answer and no silence
	CodeConstraint Code = "constraint" // the answer breaks the form's rule
	CodeChoice     Code = "choice"     // the answer is a choice that is no longer offered
	CodeType       Code = "type"       // the answer is not of the question's type, as after a move to another version
	CodeFault      Code = "fault"      // an expression of the form cannot be evaluated; the message says why
)

// Validate gives everything that is wrong at once, in document order. What is not relevant cannot be wrong.
func (in *Instance) Validate() []Problem {
	var out []Problem
	in.root.each(func(it *item) {
		if !it.relevant {
			return
		}
		add := func(code Code, message string) { out = append(out, Problem{it.ref(), code, message}) }
		switch {
		case it.of.Kind != KindQuestion || it.whole:
		case it.answer == "" && it.silence == None && it.required && it.of.asks() && !in.fixed(it):
			add(CodeRequired, in.words(it, requiredMessage))
		case it.answer != "" && !in.offers(it):
			add(CodeChoice, "")
		case it.answer != "" && it.of.asks() && it.of.rules[calculated] == nil && !in.fits(it, it.answer):
			add(CodeType, "")
		case it.answer != "" && it.wrong:
			add(CodeConstraint, in.words(it, constraintMessage))
		}
		if len(in.faults) == 0 {
			return
		}
		for is := range aspects + 1 {
			if err := in.faults[fault{it, is}]; err != nil {
				add(CodeFault, faultText(is, err))
			}
		}
	})
	return out
}

// Fits reports whether a value could be given to a question as it stands: whether it is of its type and, where it has
// choices, one of them.
func (in *Instance) Fits(ref Ref, value string) bool {
	it, err := in.at(ref)
	return err == nil && in.fits(it, value)
}

func (in *Instance) fits(it *item, value string) bool {
	_, err := in.typed(it, value)
	return err == nil
}

func faultText(is aspect, err error) string {
	if is == aspects {
		return err.Error()
	}
	var wrong *expr.Error
	if errors.As(err, &wrong) {
		return aspectNames[is] + ": " + wrong.Error()
	}
	return aspectNames[is] + ": " + err.Error()
}

// offers reports whether all that was chosen can still be chosen.
func (in *Instance) offers(it *item) bool {
	r := it.of.rules[offered]
	if r == nil || in.faults[fault{it, offered}] != nil {
		return true
	}
	names := []string{it.answer}
	if it.of.several() {
		names = strings.Fields(it.answer)
	}
	for _, name := range names {
		if !slices.ContainsFunc(it.options, func(n expr.Node) bool { return childText(n, it.of.value) == name }) {
			return false
		}
	}
	return true
}

// Section is how far a section is. The counts are of the questions that people answer, in the section and in those
// inside it; values and silences are never counted together.
type Section struct {
	Ref         Ref    `json:"place"`
	Label       string `json:"label"`
	Depth       int    `json:"depth"`    // 0 for the form as a whole
	Answered    int    `json:"answered"` // with a value
	Silent      int    `json:"silent"`   // with a silence
	Open        int    `json:"open"`     // with neither
	NotRelevant int    `json:"notRelevant"`
	Empty       int    `json:"empty"` // repeats that people add to, relevant and without an instance: not begun, so not complete
}

// Progress gives the form as a whole, then every group and instance of a repeat, in document order. A repeat that people
// add to stands there as a whole while it has no instance.
func (in *Instance) Progress() []Section {
	var out []Section
	in.progress(in.root, 0, &out)
	return out
}

func (in *Instance) progress(it *item, depth int, out *[]Section) (sum Section) {
	at := len(*out)
	if !it.whole {
		sum = Section{Ref: it.ref(), Label: in.words(it, label), Depth: depth}
		*out = append(*out, sum)
		depth++
	}
	for _, k := range it.kids {
		if k.of.Kind != KindQuestion {
			if p := in.emptyPart(it, k); p != nil {
				*out = append(*out, Section{Ref: p.Ref, Label: p.Label, Depth: depth, Empty: 1})
				sum.Empty++
			} else if !k.of.Generated {
				sum.add(in.progress(k, depth, out))
			}
			continue
		}
		sum.count(k, in.fixed(k))
	}
	if !it.whole {
		(*out)[at] = sum
	}
	return sum
}

func (s *Section) add(o Section) {
	s.Answered += o.Answered
	s.Silent += o.Silent
	s.Open += o.Open
	s.NotRelevant += o.NotRelevant
	s.Empty += o.Empty
}

func (s *Section) count(it *item, fixed bool) {
	switch {
	case !it.of.asks() || fixed || it.of.rules[calculated] != nil:
	case !it.relevant:
		s.NotRelevant++
	case it.means() != None:
		s.Silent++
	case it.answer != "":
		s.Answered++
	default:
		s.Open++
	}
}
