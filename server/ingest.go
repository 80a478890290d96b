package server

import (
	"context"

	"kua/internal/replica"
	"kua/syncproto"
)

// taken is what became of the packets of one request.
type taken struct {
	results  []syncproto.PushResult // in the order of the request
	outcomes []replica.Outcome      // the same, with positions
	scopes   []syncproto.ScopeID    // of each; zero where it could not be read
}

// take verifies packets, has the writer store them, and waits for the commit. by is the device that brings them. With
// a scope, packets of other scopes are refused.
func (s *Server) take(ctx context.Context, by syncproto.DeviceID, scope *syncproto.ScopeID, packets [][]byte) (taken, error) {
	return taken{}, nil
}

// receipt signs what of a scope is stored, in the order of the request; nil where nothing is.
func (s *Server) receipt(scope syncproto.ScopeID, t taken) ([]byte, error) {
	return nil, nil
}
