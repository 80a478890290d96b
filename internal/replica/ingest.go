package replica

import (
	"database/sql"
	"errors"
	"fmt"

	"kua/syncproto"
)

// Incoming is one changeset whose form and signature have been verified.
type Incoming struct {
	CS       *syncproto.Changeset
	Received int64 // Unix milliseconds
	Ext      int64 // the laptop's row that holds the packet

	By         syncproto.DeviceID // that brought it; zero where this store came by it itself
	Unverified bool               // the signing device was not known when the signature should have been checked
}

// Outcome says what became of one incoming changeset.
type Outcome struct {
	ID       syncproto.ChangesetID
	Status   syncproto.Status
	Code     syncproto.Code
	Detail   string
	Fork     bool // another changeset of the feed carries the same number
	Position uint64
	Received int64
	Leaf     int64
	Body     syncproto.Hash // as stored
	staged   *row
}

// Ingest takes changesets in. Each gets its own outcome: none can stop another. Signatures must have been checked by
// the caller against the roster, except where Incoming.Unverified says that the device was unknown: such a changeset
// is held, or verified here if the device has become known meanwhile.
func (t *Tx) Ingest(items []Incoming) ([]Outcome, error) {
	if len(t.r.recent) > 1<<16 {
		clear(t.r.recent)
	}
	out := make([]Outcome, len(items))
	for i := range items {
		var err error
		if out[i], err = t.ingest(items[i]); err != nil {
			return nil, fmt.Errorf("taking in changeset %s: %w", items[i].CS.ID, err)
		}
	}
	if err := t.settle(); err != nil {
		return nil, err
	}
	for i := range out {
		w := out[i].staged
		if w == nil {
			continue
		}
		out[i].Leaf = w.leaf
		if t.again { // what came later in the batch may have changed its standing
			if err := t.verdictOf(w); err != nil {
				return nil, err
			}
			out[i].Status, out[i].Code = w.status()
		}
	}
	return out, nil
}

// verdictOf reads how a changeset of this transaction stands after its scope was judged again.
func (t *Tx) verdictOf(w *row) error {
	var code string
	err := t.QueryRowContext(t.ctx, `SELECT code, admitted FROM changeset WHERE id = $1`, w.id).Scan(&code, &w.admitted)
	w.verdict.Quarantine = syncproto.Code(code)
	return err
}

// ingest takes one changeset in, and then whatever was held for it.
func (t *Tx) ingest(in Incoming) (Outcome, error) {
	o, err := t.admit(in)
	if err != nil || o.staged == nil {
		return o, err
	}
	return o, t.release(o.staged)
}

// admit decides what becomes of one changeset and stages it if it can be stored.
func (t *Tx) admit(in Incoming) (Outcome, error) {
	cs := in.CS
	h := &cs.Header
	o := Outcome{ID: cs.ID, Body: cs.Packet.BodyHash()}
	if d, known := t.r.roster.Device(h.Device); known && in.Unverified {
		if err := cs.Verify(d.Signing); err != nil {
			o.Status, o.Code, o.Detail = syncproto.StatusRefused, syncproto.CodeOf(err), err.Error()
			return o, nil
		}
	}
	f := t.r.feeds[h.Feed()]
	prev, fork, o2, err := t.chain(in, f)
	if err != nil || o2 != nil {
		if o2 != nil {
			return *o2, t.hold(in, o2)
		}
		return o, err
	}
	s, opening, err := t.scopeFor(cs)
	if err != nil {
		o.Status, o.Code, o.Detail = syncproto.StatusRefused, syncproto.CodeOf(err), err.Error()
		return o, nil
	}
	w := &row{cs: cs, scope: s, prev: prev, claim: cs.Claim(), received: in.Received, ext: in.Ext, leaf: t.leaf, body: o.Body}
	w.verdict, err = t.judge(w, opening)
	if code := syncproto.CodeOf(err); code != "" {
		o.Status, o.Code, o.Detail = syncproto.StatusHeld, code, err.Error()
		return o, t.hold(in, &o)
	}
	if err != nil {
		return o, err
	}
	if fork && !f.forked {
		if err := t.fork(f); err != nil {
			return o, err
		}
	}
	t.stage(w, f, opening, fork)
	if err := t.effects(w, opening); err != nil {
		return o, err
	}
	o.staged, o.Position, o.Received, o.Fork = w, w.position, w.received, fork
	o.Status, o.Code = w.status()
	return o, nil
}

func (w *row) status() (syncproto.Status, syncproto.Code) {
	if w.quarantined() {
		return syncproto.StatusQuarantined, w.verdict.Quarantine
	}
	for i := range w.cs.Ops {
		if o := &w.cs.Ops[i]; !o.Kind.Known() && o.Flags&syncproto.FlagCritical != 0 {
			return syncproto.StatusOpaque, syncproto.CodeOpaque
		}
	}
	return syncproto.StatusAccepted, ""
}

func (w *row) quarantined() bool { return w.verdict.Quarantine != "" && !w.admitted }

// chain checks that the changeset continues its feed. It returns the row of the changeset before it, whether it
// forks the feed, or an outcome where it cannot be stored now.
func (t *Tx) chain(in Incoming, f *feed) (prev int64, fork bool, o *Outcome, err error) {
	cs, h := in.CS, &in.CS.Header
	if f == nil {
		if h.N > 1 {
			return 0, false, held(cs, syncproto.CodeHeldPrev, "changeset %d of a feed of which nothing is here yet", h.N), nil
		}
		return 0, false, nil, nil
	}
	if h.N == f.n+1 && h.Prev == f.headID {
		if h.Seq0 != f.nextSeq {
			return 0, false, refused(cs, "operation numbers begin at %d, the feed is at %d", h.Seq0, f.nextSeq), nil
		}
		return f.head, false, nil, nil
	}
	return t.chainBehind(in, f)
}

// chainBehind handles what is not the next changeset of a feed: a duplicate, a fork, or a gap.
func (t *Tx) chainBehind(in Incoming, f *feed) (prev int64, fork bool, o *Outcome, err error) {
	cs := in.CS
	if err := t.flush(); err != nil {
		return 0, false, nil, err
	}
	if o, err := t.duplicate(in); o != nil || err != nil {
		return 0, false, o, err
	}
	h := &cs.Header
	if h.N > 1 {
		var n, next uint64
		err := t.QueryRowContext(t.ctx, `SELECT id, n, seq0 + count FROM changeset WHERE cs = $1 AND feed = $2`, h.Prev[:], f.row).Scan(&prev, &n, &next)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, false, held(cs, syncproto.CodeHeldPrev, "changeset %d of feed %s is missing", h.N-1, f.id), nil
		}
		if err != nil {
			return 0, false, nil, err
		}
		if n+1 != h.N {
			return 0, false, refused(cs, "its number is %d, the changeset before it has %d", h.N, n), nil
		}
		if next != h.Seq0 {
			return 0, false, refused(cs, "operation numbers begin at %d, the feed is at %d", h.Seq0, next), nil
		}
	}
	var twins int
	err = t.QueryRowContext(t.ctx, `SELECT COUNT(*) FROM changeset WHERE feed = $1 AND n = $2`, f.row, int64(h.N)).Scan(&twins)
	return prev, twins > 0, nil, err
}

// duplicate answers a changeset that is here already exactly as the first time.
func (t *Tx) duplicate(in Incoming) (*Outcome, error) {
	cs := in.CS
	o := &Outcome{ID: cs.ID, Status: syncproto.StatusDuplicate}
	var body []byte
	err := t.QueryRowContext(t.ctx, `SELECT position, received, leaf, body FROM changeset WHERE cs = $1`, cs.ID[:]).
		Scan(&o.Position, &o.Received, &o.Leaf, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Body = syncproto.Hash(body)
	return o, t.refill(in, o)
}

// refill puts the body that comes with a duplicate in the place of the stored one, where that one is no good: a courier
// may carry a changeset withheld before its author brings it whole, and may damage a sealed body, which only holders
// of the visit key could see. So anybody fills in a withheld body, and the author repairs a sealed one. Where an
// erasure is known the stored body stays (docs/protocol.md §11, I12).
func (t *Tx) refill(in Incoming, o *Outcome) error {
	cs := in.CS
	withheld := cs.Packet.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}).BodyHash()
	repairs := in.By == cs.Header.Device && cs.Body.Form == syncproto.BodySealed && o.Body != cs.Packet.BodyHash()
	if !t.r.cfg.Packets || cs.Body.Form == syncproto.BodyWithheld || o.Body != withheld && !repairs {
		return nil
	}
	hash := cs.Packet.BodyHash()
	res, err := t.ExecContext(t.ctx, `
		UPDATE changeset SET packet = $2, body = $3
		WHERE cs = $1 AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.changeset = changeset.id)`, cs.ID[:], cs.Packet.Encode(), hash[:])
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	o.Body = hash
	return nil
}

func held(cs *syncproto.Changeset, code syncproto.Code, format string, args ...any) *Outcome {
	return &Outcome{ID: cs.ID, Status: syncproto.StatusHeld, Code: code, Detail: fmt.Sprintf(format, args...), Body: cs.Packet.BodyHash()}
}

func refused(cs *syncproto.Changeset, format string, args ...any) *Outcome {
	return &Outcome{ID: cs.ID, Status: syncproto.StatusRefused, Code: syncproto.CodeBadChain, Detail: fmt.Sprintf(format, args...)}
}

// scopeFor returns the scope of a changeset, made in memory where this is the first of it, and the opening that the
// changeset carries.
func (t *Tx) scopeFor(cs *syncproto.Changeset) (*scope, *syncproto.ScopeOpening, error) {
	id := cs.Header.Scope
	registry := id == t.r.roster.Registry()
	sealed := cs.Header.Key != nil
	if registry == sealed {
		return nil, nil, syncproto.Refuse(syncproto.CodeMalformed, "the registry is in clear and every visit is sealed: this changeset is neither")
	}
	var opening *syncproto.ScopeOpening
	var err error
	if !registry {
		if opening, err = cs.Opening(); err != nil {
			return nil, nil, err
		}
	}
	s := t.r.scopes[id]
	if s == nil {
		s = &scope{id: id}
		if registry {
			s.standing = &syncproto.Standing{Registry: true}
		}
	}
	return s, opening, nil
}

// judge judges a changeset by its scope's standing; the opening itself is judged by the team that it names.
func (t *Tx) judge(w *row, opening *syncproto.ScopeOpening) (syncproto.Verdict, error) {
	standing := w.scope.standing
	if standing == nil && opening != nil {
		standing = opening.Standing()
	}
	return t.r.roster.Judge(w.claim, standing)
}

// fork marks a feed as forked in every record that it wrote to: an operation number no longer says what its author had
// seen, wherever the branches met.
func (t *Tx) fork(f *feed) error {
	if err := t.flush(); err != nil {
		return err
	}
	lists, err := collect(t, `SELECT records FROM changeset WHERE feed = $1`, []any{f.row}, func(rows *sql.Rows) (b []byte, err error) {
		return b, rows.Scan(&b)
	})
	if err != nil {
		return err
	}
	f.forked = true
	f.tips[f.head] = syncproto.FeedCut{Feed: f.id, N: f.n, Short: f.headID.Short()}
	if !f.dirty {
		f.dirty = true
		t.feeds = append(t.feeds, f)
	}
	touched := map[int64]bool{}
	for _, b := range lists {
		for _, id := range uvarints(b) {
			touched[id] = true
		}
	}
	for id := range touched {
		rec, err := t.recordByRow(id)
		if err != nil {
			return err
		}
		for i := range rec.log {
			rec.log[i].Forked = rec.log[i].Forked || rec.log[i].Feed == uint64(f.row)
		}
		if err := t.fold(rec); err != nil {
			return err
		}
	}
	return nil
}

// stage gives the changeset its row and position and moves feed and scope forward.
func (t *Tx) stage(w *row, f *feed, opening *syncproto.ScopeOpening, fork bool) {
	r, h, s := t.r, &w.cs.Header, w.scope
	if s.row == 0 {
		s.row, s.fresh = int64(len(r.scopes)+1), true
		r.scopes[s.id], r.byRow[s.row] = s, s
	}
	w.id = r.nextCS
	r.nextCS++
	s.position++
	if !s.dirty {
		s.dirty = true
		t.scopes = append(t.scopes, s)
	}
	w.position = s.position
	if opening != nil {
		s.open(w, opening)
	}
	if f == nil {
		f = &feed{row: int64(len(r.feeds) + 1), id: w.claim.Feed, scope: s, device: h.Device, owner: w.verdict.Person, fresh: true,
			tips: map[int64]syncproto.FeedCut{}}
		r.feeds[f.id], r.rows[f.row] = f, f
		r.names.set(f)
	}
	w.feed = f
	if !f.dirty {
		f.dirty = true
		t.feeds = append(t.feeds, f)
	}
	f.grow(w)
	if h.N > f.n {
		f.n, f.head, f.headID, f.nextSeq = h.N, w.id, w.cs.ID, h.LastSeq()+1
	}
	if r.named(w.cs.Cut()) { // only now is it known what lies before it
		s.rejudge = true
	}
	r.recent[place{f.row, h.N}] = seen{w.id, w.cs.ID.Short()}
	if fork {
		delete(r.recent, place{f.row, h.N})
	}
}

// open makes a changeset the opening of its scope. Its device may sign the opening again: that says the same.
func (s *scope) open(w *row, o *syncproto.ScopeOpening) {
	if s.opening != 0 {
		return
	}
	s.opening, s.region, s.standing = w.id, o.Region, o.Standing()
}

// effects applies what the changeset says: to records, and to its scope's team, keys and decisions.
func (t *Tx) effects(w *row, opening *syncproto.ScopeOpening) error {
	if err := t.contribute(w); err != nil {
		return err
	}
	if opening != nil {
		if err := t.addTeam(w, opening.Team); err != nil {
			return err
		}
	}
	changes, err := w.cs.TeamChanges()
	if err != nil {
		return nil // a team change that does not parse names nobody
	}
	for _, c := range changes {
		if err := t.addTeam(w, c.Add); err != nil {
			return err
		}
	}
	return t.decide(w)
}

func (t *Tx) addTeam(w *row, people []syncproto.PersonID) error {
	for _, p := range people {
		if err := t.exec(`INSERT INTO team (scope, person, changeset) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, w.scope.row, p[:], w.id); err != nil {
			return err
		}
	}
	w.scope.rejudge = true
	return nil
}

// decide files admissions and refusals of quarantined work.
func (t *Tx) decide(w *row) error {
	for i := range w.cs.Ops {
		o := &w.cs.Ops[i]
		if o.Kind != syncproto.KindAdmit && o.Kind != syncproto.KindDecline {
			continue
		}
		for _, d := range o.Dots {
			if d.Feed == 0 {
				continue
			}
			dep := w.cs.Header.Deps[d.Feed-1]
			if err := t.exec(`INSERT INTO admission (scope, feed, n, short, changeset, declined) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
				w.scope.row, dep.Feed[:], int64(dep.N), dep.Short[:], w.id, btoi(o.Kind == syncproto.KindDecline)); err != nil {
				return err
			}
			if o.Kind == syncproto.KindAdmit {
				t.r.admits[syncproto.FeedCut(dep)] = true
			}
		}
		w.scope.rejudge = true
	}
	return nil
}
