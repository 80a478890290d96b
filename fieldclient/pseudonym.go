package fieldclient

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"kua/internal/replica"
	"kua/syncproto"
)

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford: none is taken for another

// NewInterview makes an interview under a pseudonym that is made with it, and returns both. Counting and saving are one step:
// two windows that begin an interview at once get different names.
func (c *Client) NewInterview(ctx context.Context, scope syncproto.ScopeID, fields map[string]string) (id syncproto.EntityID, pseudonym string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pseudonym, err = c.Pseudonym(ctx, scope); err != nil {
		return id, "", fmt.Errorf("beginning an interview: %w", err)
	}
	fields = maps.Clone(fields)
	if fields == nil {
		fields = map[string]string{}
	}
	fields["pseudonym"] = pseudonym
	id, err = c.create(ctx, scope, "interview", fields)
	return id, pseudonym, err
}

// Pseudonym makes a name for the next person interviewed with this laptop in a visit, such as 7K-R4M-03-X: a code of the
// visit, one of the laptop, a counter and a check character. Nothing in it says anything about the person, and it needs
// no network. A laptop whose data was restored gets another code, so that no pseudonym is given twice.
// It is not taken until an interview is saved under it: NewInterview does both.
func (c *Client) Pseudonym(ctx context.Context, scope syncproto.ScopeID) (string, error) {
	incidents, err := c.Incidents(ctx)
	if err != nil {
		return "", err
	}
	device := c.Device().ID
	visitCode := code(2, "visit", scope[:])
	deviceCode := code(3, "laptop", scope[:], device[:], fmt.Append(nil, len(incidents)))
	body := visitCode + "-" + deviceCode + "-"
	n := 1 // counts what this person began, whatever became of it: an erased pseudonym is not given again
	me, err := c.Person()
	if err != nil {
		return "", err
	}
	c.whole.RLock()
	defer c.whole.RUnlock()
	kind, _ := syncproto.KindNamed("interview")
	err = c.rep.Records(ctx, scope, kind.ID, func(v replica.RecordView) error {
		if slices.ContainsFunc(v.Log, func(l syncproto.Contribution) bool { return l.Person == me.Person }) {
			n++
		}
		return nil
	})
	body += fmt.Sprintf("%02d", n)
	return body + "-" + code(1, "check", []byte(body)), err
}

// code returns n letters that stand for a hash.
func code(n int, parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%s\x00", p)
	}
	sum := h.Sum(nil)
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[sum[i]&31]
	}
	return string(out)
}
