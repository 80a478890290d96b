package form

import (
	"strconv"
	"strings"
)

// Answer is a value or a silence at a place. For an instance of a repeat both are empty: it says that there is one.
type Answer struct {
	Ref     Ref
	Value   string
	Silence Silence
}

// Answers gives all that the form holds, in document order: what is not relevant and instances beyond a repeat's
// count included. Load makes the same form of it.
func (in *Instance) Answers() []Answer {
	var out []Answer
	in.root.each(func(it *item) {
		if it.repeat != nil || it.of.Kind == KindQuestion && (it.answer != "" || it.silence != None) {
			out = append(out, Answer{it.ref(), it.answer, it.silence})
		}
	})
	return out
}

// Load makes a form of answers that were given before: nothing is set by default or by a trigger, everything that is
// calculated is calculated anew. Answers for which the form has no place are given back.
func (g *Graph) Load(env Env, answers []Answer) (in *Instance, homeless []Answer) {
	in = g.empty(env, true)
	for _, a := range answers {
		it, err := in.at(a.Ref)
		if err != nil {
			it = in.grow(a.Ref)
		}
		switch {
		case it == nil, a.Silence > AccessRefused, it.of.Kind != KindQuestion && (a.Value != "" || a.Silence != None):
			homeless = append(homeless, a)
		case it.of.Kind == KindQuestion:
			it.answer, it.silence = a.Value, a.Silence
			if it.silence != None {
				it.answer = ""
			}
		}
	}
	in.settle() // still quiet: what is calculated now is nobody's change
	in.quiet = false
	in.take()
	return in, homeless
}

// grow adds the instances that a place needs.
func (in *Instance) grow(ref Ref) *item {
	steps := strings.Split(string(ref), "/")
	for i := 2; i < len(steps); i++ {
		name, place, err := cutPlace(steps[i])
		if err != nil || place > MaxInstances {
			return nil
		}
		whole, err := in.repeatAt(Ref(strings.Join(steps[:i], "/") + "/" + name))
		if err != nil {
			continue
		}
		for len(whole.kids) < place && in.items < MaxItems {
			one := in.one(whole, false)
			whole.kids = append(whole.kids, one)
			whole.parent.nodes = nil
			in.begin(one)
		}
	}
	it, err := in.at(ref)
	if err != nil {
		return nil
	}
	return it
}

// String writes the answer on one line.
func (a Answer) String() string {
	if a.Silence != None {
		return string(a.Ref) + " " + a.Silence.String()
	}
	return string(a.Ref) + " " + strconv.Quote(a.Value)
}
