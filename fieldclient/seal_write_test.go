package fieldclient

import (
	"slices"
	"testing"

	"kua/syncproto"
)

// samples are texts of which each type of value takes some.
var samples = []string{"first words", "11", "2026-03-05", "09:30", "yes"}

// twoValues are two different values of a field, or fewer where the samples hold none.
func twoValues(f *syncproto.FieldSpec) (out [][]byte) {
	texts := append(slices.Clone(f.Codes), append(samples, "second words", "12", "2026-03-06", "09:45", "no")...)
	for _, text := range texts {
		if b, err := f.ParseValue(text); err == nil && len(out) < 2 && (len(out) == 0 || string(out[0]) != string(b)) {
			out = append(out, b)
		}
	}
	return out
}

// Whatever kind of record it is, and whether the caller names what it saw or leaves it to the moment of the save: a
// statement that its writer could not read is replaced by nothing.
func TestNoChangeTakesThePlaceOfWhatItsWriterCouldNotRead(t *testing.T) {
	ctx := t.Context()
	for _, seen := range []string{"named", "not named"} {
		b := newBuilding(t)
		b.aru.enterGate(b.visit)
		var targets []Target
		for i := range syncproto.Vocabulary {
			kind := &syncproto.Vocabulary[i]
			id := syncproto.EntityID(b.visit)
			if kind.Name != "visit" {
				var err error
				if id, err = b.aru.Create(ctx, b.visit, kind.Name, nil); err != nil {
					continue // not a monitor's, or of the registry
				}
			}
			for j := range kind.Fields {
				target := Target{Scope: b.visit, Entity: id, Field: &kind.Fields[j]}
				values := twoValues(target.Field)
				if len(values) < 2 {
					continue
				}
				if _, err := b.aru.Set(ctx, target, values[0]); err == nil {
					targets = append(targets, target)
				}
			}
		}
		if len(targets) < 40 {
			t.Fatalf("only %d fields could be written", len(targets))
		}
		b.aru.reopen()
		written := targets[:0]
		for _, target := range targets {
			if seen == "named" {
				target.Seen = b.aru.statements(target)
			}
			if _, err := b.aru.Set(ctx, target, twoValues(target.Field)[1]); err == nil { // content waits for a consent that is asked again
				written = append(written, target)
			}
		}
		b.meet()
		if _, err := b.saule.ReleaseGate(ctx, b.visit); err != nil {
			t.Fatal(err)
		}
		b.meet()
		for _, target := range written {
			history, err := b.aru.History(ctx, target)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range history {
				if h.Person == b.aru.person && h.Fate != syncproto.FateHead.String() {
					t.Errorf("seen %s: %s: %q of its own writer was %s unread", seen, target.Field.Name, h.Value, h.Fate)
				}
			}
		}
	}
}

// statements names all that stands on a field, read or not.
func (l *laptop) statements(target Target) []Seen {
	l.t.Helper()
	v, err := l.Record(l.t.Context(), target.Scope, target.Entity)
	if err != nil {
		l.t.Fatal(err)
	}
	out := []Seen{}
	for _, f := range v.Fields {
		if f.Name == target.Field.Name {
			out = append(out, SeenOf(f)...)
		}
	}
	return out
}

func TestWhatIsSealedIsNoPartOfWhatARemovalSaw(t *testing.T) {
	ctx := t.Context()
	b := newBuilding(t)
	id, err := b.aru.Create(ctx, b.visit, "observation", map[string]string{"text": "seen"})
	if err != nil {
		t.Fatal(err)
	}
	b.aru.enterGate(b.visit)
	kind, _ := syncproto.KindNamed("observation")
	f, _ := kind.FieldNamed("place")
	target := Target{Scope: b.visit, Entity: id, Field: f}
	value, _ := f.ParseValue("the third cell")
	if _, err := b.aru.Set(ctx, target, value); err != nil {
		t.Fatal(err)
	}
	b.aru.reopen()
	if _, err := b.aru.Remove(ctx, b.visit, id); err != nil {
		t.Fatal(err)
	}
	b.meet()
	if _, err := b.saule.ReleaseGate(ctx, b.visit); err != nil {
		t.Fatal(err)
	}
	b.meet()
	if v, err := b.timur.Record(ctx, b.visit, id); err != nil || !v.Removed || v.Edited == 0 {
		t.Errorf("a sealed statement went with a record whose remover could not read it: removed %v, edited %d, %v", v.Removed, v.Edited, err)
	}
}
