package replica

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"kua/syncproto"
)

// reader returns the database that reads go to.
func (r *Replica) reader() *sql.DB {
	if r.cfg.Read != nil {
		return r.cfg.Read
	}
	return r.cfg.DB
}

// ScopeState is what is known of one scope.
type ScopeState struct {
	Scope    syncproto.ScopeID
	Position uint64 // newest; dense from 1
	Standing syncproto.Standing
}

// Scopes returns every scope that has been opened, sorted by id.
func (r *Replica) Scopes() []ScopeState {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []ScopeState
	for _, s := range r.scopes {
		if s.standing != nil {
			out = append(out, s.state())
		}
	}
	slices.SortFunc(out, func(a, b ScopeState) int { return slices.Compare(a.Scope[:], b.Scope[:]) })
	return out
}

// Scope returns one scope, or false where it has not been opened here.
func (r *Replica) Scope(id syncproto.ScopeID) (ScopeState, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.scopes[id]
	if s == nil || s.standing == nil {
		return ScopeState{}, false
	}
	return s.state(), true
}

func (s *scope) state() ScopeState {
	team := make(map[syncproto.PersonID]bool, len(s.standing.Team))
	for p := range s.standing.Team {
		team[p] = true
	}
	return ScopeState{s.id, s.position, syncproto.Standing{Registry: s.standing.Registry, Region: s.standing.Region, Team: team}}
}

// FeedState is one feed as the replica holds it.
type FeedState struct {
	Feed    syncproto.FeedID      `json:"feed"`
	Device  syncproto.DeviceID    `json:"device"`
	N       uint64                `json:"n"`
	Head    syncproto.ChangesetID `json:"head"`
	NextSeq uint64                `json:"nextSeq"`
	Forked  bool                  `json:"forked"`
}

// Feed returns one feed.
func (r *Replica) Feed(id syncproto.FeedID) (FeedState, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := r.feeds[id]
	if f == nil {
		return FeedState{}, false
	}
	return f.state(), true
}

func (f *feed) state() FeedState {
	return FeedState{f.id, f.device, f.n, f.headID, f.nextSeq, f.forked}
}

// Feeds returns the feeds of a scope, sorted by id.
func (r *Replica) Feeds(id syncproto.ScopeID) []FeedState {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []FeedState
	for _, f := range r.feeds {
		if f.scope.id == id {
			out = append(out, f.state())
		}
	}
	slices.SortFunc(out, func(a, b FeedState) int { return slices.Compare(a.Feed[:], b.Feed[:]) })
	return out
}

// Heads returns the vector of feed heads of a scope: one entry for each feed, and one for each branch of a forked one.
func (r *Replica) Heads(ctx context.Context, id syncproto.ScopeID) ([]syncproto.FeedHead, error) {
	var out []syncproto.FeedHead
	for _, f := range r.Feeds(id) {
		if !f.Forked {
			out = append(out, syncproto.FeedHead{Feed: f.Feed, N: f.N, Short: f.Head.Short()})
			continue
		}
		err := each(ctx, r.reader(), `
			SELECT c.n, c.cs FROM changeset c JOIN feed f ON f.id = c.feed
			WHERE f.feed = $1 AND NOT EXISTS (SELECT 1 FROM changeset d WHERE d.prev = c.id AND d.feed = c.feed AND d.n = c.n + 1) ORDER BY c.id`,
			[]any{f.Feed[:]}, func(rows *sql.Rows) error {
				var n uint64
				var cs []byte
				if err := rows.Scan(&n, &cs); err != nil {
					return err
				}
				out = append(out, syncproto.FeedHead{Feed: f.Feed, N: n, Short: syncproto.ChangesetID(cs).Short()})
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("reading the branches of feed %s: %w", f.Feed, err)
		}
	}
	return out, nil
}

// Compare answers an offer: what the other side has and this one lacks, and on which feeds the two hold different
// branches.
func (r *Replica) Compare(ctx context.Context, id syncproto.ScopeID, theirs []syncproto.FeedHead) (want []syncproto.FeedWant, forks []syncproto.FeedID, err error) {
	for _, h := range theirs {
		f, ok := r.Feed(h.Feed)
		switch {
		case !ok:
			want = append(want, syncproto.FeedWant{Feed: h.Feed, From: 1})
		case h.N == f.N && h.Short == f.Head.Short():
		case h.N > f.N:
			from := f.N + 1
			waits, err := r.waitsForPrev(ctx, h)
			if err != nil {
				return nil, nil, err
			}
			if waits { // it came and did not fit: their branch leaves ours further back
				from = 1
			}
			want = append(want, syncproto.FeedWant{Feed: h.Feed, From: from})
		default:
			here, err := r.hasAt(ctx, h)
			if err != nil {
				return nil, nil, err
			}
			if !here { // their branch is not ours: all of it, duplicates cost nothing
				want = append(want, syncproto.FeedWant{Feed: h.Feed, From: 1})
				forks = append(forks, h.Feed)
			}
		}
	}
	return want, forks, nil
}

// waitsForPrev reports whether a head is held here because the changeset before it is missing.
func (r *Replica) waitsForPrev(ctx context.Context, h syncproto.FeedHead) (bool, error) {
	var k int
	from := append(h.Short[:], make([]byte, 16)...)
	to := append(h.Short[:], bytes.Repeat([]byte{0xff}, 16)...)
	err := r.reader().QueryRowContext(ctx, `SELECT COUNT(*) FROM held WHERE cs BETWEEN $1 AND $2 AND code = $3`,
		from, to, string(syncproto.CodeHeldPrev)).Scan(&k)
	return k > 0, err
}

func (r *Replica) hasAt(ctx context.Context, h syncproto.FeedHead) (bool, error) {
	found := false
	err := each(ctx, r.reader(), `SELECT c.cs FROM changeset c JOIN feed f ON f.id = c.feed WHERE f.feed = $1 AND c.n = $2`,
		[]any{h.Feed[:], int64(h.N)}, func(rows *sql.Rows) error {
			var cs []byte
			if err := rows.Scan(&cs); err != nil {
				return err
			}
			found = found || syncproto.ChangesetID(cs).Short() == h.Short
			return nil
		})
	return found, err
}

// Logged is one changeset of the log.
type Logged struct {
	Row        int64
	ID         syncproto.ChangesetID
	Scope      syncproto.ScopeID
	Feed       syncproto.FeedID
	Device     syncproto.DeviceID
	Person     syncproto.PersonID
	N          uint64
	Seq0       uint64
	Count      int
	Position   uint64
	Received   int64 // Unix milliseconds
	Leaf       int64
	Body       syncproto.Hash
	Quarantine syncproto.Code // "" where it never was
	Admitted   bool
	Redacted   bool
	Erased     bool // some of its values were erased
	Ext        int64
	Packet     []byte // nil on a laptop
}

const loggedColumns = `c.id, c.cs, c.scope, c.feed, c.n, c.seq0, c.count, c.position, c.received, c.leaf, c.body, c.code, c.admitted, c.redacted,
	EXISTS (SELECT 1 FROM erasure e WHERE e.changeset = c.id), c.ext`

func (r *Replica) scanLogged(rows *sql.Rows, extra ...any) (Logged, error) {
	var l Logged
	var cs, body []byte
	var scopeRow, feedRow int64
	var code string
	err := rows.Scan(append([]any{&l.Row, &cs, &scopeRow, &feedRow, &l.N, &l.Seq0, &l.Count, &l.Position, &l.Received, &l.Leaf, &body, &code,
		&l.Admitted, &l.Redacted, &l.Erased, &l.Ext}, extra...)...)
	if err != nil {
		return l, err
	}
	l.ID, l.Body, l.Quarantine = syncproto.ChangesetID(cs), syncproto.Hash(body), syncproto.Code(code)
	f, ok := r.names.get(feedRow)
	if !ok {
		return l, fmt.Errorf("changeset %s: its feed is not in the database: run rebuild", l.ID)
	}
	l.Scope, l.Feed, l.Device, l.Person = f.scope, f.feed, f.device, f.person
	return l, nil
}

// Pull calls fn for the changesets of a scope behind a position, in order, at most limit of them.
func (r *Replica) Pull(ctx context.Context, id syncproto.ScopeID, after uint64, limit int, fn func(Logged) error) error {
	return r.logged(ctx, `JOIN scope s ON s.id = c.scope WHERE s.scope = $1 AND c.position > $2 ORDER BY c.position LIMIT $3`,
		[]any{id[:], int64(after), limit}, fn)
}

// FeedFrom calls fn for a feed's changesets from a number on, parents first.
func (r *Replica) FeedFrom(ctx context.Context, id syncproto.FeedID, from uint64, limit int, fn func(Logged) error) error {
	return r.logged(ctx, `JOIN feed f ON f.id = c.feed WHERE f.feed = $1 AND c.n >= $2 ORDER BY c.n, c.id LIMIT $3`,
		[]any{id[:], int64(from), limit}, fn)
}

// Quarantined calls fn for the changesets of a scope that are or were quarantined.
func (r *Replica) Quarantined(ctx context.Context, id syncproto.ScopeID, fn func(Logged) error) error {
	return r.logged(ctx, `JOIN scope s ON s.id = c.scope WHERE s.scope = $1 AND c.code <> '' ORDER BY c.position`, []any{id[:]}, fn)
}

// Changeset returns one changeset of the log by its id.
func (r *Replica) Changeset(ctx context.Context, id syncproto.ChangesetID) (Logged, error) {
	return r.one(ctx, `WHERE c.cs = $1`, id[:])
}

// Row returns one changeset of the log by its row, as OpRef names it.
func (r *Replica) Row(ctx context.Context, row uint64) (Logged, error) {
	return r.one(ctx, `WHERE c.id = $1`, int64(row))
}

// ErrNotFound says that the store does not hold what was asked for.
var ErrNotFound = errors.New("not found")

func (r *Replica) one(ctx context.Context, where string, arg any) (out Logged, err error) {
	err = ErrNotFound
	if e := r.logged(ctx, where, []any{arg}, func(l Logged) error { out, err = l, nil; return nil }); e != nil {
		return out, e
	}
	return out, err
}

func (r *Replica) logged(ctx context.Context, tail string, args []any, fn func(Logged) error) error {
	// Gathered first: fn may ask the database again, and in a laptop's memory there is one connection.
	var found []Logged
	err := each(ctx, r.reader(), `SELECT `+loggedColumns+`, c.packet FROM changeset c `+tail, args, func(rows *sql.Rows) error {
		var packet []byte
		l, err := r.scanLogged(rows, &packet)
		l.Packet = packet
		found = append(found, l)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range found {
		if err := fn(l); err != nil {
			return err
		}
	}
	return nil
}

// RecordView is one merged record. Rows in State name changesets; see Row.
type RecordView struct {
	Scope  syncproto.ScopeID
	Entity syncproto.EntityID
	State  syncproto.RecordState
	Log    []syncproto.Contribution
}

// Record returns one record with the fate of every operation, or ErrNotFound.
func (r *Replica) Record(ctx context.Context, id syncproto.ScopeID, e syncproto.EntityID) (out RecordView, err error) {
	err = ErrNotFound
	e2 := r.records(ctx, `AND r.entity = $2`, []any{id[:], e[:]}, func(v RecordView) error { out, err = v, nil; return nil })
	if e2 != nil {
		return out, e2
	}
	return out, err
}

// Records calls fn for the records of a scope; kind 0 means every kind.
func (r *Replica) Records(ctx context.Context, id syncproto.ScopeID, kind syncproto.Field, fn func(RecordView) error) error {
	return r.records(ctx, `AND ($2 = 0 OR r.kind = $2) ORDER BY r.id`, []any{id[:], int64(kind)}, fn)
}

// Attention calls fn for the records of a scope that wait for a person.
func (r *Replica) Attention(ctx context.Context, id syncproto.ScopeID, fn func(RecordView) error) error {
	return r.records(ctx, `AND r.attention <> 0 ORDER BY r.id`, []any{id[:]}, fn)
}

func (r *Replica) records(ctx context.Context, tail string, args []any, fn func(RecordView) error) error {
	var found []RecordView
	err := each(ctx, r.reader(), `SELECT r.id, s.scope, r.entity, r.log FROM record r JOIN scope s ON s.id = r.scope WHERE s.scope = $1 `+tail, args, func(rows *sql.Rows) error {
		var rec record
		var scopeID, entity, log []byte
		if err := rows.Scan(&rec.id, &scopeID, &entity, &log); err != nil {
			return err
		}
		if err := rec.unpack(log, r.names.owner); err != nil {
			return err
		}
		found = append(found, RecordView{Scope: syncproto.ScopeID(scopeID), Entity: syncproto.EntityID(entity), Log: rec.log})
		return nil
	})
	if err != nil {
		return err
	}
	for _, v := range found {
		v.State = syncproto.Fold(v.Log, true)
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

// HeldWork returns what waits for something to come first.
func (r *Replica) HeldWork(ctx context.Context) ([]Held, error) {
	var out []Held
	err := each(ctx, r.reader(), `SELECT cs, scope, code, since FROM held ORDER BY since, cs`, nil, func(rows *sql.Rows) error {
		var h Held
		var cs, s []byte
		var code string
		if err := rows.Scan(&cs, &s, &code, &h.Since); err != nil {
			return err
		}
		h.ID, h.Scope, h.Code = syncproto.ChangesetID(cs), syncproto.ScopeID(s), syncproto.Code(code)
		out = append(out, h)
		return nil
	})
	return out, err
}

// Fork is two or more changesets of one feed that carry the same number.
type Fork struct {
	Feed       syncproto.FeedID        `json:"feed"`
	N          uint64                  `json:"n"`
	Changesets []syncproto.ChangesetID `json:"changesets"`
}

// Forks returns the incidents of a scope, with all branches (docs/protocol.md §5, I7).
func (r *Replica) Forks(ctx context.Context, id syncproto.ScopeID) ([]Fork, error) {
	var out []Fork
	err := each(ctx, r.reader(), `
		SELECT f.feed, c.n, c.cs FROM changeset c JOIN feed f ON f.id = c.feed JOIN scope s ON s.id = f.scope
		WHERE s.scope = $1 AND f.forked = 1
			AND (SELECT COUNT(*) FROM changeset d WHERE d.feed = c.feed AND d.n = c.n) > 1
		ORDER BY f.feed, c.n, c.cs`, []any{id[:]}, func(rows *sql.Rows) error {
		var f, cs []byte
		var n uint64
		if err := rows.Scan(&f, &n, &cs); err != nil {
			return err
		}
		if k := len(out) - 1; k < 0 || out[k].Feed != syncproto.FeedID(f) || out[k].N != n {
			out = append(out, Fork{Feed: syncproto.FeedID(f), N: n})
		}
		out[len(out)-1].Changesets = append(out[len(out)-1].Changesets, syncproto.ChangesetID(cs))
		return nil
	})
	return out, err
}

// Decided returns the quarantined changesets of a scope that a person has declined: what a decision names, and what
// lies before that on its branch.
func (r *Replica) Decided(ctx context.Context, id syncproto.ScopeID) (map[syncproto.ChangesetID]bool, error) {
	out := map[syncproto.ChangesetID]bool{}
	err := each(ctx, r.reader(), `
		WITH RECURSIVE branch (id) AS (
			SELECT c.id FROM admission a JOIN scope s ON s.id = a.scope JOIN changeset d ON d.id = a.changeset JOIN feed f ON f.feed = a.feed
				JOIN changeset c ON c.feed = f.id AND c.n = a.n AND SUBSTR(c.cs, 1, 16) = a.short
			WHERE s.scope = $1 AND a.declined = 1 AND d.code = ''
			UNION
			SELECT c.prev FROM branch b JOIN changeset c ON c.id = b.id WHERE c.prev <> 0)
		SELECT c.cs FROM branch b JOIN changeset c ON c.id = b.id WHERE c.code <> ''`, []any{id[:]}, func(rows *sql.Rows) error {
		var cs []byte
		err := rows.Scan(&cs)
		if err == nil {
			out[syncproto.ChangesetID(cs)] = true
		}
		return err
	})
	return out, err
}

// Since calls fn for the changesets of every scope from a row on, in the order in which they were taken in.
func (r *Replica) Since(ctx context.Context, row int64, fn func(Logged) error) error {
	return r.logged(ctx, `WHERE c.id >= $1 ORDER BY c.id`, []any{row}, fn)
}

// NextRow returns the row that the next changeset will get.
func (t *Tx) NextRow() int64 { return t.r.nextCS }
