// Package replicatest is the conformance suite of replica stores: the same rules on every dialect and every way of
// opening a database. A store that passes keeps the invariants of docs/protocol.md §11 that a store can break.
package replicatest

import (
	"context"
	"database/sql"
	"testing"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

// Run runs the suite. open returns an empty database that has the tables of replica.Migrations; it closes it when
// its test ends.
func Run(t *testing.T, open func(t *testing.T) *sql.DB) {
	s := suite{open}
	t.Run("ingest", s.ingest)
	t.Run("forks", s.forks)
	t.Run("dots", s.dots)
	t.Run("rights", s.rights)
	t.Run("revocation", s.revocation)
	t.Run("admission", s.admission)
	t.Run("erasure", s.erasure)
	t.Run("unknown", s.unknown)
	t.Run("rebuild", s.rebuild)
	t.Run("transactions", s.transactions)
	t.Run("random", s.random)
}

type suite struct{ open func(t *testing.T) *sql.DB }

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

var ctx = context.Background()

// store is one replica under test.
type store struct {
	db *sql.DB
	r  *replica.Replica
}

// leaves stands in for the transparency log: it numbers changesets in the transaction that stores them.
func leaves(ctx context.Context, tx *sql.Tx, ids []syncproto.ChangesetID) (first int64, err error) {
	return first, tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(leaf), -1) + 1 FROM changeset`).Scan(&first)
}

func openStore(t tb, db *sql.DB) *store {
	t.Helper()
	s := &store{db: db}
	s.reopen(t)
	return s
}

func (s suite) new(t *testing.T) *store {
	t.Helper()
	return openStore(t, s.open(t))
}

// reopen forgets everything in memory, as a restart does.
func (s *store) reopen(t tb) {
	t.Helper()
	r, err := replica.Open(ctx, replica.Config{DB: s.db, Packets: true, Leaves: leaves})
	if err != nil {
		t.Fatalf("opening the replica: %v", err)
	}
	s.r = r
}

// wipe empties the store, which is quicker than making another.
func (s *store) wipe(t tb) {
	t.Helper()
	for _, table := range tables {
		if _, err := s.db.ExecContext(ctx, `DELETE FROM `+table); err != nil {
			t.Fatalf("emptying %s: %v", table, err)
		}
	}
	s.reopen(t)
}

// push takes changesets in, in one batch.
func (s *store) push(t tb, changesets ...*syncproto.Changeset) []replica.Outcome {
	t.Helper()
	items := make([]replica.Incoming, len(changesets))
	for i, cs := range changesets {
		items[i] = replica.Incoming{CS: cs, Received: 1_700_000_000_000}
	}
	var out []replica.Outcome
	err := s.r.InTx(ctx, func(tx *replica.Tx) (err error) {
		out, err = tx.Ingest(items)
		return err
	})
	if err != nil {
		t.Fatalf("taking in %d changesets: %v", len(changesets), err)
	}
	return out
}

// want pushes one changeset and wants a status and code.
func (s *store) want(t tb, cs *syncproto.Changeset, status syncproto.Status, code syncproto.Code) replica.Outcome {
	t.Helper()
	o := s.push(t, cs)[0]
	if o.Status != status || o.Code != code {
		t.Fatalf("pushing changeset %d of device %.4s = %s %q (%s), want %s %q", cs.Header.N, cs.Header.Device, o.Status, o.Code, o.Detail, status, code)
	}
	return o
}

// rosterTo gives the store the organisation's roster up to a length; 0 means all of it.
func (s *store) rosterTo(t tb, o *prototest.Org, length int) {
	t.Helper()
	if length == 0 {
		length = o.Roster.Len()
	}
	have := s.r.Roster().Len()
	if have >= length {
		return
	}
	check(t, s.r.InTx(ctx, func(tx *replica.Tx) error {
		for _, record := range o.Roster.Records(have)[:length-have] {
			if err := tx.AppendRoster(record); err != nil {
				return err
			}
		}
		return nil
	}))
}

// item is one thing that reaches a store: a changeset, or the roster up to a length.
type item struct {
	cs     *syncproto.Changeset
	roster int
}

func items(changesets ...*syncproto.Changeset) []item {
	var out []item
	for _, cs := range changesets {
		out = append(out, item{cs: cs})
	}
	return out
}

// take gives the store one item.
func (s *store) take(t tb, o *prototest.Org, i item) {
	t.Helper()
	if i.cs == nil {
		s.rosterTo(t, o, i.roster)
		return
	}
	s.push(t, i.cs)
}
