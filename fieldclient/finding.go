package fieldclient

import (
	"context"
	"errors"

	"kua/syncproto"
)

// ErrOneSource says that a finding cannot be called established: it rests on fewer than two kinds of source.
var ErrOneSource = errors.New("an established finding needs two kinds of source: name them, or call it alleged or observed")

// soundFinding refuses a change that would leave a finding established on fewer than two kinds of source (docs/design.md, the
// methodology's triangulation). It judges what this laptop knows; what others write meanwhile shows as it is.
func (c *Client) soundFinding(ctx context.Context, t Target, value []byte) error {
	kind, spec, ok := syncproto.LookupField(t.Field.ID)
	if !ok || kind.Name != "finding" || spec.Name != "standing" && spec.Name != "sources" {
		return nil
	}
	v, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	standing, sources, err := c.standingOf(ctx, v.State.Fields)
	if err != nil {
		return err
	}
	if spec.Name == "standing" {
		standing = syncproto.TextOf(value)
	} else {
		sources = syncproto.WordsOf(value)
	}
	if standing == "established" && len(sources) < 2 {
		return ErrOneSource
	}
	return nil
}

// standingOf reads how far a finding is held to be shown, and on what.
func (c *Client) standingOf(ctx context.Context, fields []syncproto.FieldState) (standing string, sources []string, err error) {
	for i := range fields {
		s := &fields[i]
		_, spec, ok := syncproto.LookupField(s.Field)
		if !ok || len(s.Heads) == 0 || spec.Name != "standing" && spec.Name != "sources" {
			continue
		}
		h, err := c.newest(ctx, s.Heads)
		if err != nil {
			return "", nil, err
		}
		raw, err := c.value(ctx, h.OpRef)
		if err != nil {
			return "", nil, err
		}
		if spec.Name == "standing" {
			standing = syncproto.TextOf(raw)
		} else {
			sources = syncproto.WordsOf(raw)
		}
	}
	return standing, sources, nil
}
