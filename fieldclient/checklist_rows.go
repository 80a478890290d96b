package fieldclient

import (
	"context"
	"fmt"
	"io"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// AddRow adds an instance to a repeat, such as /data/cells, and saves it with the answers that the form gives it. It
// returns the instance's place. repeat may be a lasting place.
func (k *Checklist) AddRow(ctx context.Context, repeat form.Ref) (ref form.Ref, out Answered, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.writing(ctx, func() error { ref, out, err = k.addRow(ctx, repeat); return err })
	if err != nil {
		return "", out, err
	}
	return ref, out, nil
}

func (k *Checklist) addRow(ctx context.Context, repeat form.Ref) (ref form.Ref, out Answered, err error) {
	if repeat, err = k.resolve(k.mine, repeat); err != nil {
		return "", out, err
	}
	if ref, out.Changed, err = k.mine.in.Add(repeat); err != nil {
		return "", out, err
	}
	v, err := k.mine.in.View(ref)
	if err != nil {
		return "", out, err
	}
	added, err := k.newRow(repeat, v.Node)
	if err != nil {
		return "", out, err
	}
	for _, r := range added { // from here on it is in the form: what it begins with has its place
		k.rows[r.id] = r
		k.count(r)
	}
	r := added[len(added)-1]
	key := placeKey{r.parent, r.repeat}
	k.mine.places[key] = append(k.mine.places[key], r.id)
	k.mine.place[r.id] = len(k.mine.places[key])
	out.Ref = ref
	out.Saved, err = k.save(ctx, "", AnswerChange{}, out.Changed, added)
	return ref, out, err
}

// newRow makes the record of an instance behind all others of its repeat, those of other members included, and before it
// those of instances around it that follow a count and have none yet.
func (k *Checklist) newRow(repeat form.Ref, n *form.Node) ([]*row, error) {
	at, err := k.locate(k.mine, parentRef(repeat))
	if err == nil {
		err = k.settle(&at)
	}
	if err != nil {
		return nil, err
	}
	var suffix [4]byte
	if _, err := io.ReadFull(k.c.cfg.Rand, suffix[:]); err != nil {
		return nil, err
	}
	r := &row{parent: at.row, repeat: k.keys.key[n], by: []syncproto.PersonID{k.me}}
	last := 0
	for _, o := range k.rows {
		// Others may have written anything: what nobody reaches by adding says nothing.
		if n := o.number(); o.parent == r.parent && o.repeat == r.repeat && (n < farAway || o.addedBy(k.me) && n < lastNumber) {
			last = max(last, n)
		}
	}
	r.order = fmt.Sprintf("%08x-%x", last+1, suffix)
	return append(at.new, r), k.nameRow(r)
}

// farAway is a place in a repeat that nobody comes to by adding to it.
const farAway = 1 << 24

func parentRef(ref form.Ref) form.Ref {
	for i := len(ref) - 1; i > 0; i-- {
		if ref[i] == '/' {
			return ref[:i]
		}
	}
	return ref
}

// StrikeRow takes an instance that this person added out of the form again, with those in it; nothing of it is lost, and
// it stays in the group's form where another member has answered in it. It returns what changed. instance may be a
// lasting place.
func (k *Checklist) StrikeRow(ctx context.Context, instance form.Ref) (out Answered, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err = k.writing(ctx, func() error { out, err = k.strikeRow(ctx, instance); return err })
	if err != nil {
		return out, fmt.Errorf("removing %s: %w", instance, err)
	}
	return out, nil
}

func (k *Checklist) strikeRow(ctx context.Context, instance form.Ref) (out Answered, err error) {
	if instance, err = k.resolve(k.mine, instance); err != nil {
		return out, err
	}
	at, err := k.locate(k.mine, instance)
	if err != nil {
		return out, err
	}
	if at.node.Kind != form.KindRepeat || counted(at.node) {
		return out, form.ErrRepeatCount
	}
	if r := k.rows[at.row]; r == nil || !r.addedBy(k.me) {
		return out, ErrNoRight
	}
	f := fieldOf("row", "struck")
	value, err := f.ParseValue("yes")
	if err != nil {
		return out, err
	}
	heads, err := k.c.heads(ctx, Target{Scope: k.scope, Entity: at.row, Field: f})
	if err != nil {
		return out, err
	}
	if out.Changed, err = k.mine.in.Remove(instance); err != nil {
		return out, err
	}
	out.Ref = instance
	out.Saved, err = k.c.saveAll(ctx, k.scope, []Change{{Kind: syncproto.KindSet, Entity: at.row, Field: f.ID, Flags: f.Flags(), Value: value, Refers: heads}})
	k.moves = 0 // places move up: read it again
	return out, err
}
