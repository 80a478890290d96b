package dpop

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// AssertionLife is the longest time between iat and exp of an assertion.
const AssertionLife = 5 * time.Minute

// maxID bounds jti and nonce, in characters.
const maxID = 128

// Proof is a DPoP proof (RFC 9449 §4.2) whose form and signature are good. Whether it fits a request and is
// fresh is for the server to say.
type Proof struct {
	Key        ed25519.PublicKey // the signer, from the header
	Thumbprint string            // of Key, RFC 7638
	ID         string            // jti
	Method     string            // htm
	URL        string            // htu, normalised
	AccessHash string            // ath, "" if absent
	Nonce      string            // "" if absent
	DeviceTime time.Time         // iat: what the device believes; never judged, the nonce stands in its place
}

// ParseProof reads one DPoP header.
func ParseProof(raw string) (Proof, error) {
	var key ed25519.PublicKey
	c, err := Read(raw, TypeProof, func(h Header, _ *Claims) (ed25519.PublicKey, error) {
		key = h.Key
		return key, nil
	})
	if err != nil {
		return Proof{}, err
	}
	if err := c.need("jti", "htm", "htu", "iat"); err != nil {
		return Proof{}, fmt.Errorf("reading %s: %w: %w", TypeProof, ErrToken, err)
	}
	target, err := Target(c.URL)
	if err != nil || strings.ContainsAny(c.URL, "?#") {
		return Proof{}, fmt.Errorf("reading %s: %w: htu is not an http(s) URL without query and fragment", TypeProof, ErrToken)
	}
	return Proof{
		Key: key, Thumbprint: Thumbprint(key), ID: c.ID, Method: c.Method, URL: target,
		AccessHash: c.AccessHash, Nonce: c.Nonce, DeviceTime: c.IssuedAt.Time,
	}, nil
}

// Fits reports as an error how the proof differs from the request: its method, its absolute URL (query and
// fragment ignored) and its access token ("" when there is none, as at the token endpoint).
func (p Proof) Fits(method, rawURL, access string) error {
	target, err := Target(rawURL)
	if err != nil {
		return err
	}
	switch {
	case p.Method != method:
		return fmt.Errorf("%w: proof is for method %q", ErrToken, clip(p.Method))
	case p.URL != target:
		return fmt.Errorf("%w: proof is for another URL", ErrToken)
	case access == "" && p.AccessHash != "":
		return fmt.Errorf("%w: proof names an access token where none is used", ErrToken)
	case access != "" && p.AccessHash != AccessHash(access):
		return fmt.Errorf("%w: proof is for another access token", ErrToken)
	}
	return nil
}

// AccessHash returns the ath claim for an access token (RFC 9449 §4.2).
func AccessHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Target returns an absolute URL as htu names it: without query and fragment, scheme and host in lower case, no
// default port, "/" for an empty path (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3). The path stays as it is written.
func Target(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("reading request URL: not a URL")
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme != "http" && scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return "", errors.New("reading request URL: want http(s)://host/path without user")
	}
	switch {
	case scheme == "http" && u.Port() == "80":
		host = strings.TrimSuffix(host, ":80")
	case scheme == "https" && u.Port() == "443":
		host = strings.TrimSuffix(host, ":443")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, nil
}

// Assertion is a client assertion (RFC 7523 §3) whose form is good and whose signer is the device it names.
type Assertion struct {
	Device     DeviceID
	ID         string    // jti
	Audience   string    // the token URL it was made for
	Nonce      string    // "" if absent
	DeviceTime time.Time // iat: what the device believes; never judged, the nonce stands in its place
}

// ParseAssertion reads a client assertion. keyOf returns the public key of a device; the signature must be by it,
// and the device id must be that key's.
func ParseAssertion(raw string, keyOf func(DeviceID) (ed25519.PublicKey, error)) (Assertion, error) {
	var device DeviceID
	c, err := Read(raw, TypeAssertion, func(_ Header, c *Claims) (key ed25519.PublicKey, err error) {
		if err := c.need("iss", "sub", "aud", "jti", "iat", "exp"); err != nil {
			return nil, err
		}
		if c.Issuer != c.Subject {
			return nil, errors.New("iss and sub differ")
		}
		if device, err = ParseDeviceID(c.Subject); err != nil {
			return nil, err
		}
		if key, err = keyOf(device); err != nil {
			return nil, err
		}
		if DeviceOf(key) != device {
			return nil, errors.New("device id is not that of the key")
		}
		return key, nil
	})
	if err != nil {
		return Assertion{}, err
	}
	if life := c.Expires.Sub(c.IssuedAt.Time); life <= 0 || life > AssertionLife {
		return Assertion{}, fmt.Errorf("reading %s: %w: exp is not within %v after iat", TypeAssertion, ErrToken, AssertionLife)
	}
	return Assertion{Device: device, ID: c.ID, Audience: c.Audience, Nonce: c.Nonce, DeviceTime: c.IssuedAt.Time}, nil
}

// need reports the first of the named claims that is absent, and a jti or nonce that is too long.
func (c *Claims) need(names ...string) error {
	present := map[string]bool{
		"iss": c.Issuer != "", "sub": c.Subject != "", "aud": c.Audience != "", "jti": c.ID != "",
		"htm": c.Method != "", "htu": c.URL != "", "iat": c.IssuedAt != nil, "exp": c.Expires != nil,
	}
	for _, name := range names {
		if !present[name] {
			return fmt.Errorf("claim %s is missing", name)
		}
	}
	if len(c.ID) > maxID || len(c.Nonce) > maxID {
		return fmt.Errorf("jti or nonce is longer than %d characters", maxID)
	}
	return nil
}
