package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// AnswerChange is what a person changes about one item; nil leaves a part as it is.
type AnswerChange struct {
	Value       *string       // as XForms writes it; "" takes the answer back. It ends a silence
	Silence     *form.Silence // in place of a value; form.None opens the question again
	Sources     *[]string     // observation, interview, document, management
	Note        *string
	Urgent      *bool
	Links       *[]syncproto.EntityID // records of the visit that support the answer
	Transcribed *bool                 // typed in later from paper
	Minority    *string               // a minority view on the group's answer

	// Seen are the statements that the person had before their eyes (Item.Seen): the change takes the place of these, and
	// whatever else they have said stands beside it. nil is what stands when it is saved.
	Seen []Seen
}

// Answered is what a saved change did to the form: the places whose value, relevance, state or words changed, the item
// itself included.
type Answered struct {
	Ref     form.Ref   `json:"place"` // where the item is now
	Changed []form.Ref `json:"changed"`
	Saved   Saved      `json:"saved"`
}

// ErrSource says that a kind of source is not one of those that the item allows.
var ErrSource = errors.New("the item does not allow this kind of source")

// Answer saves what a person says of one item, and returns when it is durable. A value that breaks the form's constraint
// is kept; Problems reports it. What the form sets elsewhere, through triggers and defaults, is saved in the same
// changeset. ref may be a lasting place: what the person saw is what is answered, wherever it stands by now. Errors of
// the form: form.ErrNoPlace, ErrNotAsked, ErrNotRelevant, ErrBadValue; ErrNoRight where an item is for health experts
// only.
func (k *Checklist) Answer(ctx context.Context, ref form.Ref, ch AnswerChange) (out Answered, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.writing(ctx, func() error { out, err = k.answer(ctx, ref, ch); return err })
	return out, err
}

func (k *Checklist) answer(ctx context.Context, ref form.Ref, ch AnswerChange) (out Answered, err error) {
	if ref, err = k.resolve(k.mine, ref); err != nil {
		return out, err
	}
	at, err := k.locate(k.mine, ref)
	if err != nil {
		return out, err
	}
	if err := allowedSources(at.node, ch.Sources); err != nil {
		return out, err
	}
	out.Ref, out.Changed = ref, []form.Ref{ref}
	var was Said
	if s := k.saidAt(at); s != nil && s.by[k.me] != nil {
		was = *s.by[k.me]
	}
	silent := ch.Silence != nil && *ch.Silence != form.None
	switch {
	case silent && ch.Value != nil && *ch.Value != "":
		return out, fmt.Errorf("answering %s: %w: a value and a silence at once", ref, form.ErrBadValue)
	case silent:
		out.Changed, err = k.mine.in.Silent(ref, *ch.Silence)
	case ch.Value != nil:
		out.Changed, err = k.mine.in.Set(ref, *ch.Value)
	case ch.Silence != nil:
		out.Changed, err = k.mine.in.Silent(ref, form.None)
	}
	if err != nil {
		return out, err
	}
	if !slices.Contains(out.Changed, ref) { // the same said again
		out.Changed = append([]form.Ref{ref}, out.Changed...)
	}
	if v, err := k.mine.in.View(ref); err == nil && was.Transcribed && ch.Transcribed == nil && (v.Value != was.Value || v.Silence != was.Silence) {
		no := false // what is said now did not stand on the paper
		ch.Transcribed = &no
	}
	if ch.Value != nil || ch.Silence != nil { // nobody is asked to finish: the last answer is the end, as ODK has it
		out.Changed = append(out.Changed, k.mine.in.Finish()...)
	}
	out.Saved, err = k.save(ctx, ref, ch, out.Changed, nil)
	return out, err
}

func allowedSources(n *form.Node, given *[]string) error {
	allowed := strings.Fields(kuaCell(n, "sources"))
	if given == nil || len(allowed) == 0 {
		return nil
	}
	for _, s := range *given {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("%w: %s; allowed are %s", ErrSource, s, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// pending gathers the changes of one save, and what memory takes over once they are durable.
type pending struct {
	k       *Checklist
	ctx     context.Context
	changes []Change
	rows    []*row
	said    map[syncproto.EntityID]*saidItem
	done    map[form.Ref]bool // places whose answer is among the changes
	seen    []Seen            // what the person saw of the item that they answer; nil while other items are written
	mine    []ownChange       // which of the changes are this person's own statements
	again   bool              // the form in memory has what was not saved, or not all that stands: read it again
}

// ownChange is a change of a personal field.
type ownChange struct {
	said  *saidItem
	field string
	at    int // among the changes
}

func (k *Checklist) pending(ctx context.Context) *pending {
	return &pending{k: k, ctx: ctx, said: map[syncproto.EntityID]*saidItem{}, done: map[form.Ref]bool{}}
}

// save writes what changed in the form of the person of this laptop: the answers that are kept and differ from what was
// saved, the further parts of the item at ref, and new instances of repeats. It runs under the client's mu, as all below.
func (k *Checklist) save(ctx context.Context, ref form.Ref, ch AnswerChange, changed []form.Ref, added []*row) (Saved, error) {
	c := k.c
	p := k.pending(ctx)
	for _, r := range added {
		if err := p.row(r); err != nil {
			return Saved{}, err
		}
	}
	for _, r := range append(slices.Clone(changed), k.defaults...) {
		p.seen = nil
		if r == ref {
			p.seen = ch.Seen
		}
		if err := p.value(r, r == ref); err != nil {
			return Saved{}, err
		}
	}
	p.seen = ch.Seen
	if ref != "" {
		if err := p.further(ref, ch); err != nil {
			return Saved{}, err
		}
	}
	if len(p.changes) == 0 {
		return Saved{}, nil
	}
	if err := k.soundSubject(ctx, p.changes); err != nil {
		return Saved{}, err
	}
	saved, err := c.saveAll(ctx, k.scope, p.changes)
	if err != nil {
		return saved, err
	}
	for _, r := range p.rows {
		k.rows[r.id] = r
		k.count(r)
	}
	for id, s := range p.said {
		k.said[id], k.items[itemKey{s.item, s.row}] = s, s
	}
	k.defaults, k.group = nil, nil
	p.shown(saved)
	if now := c.checklists.at(k.scope); now == k.moves+uint64(len(saved.Changesets)) && !p.again {
		k.moves = now
	} else {
		k.moves = 0
	}
	return saved, nil
}

// item returns the item at a place with this person's statement, ready to be changed, with the operations that make
// its record where it has none.
func (p *pending) item(at located) (*saidItem, *Said, error) {
	k := p.k
	if err := k.settle(&at); err != nil {
		return nil, nil, err
	}
	for _, r := range at.new {
		if k.rows[r.id] == nil && !slices.ContainsFunc(p.rows, func(o *row) bool { return o.id == r.id }) {
			if err := p.row(r); err != nil {
				return nil, nil, err
			}
		}
	}
	id, err := k.recordOf(at.node, at.row)
	if err != nil {
		return nil, nil, err
	}
	s := p.said[id]
	if s == nil {
		s = &saidItem{record: id, item: k.keys.key[at.node], row: at.row, by: map[syncproto.PersonID]*Said{}}
		if old := k.said[id]; old != nil {
			*s = *old
			s.by = make(map[syncproto.PersonID]*Said, len(old.by))
			for person, said := range old.by {
				s.by[person] = said
			}
		}
		if k.said[id] == nil || s.unnamed { // said again, what it is can be read by everybody
			if err := p.create(s); err != nil {
				return nil, nil, err
			}
			s.unnamed = false
		}
		p.said[id] = s
	}
	mine := Said{Person: k.me}
	if old := s.by[k.me]; old != nil {
		mine = *old
	} else {
		m, _ := k.c.rep.Roster().Member(k.me)
		mine.Name = m.Name
	}
	s.by[k.me] = &mine
	return s, &mine, nil
}

func (p *pending) create(s *saidItem) error {
	fields := map[string]string{"item": oneLine(s.item), "checklist": p.k.id.String()}
	if s.row != (syncproto.EntityID{}) {
		fields["row"] = s.row.String()
	}
	changes, err := createChanges("answer", s.record, fields)
	p.changes = append(p.changes, changes...)
	return err
}

func (p *pending) row(r *row) error {
	fields := map[string]string{"checklist": p.k.id.String(), "repeat": oneLine(r.repeat), "order": r.order}
	if r.parent != (syncproto.EntityID{}) {
		fields["parent"] = r.parent.String()
	}
	changes, err := createChanges("row", r.id, fields)
	p.changes, p.rows = append(p.changes, changes...), append(p.rows, r)
	return err
}

// value saves the answer at a place of the form where it is kept and differs from what was saved. asked is the item that
// the person answers; what the form sets elsewhere for health experts is not for others to say.
func (p *pending) value(ref form.Ref, asked bool) error {
	k := p.k
	v, err := k.mine.in.View(ref)
	if err != nil || !stored(v.Node) {
		return nil // a section, a note, something calculated
	}
	at, err := k.locate(k.mine, ref)
	if err != nil {
		return err
	}
	if asksUser(v.Node) && v.Value == k.shownUser(k.me) {
		v.Value = k.me.String()
	}
	open := v.Value == "" && v.Silence == form.None
	var said *Said
	if was := k.saidAt(at); was != nil {
		said = was.by[k.me]
	}
	switch {
	case p.done[ref]: // twice in the list
		return nil
	case said == nil && open && !slices.Contains(k.defaults, ref):
		return nil
	case said != nil && said.Value == v.Value && said.Silence == v.Silence && !(asked && len(said.Also) > 0):
		return nil
	case !asked && !k.mayAnswer(v.Node):
		p.again = true
		return nil
	}
	p.done[ref] = true
	s, mine, err := p.item(at)
	if err != nil {
		return err
	}
	mine.Value, mine.Silence, mine.Also = v.Value, v.Silence, nil
	return p.say(s, v)
}

// say saves an answer, in place of what this person said before in either field that keeps answers: which it is may be
// another one in another version of the form.
func (p *pending) say(s *saidItem, v form.View) error {
	name, other := "value", "medical"
	if forExperts(v.Node) {
		name, other = other, name
	}
	value := []byte(nil)
	switch {
	case v.Silence != form.None:
		value = syncproto.SilenceValue(syncproto.Silence(v.Silence))
	case v.Value != "":
		value = syncproto.AnswerValue(v.Value)
	}
	if err := p.set(s, name, value); err != nil {
		return err
	}
	if other == "medical" && p.k.may(syncproto.RightMedical) {
		return p.takeBack(s, other)
	}
	return nil
}

// takeBack ends what this person said in a field, where anything stands.
func (p *pending) takeBack(s *saidItem, name string) error {
	refers, beside, err := p.refers(Target{Scope: p.k.scope, Entity: s.record, Field: fieldOf("answer", name)})
	p.again = p.again || beside
	if err != nil || len(refers) == 0 {
		return err
	}
	return p.set(s, name, nil)
}

// saidAt finds what was said at a place.
func (k *Checklist) saidAt(at located) *saidItem {
	if len(at.new) > 0 {
		return nil
	}
	return k.items[itemKey{k.keys.key[at.node], at.row}]
}

// further saves the parts of an answer that are no value.
func (p *pending) further(ref form.Ref, ch AnswerChange) error {
	if ch.Sources == nil && ch.Note == nil && ch.Urgent == nil && ch.Links == nil && ch.Transcribed == nil && ch.Minority == nil {
		return nil
	}
	at, err := p.k.locate(p.k.mine, ref)
	if err != nil {
		return err
	}
	if at.node.Kind != form.KindQuestion {
		return form.ErrNotAsked
	}
	s, mine, err := p.item(at)
	if err != nil {
		return err
	}
	texts := map[string]string{}
	if ch.Sources != nil {
		mine.Sources = slices.Compact(slices.Sorted(slices.Values(*ch.Sources)))
		texts["sources"] = strings.Join(mine.Sources, " ")
	}
	if ch.Note != nil {
		mine.Note, texts["note"] = *ch.Note, *ch.Note
	}
	if ch.Minority != nil {
		mine.Minority, texts["minority"] = *ch.Minority, *ch.Minority
	}
	if ch.Urgent != nil {
		mine.Urgent, texts["urgent"] = *ch.Urgent, yesNo(*ch.Urgent)
	}
	if ch.Transcribed != nil {
		mine.Transcribed, texts["transcribed"] = *ch.Transcribed, yesNo(*ch.Transcribed)
	}
	if ch.Links != nil {
		mine.Links = slices.Clone(*ch.Links)
		slices.SortFunc(mine.Links, func(a, b syncproto.EntityID) int { return slices.Compare(a[:], b[:]) })
		mine.Links = slices.Compact(mine.Links)
		var words []string
		for _, id := range mine.Links {
			words = append(words, id.String())
		}
		texts["links"] = strings.Join(words, " ")
	}
	mine.Beside = slices.DeleteFunc(slices.Clone(mine.Beside), func(b SaidPart) bool { _, set := texts[b.Part]; return set })
	return p.setTexts(s, texts)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (p *pending) setTexts(s *saidItem, texts map[string]string) error {
	kind, _ := syncproto.KindNamed("answer")
	for i := range kind.Fields { // in one order: it is signed
		f := &kind.Fields[i]
		text, ok := texts[f.Name]
		if !ok {
			continue
		}
		var value []byte
		if text != "" {
			var err error
			if value, err = f.ParseValue(text); err != nil {
				return err
			}
		}
		if err := p.set(s, f.Name, value); err != nil {
			return err
		}
	}
	return nil
}

// set gives a personal field of an answer a value; nil is "asked, no answer". It takes the place of what this person saw
// of their own.
func (p *pending) set(s *saidItem, name string, value []byte) error {
	f := fieldOf("answer", name)
	refers, beside, err := p.refers(Target{Scope: p.k.scope, Entity: s.record, Field: f})
	if err != nil {
		return err
	}
	p.again = p.again || beside
	ch := Change{Kind: syncproto.KindSet, Entity: s.record, Field: f.ID, Flags: f.Flags(), Value: value, Refers: refers}
	if value == nil {
		ch.Kind = syncproto.KindClear
	}
	p.mine = append(p.mine, ownChange{s, name, len(p.changes)})
	p.changes = append(p.changes, ch)
	return nil
}

// refers returns what a change of an answer's field takes the place of, and whether anything that this person did not see
// stands beside it then. What is sealed under a key that is not here is left alone.
func (p *pending) refers(t Target) (refers []syncproto.OpRef, beside bool, err error) {
	standing, err := p.k.c.heads(p.ctx, t)
	if err != nil {
		return nil, false, err
	}
	seen := standing
	if p.seen != nil && t.Field.Name != "transcribed" { // a mark on the answer: nobody sees and changes it by itself
		if t.Seen, err = p.k.c.seenOn(p.ctx, t, p.seen); err == nil {
			seen, err = p.k.c.refers(p.ctx, t)
		}
		if err != nil {
			return nil, false, err
		}
	}
	for _, h := range seen {
		b, err := p.k.c.value(p.ctx, h)
		if err != nil {
			return nil, false, err
		}
		if b != nil {
			refers = append(refers, h)
		}
	}
	beside = slices.ContainsFunc(standing, func(h syncproto.OpRef) bool { return !slices.Contains(seen, h) })
	return refers, beside, nil
}

// partOf names the part of an answer that a field keeps: values of health experts are values.
func partOf(field string) string {
	if field == "medical" {
		return "value"
	}
	return field
}

// shown notes what a screen shows of this person's answers now that they are saved.
func (p *pending) shown(saved Saved) {
	if len(saved.Changesets) != 1 {
		p.again = true
		return
	}
	now := map[*saidItem]map[string][]Seen{}
	for _, m := range p.mine {
		if now[m.said] == nil {
			now[m.said] = map[string][]Seen{}
		}
		part := partOf(m.field)
		now[m.said][part] = append(now[m.said][part], Seen{saved.Changesets[0], m.at})
	}
	for s, parts := range now {
		was := s.seen
		s.seen, s.beside = parts, maps.Clone(s.beside)
		for part, seen := range was {
			if _, ok := parts[part]; !ok {
				s.seen[part] = seen
			}
		}
		maps.DeleteFunc(s.beside, func(part string, _ []Seen) bool { _, ok := parts[part]; return ok }) // else it is read again
	}
}
