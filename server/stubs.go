package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"kua/syncproto"
)

func (s *Server) getStatus(c echo.Context, _ caller) error               { return errNotFound }
func (s *Server) getHealth(c echo.Context, _ caller) error               { return errNotFound }
func (s *Server) getReady(c echo.Context, _ caller) error                { return errNotFound }
func (s *Server) getCheckpoint(c echo.Context, _ caller) error           { return errNotFound }
func (s *Server) getTile(c echo.Context, _ caller) error                 { return errNotFound }
func (s *Server) getHello(c echo.Context, _ caller) error                { return errNotFound }
func (s *Server) postToken(c echo.Context, _ caller) error               { return errNotFound }
func (s *Server) postEnrol(c echo.Context, _ caller) error               { return errNotFound }
func (s *Server) postRoster(c echo.Context, who caller) error            { return errNotFound }
func (s *Server) getRoster(c echo.Context, who caller) error             { return errNotFound }
func (s *Server) getScopes(c echo.Context, who caller) error             { return errNotFound }
func (s *Server) postOffer(c echo.Context, who caller) error             { return errNotFound }
func (s *Server) postPush(c echo.Context, who caller) error              { return errNotFound }
func (s *Server) getPull(c echo.Context, who caller) error               { return errNotFound }
func (s *Server) postRedactions(c echo.Context, who caller) error        { return errNotFound }
func (s *Server) getAttention(c echo.Context, who caller) error          { return errNotFound }
func (s *Server) getHistory(c echo.Context, who caller) error            { return errNotFound }
func (s *Server) getDeviceFeeds(c echo.Context, who caller) error        { return errNotFound }
func (s *Server) postInvitation(c echo.Context, who caller) error        { return errNotFound }
func (s *Server) getEnrolments(c echo.Context, who caller) error         { return errNotFound }
func (s *Server) deleteEnrolment(c echo.Context, who caller) error       { return errNotFound }
func (s *Server) signCheckpoints(ctx context.Context)                    { <-ctx.Done() }
func (s *Server) logPanic(c echo.Context, err error, stack []byte) error { return err }
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc         { return next }

type limiters struct{}

func newLimiters(Limits, func() time.Time) *limiters     { return &limiters{} }
func (l *limiters) address(ip string, strict bool) error { return nil }
func (l *limiters) device(id syncproto.DeviceID) error   { return nil }

type metrics struct{}

func newMetrics(s *Server) *metrics { return &metrics{} }

// Metrics serves the server's Prometheus metrics; it belongs on a listener of its own.
func (s *Server) Metrics() http.Handler { return http.NotFoundHandler() }
