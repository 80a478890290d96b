package syncproto

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Invitation is what a coordinator hands to a new member, in person: where the server is, which keys to expect, and a
// secret code for one enrolment (docs/protocol.md §6).
type Invitation struct {
	ID      Nonce    `cbor:"1,keyasint"`
	Code    Nonce    `cbor:"2,keyasint"` // secret; the server knows only its hash
	URL     string   `cbor:"3,keyasint"`
	Server  DeviceID `cbor:"4,keyasint"`
	Root    []byte   `cbor:"5,keyasint"` // the organisation's root key
	Name    string   `cbor:"6,keyasint"` // of the person invited
	Expires uint64   `cbor:"7,keyasint"` // Unix milliseconds
}

const invitationPrefix = "kua-invitation:"

// Text returns the invitation as text that can be written to a file or pasted. It is secret until it is used.
func (i Invitation) Text() (string, error) {
	b, err := EncodeMessage(i)
	if err != nil {
		return "", err
	}
	return invitationPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// ParseInvitation parses the form of Invitation.Text.
func ParseInvitation(text string) (Invitation, error) {
	var i Invitation
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), invitationPrefix)
	if !ok || len(rest) > 4096 {
		return i, errors.New("reading invitation: it does not begin with " + invitationPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return i, fmt.Errorf("reading invitation: it was cut or changed: %w", err)
	}
	if err := DecodeMessage(b, &i); err != nil {
		return i, fmt.Errorf("reading invitation: it was cut or changed: %w", err)
	}
	return i, CheckKey(i.Root)
}

// Announcement tells the server of an invitation. Intent is the coordinator's own note of what it is for.
type Announcement struct {
	ID      Nonce  `cbor:"1,keyasint"`
	Code    Hash   `cbor:"2,keyasint"` // SHA-256 of the code
	Expires uint64 `cbor:"3,keyasint"` // Unix milliseconds
	Intent  []byte `cbor:"4,keyasint"` // at most MaxIntent bytes
}

// MaxIntent bounds Announcement.Intent.
const MaxIntent = 1 << 10

// EnrolRequest is a new laptop's request for a certificate.
type EnrolRequest struct {
	Invitation Nonce  `cbor:"1,keyasint"`
	MAC        Hash   `cbor:"2,keyasint"` // HMAC-SHA256(code, transcript)
	Signing    []byte `cbor:"3,keyasint"` // Ed25519 public key
	Sealing    []byte `cbor:"4,keyasint"` // HPKE public key
	Label      string `cbor:"5,keyasint"`
	Signature  []byte `cbor:"6,keyasint"` // COSE_Sign1 over the transcript, by the signing key
}

// PendingEnrolment is a request that waits for a coordinator.
type PendingEnrolment struct {
	Intent   []byte       `cbor:"1,keyasint"`
	Request  EnrolRequest `cbor:"2,keyasint"`
	Received uint64       `cbor:"3,keyasint"` // Unix milliseconds
}

const (
	maxLabel      = 100
	maxSealingKey = 4 << 10
)

// Transcript returns what both sides of an enrolment agree on: canonical CBOR of ["kua/enrol/1", root key, invitation,
// signing key, sealing key, label].
func (r *EnrolRequest) Transcript(root ed25519.PublicKey) []byte {
	b := appendText(appendArray(nil, 6), string(ContextEnrol))
	b = appendBytes(b, root)
	b = appendBytes(b, r.Invitation[:])
	b = appendBytes(b, r.Signing)
	b = appendBytes(b, r.Sealing)
	return appendText(b, r.Label)
}

// NewEnrolRequest makes a new laptop's request.
func NewEnrolRequest(i Invitation, key ed25519.PrivateKey, sealing []byte, label string) EnrolRequest {
	r := EnrolRequest{Invitation: i.ID, Signing: key.Public().(ed25519.PublicKey), Sealing: sealing, Label: label}
	transcript := r.Transcript(i.Root)
	r.MAC = enrolMAC(i.Code, transcript)
	r.Signature, _ = Sign(key, ContextEnrol, transcript)
	return r
}

func enrolMAC(code Nonce, transcript []byte) Hash {
	m := hmac.New(sha256.New, code[:])
	m.Write(transcript)
	return Hash(m.Sum(nil))
}

// CheckShape checks what anybody can: sizes, the key, and that the signing key signed this very request. The server
// does no more; it does not know the code.
func (r *EnrolRequest) CheckShape(root ed25519.PublicKey) error {
	if len(r.Label) > maxLabel || len(r.Sealing) > maxSealingKey {
		return Refuse(CodeTooLarge, "reading enrolment: label or key too long")
	}
	if err := CheckKey(r.Signing); err != nil {
		return Refuse(CodeMalformed, "reading enrolment: %w", err)
	}
	signed, err := ParseSigned(r.Signature, ContextEnrol)
	if err != nil {
		return err
	}
	if string(signed.Payload) != string(r.Transcript(root)) {
		return Refuse(CodeBadSignature, "reading enrolment: the signature is over something else")
	}
	return signed.Verify(r.Signing)
}

// Check checks a request against the code that its sender must have been given.
func (r *EnrolRequest) Check(root ed25519.PublicKey, code Nonce) error {
	if err := r.CheckShape(root); err != nil {
		return err
	}
	want := enrolMAC(code, r.Transcript(root))
	if subtle.ConstantTimeCompare(want[:], r.MAC[:]) != 1 {
		return Refuse(CodeUnauthorized, "reading enrolment: its sender did not have the invitation's code")
	}
	return nil
}

// Words returns six words that both people read to each other. A server that put its own keys in between would make
// them differ.
func (r *EnrolRequest) Words(root ed25519.PublicKey) []string {
	sum := sha256.Sum256(r.Transcript(root))
	return words(sum[:12])
}

const (
	wordConsonants = "bdfghjklmnprstvz"
	wordVowels     = "aiou"
)

// words writes 16 bits as one pronounceable word of five letters, the same in every language of the interface.
func words(b []byte) []string {
	var out []string
	for ; len(b) >= 2; b = b[2:] {
		v := binary.BigEndian.Uint16(b)
		out = append(out, string([]byte{
			wordConsonants[v>>12], wordVowels[v>>10&3], wordConsonants[v>>6&15], wordVowels[v>>4&3], wordConsonants[v&15],
		}))
	}
	return out
}

// SuggestPassphrase returns a passphrase of seven random words: 112 bits.
func SuggestPassphrase(rand io.Reader) (string, error) {
	var b [14]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", err
	}
	return strings.Join(words(b[:]), " "), nil
}
