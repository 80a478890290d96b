package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"kua/internal/replica"
	"kua/syncproto"
)

// outgoing is one changeset on its way to the server.
type outgoing struct {
	id     syncproto.ChangesetID
	packet []byte
	body   syncproto.Hash
	n      uint64
}

const (
	smallestBatch = 10
	largestBatch  = 500
	rawBatch      = 900 << 10 // bytes of packets in one push; compressed it is less than the limit
)

// push sends one feed from a number on, in batches that grow while they pass and shrink when they do not.
func (s *syncRun) push(ctx context.Context, scope syncproto.ScopeID, w syncproto.FeedWant) error {
	for from := w.From; ; {
		batch, err := s.collect(ctx, w.Feed, from)
		if err != nil || len(batch) == 0 {
			return err
		}
		answer, err := s.send(ctx, scope, batch)
		if tooMuch(err) && s.batch > smallestBatch {
			s.batch = max(s.batch/2, smallestBatch)
			continue
		}
		if err != nil {
			return err
		}
		s.batch = min(s.batch*2, largestBatch)
		done, err := s.settle(ctx, w.Feed, batch, answer)
		if err != nil || done {
			return err
		}
		from = batch[len(batch)-1].n + 1
		s.progress(Progress{Phase: "send", Scope: scope, Done: uint64(s.report.Sent)})
	}
}

func tooMuch(err error) bool {
	var refusal *RemoteError
	return errors.As(err, &refusal) && refusal.Status == http.StatusRequestEntityTooLarge || errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrStalled)
}

func (s *syncRun) collect(ctx context.Context, feed syncproto.FeedID, from uint64) ([]outgoing, error) {
	var batch []outgoing
	size := 0
	err := s.c.rep.FeedFrom(ctx, feed, from, s.batch, func(l replica.Logged) error {
		if s.report.refusedIDs[l.ID.String()] || size > rawBatch {
			return nil
		}
		packet, body, err := s.c.packet(ctx, l)
		if err != nil {
			return err
		}
		if size += len(packet); size > rawBatch && len(batch) > 0 {
			return nil
		}
		batch = append(batch, outgoing{l.ID, packet, body, l.N})
		return nil
	})
	return batch, err
}

// packet returns a changeset as it is stored, for passing on.
func (c *Client) packet(ctx context.Context, l replica.Logged) ([]byte, syncproto.Hash, error) {
	_, payload, err := c.vault.Read(ctx, l.Ext)
	if err != nil {
		return nil, syncproto.Hash{}, err
	}
	a, err := c.stored(l.Ext, payload)
	if err != nil {
		return nil, syncproto.Hash{}, err
	}
	p := a.cs.Packet
	if l.Erased && !l.Redacted {
		p = p.WithBody(syncproto.Body{Form: syncproto.BodyWithheld}) // see redactOne
	}
	return p.Encode(), p.BodyHash(), nil
}

func (s *syncRun) send(ctx context.Context, scope syncproto.ScopeID, batch []outgoing) (*syncproto.PushAnswer, error) {
	packets := make([][]byte, len(batch))
	for i := range batch {
		packets[i] = batch[i].packet
	}
	body, err := compress(packets)
	if err != nil {
		return nil, err
	}
	a, err := s.r.do(ctx, request{method: http.MethodPost, path: "/v1/scopes/" + scope.String() + "/push", body: body,
		contentType: "application/cbor-seq", encoding: "zstd"})
	if err != nil {
		return nil, err
	}
	var answer syncproto.PushAnswer
	if err := syncproto.DecodeMessage(a.body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Results) != len(batch) {
		return nil, fmt.Errorf("the server answered for %d of %d changesets", len(answer.Results), len(batch))
	}
	return &answer, nil
}

// settle books the results of one push. It reports true where the rest of the feed must not be sent now.
func (s *syncRun) settle(ctx context.Context, feed syncproto.FeedID, batch []outgoing, answer *syncproto.PushAnswer) (done bool, err error) {
	if err := s.c.keepReceipt(ctx, answer.Receipt); err != nil {
		return true, err
	}
	for i, res := range answer.Results {
		s.report.Sent++
		switch res.Status {
		case syncproto.StatusQuarantined:
			s.report.Quarantined++
		case syncproto.StatusHeld:
			s.report.Held++
		case syncproto.StatusRefused:
			s.report.Refused[string(res.Code)]++
			s.report.refusedIDs[batch[i].id.String()] = true // not as the server calls it
			n, err := s.c.reissue(ctx, feed, batch[i].n, res)
			s.report.Reissued += n
			return true, err
		}
		if r, ok := s.c.receipt(batch[i].id); ok && res.Status.Stored() && r.entry.Body != batch[i].body {
			s.doubts = append(s.doubts, batch[i].id)
		}
	}
	return false, nil
}
