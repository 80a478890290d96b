package fieldclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// IdentityAsked says who asks to open an identity, for a custodian to decide by.
type IdentityAsked struct {
	Name   string             `json:"name"` // of the member, as the roster has it
	Visit  syncproto.ScopeID  `json:"visit"`
	Record syncproto.EntityID `json:"record"`
	Reason string             `json:"reason"`
	At     int64              `json:"at"` // Unix milliseconds by the asking laptop's clock
}

// OpenIdentityFirst takes the first seal off a request and returns what the second custodian needs. It is written down
// on this laptop before anything is opened, and signed into what is handed on.
func (c *Client) OpenIdentityFirst(ctx context.Context, request []byte, reason string) ([]byte, IdentityAsked, error) {
	defer c.using()()
	var file syncproto.IdentityFile
	if err := syncproto.DecodeMessage(request, &file); err != nil {
		return nil, IdentityAsked{}, fmt.Errorf("opening an identity: %w", err)
	}
	req, id, asked, err := c.requested(file.Request)
	if err == nil && req.Sealed != sha256.Sum256(file.Sealed) {
		err = errors.New("what is sealed is not what was asked for")
	}
	if err == nil {
		err = c.mayOpen(req.First)
	}
	if err != nil {
		return nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	opening, err := c.opening(ctx, id, asked, "the first seal", reason)
	if err != nil {
		return nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	inner, err := seal.OpenFirst(c.keys.sealing, req.AAD(), file.Sealed)
	if err != nil {
		return nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	out, err := syncproto.EncodeMessage(syncproto.IdentityHalf{Request: file.Request, First: opening, Inner: inner})
	return out, asked, err
}

// OpenIdentitySecond takes the second seal off, and returns the card and what both custodians signed, for the visit.
// Nothing of the card is kept.
func (c *Client) OpenIdentitySecond(ctx context.Context, half []byte, reason string) (card IdentityCard, record []byte, asked IdentityAsked, err error) {
	defer c.using()()
	var h syncproto.IdentityHalf
	if err := syncproto.DecodeMessage(half, &h); err != nil {
		return card, nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	req, id, asked, err := c.requested(h.Request)
	if err == nil {
		err = c.mayOpen(req.Second)
	}
	if err == nil {
		_, err = c.openingOf(h.First, id, req.First)
	}
	if err != nil {
		return card, nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	opening, err := c.opening(ctx, id, asked, "the second seal", reason)
	if err != nil {
		return card, nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	plain, err := seal.OpenSecond(c.keys.sealing, req.AAD(), h.Inner)
	if err != nil {
		return card, nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	defer clear(plain)
	if err := syncproto.DecodeMessage(plain, &card); err != nil {
		return card, nil, asked, fmt.Errorf("opening an identity: %w", err)
	}
	record, err = syncproto.EncodeMessage(syncproto.IdentityOpened{Request: h.Request, First: h.First, Second: opening})
	return card, record, asked, err
}

// requested verifies a request: signed by a laptop that the roster trusts, whose owner leads visits.
func (c *Client) requested(message []byte) (req syncproto.IdentityRequest, id syncproto.Hash, asked IdentityAsked, err error) {
	signed, err := syncproto.ParseSigned(message, syncproto.ContextIdentityRequest)
	if err == nil {
		err = syncproto.DecodeMessage(signed.Payload, &req)
	}
	if err != nil {
		return req, id, asked, err
	}
	d, ok := c.rep.Roster().Device(req.By)
	if !ok || d.Revoked() || !slices.ContainsFunc(c.rep.Roster().ActiveGrants(d.Owner), func(g syncproto.Grant) bool {
		return g.Role == syncproto.RoleCoordinator || g.Role == syncproto.RoleLeader
	}) {
		return req, id, asked, fmt.Errorf("%w: the roster on this laptop knows no coordinator or leader behind this request", ErrNoRight)
	}
	if err := signed.Verify(d.Signing); err != nil {
		return req, id, asked, err
	}
	m, _ := c.rep.Roster().Member(d.Owner)
	return req, signed.ID(), IdentityAsked{m.Name, req.Scope, req.Record, req.Reason, int64(req.At)}, nil
}

// mayOpen reports whether this laptop is the custodian's that an identity was sealed to.
func (c *Client) mayOpen(custodian syncproto.DeviceID) error {
	if custodian != c.keys.device.ID {
		return fmt.Errorf("%w: it was sealed to another laptop than this", ErrNoRight)
	}
	return c.isCustodian(custodian)
}

func (c *Client) isCustodian(id syncproto.DeviceID) error {
	d, ok := c.rep.Roster().Device(id)
	if !ok || d.Revoked() || !c.rep.Roster().IsCustodian(d.Owner, "") {
		return fmt.Errorf("%w: laptop %s is no custodian's", ErrNoRight, id)
	}
	return nil
}

// opening writes down that a seal is taken off, and signs it.
func (c *Client) opening(ctx context.Context, request syncproto.Hash, asked IdentityAsked, what, reason string) ([]byte, error) {
	if reason == "" {
		return nil, errors.New("a reason is needed")
	}
	i := Incident{Scope: asked.Visit.String(), What: fmt.Sprintf("took %s off identity %s for %s, who wrote: %q; reason here: %q", what, asked.Record, asked.Name, asked.Reason, reason)}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return c.note(tx, i) }); err != nil {
		return nil, err
	}
	payload, err := syncproto.EncodeMessage(syncproto.IdentityOpening{Request: request, Device: c.keys.device.ID, Reason: reason, At: uint64(c.cfg.Now().UnixMilli())})
	if err != nil {
		return nil, err
	}
	message, _ := syncproto.Sign(c.keys.signing, syncproto.ContextIdentityOpening, payload)
	return message, nil
}

// openingOf verifies that a custodian's laptop signed for having opened what a request asked for.
func (c *Client) openingOf(message []byte, request syncproto.Hash, device syncproto.DeviceID) (syncproto.IdentityOpening, error) {
	var o syncproto.IdentityOpening
	signed, err := syncproto.ParseSigned(message, syncproto.ContextIdentityOpening)
	if err == nil {
		err = syncproto.DecodeMessage(signed.Payload, &o)
	}
	if err != nil {
		return o, err
	}
	d, ok := c.rep.Roster().Device(device)
	if !ok || o.Device != device || o.Request != request {
		return o, errors.New("a custodian's signature belongs to something else")
	}
	return o, signed.Verify(d.Signing)
}

// RecordIdentity puts what both custodians signed back into the visit, as this person's account of an opened identity.
func (c *Client) RecordIdentity(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var o syncproto.IdentityOpened
	if err := syncproto.DecodeMessage(record, &o); err != nil {
		return fmt.Errorf("recording an opened identity: %w", err)
	}
	req := syncproto.IdentityRequest{Scope: scope, Record: id}
	_, err := c.readIdentity(ctx, &req)
	if err == nil {
		err = c.openedAsAsked(&o, &req)
	}
	if err == nil {
		err = c.saveIdentity(ctx, scope, id, "opened", func(*syncproto.FieldSpec) ([]byte, error) { return syncproto.BytesValue(record), nil })
	}
	if err != nil {
		return fmt.Errorf("recording an opened identity: %w", err)
	}
	return nil
}

// openedAsAsked verifies that both custodians of an identity signed for having opened it, and at whose request.
func (c *Client) openedAsAsked(o *syncproto.IdentityOpened, want *syncproto.IdentityRequest) error {
	req, id, _, err := c.requested(o.Request)
	if err != nil {
		return err
	}
	if req.Scope != want.Scope || req.Record != want.Record || req.Sealed != want.Sealed || req.First != want.First || req.Second != want.Second {
		return errors.New("another identity than this one was opened")
	}
	if _, err := c.openingOf(o.First, id, want.First); err != nil {
		return err
	}
	_, err = c.openingOf(o.Second, id, want.Second)
	return err
}
