package fieldclient

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Deliver brings a courier bundle to the server on behalf of whoever exported it, and returns the receipt bundle for
// the way back. It looks into neither.
func (c *Client) Deliver(ctx context.Context, r *Remote, bundle []byte) ([]byte, error) {
	a, err := r.do(ctx, request{method: http.MethodPost, path: "/v1/bundles", body: bundle, contentType: "application/cbor-seq"})
	if err != nil {
		return nil, fmt.Errorf("delivering a bundle: %w", err)
	}
	return a.body, nil
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
