package fieldclient

import (
	"context"
	"errors"
	"fmt"

	"kua/syncproto"
)

// Answer saves values of a checklist item's record (fields of the kind "answer", canonical CBOR by field name) in one
// changeset: all of them or none. Whoever answers an item first makes its record, which has the same id on every
// laptop; see ItemID.
func (c *Client) Answer(ctx context.Context, scope syncproto.ScopeID, item, instance string, values map[string][]byte) (syncproto.EntityID, Saved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := c.itemID(scope, item, instance)
	if err != nil {
		return id, Saved{}, fmt.Errorf("answering %s: %w", item, err)
	}
	changes, err := c.answerChanges(ctx, scope, id, item, values)
	if err != nil {
		return id, Saved{}, fmt.Errorf("answering %s: %w", item, err)
	}
	saved, err := c.saveAll(ctx, scope, changes)
	return id, saved, err
}

func (c *Client) answerChanges(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, item string, values map[string][]byte) ([]Change, error) {
	kind, _ := syncproto.KindNamed("answer")
	var changes []Change
	v, err := c.rep.Record(ctx, scope, id)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && v.State.Kind == 0:
		if changes, err = createChanges(kind.Name, id, map[string]string{"item": item}); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	for name := range values {
		if _, err := kind.FieldNamed(name); err != nil {
			return nil, err
		}
	}
	for i := range kind.Fields {
		f := &kind.Fields[i]
		value, ok := values[f.Name]
		if !ok {
			continue
		}
		heads, err := c.heads(ctx, Target{Scope: scope, Entity: id, Field: f})
		if err != nil {
			return nil, err
		}
		changes = append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: value, Refers: heads})
	}
	return changes, nil
}
