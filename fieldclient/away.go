package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

func putAway(tx *vault.Tx, away map[syncproto.ScopeID]awayVisit) error {
	list := make([]awayVisit, 0, len(away))
	for _, v := range away {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b awayVisit) int { return slices.Compare(a.Scope[:], b.Scope[:]) })
	return putState(tx, stateAway, list)
}

func (c *Client) loadAway(ctx context.Context) error {
	var list []awayVisit
	if err := c.getState(ctx, stateAway, &list); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	for _, v := range list {
		c.away[v.Scope] = v
	}
	return nil
}

// Away returns the visits that were removed from this laptop and not brought back, sorted by id.
func (c *Client) Away() []syncproto.ScopeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []syncproto.ScopeID{}
	for id := range c.away {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b syncproto.ScopeID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// BringBack lets the next sync fetch removed visits again. ErrNotFound where one of them was not removed.
func (c *Client) BringBack(ctx context.Context, scopes []syncproto.ScopeID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	away := maps.Clone(c.away)
	for _, id := range scopes {
		if _, ok := away[id]; !ok {
			return fmt.Errorf("bringing back: visit %s: %w", id, ErrNotFound)
		}
		delete(away, id)
	}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return putAway(tx, away) }); err != nil {
		return fmt.Errorf("bringing back: %w", err)
	}
	c.away = away
	return nil
}

// withoutAway leaves the removed visits out of those that a server lists.
func (s *syncRun) withoutAway(ctx context.Context, listed []syncproto.ScopeInfo) ([]syncproto.ScopeInfo, error) {
	s.c.mu.Lock()
	away := maps.Clone(s.c.away)
	s.c.mu.Unlock()
	for _, v := range away {
		there := slices.ContainsFunc(listed, func(l syncproto.ScopeInfo) bool { return l.Scope == v.Scope })
		if v.Epoch != s.hello.Epoch {
			if err := s.awayStands(ctx, v, there); err != nil {
				return nil, fmt.Errorf("scope %s: %w", v.Scope, err)
			}
		}
	}
	s.report.Away = len(away)
	return slices.DeleteFunc(listed, func(l syncproto.ScopeInfo) bool { _, ok := away[l.Scope]; return ok }), nil
}

// awayStands asks a server whose database has begun another life whether it still holds a removed visit: this laptop
// cannot send it again, and somebody has to hear of that.
func (s *syncRun) awayStands(ctx context.Context, v awayVisit, there bool) error {
	var a syncproto.OfferAnswer
	offer := syncproto.Offer{Heads: v.Heads, Cursor: syncproto.Cursor{Epoch: s.hello.Epoch}}
	if there {
		if err := s.r.exchange(ctx, http.MethodPost, "/v1/scopes/"+v.Scope.String()+"/offer", offer, &a); err != nil {
			return err
		}
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !there || len(a.Want) > 0 {
		what := "the server was restored and lacks work of a visit that was removed from this laptop: other laptops of the visit bring it when they sync"
		s.report.Warnings = append(s.report.Warnings, what+" (visit "+v.Scope.String()+")")
		return s.c.noteOnce(ctx, Incident{What: what, Scope: v.Scope.String()})
	}
	if _, still := s.c.away[v.Scope]; !still {
		return nil
	}
	away := maps.Clone(s.c.away)
	v.Epoch = s.hello.Epoch
	away[v.Scope] = v
	if err := s.c.vault.InTx(ctx, func(tx *vault.Tx) error { return putAway(tx, away) }); err != nil {
		return err
	}
	s.c.away = away
	return nil
}
