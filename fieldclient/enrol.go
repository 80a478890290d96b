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
	"kua/syncproto"
)

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
