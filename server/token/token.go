// Package token keeps device sessions: it turns a client assertion into an access token of five minutes that is
// bound to the device key, and checks the DPoP proof (RFC 9449) that comes with every request after that.
//
// Two clocks meet here. What a device made is never judged by time: its clock may be wrong by years, so a nonce
// that this process issued stands in the place of iat and exp. What the server made is judged by the server's clock.
package token

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"kua/internal/dpop"
)

const (
	// AccessLife is how long an access token lasts.
	AccessLife = 5 * time.Minute
	// NonceLife is how long a nonce is good for.
	NonceLife = 5 * time.Minute
	// leeway forgives a step of the server's own clock.
	leeway = 30 * time.Second
)

// ErrNoDevice is what Config.Device answers for a device that is unknown, not approved or revoked.
var ErrNoDevice = errors.New("no device with this id may have a session")

// Config is what an Issuer needs. All fields but Previous are required.
type Config struct {
	Issuer   string // iss of access tokens: the server's identity
	Audience string // aud of access tokens: the one service that they open
	TokenURL string // absolute URL of the token endpoint, compared exactly with aud of an assertion

	Key      ed25519.PrivateKey  // signs access tokens
	Previous []ed25519.PublicKey // still accepted: keep a key here for AccessLife + 30 s after it was replaced

	// Device returns the key of a device that may have a session now, or an error that is ErrNoDevice. It is asked
	// at every exchange and every request, so that a revocation works at once. Any other error is a fault of the
	// server and answered as such.
	Device func(context.Context, dpop.DeviceID) (ed25519.PublicKey, error)

	Now     func() time.Time // readings with a monotonic part make nonces immune to steps of the wall clock
	Rand    io.Reader        // for jti and the nonce secret
	Replays int              // proofs remembered in one NonceLife, about 100 bytes each; 0 means 1<<17
}

// Issuer makes and checks access tokens. It is safe for concurrent use. Its nonces and its memory of proofs live
// in the process: one process serves one Audience.
type Issuer struct {
	cfg    Config
	keyID  string
	keys   map[string]ed25519.PublicKey // by kid; fixed
	nonces *nonces
	seen   *replays
}

// New checks the configuration and draws the nonce secret.
func New(cfg Config) (*Issuer, error) {
	if cfg.Issuer == "" || cfg.Audience == "" || cfg.Device == nil || cfg.Now == nil || cfg.Rand == nil {
		return nil, errors.New("opening token issuer: Issuer, Audience, Device, Now and Rand are required")
	}
	if _, err := dpop.Target(cfg.TokenURL); err != nil {
		return nil, fmt.Errorf("opening token issuer: TokenURL: %w", err)
	}
	if len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("opening token issuer: signing key has %d bytes instead of %d", len(cfg.Key), ed25519.PrivateKeySize)
	}
	if cfg.Replays == 0 {
		cfg.Replays = 1 << 17
	}
	current := cfg.Key.Public().(ed25519.PublicKey)
	keys := make(map[string]ed25519.PublicKey)
	for _, key := range append([]ed25519.PublicKey{current}, cfg.Previous...) {
		if err := dpop.CheckKey(key); err != nil {
			return nil, fmt.Errorf("opening token issuer: verification key: %w", err)
		}
		keys[dpop.Thumbprint(key)] = key
	}
	nonces, err := newNonces(cfg.Now, cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("opening token issuer: %w", err)
	}
	return &Issuer{
		cfg: cfg, keyID: dpop.Thumbprint(current), keys: keys,
		nonces: nonces, seen: newReplays(cfg.Replays),
	}, nil
}

// Nonce returns a fresh nonce for the DPoP-Nonce header. Every answer of the service should carry one, so that a
// device seldom needs a second round trip.
func (s *Issuer) Nonce() string { return s.nonces.issue() }

// Request is what Exchange and Check look at in an HTTP request. The slices are all values of one header, so that
// a header sent twice is seen.
type Request struct {
	Method        string
	URL           string // absolute, as the device sees it: built from configuration and path, not from Host
	Authorization []string
	Proof         []string // DPoP
}

// Grant is the answer to a good assertion: access_token, token_type DPoP and expires_in.
type Grant struct {
	Access  string
	Device  dpop.DeviceID
	Expires time.Time
}

// Session is who sent a request that passed Check.
type Session struct {
	Device  dpop.DeviceID
	Key     ed25519.PublicKey
	Expires time.Time
}

// Exchange answers the token endpoint: it checks a client assertion and the proof that comes with it, and grants
// an access token. Every error is a *Refusal.
func (s *Issuer) Exchange(ctx context.Context, r Request, assertion string) (Grant, error) {
	var key ed25519.PublicKey
	var fault error
	a, err := dpop.ParseAssertion(assertion, func(id dpop.DeviceID) (ed25519.PublicKey, error) {
		key, fault = s.cfg.Device(ctx, id)
		return key, fault
	})
	if fault != nil {
		return Grant{}, refuseDevice(InvalidClient, fault)
	}
	if err != nil {
		return Grant{}, refuse(InvalidClient, err)
	}
	if a.Audience != s.cfg.TokenURL {
		return Grant{}, refuse(InvalidClient, fmt.Errorf("assertion is for another token URL, use %s", s.cfg.TokenURL))
	}
	proof, err := s.proof(r, key, "")
	if err != nil {
		return Grant{}, err
	}
	if err := s.spend(proof.Thumbprint, a.Nonce, dpop.TypeAssertion, a.ID); err != nil {
		return Grant{}, err
	}
	if err := s.spend(proof.Thumbprint, proof.Nonce, dpop.TypeProof, proof.ID); err != nil {
		return Grant{}, err
	}
	return s.grant(a.Device, proof.Thumbprint)
}

func (s *Issuer) grant(device dpop.DeviceID, thumbprint string) (Grant, error) {
	var id [16]byte
	if _, err := io.ReadFull(s.cfg.Rand, id[:]); err != nil {
		return Grant{}, refuse(Unavailable, fmt.Errorf("drawing token id: %w", err))
	}
	now := s.cfg.Now()
	access, err := dpop.Sign(s.cfg.Key, dpop.TypeAccess, s.keyID, false, &dpop.Claims{
		Issuer: s.cfg.Issuer, Subject: device.String(), Client: device.String(), Audience: s.cfg.Audience,
		ID:       base64.RawURLEncoding.EncodeToString(id[:]),
		IssuedAt: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(now.Add(AccessLife)),
		Confirm: &dpop.Confirm{Thumbprint: thumbprint},
	})
	if err != nil {
		return Grant{}, refuse(Unavailable, err)
	}
	return Grant{Access: access, Device: device, Expires: now.Add(AccessLife)}, nil
}

// Check admits one request: a live access token of this service, a proof for exactly this request by the key that
// the token is bound to, a fresh nonce, a proof never seen, and a device that is still allowed. Every error is a
// *Refusal.
func (s *Issuer) Check(ctx context.Context, r Request) (Session, error) {
	access, err := bearer(r.Authorization)
	if err != nil {
		return Session{}, refuse(InvalidToken, err)
	}
	claims, err := s.access(access)
	if err != nil {
		return Session{}, refuse(InvalidToken, err)
	}
	device, err := dpop.ParseDeviceID(claims.Subject)
	if err != nil {
		return Session{}, refuse(InvalidToken, err)
	}
	key, err := s.cfg.Device(ctx, device)
	if err != nil {
		return Session{}, refuseDevice(InvalidToken, err)
	}
	if dpop.CheckKey(key) != nil || dpop.Thumbprint(key) != claims.Confirm.Thumbprint {
		return Session{}, refuse(InvalidToken, errors.New("token is bound to another key than the device has"))
	}
	proof, err := s.proof(r, key, access)
	if err != nil {
		return Session{}, err
	}
	if err := s.spend(proof.Thumbprint, proof.Nonce, dpop.TypeProof, proof.ID); err != nil {
		return Session{}, err
	}
	return Session{Device: device, Key: key, Expires: claims.Expires.Time}, nil
}

func bearer(values []string) (string, error) {
	if len(values) != 1 {
		return "", fmt.Errorf("want one Authorization header, got %d", len(values))
	}
	scheme, access, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "DPoP") || access == "" {
		return "", errors.New("want Authorization: DPoP <access token>")
	}
	return access, nil
}

// access reads a token that this server made, by the server's clock.
func (s *Issuer) access(raw string) (*dpop.Claims, error) {
	c, err := dpop.Read(raw, dpop.TypeAccess, func(h dpop.Header, _ *dpop.Claims) (ed25519.PublicKey, error) {
		key, known := s.keys[h.KeyID]
		if !known {
			return nil, errors.New("kid is not one of this server's keys")
		}
		return key, nil
	},
		jwt.WithTimeFunc(s.cfg.Now), jwt.WithLeeway(leeway),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithIssuer(s.cfg.Issuer), jwt.WithAudience(s.cfg.Audience),
	)
	switch {
	case err != nil:
		return nil, err
	case c.IssuedAt == nil || c.ID == "" || c.Subject == "" || c.Confirm == nil:
		return nil, errors.New("access token lacks iat, jti, sub or cnf")
	case c.Expires.Sub(c.IssuedAt.Time) > AccessLife:
		return nil, fmt.Errorf("access token lasts longer than %v", AccessLife)
	}
	return c, nil
}

// proof reads the one proof of a request; it must fit the request and be signed by key.
func (s *Issuer) proof(r Request, key ed25519.PublicKey, access string) (dpop.Proof, error) {
	if len(r.Proof) != 1 {
		return dpop.Proof{}, refuse(InvalidProof, fmt.Errorf("want one DPoP header, got %d", len(r.Proof)))
	}
	p, err := dpop.ParseProof(r.Proof[0])
	if err != nil {
		return dpop.Proof{}, refuse(InvalidProof, err)
	}
	if !p.Key.Equal(key) {
		return dpop.Proof{}, refuse(InvalidProof, errors.New("proof is by another key"))
	}
	if err := p.Fits(r.Method, r.URL, access); err != nil {
		return dpop.Proof{}, refuse(InvalidProof, err)
	}
	return p, nil
}

// spend is the last step of every check: the nonce is fresh, and the signed id was not used with this key before.
func (s *Issuer) spend(thumbprint, nonce, typ, id string) error {
	now, issued, err := s.nonces.check(nonce)
	if err != nil {
		return refuse(UseNonce, err)
	}
	switch s.seen.add(now, issued, thumbprint+"\x00"+typ+"\x00"+id) {
	case replayed:
		return refuse(InvalidProof, errors.New("token id was used before"))
	case forgotten:
		return refuse(UseNonce, errors.New("nonce is older than what is remembered"))
	}
	return nil
}
