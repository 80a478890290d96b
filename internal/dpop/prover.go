package dpop

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Prover is the device's half: it signs assertions and proofs with the device key. It holds no state; the caller
// keeps the newest nonce that the server sent in DPoP-Nonce and repeats a request once after use_dpop_nonce.
type Prover struct {
	Key  ed25519.PrivateKey
	Now  func() time.Time // may be wrong by years: the server does not judge it
	Rand io.Reader        // for jti
}

// Device returns the id under which the server knows this prover.
func (p Prover) Device() DeviceID { return DeviceOf(p.Key.Public().(ed25519.PublicKey)) }

// Assertion returns the client assertion for the token endpoint at tokenURL. The nonce may be "" for a first
// call; the server then refuses and sends one.
func (p Prover) Assertion(tokenURL, nonce string) (string, error) {
	id, err := p.id()
	if err != nil {
		return "", err
	}
	device, now := p.Device().String(), p.now()
	return Sign(p.Key, TypeAssertion, "", false, &Claims{
		Issuer: device, Subject: device, Audience: tokenURL, ID: id, Nonce: nonce,
		IssuedAt: jwt.NewNumericDate(now), Expires: jwt.NewNumericDate(now.Add(AssertionLife)),
	})
}

// Proof returns the DPoP header for one request. The URL is absolute; its query and fragment are left out of the
// proof. access is the access token that the request carries, or "" at the token endpoint.
func (p Prover) Proof(method, rawURL, access, nonce string) (string, error) {
	target, err := Target(rawURL)
	if err != nil {
		return "", fmt.Errorf("making proof: %w", err)
	}
	id, err := p.id()
	if err != nil {
		return "", err
	}
	c := &Claims{ID: id, Method: method, URL: target, Nonce: nonce, IssuedAt: jwt.NewNumericDate(p.now())}
	if access != "" {
		c.AccessHash = AccessHash(access)
	}
	return Sign(p.Key, TypeProof, "", true, c)
}

// now keeps a clock before 1970 from making a token that cannot be written.
func (p Prover) now() time.Time {
	if t := p.Now(); t.Unix() > 0 {
		return t
	}
	return time.Unix(0, 0)
}

func (p Prover) id() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(p.Rand, b[:]); err != nil {
		return "", fmt.Errorf("drawing token id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
