package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"runtime"
	"slices"
	"strings"
)

// The walls around the screens. Whatever is on this laptop or on the network may send requests to a loopback port: other
// sites in the browser (also through DNS rebinding, which looks like the same origin to it), other programs, other users.
// Each wall alone would stop some of them.

// policy is what a page may do. There is no inline script and no inline style, and nothing comes from elsewhere.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// permissions lets pages ask for the microphone and the camera, and for nothing else.
const permissions = "microphone=(self), camera=(self), accelerometer=(), autoplay=(), clipboard-read=(), display-capture=(), " +
	"encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), midi=(), " +
	"payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), xr-spatial-tracking=()"

// permissionsOn adds what browsers have only on some systems: elsewhere they warn on each page of a name that they do not
// know. The browser runs on this laptop, so the system of this program is its own.
func permissionsOn(system string) string {
	if system == "linux" {
		return permissions
	}
	return permissions + ", bluetooth=(), web-share=()"
}

func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Permissions-Policy", permissionsOn(runtime.GOOS))
}

const launchPath = "/launch"

// guard lets through what comes from a page of ours, and launches.
func (s *Server) guard(next http.Handler) http.Handler {
	same := http.NewCrossOriginProtection()
	same.AddInsecureBypassPattern("POST " + launchPath) // comes from a file; its token is what counts
	checked := same.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case r.Host != s.host:
			http.Error(w, "421: this is not the address of this program", http.StatusMisdirectedRequest)
		case r.URL.Path != launchPath && !s.ours(r):
			http.Error(w, "403: this request does not come from a page of this program", http.StatusForbidden)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
			checked.ServeHTTP(w, r)
		}
	})
}

// ours reports whether the browser says that a page of ours sent the request. What says nothing is no browser page; it has
// no session either.
func (s *Server) ours(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	switch o := r.Header.Values("Origin"); {
	case len(o) == 0 || slices.Equal(o, []string{"http://" + s.host}):
	case slices.Equal(o, []string{"null"}) && site == "same-origin": // a form of a page that keeps its address to itself
	default:
		return false
	}
	switch site {
	case "", "same-origin":
		return true
	case "none": // typed, or a reload
		return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	}
	return false
}

// maxBody bounds a request. It is also what keeps forms in memory: net/http writes larger ones to temporary files, in
// clear. A door that takes more must read its body as a stream.
const maxBody = 1 << 20

// session is one browser that was let in by a launch. It lives as long as the process.
type session struct {
	secret [32]byte // of the cookie
	forms  [32]byte // makes the tokens of pages
}

// cookie has a name of its own in each process: cookies are shared between all ports of a host.
func (s *Server) setCookie(w http.ResponseWriter, se *session) {
	http.SetCookie(w, &http.Cookie{Name: s.cookie, Value: hex.EncodeToString(se.secret[:]), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (s *Server) sessionOf(r *http.Request) *session {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return nil
	}
	got, err := hex.DecodeString(c.Value)
	if err != nil || len(got) != 32 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, se := range s.sessions {
		if subtle.ConstantTimeCompare(got, se.secret[:]) == 1 {
			return se
		}
	}
	return nil
}

// csrf returns a token for the forms of one page: a nonce, and what only this session can make of it.
func (a *ask) csrf() string {
	if a.session == nil {
		return ""
	}
	var nonce [16]byte
	a.s.random(nonce[:])
	return a.session.token(nonce[:])
}

func (se *session) token(nonce []byte) string {
	sum := sha256.Sum256(slices.Concat([]byte("kua form 1\x00"), se.forms[:], nonce))
	return base64.RawURLEncoding.EncodeToString(slices.Concat(nonce, sum[:]))
}

func (se *session) holds(token string) bool {
	b, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && len(b) == 48 && subtle.ConstantTimeCompare([]byte(se.token(b[:16])), []byte(token)) == 1
}

// csrfHeader is where htmx and kua.js put a page's token.
const csrfHeader = "X-Kua-Form"

// mayChange reports whether a request that changes something carries the token of one of its session's pages. A form
// without script has it in a hidden field; a body that is read as a stream must come with the header.
func (se *session) mayChange(r *http.Request) bool {
	if t := r.Header.Get(csrfHeader); t != "" {
		return se.holds(t)
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" || r.ContentLength > maxBody || streamed(r) {
		return false
	}
	return se.holds(r.PostFormValue("csrf"))
}
