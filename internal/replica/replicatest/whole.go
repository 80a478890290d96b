package replicatest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/prototest"
)

func (s suite) unknown(t *testing.T) {
	h := newVisit(t, 70)
	mild := h.by(h.Monitor, prototest.Create(h.obs, observation),
		prototest.Op{Kind: 900, Entity: h.obs, Field: 9000, Value: "of a later version"})
	grave := h.by(h.Monitor2, prototest.Op{Kind: 901, Entity: h.obs, Field: obsText, Flags: syncproto.FlagCritical | 64, Clear: 7, Value: "critical"})
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening)
	st.want(t, mild, syncproto.StatusAccepted, "")
	st.want(t, grave, syncproto.StatusOpaque, syncproto.CodeOpaque)
	st.relays(t, mild)
	st.relays(t, grave)
	view, err := st.r.Record(ctx, h.v.Scope, h.obs)
	check(t, err)
	if view.State.Attention&syncproto.AttentionCritical == 0 {
		t.Fatal("I16: a critical operation of an unknown kind is not flagged")
	}
	s.everyOrder(t, h.Org, 0, items(h.all...))
}

func (s suite) rebuild(t *testing.T) {
	h, late, _ := lateWork(t, 80)
	_, one, _, _ := forked(t, 81)
	work := h.by(h.Monitor, prototest.Create(h.Entity(), observation), prototest.Set(h.obs, obsText, "a name"))
	ghost := prototest.OpOf(one, 0)
	h.by(h.Leader, prototest.Set(h.obs, obsText, "x").Seeing(ghost), prototest.AddTeam(h.v, h.Health.Owner))
	h.by(h.Coordinator, prototest.Admit(h.v.Scope, late))
	h.by(h.Protection, prototest.Erase(h.obs, prototest.OpOf(work, 1)))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.all...)
	check(t, st.redact(work.ID, h.redacted(t, work, 1), 1))
	next := h.by(h.Health, prototest.Create(h.Entity(), interview))
	after := h.by(h.Health, prototest.Create(h.Entity(), interview))
	st.want(t, after, syncproto.StatusHeld, syncproto.CodeHeldPrev)

	t.Run("a rebuild is byte-equal and goes on", func(t *testing.T) {
		st.rebuilds(t)
		st.rebuilds(t)
		st.want(t, next, syncproto.StatusAccepted, "") // releases what was held before
		if f, ok := st.r.Feed(h.Health.Feed(h.v).ID()); !ok || f.N != 2 {
			t.Fatalf("after the rebuild held work stays held: %+v", f)
		}
		st.sound(t)
	})
	t.Run("a rebuild repairs what was damaged", func(t *testing.T) {
		want := st.dump(t, tables...)
		for _, damage := range []string{
			`UPDATE record SET log = records, attention = 0 FROM changeset WHERE changeset.id = 1`,
			`UPDATE changeset SET code = '', rights = 0, n = n + 7, records = body`,
			`DELETE FROM team`, `DELETE FROM erasure`, `UPDATE feed SET n = 99`, `UPDATE scope SET region = 'nowhere', position = 1`,
			`DELETE FROM dangling`, `DELETE FROM admission`,
		} {
			exec(t, st, damage)
			found, err := replica.CheckDerived(ctx, st.db, s.open(t), 3)
			if err != nil || len(found) == 0 {
				t.Fatalf("%s goes unnoticed (%v)", damage, err)
			}
			check(t, st.r.Rebuild(ctx))
			if d := cmp.Diff(want, st.dump(t, tables...)); d != "" {
				t.Fatalf("%s was not repaired:\n%s", damage, d)
			}
		}
	})
	t.Run("a check of the derived tables finds nothing wrong in a sound store", func(t *testing.T) {
		before := st.dump(t, tables...)
		found, err := replica.CheckDerived(ctx, st.db, s.open(t), 10)
		if err != nil || len(found) != 0 {
			t.Fatalf("found %q, %v", found, err)
		}
		if d := cmp.Diff(before, st.dump(t, tables...)); d != "" {
			t.Fatalf("the check changed the store:\n%s", d)
		}
	})
	t.Run("a rebuild that fails leaves everything as it was", func(t *testing.T) {
		before := st.dump(t, tables...)
		was := st.state(t)
		var packet []byte
		check(t, st.db.QueryRowContext(ctx, `SELECT packet FROM changeset WHERE id = 3`).Scan(&packet))
		exec(t, st, `UPDATE changeset SET packet = $1 WHERE id = 3`, []byte("damaged"))
		if err := st.r.Rebuild(ctx); err == nil {
			t.Fatal("a damaged packet was taken in")
		}
		exec(t, st, `UPDATE changeset SET packet = $1 WHERE id = 3`, packet)
		if d := cmp.Diff(before, st.dump(t, tables...)); d != "" {
			t.Fatalf("a failed rebuild changed the store:\n%s", d)
		}
		same(t, "a failed rebuild changed the state", st.state(t), was)
	})
}

func exec(t tb, st *store, query string, args ...any) {
	t.Helper()
	_, err := st.db.ExecContext(ctx, query, args...)
	check(t, err)
}

func (s suite) transactions(t *testing.T) {
	h := newVisit(t, 90)
	one := h.by(h.Monitor2, prototest.Create(h.obs, observation), prototest.Set(h.obs, obsText, "beds"))
	two := h.by(h.Monitor2, prototest.Set(h.obs, obsText, "no beds"))
	st := s.new(t)
	st.rosterTo(t, h.Org, 0)
	st.push(t, h.opening, two)
	h.RevokeDevice(h.Monitor2)
	revoke := h.Roster.Records(h.Roster.Len() - 1)[0]
	rows, was := st.dump(t, tables...), st.state(t)
	stop := errors.New("stop")
	attempt := func(tx *replica.Tx) {
		if _, err := tx.Ingest([]replica.Incoming{{CS: one}}); err != nil {
			t.Fatal(err)
		}
		if err := tx.AppendRoster(revoke); err != nil {
			t.Fatal(err)
		}
	}
	untouched := func(t *testing.T) {
		t.Helper()
		if d := cmp.Diff(rows, st.dump(t, tables...)); d != "" {
			t.Fatalf("on disk:\n%s", d)
		}
		same(t, "in memory", st.state(t), was)
		if st.r.Roster().Len() != h.Roster.Len()-1 {
			t.Fatal("in memory: the roster has grown")
		}
	}
	t.Run("an error leaves memory and disk as before", func(t *testing.T) {
		if err := st.r.InTx(ctx, func(tx *replica.Tx) error { attempt(tx); return stop }); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		untouched(t)
	})
	t.Run("a panic leaves memory and disk as before", func(t *testing.T) {
		func() {
			defer func() { recover() }()
			st.r.InTx(ctx, func(tx *replica.Tx) error { attempt(tx); panic("stop") })
		}()
		untouched(t)
	})
	t.Run("a cancelled request leaves memory and disk as before", func(t *testing.T) {
		cancelled, cancel := context.WithCancel(ctx)
		err := st.r.InTx(cancelled, func(tx *replica.Tx) error { attempt(tx); cancel(); return nil })
		if err == nil {
			t.Fatal("a cancelled transaction was committed")
		}
		untouched(t)
	})
	t.Run("the store goes on after a failure", func(t *testing.T) {
		st.want(t, one, syncproto.StatusAccepted, "")
		if f, _ := st.r.Feed(h.Monitor2.Feed(h.v).ID()); f.N != 2 {
			t.Fatalf("feed = %+v, want both changesets", f)
		}
		st.rosterTo(t, h.Org, 0)
		st.sound(t)
	})
}
