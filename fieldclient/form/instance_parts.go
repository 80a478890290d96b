package form

import (
	"fmt"

	"kua/fieldclient/form/expr"
)

// Part is what stands directly in a section: a question, a section of its own, an instance of a repeat, or a repeat as
// a whole, which comes before its instances and is there even when it has none.
type Part struct {
	View
	Whole bool // a repeat as a whole; its Ref has no number and can be given to Add
	Rows  int  // its instances that are relevant
	Free  bool // people add and remove its instances
}

// Parts gives what stands directly in a section, in document order, what is not relevant included.
func (in *Instance) Parts(section Ref) ([]Part, error) {
	it, err := in.at(section)
	if err != nil {
		return nil, fmt.Errorf("showing %s: %w", section, err)
	}
	var out []Part
	for _, k := range it.kids {
		if k.of.Generated && k.of.Kind != KindQuestion {
			continue
		}
		if !k.whole {
			out = append(out, Part{View: in.view(k)})
			continue
		}
		out = append(out, in.wholePart(it, k))
		for _, one := range k.kids {
			out = append(out, Part{View: in.view(one)})
		}
	}
	return out, nil
}

// All gives every question and section in document order, those that are not relevant included, with each repeat as a
// whole before its instances.
func (in *Instance) All() []Part {
	var out []Part
	in.root.each(func(it *item) {
		if it.whole {
			out = append(out, in.wholePart(it.parent, it))
		} else {
			out = append(out, Part{View: in.view(it)})
		}
	})
	return out
}

// Empty reports whether it is a repeat that people add to, relevant and without an instance: nobody has begun it.
func (p *Part) Empty() bool { return p.Whole && p.Free && p.Relevant && p.Rows == 0 }

// emptyPart shows a repeat as a whole where it is empty; nil for everything else.
func (in *Instance) emptyPart(section, k *item) *Part {
	if !k.whole || k.of.Generated {
		return nil
	}
	if p := in.wholePart(section, k); p.Empty() {
		return &p
	}
	return nil
}

// wholePart shows a repeat as a whole. Whether it is relevant is a matter of its instances; where it has none, the
// rule is evaluated as it would be for the first.
func (in *Instance) wholePart(section, k *item) Part {
	p := Part{Whole: true, Free: k.count == free && k.of.RepeatCount == ""}
	p.Ref, p.Node = section.ref()+Ref("/"+k.of.Name), k.of.Node
	p.Label, p.Hint, p.Guidance = in.words(k, label), in.words(k, hint), in.words(k, guidance)
	for _, one := range k.kids {
		if one.relevant {
			p.Rows++
		}
	}
	p.Relevant = section.relevant && (p.Rows > 0 || len(k.kids) == 0 && in.wouldBeRelevant(k))
	return p
}

func (in *Instance) wouldBeRelevant(k *item) bool {
	r := k.of.rules[isRelevant]
	if r == nil || r.expr == nil {
		return true
	}
	probe := &item{of: k.of, parent: k.parent, repeat: k, own: true, relevant: true}
	v, err := r.expr.Evaluate(expr.Context{Node: probe, Env: &in.env})
	return err != nil || v.Boolean()
}
