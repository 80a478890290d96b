package fieldclient

import (
	"context"
	"errors"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

// veil are the fields whose words are kept back together with restricted evidence: what it is called and what it shows
// may say as much as the picture, and so may the reason for a decision about them.
var veil = []syncproto.Field{evidenceName, evidenceCaption, ReasonField}

// consentLevel is the field of an interview that says how far the person agreed.
var consentLevel = fieldOf("interview", "consent").ID

// ofNoRecord reports whether a field holds what was said in an interview whose person allows no record of it: nobody is
// shown it, whatever their role. It stays where it is until it is erased.
func (c *Client) ofNoRecord(ctx context.Context, r replica.RecordView, field syncproto.Field) (bool, error) {
	kind, spec, ok := syncproto.LookupField(field)
	if !ok || kind.Name != "interview" || !slices.Contains(unrecorded, spec.Name) {
		return false, nil
	}
	now := c.checklists.at(r.Scope) // of all that was merged in the scope: a consent is another record
	c.rmu.RLock()
	known, ok := c.recordable[aliasKey{r.Scope, r.Entity}]
	c.rmu.RUnlock()
	if ok && known.at == now {
		return known.none, nil
	}
	err := c.mayUse(ctx, r.Scope, r.Entity, "record")
	none := errors.Is(err, ErrNoRecord)
	if err != nil && !none {
		return false, err
	}
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.recordable[aliasKey{r.Scope, r.Entity}] = recordable{now, none}
	return none, nil
}

// recordable is what was found of an interview when so much had been merged in its scope.
type recordable struct {
	at   uint64
	none bool // nothing of it may be recorded
}

// veiled reports whether what stands in a field of a record is not for the eyes of this person, whoever wrote it. It is
// the one rule for every word that leaves the store for a person: fields, history, what waits, lists, search.
func (c *Client) veiled(ctx context.Context, r replica.RecordView, field syncproto.Field) (bool, error) {
	if none, err := c.ofNoRecord(ctx, r, field); none || err != nil {
		return none, err
	}
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
