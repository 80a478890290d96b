package fieldclient

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"kua/fieldclient/form"
	"kua/internal/replica"
	"kua/syncproto"
)

// Said is what one member says of one item.
type Said struct {
	Person      syncproto.PersonID   `json:"person"`
	Name        string               `json:"name"`
	Value       string               `json:"value,omitempty"`
	Silence     form.Silence         `json:"silence,omitempty"`
	Sources     []string             `json:"sources,omitempty"`
	Note        string               `json:"note,omitempty"`
	Urgent      bool                 `json:"urgent,omitempty"`
	Links       []syncproto.EntityID `json:"links,omitempty"`
	Transcribed bool                 `json:"transcribed,omitempty"` // typed in later from paper
	Minority    string               `json:"minority,omitempty"`
	// Also are other answers of the same person that stand beside this one: they answered on two laptops that had not
	// met, or again before what they had sealed at the gate was released. Their next answer settles it.
	Also []SaidValue `json:"also,omitempty"`
	// Beside are the same of the other parts: a note, sources and so on that were written by who had not seen this one.
	Beside []SaidPart `json:"beside,omitempty"`
	Locked bool       `json:"locked,omitempty"` // an answer of theirs stands that does not open on this laptop
	Gate   bool       `json:"gate,omitempty"`   // because it was sealed at the gate: see ReleaseGate
	Closed []string   `json:"closed,omitempty"` // the other parts of which something does not open, such as "note"
}

// SaidValue is a value or a silence.
type SaidValue struct {
	Value   string       `json:"value,omitempty"`
	Silence form.Silence `json:"silence,omitempty"`
}

// SaidPart is a part of an answer that is no value: a field of the vocabulary, and what it says as it is typed.
type SaidPart struct {
	Part string `json:"part"`
	Text string `json:"text"`
}

// answered reports whether there is a value or a silence.
func (s *Said) answered() bool { return s.Value != "" || s.Silence != form.None }

// Sealed reports whether all that stands of an answer does not open here: it is neither open nor known.
func (s *Said) Sealed() bool { return s.Locked && !s.answered() }

// saidItem is the record of one item.
type saidItem struct {
	record syncproto.EntityID
	item   string
	row    syncproto.EntityID
	by     map[syncproto.PersonID]*Said
	seen   map[string][]Seen // what is shown of the person of this laptop, by part
	beside map[string][]Seen // what of them stands beside it
	agreed []Seen            // what stands of the group's answer
	values []Said            // the same, read
	// unnamed says that which item it is was sealed as well: it is known by the record's id, and to nobody without the key
	// that the id is derived from.
	unnamed bool
}

// itemKey names an item within an instance of a repeat; row is zero outside repeats.
type itemKey struct {
	item string
	row  syncproto.EntityID
}

func (r *checklistReader) answer(ctx context.Context, v replica.RecordView) error {
	if !v.State.Exists {
		return nil
	}
	s, stray := r.knownItem(v.Entity, claimsOf(v, r.values))
	if s == nil {
		s, stray = r.unnamedItem(v.Entity), false
	}
	if s == nil {
		return nil
	}
	if err := r.statements(ctx, s, v); err != nil {
		return err
	}
	if stray {
		r.strays = append(r.strays, s)
	} else {
		r.said[v.Entity] = s
	}
	return nil
}

// statements reads what everybody says of an item. A field that is flagged otherwise than the vocabulary has it is
// another field.
func (r *checklistReader) statements(ctx context.Context, s *saidItem, v replica.RecordView) error {
	answers := map[syncproto.PersonID][]syncproto.Head{}
	apart := map[syncproto.PersonID][]syncproto.Head{} // for health experts only, and not said as one
	for i := range v.State.Fields {
		f := &v.State.Fields[i]
		_, spec, known := syncproto.LookupField(f.Field)
		if !known || f.Personal != (spec.Class == syncproto.Personal) {
			continue
		}
		switch {
		case spec.Name == "agreed":
			if err := r.agreed(ctx, s, f.Heads); err != nil {
				return err
			}
		case spec.Name == "value" && forExperts(r.k.keys.node[s.item]):
			apart[f.Person] = f.Heads
		case spec.Name == "value" || spec.Name == "medical":
			answers[f.Person] = append(answers[f.Person], f.Heads...)
		case f.Personal:
			if err := r.part(ctx, s, f, spec, v.State.Fates); err != nil {
				return err
			}
		}
	}
	if err := r.answers(ctx, s, answers, v.State.Fates); err != nil || len(apart) == 0 {
		return err
	}
	aside := &saidItem{record: s.record, item: s.item, row: s.row, by: map[syncproto.PersonID]*Said{}}
	if err := r.answers(ctx, aside, apart, v.State.Fates); err != nil {
		return err
	}
	if aside.spoken() {
		r.strays = append(r.strays, aside)
	}
	return nil
}

func (r *checklistReader) answers(ctx context.Context, s *saidItem, heads map[syncproto.PersonID][]syncproto.Head, fates map[syncproto.OpRef]syncproto.Fate) error {
	for p, list := range heads {
		said := r.personal(s, p)
		if err := r.one(ctx, s, said, list); err != nil {
			return err
		}
		locked, gate, err := r.closedAmong(ctx, fates, list)
		if err != nil {
			return err
		}
		said.Locked, said.Gate = said.Locked || locked, said.Gate || gate
	}
	return nil
}

// closedAmong reports whether any of several statements on a record does not open here, and whether one of them because it
// was sealed at the gate.
func (r *checklistReader) closedAmong(ctx context.Context, fates map[syncproto.OpRef]syncproto.Fate, heads []syncproto.Head) (locked, gate bool, err error) {
	for _, h := range heads {
		if r.values[h.OpRef] != nil {
			continue
		}
		shut, at, err := r.c.closed(ctx, h.OpRef, fates[h.OpRef].Kind)
		if err != nil {
			return false, false, err
		}
		locked, gate = locked || shut, gate || at
	}
	return locked, gate, nil
}

// one reads a person's answer. Where several stand, the newest is shown with the others beside it: no clock takes an
// answer away.
func (r *checklistReader) one(ctx context.Context, s *saidItem, said *Said, heads []syncproto.Head) error {
	var standing, shown []syncproto.Head
	for _, h := range heads {
		if text, silence, ok := syncproto.AnswerOf(r.values[h.OpRef]); ok && h.Kind != syncproto.KindClear && (text != "" || silence != 0) {
			standing = append(standing, h)
		} else {
			shown = append(shown, h) // it says nothing
		}
	}
	b, ok, err := r.head(ctx, standing)
	if err != nil {
		return err
	}
	if ok {
		text, silence, _ := syncproto.AnswerOf(b)
		said.Value, said.Silence = text, form.Silence(silence)
	}
	for _, h := range standing {
		text, silence, _ := syncproto.AnswerOf(r.values[h.OpRef])
		o := SaidValue{text, form.Silence(silence)}
		if o == (SaidValue{said.Value, said.Silence}) {
			shown = append(shown, h)
		} else if !slices.Contains(said.Also, o) {
			said.Also = append(said.Also, o)
		}
	}
	slices.SortFunc(said.Also, func(a, b SaidValue) int {
		if a.Silence != b.Silence {
			return int(a.Silence) - int(b.Silence)
		}
		return strings.Compare(a.Value, b.Value)
	})
	return r.see(ctx, s, said, "value", shown, heads)
}

// part reads another part of a person's answer, in the same way.
func (r *checklistReader) part(ctx context.Context, s *saidItem, f *syncproto.FieldState, spec *syncproto.FieldSpec, fates map[syncproto.OpRef]syncproto.Fate) error {
	said := r.personal(s, f.Person)
	if locked, _, err := r.closedAmong(ctx, fates, f.Heads); err != nil {
		return err
	} else if locked {
		said.Closed = append(said.Closed, spec.Name)
	}
	var standing, shown []syncproto.Head
	for _, h := range f.Heads {
		if h.Kind != syncproto.KindClear && r.values[h.OpRef] != nil {
			standing = append(standing, h)
		} else {
			shown = append(shown, h)
		}
	}
	b, ok, err := r.head(ctx, standing)
	if err != nil {
		return err
	}
	if ok {
		said.take(spec, b)
	}
	for _, h := range standing {
		other := r.values[h.OpRef]
		if bytes.Equal(other, b) || spec.Name == "transcribed" {
			shown = append(shown, h)
		} else if o := (SaidPart{spec.Name, partText(spec, other)}); !slices.Contains(said.Beside, o) {
			said.Beside = append(said.Beside, o)
		}
	}
	slices.SortFunc(said.Beside, func(a, b SaidPart) int { return strings.Compare(a.Part+"\x00"+a.Text, b.Part+"\x00"+b.Text) })
	return r.see(ctx, s, said, spec.Name, shown, f.Heads)
}

// partText is a part of an answer as it is typed: words with blanks between them.
func partText(spec *syncproto.FieldSpec, b []byte) string {
	if spec.Name == "sources" || spec.Name == "links" {
		return strings.Join(syncproto.WordsOf(b), " ")
	}
	return spec.FormatValue(b)
}

// see notes which statements of the person of this laptop a screen shows, and which stand beside them.
func (r *checklistReader) see(ctx context.Context, s *saidItem, said *Said, part string, shown, all []syncproto.Head) error {
	if said.Person != r.k.me {
		return nil
	}
	if s.seen == nil {
		s.seen, s.beside = map[string][]Seen{}, map[string][]Seen{}
	}
	for _, h := range all {
		id, ok := r.ids[h.Changeset]
		if !ok {
			l, err := r.c.rep.Row(ctx, h.Changeset)
			if err != nil {
				return err
			}
			id, r.ids[h.Changeset] = l.ID, l.ID
		}
		if slices.Contains(shown, h) {
			s.seen[part] = append(s.seen[part], Seen{id, h.Index})
		} else {
			s.beside[part] = append(s.beside[part], Seen{id, h.Index})
		}
	}
	return nil
}

// agreed reads what stands of the group's answer.
func (r *checklistReader) agreed(ctx context.Context, s *saidItem, heads []syncproto.Head) error {
	for _, h := range heads {
		l, err := r.c.rep.Row(ctx, h.Changeset)
		if err != nil {
			return err
		}
		s.agreed = append(s.agreed, Seen{Changeset: l.ID, Index: h.Index})
		said := Said{Person: h.Person, Name: r.personName(h.Person)}
		if b := r.values[h.OpRef]; h.Kind != syncproto.KindClear {
			if text, silence, ok := syncproto.AnswerOf(b); ok {
				said.Value, said.Silence = text, form.Silence(silence)
			}
		}
		s.values = append(s.values, said)
	}
	return nil
}

func (r *checklistReader) personName(p syncproto.PersonID) string {
	m, _ := r.c.rep.Roster().Member(p)
	return m.Name
}

func (r *checklistReader) personal(s *saidItem, p syncproto.PersonID) *Said {
	if s.by[p] == nil {
		s.by[p] = &Said{Person: p, Name: r.personName(p)}
	}
	return s.by[p]
}

// take reads one further part of an answer.
func (s *Said) take(spec *syncproto.FieldSpec, b []byte) {
	switch spec.Name {
	case "sources":
		s.Sources = syncproto.WordsOf(b)
	case "note":
		s.Note = syncproto.TextOf(b)
	case "urgent":
		s.Urgent = spec.FormatValue(b) == "yes"
	case "transcribed":
		s.Transcribed = spec.FormatValue(b) == "yes"
	case "minority":
		s.Minority = syncproto.TextOf(b)
	case "links":
		s.Links = nil
		for _, w := range syncproto.WordsOf(b) {
			if id, err := syncproto.ParseEntityID(w); err == nil {
				s.Links = append(s.Links, id)
			}
		}
	}
}

// spoken reports whether anybody has said anything of an item.
func (s *saidItem) spoken() bool {
	for _, said := range s.by {
		if said.answered() {
			return true
		}
	}
	return len(s.values) > 0
}
