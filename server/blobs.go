package server

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"

	"kua/syncproto"
)

// Headers of attachments.
const (
	offsetHeader = "Upload-Offset" // bytes that the server has
	lengthHeader = "Upload-Length" // of the whole
)

const typeSealed = "application/octet-stream"

// blobs keeps sealed attachments in a folder, under random names. What is in the database counts: a file without a row
// is left from a crash.
type blobs struct {
	root *os.Root
	mu   sync.Mutex // one piece at a time: pieces are small, and quotas add up
}

func openBlobs(dir string) (*blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the folder of attachments: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of attachments: %w", err)
	}
	return &blobs{root: root}, nil
}

func (b *blobs) close() error { return b.root.Close() }

// blob is one row of the blob table.
type blob struct {
	scope          syncproto.ScopeID
	hash           syncproto.Hash
	device         syncproto.DeviceID
	file           string
	size, received int64
	complete       bool
}

// piece is one PUT.
type piece struct {
	offset, size int64
	data         []byte
}

// blobScope returns the scope that the query names if the caller may read it, and the attachment's hash.
func (s *Server) blobScope(c echo.Context, who caller) (id syncproto.ScopeID, h syncproto.Hash, err error) {
	if h, err = hashParam(c); err != nil {
		return id, h, err
	}
	if id, err = syncproto.ParseScopeID(c.QueryParam("scope")); err != nil {
		return id, h, syncproto.Refuse(syncproto.CodeMalformed, "reading scope: the query must name the scope of the attachment")
	}
	scope, ok := s.replica.Scope(id)
	if !ok || !who.reads(&scope.Standing) {
		return id, h, errNotFound
	}
	return id, h, nil
}

// putBlob takes one piece of an attachment, and answers how much of it is on the disk.
func (s *Server) putBlob(c echo.Context, who caller) error {
	id, h, err := s.blobScope(c, who)
	if err != nil {
		return err
	}
	p, err := readPiece(c)
	if err != nil {
		return err
	}
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	ctx := c.Request().Context()
	b, err := s.findBlob(ctx, id, h)
	if errors.Is(err, sql.ErrNoRows) {
		b, err = s.beginBlob(ctx, blob{scope: id, hash: h, device: who.device, size: p.size})
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(offsetHeader, strconv.FormatInt(b.received, 10))
	switch {
	case b.complete:
		return c.NoContent(http.StatusNoContent)
	case p.size != b.size:
		return conflict("the attachment was announced with %d bytes, not %d", b.size, p.size)
	case p.offset != b.received:
		return conflict("%d bytes are here: go on from there", b.received)
	}
	if err := s.addPiece(ctx, &b, p.data); err != nil {
		return err
	}
	c.Response().Header().Set(offsetHeader, strconv.FormatInt(b.received, 10))
	return c.NoContent(http.StatusNoContent)
}

// conflict is the answer to a piece that does not fit what is here.
func conflict(format string, args ...any) error {
	return syncproto.Refuse(codeOffset, format, args...)
}

// codeOffset says that a piece of an attachment does not continue what is here; the header says where to go on.
const codeOffset syncproto.Code = "offset"

func readPiece(c echo.Context) (p piece, err error) {
	for _, f := range []struct {
		header string
		into   *int64
	}{{offsetHeader, &p.offset}, {lengthHeader, &p.size}} {
		n, err := strconv.ParseUint(c.Request().Header.Get(f.header), 10, 62)
		if err != nil {
			return p, syncproto.Refuse(syncproto.CodeMalformed, "reading %s: want a number of bytes", f.header)
		}
		*f.into = int64(n)
	}
	if p.data, err = io.ReadAll(c.Request().Body); err != nil { // bounded by the door
		return p, err
	}
	if p.offset+int64(len(p.data)) > p.size {
		return p, syncproto.Refuse(syncproto.CodeMalformed, "the piece goes beyond the %d bytes of %s", p.size, lengthHeader)
	}
	return p, nil
}

func (s *Server) findBlob(ctx context.Context, id syncproto.ScopeID, h syncproto.Hash) (b blob, err error) {
	b.scope, b.hash = id, h
	var device []byte
	err = s.db.Read.QueryRowContext(ctx, `SELECT device, file, size, received, complete FROM blob WHERE scope = $1 AND hash = $2`, id[:], h[:]).
		Scan(&device, &b.file, &b.size, &b.received, &b.complete)
	if err == nil {
		b.device = syncproto.DeviceID(device)
	}
	return b, err
}

// beginBlob makes room for an attachment, where limits allow.
func (s *Server) beginBlob(ctx context.Context, b blob) (blob, error) {
	limits := s.cfg.Limits
	if b.size > limits.Blob {
		return b, syncproto.Refuse(syncproto.CodeTooLarge, "an attachment has at most %d bytes, this one has %d", limits.Blob, b.size)
	}
	var mine, all int64
	err := s.db.Read.QueryRowContext(ctx, `
		SELECT COALESCE(SUM(size), 0), COALESCE(SUM(CASE WHEN device = $1 THEN size ELSE 0 END), 0) FROM blob`, b.device[:]).Scan(&all, &mine)
	if err != nil {
		return b, err
	}
	if mine+b.size > limits.DeviceBlobs {
		return b, syncproto.Refuse(codeQuota, "this device has brought %d bytes of attachments, and may bring %d: ask who runs the server for more", mine, limits.DeviceBlobs)
	}
	if all+b.size > limits.AllBlobs {
		return b, syncproto.Refuse(codeQuota, "the server holds %d bytes of attachments, and may hold %d: tell who runs it", all, limits.AllBlobs)
	}
	var name [16]byte
	if _, err := io.ReadFull(s.cfg.Rand, name[:]); err != nil {
		return b, err
	}
	b.file = hex.EncodeToString(name[:])
	_, err = s.db.Write.ExecContext(ctx, `
		INSERT INTO blob (scope, hash, device, file, size, received, complete, touched) VALUES ($1, $2, $3, $4, $5, 0, 0, $6)`,
		b.scope[:], b.hash[:], b.device[:], b.file, b.size, s.cfg.Now().UnixMilli())
	return b, err
}

// codeQuota says that there is no room for an attachment.
const codeQuota syncproto.Code = "quota"

// addPiece puts a piece on the disk. The row moves after the file, so that what is acknowledged is there; what a crash
// left behind it is written over.
func (s *Server) addPiece(ctx context.Context, b *blob, data []byte) error {
	f, err := s.blobs.root.OpenFile(b.file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("storing an attachment: %w", err)
	}
	defer f.Close()
	received := b.received + int64(len(data))
	if _, err := f.WriteAt(data, b.received); err != nil {
		return fmt.Errorf("storing an attachment: %w", err)
	}
	if err := errors.Join(f.Truncate(received), f.Sync()); err != nil {
		return fmt.Errorf("storing an attachment: %w", err)
	}
	if b.received == 0 {
		if err := syncFolder(s.blobs.root); err != nil {
			return err
		}
	}
	if received == b.size {
		if err := checkBlob(f, b.hash); err != nil {
			f.Close() // an open file cannot be removed everywhere
			if drop := s.dropBlob(ctx, *b); drop != nil {
				return fmt.Errorf("%w (and discarding it: %w)", err, drop)
			}
			return err
		}
	}
	_, err = s.db.Write.ExecContext(ctx, `UPDATE blob SET received = $3, complete = $4, touched = $5 WHERE scope = $1 AND hash = $2`,
		b.scope[:], b.hash[:], received, received == b.size, s.cfg.Now().UnixMilli())
	if err != nil {
		return err
	}
	b.received, b.complete = received, received == b.size
	return nil
}

func checkBlob(f io.ReadSeeker, h syncproto.Hash) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != h.String() {
		return syncproto.Refuse(syncproto.CodeBadValues, "the attachment's bytes have the SHA-256 %s: it was discarded, send it from the beginning", got)
	}
	return nil
}

func (s *Server) dropBlob(ctx context.Context, b blob) error {
	_, err := s.db.Write.ExecContext(ctx, `DELETE FROM blob WHERE scope = $1 AND hash = $2`, b.scope[:], b.hash[:])
	if err != nil {
		return err
	}
	return s.blobs.root.Remove(b.file)
}

// headBlob answers how much of an attachment is here, to whoever goes on bringing it.
func (s *Server) headBlob(c echo.Context, who caller) error {
	id, h, err := s.blobScope(c, who)
	if err != nil {
		return err
	}
	b, err := s.findBlob(c.Request().Context(), id, h)
	if errors.Is(err, sql.ErrNoRows) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(offsetHeader, strconv.FormatInt(b.received, 10))
	header.Set(lengthHeader, strconv.FormatInt(b.size, 10))
	return c.NoContent(http.StatusNoContent)
}

// getBlob answers an attachment, whole or by Range. One that is not complete is not there.
func (s *Server) getBlob(c echo.Context, who caller) error {
	id, h, err := s.blobScope(c, who)
	if err != nil {
		return err
	}
	b, err := s.findBlob(c.Request().Context(), id, h)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !b.complete {
		return errNotFound
	}
	if err != nil {
		return err
	}
	f, err := s.blobs.root.Open(b.file)
	if err != nil {
		return fmt.Errorf("reading an attachment: %w", err)
	}
	defer f.Close()
	return serve(c, h, typeSealed, f)
}

// sweepBlobs gives up attachments that nobody went on with for a month.
func (s *Server) sweepBlobs(ctx context.Context) error {
	s.blobs.mu.Lock()
	defer s.blobs.mu.Unlock()
	rows, err := s.db.Read.QueryContext(ctx, `SELECT scope, hash, file FROM blob WHERE complete = 0 AND touched < $1`,
		s.cfg.Now().AddDate(0, -1, 0).UnixMilli())
	if err != nil {
		return fmt.Errorf("sweeping attachments: %w", err)
	}
	defer rows.Close()
	var stale []blob
	for rows.Next() {
		var b blob
		var id, h []byte
		if err := rows.Scan(&id, &h, &b.file); err != nil {
			return fmt.Errorf("sweeping attachments: %w", err)
		}
		b.scope, b.hash = syncproto.ScopeID(id), syncproto.Hash(h)
		stale = append(stale, b)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sweeping attachments: %w", err)
	}
	for _, b := range stale {
		if err := s.dropBlob(ctx, b); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweeping attachments: %w", err)
		}
	}
	return nil
}

// syncFolder makes a new name durable.
func syncFolder(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return syncOpenFolder(dir)
}
