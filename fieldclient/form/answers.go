package form

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form/expr"
)

// Silence is why a question has no value. It is a state of its own: in expressions it is empty, it satisfies
// required, and it is never counted with values.
type Silence uint8

// The silences; None is a question that has a value or is still open.
const (
	None Silence = iota
	NotChecked
	NotApplicable
	AccessRefused
)

// String names the silence.
func (s Silence) String() string {
	return [...]string{"none", "not-checked", "not-applicable", "access-refused"}[s]
}

// MarshalText names the silence in JSON.
func (s Silence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var (
	// ErrNoPlace: the form has no question or section at the place.
	ErrNoPlace = errors.New("the form has no such place")
	// ErrNotAsked: nobody can answer this: it is a section, a note, read-only or calculated from other answers.
	ErrNotAsked = errors.New("this is not answered by people")
	// ErrNotRelevant: the question is not asked while other answers are what they are.
	ErrNotRelevant = errors.New("the question is not relevant")
	// ErrBadValue: the value is not of the question's type, or not one of its choices.
	ErrBadValue = errors.New("not an answer to this question")
	// ErrTooLong is an ErrBadValue: the text is longer than one answer may be.
	ErrTooLong = fmt.Errorf("%w: it is too long", ErrBadValue)
	// ErrRepeatCount: how many instances the repeat has follows from other answers, or is at its bound.
	ErrRepeatCount = errors.New("the repeat's number of instances is fixed")
)

// Set answers one question, with the value as XForms writes it: numbers with a point, 2026-11-24, 14:30:00, choices
// parted by spaces; "" takes the answer back. It gives every place of which the value, relevance, read-only, required or
// constraint state, choices or words changed, the question itself included, in document order. A value that breaks the
// constraint is kept: Validate reports it. Only a question that is strict (see Node.Kua) refuses it with ErrBadValue.
func (in *Instance) Set(ref Ref, value string) ([]Ref, error) {
	it, err := in.asked(ref)
	if err != nil {
		return nil, fmt.Errorf("answering %s: %w", ref, err)
	}
	if value, err = in.typed(it, value); err != nil {
		return nil, fmt.Errorf("answering %s: %w", ref, err)
	}
	if in.refuses(it, value) {
		return nil, fmt.Errorf("answering %s: %w: %s", ref, ErrBadValue, in.words(it, constraintMessage))
	}
	in.setAnswer(it, value)
	return in.change(), nil
}

// refuses reports whether a question that is strict has a constraint that a value breaks.
func (in *Instance) refuses(it *item, value string) bool {
	r := it.of.rules[satisfies]
	if value == "" || r == nil || r.err != nil || it.of.Kua("strict") != "yes" {
		return false
	}
	was := it.answer
	it.answer = value
	v, err := r.expr.Evaluate(expr.Context{Node: it, Env: &in.env})
	it.answer = was
	return err != nil || !v.Boolean()
}

// Silent puts a silence in the place of an answer; None opens the question again. It gives what changed, as Set does.
func (in *Instance) Silent(ref Ref, why Silence) ([]Ref, error) {
	it, err := in.asked(ref)
	if err == nil && why > AccessRefused {
		err = ErrBadValue
	}
	if err != nil {
		return nil, fmt.Errorf("answering %s: %w", ref, err)
	}
	in.setAnswer(it, "")
	if it.silence != why {
		it.silence = why
		in.touch(it)
	}
	return in.change(), nil
}

// Finish puts the time of now into every question for the end of filling in, and gives what changed, as Set does. It may
// be called again after later answers: the last time counts.
func (in *Instance) Finish() []Ref {
	now := in.known("now()")
	in.root.each(func(it *item) {
		if it.of.Preload == "timestamp" && it.of.PreloadParams == "end" {
			in.setAnswer(it, now)
		}
	})
	return in.change()
}

func (in *Instance) change() []Ref {
	for _, r := range in.graph.loose {
		in.waitWithin(r, in.document)
	}
	in.settle()
	return in.take()
}

// asked finds a question that people can answer now.
func (in *Instance) asked(ref Ref) (*item, error) {
	it, err := in.at(ref)
	switch {
	case err != nil:
		return nil, err
	case !it.of.asks() || in.fixed(it):
		return nil, ErrNotAsked
	case !it.relevant:
		return nil, ErrNotRelevant
	}
	return it, nil
}

// asks reports whether the question is for people at all.
func (s *spec) asks() bool {
	return s.Kind == KindQuestion && s.visible() && s.Type != "note" && s.Appearance != "label"
}

// fixed reports whether the question, or a section around it, is read-only.
func (in *Instance) fixed(it *item) bool {
	for ; it != nil; it = it.parent {
		if it.readOnly {
			return true
		}
	}
	return false
}

// at finds a place. The last step may name a repeat without a number: it means its first instance.
func (in *Instance) at(ref Ref) (*item, error) {
	it := in.document
	rest, ok := strings.CutPrefix(string(ref), "/")
	if !ok {
		return nil, ErrNoPlace
	}
	for step := range strings.SplitSeq(rest, "/") {
		name, place, err := cutPlace(step)
		i := slices.IndexFunc(it.of.kids, func(s *spec) bool { return s.Name == name })
		if err != nil || i < 0 {
			return nil, ErrNoPlace
		}
		it = it.kids[i]
		if !it.whole && place != 1 || it.whole && place > len(it.kids) {
			return nil, ErrNoPlace
		}
		if it.whole {
			it = it.kids[place-1]
		}
	}
	return it, nil
}

func cutPlace(step string) (name string, place int, err error) {
	name, number, ok := strings.Cut(step, "[")
	if !ok {
		return name, 1, nil
	}
	number, ok = strings.CutSuffix(number, "]")
	place, err = strconv.Atoi(number)
	if !ok || err != nil || place < 1 {
		return "", 0, ErrNoPlace
	}
	return name, place, nil
}

// repeatAt finds a repeat as a whole, named as its instances are, without a number.
func (in *Instance) repeatAt(ref Ref) (*item, error) {
	i := strings.LastIndexByte(string(ref), '/')
	if i < 1 {
		return nil, ErrNoPlace
	}
	section, err := in.at(ref[:i])
	if err != nil {
		return nil, err
	}
	k := slices.IndexFunc(section.of.kids, func(s *spec) bool { return s.Kind == KindRepeat && s.Name == string(ref[i+1:]) })
	if k < 0 {
		return nil, ErrNoPlace
	}
	return section.kids[k], nil
}

// Add appends an instance to a repeat, such as /data/cells, and gives its place and what changed.
func (in *Instance) Add(repeat Ref) (Ref, []Ref, error) {
	whole, err := in.repeatAt(repeat)
	if err == nil && (whole.count != free || whole.of.RepeatCount != "" || len(whole.kids) >= MaxInstances || in.items >= MaxItems) {
		err = ErrRepeatCount
	}
	if err != nil {
		return "", nil, fmt.Errorf("adding to %s: %w", repeat, err)
	}
	one := in.one(whole, false)
	whole.kids = append(whole.kids, one)
	in.begin(one)
	in.restructure(whole, len(whole.kids)-1)
	return one.ref(), in.change(), nil
}

// Remove takes an instance out of a repeat with all its answers; those behind it move up. It gives what changed, under
// the places of afterwards: all that moved is among it.
func (in *Instance) Remove(instance Ref) ([]Ref, error) {
	it, err := in.at(instance)
	if err == nil && it.repeat == nil {
		err = ErrNoPlace
	}
	if err == nil && it.repeat.of.RepeatCount != "" {
		err = ErrRepeatCount
	}
	if err != nil {
		return nil, fmt.Errorf("removing %s: %w", instance, err)
	}
	whole, i := it.repeat, it.place()-1
	whole.kids[i].each(func(gone *item) {
		if !gone.whole {
			in.items--
		}
	})
	whole.kids = slices.Delete(whole.kids, i, i+1)
	for _, moved := range whole.kids[i:] {
		moved.each(in.touch)
	}
	in.restructure(whole, i)
	return in.change(), nil
}
