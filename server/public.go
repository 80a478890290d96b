package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"kua/syncproto/prooflog"
)

// signEvery is how often checkpoints are signed at most without somebody asking for one.
const signEvery = 200 * time.Millisecond

// signCheckpoints signs a checkpoint after commits, never in their way, and a last one at the end.
func (s *Server) signCheckpoints(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			s.signNow(context.WithoutCancel(ctx))
			return
		case <-s.sign:
			s.signNow(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(signEvery):
		}
	}
}

func (s *Server) signNow(ctx context.Context) {
	if _, err := s.tiles.Sign(ctx, s.db.Write); err != nil && ctx.Err() == nil {
		s.log.Error("no checkpoint was signed", "error", err)
		s.metrics.unsigned.Inc()
	}
}

// getCheckpoint answers the newest checkpoint, and signs one first where something was stored since.
func (s *Server) getCheckpoint(c echo.Context, _ caller) error {
	ctx := c.Request().Context()
	select {
	case <-s.sign:
		s.signNow(ctx)
	default:
	}
	note, err := s.tiles.Checkpoint(ctx, s.db.Read)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-cache")
	return c.Blob(http.StatusOK, "text/plain; charset=utf-8", note)
}

// getTile answers hash tiles and entry bundles by the paths of C2SP tlog-tiles. They never change.
func (s *Server) getTile(c echo.Context, _ caller) error {
	tile, err := prooflog.ParseTilePath("tile/" + c.Param("*"))
	if err != nil {
		return errNotFound
	}
	ctx := c.Request().Context()
	var data []byte
	if tile.L == prooflog.EntriesLevel {
		data, err = s.tiles.Entries(ctx, s.db.Read, tile.N, tile.W)
	} else {
		data, err = s.tiles.Tile(ctx, s.db.Read, tile.L, tile.N, tile.W)
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, "application/octet-stream", data)
}

// getStatus is a page for somebody who opens the server in a browser. It shows no content and names nobody.
func (s *Server) getStatus(c echo.Context, _ caller) error {
	tree, err := s.tiles.Tree(c.Request().Context(), s.db.Read)
	if err != nil {
		return err
	}
	return c.String(http.StatusOK, fmt.Sprintf(
		"Kua server\n\nversion  %s\nserver   %s\nepoch    %s\nlog      %s\nentries  %d\n\nThis is a service for machines. People work with the program kua.\n",
		s.cfg.Version, s.id, s.epoch, s.tiles.Origin(), tree.N))
}

func (s *Server) getHealth(c echo.Context, _ caller) error { return c.String(http.StatusOK, "ok\n") }

// getReady reports whether the database answers and the writer runs.
func (s *Server) getReady(c echo.Context, _ caller) error {
	select {
	case <-s.stopping:
		return busy(5*time.Second, "the server is stopping")
	case <-s.writer.ended:
		return busy(5*time.Second, "the server is stopping")
	default:
	}
	if _, err := readMeta(c.Request().Context(), s.db.Read, metaEpoch); err != nil {
		return errors.Join(busy(5*time.Second, "the database does not answer"), err)
	}
	return c.String(http.StatusOK, "ready\n")
}
