package fieldclient

import (
	"context"
	"errors"
	"slices"

	"kua/syncproto"
)

// A link from evidence, an answer or a finding to a conversation says what somebody told, or who is in the picture. What
// the person of the conversation allows decides about it: where they allow no record, nothing new is linked; where they
// refused a photo or a sound, no photo or sound is. What was linked before they said so stays as it was signed, and its
// original opens no more, until they allow it or the link is taken away.

// linking are the fields that hold such links.
var linking = []syncproto.Field{fieldOf("answer", "links").ID, fieldOf("finding", "links").ID, evidenceLinks}

// usesOf returns the uses that linking a record to a conversation makes of what was said there.
func usesOf(evidence string) []string {
	if evidence == "photo" || evidence == "audio" {
		return []string{"record", evidence}
	}
	return []string{"record"}
}

// MayLink returns ErrNoRecord or ErrNoUse where a record of a visit may not be linked to one of others: to a conversation
// whose person does not allow it. evidence is the kind of evidence, or "".
func (c *Client) MayLink(ctx context.Context, scope syncproto.ScopeID, links []syncproto.EntityID, evidence string) error {
	c.whole.RLock()
	defer c.whole.RUnlock()
	for _, id := range links {
		if err := c.mayUse(ctx, scope, id, usesOf(evidence)...); err != nil {
			return err
		}
	}
	return nil
}

// soundLinks is MayLink for the links that changes add. It runs for every save; what is linked already may stay, so that
// one link can be taken away from among others.
func (c *Client) soundLinks(ctx context.Context, scope syncproto.ScopeID, changes []Change) error {
	for _, ch := range changes {
		if !slices.Contains(linking, ch.Field) || len(ch.Value) == 0 || !ch.Kind.Settles() {
			continue
		}
		had, evidence, err := c.linked(ctx, scope, ch)
		if err != nil {
			return err
		}
		added := slices.DeleteFunc(linksOf(ch.Value), func(id syncproto.EntityID) bool { return slices.Contains(had, id) })
		if err := c.MayLink(ctx, scope, added, evidence); err != nil {
			return err
		}
	}
	return nil
}

// linked returns what a record is linked to already, and which kind of evidence it is.
func (c *Client) linked(ctx context.Context, scope syncproto.ScopeID, ch Change) (had []syncproto.EntityID, evidence string, err error) {
	r, err := c.rep.Record(ctx, scope, ch.Entity)
	if errors.Is(err, ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	for i := range r.State.Fields {
		if r.State.Fields[i].Field != ch.Field {
			continue
		}
		for _, h := range r.State.Fields[i].Heads {
			raw, err := c.value(ctx, h.OpRef)
			if err != nil {
				return nil, "", err
			}
			had = append(had, linksOf(raw)...)
		}
	}
	if ch.Field != evidenceLinks {
		return had, "", nil
	}
	var v EvidenceView
	err = c.original(ctx, r, &v)
	return had, v.Kind, err
}

func linksOf(raw []byte) (out []syncproto.EntityID) {
	for _, w := range syncproto.WordsOf(raw) {
		if id, err := syncproto.ParseEntityID(w); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// barred returns ErrNoRecord or ErrNoUse where somebody whom evidence belongs to does not allow it any more. The caller
// holds whole.
func (c *Client) barred(ctx context.Context, v *EvidenceView) error {
	for _, id := range v.Links {
		if err := c.mayUse(ctx, v.Scope, id, usesOf(v.Kind)...); err != nil {
			return err
		}
	}
	return nil
}

// soundSubject refuses answers in a checklist that belongs to a conversation of which nothing may be written down. What
// was written may be taken back.
func (k *Checklist) soundSubject(ctx context.Context, changes []Change) error {
	if k.info.Subject == nil || !slices.ContainsFunc(changes, func(ch Change) bool { return ch.Value != nil }) {
		return nil
	}
	return k.c.MayRecord(ctx, k.scope, *k.info.Subject)
}
