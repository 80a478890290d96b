package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
)

// Progress says how far a long operation has come. Done and Total are changesets, or attachments in the phase of these; Total
// is 0 while it is unknown.
type Progress struct {
	Phase string // roster, send, receive, proofs, attachments
	Scope syncproto.ScopeID
	Done  uint64
	Total uint64

	BytesDone, BytesTotal uint64 // of attachments; 0 in other phases
}

// PhaseAttachments is the phase in which sealed originals go up or come down: after all text.
const PhaseAttachments = "attachments"

// Report says what a sync did.
type Report struct {
	Sent        int            `json:"sent"`
	Received    int            `json:"received"`
	Quarantined int            `json:"quarantined"` // of what was sent
	Held        int            `json:"held"`        // of what was sent
	Reissued    int            `json:"reissued"`    // refused by the server, signed again in a new feed
	Bad         int            `json:"bad"`         // from the server, and not verifiable
	KeysShared  int            `json:"keysShared"`
	Proven      int            `json:"proven"`
	Scopes      int            `json:"scopes"`
	Away        int            `json:"away,omitempty"` // visits on the server that were removed from this laptop: see BringBack
	ConfirmedAt int64          `json:"confirmedAt"`    // Unix milliseconds by the server's clock
	Epoch       syncproto.Hash `json:"epoch"`
	NewEpoch    bool           `json:"newEpoch,omitempty"` // the server was restored; what it lost was sent again
	Warnings    []string       `json:"warnings,omitempty"`
	Refused     map[string]int `json:"refused,omitempty"` // by code

	Attachments        int   `json:"attachments"`        // sealed originals that the server has whole since this sync
	AttachmentBytes    int64 `json:"attachmentBytes"`    // that were sent
	AttachmentsWaiting int   `json:"attachmentsWaiting"` // that are here and not whole at the server

	refusedIDs map[string]bool // of this run: not offered twice
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
	saves    uint64                     // of the laptop when the text of this sync began
	lane     lane
	tried    map[blobID]bool // attachments that this server did not take
}

// Sync brings everything that the server lacks to it, and everything new from it. It may be broken off anywhere and
// run again: each step is durable before the next, and what has no answer counts as not done. progress may be nil.
func (c *Client) Sync(ctx context.Context, r *Remote, progress func(Progress)) (Report, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	defer c.using()()
	s := &syncRun{c: c, r: r, progress: progress, batch: 200, forked: map[syncproto.ScopeID]bool{}, tried: map[blobID]bool{}}
	s.report.Refused, s.report.refusedIDs = map[string]int{}, map[string]bool{}
	for {
		err := s.text(ctx)
		if err == nil {
			err = s.attachments(ctx)
		}
		if errors.Is(err, errTextFirst) {
			continue
		}
		if err != nil {
			return s.report, fmt.Errorf("syncing: %w", err)
		}
		return s.report, nil
	}
}

// text brings everything but attachments.
func (s *syncRun) text(ctx context.Context) error {
	s.saves = s.c.saves.Load()
	for _, step := range []func(context.Context) error{s.greet, s.roster, s.shareKeys, s.scopes, s.bodies, s.redactions, s.proofs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	s.doubts = nil
	return nil
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
	s.report.NewEpoch = s.report.NewEpoch || err == nil && last != hello.Epoch
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

func (s *syncRun) shareKeys(ctx context.Context) error {
	shared, err := s.c.ShareKeys(ctx)
	s.report.KeysShared += shared
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
	listed, err := s.withoutAway(ctx, listed)
	if err != nil {
		return err
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
