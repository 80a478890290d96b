package fieldclient

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"kua/internal/dpop"
	"kua/syncproto"
)

// Server is the server that this laptop syncs with.
type Server struct {
	URL string             `cbor:"1,keyasint"` // without a trailing slash
	ID  syncproto.DeviceID `cbor:"2,keyasint"`
}

// Remote speaks docs/protocol.md §9 with one server. What comes back is untrusted: bounded and verified.
type Remote struct {
	base   string
	http   *http.Client
	prover dpop.Prover
	using  func() (end func()) // keeps the prover's key while it signs
	now    func() time.Time
	pace   pace

	mu      sync.Mutex // guards what follows
	nonce   string
	access  string
	expires time.Time
	piece   int64 // bytes of the next piece of an attachment; 0 before the first
}

const (
	maxAnswer = 16 << 20 // bytes
	maxHeader = 64 << 10
	tries     = 5
	patient   = 2 // tries of what stalled
)

// NewRemote returns a connection to a server for this laptop.
func (c *Client) NewRemote(base string) *Remote {
	transport := c.cfg.Transport
	if transport == nil {
		transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}, DisableCompression: true,
			MaxIdleConnsPerHost: 4, Proxy: http.ProxyFromEnvironment, DialContext: dial, TLSHandshakeTimeout: 30 * time.Second, MaxResponseHeaderBytes: maxHeader}
	}
	return &Remote{base: base, now: c.cfg.Now, using: c.using, pace: fieldPace(),
		prover: dpop.Prover{Key: c.keys.signing, Now: c.cfg.Now, Rand: c.cfg.Rand},
		http: &http.Client{Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// RemoteError is a server's refusal.
type RemoteError struct {
	Status  int
	Problem syncproto.Problem
	after   time.Duration
}

// Error returns what the server said.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("the server answered %d (%s): %s", e.Status, e.Problem.Code, e.Problem.Detail)
}

// ErrUnreachable says that no answer came. What was sent may or may not have arrived; nothing is lost, the next sync
// asks again.
var ErrUnreachable = errors.New("the server cannot be reached")

// ErrOpenLine says that a server's address would send who syncs what in clear. Nothing was sent.
var ErrOpenLine = errors.New("the address of the server must begin with https:// unless it is on this machine; nothing was sent")

// sealedLine reports whether a server is reached over TLS, or is on this machine.
func sealedLine(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// request is one call. Body may be sent several times.
type request struct {
	method, path string
	body         []byte
	contentType  string
	encoding     string
	headers      map[string]string
	anonymous    bool
	part         *[]byte // keeps what came of the answer over a lost connection; the next try asks for the rest
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request, with a fresh proof each time, and tries again after a stale nonce, a full server or a lost
// connection, with full jitter.
func (r *Remote) do(ctx context.Context, q request) (*answer, error) {
	if !sealedLine(r.base) {
		return nil, fmt.Errorf("%w: %s", ErrOpenLine, plainLine(r.base))
	}
	for try := 1; ; try++ {
		a, err := r.once(ctx, q)
		var refusal *RemoteError
		switch {
		case err == nil:
			return a, nil
		case errors.As(err, &refusal) && refusal.Problem.Code == "use-dpop-nonce" && try < tries:
			continue
		case errors.As(err, &refusal) && refusal.Status != http.StatusTooManyRequests && refusal.Status != http.StatusServiceUnavailable:
			return nil, err
		case refusal == nil && !errors.Is(err, ErrUnreachable):
			return nil, err
		case try == tries, ctx.Err() != nil, errors.Is(err, errTooLong), errors.Is(err, ErrStalled) && try >= patient:
			return nil, err
		}
		if err := r.pause(ctx, try, refusal); err != nil {
			return nil, err
		}
	}
}

// pause waits between nothing and a doubling bound, but at least as long as the server asked for.
func (r *Remote) pause(ctx context.Context, try int, refusal *RemoteError) error {
	var b [2]byte
	if _, err := io.ReadFull(r.prover.Rand, b[:]); err != nil {
		return err
	}
	d := 200 * time.Millisecond << try * time.Duration(binary.BigEndian.Uint16(b[:])) >> 16
	if refusal != nil {
		d += refusal.after
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// once sends a request one time and reads the answer to its end, as long as the line keeps its pace.
func (r *Remote) once(ctx context.Context, q request) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, r.base+q.path, nil)
	if err != nil {
		return nil, err
	}
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	if q.encoding != "" {
		req.Header.Set("Content-Encoding", q.encoding)
	}
	for k, v := range q.headers {
		req.Header.Set(k, v)
	}
	if q.part != nil && len(*q.part) > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(*q.part)))
	}
	if !q.anonymous {
		if err := r.authorise(ctx, req); err != nil {
			return nil, err
		}
	}
	watched, x := r.pace.watch(ctx)
	defer x.end()
	req = req.WithContext(watched)
	if len(q.body) > 0 {
		req.ContentLength = int64(len(q.body))
		req.GetBody = func() (io.ReadCloser, error) { return x.body(q.body), nil }
		req.Body = x.body(q.body)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, lost(watched, err)
	}
	defer res.Body.Close()
	r.keepNonce(res.Header)
	body, err := io.ReadAll(io.LimitReader(metered{res.Body, x}, maxAnswer+1))
	if q.part != nil && res.StatusCode/100 == 2 {
		if res.StatusCode != http.StatusPartialContent {
			*q.part = nil
		}
		*q.part = append(*q.part, body...)
		body = *q.part
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the server's answer is over %d bytes", maxAnswer)
	}
	if err != nil {
		return nil, lost(watched, err)
	}
	if res.StatusCode/100 != 2 {
		return nil, refusalOf(res, body)
	}
	return &answer{res.StatusCode, res.Header, body}, nil
}

// lost says how a line was lost.
func lost(watched context.Context, err error) error {
	if cause := context.Cause(watched); errors.Is(cause, ErrUnreachable) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func refusalOf(res *http.Response, body []byte) error {
	e := &RemoteError{Status: res.StatusCode}
	_ = json.Unmarshal(body, &e.Problem) // an answer that is not a problem document keeps its status
	e.Problem.Code, e.Problem.Detail = syncproto.Code(plainLine(string(e.Problem.Code))), plainLine(e.Problem.Detail)
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 && s <= 300 {
		e.after = time.Duration(s) * time.Second
	}
	return e
}

const maxDetail = 500

// plainLine bounds a server's words and keeps them to one line of plain text: they are shown on a terminal, which would
// obey more.
func plainLine(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail] + "…"
	}
	return printable(s)
}

func (r *Remote) keepNonce(h http.Header) {
	if n := h.Get("DPoP-Nonce"); n != "" {
		r.mu.Lock()
		r.nonce = n
		r.mu.Unlock()
	}
}

// authorise adds an access token, fetched if need be, and a proof for this very request.
func (r *Remote) authorise(ctx context.Context, req *http.Request) error {
	defer r.using()()
	access, err := r.token(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	nonce := r.nonce
	r.mu.Unlock()
	proof, err := r.prover.Proof(req.Method, req.URL.String(), access, nonce)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "DPoP "+access)
	req.Header.Set("DPoP", proof)
	return nil
}

// token returns an access token that lives for a while yet. Its life is counted on the monotonic clock from when it
// came: the laptop's date may be wrong.
func (r *Remote) token(ctx context.Context) (string, error) {
	r.mu.Lock()
	access, fresh := r.access, time.Now().Before(r.expires)
	r.mu.Unlock()
	if fresh {
		return access, nil
	}
	for try := 1; ; try++ {
		err := r.fetchToken(ctx)
		var refusal *RemoteError
		if errors.As(err, &refusal) && refusal.Problem.Code == "use-dpop-nonce" && try < tries {
			continue
		}
		if err != nil {
			return "", err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.access, nil
	}
}

func (r *Remote) fetchToken(ctx context.Context) error {
	defer r.using()()
	r.mu.Lock()
	nonce := r.nonce
	r.mu.Unlock()
	assertion, err := r.prover.Assertion(r.base+"/v1/token", nonce)
	if err != nil {
		return err
	}
	proof, err := r.prover.Proof(http.MethodPost, r.base+"/v1/token", "", nonce)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"client_assertion": assertion})
	if err != nil {
		return err
	}
	a, err := r.once(ctx, request{method: http.MethodPost, path: "/v1/token", body: body, contentType: "application/json",
		headers: map[string]string{"DPoP": proof}, anonymous: true})
	if err != nil {
		return err
	}
	var got struct {
		Access  string `json:"access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || got.Access == "" {
		return fmt.Errorf("the server's token answer does not parse")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.access, r.expires = got.Access, time.Now().Add(time.Duration(got.Expires-30)*time.Second)
	return nil
}

// exchange sends a message and decodes the answer into out.
func (r *Remote) exchange(ctx context.Context, method, path string, in, out any) error {
	q := request{method: method, path: path}
	if in != nil {
		body, err := syncproto.EncodeMessage(in)
		if err != nil {
			return err
		}
		q.body, q.contentType = body, "application/cbor"
	}
	a, err := r.do(ctx, q)
	if err != nil || out == nil {
		return err
	}
	return syncproto.DecodeMessage(a.body, out)
}

// Hello asks the server who it is, and what its clock says against ours.
func (r *Remote) Hello(ctx context.Context) (syncproto.Hello, clockState, error) {
	var h syncproto.Hello
	before := r.now()
	a, err := r.do(ctx, request{method: http.MethodGet, path: "/v1/hello", anonymous: true})
	if err != nil {
		return h, clockState{}, err
	}
	after := r.now()
	if err := syncproto.DecodeMessage(a.body, &h); err != nil {
		return h, clockState{}, err
	}
	half := after.Sub(before) / 2
	return h, clockState{OffsetMillis: int64(h.Time) - before.Add(half).UnixMilli(), ErrorMillis: max(half.Milliseconds(), 1), At: uint64(after.UnixMilli())}, nil
}
