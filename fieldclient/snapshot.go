package fieldclient

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"kua/syncproto"
)

// snapshotFrom is the size from which a first sync takes ready-made chunks instead of pages.
const snapshotFrom = 2000

// snapshot fetches a scope in chunks that the server keeps ready. After each chunk the cursor stands at its end, so
// that an interruption costs at most one chunk, and that resumes at the byte where it broke off.
func (s *syncRun) snapshot(ctx context.Context, scope syncproto.ScopeID, cursor syncproto.Cursor) (syncproto.Cursor, error) {
	var m syncproto.SnapshotManifest
	err := s.r.exchange(ctx, http.MethodGet, "/v1/scopes/"+scope.String()+"/snapshot", nil, &m)
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return cursor, nil // a server without snapshots: pages do as well
	}
	if err != nil {
		return cursor, err
	}
	chunks := make(chan fetched, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.fetchChunks(ctx, scope, m.Chunks, chunks)
	for f := range chunks {
		if f.err != nil {
			return cursor, f.err
		}
		next := syncproto.Cursor{Epoch: m.Epoch, Position: f.chunk.Last}
		if err := s.takePage(ctx, scope, f.items, next); err != nil {
			return cursor, err
		}
		cursor = next
		s.progress(Progress{Phase: "receive", Scope: scope, Done: next.Position, Total: m.Position})
	}
	return cursor, ctx.Err()
}

type fetched struct {
	chunk syncproto.Chunk
	items []syncproto.PullItem
	err   error
}

func (s *syncRun) fetchChunks(ctx context.Context, scope syncproto.ScopeID, chunks []syncproto.Chunk, out chan<- fetched) {
	defer close(out)
	for _, ch := range chunks {
		f := fetched{chunk: ch}
		f.items, f.err = s.fetchChunk(ctx, scope, ch)
		select {
		case out <- f:
		case <-ctx.Done():
			return
		}
		if f.err != nil {
			return
		}
	}
}

func (s *syncRun) fetchChunk(ctx context.Context, scope syncproto.ScopeID, ch syncproto.Chunk) ([]syncproto.PullItem, error) {
	if ch.Bytes > maxAnswer {
		return nil, fmt.Errorf("a snapshot chunk of %d bytes is over the limit", ch.Bytes)
	}
	path := "/v1/scopes/" + scope.String() + "/chunk/" + ch.Hash.String()
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: path, part: new([]byte)})
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(a.body) != ch.Hash {
		return nil, fmt.Errorf("a snapshot chunk is not what its name says")
	}
	raw, err := decompress(a.body)
	if err != nil {
		return nil, err
	}
	items, err := sequence(raw)
	if err != nil {
		return nil, err
	}
	return pullItems(items)
}
