package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// rowRefused is a changeset of our own that a server can never accept. It is kept as evidence and no longer merged:
// its operations were signed again in a new feed.
const rowRefused uint8 = 6

// reissue handles a refusal for ever. Work of our own is signed again in a new incarnation, from the refused changeset
// on, so that no poison message blocks a queue; others' work is left alone, with an incident (docs/protocol.md §9).
// It returns how many changesets were signed again.
func (c *Client) reissue(ctx context.Context, feed syncproto.FeedID, from uint64, res syncproto.PushResult) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what := fmt.Sprintf("the server refused changeset %s (%s: %s)", res.ID, res.Code, res.Detail)
	var mine []replica.Logged
	err := c.rep.FeedFrom(ctx, feed, from, 1<<20, func(l replica.Logged) error {
		if l.Device == c.keys.device.ID {
			mine = append(mine, l)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(mine) == 0 {
		return 0, c.vault.InTx(ctx, func(tx *vault.Tx) error { return c.note(tx, Incident{What: what}) })
	}
	scope := mine[0].Scope
	redo := make([][]Change, 0, len(mine))
	for _, l := range mine {
		changes, err := c.changesAgain(ctx, l)
		if err != nil {
			return 0, fmt.Errorf("reading refused work: %w", err)
		}
		redo = append(redo, changes)
	}
	if err := c.setAside(ctx, mine, what); err != nil {
		return 0, err
	}
	for _, changes := range redo {
		if _, err := c.save(ctx, scope, c.relocate(ctx, changes), nil); err != nil {
			return 0, fmt.Errorf("signing refused work again: %w", err)
		}
	}
	return len(redo), nil
}

// againRef names an operation across a rebuild of the rows.
type againRef struct {
	id    syncproto.ChangesetID
	index int
}

// changesAgain turns a changeset of our own back into changes. What it referred to is remembered by global names.
func (c *Client) changesAgain(ctx context.Context, l replica.Logged) ([]Change, error) {
	cs, err := c.changesetOf(ctx, l, nil)
	if err != nil {
		return nil, err
	}
	values, err := cs.Open(c.opener(cs))
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(cs.Ops))
	for i := range cs.Ops {
		o := &cs.Ops[i]
		out[i] = Change{Kind: o.Kind, Entity: o.Entity, Field: o.Field, Flags: o.Flags, Clear: o.Clear}
		if len(values.Leaves) > i && !values.Leaves[i].Erased {
			out[i].Value = values.Leaves[i].Value
		}
		v, err := c.rep.Record(ctx, l.Scope, o.Entity)
		if err != nil {
			return nil, err
		}
		for _, contribution := range v.Log {
			if contribution.Changeset != uint64(l.Row) {
				continue
			}
			for _, op := range contribution.Ops {
				if op.Index == i {
					if out[i].again, err = c.globalNames(ctx, op.Targets); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return out, nil
}

func (c *Client) globalNames(ctx context.Context, targets []syncproto.Target) ([]againRef, error) {
	var out []againRef
	for _, t := range targets {
		if t.Dangling {
			continue
		}
		l, err := c.rep.Row(ctx, t.Changeset)
		if err != nil {
			return nil, err
		}
		out = append(out, againRef{l.ID, int(t.Seq - l.Seq0)})
	}
	return out, nil
}

// setAside takes changesets out of the merge, forgets their feed, and rebuilds the records.
func (c *Client) setAside(ctx context.Context, list []replica.Logged, what string) error {
	err := c.vault.InTx(ctx, func(tx *vault.Tx) error {
		for _, l := range list {
			_, payload, err := tx.Read(l.Ext)
			if err != nil {
				return err
			}
			if err := tx.Replace(l.Ext, rowRefused, payload); err != nil {
				return err
			}
		}
		if err := tx.Delete(stateFeed(list[0].Scope)); err != nil {
			return err
		}
		return c.note(tx, Incident{What: what + "; it was signed again in a new feed", Scope: list[0].Scope.String()})
	})
	if err != nil {
		return fmt.Errorf("setting refused work aside: %w", err)
	}
	return c.rebuild(context.WithoutCancel(ctx))
}

// relocate finds what changes referred to after the rows were made anew.
func (c *Client) relocate(ctx context.Context, changes []Change) []Change {
	for i := range changes {
		for _, r := range changes[i].again {
			if l, err := c.rep.Changeset(ctx, r.id); err == nil {
				changes[i].Refers = append(changes[i].Refers, syncproto.OpRef{Changeset: uint64(l.Row), Index: r.index})
			}
		}
	}
	return changes
}

// stateRedacted remembers how many redactions of a scope a server's life has been given.
func stateRedacted(s syncproto.ScopeID) string { return "redacted/" + s.String() }

type redactedState struct {
	Epoch syncproto.Hash `cbor:"1,keyasint"`
	Count int            `cbor:"2,keyasint"`
}

// redactions gives the server the redacted bodies of changesets whose values were erased in part: it cannot make them
// itself, and serves none of their values until then.
func (s *syncRun) redactions(ctx context.Context) error {
	for _, st := range s.c.rep.Scopes() {
		list, err := s.c.rep.Redacted(ctx, st.Scope)
		if err != nil || len(list) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		var had redactedState
		if err := s.c.getState(ctx, stateRedacted(st.Scope), &had); err != nil && !errors.Is(err, vault.ErrNotFound) {
			return err
		}
		count := 0 // of values: one changeset may lose another one later
		for _, e := range list {
			count += len(e.Places)
		}
		if had.Epoch == s.hello.Epoch && had.Count == count {
			continue
		}
		if err := s.sendRedactions(ctx, st.Scope, list, count); err != nil {
			return err
		}
	}
	return nil
}

func (s *syncRun) sendRedactions(ctx context.Context, scope syncproto.ScopeID, list []replica.Erasure, count int) error {
	var body []byte
	refused := false
	flush := func() error {
		if len(body) == 0 {
			return nil
		}
		_, err := s.r.do(ctx, request{method: http.MethodPost, path: "/v1/scopes/" + scope.String() + "/redactions", body: body, contentType: "application/cbor-seq"})
		body = nil
		var refusal *RemoteError
		if errors.As(err, &refusal) {
			refused = true
		}
		if refusal != nil && refusal.Status == http.StatusForbidden {
			return nil // it has not heard of the order, which goes to it at the next sync, or does not know us any more
		}
		if refusal != nil {
			s.report.Warnings = append(s.report.Warnings, "the server did not take redacted bodies: "+err.Error())
			return nil
		}
		return err
	}
	for _, e := range list {
		cs, err := s.c.changesetOf(ctx, e.Logged, nil)
		if err != nil {
			return err
		}
		if cs.Body.Form == syncproto.BodyWithheld {
			continue
		}
		b, err := syncproto.EncodeMessage(syncproto.Redaction{Changeset: e.ID, Body: cs.Packet.Body, Erased: e.Erased()})
		if err != nil {
			return err
		}
		if len(body)+len(b) > rawBatch {
			if err := flush(); err != nil {
				return err
			}
		}
		body = append(body, b...)
	}
	if err := flush(); err != nil || refused {
		return err
	}
	return s.c.vault.InTx(ctx, func(tx *vault.Tx) error {
		return putState(tx, stateRedacted(scope), redactedState{s.hello.Epoch, count})
	})
}
