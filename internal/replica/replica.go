// Package replica keeps the log of changesets and what is merged from it in an SQL database. The same code runs on
// the server's file and in the laptop's memory, so that both see the same state (docs/protocol.md §3, §8).
//
// There is one write path: Replica.InTx. The log is the truth; scopes, feeds, records and attention are derived from
// it, and Rebuild makes them again.
package replica

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"sync"
	"sync/atomic"

	"kua/syncproto"
)

// Migrations holds the tables for each dialect, in folders named for it.
//
//go:embed migrations
var Migrations embed.FS

// Config says where a replica lives.
type Config struct {
	DB      *sql.DB // writes; its tables have been made by Migrations
	Read    *sql.DB // reads beside the writer; nil means DB
	Packets bool    // keep packets in the log; a laptop keeps them sealed elsewhere and gives Incoming.Ext

	// Leaves appends changesets to the transparency log in the same transaction and returns the index of the first.
	// It is nil on a laptop.
	Leaves func(ctx context.Context, tx *sql.Tx, ids []syncproto.ChangesetID) (first int64, err error)
}

// Replica is an open store. Writes are serialised by InTx; reads may run beside them.
type Replica struct {
	cfg Config

	mu     sync.RWMutex // guards everything below: written by InTx only
	roster *syncproto.Roster
	scopes map[syncproto.ScopeID]*scope
	byRow  map[int64]*scope
	feeds  map[syncproto.FeedID]*feed
	rows   map[int64]*feed
	recent map[place]seen // changesets by feed and number, for dependencies
	needs  map[string]int // how many held changesets wait for a need
	held   heldCount
	broken error                      // memory could not be read back after a failed write: nothing may be written any more
	unmet  map[point]int              // how many records have a target that waits for a changeset
	admits map[syncproto.FeedCut]bool // changesets that admissions name
	nextCS int64
	nextRe int64

	names  names                            // for readers that have rows open
	shared atomic.Pointer[syncproto.Roster] // copy of roster for readers, who need not wait for a transaction

	preparing sync.Mutex           // guards prepared
	prepared  map[string]*sql.Stmt // by text, on cfg.DB
}

// names tells readers whose feed a row is. Its lock is never held across a call to the database: a reader with open
// rows that waited for mu would hold the connection that the writer waits for.
type names struct {
	mu    sync.RWMutex
	feeds map[int64]feedName // by row; rows of a transaction that failed stay until they are used again
}

type feedName struct {
	feed   syncproto.FeedID
	scope  syncproto.ScopeID
	device syncproto.DeviceID
	person syncproto.PersonID
}

func (n *names) set(f *feed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.feeds[f.row] = feedName{f.id, f.scope.id, f.device, f.owner}
}

func (n *names) get(row int64) (feedName, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	f, ok := n.feeds[row]
	return f, ok
}

func (n *names) owner(row uint64) syncproto.PersonID {
	f, _ := n.get(int64(row))
	return f.person
}

type place struct {
	feed int64
	n    uint64
}

type point struct {
	feed syncproto.FeedID
	n    uint64
}

type seen struct {
	row   int64
	short syncproto.Short
}

// scope is one row of the scope table, with the standing that its changesets are judged by.
type scope struct {
	row      int64
	id       syncproto.ScopeID
	position uint64
	region   string
	opening  int64
	standing *syncproto.Standing // nil until it is opened
	fresh    bool
	dirty    bool
	rejudge  bool // a team change, a decision or what one names has come: judge the scope again before commit
}

// feed is one row of the feed table.
type feed struct {
	row     int64
	id      syncproto.FeedID
	scope   *scope
	device  syncproto.DeviceID
	owner   syncproto.PersonID
	n       uint64
	head    int64
	headID  syncproto.ChangesetID
	nextSeq uint64
	forked  bool
	tips    map[int64]syncproto.FeedCut // the ends of its branches by row, once it has forked
	fresh   bool
	dirty   bool
}

// Open loads the small tables of a replica into memory.
func Open(ctx context.Context, cfg Config) (*Replica, error) {
	r := &Replica{cfg: cfg, names: names{feeds: map[int64]feedName{}}, prepared: map[string]*sql.Stmt{}}
	if err := r.load(ctx, cfg.DB); err != nil {
		return nil, fmt.Errorf("opening replica: %w", err)
	}
	return r, nil
}

// load reads what is kept in memory anew: at start, and after a transaction that did not commit.
func (r *Replica) load(ctx context.Context, q querier) error {
	r.roster = &syncproto.Roster{}
	r.scopes, r.byRow = map[syncproto.ScopeID]*scope{}, map[int64]*scope{}
	r.feeds, r.rows = map[syncproto.FeedID]*feed{}, map[int64]*feed{}
	r.recent, r.needs, r.unmet, r.admits = map[place]seen{}, map[string]int{}, map[point]int{}, map[syncproto.FeedCut]bool{}
	r.held = heldCount{by: map[syncproto.DeviceID]heldShare{}}
	for _, step := range []func(context.Context, querier) error{r.loadRoster, r.loadScopes, r.loadFeeds, r.loadTips, r.loadWaiting, r.loadHeld, r.loadCounters} {
		if err := step(ctx, q); err != nil {
			return err
		}
	}
	r.shared.Store(r.roster.Clone())
	return nil
}

func (r *Replica) loadRoster(ctx context.Context, q querier) error {
	return each(ctx, q, `SELECT record FROM roster ORDER BY position`, nil, func(row *sql.Rows) error {
		var b []byte
		if err := row.Scan(&b); err != nil {
			return err
		}
		return r.roster.Append(b)
	})
}

func (r *Replica) loadScopes(ctx context.Context, q querier) error {
	err := each(ctx, q, `
		SELECT id, scope, position, region, opening FROM scope`, nil, func(row *sql.Rows) error {
		s := &scope{}
		var id []byte
		if err := row.Scan(&s.row, &id, &s.position, &s.region, &s.opening); err != nil {
			return err
		}
		s.id = syncproto.ScopeID(id)
		r.scopes[s.id], r.byRow[s.row] = s, s
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range r.scopes {
		if err := s.loadStanding(ctx, q, r.roster.Registry()); err != nil {
			return err
		}
	}
	return nil
}

// loadStanding reads the team from the changesets that take effect. The opening's own team always counts for judging
// the opening itself.
func (s *scope) loadStanding(ctx context.Context, q querier, registry syncproto.ScopeID) error {
	if s.id == registry {
		s.standing = &syncproto.Standing{Registry: true}
		return nil
	}
	if s.opening == 0 {
		s.standing = nil
		return nil
	}
	s.standing = &syncproto.Standing{Region: s.region, Team: map[syncproto.PersonID]bool{}}
	return each(ctx, q, `
		SELECT t.person FROM team t JOIN changeset c ON c.id = t.changeset
		WHERE t.scope = $1 AND (c.code = '' OR c.admitted = 1)`, []any{s.row}, func(row *sql.Rows) error {
		var p []byte
		if err := row.Scan(&p); err != nil {
			return err
		}
		s.standing.Team[syncproto.PersonID(p)] = true
		return nil
	})
}

func (r *Replica) loadFeeds(ctx context.Context, q querier) error {
	return each(ctx, q, `SELECT id, feed, scope, device, n, head, head_id, next_seq, forked FROM feed`, nil, func(row *sql.Rows) error {
		f := &feed{tips: map[int64]syncproto.FeedCut{}}
		var id, device, head []byte
		var scopeRow int64
		if err := row.Scan(&f.row, &id, &scopeRow, &device, &f.n, &f.head, &head, &f.nextSeq, &f.forked); err != nil {
			return err
		}
		f.id, f.device, f.headID = syncproto.FeedID(id), syncproto.DeviceID(device), syncproto.ChangesetID(head)
		f.scope = r.byRow[scopeRow]
		if d, ok := r.roster.Device(f.device); ok {
			f.owner = d.Owner
		}
		r.feeds[f.id], r.rows[f.row] = f, f
		r.names.set(f)
		return nil
	})
}

func (r *Replica) loadWaiting(ctx context.Context, q querier) error {
	err := each(ctx, q, `SELECT need FROM held`, nil, func(row *sql.Rows) error {
		var need []byte
		if err := row.Scan(&need); err != nil {
			return err
		}
		r.needs[string(need)]++
		return nil
	})
	if err != nil {
		return err
	}
	err = each(ctx, q, `SELECT feed, n FROM dangling`, nil, func(row *sql.Rows) error {
		var f []byte
		var n uint64
		if err := row.Scan(&f, &n); err != nil {
			return err
		}
		r.unmet[point{syncproto.FeedID(f), n}]++
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, q, `SELECT feed, n, short FROM admission WHERE declined = 0`, nil, func(row *sql.Rows) error {
		cut, err := scanCut(row)
		r.admits[cut] = true
		return err
	})
}

func (r *Replica) loadCounters(ctx context.Context, q querier) error {
	return q.QueryRowContext(ctx, `
		SELECT (SELECT COALESCE(MAX(id), 0) FROM changeset) + 1, (SELECT COALESCE(MAX(id), 0) FROM record) + 1`).
		Scan(&r.nextCS, &r.nextRe)
}

// Roster returns a copy of the access list; it must not be changed.
func (r *Replica) Roster() *syncproto.Roster { return r.shared.Load() }

// querier is what a transaction and a database have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// each runs a query and calls fn for every row.
func each(ctx context.Context, q querier, query string, args []any, fn func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
