package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// The lane of attachments. Sealed originals go up after all text, piece by piece, smallest first. Between two pieces, text
// that was saved meanwhile goes before them.

// storedBlob says that a server has acknowledged every byte of an attachment.
type storedBlob struct {
	Epoch syncproto.Hash `cbor:"1,keyasint"` // life of its database
	At    uint64         `cbor:"2,keyasint"` // Unix milliseconds by this laptop's clock
}

func stateBlob(scope syncproto.ScopeID, h vault.BlobHash) string {
	return "attachment/" + scope.String() + "/" + h.String()
}

// attachmentState returns StateStored where a server has acknowledged every byte of an attachment of a scope and has not been put back
// from a backup since, as far as this laptop knows; otherwise StateSaved.
func (c *Client) attachmentState(ctx context.Context, scope syncproto.ScopeID, h vault.BlobHash) (string, error) {
	var epoch syncproto.Hash
	var s storedBlob
	for name, into := range map[string]any{stateEpoch: &epoch, stateBlob(scope, h): &s} {
		if err := c.getState(ctx, name, into); errors.Is(err, vault.ErrNotFound) {
			return StateSaved, nil
		} else if err != nil {
			return "", err
		}
	}
	if s.Epoch != epoch {
		return StateSaved, nil
	}
	return StateStored, nil
}

func (c *Client) markStored(ctx context.Context, scope syncproto.ScopeID, h vault.BlobHash, epoch syncproto.Hash) error {
	s := storedBlob{epoch, uint64(c.cfg.Now().UnixMilli())}
	return c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateBlob(scope, h), s) })
}

// heldBlob is a sealed original on this laptop.
type heldBlob struct {
	scope syncproto.ScopeID
	hash  vault.BlobHash
	size  int64
	state string
}

// blobID names an attachment at a server.
type blobID struct {
	scope syncproto.ScopeID
	hash  vault.BlobHash
}

func (b heldBlob) id() blobID { return blobID{b.scope, b.hash} }

// heldBlobs returns the sealed originals on this laptop that a record names, smallest first. One that records of two visits
// name is listed for both.
func (c *Client) heldBlobs(ctx context.Context) ([]heldBlob, error) {
	c.whole.RLock()
	names, err := c.allBlobs(ctx)
	c.whole.RUnlock()
	if err != nil {
		return nil, err
	}
	var out []heldBlob
	seen := map[blobID]bool{}
	for _, n := range names {
		b := heldBlob{scope: n.scope, hash: n.hash}
		if seen[b.id()] {
			continue
		}
		seen[b.id()] = true
		var held bool
		if b.size, held = c.vault.HasBlob(n.hash); !held {
			continue
		}
		if b.state, err = c.attachmentState(ctx, n.scope, n.hash); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b heldBlob) int { return int(a.size - b.size) })
	return out, nil
}

// errTextFirst ends the lane of attachments for a moment: somebody saved text.
var errTextFirst = errors.New("text goes before attachments")

// attachments brings what the server lacks. A server that takes one not, or a line that breaks, is no failure of the sync: the
// text is safe, and the next sync goes on at the byte where this one stopped.
func (s *syncRun) attachments(ctx context.Context) error {
	all, err := s.c.heldBlobs(ctx)
	if err != nil {
		return err
	}
	s.lane = laneOf(all, s.tried)
	s.report.AttachmentsWaiting = len(s.lane.waiting) + len(s.tried)
	for _, b := range s.lane.waiting {
		err := s.bring(ctx, b)
		var refusal *RemoteError
		switch {
		case err == nil:
			s.report.Attachments++
			s.report.AttachmentsWaiting--
			s.lane.done++
			continue
		case errors.Is(err, errTextFirst), ctx.Err() != nil:
			return err
		case errors.Is(err, ErrUnreachable):
			s.warn("the line broke: %d attachments wait for the next sync, which goes on where this one stopped", s.report.AttachmentsWaiting)
			return nil
		}
		s.warn("an attachment of visit %s stays on this laptop only: %v", b.scope, err)
		s.tried[b.id()] = true
		if errors.As(err, &refusal) && refusal.Problem.Code == syncproto.CodeUnauthorized { // of a revoked laptop none is taken
			return nil
		}
	}
	return nil
}

func (s *syncRun) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.report.Warnings, text) {
		s.report.Warnings = append(s.report.Warnings, text)
	}
}

// lane is what is to be brought, with sums for the progress.
type lane struct {
	waiting     []heldBlob
	done        int
	sent, total int64 // bytes
}

func laneOf(all []heldBlob, tried map[blobID]bool) lane {
	var l lane
	for _, b := range all {
		if b.state != StateStored && !tried[b.id()] {
			l.waiting = append(l.waiting, b)
			l.total += b.size
		}
	}
	return l
}

func blobPath(b heldBlob) string {
	return "/v1/blobs/" + b.hash.String() + "?scope=" + b.scope.String()
}

// Headers of the doors for attachments (docs/openapi.yaml).
const (
	offsetHeader = "Upload-Offset"
	lengthHeader = "Upload-Length"
)

// bring sends one attachment from where the server stands.
func (s *syncRun) bring(ctx context.Context, b heldBlob) error {
	f, size, err := s.c.vault.OpenBlob(b.hash)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := vault.CheckBlob(f, b.hash); err != nil { // the server would throw all of it away
		return err
	}
	at, err := s.r.blobOffset(ctx, b)
	if err != nil {
		return err
	}
	base := s.lane.sent
	s.lane.sent += at
	for at < size {
		next, err := s.putPiece(ctx, b, f, at, size)
		if err != nil {
			return err
		}
		if next <= at {
			return fmt.Errorf("the server stays at byte %d of %d of attachment %s", next, size, b.hash)
		}
		s.report.AttachmentBytes += next - at
		at = next
		s.lane.sent = base + at
		s.progress(Progress{Phase: PhaseAttachments, Scope: b.scope, Done: uint64(s.lane.done), Total: uint64(len(s.lane.waiting)),
			BytesDone: uint64(s.lane.sent), BytesTotal: uint64(s.lane.total)})
		if at < size && s.c.saves.Load() != s.saves {
			return errTextFirst
		}
	}
	return s.c.markStored(ctx, b.scope, b.hash, s.hello.Epoch)
}

// blobOffset asks how much of an attachment the server has.
func (r *Remote) blobOffset(ctx context.Context, b heldBlob) (int64, error) {
	a, err := r.do(ctx, request{method: http.MethodHead, path: blobPath(b)})
	var refusal *RemoteError
	if errors.As(err, &refusal) { // nothing is there; or it says why when a piece comes: this answer has no body
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(a.header.Get(offsetHeader), 10, 64)
	if err != nil || n < 0 || n > b.size {
		return 0, fmt.Errorf("the server says that it has %q of %d bytes", plainLine(a.header.Get(offsetHeader)), b.size)
	}
	return n, nil
}

// Sizes of a piece in bytes: it grows while the line carries it quickly, so that a bad one is never asked for much at once.
const (
	smallestPiece = 16 << 10
	firstPiece    = 256 << 10
	largestPiece  = 1 << 20
	quickPiece    = 3 * time.Second
	slowPiece     = 20 * time.Second
)

// putPiece sends the piece at an offset and returns where the server stands then.
func (s *syncRun) putPiece(ctx context.Context, b heldBlob, f io.ReaderAt, at, size int64) (int64, error) {
	most := int64(min(max(s.hello.Limits.BlobChunk, 1), largestPiece)) // what this server takes at once
	piece := make([]byte, min(s.r.pieceSize(), most, size-at))
	if _, err := f.ReadAt(piece, at); err != nil {
		return at, err
	}
	began := s.r.now()
	a, err := s.r.do(ctx, request{method: http.MethodPut, path: blobPath(b), body: piece, contentType: "application/octet-stream",
		headers: map[string]string{offsetHeader: strconv.FormatInt(at, 10), lengthHeader: strconv.FormatInt(size, 10)}})
	s.r.adapt(s.r.now().Sub(began), err)
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusConflict { // an answer was lost, or another laptop brings it too
		return s.r.blobOffset(ctx, b)
	}
	if err != nil {
		return at, err
	}
	next, err := strconv.ParseInt(a.header.Get(offsetHeader), 10, 64)
	if err != nil || next > size {
		return at, fmt.Errorf("the server says that it has %q of %d bytes", plainLine(a.header.Get(offsetHeader)), size)
	}
	return next, nil
}

func (r *Remote) pieceSize() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.piece == 0 {
		r.piece = firstPiece
	}
	return r.piece
}

// adapt changes the size of the next piece by how long the last one took.
func (r *Remote) adapt(took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case errors.Is(err, ErrUnreachable) || took > slowPiece:
		r.piece = max(r.piece/2, smallestPiece)
	case err == nil && took < quickPiece:
		r.piece = min(r.piece*2, largestPiece)
	}
}

// ErrNotStored says that a server has not acknowledged every byte of a sealed original: this laptop may hold the only one.
var ErrNotStored = errors.New("no server has acknowledged all of it, and this may be the only copy: sync first")

// DropOriginal removes a sealed original from this laptop: its record stays, and FetchEvidence brings it back. What no server
// has acknowledged for every visit that names it is never removed (ErrNotStored).
func (c *Client) DropOriginal(ctx context.Context, scope syncproto.ScopeID, id syncproto.EntityID) error {
	v, err := c.evidenceOf(ctx, scope, id)
	if err != nil {
		return err
	}
	h, ok := parseBlob(v.Blob)
	switch {
	case !ok || !v.Held:
		return fmt.Errorf("dropping the original of %s: %w", id, ErrNotHeld)
	case v.State != StateStored:
		return fmt.Errorf("dropping the original of %s: %w", id, ErrNotStored)
	}
	stored, err := c.storedForAll(ctx, h)
	if err == nil && !stored {
		err = ErrNotStored
	}
	if err != nil {
		return fmt.Errorf("dropping the original of %s: %w", id, err)
	}
	return c.vault.RemoveBlob(h)
}

// storedForAll reports whether a server has acknowledged a sealed original for every visit that names it here.
func (c *Client) storedForAll(ctx context.Context, h vault.BlobHash) (bool, error) {
	all, err := c.heldBlobs(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(all, func(b heldBlob) bool { return b.hash == h && b.state != StateStored }), nil
}

// Unstored returns how many sealed originals of a visit, and how many bytes of them, are on this laptop and at no server: what
// would be lost with it.
func (c *Client) Unstored(ctx context.Context, scope syncproto.ScopeID) (n int, bytes int64, err error) {
	all, err := c.heldBlobs(ctx)
	for _, b := range all {
		if b.scope == scope && b.state != StateStored {
			n++
			bytes += b.size
		}
	}
	return n, bytes, err
}

// closing joins an error with that of closing a file.
func closing(f *os.File, err error) error { return errors.Join(err, f.Close()) }
