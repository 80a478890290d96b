package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// pull fetches a scope from a cursor on. The next page is on its way while one is verified and stored.
func (s *syncRun) pull(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor, last uint64) error {
	if cursor.Position == 0 && last >= snapshotFrom {
		var err error
		if cursor, err = s.snapshot(ctx, scope, cursor); err != nil {
			return err
		}
	}
	if cursor.Position >= last && cursor.Epoch == s.hello.Epoch {
		return s.keepCursor(ctx, scope, cursor)
	}
	pages := make(chan page, 1)
	ctx, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	wait.Go(func() { s.fetchPages(ctx, scope, cursor, pages) })
	for p := range pages {
		if p.err != nil {
			return p.err
		}
		if err := s.takePage(ctx, scope, p.items, p.end.Next); err != nil {
			return err
		}
		s.progress(Progress{Phase: "receive", Scope: scope, Done: p.end.Next.Position, Total: p.end.Last})
	}
	return ctx.Err()
}

type page struct {
	items []syncproto.PullItem
	end   syncproto.PullEnd
	err   error
}

const pullLimit = 1000

func (s *syncRun) fetchPages(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor, pages chan<- page) {
	defer close(pages)
	for {
		p := s.fetchPage(ctx, scope, cursor)
		select {
		case pages <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil || !p.end.More {
			return
		}
		if p.end.Next.Epoch != cursor.Epoch || p.end.Next.Position <= cursor.Position {
			return // no movement: asking again would not change that; or another life of the server, for the next sync
		}
		cursor = p.end.Next
	}
}

func (s *syncRun) fetchPage(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor) (p page) {
	path := fmt.Sprintf("/v1/scopes/%s/pull?epoch=%s&after=%d&limit=%d", scope, cursor.Epoch, cursor.Position, pullLimit)
	if have := s.ownWork(scope); have != "" {
		path += "&have=" + have
	}
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return page{err: err}
	}
	raw, err := decompress(a.body)
	if err != nil {
		return page{err: err}
	}
	items, err := sequence(raw)
	if err != nil || len(items) == 0 {
		return page{err: fmt.Errorf("the server's page does not parse (%w)", err)}
	}
	p.items, p.err = pullItems(items[:len(items)-1])
	if p.err == nil {
		p.err = syncproto.DecodeMessage(items[len(items)-1], &p.end)
	}
	return p
}

// ownWork names the part of this laptop's own feed that need not come back: FEED-N, N the first number not known here.
// On a forked feed everything must come, to see both branches.
func (s *syncRun) ownWork(scope syncproto.ScopeID) string {
	s.c.mu.Lock()
	f := s.c.feeds[scope]
	s.c.mu.Unlock()
	if f == nil || s.forked[scope] {
		return ""
	}
	id := syncproto.NewFeedID(s.c.keys.device.ID, scope, f.Incarnation)
	if st, ok := s.c.rep.Feed(id); !ok || st.Forked {
		return ""
	}
	return fmt.Sprintf("%s-%d", id, f.N+1)
}

func pullItems(raw [][]byte) ([]syncproto.PullItem, error) {
	items := make([]syncproto.PullItem, len(raw))
	for i, b := range raw {
		if err := syncproto.DecodeMessage(b, &items[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// takePage verifies a page on all cores, stores it together with the cursor that stands for it, and merges it.
func (s *syncRun) takePage(ctx context.Context, scope syncproto.ScopeID, items []syncproto.PullItem, next syncproto.Cursor) error {
	now := uint64(s.c.cfg.Now().UnixMilli())
	packets := make([][]byte, len(items))
	for i := range items {
		packets[i] = items[i].Packet
	}
	parsed := s.c.verifyAll(packets)
	var arrivals []arrival
	bad := 0
	for i, a := range parsed {
		if a.cs == nil || a.cs.Header.Scope != scope {
			bad++
			continue
		}
		a.received, a.server = now, items[i].Received
		arrivals = append(arrivals, a)
	}
	s.report.Bad += bad
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	err := s.c.absorb(ctx, arrivals, func(tx *vault.Tx) error {
		if bad > 0 {
			if err := s.c.rememberUnread(tx, scope, next.Epoch); err != nil {
				return err
			}
			if err := s.c.note(tx, Incident{What: "the server sent work that does not verify", Scope: scope.String()}); err != nil {
				return err
			}
		}
		return putState(tx, stateCursor(scope), next)
	})
	s.report.Received += len(arrivals)
	return err
}

// stateUnread remembers where in a scope something came first that this program could not read. A newer one may: it begins
// there again (docs/protocol.md §11, I16).
func stateUnread(s syncproto.ScopeID) string { return "unread/" + s.String() }

type unreadState struct {
	App  string           `cbor:"1,keyasint"`
	From syncproto.Cursor `cbor:"2,keyasint"`
}

func (c *Client) rememberUnread(tx *vault.Tx, scope syncproto.ScopeID, epoch syncproto.Hash) error {
	if _, err := tx.Get(stateUnread(scope)); !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	from := syncproto.Cursor{Epoch: epoch}
	b, err := tx.Get(stateCursor(scope))
	if err == nil {
		err = syncproto.DecodeMessage(b, &from)
	}
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	return putState(tx, stateUnread(scope), unreadState{c.cfg.App, from})
}

// fromUnread returns where to begin in a scope: where the cursor is, or, in the first sync of another build, where
// something could not be read.
func (c *Client) fromUnread(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor) (syncproto.Cursor, error) {
	var u unreadState
	err := c.getState(ctx, stateUnread(scope), &u)
	if errors.Is(err, vault.ErrNotFound) || err == nil && u.App == c.cfg.App {
		return cursor, nil
	}
	if err != nil {
		return cursor, err
	}
	if u.From.Epoch == cursor.Epoch && u.From.Position < cursor.Position {
		cursor = u.From
	}
	return cursor, c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if err := putState(tx, stateCursor(scope), cursor); err != nil {
			return err
		}
		return tx.Delete(stateUnread(scope))
	})
}

func (s *syncRun) keepCursor(ctx context.Context, scope syncproto.ScopeID, cur syncproto.Cursor) error {
	return s.c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateCursor(scope), cur) })
}

// verifyAll takes packets apart and checks their signatures on all cores. What does not verify has no changeset in the
// result. A changeset whose device is not in the roster yet passes: it is held, and verified when the device is known.
func (c *Client) verifyAll(packets [][]byte) []arrival {
	roster := c.rep.Roster()
	out := make([]arrival, len(packets))
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(packets); i += workers {
				out[i] = verifyOne(roster, packets[i])
			}
		})
	}
	wait.Wait()
	return out
}

func verifyOne(roster *syncproto.Roster, b []byte) (a arrival) {
	p, err := syncproto.DecodePacket(b)
	if err != nil {
		return a
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return a
	}
	d, ok := roster.Device(cs.Header.Device)
	if ok && cs.Verify(d.Signing) != nil {
		return a
	}
	return arrival{cs: cs, stranger: !ok}
}
