package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"kua/syncproto"
)

// entry says who may enter by a door. What is behind it judges again where a scope is named.
type entry int

const (
	public      entry = iota // anybody
	enrolling                // anybody, seldom
	founding                 // with the setup code while the roster is empty; then as coordinator
	deliverer                // a device of the roster, revoked or not: it may bring what it holds, and gets nothing of others
	device                   // a device that is not revoked
	coordinator              // a device whose owner may change the roster
)

// handler parses a request, calls one method and renders the answer.
type handler func(c echo.Context, who caller) error

// route is one door.
type route struct {
	method, path string
	who          entry
	body         int64 // most bytes of a request
	handle       handler
}

const (
	tokenPath = "/v1/token"

	noBody    = 0
	smallBody = 16 << 10
	largeBody = syncproto.MaxRequest
)

// routes is every door of the server.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/", public, noBody, s.getStatus},
		{"GET", "/healthz", public, noBody, s.getHealth},
		{"GET", "/readyz", public, noBody, s.getReady},
		{"GET", "/checkpoint", public, noBody, s.getCheckpoint},
		{"GET", "/tile/*", public, noBody, s.getTile},

		{"GET", "/v1/hello", public, noBody, s.getHello},
		{"POST", tokenPath, public, smallBody, s.postToken},
		{"POST", "/v1/enrol", enrolling, smallBody, s.postEnrol},

		{"POST", "/v1/roster", founding, largeBody, s.postRoster},
		{"GET", "/v1/roster", deliverer, noBody, s.getRoster},
		{"GET", "/v1/scopes", device, noBody, s.getScopes},
		{"POST", "/v1/scopes/:scope/offer", deliverer, largeBody, s.postOffer},
		{"POST", "/v1/scopes/:scope/push", deliverer, largeBody, s.postPush},
		{"GET", "/v1/scopes/:scope/pull", device, noBody, s.getPull},
		{"POST", "/v1/scopes/:scope/redactions", device, largeBody, s.postRedactions},
		{"GET", "/v1/scopes/:scope/attention", device, noBody, s.getAttention},
		{"GET", "/v1/scopes/:scope/history", device, noBody, s.getHistory},

		{"GET", "/v1/scopes/:scope/snapshot", device, noBody, s.getSnapshot},
		{"GET", "/v1/scopes/:scope/chunk/:hash", device, noBody, s.getChunk},
		{"PUT", "/v1/blobs/:hash", device, blobChunk, s.putBlob},
		{"GET", "/v1/blobs/:hash", device, noBody, s.getBlob},
		{"HEAD", "/v1/blobs/:hash", device, noBody, s.headBlob},
		{"POST", "/v1/bundles", deliverer, maxBundle, s.postBundle},
		{"GET", "/v1/watch", device, noBody, s.getWatch},

		{"GET", "/v1/devices/:device/feeds", coordinator, noBody, s.getDeviceFeeds},
		{"POST", "/v1/invitations", coordinator, smallBody, s.postInvitation},
		{"GET", "/v1/enrolments", coordinator, noBody, s.getEnrolments},
		{"DELETE", "/v1/enrolments/:id", coordinator, noBody, s.deleteEnrolment},
	}
}

// Handler returns the service. It is for one http.Server; see Serve for the timeouts that belong to it.
func (s *Server) Handler() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.handleError
	e.Use(s.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{DisableErrorHandler: true, LogErrorFunc: s.logPanic}))
	for _, r := range s.routes() {
		e.Add(r.method, r.path, s.door(r))
		if r.method == http.MethodGet && r.who == public {
			e.Add(http.MethodHead, r.path, s.door(r))
		}
	}
	return e
}

// Timeouts of an http.Server around Handler. A body of a megabyte over a bad line takes its time.
const (
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = 5 * time.Minute
	WriteTimeout      = 10 * time.Minute
	IdleTimeout       = 2 * time.Minute
	MaxHeaderBytes    = 16 << 10
)

// NewHTTPServer returns an http.Server for a handler with the limits that a public service needs.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: ReadHeaderTimeout, ReadTimeout: ReadTimeout, WriteTimeout: WriteTimeout, IdleTimeout: IdleTimeout, MaxHeaderBytes: MaxHeaderBytes,
	}
}

// door bounds a request, finds out who sends it, and lets in whom the route lets in.
func (s *Server) door(r route) echo.HandlerFunc {
	return func(c echo.Context) error {
		req := c.Request()
		if err := s.limits.address(c.RealIP(), r.who == enrolling); err != nil {
			return err
		}
		if req.ContentLength > r.body {
			return &http.MaxBytesError{Limit: r.body}
		}
		req.Body = http.MaxBytesReader(c.Response(), req.Body, r.body)
		if r.who != public || r.path == "/v1/hello" || r.path == tokenPath {
			c.Response().Header().Set("DPoP-Nonce", s.tokens.Nonce())
			c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		}
		who, err := s.admit(c, r.who)
		if err != nil {
			return err
		}
		return r.handle(c, who)
	}
}

// admit applies the table: it is the only place that does.
func (s *Server) admit(c echo.Context, e entry) (caller, error) {
	switch {
	case e == public || e == enrolling:
		return caller{}, nil
	case e == founding && s.replica.Roster().Len() == 0:
		return caller{}, s.checkSetup(c.Request())
	}
	who, err := s.authenticate(c)
	if err != nil {
		return who, err
	}
	c.Set(callerKey, who)
	if err := s.limits.device(who.device); err != nil {
		return who, err
	}
	switch {
	case e == deliverer:
		return who, nil
	case who.revoked:
		return who, syncproto.Refuse(syncproto.CodeUnauthorized, "this device was revoked: it may only deliver what it holds")
	case e != device && !who.may(syncproto.RightRoster):
		return who, syncproto.Refuse(syncproto.CodeUnauthorized, "only a coordinator may do this")
	}
	return who, nil
}

// callerKey is where observe finds the caller for the log.
const callerKey = "caller"
