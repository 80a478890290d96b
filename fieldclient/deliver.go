package fieldclient

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// Delivery is a server's answer to a courier bundle.
type Delivery struct {
	Receipts []byte // a receipt bundle, for the way back
	Complete bool   // false: the bundle was cut off or damaged; what was whole is stored
	Results  string // how many changesets got which status
}

// Deliver brings a courier bundle to the server on behalf of whoever exported it. It does not look into it.
func (c *Client) Deliver(ctx context.Context, r *Remote, bundle []byte) (Delivery, error) {
	a, err := r.do(ctx, request{method: http.MethodPost, path: "/v1/bundles", body: bundle, contentType: "application/vnd.kua.bundle"})
	if err != nil {
		return Delivery{}, fmt.Errorf("delivering a bundle: %w", err)
	}
	return Delivery{a.body, a.header.Get("Kua-Bundle") == "complete", a.header.Get("Kua-Results")}, nil
}

// MoveServer remembers that the server has another address from now on. One that calls itself another is refused; what
// proves a server are its receipts and checkpoints.
func (c *Client) MoveServer(ctx context.Context, url string) error {
	pinned := c.Server()
	if pinned == nil {
		return ErrNotEnrolled
	}
	hello, _, err := c.NewRemote(url).Hello(ctx)
	if err != nil {
		return fmt.Errorf("moving to %s: %w", url, err)
	}
	if hello.Server != pinned.ID || hello.Server != syncproto.DeviceIDOf(hello.Key) {
		return fmt.Errorf("moving to %s: another server answers there: nothing was changed; ask your coordinator", url)
	}
	next := &Server{URL: url, ID: hello.Server}
	if err := c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateServer, next) }); err != nil {
		return fmt.Errorf("moving to %s: %w", url, err)
	}
	c.server.Store(next)
	return nil
}

// LastContact returns when this laptop last had an answer of a server, by its own clock, and how far its clock was
// off then. The time is zero before the first contact.
func (c *Client) LastContact() (at time.Time, offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock.At == 0 {
		return at, 0
	}
	return time.UnixMilli(int64(c.clock.At)), time.Duration(c.clock.OffsetMillis) * time.Millisecond
}
