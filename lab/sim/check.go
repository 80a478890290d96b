package sim

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"

	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/server"
	"kua/syncproto"
)

// facts is what was seen from outside and must never be contradicted.
type facts struct {
	acked    map[syncproto.ChangesetID]bool // every save that any laptop has shown to hold
	gone     map[syncproto.ChangesetID]bool // that no installation held any more after something was put back
	signed   map[place]syncproto.ChangesetID
	receipts map[receiptKey]syncproto.ReceiptEntry
	erased   map[erasedValue]erasure
	imaged   map[syncproto.DeviceID]bool // whole disks were put back: forks are to be expected
	roster   *syncproto.Roster

	rosterLen, revoked, twins, files int
}

// place is a feed and a number: one changeset, or a fork.
type place struct {
	feed syncproto.FeedID
	n    uint64
}

type erasedValue struct {
	id    syncproto.ChangesetID
	index int
}

type erasure struct {
	scope syncproto.ScopeID
	value string
	by    syncproto.ChangesetID
}

func newFacts() facts {
	return facts{acked: map[syncproto.ChangesetID]bool{}, gone: map[syncproto.ChangesetID]bool{}, signed: map[place]syncproto.ChangesetID{},
		receipts: map[receiptKey]syncproto.ReceiptEntry{}, erased: map[erasedValue]erasure{}, imaged: map[syncproto.DeviceID]bool{}}
}

// learn reads a laptop's whole log: nothing that it showed before may be missing (I3), and no device may have signed
// two changesets for one place (I8), but after its whole disk was put back.
func (l *laptop) learn() {
	if l.c == nil {
		return
	}
	w := l.w
	now := map[syncproto.ChangesetID]bool{}
	err := l.c.Replica().Since(context.Background(), 0, func(e replica.Logged) error {
		now[e.ID] = true
		w.facts.acked[e.ID] = true
		at := place{e.Feed, e.N}
		if old, ok := w.facts.signed[at]; ok && old != e.ID && !w.facts.imaged[e.Device] {
			w.failf("I8: %s holds %s and %s, both number %d of feed %s", l.name, old, e.ID, e.N, e.Feed)
		}
		w.facts.signed[at] = e.ID
		return nil
	})
	w.must(err)
	for id := range l.has {
		if !now[id] {
			w.failf("I3: %s lost changeset %s", l.name, id)
		}
	}
	l.has = now
	if r := l.c.Roster(); r.Len() > w.facts.rosterLen {
		w.facts.rosterLen, w.facts.roster = r.Len(), r
	}
	for _, sc := range l.c.Replica().Scopes() {
		l.outside(sc)
	}
}

// outside holds that a laptop has no scope that its owner may not read, unless a stick or its own work brought it
// (I15). Who was on a team once keeps what came then.
func (l *laptop) outside(sc replica.ScopeState) {
	if sc.Standing.Registry || l.carried[sc.Scope] || l.entitled(&sc.Standing) {
		return
	}
	for _, f := range l.c.Replica().Feeds(sc.Scope) {
		if f.Device == l.device {
			return
		}
	}
	l.w.failf("I15: %s holds visit %s, and has nothing to do with it", l.name, sc.Scope)
}

// entitled says by the table of roles, and not by the code that is under test, whether a person may read a visit
// (docs/protocol.md §6).
func (l *laptop) entitled(s *syncproto.Standing) bool {
	if l.region != syncproto.AllRegions && l.region != s.Region {
		return false
	}
	switch l.role {
	case syncproto.RoleCoordinator, syncproto.RoleAuditor, syncproto.RoleProtection:
		return true
	}
	return s.Team[l.person]
}

// digests returns one line for each scope.
func (l *laptop) digests() (out []string) {
	for _, sc := range l.c.Replica().Scopes() {
		d, err := l.c.Replica().Digest(context.Background(), sc.Scope)
		l.w.must(err)
		out = append(out, fmt.Sprintf("%x=%x", sc.Scope[:4], d[:6]))
	}
	return out
}

// view opens the server's database beside it.
func (w *World) view(fn func(db *sql.DB, r *replica.Replica)) {
	w.T.Helper()
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{Path: filepath.Join(w.cfg.Dir, "server.db"), ReadOnly: true})
	w.must(err)
	defer db.Close()
	r, err := replica.Open(ctx, replica.Config{DB: db.Read, Packets: true})
	w.must(err)
	fn(db.Read, r)
}

// stored returns what the server holds.
func (w *World) stored() map[syncproto.ChangesetID]bool {
	out := map[syncproto.ChangesetID]bool{}
	w.view(func(_ *sql.DB, r *replica.Replica) {
		w.must(r.Since(context.Background(), 0, func(l replica.Logged) error { out[l.ID] = true; return nil }))
	})
	return out
}

// Settle ends all trouble, has everybody sync some rounds, and holds that they agree (I14).
func (w *World) Settle(rounds int) {
	if w.server == nil {
		w.start()
	}
	for _, l := range w.laptops {
		l.unlock()
	}
	for i := range rounds {
		for _, l := range w.laptops {
			w.now = w.now.Add(1e9)
			w.note("%s settles %d: %s", l.name, i, w.contact(l, clean))
			l.learn()
		}
	}
	w.view(func(db *sql.DB, r *replica.Replica) {
		for _, l := range w.laptops {
			w.delivered(l, r)
			w.agrees(l, r)
		}
		for _, l := range w.laptops {
			for _, sc := range r.Scopes() {
				w.values(l, sc.Scope)
			}
			w.relayed(l, r)
		}
		w.places(db)
		w.forks(r)
		for _, sc := range r.Scopes() {
			w.rules(sc.Scope, r)
		}
	})
	for id := range w.facts.acked {
		if !w.facts.gone[id] && !w.stored()[id] {
			w.failf("I14: changeset %s was acknowledged, is on some laptop, and is not at the server", id)
		}
	}
	w.erasures()
}

// delivered holds that a laptop's outbox is empty.
func (w *World) delivered(l *laptop, r *replica.Replica) {
	err := l.c.Replica().Since(context.Background(), 0, func(e replica.Logged) error {
		if _, err := r.Changeset(context.Background(), e.ID); err != nil {
			w.failf("I14: changeset %s of %s is not at the server: %v", e.ID, l.name, err)
		}
		if state := l.c.State(e.ID); e.Device == l.device && state != "stored" && state != "proven" {
			w.failf("I14: %s knows its own changeset %s only as %s", l.name, e.ID, state)
		}
		return nil
	})
	w.must(err)
}

// agrees holds that a laptop shows exactly what the server has, in every visit that it may read.
func (w *World) agrees(l *laptop, r *replica.Replica) {
	if l.revoked {
		return
	}
	for _, sc := range r.Scopes() {
		if !r.Roster().MayRead(l.person, &sc.Standing) {
			continue
		}
		want, err := r.Digest(context.Background(), sc.Scope)
		w.must(err)
		got, err := l.c.Replica().Digest(context.Background(), sc.Scope)
		w.must(err)
		w.note("%s has %x=%x", l.name, sc.Scope[:4], got[:6])
		if got != want {
			w.failf("I14: %s and the server disagree on visit %s: %s", l.name, sc.Scope, w.difference(sc.Scope, l.c.Replica(), r))
		}
	}
}

// relayed holds that what a laptop has is, byte for byte, what its author signed and the server has (I11), and that it
// still verifies, also where values were erased (I12).
func (w *World) relayed(l *laptop, r *replica.Replica) {
	var stick bytes.Buffer
	if _, err := l.c.ExportBundle(context.Background(), &stick, nil, true); err != nil {
		w.failf("%s exports all it has: %v", l.name, err)
		return
	}
	_, err := syncproto.ReadBundle(&stick, func(item syncproto.BundleItem) error {
		if item.Kind != syncproto.ItemPacket {
			return nil
		}
		p, err := syncproto.DecodePacket(item.Content)
		w.must(err)
		cs, err := syncproto.ParsePacket(p)
		w.must(err)
		d, _ := r.Roster().Device(cs.Header.Device)
		if err := cs.Verify(d.Signing); err != nil {
			w.failf("I12: %s holds changeset %s, and it does not verify: %v", l.name, cs.ID, err)
		}
		e, err := r.Changeset(context.Background(), cs.ID)
		if err != nil {
			return nil // delivered says so
		}
		theirs, err := syncproto.DecodePacket(e.Packet)
		w.must(err)
		if !bytes.Equal(p.Header, theirs.Header) || !bytes.Equal(p.Skeleton, theirs.Skeleton) || !e.Erased && !bytes.Equal(p.Body, theirs.Body) {
			w.failf("I11: changeset %s of %s is not the one that the server has", cs.ID, l.name)
		}
		return nil
	})
	w.must(err)
}

// values holds that whoever is given the key of a visit reads in it what the first coordinator reads.
func (w *World) values(l *laptop, id syncproto.ScopeID) {
	if l.revoked || l == w.lead {
		return
	}
	st, ok := l.c.Replica().Scope(id)
	if !ok || !slices.ContainsFunc(l.c.Roster().KeyHolders(&st.Standing), func(d syncproto.Device) bool { return d.ID == l.device }) {
		return
	}
	want, got := w.lead.reads(id), l.reads(id)
	for at, v := range want {
		if v != "" && got[at] != v {
			w.failf("I14: %s reads %q at %v of visit %s where %s reads %q", l.name, got[at], at, id, w.lead.name, v)
		}
	}
}

// reads returns every value that stands in a visit; "" where it is locked or erased.
func (l *laptop) reads(id syncproto.ScopeID) map[erasedValue]string {
	out := map[erasedValue]string{}
	views, err := l.c.Records(context.Background(), id, "")
	l.w.must(err)
	for _, v := range views {
		for _, f := range v.Fields {
			for _, h := range f.Heads {
				out[erasedValue{h.Changeset, h.Index}] = h.Value
			}
		}
	}
	return out
}

// difference says what one replica has and the other lacks.
func (w *World) difference(id syncproto.ScopeID, a, b *replica.Replica) string {
	read := func(r *replica.Replica) map[syncproto.ChangesetID]string {
		out := map[syncproto.ChangesetID]string{}
		w.must(r.Pull(context.Background(), id, 0, 1<<20, func(l replica.Logged) error {
			out[l.ID] = fmt.Sprintf("%s admitted %v", l.Quarantine, l.Admitted)
			return nil
		}))
		return out
	}
	x, y := read(a), read(b)
	var out []string
	for k, v := range x {
		if o, ok := y[k]; !ok || o != v {
			out = append(out, fmt.Sprintf("%s (%s) against (%s, %v)", k, v, o, ok))
		}
	}
	for k := range y {
		if _, ok := x[k]; !ok {
			out = append(out, fmt.Sprintf("%s is missing", k))
		}
	}
	return fmt.Sprintf("%d and %d changesets; %v", len(x), len(y), out)
}

// places holds that positions are dense and leaves unique (I9).
func (w *World) places(db *sql.DB) {
	rows, err := db.Query(`SELECT scope, COUNT(*), MIN(position), MAX(position), COUNT(DISTINCT position), COUNT(DISTINCT leaf) FROM changeset GROUP BY scope`)
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var scope, n, low, high, positions, leaves int
		w.must(rows.Scan(&scope, &n, &low, &high, &positions, &leaves))
		if low != 1 || high != n || positions != n || leaves != n {
			w.failf("I9: scope %d has %d changesets at %d different positions from %d to %d, with %d leaves", scope, n, positions, low, high, leaves)
		}
	}
	w.must(rows.Err())
}

// forks holds that two changesets of one number stand as an incident with both branches (I7).
func (w *World) forks(r *replica.Replica) {
	for _, sc := range r.Scopes() {
		twice := map[place][]syncproto.ChangesetID{}
		w.must(r.Pull(context.Background(), sc.Scope, 0, 1<<20, func(l replica.Logged) error {
			at := place{l.Feed, l.N}
			twice[at] = append(twice[at], l.ID)
			return nil
		}))
		forks, err := r.Forks(context.Background(), sc.Scope)
		w.must(err)
		for at, ids := range twice {
			if len(ids) == 1 {
				continue
			}
			slices.SortFunc(ids, func(a, b syncproto.ChangesetID) int { return slices.Compare(a[:], b[:]) })
			if !slices.ContainsFunc(forks, func(f replica.Fork) bool { return f.Feed == at.feed && f.N == at.n && slices.Equal(f.Changesets, ids) }) {
				w.failf("I7: feed %s has %v at number %d, and no incident says so: %v", at.feed, ids, at.n, forks)
			}
		}
	}
}

// rules checks every record of a scope: each operation has one fate (I4), nobody's answer was retired but by its
// author, a right-holder or with a review (I5), and nothing hides what it does not list (I6).
func (w *World) rules(id syncproto.ScopeID, r *replica.Replica) {
	w.must(r.Records(context.Background(), id, 0, func(v replica.RecordView) error {
		ops := map[syncproto.OpRef]operation{}
		for i := range v.Log {
			for j := range v.Log[i].Ops {
				o := operation{&v.Log[i], &v.Log[i].Ops[j]}
				ops[o.ref()] = o
			}
		}
		if len(v.State.Fates) != len(ops) {
			w.failf("I4: record %s has %d operations and %d fates", v.Entity, len(ops), len(v.State.Fates))
		}
		foreign := map[syncproto.OpRef]int{}
		for ref, fate := range v.State.Fates {
			for _, by := range fate.By {
				if o, b := ops[ref], ops[by]; fate.Kind == syncproto.FateSuperseded && b.c != nil && !b.settles() && b.c.Person != o.c.Person {
					if foreign[by]++; foreign[by] > 1 {
						w.failf("I5: record %s: the ordinary %v retires several answers of others", v.Entity, by)
					}
				}
			}
			o, ok := ops[ref]
			if !ok {
				w.failf("I4: record %s has a fate for an operation that it has not", v.Entity)
				continue
			}
			if fate.Kind != syncproto.FateErased && (fate.Kind == syncproto.FateQuarantined) != o.c.Quarantined {
				w.failf("I4: record %s: %v is %v, quarantined %v", v.Entity, ref, fate.Kind, o.c.Quarantined)
			}
			if fate.Kind != syncproto.FateSuperseded {
				continue
			}
			if len(fate.By) == 0 {
				w.failf("I4: record %s: %v is superseded by nothing", v.Entity, ref)
			}
			for _, by := range fate.By {
				w.retired(v, ops, o, ops[by])
			}
		}
		return nil
	}))
}

// operation is one operation with its changeset.
type operation struct {
	c *syncproto.Contribution
	o *syncproto.MergeOp
}

func (o operation) ref() syncproto.OpRef {
	return syncproto.OpRef{Changeset: o.c.Changeset, Index: o.o.Index}
}

func (o operation) names(t operation) bool {
	return slices.ContainsFunc(o.o.Targets, func(x syncproto.Target) bool {
		return !x.Dangling && x.Changeset == t.c.Changeset && x.Seq == t.o.Seq
	})
}

// settles reports whether an operation may retire all that it lists.
func (o operation) settles() bool {
	right, ok := map[syncproto.Kind]syncproto.Right{syncproto.KindResolve: syncproto.RightResolve, syncproto.KindRemove: syncproto.RightRemove}[o.o.Kind]
	return ok && o.c.Rights.Has(right)
}

func (w *World) retired(v replica.RecordView, ops map[syncproto.OpRef]operation, old, by operation) {
	if by.c == nil || by.c.Quarantined {
		w.failf("I5: record %s: %v is retired by what takes no effect", v.Entity, old.ref())
		return
	}
	if !by.names(old) {
		w.failf("I6: record %s: %v is retired by %v, which does not list it", v.Entity, old.ref(), by.ref())
	}
	if old.c.Person == by.c.Person || by.settles() {
		return
	}
	for _, f := range v.State.Fields {
		if slices.Contains(f.Reviews, syncproto.Review{By: by.ref(), Replaced: old.ref()}) {
			return
		}
	}
	for _, e := range ops {
		if !e.c.Quarantined && e.names(by) && (e.o.Kind == syncproto.KindEndorse && e.c.Rights.Has(syncproto.RightEndorse) ||
			e.o.Kind == syncproto.KindResolve && e.c.Rights.Has(syncproto.RightResolve)) {
			return
		}
	}
	w.failf("I5: record %s: %v of another person is retired by %v, and nobody was asked", v.Entity, old.ref(), by.ref())
}

// erasures holds that an erased value is nowhere any more, unless its order is quarantined or lost (I12).
func (w *World) erasures() {
	var gone []string
	w.view(func(_ *sql.DB, r *replica.Replica) {
		for at, e := range w.facts.erased {
			order, err := r.Changeset(context.Background(), e.by)
			if err != nil || order.Quarantine != "" && !order.Admitted {
				continue
			}
			if l, err := r.Changeset(context.Background(), at.id); err != nil || !l.Erased {
				w.failf("I12: changeset %s was to be erased, and is not (%v)", at.id, err)
			}
			if len(e.value) > 6 && e.value[:2] == "zq" {
				gone = append(gone, e.value)
			}
		}
	})
	slices.Sort(gone)
	for _, value := range gone {
		for _, l := range w.laptops {
			if l.revoked {
				continue
			}
			found, err := l.c.Search(context.Background(), value)
			w.must(err)
			for _, f := range found {
				w.failf("I12: %s still shows an erased value: %+v", l.name, f)
			}
		}
	}
}

// Finish locks everything, verifies the server's data, opens every laptop again, and looks for words in clear.
func (w *World) Finish() {
	w.stop()
	rep, err := server.Verify(context.Background(), w.cfg)
	w.must(err)
	for _, f := range rep.Faults {
		w.failf("I1: kua-server verify: %s", f)
	}
	for _, l := range w.laptops {
		l.unlock()
		before := l.digests()
		l.lock()
		l.unlock()
		l.learn()
		if after := l.digests(); !slices.Equal(before, after) {
			w.failf("I1: %s shows something else after unlocking:\n%v\n%v", l.name, before, after)
		}
		l.lock()
	}
	w.noWords(w.Dir)
}
