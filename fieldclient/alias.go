package fieldclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// Alias says that a record is the same as another one of its kind: two people registered one thing. Both stay; the
// other one shows the statements of both, and where they differ, a conflict.
func (c *Client) Alias(ctx context.Context, scope syncproto.ScopeID, record, other syncproto.EntityID) (Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.rep.Record(ctx, scope, record)
	if err != nil {
		return Saved{}, err
	}
	to, err := c.rep.Record(ctx, scope, other)
	if err != nil {
		return Saved{}, err
	}
	if record == other || v.State.Kind != to.State.Kind {
		return Saved{}, errors.New("two different records of one kind can be the same, these cannot")
	}
	if back, err := c.aliasOf(ctx, to); err != nil || back != nil {
		return Saved{}, errors.Join(err, fmt.Errorf("record %s stands for another one already: name that one", other))
	}
	clear, err := syncproto.EncodeMessage(other[:])
	if err != nil {
		return Saved{}, err
	}
	return c.saveAll(ctx, scope, []Change{{Kind: syncproto.KindAlias, Entity: record, Field: v.State.Kind, Clear: clear, Refers: refs(v.State.Aliases)}})
}

// aliasKey is the record that others were said to be the same as.
type aliasKey struct {
	scope  syncproto.ScopeID
	entity syncproto.EntityID
}

// noteAliases remembers which records were ever said to be the same as another; aliasOf tells whether that stands.
func (c *Client) noteAliases(cs *syncproto.Changeset) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for i := range cs.Ops {
		o := &cs.Ops[i]
		other, ok := aliasTarget(o)
		if !ok {
			continue
		}
		key := aliasKey{cs.Header.Scope, other}
		if !slices.Contains(c.aliases[key], o.Entity) {
			c.aliases[key] = append(c.aliases[key], o.Entity)
		}
	}
}

func aliasTarget(o *syncproto.Op) (id syncproto.EntityID, ok bool) {
	var b []byte
	if o.Kind != syncproto.KindAlias || syncproto.DecodeMessage(o.Clear, &b) != nil || len(b) != len(id) {
		return id, false
	}
	return syncproto.EntityID(b), true
}

// aliasOf returns what a record stands for by the decision of somebody with the right, or nil.
func (c *Client) aliasOf(ctx context.Context, v replica.RecordView) (*syncproto.EntityID, error) {
	for _, h := range v.State.Aliases {
		i := slices.IndexFunc(v.Log, func(x syncproto.Contribution) bool { return x.Changeset == h.Changeset })
		if i < 0 || !v.Log[i].Rights.Has(syncproto.RightResolve) {
			continue
		}
		l, err := c.rep.Row(ctx, h.Changeset)
		if err != nil {
			return nil, err
		}
		cs, err := c.changesetOf(ctx, l, nil)
		if err != nil {
			return nil, err
		}
		if other, ok := aliasTarget(&cs.Ops[h.Index]); ok {
			return &other, nil
		}
	}
	return nil, nil
}

// addAliases adds to a view the statements of the records that stand for it.
func (c *Client) addAliases(ctx context.Context, v *View) error {
	c.rmu.RLock()
	candidates := slices.Clone(c.aliases[aliasKey{v.Scope, v.Entity}])
	c.rmu.RUnlock()
	for _, id := range candidates {
		r, err := c.rep.Record(ctx, v.Scope, id)
		if err != nil {
			return err
		}
		to, err := c.aliasOf(ctx, r)
		if err != nil {
			return err
		}
		if to == nil || *to != v.Entity || r.State.Removed {
			continue
		}
		v.Aliases = append(v.Aliases, id)
		for i := range r.State.Fields {
			f, err := c.fieldView(ctx, r, &r.State.Fields[i])
			if err != nil {
				return err
			}
			if f.Name != "" && r.State.Fields[i].Field != syncproto.FieldExistence {
				v.join(f, r.State.Fields[i].Person)
			}
		}
	}
	return nil
}

// join puts another record's statements on a field beside this one's.
func (v *View) join(f FieldView, person syncproto.PersonID) {
	for i := range v.Fields {
		have := &v.Fields[i]
		if have.id != f.id || have.Class != f.Class || have.person != person {
			continue
		}
		have.Heads = append(have.Heads, f.Heads...)
		have.Review = append(have.Review, f.Review...)
		differ := slices.ContainsFunc(have.Heads, func(s Statement) bool {
			return s.raw != nil && have.Heads[0].raw != nil && !bytes.Equal(s.raw, have.Heads[0].raw)
		})
		shared := have.Class == string(syncproto.Shared)
		have.Conflict, have.Agreed = shared && differ, shared && !differ && len(have.Heads) > 1
		return
	}
	v.Fields = append(v.Fields, f)
}

// aliased calls fn for the records of a scope that others were said to be the same as.
func (c *Client) aliased(ctx context.Context, scope syncproto.ScopeID, fn func(replica.RecordView) error) error {
	c.rmu.RLock()
	var ids []syncproto.EntityID
	for k := range c.aliases {
		if k.scope == scope {
			ids = append(ids, k.entity)
		}
	}
	c.rmu.RUnlock()
	for _, id := range ids {
		r, err := c.rep.Record(ctx, scope, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}
