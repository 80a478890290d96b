package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/server/tilelog"
	"kua/server/token"
	"kua/syncproto"
)

// Codes of answers that only the transport knows.
const (
	codeUseNonce syncproto.Code = "use-dpop-nonce" // send the request again with the nonce of this answer
	codeFault    syncproto.Code = "fault"          // the server's own: try again later
	codeMethod   syncproto.Code = "method"
)

// statuses is the one table from codes to HTTP statuses. What is not in it is a 400.
var statuses = map[syncproto.Code]int{
	syncproto.CodeTooLarge:     http.StatusRequestEntityTooLarge,
	syncproto.CodeRosterStale:  http.StatusConflict,
	syncproto.CodeUnauthorized: http.StatusForbidden,
	syncproto.CodeNotFound:     http.StatusNotFound,
	syncproto.CodeLimited:      http.StatusTooManyRequests,
	codeFault:                  http.StatusInternalServerError,
	codeOffset:                 http.StatusConflict,
	codeQuota:                  http.StatusInsufficientStorage,
	codeMethod:                 http.StatusMethodNotAllowed,
}

var errNotFound = syncproto.Refuse(syncproto.CodeNotFound, "there is nothing here that this device may see")

// later is an error that ends by itself.
type later struct {
	status int // 429 or 503
	after  time.Duration
	err    error
}

func (e *later) Error() string { return e.err.Error() }
func (e *later) Unwrap() error { return e.err }

// busy is the answer to work that the server cannot take now.
func busy(after time.Duration, format string, args ...any) error {
	return &later{http.StatusServiceUnavailable, after, syncproto.Refuse(syncproto.CodeLimited, format, args...)}
}

// unauthenticated is the answer to a request that does not say who sends it.
func unauthenticated(format string, args ...any) error {
	return &refusal401{syncproto.Refuse(syncproto.CodeUnauthorized, format, args...)}
}

type refusal401 struct{ err error }

func (e *refusal401) Error() string { return e.err.Error() }
func (e *refusal401) Unwrap() error { return e.err }

// problemOf renders an error: its status, its code, and a detail that tells nothing of the server's inside.
func problemOf(err error) syncproto.Problem {
	p := syncproto.Problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: codeFault}
	var refused *token.Refusal
	var nobody *refusal401
	var wait *later
	var large *http.MaxBytesError
	var routing *echo.HTTPError
	switch {
	case errors.As(err, &refused):
		p.Status, p.Code, p.Detail = refused.Status(), syncproto.CodeUnauthorized, string(refused.Code)
		if refused.Code == token.UseNonce {
			p.Code = codeUseNonce
		}
	case errors.As(err, &nobody):
		p.Status, p.Code, p.Detail = http.StatusUnauthorized, syncproto.CodeUnauthorized, err.Error()
	case errors.As(err, &wait):
		p.Status, p.Code, p.Detail = wait.status, syncproto.CodeLimited, err.Error()
	case errors.As(err, &large):
		p.Code, p.Detail = syncproto.CodeTooLarge, fmt.Sprintf("the request has more than %d bytes", large.Limit)
		p.Status = http.StatusRequestEntityTooLarge
	case errors.Is(err, replica.ErrNotFound), errors.Is(err, tilelog.ErrNotFound):
		p.Status, p.Code, p.Detail = http.StatusNotFound, syncproto.CodeNotFound, "not found"
	case syncproto.CodeOf(err) != "":
		p.Code, p.Detail = syncproto.CodeOf(err), err.Error()
		p.Status = http.StatusBadRequest
		if status, ok := statuses[p.Code]; ok {
			p.Status = status
		}
	case errors.As(err, &routing):
		p.Status, p.Code = routing.Code, syncproto.CodeNotFound
		if routing.Code == http.StatusMethodNotAllowed {
			p.Code = codeMethod
		}
	case errors.Is(err, context.Canceled):
		p.Status, p.Code, p.Detail = http.StatusServiceUnavailable, syncproto.CodeLimited, "the request was given up"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// handleError answers every error of a handler as problem details (RFC 9457).
func (s *Server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := problemOf(err)
	h := c.Response().Header()
	var wait *later
	var refused *token.Refusal
	switch {
	case errors.As(err, &wait):
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(wait.after.Seconds()))))
	case p.Status == http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, "5")
	case errors.As(err, &refused):
		h.Set(echo.HeaderWWWAuthenticate, refused.Challenge())
	case p.Status == http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, `DPoP algs="EdDSA"`)
	}
	if p.Status == http.StatusInternalServerError {
		s.log.Error("a request failed", "route", c.Path(), "error", err)
	}
	body, _ := jsonBytes(p)
	h.Set(echo.HeaderContentType, "application/problem+json")
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	c.Response().WriteHeader(p.Status)
	if c.Request().Method != http.MethodHead {
		c.Response().Write(body)
	}
}
