package replicatest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"kua/internal/replica"
	"kua/syncproto"
)

// tables are all tables of a replica.
var tables = []string{"roster", "scope", "team", "feed", "changeset", "record", "held", "dangling", "admission", "erasure"}

// dump returns the content of the given tables, sorted: what "byte-equal" means.
func (s *store) dump(t tb, names ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, name := range names {
		rows, err := s.db.QueryContext(ctx, `SELECT * FROM `+name)
		if err != nil {
			t.Fatalf("dumping %s: %v", name, err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatalf("dumping %s: %v", name, err)
		}
		for rows.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatalf("dumping %s: %v", name, err)
			}
			var line strings.Builder
			for i, v := range row {
				if b, ok := v.([]byte); ok {
					v = fmt.Sprintf("%x", b)
				}
				fmt.Fprintf(&line, "%s=%v ", columns[i], v)
			}
			out[name] = append(out[name], line.String())
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("dumping %s: %v", name, err)
		}
		rows.Close()
		slices.Sort(out[name])
	}
	return out
}

// state is everything that two stores which hold the same changesets and roster must agree on, in words that do not
// depend on rows, positions or times.
type state struct {
	Roster  syncproto.Hash
	Scopes  map[string]scopeState
	Held    []string
	Forks   map[string][]replica.Fork
	Decided map[string]string
}

type scopeState struct {
	Positions uint64
	Region    string
	Registry  bool
	Team      []string
	Heads     []string
	Log       []string // each changeset with its quarantine, admission and erasure
	Records   []string
	Digest    syncproto.Hash
}

func (s *store) state(t tb) state {
	t.Helper()
	out := state{Roster: s.r.Roster().Head(), Scopes: map[string]scopeState{}, Forks: map[string][]replica.Fork{}, Decided: map[string]string{}}
	for _, sc := range s.r.Scopes() {
		out.Scopes[sc.Scope.String()] = s.scopeState(t, sc)
		forks, err := s.r.Forks(ctx, sc.Scope)
		check(t, err)
		out.Forks[sc.Scope.String()] = forks
		decided, err := s.r.Decided(ctx, sc.Scope)
		check(t, err)
		out.Decided[sc.Scope.String()] = fmt.Sprint(decided)
	}
	held, err := s.r.HeldWork(ctx)
	check(t, err)
	for _, h := range held {
		out.Held = append(out.Held, fmt.Sprintf("%s %s %s", h.ID, h.Scope, h.Code))
	}
	slices.Sort(out.Held)
	return out
}

func (s *store) scopeState(t tb, sc replica.ScopeState) scopeState {
	t.Helper()
	out := scopeState{Positions: sc.Position, Region: sc.Standing.Region, Registry: sc.Standing.Registry}
	for p := range sc.Standing.Team {
		out.Team = append(out.Team, p.String())
	}
	slices.Sort(out.Team)
	heads, err := s.r.Heads(ctx, sc.Scope)
	check(t, err)
	for _, h := range heads {
		out.Heads = append(out.Heads, fmt.Sprintf("%s %d %x", h.Feed, h.N, h.Short))
	}
	slices.Sort(out.Heads)
	check(t, s.r.Pull(ctx, sc.Scope, 0, 1<<30, func(l replica.Logged) error {
		out.Log = append(out.Log, fmt.Sprintf("%s feed=%s n=%d person=%s code=%q admitted=%t erased=%t redacted=%t", l.ID, l.Feed, l.N, l.Person, l.Quarantine, l.Admitted, l.Erased, l.Redacted))
		return nil
	}))
	slices.Sort(out.Log)
	check(t, s.r.Records(ctx, sc.Scope, 0, func(v replica.RecordView) error {
		out.Records = append(out.Records, fmt.Sprintf("%s kind=%d exists=%t removed=%t edited=%d attention=%b fields=%d", v.Entity, v.State.Kind, v.State.Exists, v.State.Removed, len(v.State.Edited), v.State.Attention, len(v.State.Fields)))
		return nil
	}))
	slices.Sort(out.Records)
	out.Digest, err = s.r.Digest(ctx, sc.Scope)
	check(t, err)
	return out
}

func check(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// same wants two states to be equal.
func same(t tb, rule string, got, want state) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-want +got):\n%s", rule, d)
	}
}

// dense wants the positions of every scope to run from 1 without a gap, in the order of rows (I9), and leaves to be
// unique.
func (s *store) dense(t tb) {
	t.Helper()
	for _, sc := range s.r.Scopes() {
		var last uint64
		var row int64
		check(t, s.r.Pull(ctx, sc.Scope, 0, 1<<30, func(l replica.Logged) error {
			if l.Position != last+1 || l.Row <= row {
				return fmt.Errorf("I9: position %d (row %d) follows position %d (row %d)", l.Position, l.Row, last, row)
			}
			last, row = l.Position, l.Row
			return nil
		}))
		if last != sc.Position {
			t.Fatalf("I9: the scope says position %d, the last changeset has %d", sc.Position, last)
		}
	}
	var total, distinct int
	check(t, s.db.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(DISTINCT leaf) FROM changeset`).Scan(&total, &distinct))
	if total != distinct {
		t.Fatalf("%d changesets share %d leaves", total, distinct)
	}
}

// fates wants every operation to have exactly one fate (I4).
func (s *store) fates(t tb) {
	t.Helper()
	for _, sc := range s.r.Scopes() {
		ops := 0
		check(t, s.r.Records(ctx, sc.Scope, 0, func(v replica.RecordView) error { ops += len(v.State.Fates); return nil }))
		var counted int
		check(t, s.db.QueryRowContext(ctx, `SELECT COALESCE(SUM(c.count), 0) FROM changeset c JOIN scope s ON s.id = c.scope WHERE s.scope = $1`, sc.Scope[:]).Scan(&counted))
		if ops != counted {
			t.Fatalf("I4: %d operations were stored, %d have a fate", counted, ops)
		}
	}
}

// rebuilds wants a rebuild to leave every table byte for byte as ingest did (I1).
func (s *store) rebuilds(t tb) {
	t.Helper()
	before := s.dump(t, tables...)
	check(t, s.r.Rebuild(ctx))
	if d := cmp.Diff(before, s.dump(t, tables...)); d != "" {
		t.Fatalf("I1: rebuild differs from what ingest left (-ingest +rebuild):\n%s", d)
	}
}

// relays wants the packet of a changeset to be the bytes that came (I11).
func (s *store) relays(t tb, cs *syncproto.Changeset) {
	t.Helper()
	l, err := s.r.Changeset(ctx, cs.ID)
	check(t, err)
	packet, err := l.Relayed()
	check(t, err)
	if !bytes.Equal(packet, cs.Packet.Encode()) {
		t.Fatalf("I11: changeset %s is passed on with other bytes than it came with", cs.ID)
	}
}
