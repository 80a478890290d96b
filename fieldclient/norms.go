package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kua/fieldclient/checklists"
	"kua/internal/replica"
	"kua/syncproto"
)

// Norms gives the figures that measurements of a visit are compared with: those in force on the visit's day, or today
// where it has none. The registry's norms go before those that come with Kua.
func (c *Client) Norms(ctx context.Context, scope syncproto.ScopeID) ([]checklists.Norm, error) {
	c.whole.RLock()
	defer c.whole.RUnlock()
	day := c.cfg.Now()
	v, err := c.rep.Record(ctx, scope, syncproto.EntityID(scope))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err == nil {
		values, err := c.shared(ctx, v)
		if err != nil {
			return nil, err
		}
		if d, err := time.Parse(time.DateOnly, values["date"]); err == nil {
			day = d
		}
	}
	own, err := c.registryNorms(ctx)
	return checklists.NormsOn(day, own), err
}

func (c *Client) registryNorms(ctx context.Context) ([]checklists.Norm, error) {
	kind, _ := syncproto.KindNamed("norm")
	var out []checklists.Norm
	err := c.rep.Records(ctx, c.Roster().Registry(), kind.ID, func(v replica.RecordView) error {
		if !v.State.Exists {
			return nil
		}
		values, err := c.shared(ctx, v)
		if err != nil {
			return err
		}
		// A norm that somebody typed wrongly is none: the registry shows it all the same.
		if n, err := checklists.NewNorm(values["key"], values["value"], values["unit"], values["from"], values["to"], values["reference"]); err == nil {
			out = append(out, n)
		}
		return nil
	})
	return out, err
}

// SetNorm puts a dated figure into the registry, as a coordinator: key such as m2_per_person/KZ/men, days as 2026-11-24, to
// may be empty. What was in force before stays for the visits of its days.
func (c *Client) SetNorm(ctx context.Context, key, value, unit, from, to, reference string) (syncproto.EntityID, error) {
	if _, err := checklists.NewNorm(key, value, unit, from, to, reference); err != nil {
		return syncproto.EntityID{}, fmt.Errorf("setting a norm: %w", err)
	}
	fields := map[string]string{"key": key, "value": value, "unit": unit, "from": from, "to": to, "reference": reference}
	for name, text := range fields {
		if text == "" {
			delete(fields, name)
		}
	}
	return c.Create(ctx, c.Roster().Registry(), "norm", fields)
}
