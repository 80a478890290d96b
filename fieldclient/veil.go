package fieldclient

import (
	"context"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// veil are the fields whose words are kept back together with restricted evidence: what it is called and what it shows
// may say as much as the picture, and so may the reason for a decision about them.
var veil = []syncproto.Field{evidenceName, evidenceCaption, ReasonField}

// veiled reports whether what stands in a field of a record is not for the eyes of this person, whoever wrote it. It is
// the one rule for every word that leaves the store for a person: fields, history, what waits, lists, search.
func (c *Client) veiled(ctx context.Context, r replica.RecordView, field syncproto.Field) (bool, error) {
	if !slices.Contains(veil, field) || c.hasRight(r.Scope, syncproto.RightMedical) {
		return false, nil
	}
	return c.isRestricted(ctx, r)
}

// veiledAt is veiled for a change that is about to be made: nobody replaces what they may not see.
func (c *Client) veiledAt(ctx context.Context, t Target) error {
	if !slices.Contains(veil, t.Field.ID) {
		return nil
	}
	r, err := c.rep.Record(ctx, t.Scope, t.Entity)
	if err != nil {
		return err
	}
	veiled, err := c.veiled(ctx, r, t.Field.ID)
	if err == nil && veiled {
		err = ErrRestricted
	}
	return err
}
