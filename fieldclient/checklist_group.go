package fieldclient

import (
	"context"
	"fmt"
	"slices"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// Standing says how the group stands to an item.
type Standing string

// The standings of an item.
const (
	StandsOpen      Standing = "open"      // nobody has answered
	StandsAlone     Standing = "one"       // one member has
	StandsUnanimous Standing = "unanimous" // several have, with one answer
	StandsDiffering Standing = "differs"   // several have, with different answers, and nothing is agreed
	StandsAgreed    Standing = "agreed"    // the leader has set the group's answer
	StandsContested Standing = "contested" // two agreed answers stand: conflict
)

// GroupItem is a question as the group stands to it.
type GroupItem struct {
	form.View
	Key      string             // the item's stable id
	Record   syncproto.EntityID // zero before anybody has answered
	Said     []Said             // by name
	Agreed   []Said             // what stands of the group's answer, with who set it
	Standing Standing
	Seen     []Seen // the agreed answers that are shown, to be given to Agree
}

// Group gives the questions of the checklist in all instances, evaluated with the group's answers: the agreed one, or
// what all who answered say alike.
func (k *Checklist) Group(ctx context.Context) ([]GroupItem, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	sh := k.everybody()
	out := []GroupItem{}
	for _, v := range sh.in.Views() {
		if v.Node.Kind != form.KindQuestion {
			continue
		}
		at, err := k.locate(sh, v.Ref)
		if err != nil {
			return nil, err
		}
		s := k.saidAt(at)
		if v.Node.Control == "" || s == nil && (!v.Asked || !v.Relevant) {
			continue // what the form fills in by itself is nobody's statement
		}
		it, err := k.groupItem(ctx, v, s)
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	return out, nil
}

func (k *Checklist) groupItem(ctx context.Context, v form.View, s *saidItem) (GroupItem, error) {
	it := GroupItem{View: v, Key: k.keys.key[v.Node], Standing: StandsOpen, Seen: []Seen{}}
	if s == nil {
		return it, nil
	}
	it.Record, it.Said, it.Agreed = s.record, s.all(), s.values
	for _, h := range s.agreed {
		l, err := k.c.rep.Row(ctx, h.Changeset)
		if err != nil {
			return it, err
		}
		it.Seen = append(it.Seen, Seen{Changeset: l.ID, Index: h.Index})
	}
	it.Standing = s.standing()
	return it, nil
}

func (s *saidItem) standing() Standing {
	answers := map[form.Answer]int{}
	for _, said := range s.by {
		if said.answered() {
			answers[form.Answer{Value: said.Value, Silence: said.Silence}]++
		}
	}
	agreed := map[form.Answer]bool{}
	for _, a := range s.values {
		agreed[form.Answer{Value: a.Value, Silence: a.Silence}] = true
	}
	_, empty := agreed[form.Answer{}]
	switch {
	case len(agreed) > 1:
		return StandsContested
	case len(agreed) == 1 && !empty:
		return StandsAgreed
	case len(answers) > 1:
		return StandsDiffering
	case len(answers) == 0:
		return StandsOpen
	}
	for _, n := range answers {
		if n > 1 {
			return StandsUnanimous
		}
	}
	return StandsAlone
}

// groups gives the group's answer to an item; false while there is none.
func (s *saidItem) groups() (Said, bool) {
	switch s.standing() {
	case StandsAgreed:
		return s.values[0], true
	case StandsAlone, StandsUnanimous:
		for _, said := range s.by {
			if said.answered() {
				return *said, true
			}
		}
	}
	return Said{}, false
}

// everybody is the form with the group's answers and the instances of all members. An instance that was struck stays
// where somebody else has answered in it.
func (k *Checklist) everybody() *sheet {
	if k.group != nil {
		return k.group
	}
	kept := map[syncproto.EntityID]bool{}
	take := func(id syncproto.EntityID) {
		for r := k.rows[id]; r != nil && !kept[r.id]; r = k.rows[r.parent] {
			kept[r.id] = true
		}
	}
	for _, r := range k.rows {
		if !r.struck {
			take(r.id)
		}
	}
	for _, s := range k.said {
		r := k.rows[s.row]
		if r == nil {
			continue
		}
		for _, said := range s.by {
			if said.answered() && said.Person != r.by {
				take(r.id)
			}
		}
	}
	k.group = k.sheet(func(r *row) bool { return kept[r.id] }, (*saidItem).groups)
	return k.group
}

// Agree sets the group's answer to a question of Group, as its leader: a value, or with silence a silence. seen is what
// was shown as agreed before, which the new answer replaces with the reason; what nobody has seen stays and shows as a
// conflict. Minority views stay.
func (k *Checklist) Agree(ctx context.Context, ref form.Ref, value string, silence form.Silence, reason string, seen []Seen) (Saved, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	saved, err := k.agree(ctx, ref, value, silence, reason, seen)
	if err != nil {
		return saved, fmt.Errorf("agreeing on %s: %w", ref, err)
	}
	return saved, nil
}

func (k *Checklist) agree(ctx context.Context, ref form.Ref, value string, silence form.Silence, reason string, seen []Seen) (saved Saved, err error) {
	if err := k.refresh(ctx); err != nil {
		return saved, err
	}
	sh := k.everybody()
	at, err := k.locate(sh, ref)
	if err != nil {
		return saved, err
	}
	k.group = nil // what follows may change it
	if silence != form.None {
		_, err = sh.in.Silent(ref, silence)
	} else {
		_, err = sh.in.Set(ref, value)
	}
	if err != nil {
		return saved, err
	}
	v, err := sh.in.View(ref)
	if err != nil {
		return saved, err
	}
	raw := syncproto.AnswerValue(v.Value)
	if silence != form.None {
		raw = syncproto.SilenceValue(syncproto.Silence(silence))
	}
	kind, _ := syncproto.KindNamed("answer")
	f, err := kind.FieldNamed("agreed")
	if err != nil {
		return saved, err
	}
	record, fresh, err := k.recordFor(ctx, at)
	if err != nil {
		return saved, err
	}
	t := Target{Scope: k.scope, Entity: record, Field: f, Seen: seen}
	if fresh || len(seen) == 0 {
		return k.c.Set(ctx, t, raw)
	}
	return k.c.Resolve(ctx, t, raw, reason)
}

// recordFor gives the record of an item, and makes it where nobody has answered yet.
func (k *Checklist) recordFor(ctx context.Context, at located) (id syncproto.EntityID, fresh bool, err error) {
	c := k.c
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &pending{k: k, ctx: ctx, said: map[syncproto.EntityID]*saidItem{}}
	s, _, err := p.item(at)
	if err != nil {
		return id, false, err
	}
	if len(p.changes) == 0 {
		return s.record, false, nil
	}
	_, err = c.saveAll(ctx, k.scope, p.changes)
	return s.record, true, err
}

// sameAnswer reports whether two members say the same.
func sameAnswer(a, b Said) bool { return a.Value == b.Value && a.Silence == b.Silence }

// Minorities gives the members whose own answer differs from the group's.
func (it *GroupItem) Minorities() []Said {
	if len(it.Agreed) != 1 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(it.Said), func(s Said) bool { return !s.answered() || sameAnswer(s, it.Agreed[0]) })
}
