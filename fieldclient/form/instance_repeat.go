package form

import (
	"fmt"
	"math"

	"kua/fieldclient/form/expr"
)

// relevance passes the relevance of an item on to all below it.
func (in *Instance) relevance(it *item) {
	now := it.own && it.parent.relevant
	if it.repeat != nil && it.repeat.count != free {
		now = now && it.place() <= it.repeat.count
	}
	if now == it.relevant {
		return
	}
	it.relevant = now
	in.touch(it)
	if it.of.Kind == KindQuestion {
		if it.answer != "" {
			in.reading(it, usesText)
		}
		return
	}
	for _, k := range it.kids {
		in.relevance(k)
	}
	switch {
	case it.whole:
	case it.repeat != nil:
		in.restructure(it.repeat, 0)
	}
}

// restructure lets all be evaluated that depends on which instances a repeat has, and on their places from one on.
func (in *Instance) restructure(repeat *item, from int) {
	repeat.parent.nodes = nil
	var each func(*spec)
	each = func(s *spec) {
		for _, rd := range s.readers {
			if rd.anchor.depth < repeat.of.depth {
				if top := repeat.parent.around(rd.anchor); top != nil {
					in.waitWithin(rd.rule, top)
				}
			}
		}
		for _, k := range s.kids {
			each(k)
		}
	}
	each(repeat.of)
	for _, rd := range repeat.of.readers {
		if rd.use == expr.UsePlace && rd.anchor == repeat.of {
			for _, one := range repeat.kids[from:] {
				in.waitWithin(rd.rule, one)
			}
		}
	}
}

const (
	// MaxInstances bounds the instances of one repeat.
	MaxInstances = 2000
	// MaxItems bounds the questions and sections of a filled form, for repeats in repeats multiply. No instance is added
	// beyond it; the last one may pass it.
	MaxItems = 100_000
)

// growth is how a repeat of a count grows while one change is settled.
type growth struct {
	from    int  // instances that it had before it grew
	steps   int  // times that it grew beyond them since the last change
	stopped bool // it grew too often for one change
	ran     bool // it did so before: what came of it is no beginning
}

// maxSteps bounds how often one change may let a repeat grow. A count that is made of the repeat's own instances may add
// one where an answer asks for another; without such an answer it would go on for ever.
const maxSteps = 100

// grown gives the count that a repeat gets: the one that is wanted or, where it grew too often, the one it had at first.
func (in *Instance) grown(repeat *item, count int) int {
	g := in.growing[repeat]
	if g == nil {
		if count <= len(repeat.kids) {
			return count
		}
		g = &growth{from: len(repeat.kids)}
		if in.growing == nil {
			in.growing = map[*item]*growth{}
		}
		in.growing[repeat] = g
	}
	if count <= max(g.from, repeat.count) {
		return count
	}
	if g.steps++; g.steps <= maxSteps {
		return count
	}
	g.stopped, g.ran = true, true
	in.faults[fault{repeat, counted}] = fmt.Errorf("the count of the repeat %s feeds itself: one answer let it grow more than %d times", repeat.of.Name, maxSteps)
	return g.from
}

// growAgain begins a change: a repeat that was stopped is counted once more.
func (in *Instance) growAgain() {
	for repeat, g := range in.growing {
		switch {
		case !g.ran:
			delete(in.growing, repeat)
		case g.stopped && in.placed(repeat.parent):
			in.wait(repeat.of.rules[counted], repeat)
		}
		g.steps, g.stopped = 0, false
	}
}

// resize gives a repeat as many instances as its count says. Those beyond it keep their answers, but are not relevant.
// While the count is no number, as between two answers to the question for it, the repeat has what there is: ODK's
// engines leave it alone too, and here the same must follow from the same answers, whatever came before them.
func (in *Instance) resize(repeat *item, n float64) {
	count := 0
	switch {
	case math.IsNaN(n):
		count = len(repeat.kids)
	case n >= 1:
		count = int(min(n, MaxInstances))
	}
	if n > MaxInstances {
		in.faults[fault{repeat, counted}] = fmt.Errorf("the repeat %s has more than %d instances", repeat.of.Name, MaxInstances)
	}
	if count == repeat.count {
		return
	}
	if count = in.grown(repeat, count); count == repeat.count {
		return
	}
	repeat.count = count
	for len(repeat.kids) < count && in.items < MaxItems {
		one := in.one(repeat, in.beginning && len(repeat.kids) == 0)
		repeat.kids = append(repeat.kids, one)
		in.begin(one)
	}
	if len(repeat.kids) < count {
		in.faults[fault{repeat, counted}] = fmt.Errorf("the form has more than %d questions: the repeat %s does not get all its instances", MaxItems, repeat.of.Name)
	}
	in.restructure(repeat, 0)
	for _, one := range repeat.kids {
		in.relevance(one)
	}
}
