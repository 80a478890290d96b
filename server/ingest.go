package server

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"kua/internal/replica"
	"kua/syncproto"
)

// taken is what became of the packets of one request, each slice in the order of the request.
type taken struct {
	results  []syncproto.PushResult
	scopes   []syncproto.ScopeID // zero where a packet could not be read
	outcomes []replica.Outcome   // zero where a packet did not get to the writer
}

// take verifies packets, has the writer store them, and waits for the commit. by is the device that brings them. With
// a scope, packets of other scopes are refused.
func (s *Server) take(ctx context.Context, by syncproto.DeviceID, scope *syncproto.ScopeID, packets [][]byte) (taken, error) {
	t := taken{make([]syncproto.PushResult, len(packets)), make([]syncproto.ScopeID, len(packets)), make([]replica.Outcome, len(packets))}
	parsed := s.verify(packets, scope, &t)
	var items []replica.Incoming
	var place []int // of items in the request
	for i, in := range parsed {
		if in.CS != nil {
			in.By = by
			items, place = append(items, in), append(place, i)
		}
	}
	if len(items) > 0 {
		outcomes, err := s.writer.store(ctx, items)
		if err != nil {
			return taken{}, err
		}
		for k, i := range place {
			o := outcomes[k]
			t.outcomes[i] = o
			t.results[i] = syncproto.PushResult{ID: o.ID, Status: o.Status, Code: o.Code, Detail: o.Detail, Fork: o.Fork}
		}
	}
	s.metrics.results(&t)
	return t, nil
}

// verify takes packets apart and checks their signatures on all cores. What is refused has its result in t, and an
// Incoming without a changeset.
func (s *Server) verify(packets [][]byte, scope *syncproto.ScopeID, t *taken) []replica.Incoming {
	roster := s.replica.Roster()
	out := make([]replica.Incoming, len(packets))
	var work errgroup.Group
	const share = 16 // packets of one goroutine
	work.SetLimit(runtime.GOMAXPROCS(0))
	for first := 0; first < len(packets); first += share {
		work.Go(func() error {
			for i := first; i < min(first+share, len(packets)); i++ {
				var err error
				if out[i], err = verifyOne(roster, packets[i], scope); err != nil {
					t.results[i] = syncproto.PushResult{ID: idOf(packets[i]), Status: syncproto.StatusRefused, Code: syncproto.CodeOf(err), Detail: err.Error()}
					continue
				}
				t.scopes[i] = out[i].CS.Header.Scope
			}
			return nil
		})
	}
	work.Wait() // no goroutine returns an error
	return out
}

// verifyOne checks one packet. That of a device which the roster does not know goes on unverified: the replica holds
// it, and verifies it when the device's certificate comes.
func verifyOne(roster *syncproto.Roster, packet []byte, scope *syncproto.ScopeID) (in replica.Incoming, err error) {
	p, err := syncproto.DecodePacket(packet)
	if err != nil {
		return in, err
	}
	cs, err := syncproto.ParsePacket(p)
	if err != nil {
		return in, err
	}
	if scope != nil && cs.Header.Scope != *scope {
		return in, syncproto.Refuse(syncproto.CodeMalformed, "the changeset is of another scope than the request")
	}
	d, known := roster.Device(cs.Header.Device)
	if !known {
		return replica.Incoming{CS: cs, Unverified: true}, nil
	}
	if err := cs.Verify(d.Signing); err != nil {
		return in, err
	}
	return replica.Incoming{CS: cs}, nil
}

// idOf names a refused packet as well as it can be named.
func idOf(packet []byte) (id syncproto.ChangesetID) {
	p, err := syncproto.DecodePacket(packet)
	if err != nil {
		return id
	}
	signed, err := syncproto.ParseSigned(p.Header, syncproto.ContextChangeset)
	if err != nil {
		return id
	}
	return syncproto.ChangesetID(signed.ID())
}

// receipt signs what of a scope is stored, in the order of the request; nil where nothing is. It depends on nothing
// else, so that the same request gets the same bytes again (docs/protocol.md §11, I10).
func (s *Server) receipt(scope syncproto.ScopeID, t taken) ([]byte, error) {
	r := syncproto.Receipt{Epoch: s.epoch, Scope: scope}
	for i, o := range t.outcomes {
		if t.scopes[i] != scope || !o.Status.Stored() {
			continue
		}
		r.Entries = append(r.Entries, syncproto.ReceiptEntry{
			ID: o.ID, Position: o.Position, Body: o.Body, Received: uint64(o.Received), Leaf: uint64(o.Leaf),
		})
	}
	if len(r.Entries) == 0 {
		return nil, nil
	}
	return syncproto.SignReceipt(s.key, r)
}
