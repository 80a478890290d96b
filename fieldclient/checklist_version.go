package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// ErrOtherForm says that a template is of another form, not another version of the same.
var ErrOtherForm = errors.New("this template is of another form")

// VersionPreview says what a move to another version of the form would mean. Nothing is lost by moving, and moving back
// shows everything again.
type VersionPreview struct {
	From, To ChecklistVersion
	New      []ItemWords  // questions that the checklist does not have now
	Gone     []ItemWords  // questions that it would not have any more
	Changed  []ItemWords  // questions of another type or with other choices
	Away     []AwayAnswer // answers that would have no place: kept, and shown apart
	Misfit   []ItemWords  // questions with an answer, of anybody, that would not fit there: it is kept, and shown as wrong
	Hidden   []ItemWords  // questions with an answer, of anybody, that would not be asked there: it is kept
	Problems int          // what would keep this person's form from being complete
}

// ChecklistVersion names a version of a form.
type ChecklistVersion struct {
	Template syncproto.EntityID `json:"template"`
	Version  string             `json:"version"`
}

// ItemWords is a question by its stable id and its words.
type ItemWords struct {
	Key   string `json:"item"`
	Label string `json:"label"`
}

// PreviewMove says what a move to another version would mean.
func (k *Checklist) PreviewMove(ctx context.Context, template syncproto.EntityID) (VersionPreview, error) {
	t, g, err := k.c.Template(ctx, template)
	if err != nil {
		return VersionPreview{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return VersionPreview{}, err
	}
	if t.ID != k.t.ID {
		return VersionPreview{}, fmt.Errorf("moving checklist %s to template %s: %w", k.id, template, ErrOtherForm)
	}
	next := &Checklist{c: k.c, scope: k.scope, id: k.id, info: k.info, t: t, g: g, keys: keysOf(t), langs: k.langs, me: k.me}
	if err := next.readAs(ctx); err != nil {
		return VersionPreview{}, err
	}
	p := VersionPreview{From: ChecklistVersion{k.info.Template, k.t.Version}, To: ChecklistVersion{template, t.Version},
		Away: next.awayFrom(next.everybody()), Problems: len(next.problems())}
	p.New, p.Changed = k.compare(next)
	p.Gone, _ = next.compare(k)
	p.Misfit, p.Hidden = k.lost(next)
	return p, nil
}

// lost gives the questions whose answers fit, or are shown, in this version and not in the next.
func (k *Checklist) lost(next *Checklist) (misfit, hidden []ItemWords) {
	wrong, away := map[string]bool{}, map[string]bool{}
	for _, pair := range [][2]*sheet{{k.mine, next.mine}, {k.everybody(), next.everybody()}} {
		for _, s := range k.said {
			now, here := k.placed(pair[0], s)
			then, there := next.placed(pair[1], s)
			if !here || !there || !s.spoken() {
				continue
			}
			if now.Relevant && !then.Relevant {
				away[s.item] = true
			}
			for _, said := range append(s.all(), s.values...) {
				if said.Value != "" && pair[0].in.Fits(now.Ref, said.Value) && !pair[1].in.Fits(then.Ref, said.Value) {
					wrong[s.item] = true
				}
			}
		}
	}
	for n := range next.t.Root.All() {
		key := next.keys.key[n]
		words := ItemWords{key, n.Label.In(next.langs...)}
		if wrong[key] {
			misfit = append(misfit, words)
		}
		if away[key] {
			hidden = append(hidden, words)
		}
	}
	return misfit, hidden
}

// placed shows an item where a sheet has it.
func (k *Checklist) placed(sh *sheet, s *saidItem) (form.View, bool) {
	ref, ok := k.refOf(sh, k.keys.node[s.item], s.row)
	if !ok {
		return form.View{}, false
	}
	v, err := sh.in.View(ref)
	return v, err == nil
}

// readAs reads the records as this version of the form has them.
func (k *Checklist) readAs(ctx context.Context) error {
	k.c.mu.Lock()
	name := k.c.namerOf(k.scope)
	k.c.mu.Unlock()
	k.c.whole.RLock()
	defer k.c.whole.RUnlock()
	return k.load(ctx, name)
}

// compare gives the questions that the next version has and this one lacks, and those that both have and that ask
// something else there.
func (k *Checklist) compare(next *Checklist) (added, changed []ItemWords) {
	for n := range next.t.Root.All() {
		if n.Kind != form.KindQuestion || n.Generated || n.Type == "note" {
			continue
		}
		key := next.keys.key[n]
		old := k.keys.node[key]
		words := ItemWords{key, n.Label.In(next.langs...)}
		switch {
		case old == nil || old.Kind != form.KindQuestion:
			added = append(added, words)
		case old.Type != n.Type || old.Data != n.Data || !sameChoices(k.t, old, next.t, n):
			changed = append(changed, words)
		}
	}
	return added, changed
}

func sameChoices(a *form.Template, n *form.Node, b *form.Template, m *form.Node) bool {
	x, okA := a.List(n.List)
	y, okB := b.List(m.List)
	if !okA || !okB {
		return okA == okB
	}
	if len(x.Choices) != len(y.Choices) {
		return false
	}
	for i := range x.Choices {
		if x.Choices[i].Name != y.Choices[i].Name {
			return false
		}
	}
	return true
}

// Move fixes another version of the same form for the checklist, an approved one or one that it had before. Answers stay
// as they are.
func (k *Checklist) Move(ctx context.Context, template syncproto.EntityID) (Saved, error) {
	if _, err := k.PreviewMove(ctx, template); err != nil {
		return Saved{}, err
	}
	kind, _ := syncproto.KindNamed("checklist")
	f, err := kind.FieldNamed("template")
	if err != nil {
		return Saved{}, err
	}
	value, err := f.ParseValue(template.String())
	if err != nil {
		return Saved{}, err
	}
	t := Target{Scope: k.scope, Entity: k.id, Field: f}
	ok, err := k.mayUse(ctx, template, t)
	if err != nil {
		return Saved{}, err
	}
	if !ok {
		return Saved{}, fmt.Errorf("moving checklist %s to template %s: %w", k.id, template, ErrNotApproved)
	}
	return k.c.Set(ctx, t, value)
}

// mayUse reports whether a version is approved, or was in use here before.
func (k *Checklist) mayUse(ctx context.Context, template syncproto.EntityID, t Target) (bool, error) {
	approved, err := k.c.Approved(ctx, "")
	if err != nil || slices.ContainsFunc(approved, func(info TemplateInfo) bool { return info.ID == template }) {
		return err == nil, err
	}
	history, err := k.c.History(ctx, t)
	for _, st := range history {
		if st.Value == template.String() {
			return true, err
		}
	}
	return false, err
}
