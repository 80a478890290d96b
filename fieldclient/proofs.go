package fieldclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kua/fieldclient/vault"
	"kua/syncproto"
	"kua/syncproto/prooflog"
)

// checkpointState is the newest checkpoint of the server's log that this laptop has verified.
type checkpointState struct {
	Origin string         `cbor:"1,keyasint"`
	Size   uint64         `cbor:"2,keyasint"`
	Root   syncproto.Hash `cbor:"3,keyasint"`
}

func (s *checkpointState) tree() prooflog.Tree {
	return prooflog.Tree{Size: s.Size, Root: prooflog.Hash(s.Root)}
}

// proofs fetches the newest checkpoint, checks that the log only grew since the last one, and proves this laptop's own
// changesets against it. A log that took something back is an incident, not an error of the network.
func (s *syncRun) proofs(ctx context.Context) error {
	next, err := s.checkpoint(ctx)
	if err != nil || next == nil {
		return err
	}
	prover := prooflog.Prover{Tree: next.tree(), Fetch: s.tile}
	if old := s.c.check.Load(); old != nil && old.Origin == next.Origin {
		proof, err := prover.Consistency(ctx, old.tree())
		if err == nil {
			err = prooflog.CheckConsistency(old.tree(), next.tree(), proof)
		}
		if errors.Is(err, prooflog.ErrFork) || errors.Is(err, prooflog.ErrRollback) {
			s.report.Warnings = append(s.report.Warnings, "the server's log is not the one that it showed before: "+err.Error())
			return s.c.vault.InTx(ctx, func(tx *vault.Tx) error {
				return s.c.note(tx, Incident{What: "the server's log took something back: " + err.Error()})
			})
		}
		if err != nil {
			return fmt.Errorf("checking the log: %w", err)
		}
	}
	if err := s.keepCheckpoint(ctx, next); err != nil {
		return err
	}
	return s.proveOwn(ctx, prover, next)
}

// checkpoint fetches and verifies the newest checkpoint. The origin is the one that the roster names for this server,
// or a numbered successor of it after a restore.
func (s *syncRun) checkpoint(ctx context.Context) (*checkpointState, error) {
	key, ok := s.c.rep.Roster().ServerKey(s.hello.Server)
	if !ok {
		return nil, nil
	}
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: "/checkpoint", anonymous: true})
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, nil // nothing has been signed yet
	}
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(a.body, []byte("\n"))
	origin := string(line)
	if !succeeds(origin, key.Origin) {
		return nil, fmt.Errorf("the server shows a log of origin %q, the roster names %q", origin, key.Origin)
	}
	verifier, err := prooflog.NewVerifier(origin, key.Key)
	if err != nil {
		return nil, err
	}
	tree, err := prooflog.OpenCheckpoint(a.body, origin, []note.Verifier{verifier}...)
	if err != nil {
		return nil, err
	}
	return &checkpointState{origin, tree.Size, syncproto.Hash(tree.Root)}, nil
}

// succeeds reports whether a log's origin is the one that the roster names, or a later life of it. An origin is the
// server's name, a slash and a number that each restore raises.
func succeeds(origin, named string) bool {
	name, life, ok := cutLife(origin)
	wantName, first, wantOK := cutLife(named)
	return origin == named || ok && wantOK && name == wantName && life >= first
}

func cutLife(origin string) (name string, life uint64, ok bool) {
	i := strings.LastIndexByte(origin, '/')
	if i < 0 {
		return "", 0, false
	}
	life, err := strconv.ParseUint(origin[i+1:], 10, 32)
	return origin[:i], life, err == nil
}

func (s *syncRun) keepCheckpoint(ctx context.Context, next *checkpointState) error {
	err := s.c.vault.InTx(ctx, func(tx *vault.Tx) error { return putState(tx, stateCheck, next) })
	if err != nil {
		return err
	}
	s.c.check.Store(next)
	return nil
}

func (s *syncRun) tile(ctx context.Context, path string) ([]byte, error) {
	a, err := s.r.do(ctx, request{method: http.MethodGet, path: "/" + path, anonymous: true})
	var refusal *RemoteError
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// proveOwn checks the inclusion of every changeset of this laptop that the server has signed for and that no
// checkpoint proves yet. Tiles are fetched once.
func (s *syncRun) proveOwn(ctx context.Context, prover prooflog.Prover, at *checkpointState) error {
	cache := map[string][]byte{}
	fetch := prover.Fetch
	prover.Fetch = func(ctx context.Context, path string) ([]byte, error) {
		if b, ok := cache[path]; ok {
			return b, nil
		}
		return fetch(ctx, path)
	}
	prover.Save = func(path string, tile []byte) { cache[path] = slices.Clone(tile) }
	var proven []syncproto.ChangesetID
	for _, p := range s.c.unproven(s.hello.Epoch, at.Size) {
		err := proveLeaf(ctx, prover, cache, p)
		if errors.Is(err, ErrUnreachable) || ctx.Err() != nil { // says nothing of the log
			return errors.Join(fmt.Errorf("proving: %w", err), s.c.mark(context.WithoutCancel(ctx), proven, at.Size))
		}
		if err != nil {
			s.report.Warnings = append(s.report.Warnings, fmt.Sprintf("the log does not prove changeset %s: %v", p.id, err))
			continue
		}
		proven = append(proven, p.id)
		s.progress(Progress{Phase: "proofs", Done: uint64(len(proven))})
	}
	s.report.Proven += len(proven)
	return s.c.mark(ctx, proven, at.Size)
}

// proveLeaf checks that the log's verified tree holds a changeset at its place. The first leaf of a tile is proven by
// its path to the root; that authenticates the whole tile, and the next leaves are compared with it.
func proveLeaf(ctx context.Context, prover prooflog.Prover, authentic map[string][]byte, p unprovenRow) error {
	leaf := prooflog.LeafHash(prooflog.Entry("changeset", p.id))
	n := p.leaf / prooflog.TileWidth
	width := min(prover.Tree.Size-n*prooflog.TileWidth, prooflog.TileWidth)
	path := prooflog.TilePath(tlog.Tile{H: prooflog.TileHeight, L: 0, N: int64(n), W: int(width)})
	if tile, ok := authentic[path]; ok {
		at := p.leaf % prooflog.TileWidth * uint64(len(leaf))
		if at+uint64(len(leaf)) > uint64(len(tile)) || !bytes.Equal(tile[at:at+uint64(len(leaf))], leaf[:]) {
			return fmt.Errorf("another entry stands at %d", p.leaf)
		}
		return nil
	}
	proof, err := prover.Inclusion(ctx, p.leaf)
	if err != nil {
		return err
	}
	return prooflog.CheckInclusion(prover.Tree, p.leaf, leaf, proof)
}

type unprovenRow struct {
	id   syncproto.ChangesetID
	leaf uint64
}

// unproven returns what the server has signed for in its present life and no checkpoint proves yet, by leaf.
func (c *Client) unproven(epoch syncproto.Hash, size uint64) []unprovenRow {
	c.rmu.RLock()
	defer c.rmu.RUnlock()
	var out []unprovenRow
	for id, r := range c.receipts {
		if r.proven == 0 && r.epoch == epoch && r.entry.Leaf < size {
			out = append(out, unprovenRow{id, r.entry.Leaf})
		}
	}
	slices.SortFunc(out, func(a, b unprovenRow) int { return int(a.leaf) - int(b.leaf) })
	return out
}
