package fieldclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/seal"
)

// FetchEvidence brings a sealed original from the server to this laptop, and does nothing where it is here. It may be broken off
// anywhere; the next call goes on at that byte. Bytes that are not those that the record names are thrown away.
func (c *Client) FetchEvidence(ctx context.Context, r *Remote, scope syncproto.ScopeID, id syncproto.EntityID) error {
	v, err := c.evidenceOf(ctx, scope, id)
	if err == nil {
		err = c.fetch(ctx, r, &v, func(int64) {})
	}
	if err != nil {
		return fmt.Errorf("fetching evidence %s: %w", id, err)
	}
	return nil
}

// Fetched says what FetchAllEvidence brought.
type Fetched struct {
	Fetched int   `json:"fetched"`
	Bytes   int64 `json:"bytes"`
	Absent  int   `json:"absent"` // that the server does not have yet
}

// FetchAllEvidence is FetchEvidence for everything of the given visits, or of all where none is given. progress may be nil.
func (c *Client) FetchAllEvidence(ctx context.Context, r *Remote, scopes []syncproto.ScopeID, progress func(Progress)) (out Fetched, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	wanted, total, err := c.wanted(ctx, scopes)
	if err != nil {
		return out, err
	}
	for i := range wanted {
		v := &wanted[i]
		err := c.fetch(ctx, r, v, func(n int64) {
			out.Bytes += n
			progress(Progress{Phase: PhaseAttachments, Scope: v.Scope, Done: uint64(out.Fetched), Total: uint64(len(wanted)),
				BytesDone: uint64(out.Bytes), BytesTotal: uint64(total)})
		})
		switch {
		case errors.Is(err, errAbsent):
			out.Absent++
		case err != nil:
			return out, fmt.Errorf("fetching evidence %s: %w", v.Record, err)
		default:
			out.Fetched++
		}
	}
	return out, nil
}

// wanted returns what is not here, and how many bytes that is.
func (c *Client) wanted(ctx context.Context, scopes []syncproto.ScopeID) (out []EvidenceView, total int64, err error) {
	if len(scopes) == 0 {
		for _, s := range c.rep.Scopes() {
			scopes = append(scopes, s.Scope)
		}
	}
	for _, id := range scopes {
		list, err := c.Evidence(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		for _, v := range list {
			if !v.Held && !v.Locked && !v.Removed {
				out = append(out, v)
				total += seal.AttachmentSize(v.Size)
			}
		}
	}
	return out, total, nil
}

// errAbsent says that the server does not have an attachment, or not all of it.
var errAbsent = fmt.Errorf("the server does not have it yet: it comes with a sync of a laptop that holds it (%w)", ErrNotFound)

// fetch brings one sealed original; came is told of every piece.
func (c *Client) fetch(ctx context.Context, r *Remote, v *EvidenceView, came func(int64)) error {
	h, ok := parseBlob(v.Blob)
	if !ok || v.Locked {
		return errNoKey
	}
	if v.Size < 0 || v.Size > MaxEvidence {
		return fmt.Errorf("its record names %d bytes: %w", v.Size, ErrTooLarge)
	}
	c.fetching.Lock()
	defer c.fetching.Unlock()
	if _, held := c.vault.HasBlob(h); held {
		return nil
	}
	b := heldBlob{scope: v.Scope, hash: h, size: seal.AttachmentSize(v.Size)}
	if err := c.fetchPart(ctx, r, b, came); err != nil {
		return err
	}
	if err := c.vault.KeepPart(h); err != nil {
		return err
	}
	var epoch syncproto.Hash
	if err := c.getState(ctx, stateEpoch, &epoch); errors.Is(err, vault.ErrNotFound) {
		return nil // no sync yet: the next one asks
	} else if err != nil {
		return err
	}
	return c.markStored(ctx, v.Scope, h, epoch)
}

func (c *Client) fetchPart(ctx context.Context, r *Remote, b heldBlob, came func(int64)) (err error) {
	f, at, err := c.vault.PartBlob(b.hash)
	if err != nil {
		return err
	}
	defer func() { err = closing(f, err) }()
	if at > b.size {
		if at, err = 0, restart(f); err != nil {
			return err
		}
	}
	for at < b.size {
		piece, err := r.getPiece(ctx, b, at)
		if err != nil {
			return err
		}
		if _, err := f.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
		came(int64(len(piece)))
	}
	return nil
}

func restart(f *os.File) error {
	_, err := f.Seek(0, 0)
	return errors.Join(f.Truncate(0), err)
}

// getPiece fetches bytes from an offset on.
func (r *Remote) getPiece(ctx context.Context, b heldBlob, at int64) ([]byte, error) {
	n := min(r.pieceSize(), b.size-at)
	began := r.now()
	a, err := r.do(ctx, request{method: http.MethodGet, path: blobPath(b), headers: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", at, at+n-1)}})
	r.adapt(r.now().Sub(began), err)
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusPartialContent && at > 0 || len(a.body) == 0 || int64(len(a.body)) > b.size-at {
		return nil, fmt.Errorf("the server answered %d bytes where %d were asked for", len(a.body), n)
	}
	return a.body, nil
}
