package fieldclient

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

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
