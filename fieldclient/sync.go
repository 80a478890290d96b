package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// Progress says how far a long operation has come. Done and Total are changesets; Total is 0 while it is unknown.
type Progress struct {
	Phase string // roster, send, receive, proofs
	Scope syncproto.ScopeID
	Done  uint64
	Total uint64
}

// Report says what a sync did.
type Report struct {
	Sent        int             `json:"sent"`
	Received    int             `json:"received"`
	Quarantined int             `json:"quarantined"` // of what was sent
	Held        int             `json:"held"`        // of what was sent
	Reissued    int             `json:"reissued"`    // refused by the server, signed again in a new feed
	Bad         int             `json:"bad"`         // from the server, and not verifiable
	KeysShared  int             `json:"keysShared"`
	Proven      int             `json:"proven"`
	Scopes      int             `json:"scopes"`
	ConfirmedAt int64           `json:"confirmedAt"` // Unix milliseconds by the server's clock
	Epoch       syncproto.Hash  `json:"epoch"`
	NewEpoch    bool            `json:"newEpoch,omitempty"` // the server was restored; what it lost was sent again
	Warnings    []string        `json:"warnings,omitempty"`
	Refused     map[string]int  `json:"refused,omitempty"` // by code
	refusedIDs  map[string]bool // of this run: not offered twice
}

// syncRun is one run of Sync.
type syncRun struct {
	c        *Client
	r        *Remote
	progress func(Progress)
	report   Report
	hello    syncproto.Hello
	batch    int                        // changesets of the next push; adapts
	doubts   []syncproto.ChangesetID    // of which the server's receipt names another body than was sent
	forked   map[syncproto.ScopeID]bool // scopes in which the server holds another branch of some feed
}

// Sync brings everything that the server lacks to it, and everything new from it. It may be broken off anywhere and
// run again: each step is durable before the next, and what has no answer counts as not done. progress may be nil.
func (c *Client) Sync(ctx context.Context, r *Remote, progress func(Progress)) (Report, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	s := &syncRun{c: c, r: r, progress: progress, batch: 200, forked: map[syncproto.ScopeID]bool{}}
	s.report.Refused, s.report.refusedIDs = map[string]int{}, map[string]bool{}
	for _, step := range []func(context.Context) error{s.greet, s.roster, s.shareKeys, s.scopes, s.bodies, s.redactions, s.proofs} {
		if err := step(ctx); err != nil {
			return s.report, fmt.Errorf("syncing: %w", err)
		}
	}
	return s.report, nil
}

// bodies warns of changesets whose values the server holds in another form than they were sent. After an erasure, of
// which this laptop may have heard only now, that is as it should be.
func (s *syncRun) bodies(ctx context.Context) error {
	for _, id := range s.doubts {
		l, err := s.c.rep.Changeset(ctx, id)
		if err != nil {
			return err
		}
		if !l.Erased {
			s.report.Warnings = append(s.report.Warnings, fmt.Sprintf("the server holds other values of changeset %s than were sent: tell your coordinator", id))
		}
	}
	return nil
}

// stateEpoch remembers the server database's life that this laptop last met.
const stateEpoch = "epoch"

// greet learns who the server is and what its clock says. A server whose key the roster does not name is refused.
func (s *syncRun) greet(ctx context.Context) error {
	hello, clock, err := s.r.Hello(ctx)
	if err != nil {
		return err
	}
	if hello.MinVersion > syncproto.Version {
		return fmt.Errorf("the server wants protocol version %d, this program speaks %d: update Kua", hello.MinVersion, syncproto.Version)
	}
	roster := s.c.rep.Roster()
	if pinned := s.c.Server(); pinned != nil && pinned.ID != hello.Server {
		return fmt.Errorf("another server answers at this address (%s, not %s): nothing was sent; ask your coordinator", hello.Server, pinned.ID)
	}
	if _, ok := roster.ServerKey(hello.Server); roster.Len() > 0 && !ok && uint64(roster.Len()) >= hello.RosterLen {
		return fmt.Errorf("the roster does not name this server (%s): nothing was sent; ask your coordinator", hello.Server)
	}
	s.hello = hello
	s.report.Epoch, s.report.ConfirmedAt = hello.Epoch, int64(hello.Time)
	var last syncproto.Hash
	err = s.c.getState(ctx, stateEpoch, &last)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	s.report.NewEpoch = err == nil && last != hello.Epoch
	s.c.mu.Lock()
	s.c.clock = clock
	s.c.mu.Unlock()
	return s.c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if err := putState(tx, stateEpoch, hello.Epoch); err != nil {
			return err
		}
		return putState(tx, stateClock, clock)
	})
}

// roster brings the access lists together. Both are the same chain, so one continues the other; a server that was
// restored from a backup gets back what it lost.
func (s *syncRun) roster(ctx context.Context) error {
	s.progress(Progress{Phase: "roster"})
	ours := s.c.rep.Roster()
	if err := s.sameRoster(ctx, ours); err != nil {
		return err
	}
	if n := s.hello.RosterLen; n < uint64(ours.Len()) {
		body, err := rawSequence(ours.Records(int(n)))
		if err != nil {
			return err
		}
		_, err = s.r.do(ctx, request{method: http.MethodPost, path: "/v1/roster", body: body, contentType: "application/cbor-seq"})
		var refusal *RemoteError
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		if err != nil {
			s.report.Warnings = append(s.report.Warnings, "the server lacks newer roster records and did not take ours: "+err.Error())
		}
		return nil
	}
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: "/v1/roster?from=" + strconv.Itoa(ours.Len())})
	if err != nil {
		return err
	}
	records, err := byteStrings(a.body)
	if err != nil {
		return err
	}
	err = s.c.AppendRoster(ctx, records)
	if syncproto.CodeOf(err) == syncproto.CodeRosterStale {
		return s.twoRosters(ctx)
	}
	return err
}

// sameRoster checks that the server's list, where it is no longer than this laptop's, is the beginning of it.
func (s *syncRun) sameRoster(ctx context.Context, ours *syncproto.Roster) error {
	n := s.hello.RosterLen
	if n == 0 || n > uint64(ours.Len()) {
		return nil
	}
	if at, ok := ours.IndexOf(s.hello.RosterHead); ok && uint64(at) == n-1 {
		return nil
	}
	return s.twoRosters(ctx)
}

// twoRosters writes down that somebody holds two lists which do not continue each other. There is one list: either the
// server shows different people different ones, or somebody signed twice while it was being restored.
func (s *syncRun) twoRosters(ctx context.Context) error {
	const what = "the server's list of members and laptops is not a continuation of the one on this laptop"
	err := s.c.vault.InTx(ctx, func(tx *vault.Tx) error { return s.c.note(tx, Incident{What: what}) })
	return errors.Join(errors.New(what+": nothing was sent, and nothing is lost; show this to your coordinator, and carry your work on a courier bundle meanwhile"), err)
}

// AppendRoster verifies signed records and adds those that are not here yet to this laptop's roster. What comes before a
// record that is refused stays. The first list that a laptop takes in must hang on the root key that it was told of in
// person: whoever else answers, a server or a stick, cannot make it theirs.
func (c *Client) AppendRoster(ctx context.Context, records [][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	roster := c.rep.Roster().Clone()
	var fresh [][]byte
	var refusal error
	for _, rec := range records {
		if isKnown(roster, rec) {
			continue
		}
		if err := roster.Append(rec); err != nil {
			refusal = fmt.Errorf("reading the roster: %w", err)
			break
		}
		fresh = append(fresh, rec)
	}
	if len(fresh) == 0 {
		return refusal
	}
	if err := c.checkRoot(ctx, roster.Organisation().Root); err != nil {
		return err
	}
	return errors.Join(refusal, c.takeRoster(ctx, fresh))
}

func isKnown(roster *syncproto.Roster, rec []byte) bool {
	signed, err := syncproto.ParseSigned(rec, syncproto.ContextRoster)
	if err != nil {
		return false
	}
	_, ok := roster.IndexOf(signed.ID())
	return ok
}

// takeRoster stores verified records durably and reads them in.
func (c *Client) takeRoster(ctx context.Context, records [][]byte) error {
	rows := make([]vault.Row, len(records))
	for i, rec := range records {
		rows[i] = vault.Row{Kind: rowRoster, Payload: rec}
	}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { _, err := tx.AppendAll(rows); return err }); err != nil {
		return fmt.Errorf("storing the roster: %w", err)
	}
	return c.inMemory(ctx, func(ctx context.Context) error {
		if err := c.readRoster(ctx, records); err != nil {
			return err
		}
		return c.judgeKeys(ctx, nil)
	})
}

func (s *syncRun) shareKeys(ctx context.Context) (err error) {
	s.report.KeysShared, err = s.c.ShareKeys(ctx)
	return err
}

// scopes syncs the registry, then every visit that either side knows. After what came, newly entitled devices may
// need keys: a second round sends those.
func (s *syncRun) scopes(ctx context.Context) error {
	var listed []syncproto.ScopeInfo
	if err := s.r.exchange(ctx, http.MethodGet, "/v1/scopes", nil, &listed); err != nil {
		var refusal *RemoteError
		if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden {
			return err
		}
		s.report.Warnings = append(s.report.Warnings, "this laptop was revoked: its work is delivered, nothing is fetched")
	}
	registry := s.c.rep.Roster().Registry()
	ids, listedOnce := []syncproto.ScopeID{registry}, map[syncproto.ScopeID]bool{registry: true}
	add := func(id syncproto.ScopeID) {
		if !listedOnce[id] {
			listedOnce[id] = true
			ids = append(ids, id)
		}
	}
	readable := map[syncproto.ScopeID]bool{}
	for _, l := range listed {
		readable[l.Scope] = true
		add(l.Scope)
	}
	for _, l := range s.c.rep.Scopes() {
		add(l.Scope)
	}
	for _, id := range ids {
		if err := s.scope(ctx, id, readable[id]); err != nil {
			return fmt.Errorf("scope %s: %w", id, err)
		}
	}
	s.report.Scopes = len(ids)
	shared, err := s.c.ShareKeys(ctx)
	s.report.KeysShared += shared
	if err != nil || shared == 0 {
		return err
	}
	for _, id := range ids {
		if err := s.scope(ctx, id, readable[id]); err != nil {
			return fmt.Errorf("scope %s: %w", id, err)
		}
	}
	return nil
}

// scope reconciles one scope: what the server lacks goes up first, then what is new comes down.
func (s *syncRun) scope(ctx context.Context, id syncproto.ScopeID, readable bool) error {
	cursor, err := s.cursor(ctx, id)
	if err != nil {
		return err
	}
	heads, err := s.c.rep.Heads(ctx, id)
	if err != nil {
		return err
	}
	var a syncproto.OfferAnswer
	if err := s.r.exchange(ctx, http.MethodPost, "/v1/scopes/"+id.String()+"/offer", syncproto.Offer{Heads: heads, Cursor: cursor}, &a); err != nil {
		return err
	}
	_, forks, err := s.c.rep.Compare(ctx, id, a.Heads)
	if err != nil {
		return err
	}
	s.forked[id] = len(a.Forks)+len(forks) > 0
	want, err := s.unsigned(ctx, id, a.Want)
	if err != nil {
		return err
	}
	doubts := len(s.doubts)
	for _, w := range want {
		if err := s.push(ctx, id, w); err != nil {
			return err
		}
	}
	if !readable {
		s.doubts = s.doubts[:doubts] // nobody tells this laptop of an erasure
		return nil
	}
	withheld, err := s.c.rep.Withheld(ctx, id)
	if err != nil {
		return err
	}
	if cursor, err = s.c.fromUnread(ctx, id, cursor); err != nil {
		return err
	}
	if cursor.Epoch != a.Epoch || !a.CursorOK || withheld > 0 { // what came without its values may be had with them now
		cursor = syncproto.Cursor{Epoch: a.Epoch}
	}
	return s.pull(ctx, id, cursor, a.Position)
}

// unsigned adds this laptop's own changesets that the server holds without our having its signed word for it: somebody
// else carried them, or an answer was lost. Sent again, they are duplicates, and the same receipt comes back.
func (s *syncRun) unsigned(ctx context.Context, id syncproto.ScopeID, want []syncproto.FeedWant) ([]syncproto.FeedWant, error) {
	for _, f := range s.c.rep.Feeds(id) {
		if f.Device != s.c.keys.device.ID {
			continue
		}
		first, err := s.firstUnsigned(ctx, f.Feed)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(want, func(w syncproto.FeedWant) bool { return w.Feed == f.Feed })
		switch {
		case first == 0:
		case i < 0:
			want = append(want, syncproto.FeedWant{Feed: f.Feed, From: first})
		default:
			want[i].From = min(want[i].From, first)
		}
	}
	return want, nil
}

// firstUnsigned returns the number of a feed's first changeset without a receipt of the server's present life, for the
// body that is here; 0 where there is none.
func (s *syncRun) firstUnsigned(ctx context.Context, feed syncproto.FeedID) (first uint64, err error) {
	done := s.c.signedUpTo(feed, s.hello.Epoch)
	gap := false
	for from := done + 1; ; {
		n := 0
		err := s.c.rep.FeedFrom(ctx, feed, from, pullLimit, func(l replica.Logged) error {
			n, from = n+1, l.N+1
			if r, ok := s.c.receipt(l.ID); ok && r.epoch == s.hello.Epoch && !r.signsAnother(l) {
				if !gap {
					done = l.N
				}
				return nil
			}
			gap = true
			if first == 0 && !s.report.refusedIDs[l.ID.String()] {
				first = l.N
			}
			return nil
		})
		if err != nil || first != 0 || n < pullLimit {
			s.c.signUpTo(feed, signedUpTo{s.hello.Epoch, done})
			return first, err
		}
	}
}

// signedUpTo returns how far a feed is known to be signed for; on a forked one nothing is.
func (c *Client) signedUpTo(feed syncproto.FeedID, epoch syncproto.Hash) uint64 {
	if f, ok := c.rep.Feed(feed); !ok || f.Forked {
		return 0
	}
	c.rmu.RLock()
	defer c.rmu.RUnlock()
	if s := c.signed[feed]; s.epoch == epoch {
		return s.n
	}
	return 0
}

func (c *Client) signUpTo(feed syncproto.FeedID, s signedUpTo) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.signed[feed] = s
}

func (s *syncRun) cursor(ctx context.Context, id syncproto.ScopeID) (cur syncproto.Cursor, err error) {
	err = s.c.getState(ctx, stateCursor(id), &cur)
	if errors.Is(err, vault.ErrNotFound) {
		return syncproto.Cursor{Epoch: s.hello.Epoch}, nil
	}
	return cur, err
}

// outgoing is one changeset on its way to the server.
type outgoing struct {
	id     syncproto.ChangesetID
	packet []byte
	body   syncproto.Hash
	n      uint64
}

const (
	smallestBatch = 10
	largestBatch  = 500
	rawBatch      = 900 << 10 // bytes of packets in one push; compressed it is less than the limit
)

// push sends one feed from a number on, in batches that grow while they pass and shrink when they do not.
func (s *syncRun) push(ctx context.Context, scope syncproto.ScopeID, w syncproto.FeedWant) error {
	for from := w.From; ; {
		batch, err := s.collect(ctx, w.Feed, from)
		if err != nil || len(batch) == 0 {
			return err
		}
		answer, err := s.send(ctx, scope, batch)
		if tooMuch(err) && s.batch > smallestBatch {
			s.batch = max(s.batch/2, smallestBatch)
			continue
		}
		if err != nil {
			return err
		}
		s.batch = min(s.batch*2, largestBatch)
		done, err := s.settle(ctx, w.Feed, batch, answer)
		if err != nil || done {
			return err
		}
		from = batch[len(batch)-1].n + 1
		s.progress(Progress{Phase: "send", Scope: scope, Done: uint64(s.report.Sent)})
	}
}

func tooMuch(err error) bool {
	var refusal *RemoteError
	return errors.As(err, &refusal) && refusal.Status == http.StatusRequestEntityTooLarge || errors.Is(err, ErrUnreachable)
}

func (s *syncRun) collect(ctx context.Context, feed syncproto.FeedID, from uint64) ([]outgoing, error) {
	var batch []outgoing
	size := 0
	err := s.c.rep.FeedFrom(ctx, feed, from, s.batch, func(l replica.Logged) error {
		if s.report.refusedIDs[l.ID.String()] || size > rawBatch {
			return nil
		}
		packet, body, err := s.c.packet(ctx, l)
		if err != nil {
			return err
		}
		if size += len(packet); size > rawBatch && len(batch) > 0 {
			return nil
		}
		batch = append(batch, outgoing{l.ID, packet, body, l.N})
		return nil
	})
	return batch, err
}

// packet returns a changeset as it is stored, for passing on.
func (c *Client) packet(ctx context.Context, l replica.Logged) ([]byte, syncproto.Hash, error) {
	_, payload, err := c.vault.Read(ctx, l.Ext)
	if err != nil {
		return nil, syncproto.Hash{}, err
	}
	a, err := c.stored(l.Ext, payload)
	if err != nil {
		return nil, syncproto.Hash{}, err
	}
	p := a.cs.Packet
	if l.Erased && !l.Redacted {
		p = p.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}) // see redactOne
	}
	return p.Encode(), p.BodyHash(), nil
}

func (s *syncRun) send(ctx context.Context, scope syncproto.ScopeID, batch []outgoing) (*syncproto.PushAnswer, error) {
	packets := make([][]byte, len(batch))
	for i := range batch {
		packets[i] = batch[i].packet
	}
	body, err := compress(packets)
	if err != nil {
		return nil, err
	}
	a, err := s.r.do(ctx, request{method: http.MethodPost, path: "/v1/scopes/" + scope.String() + "/push", body: body,
		contentType: "application/cbor-seq", encoding: "zstd"})
	if err != nil {
		return nil, err
	}
	var answer syncproto.PushAnswer
	if err := syncproto.DecodeMessage(a.body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(batch) {
		return nil, fmt.Errorf("the server answered for %d of %d changesets", len(answer.Results), len(batch))
	}
	return &answer, nil
}

// settle books the results of one push. It reports true where the rest of the feed must not be sent now.
func (s *syncRun) settle(ctx context.Context, feed syncproto.FeedID, batch []outgoing, answer *syncproto.PushAnswer) (done bool, err error) {
	if err := s.c.keepReceipt(ctx, answer.Receipt); err != nil {
		return true, err
	}
	for i, res := range answer.Results {
		s.report.Sent++
		switch res.Status {
		case syncproto.StatusQuarantined:
			s.report.Quarantined++
		case syncproto.StatusHeld:
			s.report.Held++
		case syncproto.StatusRefused:
			s.report.Refused[string(res.Code)]++
			s.report.refusedIDs[batch[i].id.String()] = true // not as the server calls it
			n, err := s.c.reissue(ctx, feed, batch[i].n, res)
			s.report.Reissued += n
			return true, err
		}
		if r, ok := s.c.receipt(batch[i].id); ok && res.Status.Stored() && r.entry.Body != batch[i].body {
			s.doubts = append(s.doubts, batch[i].id)
		}
	}
	return false, nil
}

// pull fetches a scope from a cursor on. The next page is on its way while one is verified and stored.
func (s *syncRun) pull(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor, last uint64) error {
	if cursor.Position == 0 && last >= snapshotFrom {
		var err error
		if cursor, err = s.snapshot(ctx, scope, cursor); err != nil {
			return err
		}
	}
	if cursor.Position >= last && cursor.Epoch == s.hello.Epoch {
		return s.keepCursor(ctx, scope, cursor)
	}
	pages := make(chan page, 1)
	ctx, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	wait.Go(func() { s.fetchPages(ctx, scope, cursor, pages) })
	for p := range pages {
		if p.err != nil {
			return p.err
		}
		if err := s.takePage(ctx, scope, p.items, p.end.Next); err != nil {
			return err
		}
		s.progress(Progress{Phase: "receive", Scope: scope, Done: p.end.Next.Position, Total: p.end.Last})
	}
	return ctx.Err()
}

type page struct {
	items []syncproto.PullItem
	end   syncproto.PullEnd
	err   error
}

const pullLimit = 1000

func (s *syncRun) fetchPages(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor, pages chan<- page) {
	defer close(pages)
	for {
		p := s.fetchPage(ctx, scope, cursor)
		select {
		case pages <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil || !p.end.More {
			return
		}
		if p.end.Next.Epoch != cursor.Epoch || p.end.Next.Position <= cursor.Position {
			return // no movement: asking again would not change that; or another life of the server, for the next sync
		}
		cursor = p.end.Next
	}
}

func (s *syncRun) fetchPage(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor) (p page) {
	path := fmt.Sprintf("/v1/scopes/%s/pull?epoch=%s&after=%d&limit=%d", scope, cursor.Epoch, cursor.Position, pullLimit)
	if have := s.ownWork(scope); have != "" {
		path += "&have=" + have
	}
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return page{err: err}
	}
	raw, err := decompress(a.body)
	if err != nil {
		return page{err: err}
	}
	items, err := sequence(raw)
	if err != nil || len(items) == 0 {
		return page{err: fmt.Errorf("the server's page does not parse (%w)", err)}
	}
	p.items, p.err = pullItems(items[:len(items)-1])
	if p.err == nil {
		p.err = syncproto.DecodeMessage(items[len(items)-1], &p.end)
	}
	return p
}

// ownWork names the part of this laptop's own feed that need not come back: FEED-N, N the first number not known here.
// On a forked feed everything must come, to see both branches.
func (s *syncRun) ownWork(scope syncproto.ScopeID) string {
	s.c.mu.Lock()
	f := s.c.feeds[scope]
	s.c.mu.Unlock()
	if f == nil || s.forked[scope] {
		return ""
	}
	id := syncproto.NewFeedID(s.c.keys.device.ID, scope, f.Incarnation)
	if st, ok := s.c.rep.Feed(id); !ok || st.Forked {
		return ""
	}
	return fmt.Sprintf("%s-%d", id, f.N+1)
}

func pullItems(raw [][]byte) ([]syncproto.PullItem, error) {
	items := make([]syncproto.PullItem, len(raw))
	for i, b := range raw {
		if err := syncproto.DecodeMessage(b, &items[i]); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// takePage verifies a page on all cores, stores it together with the cursor that stands for it, and merges it.
func (s *syncRun) takePage(ctx context.Context, scope syncproto.ScopeID, items []syncproto.PullItem, next syncproto.Cursor) error {
	now := uint64(s.c.cfg.Now().UnixMilli())
	packets := make([][]byte, len(items))
	for i := range items {
		packets[i] = items[i].Packet
	}
	parsed := s.c.verifyAll(packets)
	var arrivals []arrival
	bad := 0
	for i, a := range parsed {
		if a.cs == nil || a.cs.Header.Scope != scope {
			bad++
			continue
		}
		a.received, a.server = now, items[i].Received
		arrivals = append(arrivals, a)
	}
	s.report.Bad += bad
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	err := s.c.absorb(ctx, arrivals, func(tx *vault.Tx) error {
		if bad > 0 {
			if err := s.c.rememberUnread(tx, scope, next.Epoch); err != nil {
				return err
			}
			if err := s.c.note(tx, Incident{What: "the server sent work that does not verify", Scope: scope.String()}); err != nil {
				return err
			}
		}
		return putState(tx, stateCursor(scope), next)
	})
	s.report.Received += len(arrivals)
	return err
}

// stateUnread remembers where in a scope something came first that this program could not read. A newer one may: it begins
// there again (docs/protocol.md §11, I16).
func stateUnread(s syncproto.ScopeID) string { return "unread/" + s.String() }

type unreadState struct {
	App  string           `cbor:"1,keyasint"`
	From syncproto.Cursor `cbor:"2,keyasint"`
}

func (c *Client) rememberUnread(tx *vault.Tx, scope syncproto.ScopeID, epoch syncproto.Hash) error {
	if _, err := tx.Get(stateUnread(scope)); !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	from := syncproto.Cursor{Epoch: epoch}
	b, err := tx.Get(stateCursor(scope))
	if err == nil {
		err = syncproto.DecodeMessage(b, &from)
	}
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	return putState(tx, stateUnread(scope), unreadState{c.cfg.App, from})
}

// fromUnread returns where to begin in a scope: where the cursor is, or, in the first sync of another build, where
// something could not be read.
func (c *Client) fromUnread(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor) (syncproto.Cursor, error) {
	var u unreadState
	err := c.getState(ctx, stateUnread(scope), &u)
	if errors.Is(err, vault.ErrNotFound) || err == nil && u.App == c.cfg.App {
		return cursor, nil
	}
	if err != nil {
		return cursor, err
	}
	if u.From.Epoch == cursor.Epoch && u.From.Position < cursor.Position {
		cursor = u.From
	}
	return cursor, c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if err := putState(tx, stateCursor(scope), cursor); err != nil {
			return err
		}
		return tx.Delete(stateUnread(scope))
	})
}

func (s *syncRun) keepCursor(ctx context.Context, scope syncproto.ScopeID, cur syncproto.Cursor) error {
	return s.c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateCursor(scope), cur) })
}

// verifyAll takes packets apart and checks their signatures on all cores. What does not verify has no changeset in the
// result. A changeset whose device is not in the roster yet passes: it is held, and verified when the device is known.
func (c *Client) verifyAll(packets [][]byte) []arrival {
	roster := c.rep.Roster()
	out := make([]arrival, len(packets))
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(packets); i += workers {
				out[i] = verifyOne(roster, packets[i])
			}
		})
	}
	wait.Wait()
	return out
}

func verifyOne(roster *syncproto.Roster, b []byte) (a arrival) {
	p, err := syncproto.DecodePacket(b)
	if err != nil {
		return a
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return a
	}
	d, ok := roster.Device(cs.Header.Device)
	if ok && cs.Verify(d.Signing) != nil {
		return a
	}
	return arrival{cs: cs, stranger: !ok}
}

func rawSequence(items [][]byte) ([]byte, error) {
	var out []byte
	for _, b := range items {
		e, err := syncproto.EncodeMessage(b)
		if err != nil {
			return nil, err
		}
		out = append(out, e...)
	}
	return out, nil
}
