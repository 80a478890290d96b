package fieldclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"kua/syncproto"
	"kua/syncproto/seal"
)

// Who a pseudonym is stands in the record sealed to two custodians, who are no part of the visit. The laptop that
// seals it keeps nothing that opens it.

// IdentityCard says who a pseudonym is.
type IdentityCard struct {
	Name    string `cbor:"1,keyasint,omitempty" json:"name"`
	Born    string `cbor:"2,keyasint,omitempty" json:"born,omitempty"`
	Contact string `cbor:"3,keyasint,omitempty" json:"contact,omitempty"`
	Note    string `cbor:"4,keyasint,omitempty" json:"note,omitempty"`
}

// maxCard bounds an encoded card in bytes.
const maxCard = 16 << 10

// ErrNoCustodians says that an identity cannot be kept: nothing was saved.
var ErrNoCustodians = errors.New("two custodians with a laptop each are needed, and the roster has not got them")

// SealIdentity saves who the person of an interview is, sealed to two custodians of the region who must both act. This
// laptop cannot read it again. reason says why it is kept at all; everybody on the visit can read that. Of more than two
// custodians it takes those with the smallest ids, and the writer only where there are no others.
func (c *Client) SealIdentity(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID, card IdentityCard, reason string) (id syncproto.EntityID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, err = c.sealIdentity(ctx, scope, interview, card, reason)
	if err != nil {
		return id, fmt.Errorf("sealing an identity: %w", err)
	}
	return id, nil
}

func (c *Client) sealIdentity(ctx context.Context, scope syncproto.ScopeID, interview syncproto.EntityID, card IdentityCard, reason string) (id syncproto.EntityID, err error) {
	v, err := c.rep.Record(ctx, scope, interview)
	if err != nil {
		return id, err
	}
	if k, _ := syncproto.KindNamed("interview"); v.State.Kind != k.ID {
		return id, errors.New("an identity belongs to an interview")
	}
	if err := c.MayRecord(ctx, scope, interview); err != nil {
		return id, err
	}
	if card.Name == "" || reason == "" {
		return id, errors.New("a name, and a reason to keep it, are needed")
	}
	first, second, err := c.custodians(scope)
	if err != nil {
		return id, err
	}
	if id, err = syncproto.RandomID(c.cfg.Rand); err != nil {
		return id, err
	}
	sealed, err := c.sealCard(&syncproto.IdentityRequest{Scope: scope, Record: id, First: first.ID, Second: second.ID}, first, second, card)
	if err != nil {
		return id, err
	}
	changes, err := createChanges("identity", id, map[string]string{"interview": interview.String(), "reason": reason,
		"custodians": first.ID.String() + " " + second.ID.String()})
	if err != nil {
		return id, err
	}
	kind, _ := syncproto.KindNamed("identity")
	f, err := kind.FieldNamed("sealed")
	if err != nil {
		return id, err
	}
	changes = append(changes, Change{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: syncproto.BytesValue(sealed)})
	_, err = c.saveAll(ctx, scope, changes)
	return id, err
}

func (c *Client) sealCard(place *syncproto.IdentityRequest, first, second syncproto.Device, card IdentityCard) ([]byte, error) {
	one, err := seal.ParsePublicKey(first.Sealing)
	if err != nil {
		return nil, err
	}
	two, err := seal.ParsePublicKey(second.Sealing)
	if err != nil {
		return nil, err
	}
	plain, err := syncproto.EncodeMessage(card)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if len(plain) > maxCard {
		return nil, syncproto.Refuse(syncproto.CodeTooLarge, "a card of %d bytes, the limit is %d", len(plain), maxCard)
	}
	return seal.SealToBoth(c.cfg.Rand, one, two, place.AAD(), plain)
}

// custodians returns the two laptops that an identity of a visit is sealed to, the smaller id first, which is also the
// order in which a list of words is kept.
func (c *Client) custodians(scope syncproto.ScopeID) (first, second syncproto.Device, err error) {
	st, _ := c.rep.Scope(scope)
	me, err := c.Person()
	if err != nil {
		return first, second, err
	}
	list := slices.DeleteFunc(c.rep.Roster().Custodians(st.Standing.Region), func(d syncproto.Device) bool {
		_, err := seal.ParsePublicKey(d.Sealing)
		return err != nil
	})
	if len(list) < 2 {
		return first, second, ErrNoCustodians
	}
	if i := slices.IndexFunc(list, func(d syncproto.Device) bool { return d.Owner == me.Person }); i >= 0 {
		mine := list[i]
		list = append(slices.Delete(list, i, i+1), mine)
	}
	pair := list[:2]
	slices.SortFunc(pair, func(a, b syncproto.Device) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return pair[0], pair[1], nil
}

// IdentityRequested is a request on its way to two custodians, in this order.
type IdentityRequested struct {
	File   []byte // for the first custodian's hands
	First  string // names of the members
	Second string
}

// RequestIdentity returns a signed request to open an identity, for a file that is carried to the first custodian by
// hand. Who asked and why is saved in the visit before the request exists. It takes the right to lead.
func (c *Client) RequestIdentity(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, reason string) (out IdentityRequested, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == "" {
		return out, errors.New("requesting an identity: a reason is needed")
	}
	req := syncproto.IdentityRequest{Scope: scope, Record: id, By: c.keys.device.ID, Reason: reason, At: uint64(c.cfg.Now().UnixMilli())}
	sealed, err := c.readIdentity(ctx, &req)
	if err == nil {
		err = c.saveIdentity(ctx, scope, id, "request", func(f *syncproto.FieldSpec) ([]byte, error) { return f.ParseValue(reason) })
	}
	if err != nil {
		return out, fmt.Errorf("requesting an identity: %w", err)
	}
	payload, err := syncproto.EncodeMessage(req)
	if err != nil {
		return out, err
	}
	message, _ := syncproto.Sign(c.keys.signing, syncproto.ContextIdentityRequest, payload)
	out.First, out.Second = c.ownerName(req.First), c.ownerName(req.Second)
	out.File, err = syncproto.EncodeMessage(syncproto.IdentityFile{Request: message, Sealed: sealed})
	return out, err
}

func (c *Client) ownerName(id syncproto.DeviceID) string {
	d, ok := c.rep.Roster().Device(id)
	if !ok {
		return id.String()
	}
	m, _ := c.rep.Roster().Member(d.Owner)
	return m.Name
}

// readIdentity takes what is sealed, and to whom, from a record.
func (c *Client) readIdentity(ctx context.Context, req *syncproto.IdentityRequest) (sealed []byte, err error) {
	r, err := c.rep.Record(ctx, req.Scope, req.Record)
	if err != nil {
		return nil, err
	}
	v, err := c.view(ctx, r)
	if err != nil {
		return nil, err
	}
	one := func(name string) []byte {
		for _, f := range v.Fields {
			if f.Name == name && len(f.Heads) == 1 {
				return f.Heads[0].raw
			}
		}
		return nil
	}
	var devices []string
	sealed, ok := syncproto.BytesOf(one("sealed"))
	if err := syncproto.DecodeMessage(one("custodians"), &devices); v.Kind != "identity" || !ok || err != nil || len(devices) != 2 {
		return nil, errors.New("the record is no identity that opens on this laptop, or several stand beside each other")
	}
	req.Sealed = sha256.Sum256(sealed)
	if req.First, err = syncproto.ParseDeviceID(devices[0]); err == nil {
		req.Second, err = syncproto.ParseDeviceID(devices[1])
	}
	return sealed, err
}

func (c *Client) saveIdentity(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID, name string, value func(*syncproto.FieldSpec) ([]byte, error)) error {
	kind, _ := syncproto.KindNamed("identity")
	f, err := kind.FieldNamed(name)
	if err != nil {
		return err
	}
	b, err := value(f)
	if err != nil {
		return err
	}
	heads, err := c.heads(ctx, Target{Scope: scope, Entity: id, Field: f})
	if err != nil {
		return err
	}
	_, err = c.saveAll(ctx, scope, []Change{{Kind: syncproto.KindSet, Entity: id, Field: f.ID, Flags: f.Flags(), Value: b, Refers: heads}})
	return err
}
