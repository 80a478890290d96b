package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// box is one field that saves itself: the template "field" shows it, and each change comes back to saveField, which
// answers with the box anew.
type box struct {
	CSRF          string
	Scope, Entity string
	Kind, Name    string
	Number        syncproto.Field
	Type          syncproto.ValueType
	Value         string   // mine, or the one that stands
	Chosen        []string // of several words
	Codes         []string
	Options       []option // of a reference
	Seen          []string // what this box shows, to be sent back: a save replaces nothing else

	Stand  []fieldclient.Statement // different answers that stand beside each other
	Others []fieldclient.Statement // of other members, on a field where each has an own
	Saved  int64                   // when what is shown was written, Unix milliseconds by its author's clock; 0 nothing
	Author string                  // of what is shown, where it is not this person
	Review int                     // replacements that wait for an endorsement
	Locked bool                    // there is something, and its key is not here
	Gate   bool                    // because it was sealed at the gate: a coordinator releases it
	Veiled bool                    // there are words, and they are not for this person
	Fixed  bool                    // this person may not change it
	Wrong  string                  // why what was typed was not saved, as the field says it
	Unread form.Code               // why it is no number, where one is asked, or too long a text
	Far    string                  // key of the question whether what is saved is right, where it is far from what is usual
	ReadAs string                  // the number that it was read as, where it was typed in another way
	Focus  bool
	Help   bool // show the field's help
}

// option is one record that a reference may lead to.
type option struct{ ID, Label string }

// ID is the box's place in the page.
func (b *box) ID() string { return fmt.Sprintf("f-%s-%d", b.Entity, b.Number) }

// Long reports whether the value is a text of several lines.
func (b *box) Long() bool { return b.Type == syncproto.TypeLong }

// Is reports whether a word is chosen.
func (b *box) Is(word string) bool { return b.Value == word || slices.Contains(b.Chosen, word) }

// boxOf makes the box of one field of a record. options are given for a reference.
func (a *ask) boxOf(v fieldclient.View, name string, options ...option) (*box, error) {
	kind, ok := syncproto.KindNamed(v.Kind)
	if !ok {
		return nil, errNoPage
	}
	spec, err := kind.FieldNamed(name)
	if err != nil {
		return nil, err
	}
	me, err := a.client.Person()
	if err != nil {
		return nil, err
	}
	b := &box{CSRF: a.csrf(), Scope: v.Scope.String(), Entity: v.Entity.String(), Kind: kind.Name, Name: name, Number: spec.ID, Type: spec.Type,
		Codes: spec.Codes, Options: options, Fixed: v.Removed || v.ReadOnly || !a.mayWrite(v.Scope, spec)}
	for i := range v.Fields {
		f := &v.Fields[i]
		switch {
		case f.Name != name:
		case spec.Class == syncproto.Personal && (len(f.Heads) == 0 || f.Heads[0].Person != me.Person):
			b.Others = append(b.Others, f.Heads...)
		default:
			b.show(f, me.Person)
		}
	}
	b.Far = far(b.Type, b.Value, a.s.cfg.Client.Now())
	if spec.Type == syncproto.TypeCodes {
		if len(b.Codes) == 0 {
			b.Codes = offered(kind.Name, name)
		}
		if b.Value != "" {
			b.Chosen = strings.Split(b.Value, ", ")
		}
		b.addChosen()
	}
	return b, nil
}

// show takes over what stands on the field. Of different answers the person's own is the one that can be changed.
func (b *box) show(f *fieldclient.FieldView, me syncproto.PersonID) {
	for _, s := range fieldclient.SeenOf(*f) {
		b.Seen = append(b.Seen, markOf(s))
	}
	b.Review = len(f.Review)
	if len(f.Heads) == 0 {
		return
	}
	shown, differ := f.Heads[0], f.Conflict
	for _, h := range f.Heads {
		if mine := h.Person == me; shown.Locked && !h.Locked || mine && (!h.Locked || shown.Locked) {
			shown = h
		}
		differ = differ || h.Locked != f.Heads[0].Locked || f.Class == string(syncproto.Personal) && h.Value != f.Heads[0].Value
	}
	if differ {
		b.Stand = f.Heads
	}
	b.Value, b.Saved, b.Locked, b.Gate, b.Veiled = shown.Value, shown.Written, shown.Locked, shown.Gate, shown.Veiled
	b.Fixed = b.Fixed || b.Veiled
	if shown.Person != me {
		b.Author = shown.Name
	}
}

// boxes makes the boxes of several fields.
func (a *ask) boxes(v fieldclient.View, names ...string) ([]*box, error) {
	var out []*box
	for _, n := range names {
		b, err := a.boxOf(v, n)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (a *ask) mayWrite(scope syncproto.ScopeID, f *syncproto.FieldSpec) bool {
	if f.Writer == syncproto.RightRegistry {
		return a.client.May(scope, f.Writer)
	}
	return a.client.May(scope, syncproto.RightWrite|f.Writer)
}

// target reads which field of which record a form is about.
func (a *ask) target() (t fieldclient.Target, kind *syncproto.EntityKind, err error) {
	if t.Scope, err = syncproto.ParseScopeID(a.PostFormValue("scope")); err != nil {
		return t, nil, errNoPage
	}
	if t.Entity, err = syncproto.ParseEntityID(a.PostFormValue("entity")); err != nil {
		return t, nil, errNoPage
	}
	n, err := strconv.ParseUint(a.PostFormValue("field"), 10, 32)
	if err != nil {
		return t, nil, errNoPage
	}
	kind, spec, ok := syncproto.LookupField(syncproto.Field(n))
	if !ok {
		return t, nil, errNoPage
	}
	t.Field = spec
	t.Seen, err = readSeen(a.PostForm["seen"])
	return t, kind, err
}

// markOf names a statement in a form, for readSeen.
func markOf(s fieldclient.Seen) string { return fmt.Sprintf("%s:%d", s.Changeset, s.Index) }

// readSeen reads what a box showed. It is never nil: whoever saw an empty field saw no answer.
func readSeen(list []string) ([]fieldclient.Seen, error) {
	out := []fieldclient.Seen{}
	for _, s := range list {
		id, index, _ := strings.Cut(s, ":")
		c, err := syncproto.ParseChangesetID(id)
		if err != nil {
			return nil, errNoPage
		}
		n, err := strconv.Atoi(index)
		if err != nil {
			return nil, errNoPage
		}
		out = append(out, fieldclient.Seen{Changeset: c, Index: n})
	}
	return out, nil
}

// saveField saves one field and answers with its box. "Saved" in it means that the disk has it.
func saveField(a *ask) error {
	t, kind, err := a.target()
	if err != nil {
		return err
	}
	typed, unread := a.typed(t.Field)
	err = a.saveTyped(a.Context(), t, kind, typed)
	var wrong *typedWrongly
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	v, err := a.client.Record(a.Context(), t.Scope, t.Entity)
	if err != nil {
		return err
	}
	b, err := a.boxOf(v, t.Field.Name, a.optionsOf(t.Field)...)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if wrong != nil {
		switch {
		case errors.Is(wrong, syncproto.ErrTooLong):
			unread = codeLong
		case errors.Is(wrong, syncproto.ErrBelowZero):
			unread = codeBelow
		}
		b.Wrong, b.Value, b.Unread, b.Far, status = wrong.Error(), typed, unread, "", http.StatusUnprocessableEntity
	} else if t.Field.Type == syncproto.TypeInt || t.Field.Type == syncproto.TypeDecimal {
		b.ReadAs = a.words.readAs(a.field("value"), typed)
	}
	if !a.htmx() { // without the page's script, or before it came
		if wrong != nil {
			return a.showField(status, t, &fieldPage{Box: b, Other: a.field("value"), Wrong: wrongWords(unread)})
		}
		return a.to("/at/%s/%s/%d", t.Scope, t.Entity, t.Field.ID)
	}
	return a.render(status, a.s.screens.parts[a.words.Language], "field", b)
}

// typed returns what a form says of a field, as the vocabulary reads it. unread says why it is no number, where one is
// asked.
func (a *ask) typed(f *syncproto.FieldSpec) (value string, unread form.Code) {
	value = strings.TrimRight(a.field("value"), "\n")
	switch f.Type {
	case syncproto.TypeCodes:
		return strings.Join(a.PostForm["value"], ","), ""
	case syncproto.TypeTime:
		return hours(value), ""
	case syncproto.TypeBool:
		return cmp.Or(value, "no"), ""
	case syncproto.TypeInt, syncproto.TypeDecimal:
		number, unread := typedNumber(value, f.Type == syncproto.TypeInt)
		if unread != "" {
			return value, unread
		}
		return number, ""
	}
	return value, ""
}

// hours reads a time of day as people type it in a hurry: 9:30, 9.30, 930, 9.
func hours(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	h, m, cut := strings.Cut(strings.NewReplacer(".", ":", ",", ":", "-", ":", " ", ":").Replace(strings.TrimSpace(s)), ":")
	if !cut && len(digits) == len(strings.TrimSpace(s)) {
		switch len(digits) {
		case 1, 2:
			h, m = digits, "00"
		case 3, 4:
			h, m = digits[:len(digits)-2], digits[len(digits)-2:]
		}
	}
	hn, err1 := strconv.Atoi(h)
	mn, err2 := strconv.Atoi(m)
	if err1 != nil || err2 != nil || hn > 23 || mn > 59 || hn < 0 || mn < 0 {
		return strings.TrimSpace(s) // the vocabulary says what is wrong with it
	}
	return fmt.Sprintf("%02d:%02d", hn, mn)
}

// wrongWords is the key of what is said of a value that its field does not take.
func wrongWords(unread form.Code) string {
	if unread != "" {
		return "checklist.problem." + string(unread)
	}
	return "field.wrong"
}

// typedWrongly says that a field does not take what was typed.
type typedWrongly struct{ error }

func (e *typedWrongly) Unwrap() error { return e.error }

// saveTyped saves what was typed, unless it stands there already: leaving a field must not write it again.
func (a *ask) saveTyped(ctx context.Context, t fieldclient.Target, kind *syncproto.EntityKind, typed string) error {
	v, err := a.client.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return err
	}
	if v.Kind != kind.Name {
		return errNoPage
	}
	now, err := a.boxOf(v, t.Field.Name)
	if err != nil {
		return err
	}
	if typed == "" || t.Field.Type == syncproto.TypeBool && typed == "no" && now.Saved == 0 {
		if now.Saved == 0 || now.Value == "" {
			return nil
		}
		_, err = a.client.Clear(ctx, t)
		return err
	}
	value, err := t.Field.ParseValue(typed)
	if err != nil {
		return &typedWrongly{err}
	}
	if now.Author == "" && len(now.Stand) == 0 && now.Saved != 0 && now.Value == t.Field.FormatValue(value) {
		return nil
	}
	_, err = a.client.Set(ctx, t, value)
	return err
}

// optionsOf returns the records that a reference may lead to.
func (a *ask) optionsOf(f *syncproto.FieldSpec) []option {
	if f.Type != syncproto.TypeRef {
		return nil
	}
	var out []option
	switch f.Name {
	case "follows":
		places, err := placeNames(a.Context(), a.client)
		if err != nil {
			return nil
		}
		for _, s := range a.client.Replica().Scopes() {
			if s.Standing.Registry {
				continue
			}
			if c, err := cardOf(a.Context(), a.client, s.Scope, places); err == nil && !c.Locked {
				out = append(out, option{s.Scope.String(), strings.Join(slices.DeleteFunc([]string{c.Title, c.Place, a.words.Date(c.Date)}, func(s string) bool { return s == "" }), " · ")})
			}
		}
	case "facility":
		places, err := placeNames(a.Context(), a.client)
		if err != nil {
			return nil
		}
		for id, name := range places {
			out = append(out, option{id, name})
		}
	}
	slices.SortFunc(out, func(x, y option) int { return strings.Compare(x.Label, y.Label) })
	return out
}
