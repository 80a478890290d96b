package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// Seen names one statement that a person had before their eyes: a Statement's changeset and index.
type Seen struct {
	Changeset syncproto.ChangesetID `json:"changeset"`
	Index     int                   `json:"index"`
}

// SeenOf names what a view of a field shows, for the save that follows it. It is never nil: a person who saw an empty
// field has seen no answer.
func SeenOf(f FieldView) []Seen {
	out := make([]Seen, 0, len(f.Heads))
	for _, h := range f.Heads {
		out = append(out, Seen{h.Changeset, h.Index})
	}
	return out
}

// refers returns the operations that an edit of a field refers to: what the person saw or, where Target.Seen is nil,
// what stands now; everybody's on a shared field, this person's own on a personal one. What does not open here is never
// among them: see legible.
func (c *Client) refers(ctx context.Context, t Target) ([]syncproto.OpRef, error) {
	if t.Seen == nil {
		return c.heads(ctx, t)
	}
	me, err := c.Person()
	if err != nil {
		return nil, err
	}
	if len(t.Seen) > syncproto.MaxDots {
		return nil, syncproto.Refuse(syncproto.CodeTooLarge, "%d statements seen, the limit is %d", len(t.Seen), syncproto.MaxDots)
	}
	var out []syncproto.OpRef
	for _, s := range t.Seen {
		at, err := c.seenAt(ctx, t, s)
		if err != nil {
			return nil, err
		}
		foreign := t.Field.Class == syncproto.Personal && at.person != me.Person
		if at.entity != t.Entity || foreign || slices.Contains(out, at.ref) {
			continue // another record's, which this one stands for too; another person's; named twice
		}
		out = append(out, at.ref)
	}
	if len(out) == 0 {
		return nil, nil
	}
	v, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return nil, err
	}
	return c.legible(ctx, out, v.State.Fates)
}

// place is where a statement that was seen is now: its row changes whenever the records are made anew.
type place struct {
	ref    syncproto.OpRef
	entity syncproto.EntityID
	person syncproto.PersonID
}

// seenOn returns what was seen on the field of a target, of a list that tells several fields of its record.
func (c *Client) seenOn(ctx context.Context, t Target, list []Seen) ([]Seen, error) {
	if len(list) > syncproto.MaxDots {
		return nil, syncproto.Refuse(syncproto.CodeTooLarge, "%d statements seen, the limit is %d", len(list), syncproto.MaxDots)
	}
	out := []Seen{}
	for _, s := range list {
		switch _, err := c.seenAt(ctx, t, s); {
		case errors.Is(err, errElsewhere):
		case err != nil:
			return nil, err
		default:
			out = append(out, s)
		}
	}
	return out, nil
}

// errElsewhere says that a statement is not on the field beside which it is said to have been seen.
var errElsewhere = errors.New("it is not on this field")

// seenAt finds a statement on the field of a target, or on the same field of another record of the scope. Anything else
// cannot have been on the person's screen beside this field.
func (c *Client) seenAt(ctx context.Context, t Target, s Seen) (place, error) {
	l, err := c.rep.Changeset(ctx, s.Changeset)
	if errors.Is(err, replica.ErrNotFound) {
		return place{}, fmt.Errorf("what was seen, changeset %s, is not on this laptop: %w", s.Changeset, err)
	}
	if err != nil {
		return place{}, err
	}
	cs, err := c.changesetOf(ctx, l, nil)
	if err != nil {
		return place{}, err
	}
	if l.Scope != t.Scope || s.Index < 0 || s.Index >= len(cs.Ops) || !actsOn(cs.Ops[s.Index].Kind, cs.Ops[s.Index].Field, t.Field.ID) {
		return place{}, fmt.Errorf("what was seen, operation %d of changeset %s, beside the field %s: %w", s.Index, s.Changeset, t.Field.Name, errElsewhere)
	}
	return place{syncproto.OpRef{Changeset: uint64(l.Row), Index: s.Index}, cs.Ops[s.Index].Entity, l.Person}, nil
}

// heads returns what stands on a field and can be read here: everybody's on a shared one, this person's own on a personal
// one.
func (c *Client) heads(ctx context.Context, t Target) ([]syncproto.OpRef, error) {
	v, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	me, err := c.Person()
	if err != nil {
		return nil, err
	}
	personal := t.Field.Class == syncproto.Personal
	for _, f := range v.State.Fields {
		if f.Field == t.Field.ID && f.Personal == personal && (!personal || f.Person == me.Person) {
			return c.legible(ctx, refs(f.Heads), v.State.Fates)
		}
	}
	return nil, nil
}

// ErrUnread says that nothing stands there that opens on this laptop: nobody decides on what they cannot read.
var ErrUnread = errors.New("there is no answer here that opens on this laptop")

// legible leaves out what does not open on this laptop. No change takes its place, whoever names it: nobody replaces what
// they could not read, not even their own words that were sealed at the gate. Those stand beside, and are settled when
// they are released.
func (c *Client) legible(ctx context.Context, list []syncproto.OpRef, fates map[syncproto.OpRef]syncproto.Fate) ([]syncproto.OpRef, error) {
	var out []syncproto.OpRef
	for _, ref := range list {
		locked, _, err := c.closed(ctx, ref, fates[ref].Kind)
		if err != nil {
			return nil, err
		}
		if !locked {
			out = append(out, ref)
		}
	}
	return out, nil
}

func refs(heads []syncproto.Head) []syncproto.OpRef {
	out := make([]syncproto.OpRef, len(heads))
	for i, h := range heads {
		out[i] = h.OpRef
	}
	return out
}
