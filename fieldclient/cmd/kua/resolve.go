package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/internal/replica"
	"kua/syncproto"
)

// errAmbiguous says that a short name fits several things.
var errAmbiguous = errors.New("it fits several")

const shortest = 6 // hexadecimal digits of a prefix

// match picks the one candidate that a full id or a prefix of it names.
func match[T interface {
	~[16]byte | ~[32]byte
	fmt.Stringer
}](what, typed string, candidates []T) (one T, err error) {
	digits := strings.ToLower(strings.ReplaceAll(typed, "-", ""))
	whole := digits + strings.Repeat("0", len(digits)%2)
	if _, err := hex.DecodeString(whole); err != nil || len(digits) < shortest {
		return one, fmt.Errorf("%q does not name a %s: type its id, or at least the first %d digits of it (%w)", typed, what, shortest, errUsage)
	}
	var found []T
	for _, c := range candidates {
		if strings.HasPrefix(strings.ReplaceAll(c.String(), "-", ""), digits) && !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return one, fmt.Errorf("no %s on this laptop begins with %q: %w", what, typed, fieldclient.ErrNotFound)
	}
	names := make([]string, len(found))
	for i, f := range found {
		names[i] = f.String()
	}
	return one, fmt.Errorf("%q: %w: %s", typed, errAmbiguous, strings.Join(names, ", "))
}

// visits returns the scopes of the visits on this laptop.
func visits(c *fieldclient.Client) []syncproto.ScopeID {
	var out []syncproto.ScopeID
	for _, s := range c.Replica().Scopes() {
		if !s.Standing.Registry {
			out = append(out, s.Scope)
		}
	}
	return out
}

func visitNamed(c *fieldclient.Client, typed string) (syncproto.ScopeID, error) {
	return match("visit", typed, visits(c))
}

// place is a record with what it lies in.
type place struct {
	scope  syncproto.ScopeID
	entity syncproto.EntityID
}

// recordNamed finds a record by id or prefix, or a checklist item by VISIT/ITEM.
func recordNamed(ctx context.Context, c *fieldclient.Client, typed string) (p place, err error) {
	if visit, item, ok := strings.Cut(typed, "/"); ok {
		if p.scope, err = visitNamed(c, visit); err != nil {
			return p, err
		}
		p.entity, err = c.ItemID(p.scope, item, "")
		return p, err
	}
	scopes := map[syncproto.EntityID]syncproto.ScopeID{}
	var ids []syncproto.EntityID
	for _, s := range c.Replica().Scopes() {
		err := c.Replica().Records(ctx, s.Scope, 0, func(v replica.RecordView) error {
			if v.State.Kind != 0 {
				scopes[v.Entity] = s.Scope
				ids = append(ids, v.Entity)
			}
			return nil
		})
		if err != nil {
			return p, err
		}
	}
	if p.entity, err = match("record", typed, ids); err != nil {
		return p, err
	}
	p.scope = scopes[p.entity]
	return p, nil
}

// existence is what create, remove and restore act on: it has a history, and a foreign restore waits for an endorsement.
var existence = syncproto.FieldSpec{ID: syncproto.FieldExistence, Name: "existence", Class: syncproto.Shared}

// target finds a field of a record.
func target(ctx context.Context, c *fieldclient.Client, record, field string) (t fieldclient.Target, err error) {
	p, err := recordNamed(ctx, c, record)
	if err != nil {
		return t, err
	}
	v, err := c.Replica().Record(ctx, p.scope, p.entity)
	if err != nil {
		return t, fmt.Errorf("record %s: %w", record, err)
	}
	kind, ok := syncproto.LookupKind(v.State.Kind)
	if !ok {
		return t, fmt.Errorf("record %s is of a kind that this version does not know: update Kua", record)
	}
	if field == existence.Name {
		return fieldclient.Target{Scope: p.scope, Entity: p.entity, Field: &existence}, nil
	}
	spec, err := kind.FieldNamed(field)
	if err != nil {
		return t, fmt.Errorf("%w: `kua fields %s` lists them (%w)", err, kind.Name, errUsage)
	}
	return fieldclient.Target{Scope: p.scope, Entity: p.entity, Field: spec}, nil
}

func changesetNamed(ctx context.Context, c *fieldclient.Client, typed string) (syncproto.ChangesetID, error) {
	var ids []syncproto.ChangesetID
	err := c.Replica().Since(ctx, 0, func(l replica.Logged) error { ids = append(ids, l.ID); return nil })
	if err != nil {
		return syncproto.ChangesetID{}, err
	}
	return match("changeset", typed, ids)
}

// personNamed finds a member by name, id or prefix.
func personNamed(c *fieldclient.Client, typed string) (syncproto.PersonID, error) {
	list, err := readRoster(c.Roster())
	if err != nil {
		return syncproto.PersonID{}, err
	}
	var named, ids []syncproto.PersonID
	for _, m := range list.Members {
		ids = append(ids, m.Person)
		if strings.EqualFold(m.Name, strings.TrimSpace(typed)) {
			named = append(named, m.Person)
		}
	}
	switch len(named) {
	case 0:
		id, err := match("member", typed, ids)
		if errors.Is(err, errUsage) {
			err = fmt.Errorf("the roster names nobody called %q: `kua roster` lists the members (%w)", typed, fieldclient.ErrNotFound)
		}
		return id, err
	case 1:
		return named[0], nil
	}
	return named[0], fmt.Errorf("%d members are called %q, type the id instead: %w: %v", len(named), typed, errAmbiguous, named)
}

// people finds members from a list with commas.
func people(c *fieldclient.Client, list string) ([]syncproto.PersonID, error) {
	var out []syncproto.PersonID
	for _, typed := range strings.Split(list, ",") {
		if strings.TrimSpace(typed) == "" {
			continue
		}
		p, err := personNamed(c, strings.TrimSpace(typed))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// pairs reads field=value arguments; the value - comes from standard input.
func (a *app) pairs(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("want field=value, got %q (%w)", p, errUsage)
		}
		text, err := a.text(value)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}
