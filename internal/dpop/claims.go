package dpop

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The values of typ. Each says what a token is for, so that none can be used as another (RFC 8725 §3.11).
const (
	TypeAssertion = "kua-assertion+jwt"
	TypeProof     = "dpop+jwt"
	TypeAccess    = "at+jwt"
)

// ErrToken is the cause of every refusal in this package. Whoever sees it refuses the token; there is no error
// after which a token is half good (CVE-2024-51744).
var ErrToken = errors.New("token refused")

// Claims are all claims that a token of ours can carry. A claim that is absent is the zero value; in a token that
// was read, a claim that is present is never empty, has exactly its JSON type, and occurred once.
type Claims struct {
	Issuer     string           `json:"iss,omitempty"`
	Subject    string           `json:"sub,omitempty"`
	Audience   string           `json:"aud,omitempty"`
	Client     string           `json:"client_id,omitempty"`
	ID         string           `json:"jti,omitempty"`
	Nonce      string           `json:"nonce,omitempty"`
	Method     string           `json:"htm,omitempty"`
	URL        string           `json:"htu,omitempty"`
	AccessHash string           `json:"ath,omitempty"`
	IssuedAt   *jwt.NumericDate `json:"iat,omitempty"`
	Expires    *jwt.NumericDate `json:"exp,omitempty"`
	NotBefore  *jwt.NumericDate `json:"nbf,omitempty"`
	Confirm    *Confirm         `json:"cnf,omitempty"`
}

// Confirm is the cnf claim (RFC 9449 §6.1): the thumbprint of the key that must sign each proof.
type Confirm struct {
	Thumbprint string `json:"jkt"`
}

// UnmarshalJSON reads claims strictly; in particular aud must be one string, never a list.
func (c *Claims) UnmarshalJSON(raw []byte) error {
	members, err := object(raw)
	if err != nil {
		return err
	}
	*c = Claims{}
	texts := map[string]*string{
		"iss": &c.Issuer, "sub": &c.Subject, "aud": &c.Audience, "client_id": &c.Client, "jti": &c.ID,
		"nonce": &c.Nonce, "htm": &c.Method, "htu": &c.URL, "ath": &c.AccessHash,
	}
	times := map[string]**jwt.NumericDate{"iat": &c.IssuedAt, "exp": &c.Expires, "nbf": &c.NotBefore}
	for name, value := range members {
		if into, ok := texts[name]; ok {
			*into, err = text(value)
		} else if into, ok := times[name]; ok {
			*into, err = date(value)
		} else if name == "cnf" {
			c.Confirm, err = confirm(value)
		}
		if err != nil {
			return fmt.Errorf("claim %s: %w", clip(name), err)
		}
	}
	return nil
}

func date(raw json.RawMessage) (*jwt.NumericDate, error) {
	n, err := seconds(raw)
	if err != nil {
		return nil, err
	}
	return &jwt.NumericDate{Time: time.Unix(n, 0)}, nil
}

func confirm(raw json.RawMessage) (*Confirm, error) {
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	if len(members) != 1 {
		return nil, errors.New("want jkt and nothing else")
	}
	jkt, err := text(members["jkt"])
	if err != nil {
		return nil, fmt.Errorf("jkt: %w", err)
	}
	return &Confirm{Thumbprint: jkt}, nil
}

// The getters let the jwt library validate Claims.

func (c *Claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }
func (c *Claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.IssuedAt, nil }
func (c *Claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c *Claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *Claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *Claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

// Header is the protected header of a token. Key is set in a proof and nowhere else; KeyID only in an access token.
type Header struct {
	Type  string
	KeyID string
	Key   ed25519.PublicKey
}

// Sign makes a token of type typ. The header holds kid if keyID is not empty and the public jwk if embed is true.
func Sign(key ed25519.PrivateKey, typ, keyID string, embed bool, claims *Claims) (string, error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", fmt.Errorf("signing %s: private key has %d bytes instead of %d", typ, len(key), ed25519.PrivateKeySize)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	t.Header["typ"] = typ
	if keyID != "" {
		t.Header["kid"] = keyID
	}
	if embed {
		t.Header["jwk"] = jwkOf(key.Public().(ed25519.PublicKey))
	}
	raw, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("signing %s: %w", typ, err)
	}
	if len(raw) > MaxToken {
		return "", fmt.Errorf("signing %s: %d bytes are more than %d", typ, len(raw), MaxToken)
	}
	return raw, nil
}

// Read checks the form and the signature of a token of type typ and returns its claims. The header may hold alg
// and typ, with jwk in a proof and kid in an access token, and nothing else: crit, jku, x5u, x5c, b64 and zip are refused by that.
// The key comes from pick alone. No option is needed to be safe in form; options judge the claims, and without
// any no claim is judged.
func Read(raw, typ string, pick func(Header, *Claims) (ed25519.PublicKey, error), options ...jwt.ParserOption) (*Claims, error) {
	header, err := readHeader(raw, typ)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w: %w", typ, ErrToken, err)
	}
	base := []jwt.ParserOption{jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding()}
	if len(options) == 0 {
		base = append(base, jwt.WithoutClaimsValidation())
	}
	claims := new(Claims)
	token, err := jwt.NewParser(append(base, options...)...).ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) {
		key, err := pick(header, claims)
		if err != nil {
			return nil, err
		}
		return key, CheckKey(key)
	})
	if err != nil || !token.Valid {
		return nil, fmt.Errorf("reading %s: %w: %w", typ, ErrToken, err)
	}
	return claims, nil
}

func readHeader(raw, typ string) (Header, error) {
	first, _, _, err := split(raw)
	if err != nil {
		return Header{}, err
	}
	plain, err := decode64(first)
	if err != nil {
		return Header{}, fmt.Errorf("header: %w", err)
	}
	members, err := object(plain)
	if err != nil {
		return Header{}, fmt.Errorf("header: %w", err)
	}
	var h Header
	var alg string
	for name, value := range members {
		switch {
		case name == "alg":
			alg, err = text(value)
		case name == "typ":
			h.Type, err = text(value)
		case name == "kid" && typ == TypeAccess:
			h.KeyID, err = text(value)
		case name == "jwk" && typ == TypeProof:
			h.Key, err = parseJWK(value)
		default:
			err = errors.New("not allowed")
		}
		if err != nil {
			return Header{}, fmt.Errorf("header %q: %w", clip(name), err)
		}
	}
	if alg != "EdDSA" {
		return Header{}, fmt.Errorf("alg is %q instead of EdDSA", clip(alg))
	}
	if h.Type != typ {
		return Header{}, fmt.Errorf("typ is %q instead of %q", clip(h.Type), typ)
	}
	return h, nil
}
