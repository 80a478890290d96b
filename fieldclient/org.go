package fieldclient

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"kua/fieldclient/vault"
	"kua/internal/setupcode"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// Founding is what a new organisation begins with.
type Founding struct {
	Organisation string
	Coordinator  string // name of the first coordinator: the person at this laptop
	URL          string // of the server
	Setup        string // the setup code that `kua-server init` printed

	// Keep is given the root key's seed and the recovery key before anything is sent. They belong on media that never
	// meet a network; this laptop forgets them when Found returns.
	Keep func(root, recovery []byte) error
}

// Found makes an organisation on an empty server: the offline root signs itself, the server's key, and the first
// coordinator with this laptop (docs/protocol.md §6).
func (c *Client) Found(ctx context.Context, f Founding) error {
	if c.rep.Roster().Len() > 0 {
		return errors.New("founding: this laptop belongs to an organisation already")
	}
	code, err := setupcode.Parse(f.Setup)
	if err != nil {
		return fmt.Errorf("founding: %w", err)
	}
	r := c.NewRemote(strings.TrimSuffix(f.URL, "/"))
	hello, clock, err := r.Hello(ctx)
	if err != nil {
		return fmt.Errorf("founding: %w", err)
	}
	if hello.Server != syncproto.DeviceIDOf(hello.Key) || hello.Server != syncproto.DeviceID(code.Server) {
		return errors.New("founding: the server that answers is not the one that printed this setup code: nothing was sent")
	}
	begun, err := c.beginFounding(ctx, f, hello)
	if err != nil {
		return fmt.Errorf("founding: %w", err)
	}
	body, err := rawSequence(begun.Records)
	if err != nil {
		return err
	}
	_, err = r.do(ctx, request{method: http.MethodPost, path: "/v1/roster", body: body, contentType: "application/cbor-seq",
		headers: map[string]string{"Kua-Setup": f.Setup}, anonymous: true})
	if err != nil && !r.foundedBy(ctx, begun.Root) { // an answer may have been lost
		return fmt.Errorf("founding: %w", err)
	}
	return c.join(ctx, &Server{r.base, hello.Server}, clock, enrolState{Root: begun.Root}, begun.Records)
}

// stateFounding keeps what is sent to found an organisation, so that a second try after a lost answer or a crash sends
// the same: the server takes only one, and its only coordinator must be this laptop.
const stateFounding = "founding"

type foundingState struct {
	Server  syncproto.DeviceID `cbor:"1,keyasint"`
	Root    []byte             `cbor:"2,keyasint"`
	Records [][]byte           `cbor:"3,keyasint"`
}

// beginFounding returns what an earlier try made for this server, or makes it.
func (c *Client) beginFounding(ctx context.Context, f Founding, hello syncproto.Hello) (foundingState, error) {
	var state foundingState
	err := c.getState(ctx, stateFounding, &state)
	if err == nil && state.Server == hello.Server || err != nil && !errors.Is(err, vault.ErrNotFound) {
		return state, err
	}
	state.Server = hello.Server
	if state.Root, state.Records, err = c.foundingRecords(f, hello); err != nil {
		return state, err
	}
	return state, c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateFounding, state) })
}

// foundedBy reports whether the server has taken the organisation of this root key.
func (r *Remote) foundedBy(ctx context.Context, root []byte) bool {
	hello, _, err := r.Hello(ctx)
	return err == nil && slices.Equal(hello.Root, root)
}

func (c *Client) foundingRecords(f Founding, hello syncproto.Hello) (rootPub []byte, records [][]byte, err error) {
	rootPub, root, err := ed25519.GenerateKey(c.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	recovery, err := seal.GenerateRecipient(c.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	if err := f.Keep(root.Seed(), recovery.Bytes()); err != nil {
		return nil, nil, fmt.Errorf("keeping the offline keys: %w", err)
	}
	person, err := syncproto.RandomID(c.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	grant, err := syncproto.RandomID(c.cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	records, err = c.signRecords(root, &syncproto.Roster{},
		syncproto.RosterRecord{Organisation: &syncproto.Organisation{Name: f.Organisation, Root: rootPub, Recovery: recovery.Public().Bytes()}},
		syncproto.RosterRecord{Server: &syncproto.ServerKey{ID: hello.Server, Key: hello.Key, Origin: hello.Origin}},
		syncproto.RosterRecord{Member: &syncproto.Member{Person: person, Name: f.Coordinator}},
		syncproto.RosterRecord{Device: c.certificate(person, "first coordinator")},
		syncproto.RosterRecord{Grant: &syncproto.Grant{ID: grant, Person: person, Role: syncproto.RoleCoordinator, Region: syncproto.AllRegions}},
	)
	return rootPub, records, err
}

func (c *Client) certificate(owner syncproto.PersonID, label string) *syncproto.Device {
	d := c.keys.device
	return &syncproto.Device{ID: d.ID, Signing: d.Signing, Sealing: d.Sealing, Owner: owner, Label: label}
}

// signRecords signs records so that each follows the one before, on a copy of the roster that they are checked against.
func (c *Client) signRecords(key ed25519.PrivateKey, on *syncproto.Roster, records ...syncproto.RosterRecord) ([][]byte, error) {
	r := on
	if on.Len() > 0 {
		r = on.Clone()
	}
	var out [][]byte
	for _, rec := range records {
		rec.Time = uint64(c.cfg.Now().UnixMilli())
		message, err := syncproto.SignRecord(key, r.NextRecord(rec))
		if err != nil {
			return nil, err
		}
		if err := r.Append(message); err != nil {
			return nil, err
		}
		out = append(out, message)
	}
	return out, nil
}

// join remembers the server, and the root key that its roster must hang on, and takes the roster in.
func (c *Client) join(ctx context.Context, server *Server, clock clockState, pending enrolState, records [][]byte) error {
	err := c.vault.InTx(ctx, func(tx *vault.Tx) error {
		if err := putState(tx, stateServer, server); err != nil {
			return err
		}
		if err := putState(tx, statePending, pending); err != nil {
			return err
		}
		return putState(tx, stateClock, clock)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.clock = clock
	c.mu.Unlock()
	c.server.Store(server)
	return c.AppendRoster(ctx, records)
}

// checkRoot refuses a first roster that hangs on another root key than this laptop was told of.
func (c *Client) checkRoot(ctx context.Context, root []byte) error {
	if c.rep.Roster().Len() > 0 {
		return nil
	}
	var told enrolState
	err := c.getState(ctx, statePending, &told)
	if errors.Is(err, vault.ErrNotFound) {
		return fmt.Errorf("reading the roster: %w: begin with an invitation", ErrNotEnrolled)
	}
	if err != nil {
		return err
	}
	if !slices.Equal(root, told.Root) {
		return errOtherRoot
	}
	return nil
}

var errOtherRoot = syncproto.Refuse(syncproto.CodeUnauthorized, "the roster is not that of the organisation that invited you: nothing of it was taken; ask your coordinator")

// Server returns the server that this laptop belongs to, or nil before it has been enrolled.
func (c *Client) Server() *Server { return c.server.Load() }

// Remote returns a connection to this laptop's server, or ErrNotEnrolled.
func (c *Client) Remote() (*Remote, error) {
	server := c.Server()
	if server == nil {
		return nil, ErrNotEnrolled
	}
	return c.NewRemote(server.URL), nil
}

// postRecords signs records with this laptop, gives them to the server and takes them in. The roster is linear: where
// somebody else was quicker, it is fetched and the records are signed again.
func (c *Client) postRecords(ctx context.Context, make func(*syncproto.Roster) ([]syncproto.RosterRecord, error)) error {
	defer c.using()()
	r, err := c.Remote()
	if err != nil {
		return err
	}
	var records [][]byte
	for try := 1; ; try++ {
		s := &syncRun{c: c, r: r, progress: func(Progress) {}}
		if err := s.greet(ctx); err != nil {
			return err
		}
		if err := s.roster(ctx); err != nil {
			return err
		}
		roster := c.rep.Roster()
		if len(records) > 0 && isKnown(roster, records[len(records)-1]) {
			return nil // the server had taken them; only its answer was lost
		}
		list, err := make(roster)
		if err != nil || len(list) == 0 {
			return err
		}
		records, err = c.signRecords(c.keys.signing, roster, list...)
		if err != nil {
			return err
		}
		body, err := rawSequence(records)
		if err != nil {
			return err
		}
		_, err = r.do(ctx, request{method: http.MethodPost, path: "/v1/roster", body: body, contentType: "application/cbor-seq"})
		var refusal *RemoteError
		if errors.As(err, &refusal) && refusal.Problem.Code == syncproto.CodeRosterStale && try < tries {
			continue
		}
		if err != nil {
			return err
		}
		return c.AppendRoster(ctx, records)
	}
}

// intent is the coordinator's own note of what an invitation is for.
type intent struct {
	Person syncproto.PersonID `cbor:"1,keyasint"` // zero for somebody new
	Name   string             `cbor:"2,keyasint"`
	Role   syncproto.Role     `cbor:"3,keyasint"`
	Region string             `cbor:"4,keyasint"`
	Code   syncproto.Nonce    `cbor:"5,keyasint"`
}

// Invite makes an invitation for a person: somebody new, or, with person set, another laptop of a member. It holds for
// life. The code in it goes to nobody but that person.
func (c *Client) Invite(ctx context.Context, name string, role syncproto.Role, region string, person *syncproto.PersonID, life time.Duration) (syncproto.InvitationCard, error) {
	var inv syncproto.InvitationCard
	r, err := c.Remote()
	if err != nil {
		return inv, err
	}
	if person == nil && (!role.Known() || region == "" || name == "") {
		return inv, fmt.Errorf("inviting: want a name, a role (%s) and a region", roleNames())
	}
	inv = syncproto.InvitationCard{URL: r.base, Server: c.Server().ID, Root: c.rep.Roster().Organisation().Root, Name: name,
		Expires: uint64(c.cfg.Now().Add(life).UnixMilli())}
	for _, n := range []*syncproto.Nonce{&inv.ID, &inv.Code} {
		if _, err := io.ReadFull(c.cfg.Rand, n[:]); err != nil {
			return inv, err
		}
	}
	want := intent{Name: name, Role: role, Region: region, Code: inv.Code}
	if person != nil {
		want.Person = *person
	}
	// The code stays in the coordinator's vault; the server is told its hash and an opaque note.
	err = c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateInvite(inv.ID), want) })
	if err != nil {
		return inv, err
	}
	a := syncproto.Invitation{ID: inv.ID, Code: syncproto.InvitationHash(inv.Code[:]), Expires: inv.Expires}
	if err := r.exchange(ctx, http.MethodPost, "/v1/invitations", a, nil); err != nil {
		return inv, fmt.Errorf("inviting: %w", err)
	}
	return inv, nil
}

func stateInvite(id syncproto.Nonce) string { return "invite/" + id.String() }

func roleNames() string {
	return strings.Join([]string{string(syncproto.RoleCoordinator), string(syncproto.RoleLeader), string(syncproto.RoleMonitor),
		string(syncproto.RoleHealth), string(syncproto.RoleAuditor), string(syncproto.RoleProtection)}, ", ")
}

// enrolState is an enrolment that waits for its approval.
type enrolState struct {
	Root  []byte   `cbor:"1,keyasint"`
	Words []string `cbor:"2,keyasint"`
}

// Enrol asks for a certificate with an invitation, and returns the six words to compare with the coordinator.
func (c *Client) Enrol(ctx context.Context, inv syncproto.InvitationCard, label string) ([]string, error) {
	defer c.using()()
	if c.rep.Roster().Len() > 0 {
		return nil, errors.New("enrolling: this laptop belongs to an organisation already")
	}
	r := c.NewRemote(inv.URL)
	hello, clock, err := r.Hello(ctx)
	if err != nil {
		return nil, fmt.Errorf("enrolling: %w", err)
	}
	if hello.Server != inv.Server || hello.Server != syncproto.DeviceIDOf(hello.Key) {
		return nil, errors.New("enrolling: the server that answers is not the one in the invitation: nothing was sent")
	}
	req := syncproto.NewEnrolment(inv.Root, inv.ID, inv.Code[:], c.keys.signing, c.keys.device.Sealing, label)
	if err := r.exchangeAnonymous(ctx, http.MethodPost, "/v1/enrol", req); err != nil {
		return nil, fmt.Errorf("enrolling: %w", err)
	}
	state := enrolState{inv.Root, syncproto.Words(req.Transcript(inv.Root))}
	return state.Words, c.join(ctx, &Server{r.base, hello.Server}, clock, state, nil)
}

func (r *Remote) exchangeAnonymous(ctx context.Context, method, path string, in any) error {
	body, err := syncproto.EncodeMessage(in)
	if err != nil {
		return err
	}
	_, err = r.do(ctx, request{method: method, path: path, body: body, contentType: "application/cbor", anonymous: true})
	return err
}

// FinishEnrol fetches the roster once a coordinator has approved this laptop. It refuses a roster that hangs on
// another root than the invitation named. ErrNotEnrolled says that nobody has approved it yet.
func (c *Client) FinishEnrol(ctx context.Context) error {
	r, err := c.Remote()
	if err != nil {
		return err
	}
	var state enrolState
	if err := c.getState(ctx, statePending, &state); err != nil {
		return fmt.Errorf("finishing the enrolment: %w", err)
	}
	a, err := r.do(ctx, request{method: http.MethodGet, path: "/v1/roster?from=0"})
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized {
		return ErrNotEnrolled
	}
	if err != nil {
		return err
	}
	records, err := byteStrings(a.body)
	if err != nil {
		return err
	}
	check := &syncproto.Roster{}
	for _, rec := range records {
		if err := check.Append(rec); err != nil {
			return fmt.Errorf("finishing the enrolment: %w", err)
		}
	}
	if check.Len() == 0 || !slices.Equal(check.Organisation().Root, state.Root) {
		return fmt.Errorf("finishing the enrolment: %w", errOtherRoot)
	}
	if d, ok := check.Device(c.keys.device.ID); !ok || d.Revoked() {
		return ErrNotEnrolled
	}
	return c.AppendRoster(ctx, records)
}

// Pending is an enrolment that waits for a coordinator's approval.
type Pending struct {
	Invitation string   `json:"invitation"`
	Name       string   `json:"name"`
	Role       string   `json:"role"`
	Region     string   `json:"region"`
	Label      string   `json:"label"`
	Words      []string `json:"words"`
	Fault      string   `json:"fault,omitempty"` // why it must not be approved
	request    syncproto.Enrolment
	want       intent
}

// Enrolments returns what waits for approval. Requests whose sender did not have the code are marked, not hidden.
func (c *Client) Enrolments(ctx context.Context) ([]Pending, error) {
	r, err := c.Remote()
	if err != nil {
		return nil, err
	}
	var list []syncproto.PendingEnrolment
	if err := r.exchange(ctx, http.MethodGet, "/v1/enrolments", nil, &list); err != nil {
		return nil, err
	}
	root := ed25519.PublicKey(c.rep.Roster().Organisation().Root)
	out := []Pending{}
	for _, e := range list {
		p, err := c.pending(ctx, root, e)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (c *Client) pending(ctx context.Context, root ed25519.PublicKey, e syncproto.PendingEnrolment) (Pending, error) {
	p := Pending{Invitation: e.Invitation.String()}
	if err := syncproto.DecodeMessage(e.Request, &p.request); err != nil {
		p.Fault = err.Error()
		return p, nil
	}
	p.Label = printable(p.request.Label)
	err := c.getState(ctx, stateInvite(e.Invitation), &p.want)
	if errors.Is(err, vault.ErrNotFound) {
		p.Fault = "invited from another coordinator's laptop: approve it there"
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.Name, p.Role, p.Region = p.want.Name, string(p.want.Role), p.want.Region
	if p.request.Invitation != e.Invitation {
		p.Fault = "do not approve: the request is for another invitation than the server says"
		return p, nil
	}
	if err := p.request.CheckCode(root, p.want.Code[:]); err != nil {
		p.Fault = fmt.Sprintf("do not approve: %v", err)
		return p, nil
	}
	p.Words = syncproto.Words(p.request.Transcript(root))
	return p, nil
}

// printable returns a label as one line without anything that moves a terminal's cursor or turns text around: anybody can
// send a request, and must not write over the words beside it.
func printable(label string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(label, "?"))
}

// Approve signs a laptop's certificate after the two people have compared the six words. words is what the other
// side read out.
func (c *Client) Approve(ctx context.Context, invitation string, words []string) (syncproto.DeviceID, error) {
	var device syncproto.DeviceID
	list, err := c.Enrolments(ctx)
	if err != nil {
		return device, err
	}
	i := slices.IndexFunc(list, func(p Pending) bool { return p.Invitation == invitation && slices.Equal(p.Words, words) })
	if i < 0 {
		if !slices.ContainsFunc(list, func(p Pending) bool { return p.Invitation == invitation }) {
			return device, fmt.Errorf("approving: no enrolment waits under invitation %s", invitation)
		}
		return device, errors.New("approving: the words differ: do not approve; somebody may be in between, or another laptop asked")
	}
	p := list[i]
	if p.Fault != "" {
		return device, fmt.Errorf("approving: %s", p.Fault)
	}
	device = syncproto.DeviceIDOf(p.request.Signing)
	err = c.postRecords(ctx, func(roster *syncproto.Roster) ([]syncproto.RosterRecord, error) {
		return c.approval(roster, &p, device)
	})
	if err != nil {
		return device, fmt.Errorf("approving: %w", err)
	}
	r, err := c.Remote()
	if err != nil {
		return device, err
	}
	_, err = r.do(ctx, request{method: http.MethodDelete, path: "/v1/enrolments/" + invitation})
	return device, err
}

func (c *Client) approval(roster *syncproto.Roster, p *Pending, device syncproto.DeviceID) ([]syncproto.RosterRecord, error) {
	var out []syncproto.RosterRecord
	if d, ok := roster.Device(device); ok && !d.Revoked() && slices.Equal(d.Sealing, p.request.Sealing) {
		return nil, nil // approved before; only the request is still there
	}
	person := p.want.Person
	if person == (syncproto.PersonID{}) {
		id, err := syncproto.RandomID(c.cfg.Rand)
		if err != nil {
			return nil, err
		}
		person = id
		out = append(out, syncproto.RosterRecord{Member: &syncproto.Member{Person: person, Name: p.want.Name}})
		if id, err = syncproto.RandomID(c.cfg.Rand); err != nil {
			return nil, err
		}
		out = append(out, syncproto.RosterRecord{Grant: &syncproto.Grant{ID: id, Person: person, Role: p.want.Role, Region: p.want.Region}})
	}
	return append(out, syncproto.RosterRecord{Device: &syncproto.Device{ID: device, Signing: p.request.Signing, Sealing: p.request.Sealing,
		Owner: person, Label: p.request.Label}}), nil
}

// RevokeDevice ends a laptop's trust. What the server has received of it so far stands; what comes later is
// quarantined until a person decides.
func (c *Client) RevokeDevice(ctx context.Context, id syncproto.DeviceID, reason string) error {
	cut, err := c.cutOf(ctx, id)
	if err == nil {
		err = c.postRecord(ctx, syncproto.RosterRecord{Revoke: &syncproto.Revoke{Device: &id, Reason: reason, Cut: cut}})
	}
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	return nil
}

// RevokeGrant ends a member's role. What the server has received of their laptops so far keeps its effect; what they
// wrote by that role and deliver later is quarantined until a person decides.
func (c *Client) RevokeGrant(ctx context.Context, id syncproto.EntityID, reason string) error {
	g, ok := c.rep.Roster().Grant(id)
	if !ok || !g.Active() {
		return fmt.Errorf("revoking: %w: no role %s is in force", ErrNotFound, id)
	}
	var cut []syncproto.FeedCut
	for _, d := range c.rep.Roster().DevicesOf(g.Person) {
		one, err := c.cutOf(ctx, d.ID)
		if err != nil {
			return fmt.Errorf("revoking: %w", err)
		}
		cut = append(cut, one...)
	}
	if err := c.postRecord(ctx, syncproto.RosterRecord{Revoke: &syncproto.Revoke{Grant: &id, Reason: reason, Cut: cut}}); err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	return nil
}

// GrantRole gives a member a further role in a region.
func (c *Client) GrantRole(ctx context.Context, person syncproto.PersonID, role syncproto.Role, region string) (id syncproto.EntityID, err error) {
	if id, err = syncproto.RandomID(c.cfg.Rand); err != nil {
		return id, err
	}
	err = c.postRecord(ctx, syncproto.RosterRecord{Grant: &syncproto.Grant{ID: id, Person: person, Role: role, Region: region}})
	if err != nil {
		return id, fmt.Errorf("giving a role: %w", err)
	}
	return id, nil
}

func (c *Client) postRecord(ctx context.Context, rec syncproto.RosterRecord) error {
	return c.postRecords(ctx, func(*syncproto.Roster) ([]syncproto.RosterRecord, error) { return []syncproto.RosterRecord{rec}, nil })
}

// cutOf asks the server how much of a laptop's feeds it has received.
func (c *Client) cutOf(ctx context.Context, id syncproto.DeviceID) (cut []syncproto.FeedCut, err error) {
	r, err := c.Remote()
	if err != nil {
		return nil, err
	}
	return cut, r.exchange(ctx, http.MethodGet, "/v1/devices/"+id.String()+"/feeds", nil, &cut)
}

// EnrolWords returns the six words of an enrolment that waits for its approval, or nil where none does.
func (c *Client) EnrolWords(ctx context.Context) ([]string, error) {
	var state enrolState
	if err := c.getState(ctx, statePending, &state); errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return state.Words, nil
}
