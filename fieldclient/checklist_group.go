package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	Lasting  form.Ref           // see Item.Lasting
	Key      string             // the item's stable id
	Record   syncproto.EntityID // zero before anybody has answered
	Said     []Said             // by name
	Agreed   []Said             // what stands of the group's answer, with who set it
	Standing Standing
	Seen     []Seen // the agreed answers that are shown, to be given to Agree

	silences map[string]form.Silence
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
		it := k.groupItem(v, s)
		it.Lasting = at.lasting
		out = append(out, it)
	}
	return out, nil
}

// Computed gives the figures that the form computes of the group's answers and that norms are compared with, such as the
// floor area for each person.
func (k *Checklist) Computed(ctx context.Context) ([]Item, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	sh := k.everybody()
	var out []Item
	for _, p := range sh.in.All() {
		if p.Node.Kind == form.KindQuestion && p.Node.Control == "" && p.Relevant && p.Value != "" && kuaCell(p.Node, "measure") != "" {
			out = append(out, k.item(sh, p))
		}
	}
	return out, nil
}

func (k *Checklist) groupItem(v form.View, s *saidItem) GroupItem {
	it := GroupItem{View: v, Key: k.keys.key[v.Node], Standing: StandsOpen, Seen: []Seen{}, silences: k.keys.silences[v.Node]}
	if s == nil {
		return it
	}
	it.Record, it.Said, it.Agreed, it.Standing = s.record, s.all(), s.values, s.standing(it.silences)
	it.Seen = append(it.Seen, s.agreed...)
	return it
}

// meant is what an answer says: a choice that stands for a silence is that silence, however it was given.
func meant(value string, silence form.Silence, silences map[string]form.Silence) form.Answer {
	if s := silences[value]; silence == form.None && s != form.None {
		return form.Answer{Silence: s}
	}
	return form.Answer{Value: value, Silence: silence}
}

func (s *saidItem) standing(silences map[string]form.Silence) Standing {
	answers := map[form.Answer]int{}
	for _, said := range s.by {
		if said.answered() {
			answers[meant(said.Value, said.Silence, silences)]++
		}
		for _, o := range said.Also {
			answers[meant(o.Value, o.Silence, silences)]++
		}
	}
	agreed := map[form.Answer]bool{}
	for _, a := range s.values {
		agreed[meant(a.Value, a.Silence, silences)] = true
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
func (k *Checklist) groups(s *saidItem) (Said, bool) {
	if asksUser(k.keys.node[s.item]) { // the group's form is filled in by all who filled one in
		var all []string
		for _, said := range s.all() {
			if said.answered() {
				all = append(all, said.Name)
			}
		}
		return Said{Value: strings.Join(all, ", ")}, len(all) > 0
	}
	switch s.standing(k.keys.silences[k.keys.node[s.item]]) {
	case StandsAgreed:
		return s.values[0], true
	case StandsAlone, StandsUnanimous:
		for _, said := range s.all() { // in one order: what means the same may be written in two ways
			if said.answered() {
				return said, true
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
	for _, r := range k.rows {
		if slices.ContainsFunc(r.by, func(p syncproto.PersonID) bool { return !k.struck(r, p) }) {
			k.takeRow(kept, r)
		}
	}
	for _, s := range k.said {
		r := k.rows[s.row]
		if r == nil {
			continue
		}
		for _, said := range s.by {
			if said.answered() && !k.struck(r, said.Person) {
				k.takeRow(kept, r)
			}
		}
	}
	k.group = k.sheet(func(r *row) bool { return kept[r.id] }, k.groups)
	return k.group
}

// ErrNoReason says that what was agreed is replaced only with a reason.
var ErrNoReason = errors.New("another answer was agreed before: replacing it needs a reason")

// Agree sets the group's answer to a question of Group, as its leader: a value, or with silence a silence. seen is what
// was shown as agreed before, which the new answer replaces with the reason, or not at all (ErrNoReason); what nobody has seen stays and shows as a
// conflict. Minority views stay. ref may be a lasting place: others' instances that came in meanwhile do not move it.
func (k *Checklist) Agree(ctx context.Context, ref form.Ref, value string, silence form.Silence, reason string, seen []Seen) (saved Saved, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.writing(ctx, func() error { saved, err = k.agree(ctx, ref, value, silence, reason, seen); return err })
	if err != nil {
		return saved, fmt.Errorf("agreeing on %s: %w", ref, err)
	}
	return saved, nil
}

func (k *Checklist) agree(ctx context.Context, ref form.Ref, value string, silence form.Silence, reason string, seen []Seen) (saved Saved, err error) {
	sh := k.everybody()
	if ref, err = k.resolve(sh, ref); err != nil {
		return saved, err
	}
	at, err := k.locate(sh, ref)
	if err != nil {
		return saved, err
	}
	k.group = nil // what follows changes it
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
	p := k.pending(ctx)
	s, _, err := p.item(at)
	if err == nil {
		err = p.agree(s.record, raw, reason, seen)
	}
	if err != nil {
		return saved, err
	}
	saved, err = k.c.saveAll(ctx, k.scope, p.changes)
	k.moves = 0 // what stands of it now is read, not guessed
	return saved, err
}

// agree adds the operations of a group's answer. It retires exactly what was seen.
func (p *pending) agree(record syncproto.EntityID, value []byte, reason string, seen []Seen) error {
	f := fieldOf("answer", "agreed")
	var refers []syncproto.OpRef
	if len(seen) > 0 {
		var err error
		if refers, err = p.k.c.refers(p.ctx, Target{Scope: p.k.scope, Entity: record, Field: f, Seen: seen}); err != nil {
			return err
		}
	}
	if len(refers) == 0 {
		p.changes = append(p.changes, Change{Kind: syncproto.KindSet, Entity: record, Field: f.ID, Flags: f.Flags(), Value: value})
		return nil
	}
	if strings.TrimSpace(reason) == "" {
		return ErrNoReason
	}
	note, err := syncproto.EncodeMessage(reason)
	if err != nil {
		return err
	}
	p.changes = append(p.changes, Change{Kind: syncproto.KindResolve, Entity: record, Field: f.ID, Value: value, Refers: refers},
		Change{Kind: syncproto.KindSet, Entity: record, Field: ReasonField, Flags: syncproto.FlagPersonal, Value: note})
	return nil
}

// Minorities gives the members whose own answer differs from the group's.
func (it *GroupItem) Minorities() []Said {
	if len(it.Agreed) != 1 {
		return nil
	}
	agreed := meant(it.Agreed[0].Value, it.Agreed[0].Silence, it.silences)
	return slices.DeleteFunc(slices.Clone(it.Said), func(s Said) bool { return !s.answered() || meant(s.Value, s.Silence, it.silences) == agreed })
}
