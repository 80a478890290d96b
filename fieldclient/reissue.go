package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

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
	what := fmt.Sprintf("the server refused a changeset (%s: %s)", res.Code, res.Detail)
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
		return 0, c.noteOnce(ctx, Incident{What: what + "; it is somebody else's, and stays here"})
	}
	scope := mine[0].Scope
	if _, err := c.redo(ctx, scope); err != nil { // of an earlier refusal
		return 0, fmt.Errorf("signing refused work again: %w", err)
	}
	again, err := c.wasRedone(ctx, scope, feed, from)
	if err != nil {
		return 0, err
	}
	if again { // a third signature would end the same, and every sync would add one
		return 0, c.noteOnce(ctx, Incident{What: what + " that was signed again for it already; it stays here, carry it on a courier bundle", Scope: scope.String()})
	}
	closed, err := c.closedAtGate(ctx, mine)
	if err != nil {
		return 0, err
	}
	if closed {
		return 0, c.leaveFeed(ctx, scope, feed, what+"; a part is sealed at the gate: it stays here until that is released, carry it on a courier bundle")
	}
	if err := c.setAside(ctx, mine, what); err != nil {
		return 0, err
	}
	n, err := c.redo(context.WithoutCancel(ctx), scope)
	if err != nil {
		return n, fmt.Errorf("signing refused work again: %w: it is kept, and tried again at the next unlock", err)
	}
	return n, nil
}

// noteOnce writes an incident down unless it was since the laptop was unlocked: a server repeats itself at every sync.
func (c *Client) noteOnce(ctx context.Context, i Incident) error {
	if c.noted[i] {
		return nil
	}
	c.noted[i] = true
	return c.vault.InTx(ctx, func(tx *vault.Tx) error { return c.note(tx, i) })
}

// stateRedo names what of a scope was taken out of the merge and has to be signed again. It is written in the
// transaction that sets the work aside, and shortened in those that sign it, so that a crash between them loses nothing.
func stateRedo(s syncproto.ScopeID) string { return "redo/" + s.String() }

type redoState struct {
	Feed  syncproto.FeedID `cbor:"1,keyasint"` // the refused one
	From  uint64           `cbor:"2,keyasint"` // number of the first refused changeset
	Seq0  uint64           `cbor:"3,keyasint"` // and of its first operation
	Prev  syncproto.Short  `cbor:"4,keyasint"` // the changeset before it
	Rows  []int64          `cbor:"5,keyasint"` // of the vault, still to be signed again
	Moved []movedOps       `cbor:"6,keyasint"`
}

// movedOps says where operations of a refused changeset are now.
type movedOps struct {
	Old   uint64           `cbor:"1,keyasint"` // number of the first one in the refused feed
	Count uint64           `cbor:"2,keyasint"`
	Feed  syncproto.FeedID `cbor:"3,keyasint"`
	N     uint64           `cbor:"4,keyasint"`
	Short syncproto.Short  `cbor:"5,keyasint"`
	New   uint64           `cbor:"6,keyasint"`
}

// wasRedone reports whether a changeset is itself one that was signed again.
func (c *Client) wasRedone(ctx context.Context, scope syncproto.ScopeID, feed syncproto.FeedID, n uint64) (bool, error) {
	var st redoState
	if err := c.getState(ctx, stateRedo(scope), &st); errors.Is(err, vault.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return slices.ContainsFunc(st.Moved, func(m movedOps) bool { return m.Feed == feed && m.N >= n }), nil
}

// setAside takes changesets out of the merge, forgets their feed, and rebuilds the records.
func (c *Client) setAside(ctx context.Context, list []replica.Logged, what string) error {
	first := list[0]
	st := redoState{Feed: first.Feed, From: first.N, Seq0: first.Seq0}
	cs, err := c.changesetOf(ctx, first, nil)
	if err != nil {
		return err
	}
	st.Prev = cs.Header.Prev.Short()
	err = c.vault.InTx(ctx, func(tx *vault.Tx) error {
		for _, l := range list {
			_, payload, err := tx.Read(l.Ext)
			if err != nil {
				return err
			}
			if err := tx.Replace(l.Ext, rowRefused, payload); err != nil {
				return err
			}
			st.Rows = append(st.Rows, l.Ext)
		}
		if err := tx.Delete(stateFeed(first.Scope)); err != nil {
			return err
		}
		if err := putState(tx, stateRedo(first.Scope), st); err != nil {
			return err
		}
		return c.note(tx, Incident{What: what + "; it is signed again in a new feed", Scope: first.Scope.String()})
	})
	if err != nil {
		return fmt.Errorf("setting refused work aside: %w", err)
	}
	return c.rebuild(context.WithoutCancel(ctx))
}

// redo signs again what was set aside in a scope, and returns how many changesets that were.
func (c *Client) redo(ctx context.Context, scope syncproto.ScopeID) (done int, err error) {
	var st redoState
	if err := c.getState(ctx, stateRedo(scope), &st); errors.Is(err, vault.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	for len(st.Rows) > 0 {
		_, payload, err := c.vault.Read(ctx, st.Rows[0])
		if err != nil {
			return done, err
		}
		a, err := c.stored(st.Rows[0], payload)
		if err != nil {
			return done, err
		}
		if err := c.redoOne(ctx, scope, &st, a.cs); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

func (c *Client) redoOne(ctx context.Context, scope syncproto.ScopeID, st *redoState, cs *syncproto.Changeset) error {
	if err := c.keyOfRefused(ctx, cs); err != nil {
		return err
	}
	values, err := cs.Open(c.opener(cs))
	if err != nil {
		return err
	}
	changes := make([]Change, len(cs.Ops))
	for i := range cs.Ops {
		o := &cs.Ops[i]
		changes[i] = Change{Kind: o.Kind, Entity: o.Entity, Field: o.Field, Flags: o.Flags, Clear: o.Clear, pinned: st.pinned(cs, o)}
		if len(values.Leaves) > i && !values.Leaves[i].Erased {
			changes[i].Value = values.Leaves[i].Value
		}
	}
	return c.sign(ctx, scope, changes, nil, func(tx *vault.Tx, again *syncproto.Changeset) error {
		h := &again.Header
		st.Rows = st.Rows[1:]
		st.Moved = append(st.Moved, movedOps{cs.Header.Seq0, uint64(len(cs.Ops)), h.Feed(), h.N, again.ID.Short(), h.Seq0})
		return putState(tx, stateRedo(scope), st)
	})
}

// pinned names what an operation of a refused changeset refers to by feed and number: the rows are new. What was in the
// refused part of its own feed is where it was signed again.
func (st *redoState) pinned(cs *syncproto.Changeset, o *syncproto.Op) []pinnedDot {
	var out []pinnedDot
	for _, d := range o.Dots {
		if d.Feed > 0 {
			out = append(out, pinnedDot{cs.Header.Deps[d.Feed-1], d.Seq})
			continue
		}
		if d.Seq < st.Seq0 {
			out = append(out, pinnedDot{syncproto.Dep{Feed: st.Feed, N: st.From - 1, Short: st.Prev}, d.Seq})
			continue
		}
		for _, m := range st.Moved {
			if d.Seq >= m.Old && d.Seq < m.Old+m.Count {
				out = append(out, pinnedDot{syncproto.Dep{Feed: m.Feed, N: m.N, Short: m.Short}, m.New + d.Seq - m.Old})
			}
		}
	}
	return out
}

// keyOfRefused takes the key of a visit whose very opening was refused from there: no other changeset has it.
func (c *Client) keyOfRefused(ctx context.Context, cs *syncproto.Changeset) error {
	for i := range cs.Ops {
		var w syncproto.KeyWraps
		if cs.Ops[i].Kind != syncproto.KindKeyWrap || syncproto.DecodeMessage(cs.Ops[i].Clear, &w) != nil {
			continue
		}
		s := c.scopeKeys(cs.Header.Scope)
		if err := c.takeWraps(ctx, s, cs, &w, c.keys.sealing, c.keys.device.ID); err != nil {
			return err
		}
		if _, held := s.keys[w.Commitment]; held && s.current == (keyName{}) {
			s.current, s.first = keyName{w.Epoch, w.Commitment}, w.Commitment
		}
	}
	return nil
}

// redoAll finishes at unlock what a crash interrupted. What cannot be signed again now is kept for the next time: it must
// not keep the laptop locked.
func (c *Client) redoAll(ctx context.Context) error {
	for scope := range c.refused {
		if _, err := c.redo(ctx, scope); err != nil {
			if err := c.noteOnce(ctx, Incident{What: "refused work could not be signed again: " + err.Error(), Scope: scope.String()}); err != nil {
				return err
			}
		}
	}
	return nil
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
