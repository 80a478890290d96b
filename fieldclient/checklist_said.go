package fieldclient

import (
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
	// met. Their next answer settles it.
	Also []SaidValue `json:"also,omitempty"`
}

// SaidValue is a value or a silence.
type SaidValue struct {
	Value   string       `json:"value,omitempty"`
	Silence form.Silence `json:"silence,omitempty"`
}

// answered reports whether there is a value or a silence.
func (s *Said) answered() bool { return s.Value != "" || s.Silence != form.None }

// saidItem is the record of one item.
type saidItem struct {
	record syncproto.EntityID
	item   string
	row    syncproto.EntityID
	by     map[syncproto.PersonID]*Said
	agreed []Seen // what stands of the group's answer
	values []Said // the same, read
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
			b, ok, err := r.head(ctx, f.Heads)
			if err != nil {
				return err
			}
			if said := r.personal(s, f.Person); ok {
				said.take(spec, b)
			}
		}
	}
	if err := r.answers(ctx, s, answers); err != nil || len(apart) == 0 {
		return err
	}
	aside := &saidItem{record: s.record, item: s.item, row: s.row, by: map[syncproto.PersonID]*Said{}}
	if err := r.answers(ctx, aside, apart); err != nil {
		return err
	}
	if aside.spoken() {
		r.strays = append(r.strays, aside)
	}
	return nil
}

func (r *checklistReader) answers(ctx context.Context, s *saidItem, heads map[syncproto.PersonID][]syncproto.Head) error {
	for p, list := range heads {
		if err := r.one(ctx, r.personal(s, p), list); err != nil {
			return err
		}
	}
	return nil
}

// one reads a person's answer. Where several stand, the newest is shown with the others beside it: no clock takes an
// answer away.
func (r *checklistReader) one(ctx context.Context, said *Said, heads []syncproto.Head) error {
	var standing []syncproto.Head
	var all []SaidValue
	for _, h := range heads {
		text, silence, ok := syncproto.AnswerOf(r.values[h.OpRef])
		one := SaidValue{text, form.Silence(silence)}
		if !ok || h.Kind == syncproto.KindClear || one == (SaidValue{}) {
			continue
		}
		standing = append(standing, h)
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	b, ok, err := r.head(ctx, standing)
	if err != nil || !ok {
		return err
	}
	text, silence, _ := syncproto.AnswerOf(b)
	said.Value, said.Silence = text, form.Silence(silence)
	for _, o := range all {
		if o != (SaidValue{said.Value, said.Silence}) {
			said.Also = append(said.Also, o)
		}
	}
	slices.SortFunc(said.Also, func(a, b SaidValue) int {
		if a.Silence != b.Silence {
			return int(a.Silence) - int(b.Silence)
		}
		return strings.Compare(a.Value, b.Value)
	})
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
