// Package fieldclient is the laptop: an encrypted store, the merged records in memory, and the loop that brings them
// to the server and back. Everything that a person does in the field works without a network.
package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kua/fieldclient/vault"
	"kua/internal/replica"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// Config says where the laptop's data is. Time and randomness are passed in.
type Config struct {
	Vault vault.Config
	Now   func() time.Time
	Rand  io.Reader
	App   string // build id, signed into every changeset

	// Transport carries requests to the server; nil is the network, with TLS 1.3. Tests give one that loses, cuts,
	// repeats and delays.
	Transport http.RoundTripper
}

// Kinds of row in the vault's log. Numbers are never reused: the vault outlives the program.
const (
	rowPacket  uint8 = 1 // storedPacket
	rowRoster  uint8 = 2 // a signed roster record
	rowReceipt uint8 = 3 // a server's signed receipt
	rowProven  uint8 = 4 // provenRow
	rowNote    uint8 = 5 // incident, for the people who will ask: see Incident
	// 6 and 7: rowRefused, rowRemoved
)

// storedPacket is a changeset as the vault keeps it.
type storedPacket struct {
	Packet   []byte `cbor:"1,keyasint"`
	Received uint64 `cbor:"2,keyasint"` // Unix milliseconds by this laptop's clock
	Server   uint64 `cbor:"3,keyasint"` // Unix milliseconds by the server's clock; 0 where it did not come from there
}

// Names of the vault's state values.
const (
	stateDevice  = "device"
	stateServer  = "server"
	stateClock   = "clock"
	stateHLC     = "hlc"
	stateCheck   = "checkpoint"
	statePending = "enrolment"
)

func stateFeed(s syncproto.ScopeID) string   { return "feed/" + s.String() }
func stateCursor(s syncproto.ScopeID) string { return "cursor/" + s.String() }

// Client is an unlocked laptop. Its methods may be called from several goroutines.
type Client struct {
	cfg   Config
	vault *vault.Vault
	mem   *projection
	rep   *replica.Replica
	keys  *keyring

	fetching sync.Mutex    // one sealed original at a time
	saves    atomic.Uint64 // changesets of our own that were saved since the unlock

	server   atomic.Pointer[Server]
	check    atomic.Pointer[checkpointState]
	restored string

	// underway is held for reading while a sync runs or the device's keys are used, and for writing while visits are removed: what is still coming
	// in must not be taken for what was there.
	underway sync.RWMutex

	mu     sync.Mutex // serialises writes, from reading what they refer to on, and guards what follows
	feeds  map[syncproto.ScopeID]*ownFeed
	scopes map[syncproto.ScopeID]*scopeKeys
	hlc    syncproto.HLC
	// spoiled are the changesets whose body does not open with the key that it names: the next one that does takes its place.
	spoiled map[syncproto.ChangesetID]bool
	noted   map[Incident]bool // since the unlock, of those that repeat
	refused map[syncproto.ScopeID]bool
	clock   clockState
	gates   map[syncproto.ScopeID]*gate     // visits in gate mode
	away    map[syncproto.ScopeID]awayVisit // visits that were removed from this laptop
	broken  error                           // the records in memory could not be made anew: nothing may be signed on them

	// whole is held for reading by whoever reads the records in memory more than once, and for writing while they are
	// made anew: rows get other numbers then. It is taken after mu, and mu never while it is held.
	whole sync.RWMutex

	rmu      sync.RWMutex // guards what follows
	receipts map[syncproto.ChangesetID]receiptState
	signed   map[syncproto.FeedID]signedUpTo
	aliases  map[aliasKey][]syncproto.EntityID // records that were ever said to be the same as the key
	// recordable remembers which interviews may be recorded: every word of them is held against it.
	recordable map[aliasKey]recordable

	templates  templates
	checklists checklistCache
}

// ownFeed is the feed that this laptop appends to in one scope. A restored or copied laptop never appends to the feed
// that it finds: it forgets it and opens a new incarnation (docs/protocol.md §5).
type ownFeed struct {
	Incarnation syncproto.Incarnation `cbor:"1,keyasint"`
	N           uint64                `cbor:"2,keyasint"`
	NextSeq     uint64                `cbor:"3,keyasint"`
	Head        syncproto.ChangesetID `cbor:"4,keyasint"`
}

// scopeKeys are the visit keys of one scope that this laptop holds, by commitment: two people may begin the same epoch
// without seeing each other, and both keys count.
type scopeKeys struct {
	// current is the newest key that is held here: a wrap that leaves this laptop out can neither stop its work nor
	// make it write what its readers cannot open.
	current    keyName
	first      syncproto.Hash // commitment of epoch 1: the ids of checklist items hang on it
	keys       map[syncproto.Hash]seal.VisitKey
	gateKeys   map[syncproto.Hash]seal.VisitKey               // gate keys that this laptop holds and nobody has released
	gateWraps  []wrapped                                      // what the log says of gate keys
	wraps      []wrapped                                      // what the log says of them, in its order
	epochs     map[syncproto.Hash]uint64                      // of each key that takes effect
	recipients map[syncproto.Hash]map[syncproto.DeviceID]bool // of each key that takes effect: who holds it
	locked     []lockedBody                                   // sealed bodies whose key has not come yet
}

// keyName names a visit key. Of two keys of one epoch the one with the smaller commitment is current.
type keyName struct {
	epoch      uint64
	commitment syncproto.Hash
}

func (n keyName) newerThan(old keyName) bool {
	if n.epoch != old.epoch {
		return n.epoch > old.epoch
	}
	return slices.Compare(n.commitment[:], old.commitment[:]) < 0
}

type lockedBody struct {
	row  uint64
	key  syncproto.Hash // commitment of the key that is missing
	gate bool
}

// key returns a visit key by its commitment, for opening what is sealed under it.
func (s *scopeKeys) key(commitment syncproto.Hash) (seal.VisitKey, bool) {
	if s == nil {
		return seal.VisitKey{}, false
	}
	k, ok := s.keys[commitment]
	if !ok {
		k, ok = s.gateKeys[commitment]
	}
	return k, ok
}

// now returns the key that the next save seals under.
func (s *scopeKeys) now() (seal.VisitKey, bool) {
	if s == nil {
		return seal.VisitKey{}, false
	}
	return s.key(s.current.commitment)
}

// clockState is what the last contact with a server said about this laptop's clock.
type clockState struct {
	OffsetMillis int64  `cbor:"1,keyasint"`
	ErrorMillis  int64  `cbor:"2,keyasint"`
	At           uint64 `cbor:"3,keyasint"` // Unix milliseconds by this laptop's clock; 0: never
}

// signedUpTo is how far a feed of our own is signed for without a gap in one life of the server: a sync need not look at
// what lies before.
type signedUpTo struct {
	epoch syncproto.Hash
	n     uint64
}

// receiptState is the best that is known of a changeset's way.
type receiptState struct {
	entry   syncproto.ReceiptEntry
	epoch   syncproto.Hash
	carried bool
	proven  uint64 // size of the checkpoint that proves it; 0 where none does
}

// ErrNotEnrolled says that the laptop has keys but no coordinator has approved it yet.
var ErrNotEnrolled = errors.New("this laptop has not been approved yet")

// Create makes the vault of a new laptop with its keys, and leaves it open. recovery opens the vault if the passphrase
// is forgotten; it is shown once and kept nowhere.
func Create(ctx context.Context, cfg Config, passphrase string) (c *Client, recovery string, err error) {
	v, recovery, err := vault.Create(ctx, cfg.Vault, passphrase)
	if err != nil {
		return nil, "", err
	}
	keys, err := newDeviceKeys(cfg.Rand)
	if err == nil {
		err = v.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateDevice, keys) })
		keys.wipe()
	}
	if err == nil {
		c, err = load(ctx, cfg, v)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("making a laptop: %w", err), v.Close())
	}
	return c, recovery, nil
}

// Open unlocks a laptop with the passphrase or the recovery secret and rebuilds the merged records in memory.
func Open(ctx context.Context, cfg Config, secret string) (*Client, error) {
	v, err := vault.Open(ctx, cfg.Vault, secret)
	if err != nil {
		return nil, err
	}
	c, err := load(ctx, cfg, v)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unlocking: %w", err), v.Close())
	}
	return c, nil
}

// Close locks the laptop: the records in memory are dropped, the visit keys, the vault's and the laptop's own zeroed; the
// latter at the end of what still uses them. It waits for a save
// that has begun, and for nothing else: a sync or a check that is running fails at its next step, so cancel its context.
// What the runtime has freed stays in the memory of the process until that ends.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole.Lock()
	defer c.whole.Unlock()
	for _, s := range c.scopes {
		s.wipe()
	}
	for _, g := range c.gates {
		g.wipe()
	}
	err := errors.Join(c.mem.Close(), c.vault.Close())
	c.clearKeys() // after the vault: what uses them still sees that it is closed
	return err
}

func (s *scopeKeys) wipe() {
	for _, keys := range []map[syncproto.Hash]seal.VisitKey{s.keys, s.gateKeys} {
		for _, k := range keys {
			k.Wipe()
		}
	}
}

// Wipe makes everything on this laptop unreadable for good, at once, and locks it. The key file goes first, whatever is
// running; what was not synced or carried is lost. See vault.Wipe.
func (c *Client) Wipe(ctx context.Context) error {
	return errors.Join(c.vault.Wipe(ctx), c.Close())
}

// Vault returns the encrypted store, for changing secrets and wiping.
func (c *Client) Vault() *vault.Vault { return c.vault }

// Replica returns the merged records, for reading structure.
func (c *Client) Replica() *replica.Replica { return c.rep }

// Roster returns the access list as this laptop knows it.
func (c *Client) Roster() *syncproto.Roster { return c.rep.Roster() }

// Device returns this laptop's public side.
func (c *Client) Device() Device { return c.keys.device }

// Person returns the member whom this laptop belongs to, or ErrNotEnrolled.
func (c *Client) Person() (syncproto.Member, error) {
	r := c.rep.Roster()
	d, ok := r.Device(c.keys.device.ID)
	if !ok {
		return syncproto.Member{}, ErrNotEnrolled
	}
	m, _ := r.Member(d.Owner)
	return m, nil
}

// load reads the whole vault into memory.
func load(ctx context.Context, cfg Config, v *vault.Vault) (*Client, error) {
	c := &Client{cfg: cfg, vault: v, feeds: map[syncproto.ScopeID]*ownFeed{}, scopes: map[syncproto.ScopeID]*scopeKeys{},
		gates: map[syncproto.ScopeID]*gate{}, away: map[syncproto.ScopeID]awayVisit{}, spoiled: map[syncproto.ChangesetID]bool{}, noted: map[Incident]bool{}, refused: map[syncproto.ScopeID]bool{},
		receipts: map[syncproto.ChangesetID]receiptState{}, aliases: map[aliasKey][]syncproto.EntityID{}, recordable: map[aliasKey]recordable{}, signed: map[syncproto.FeedID]signedUpTo{},
		templates: newTemplates(), checklists: newChecklistCache()}
	var dev deviceKeys
	if err := c.getState(ctx, stateDevice, &dev); err != nil {
		return nil, err
	}
	var err error
	c.keys, err = dev.open()
	dev.wipe()
	if err != nil {
		return nil, err
	}
	if err := c.loadSmall(ctx); err != nil {
		return nil, err
	}
	if c.mem, err = openProjection(ctx); err != nil {
		return nil, err
	}
	if c.rep, err = replica.Open(ctx, replica.Config{DB: c.mem.Write}); err == nil {
		err = c.replay(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the log: %w", err), c.mem.Close())
	}
	if err := c.noticeRestore(ctx); err != nil {
		return nil, errors.Join(err, c.mem.Close())
	}
	if err := c.redoAll(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("signing refused work again: %w", err), c.mem.Close())
	}
	if err := errors.Join(c.sweepPending(ctx), c.sweepLeaving(ctx)); err != nil {
		return nil, errors.Join(err, c.mem.Close())
	}
	return c, nil
}

// rebuild makes the records in memory anew from the vault. Where that fails, nothing is signed any more until the laptop
// is unlocked again: a save must not refer to records that are not all there.
func (c *Client) rebuild(ctx context.Context) error {
	c.whole.Lock()
	defer c.whole.Unlock()
	clear(c.feeds)
	for id := range c.away {
		if s := c.scopes[id]; s != nil { // nothing makes these anew
			s.wipe()
		}
	}
	clear(c.scopes)
	clear(c.spoiled)
	c.forgetStates()
	c.checklists.movedAll()
	c.broken = c.mem.empty(ctx)
	if c.broken == nil {
		c.broken = c.rep.Clear(ctx)
	}
	if c.broken == nil {
		c.broken = c.replay(ctx)
	}
	if c.broken != nil {
		c.broken = fmt.Errorf("reading the log again: %w: nothing that was saved is lost; lock this laptop and unlock it", c.broken)
	}
	return c.broken
}

func (c *Client) forgetStates() {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	clear(c.receipts)
	clear(c.aliases)
	clear(c.signed)
}

// inMemory does what follows a commit to the vault. What is durable counts: a caller that goes away meanwhile does not
// end it, and where it fails the records are made anew from the vault.
func (c *Client) inMemory(ctx context.Context, fn func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	if err := fn(ctx); err != nil {
		if again := c.rebuild(ctx); again != nil {
			return errors.Join(err, again)
		}
	}
	return nil
}

func (c *Client) loadSmall(ctx context.Context) error {
	var server *Server
	var check *checkpointState
	for name, into := range map[string]any{stateClock: &c.clock, stateHLC: &c.hlc, stateServer: &server, stateCheck: &check} {
		if err := c.getState(ctx, name, into); err != nil && !errors.Is(err, vault.ErrNotFound) {
			return err
		}
	}
	c.server.Store(server)
	c.check.Store(check)
	return c.loadAway(ctx)
}

// noticeRestore handles a vault that was put back from a copy: no question to the user, no append to an old feed.
func (c *Client) noticeRestore(ctx context.Context) error {
	reason, restored := c.vault.Restored()
	if !restored {
		return nil
	}
	c.restored = reason.String()
	if err := c.abandonFeeds(ctx, "restored: "+c.restored); err != nil {
		return err
	}
	return c.vault.AcknowledgeRestore(ctx)
}

// Restored reports why this laptop noticed at unlock that its data had been restored or copied, or "".
func (c *Client) Restored() string { return c.restored }

// abandonFeeds makes the next save in every scope open a new incarnation, and writes down why.
func (c *Client) abandonFeeds(ctx context.Context, why string) error {
	scopes := c.rep.Scopes()
	err := c.vault.InTx(ctx, func(tx *vault.Tx) error {
		for _, s := range scopes {
			if err := tx.Delete(stateFeed(s.Scope)); err != nil {
				return err
			}
			// What has been pulled may have been lost as well: start over, duplicates cost nothing.
			if err := tx.Delete(stateCursor(s.Scope)); err != nil {
				return err
			}
		}
		return c.note(tx, Incident{What: why})
	})
	if err != nil {
		return fmt.Errorf("opening new feeds after a restore: %w", err)
	}
	clear(c.feeds)
	return nil
}

// Incident is something that happened to the data and that somebody may ask about later.
type Incident struct {
	At    uint64 `cbor:"1,keyasint" json:"at"` // Unix milliseconds by this laptop's clock
	What  string `cbor:"2,keyasint" json:"what"`
	Scope string `cbor:"3,keyasint,omitempty" json:"scope,omitempty"`
}

func (c *Client) note(tx *vault.Tx, i Incident) error {
	i.At = uint64(c.cfg.Now().UnixMilli())
	b, err := syncproto.EncodeMessage(i)
	if err != nil {
		return err
	}
	_, err = tx.Append(rowNote, b)
	return err
}

// Incidents returns what was noted, oldest first.
func (c *Client) Incidents(ctx context.Context) ([]Incident, error) {
	var out []Incident
	err := c.vault.Scan(ctx, 0, func(_ int64, kind uint8, payload []byte) error {
		if kind != rowNote {
			return nil
		}
		var i Incident
		if err := syncproto.DecodeMessage(payload, &i); err != nil {
			return err
		}
		out = append(out, i)
		return nil
	})
	return out, err
}

func putState(tx *vault.Tx, name string, v any) error {
	b, err := syncproto.EncodeMessage(v)
	if err != nil {
		return err
	}
	return tx.Put(name, b)
}

func (c *Client) getState(ctx context.Context, name string, v any) error {
	b, err := c.vault.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("reading %q: %w", name, err)
	}
	return syncproto.DecodeMessage(b, v)
}
