package fieldclient

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

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
