package server

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/syncproto"
)

// Reasons of attention that are not of one record.
const (
	reasonQuarantine = "quarantine"
	reasonFork       = "fork"
	reasonHeld       = "held"
)

// getAttention answers what of a scope waits for a person, as far as structure shows it.
func (s *Server) getAttention(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	a := attention{s: s, c: c, id: scope.Scope, items: []syncproto.AttentionItem{}}
	for _, step := range []func() error{a.records, a.quarantine, a.forks, a.held} {
		if err := step(); err != nil {
			return err
		}
	}
	return render(c, a.items)
}

// attention gathers one answer.
type attention struct {
	s     *Server
	c     echo.Context
	id    syncproto.ScopeID
	items []syncproto.AttentionItem
}

func (a *attention) records() error {
	return a.s.replica.Attention(a.c.Request().Context(), a.id, func(v replica.RecordView) error {
		reasons := (v.State.Attention &^ syncproto.AttentionWaiting).Reasons() // told for each changeset
		if len(reasons) == 0 {
			return nil
		}
		item := syncproto.AttentionItem{Entity: v.Entity, Reasons: reasons}
		for _, f := range v.State.Fields {
			if !f.Personal && len(f.Heads) > 1 || len(f.Reviews) > 0 {
				item.Fields = append(item.Fields, f.Field)
			}
		}
		a.items = append(a.items, item)
		return nil
	})
}

// quarantine lists what takes no effect until somebody decides. Declined work was decided.
func (a *attention) quarantine() error {
	ctx := a.c.Request().Context()
	declined, err := a.s.replica.Decided(ctx, a.id)
	if err != nil {
		return err
	}
	return a.s.replica.Quarantined(ctx, a.id, func(l replica.Logged) error {
		if l.Admitted || declined[l.ID] {
			return nil
		}
		a.items = append(a.items, syncproto.AttentionItem{Reasons: []string{reasonQuarantine}, Feed: &l.Feed, ID: &l.ID, Code: l.Quarantine})
		return nil
	})
}

func (a *attention) forks() error {
	forks, err := a.s.replica.Forks(a.c.Request().Context(), a.id)
	if err != nil {
		return err
	}
	for _, f := range forks {
		for _, id := range f.Changesets {
			a.items = append(a.items, syncproto.AttentionItem{Reasons: []string{reasonFork}, Feed: &f.Feed, ID: &id, Code: syncproto.CodeFork})
		}
	}
	return nil
}

func (a *attention) held() error {
	held, err := a.s.replica.HeldWork(a.c.Request().Context())
	if err != nil {
		return err
	}
	for _, h := range held {
		if h.Scope == a.id {
			a.items = append(a.items, syncproto.AttentionItem{Reasons: []string{reasonHeld}, ID: &h.ID, Code: h.Code})
		}
	}
	return nil
}

// getHistory answers who wrote, replaced, settled and endorsed one field; field 0 means every field of the record.
func (s *Server) getHistory(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	entity, err := syncproto.ParseEntityID(c.QueryParam("entity"))
	if err != nil {
		return syncproto.Refuse(syncproto.CodeMalformed, "reading entity: want the record's id")
	}
	var field uint64
	if v := c.QueryParam("field"); v != "" {
		if field, err = strconv.ParseUint(v, 10, 32); err != nil {
			return syncproto.Refuse(syncproto.CodeMalformed, "reading field: want its number")
		}
	}
	ctx := c.Request().Context()
	view, err := s.replica.Record(ctx, scope.Scope, entity)
	if errors.Is(err, replica.ErrNotFound) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	h := history{load: func(row uint64) (stored, error) {
		l, err := s.replica.Row(ctx, row)
		if err != nil {
			return stored{}, err
		}
		return parseStored(l)
	}, rows: map[uint64]stored{}}
	items, err := h.of(view, syncproto.Field(field))
	if err != nil {
		return err
	}
	return render(c, items)
}

// stored is a changeset of the log, taken apart.
type stored struct {
	replica.Logged
	cs *syncproto.Changeset
}

func parseStored(l replica.Logged) (stored, error) {
	p, err := syncproto.DecodePacket(l.Packet)
	if err != nil {
		return stored{}, err
	}
	cs, err := syncproto.ParsePacket(p)
	return stored{l, cs}, err
}

// history turns the fates of a record's operations into what the wire carries.
type history struct {
	load func(row uint64) (stored, error)
	rows map[uint64]stored
}

func (h *history) row(row uint64) (stored, error) {
	if s, ok := h.rows[row]; ok {
		return s, nil
	}
	s, err := h.load(row)
	if err != nil {
		return s, fmt.Errorf("reading changeset row %d: %w", row, err)
	}
	h.rows[row] = s
	return s, nil
}

func (h *history) of(view replica.RecordView, field syncproto.Field) ([]syncproto.HistoryItem, error) {
	out := []syncproto.HistoryItem{}
	for ref, fate := range view.State.Fates {
		s, err := h.row(ref.Changeset)
		if err != nil {
			return nil, err
		}
		op := &s.cs.Ops[ref.Index]
		if field != 0 && op.Field != field {
			continue
		}
		item := syncproto.HistoryItem{
			ID: s.ID, Index: uint64(ref.Index), Kind: op.Kind, Device: s.Device, Person: s.Person,
			HLC: uint64(s.cs.Header.HLC0) + op.Delta, Received: uint64(s.Received), Fate: fate.Kind.String(),
			Entity: view.Entity, Field: op.Field,
		}
		for _, by := range fate.By {
			b, err := h.row(by.Changeset)
			if err != nil {
				return nil, err
			}
			item.By = append(item.By, fmt.Sprintf("%s/%d", b.ID, by.Index))
		}
		out = append(out, item)
	}
	slices.SortFunc(out, func(a, b syncproto.HistoryItem) int {
		if a.HLC != b.HLC {
			if a.HLC < b.HLC {
				return -1
			}
			return 1
		}
		if d := slices.Compare(a.ID[:], b.ID[:]); d != 0 {
			return d
		}
		return int(a.Index) - int(b.Index)
	})
	return out, nil
}
