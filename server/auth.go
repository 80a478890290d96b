package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/labstack/echo/v4"

	"kua/internal/replica"
	"kua/internal/setupcode"
	"kua/server/token"
	"kua/syncproto"
)

// caller is who sends a request, as far as the door wants to know. It is zero at public doors.
type caller struct {
	device  syncproto.DeviceID
	person  syncproto.PersonID
	revoked bool
	roster  *syncproto.Roster // as it was when the request came
}

// may reports whether the caller holds a right by any of their grants.
func (w caller) may(right syncproto.Right) bool {
	return !w.revoked && w.roster.RightsNow(w.person, &syncproto.Standing{Registry: true}).Has(right)
}

// reads reports whether the caller may pull a scope (docs/protocol.md §11, I15).
func (w caller) reads(s *syncproto.Standing) bool {
	return !w.revoked && w.roster.MayRead(w.person, s)
}

// authenticate checks the token and the proof of possession of a request.
func (s *Server) authenticate(c echo.Context) (caller, error) {
	r := c.Request()
	session, err := s.tokens.Check(r.Context(), s.tokenRequest(r))
	if err != nil {
		return caller{}, err
	}
	roster := s.replica.Roster()
	d, ok := roster.Device(syncproto.DeviceID(session.Device))
	if !ok {
		return caller{}, unauthenticated("this device is not in the roster")
	}
	return caller{d.ID, d.Owner, d.Revoked(), roster}, nil
}

// tokenRequest is what the token issuer looks at. The URL is that of the configuration, not that of Host.
func (s *Server) tokenRequest(r *http.Request) token.Request {
	return token.Request{
		Method: r.Method, URL: s.url + r.URL.EscapedPath(),
		Authorization: r.Header.Values(echo.HeaderAuthorization), Proof: r.Header.Values("DPoP"),
	}
}

// setupHeader carries the setup code with the first roster.
const setupHeader = "Kua-Setup"

// checkSetup compares the setup code of a request with the one that is still to be used.
func (s *Server) checkSetup(r *http.Request) error {
	want, err := readMeta(r.Context(), s.db.Read, metaSetup)
	if err != nil {
		return err
	}
	values := r.Header.Values(setupHeader)
	if len(values) != 1 {
		return unauthenticated("the roster is empty: the request needs one %s header with the code that `kua-server init` printed", setupHeader)
	}
	code, err := setupcode.Parse(values[0])
	if err != nil {
		return unauthenticated("%v", err)
	}
	got := sha256.Sum256(code.Secret[:])
	if subtle.ConstantTimeCompare(got[:], want)&subtle.ConstantTimeCompare(code.Server[:], s.id[:]) != 1 {
		return unauthenticated("the setup code is not this server's, or was used before")
	}
	return nil
}

// scopeParam returns the scope that the path names.
func scopeParam(c echo.Context) (syncproto.ScopeID, error) {
	id, err := syncproto.ParseScopeID(c.Param("scope"))
	if err != nil {
		return id, errNotFound
	}
	return id, nil
}

// readable returns the scope that the path names if the caller may read it. Who may not cannot tell it from one that
// does not exist (docs/protocol.md §11, I15).
func (s *Server) readable(c echo.Context, who caller) (replica.ScopeState, error) {
	id, err := scopeParam(c)
	if err != nil {
		return replica.ScopeState{}, err
	}
	scope, ok := s.scope(id)
	if !ok || !who.reads(&scope.Standing) {
		return replica.ScopeState{}, errNotFound
	}
	return scope, nil
}

// scope returns a scope that has been opened. The registry is open from the first roster record on.
func (s *Server) scope(id syncproto.ScopeID) (replica.ScopeState, bool) {
	scope, ok := s.replica.Scope(id)
	roster := s.replica.Roster()
	if !ok && roster.Len() > 0 && id == roster.Registry() {
		return replica.ScopeState{Scope: id, Standing: syncproto.Standing{Registry: true}}, true
	}
	return scope, ok
}

// scopes returns every scope that has been opened.
func (s *Server) scopes() []replica.ScopeState {
	out := s.replica.Scopes()
	roster := s.replica.Roster()
	if _, ok := s.replica.Scope(roster.Registry()); ok || roster.Len() == 0 {
		return out
	}
	registry, _ := s.scope(roster.Registry())
	return append(out, registry)
}
