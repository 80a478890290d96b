package replica

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"kua/syncproto"
)

// branches tells which changesets of a scope lie on the branch that ends at a named one: what the cut of a revocation
// or an admission covers. It numbers the tree of each feed depth first, once, so that a branch costs nothing more however many there
// are: the changesets that follow one stand behind it without a gap.
type branches struct {
	named func(syncproto.FeedCut) bool // what may be asked for
	all   []judged                     // by row; a parent has a smaller row than its children

	ends  map[syncproto.FeedCut]int // places in all of what is named
	order []int                     // place in the tree
	size  []int                     // changesets that follow on all branches, and itself
}

// within reports whether the changeset at a place in all is, or is an ancestor of, the one that cut names; false where
// that has not come.
func (b *branches) within(at int, cut syncproto.FeedCut) bool {
	if b.ends == nil {
		b.number()
	}
	end, ok := b.ends[cut]
	return ok && b.order[at] <= b.order[end] && b.order[end] < b.order[at]+b.size[at]
}

func (b *branches) number() {
	n := len(b.all)
	b.ends, b.order, b.size = map[syncproto.FeedCut]int{}, make([]int, n), make([]int, n)
	parent, next := make([]int, n), make([]int, n+1) // the last place of next is for beginnings of feeds
	for i := n - 1; i >= 0; i-- {
		j := &b.all[i]
		if b.named(j.cut()) {
			b.ends[j.cut()] = i
		}
		at, ok := slices.BinarySearchFunc(b.all[:i], j.prev, func(p judged, row int64) int { return cmp.Compare(p.row, row) })
		if !ok {
			at = n
		}
		parent[i] = at
		b.size[i]++
		if ok {
			b.size[at] += b.size[i]
		}
	}
	for i := range b.all {
		b.order[i] = next[parent[i]]
		next[parent[i]] += b.size[i]
		next[i] = b.order[i] + 1
	}
}

// named reports whether a cut or an admission names a changeset.
func (r *Replica) named(c syncproto.FeedCut) bool { return r.roster.IsCut(c) || r.admits[c] }

// scanCut reads feed, n and short, and then what follows them.
func scanCut(rows *sql.Rows, more ...any) (c syncproto.FeedCut, err error) {
	var f, short []byte
	err = rows.Scan(append([]any{&f, &c.N, &short}, more...)...)
	copy(c.Feed[:], f)
	copy(c.Short[:], short)
	return c, err
}

// cut names the changeset.
func (j *judged) cut() syncproto.FeedCut {
	return syncproto.FeedCut{Feed: j.claim.Feed, N: j.claim.N, Short: j.short}
}

// grow moves the ends of a forked feed's branches forward by a staged changeset.
func (f *feed) grow(w *row) {
	if !f.forked {
		return
	}
	delete(f.tips, w.prev)
	f.tips[w.id] = w.cs.Cut()
}

// loadTips reads where the branches of forked feeds end.
func (r *Replica) loadTips(ctx context.Context, q querier) error {
	return each(ctx, q, `
		SELECT f.id, c.id, c.n, c.cs FROM feed f JOIN changeset c ON c.feed = f.id
		WHERE f.forked = 1 AND NOT EXISTS (SELECT 1 FROM changeset d WHERE d.prev = c.id AND d.feed = c.feed AND d.n = c.n + 1)`, nil, func(rows *sql.Rows) error {
		var feedRow, row int64
		var cs []byte
		var cut syncproto.FeedCut
		if err := rows.Scan(&feedRow, &row, &cut.N, &cs); err != nil {
			return err
		}
		f := r.rows[feedRow]
		if f == nil {
			return fmt.Errorf("a branch of feed row %d, which is not there", feedRow)
		}
		cut.Feed, cut.Short = f.id, syncproto.ChangesetID(cs).Short()
		f.tips[row] = cut
		return nil
	})
}

// DeviceFeeds returns how much of each of a device's feeds is here, in every scope: what a revocation cuts at. A forked
// feed has a cut for each of its branches.
func (r *Replica) DeviceFeeds(id syncproto.DeviceID) []syncproto.FeedCut {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []syncproto.FeedCut
	for _, f := range r.feeds {
		switch {
		case f.device != id:
		case f.forked:
			out = slices.AppendSeq(out, maps.Values(f.tips))
		default:
			out = append(out, syncproto.FeedCut{Feed: f.id, N: f.n, Short: f.headID.Short()})
		}
	}
	slices.SortFunc(out, func(a, b syncproto.FeedCut) int {
		return slices.Compare(slices.Concat(a.Feed[:], a.Short[:]), slices.Concat(b.Feed[:], b.Short[:]))
	})
	return out
}
