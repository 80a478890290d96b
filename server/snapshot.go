package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/internal/sqldb"
	"kua/syncproto"
)

const (
	// chunkFill closes a chunk of a snapshot: packets of so many bytes. A redacted packet may be somewhat larger than
	// the original was: a chunk stays below 1 MiB.
	chunkFill = 512 << 10

	openChunks = 16 // of one scope that are remembered although more has come behind them
)

// chunk is one row of snapshot_chunk.
type chunk struct {
	hash        syncproto.Hash
	first, last uint64
	closed      bool
	mark        syncproto.Hash
	bytes       int64
}

// chunks makes the chunks of snapshots. Their ranges are fixed once they are full, so that a client which comes back
// finds what it has; their bytes are made from the log when asked for.
type chunks struct {
	turn chan struct{} // one snapshot is laid out at a time: the others find its chunks
	memo memo
}

func newChunks() *chunks { return &chunks{turn: make(chan struct{}, 1)} }

// getSnapshot answers the list of chunks that hold every position of a scope up to now.
func (s *Server) getSnapshot(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	select {
	case s.chunks.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.chunks.turn }()
	m, err := s.snapshot(ctx, scope.Scope)
	if err != nil {
		return err
	}
	return render(c, m)
}

func (s *Server) snapshot(ctx context.Context, id syncproto.ScopeID) (syncproto.SnapshotManifest, error) {
	m := syncproto.SnapshotManifest{Scope: id, Epoch: s.epoch, Chunks: []syncproto.Chunk{}}
	known, err := s.knownChunks(ctx, id)
	if err != nil {
		return m, err
	}
	ranges, err := s.layOut(ctx, id, known)
	if err != nil {
		return m, err
	}
	var fresh []chunk
	for _, want := range ranges {
		have, ok := known[want.first]
		if !ok || have.last != want.last || have.mark != want.mark || have.closed != want.closed {
			content, err := s.makeChunk(ctx, id, want.first, want.last)
			if err != nil {
				return m, err
			}
			want.hash, want.bytes = sha256.Sum256(content), int64(len(content))
			s.chunks.memo.put(want.hash, content)
			fresh, have = append(fresh, want), want
		}
		m.Chunks = append(m.Chunks, syncproto.Chunk{Hash: have.hash, Bytes: uint64(have.bytes), Last: have.last})
		m.Position = have.last
	}
	return m, s.rememberChunks(ctx, id, fresh)
}

// knownChunks returns a scope's newest chunk for each first position.
func (s *Server) knownChunks(ctx context.Context, id syncproto.ScopeID) (map[uint64]chunk, error) {
	rows, err := s.db.Read.QueryContext(ctx, `SELECT hash, first, last, closed, mark, bytes FROM snapshot_chunk WHERE scope = $1 ORDER BY last`, id[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[uint64]chunk{}
	for rows.Next() {
		var c chunk
		var h, mark []byte
		if err := rows.Scan(&h, &c.first, &c.last, &c.closed, &mark, &c.bytes); err != nil {
			return nil, err
		}
		c.hash, c.mark = syncproto.Hash(h), syncproto.Hash(mark)
		if was, ok := out[c.first]; !ok || !was.closed {
			out[c.first] = c
		}
	}
	return out, rows.Err()
}

// layOut cuts a scope's positions into ranges: those of chunks that are closed as they are, then full ones, then the
// rest. A first range that is known to be closed ends where it ended, whatever became of its bytes.
func (s *Server) layOut(ctx context.Context, id syncproto.ScopeID, known map[uint64]chunk) (out []chunk, err error) {
	var cut chunk
	var sum hash.Hash
	size := 0
	end := func(closed bool) {
		cut.closed, cut.mark = closed, syncproto.Hash(sum.Sum(nil))
		out = append(out, cut)
		cut, size = chunk{}, 0
	}
	err = s.replica.Outlines(ctx, id, 0, func(o replica.Outline) error {
		if cut.first == 0 {
			cut.first, sum = o.Position, sha256.New()
		}
		size += o.Bytes
		sum.Write(o.Mark[:])
		cut.last = o.Position
		was := known[cut.first]
		switch {
		case was.closed && cut.last == was.last, !was.closed && size >= chunkFill:
			end(true)
		}
		return nil
	})
	if err == nil && cut.first != 0 {
		end(false)
	}
	return out, err
}

// makeChunk returns the bytes of a chunk: one zstd frame.
func (s *Server) makeChunk(ctx context.Context, id syncproto.ScopeID, first, last uint64) ([]byte, error) {
	var content []byte
	err := s.replica.Pull(ctx, id, first-1, int(last-first+1), func(l replica.Logged) error {
		packet, err := l.Relayed()
		if err != nil {
			return err
		}
		item, err := syncproto.EncodeMessage(syncproto.PullItem{Position: l.Position, Packet: packet, Received: uint64(l.Received)})
		content = append(content, item...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making a chunk: %w", err)
	}
	return s.zstd.EncodeAll(content, nil), nil
}

// rememberChunks writes down new chunks, in place of those that held the same positions, and forgets old ends.
func (s *Server) rememberChunks(ctx context.Context, id syncproto.ScopeID, fresh []chunk) error {
	if len(fresh) == 0 {
		return nil
	}
	return sqldb.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		for _, c := range fresh {
			_, err := tx.ExecContext(ctx, `DELETE FROM snapshot_chunk WHERE scope = $1 AND first = $2 AND (closed = 1 OR last = $3)`, id[:], int64(c.first), int64(c.last))
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `
				INSERT INTO snapshot_chunk (hash, scope, first, last, closed, mark, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
				c.hash[:], id[:], int64(c.first), int64(c.last), c.closed, c.mark[:], c.bytes)
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `
			DELETE FROM snapshot_chunk WHERE scope = $1 AND closed = 0 AND hash NOT IN (
				SELECT hash FROM snapshot_chunk WHERE scope = $1 AND closed = 0 ORDER BY last DESC LIMIT $2)`, id[:], openChunks)
		return err
	})
}

// getChunk answers one chunk or a part of it. A chunk whose changesets were redacted since is gone.
func (s *Server) getChunk(c echo.Context, who caller) error {
	scope, err := s.readable(c, who)
	if err != nil {
		return err
	}
	h, err := hashParam(c)
	if err != nil {
		return err
	}
	content, err := s.chunkBytes(c.Request().Context(), scope.Scope, h)
	if err != nil {
		return err
	}
	return serve(c, h, "application/zstd", bytes.NewReader(content))
}

var errChunkGone = syncproto.Refuse(syncproto.CodeNotFound, "no such chunk, or no longer: fetch the snapshot again")

// chunkBytes makes a chunk again. It is gone where what it holds was redacted meanwhile, or where another version of
// the compressor gives other bytes.
func (s *Server) chunkBytes(ctx context.Context, id syncproto.ScopeID, h syncproto.Hash) ([]byte, error) {
	var c chunk
	var mark []byte
	err := s.db.Read.QueryRowContext(ctx, `SELECT first, last, mark FROM snapshot_chunk WHERE hash = $1 AND scope = $2`, h[:], id[:]).Scan(&c.first, &c.last, &mark)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errChunkGone
	}
	if err != nil {
		return nil, err
	}
	now, err := s.markOf(ctx, id, c.first, c.last)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(mark, now[:]) {
		return nil, errChunkGone
	}
	if content, ok := s.chunks.memo.get(h); ok {
		return content, nil
	}
	content, err := s.makeChunk(ctx, id, c.first, c.last)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != h {
		if _, err := s.db.Write.ExecContext(ctx, `DELETE FROM snapshot_chunk WHERE hash = $1`, h[:]); err != nil {
			return nil, err
		}
		return nil, errChunkGone
	}
	s.chunks.memo.put(h, content)
	return content, nil
}

// markOf sums up what is passed on of a range of positions.
func (s *Server) markOf(ctx context.Context, id syncproto.ScopeID, first, last uint64) (syncproto.Hash, error) {
	sum := sha256.New()
	err := s.replica.Outlines(ctx, id, first-1, func(o replica.Outline) error {
		if o.Position > last {
			return errFull
		}
		sum.Write(o.Mark[:])
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return syncproto.Hash{}, err
	}
	return syncproto.Hash(sum.Sum(nil)), nil
}

// memo remembers the bytes of a few chunks: a client asks for one in many pieces.
type memo struct {
	mu    sync.Mutex // guards order and of
	order []syncproto.Hash
	of    map[syncproto.Hash][]byte
}

const memoChunks = 16

func (m *memo) get(h syncproto.Hash) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.of[h]
	return content, ok
}

func (m *memo) put(h syncproto.Hash, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[syncproto.Hash][]byte{}
	}
	if _, ok := m.of[h]; ok {
		return
	}
	if len(m.order) == memoChunks {
		delete(m.of, m.order[0])
		m.order = append(m.order[:0], m.order[1:]...)
	}
	m.order, m.of[h] = append(m.order, h), content
}

// serve answers content that its hash names, whole or by Range.
func serve(c echo.Context, h syncproto.Hash, kind string, content io.ReadSeeker) error {
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, kind)
	header.Set("ETag", `"`+h.String()+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, content)
	return nil
}

// hashParam returns the SHA-256 that the path names.
func hashParam(c echo.Context) (h syncproto.Hash, err error) {
	text := c.Param("hash")
	if len(text) != 2*len(h) || text != strings.ToLower(text) {
		return h, errNotFound
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return h, errNotFound
	}
	return h, nil
}
