package fieldclient

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
)

// Step is what comes next in a person's form.
type Step struct {
	Item      // the first open question, where one is left
	Left bool // whether one is
	// Notes are the form author's words between the question before and this one.
	Notes []Item
	// Empty are repeats that nobody has begun, such as cells of which none is measured: those between the question before
	// and this one, or where no question is left all of them.
	Empty []Item
}

// Next gives the first open question of this person's form behind a place, or from the beginning with "".
func (k *Checklist) Next(ctx context.Context, after form.Ref) (Step, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return Step{}, err
	}
	after, err := k.resolve(k.mine, after)
	if err != nil {
		return Step{}, err
	}
	var notes, empty, before []Item
	passed := after == ""
	for _, p := range k.mine.in.All() {
		if !passed {
			passed = p.Ref == after
			continue
		}
		it := k.item(k.mine, p)
		switch {
		case it.Medical, !it.Relevant:
		case it.Empty():
			empty, before = append(empty, it), append(before, it)
		case it.Node.Type == "note":
			notes = append(notes, it)
		case !it.Asked:
		case it.Value == "" && it.Silence == form.None && !it.Mine.Sealed(): // what was sealed at the gate is not open
			return Step{it, true, notes, before}, nil
		default:
			notes, before = nil, nil
		}
	}
	return Step{Notes: notes, Empty: empty}, nil
}

// Empty gives the repeats of this person's form that nobody has begun.
func (k *Checklist) Empty(ctx context.Context) ([]Item, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	var out []Item
	for _, p := range k.mine.in.All() {
		if it := k.item(k.mine, p); it.Empty() && !it.Medical {
			out = append(out, it)
		}
	}
	return out, nil
}

// Names gives the name of every question, repeat and instance of this person's form, as Find, FindRepeat and FindRow take
// it: its stable id, and where several places have the same one its number among them, as in COL-02/area:2. Instances
// always have a number.
func (k *Checklist) Names(ctx context.Context) (map[form.Ref]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	return k.namesIn(k.mine), nil
}

// sortOfPlace tells apart what has names of its own.
type sortOfPlace int

const (
	sortQuestion sortOfPlace = iota
	sortRepeat
	sortInstance
	sortSection
)

func sortOf(p *form.Part) sortOfPlace {
	switch {
	case p.Node.Kind == form.KindQuestion:
		return sortQuestion
	case p.Whole:
		return sortRepeat
	case p.Node.Kind == form.KindRepeat:
		return sortInstance
	}
	return sortSection
}

// shownKey is the id under which people know a question or a repeat. Answers in a repeat are filed under its key, which
// stays as it is; what is shown is the author's kua::id.
func (k *Checklist) shownKey(n *form.Node) string {
	if n.Kind == form.KindRepeat {
		return cmp.Or(kuaCell(n, "id"), k.keys.key[n])
	}
	return k.keys.key[n]
}

func (k *Checklist) namesIn(sh *sheet) map[form.Ref]string {
	type name struct {
		of  sortOfPlace
		key string
	}
	at := map[name][]form.Ref{}
	for _, p := range sh.in.All() {
		if of := sortOf(&p); of != sortSection {
			n := name{of, k.shownKey(p.Node)}
			at[n] = append(at[n], p.Ref)
		}
	}
	out := map[form.Ref]string{}
	for n, refs := range at {
		for i, ref := range refs {
			out[ref] = n.key
			if len(refs) > 1 || n.of == sortInstance {
				out[ref] += ":" + strconv.Itoa(i+1)
			}
		}
	}
	return out
}

// Find gives the place of an item by its stable id, by its name, or by its place itself; of those in a repeat the first.
func (k *Checklist) Find(ctx context.Context, name string) (form.Ref, error) {
	found, n, err := k.find(ctx, name, sortQuestion)
	if err == nil && n > len(found) {
		err = fmt.Errorf("%s: %w", name, form.ErrNoPlace)
	}
	if err != nil {
		return "", err
	}
	return found[n-1], nil
}

// FindRepeat gives the place of a repeat as a whole, as AddRow takes it, in the same ways. In another repeat it stands in
// each instance: then one has to be named.
func (k *Checklist) FindRepeat(ctx context.Context, name string) (form.Ref, error) {
	return k.findOne(ctx, name, sortRepeat)
}

// FindRow gives the place of an instance of a repeat, as StrikeRow takes it: COL-02:2 is the second of the repeat COL-02.
// Where there is only one, it needs no number.
func (k *Checklist) FindRow(ctx context.Context, name string) (form.Ref, error) {
	return k.findOne(ctx, name, sortInstance)
}

// ErrSeveralPlaces says that a name could mean several places of a checklist.
var ErrSeveralPlaces = fmt.Errorf("several places have this name: name one by its number")

func (k *Checklist) findOne(ctx context.Context, name string, of sortOfPlace) (form.Ref, error) {
	found, n, err := k.find(ctx, name, of)
	switch numbered := strings.HasSuffix(name, ":"+strconv.Itoa(n)); {
	case err != nil:
		return "", err
	case n > len(found):
		return "", fmt.Errorf("%s: %w", name, form.ErrNoPlace)
	case len(found) > 1 && !numbered:
		return "", fmt.Errorf("%s: %w, such as %s:%d", name, ErrSeveralPlaces, name, len(found))
	}
	return found[n-1], nil
}

// find gives the places that have a name, and which of them is meant, from 1.
func (k *Checklist) find(ctx context.Context, name string, of sortOfPlace) (found []form.Ref, n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, 0, err
	}
	all := k.mine.in.All()
	if ref, err := k.resolve(k.mine, form.Ref(name)); err == nil {
		if i := slices.IndexFunc(all, func(p form.Part) bool { return p.Ref == ref && (sortOf(&p) == of || of == sortQuestion && !p.Whole) }); i >= 0 {
			return []form.Ref{ref}, 1, nil
		}
	}
	found, n = k.named(all, name, of), 1
	if i := strings.LastIndexByte(name, ':'); len(found) == 0 && i > 0 {
		found, n = k.named(all, name[:i], of), placeOf(name[i+1:])
	}
	if n < 1 || len(found) == 0 {
		return nil, 0, fmt.Errorf("%s: %w", name, form.ErrNoPlace)
	}
	return found, n, nil
}

// named finds the places that have an id or, where none has, a name.
func (k *Checklist) named(all []form.Part, name string, of sortOfPlace) []form.Ref {
	var byKey, byName []form.Ref
	for _, p := range all {
		switch is := sortOf(&p); {
		case is != of && !(of == sortQuestion && is == sortSection):
		case k.shownKey(p.Node) == name:
			byKey = append(byKey, p.Ref)
		case p.Node.Name == name:
			byName = append(byName, p.Ref)
		}
	}
	if len(byKey) > 0 {
		return byKey
	}
	return byName
}
