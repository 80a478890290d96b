package fieldclient

import (
	"context"
	"errors"
	"fmt"

	"kua/syncproto"
)

// CheckRecommendation notes what the team saw of a recommendation of an earlier visit: done, partly, not-done or
// not-checked, as the vocabulary has it for a follow-up. It returns the record, in which every member has an own word, note
// and what the management claims. Whoever is first makes it: its id is the same on every laptop that holds the visit's key,
// so two who begin without a network begin the same one. Errors: of the vocabulary, of rights, ErrAway.
func (c *Client) CheckRecommendation(ctx context.Context, scope syncproto.ScopeID, recommendation syncproto.EntityID, seen string) (syncproto.EntityID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err := c.itemID(scope, "followup", recommendation.String())
	if err != nil {
		return id, fmt.Errorf("checking a recommendation: %w", err)
	}
	kind, _ := syncproto.KindNamed("followup")
	f, err := kind.FieldNamed("seen")
	if err != nil {
		return id, err
	}
	value, err := f.ParseValue(seen)
	if err != nil {
		return id, err
	}
	var changes []Change
	v, err := c.rep.Record(ctx, scope, id)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && v.State.Kind == 0:
		if changes, err = createChanges(kind.Name, id, map[string]string{"recommendation": recommendation.String()}); err != nil {
			return id, err
		}
	case err != nil:
		return id, err
	}
	heads, err := c.heads(ctx, Target{Scope: scope, Entity: id, Field: f})
	if err != nil {
		return id, err
	}
	changes = append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: value, Refers: heads})
	_, err = c.saveAll(ctx, scope, changes)
	return id, err
}
