package fieldclient

import (
	"context"
	"fmt"
	"io"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// AddRow adds an instance to a repeat, such as /data/cells, and saves it with the answers that the form gives it. It
// returns the instance's place.
func (k *Checklist) AddRow(ctx context.Context, repeat form.Ref) (form.Ref, Answered, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ref, out, err := k.addRow(ctx, repeat)
	if err != nil {
		k.moves = 0
		return "", out, err
	}
	return ref, out, nil
}

func (k *Checklist) addRow(ctx context.Context, repeat form.Ref) (ref form.Ref, out Answered, err error) {
	if err := k.refresh(ctx); err != nil {
		return "", out, err
	}
	if ref, out.Changed, err = k.mine.in.Add(repeat); err != nil {
		return "", out, err
	}
	v, err := k.mine.in.View(ref)
	if err != nil {
		return "", out, err
	}
	r, err := k.newRow(repeat, v.Node)
	if err != nil {
		return "", out, err
	}
	key := placeKey{r.parent, r.repeat}
	k.mine.places[key] = append(k.mine.places[key], r.id)
	out.Saved, err = k.save(ctx, "", AnswerChange{}, out.Changed, r)
	return ref, out, err
}

// newRow makes the record of an instance behind all others of its repeat, those of other members included.
func (k *Checklist) newRow(repeat form.Ref, n *form.Node) (*row, error) {
	at, err := k.locate(k.mine, parentRef(repeat))
	if err != nil {
		return nil, err
	}
	id, err := syncproto.RandomID(k.c.cfg.Rand)
	if err != nil {
		return nil, err
	}
	var suffix [4]byte
	if _, err := io.ReadFull(k.c.cfg.Rand, suffix[:]); err != nil {
		return nil, err
	}
	r := &row{id: id, parent: at.row, repeat: k.keys.key[n], by: k.me}
	last := 0
	for _, o := range k.rows {
		if o.parent == r.parent && o.repeat == r.repeat {
			var n int
			if _, err := fmt.Sscanf(o.order, "%08x", &n); err == nil {
				last = max(last, n)
			}
		}
	}
	r.order = fmt.Sprintf("%08x-%x", min(last+1, 1<<31), suffix)
	return r, nil
}

func parentRef(ref form.Ref) form.Ref {
	for i := len(ref) - 1; i > 0; i-- {
		if ref[i] == '/' {
			return ref[:i]
		}
	}
	return ref
}

// StrikeRow takes an instance that this person added out of the form again; nothing of it is lost, and it stays in the
// group's form where another member has answered in it. It returns what changed.
func (k *Checklist) StrikeRow(ctx context.Context, instance form.Ref) (Answered, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out, err := k.strikeRow(ctx, instance)
	k.moves = 0 // places move up: read it again
	if err != nil {
		return out, fmt.Errorf("removing %s: %w", instance, err)
	}
	return out, nil
}

func (k *Checklist) strikeRow(ctx context.Context, instance form.Ref) (out Answered, err error) {
	if err := k.refresh(ctx); err != nil {
		return out, err
	}
	at, err := k.locate(k.mine, instance)
	if err != nil {
		return out, err
	}
	if at.node.Kind != form.KindRepeat || counted(at.node) {
		return out, form.ErrRepeatCount
	}
	if r := k.rows[at.row]; r == nil || r.by != k.me {
		return out, ErrNoRight
	}
	kind, _ := syncproto.KindNamed("row")
	f, err := kind.FieldNamed("struck")
	if err != nil {
		return out, err
	}
	value, err := f.ParseValue("yes")
	if err != nil {
		return out, err
	}
	if out.Changed, err = k.mine.in.Remove(instance); err != nil {
		return out, err
	}
	out.Saved, err = k.c.Set(ctx, Target{Scope: k.scope, Entity: at.row, Field: f}, value)
	return out, err
}
