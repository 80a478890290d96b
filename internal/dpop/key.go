// Package dpop is the format of the short tokens that bind a device to its requests: the client assertion and
// the DPoP proof (RFC 9449) that a laptop makes, and the strict reading of them that the server needs.
//
// Every token here is a JWT in compact form signed with Ed25519. Nothing in this package judges time: a device's
// clock may be wrong by years, and only a nonce that the server issued shows that a token is fresh.
package dpop

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrKey is the cause of every refusal of a public key: wrong type, wrong size, small order or not canonical.
var ErrKey = errors.New("not an acceptable Ed25519 public key")

// DeviceID is the first 16 bytes of the SHA-256 of a device's Ed25519 public key (docs/protocol.md §1).
type DeviceID [16]byte

// DeviceOf returns the id of the device that owns key.
func DeviceOf(key ed25519.PublicKey) DeviceID {
	sum := sha256.Sum256(key)
	return DeviceID(sum[:16])
}

// String returns the id in unpadded base64url, as it stands in iss and sub.
func (d DeviceID) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// ParseDeviceID reads what [DeviceID.String] wrote, and nothing else.
func ParseDeviceID(s string) (DeviceID, error) {
	raw, err := decode64(s)
	if err != nil || len(raw) != len(DeviceID{}) {
		return DeviceID{}, fmt.Errorf("reading device id: want 16 bytes in unpadded base64url, got %d characters", len(s))
	}
	return DeviceID(raw), nil
}

// Thumbprint returns the RFC 7638 thumbprint of key in unpadded base64url, the value of cnf.jkt. The key must be
// 32 bytes long; see [CheckKey].
func Thumbprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(key) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// lowOrderY are the y coordinates (little endian, RFC 8032 §5.1.2) of the eight points whose order divides 8.
// A signature under such a key can be valid for any message.
var lowOrderY = [...]string{
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
	"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
	"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
	"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
}

// CheckKey refuses a key that is not 32 bytes, whose y coordinate is not reduced modulo 2^255-19, or whose order
// divides 8. It does not prove that the point is on the curve; a signature check does.
func CheckKey(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrKey, len(key), ed25519.PublicKeySize)
	}
	y := append([]byte(nil), key...)
	y[31] &= 0x7f
	if y[31] == 0x7f && y[0] >= 0xed && strings.Count(string(y[1:31]), "\xff") == 30 {
		return fmt.Errorf("%w: coordinate not reduced", ErrKey)
	}
	for _, low := range lowOrderY {
		if string(y) == low {
			return fmt.Errorf("%w: small order", ErrKey)
		}
	}
	return nil
}

// jwk is the public part of an Ed25519 key as RFC 8037 §2 writes it.
type jwk struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
}

func jwkOf(key ed25519.PublicKey) jwk {
	return jwk{Curve: "Ed25519", Type: "OKP", X: base64.RawURLEncoding.EncodeToString(key)}
}

// parseJWK accepts exactly the three members of a public key, so that a private key (d), a certificate (x5c) or
// an address to fetch from (x5u) can never travel in a proof.
func parseJWK(raw json.RawMessage) (ed25519.PublicKey, error) {
	members, err := object(raw)
	if err != nil {
		return nil, fmt.Errorf("reading jwk: %w", err)
	}
	var k jwk
	for name, value := range members {
		into, known := map[string]*string{"crv": &k.Curve, "kty": &k.Type, "x": &k.X}[name]
		if !known {
			return nil, fmt.Errorf("reading jwk: member %q is not allowed", clip(name))
		}
		if *into, err = text(value); err != nil {
			return nil, fmt.Errorf("reading jwk: %s: %w", name, err)
		}
	}
	if k.Type != "OKP" || k.Curve != "Ed25519" {
		return nil, fmt.Errorf("reading jwk: %w: want kty OKP and crv Ed25519", ErrKey)
	}
	key, err := decode64(k.X)
	if err != nil {
		return nil, fmt.Errorf("reading jwk: x: %w", err)
	}
	if err := CheckKey(key); err != nil {
		return nil, fmt.Errorf("reading jwk: %w", err)
	}
	return key, nil
}
