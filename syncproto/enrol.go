package syncproto

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// How a new laptop joins (docs/protocol.md §9): a coordinator invites with a code that travels outside the network;
// the laptop sends its keys with a MAC under the code; both screens show the same six words; the coordinator approves
// by a roster record. The server passes the request on and can neither make nor change one: it knows only the
// hash of the code.

// Limits of enrolment.
const (
	MaxIntent       = 1 << 10 // bytes of Invitation.Intent
	MaxEnrolLabel   = 128     // bytes of Enrolment.Label
	MaxEnrolTries   = 3       // requests that a server keeps for one invitation
	maxSealingKey   = 4 << 10
	enrolTranscript = "kua/enrol/1"
)

// Invitation is what a coordinator leaves at the server.
type Invitation struct {
	ID      Nonce  `cbor:"1,keyasint" json:"id"`
	Code    Hash   `cbor:"2,keyasint" json:"-"`                          // SHA-256 of the code
	Expires uint64 `cbor:"3,keyasint" json:"expires"`                    // Unix milliseconds by the server's clock
	Intent  []byte `cbor:"4,keyasint,omitempty" json:"intent,omitempty"` // the coordinator's own note; opaque to the server
}

// Enrolment is a new laptop's request.
type Enrolment struct {
	Invitation Nonce  `cbor:"1,keyasint" json:"invitation"`
	MAC        Hash   `cbor:"2,keyasint" json:"-"`       // EnrolMAC under the code
	Signing    []byte `cbor:"3,keyasint" json:"signing"` // Ed25519 public key
	Sealing    []byte `cbor:"4,keyasint" json:"sealing"` // HPKE public key
	Label      string `cbor:"5,keyasint" json:"label"`
	Signature  []byte `cbor:"6,keyasint" json:"-"` // COSE_Sign1 by Signing over the transcript, ContextEnrol
}

// PendingEnrolment is a request that waits for a coordinator.
type PendingEnrolment struct {
	Invitation Nonce  `cbor:"1,keyasint" json:"invitation"`
	Request    []byte `cbor:"2,keyasint" json:"request"`  // an Enrolment, as received
	Received   uint64 `cbor:"3,keyasint" json:"received"` // Unix milliseconds by the server's clock
	Intent     []byte `cbor:"4,keyasint,omitempty" json:"intent,omitempty"`
}

// String returns the nonce in hexadecimal.
func (n Nonce) String() string { return fmt.Sprintf("%x", n[:]) }

// MarshalText returns the form of String.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText parses the form of String.
func (n *Nonce) UnmarshalText(b []byte) error { return parse16((*id16)(n), string(b)) }

// InvitationHash returns what a server keeps of a code.
func InvitationHash(code []byte) Hash { return sha256.Sum256(code) }

// EnrolTranscript returns the canonical bytes that both sides of an enrolment agree on: ["kua/enrol/1", root key,
// invitation, signing key, sealing key, label]. root is the organisation's root key.
func EnrolTranscript(root ed25519.PublicKey, invitation Nonce, signing, sealing []byte, label string) []byte {
	b := appendArray(nil, 6)
	b = appendText(b, enrolTranscript)
	b = appendBytes(b, root)
	b = appendBytes(b, invitation[:])
	b = appendBytes(b, signing)
	b = appendBytes(b, sealing)
	return appendText(b, label)
}

// EnrolMAC returns HMAC-SHA256 of the transcript under the invitation's code.
func EnrolMAC(code, transcript []byte) Hash {
	m := hmac.New(sha256.New, code)
	m.Write(transcript)
	return Hash(m.Sum(nil))
}

// NewEnrolment returns the request of a laptop with the given keys.
func NewEnrolment(root ed25519.PublicKey, invitation Nonce, code []byte, key ed25519.PrivateKey, sealing []byte, label string) Enrolment {
	signing := key.Public().(ed25519.PublicKey)
	transcript := EnrolTranscript(root, invitation, signing, sealing, label)
	signature, _ := Sign(key, ContextEnrol, transcript)
	return Enrolment{invitation, EnrolMAC(code, transcript), signing, sealing, label, signature}
}

// Transcript returns the request's transcript.
func (e *Enrolment) Transcript(root ed25519.PublicKey) []byte {
	return EnrolTranscript(root, e.Invitation, e.Signing, e.Sealing, e.Label)
}

// Check checks what needs no code, as the server does: form, limits, and that the laptop holds its signing key.
func (e *Enrolment) Check(root ed25519.PublicKey) error {
	switch {
	case len(e.Sealing) == 0 || len(e.Sealing) > maxSealingKey:
		return Refuse(CodeMalformed, "checking an enrolment: a sealing key of %d bytes", len(e.Sealing))
	case len(e.Label) > MaxEnrolLabel:
		return Refuse(CodeTooLarge, "checking an enrolment: a label of %d bytes, the limit is %d", len(e.Label), MaxEnrolLabel)
	}
	if err := CheckKey(e.Signing); err != nil {
		return Refuse(CodeMalformed, "checking an enrolment: %w", err)
	}
	signed, err := ParseSigned(e.Signature, ContextEnrol)
	if err != nil {
		return err
	}
	if !bytes.Equal(signed.Payload, e.Transcript(root)) {
		return Refuse(CodeBadSignature, "checking an enrolment: what was signed is not what was sent")
	}
	return signed.Verify(e.Signing)
}

// CheckCode checks that the request was made by somebody who has the invitation's code, as the coordinator's client
// does before it shows the words.
func (e *Enrolment) CheckCode(root ed25519.PublicKey, code []byte) error {
	if err := e.Check(root); err != nil {
		return err
	}
	want := EnrolMAC(code, e.Transcript(root))
	if !hmac.Equal(want[:], e.MAC[:]) {
		return Refuse(CodeBadSignature, "checking an enrolment: it was made with another code: invite again")
	}
	return nil
}

// The letters of proquints (arXiv:0901.4016): pronounceable in most languages, hard to confuse.
const (
	wordConsonants = "bdfghjklmnprstvz"
	wordVowels     = "aiou"
	words          = 6
)

// Words returns six words of five letters that stand for the first 96 bits of SHA-256 of a transcript. Two people who
// read the same words to each other know that nobody changed the keys on the way.
func Words(transcript []byte) []string {
	sum := sha256.Sum256(transcript)
	return proquints(sum[:2*words])
}

// proquints writes every two bytes as one word.
func proquints(b []byte) []string {
	out := make([]string, len(b)/2)
	for i := range out {
		out[i] = proquint(uint16(b[2*i])<<8 | uint16(b[2*i+1]))
	}
	return out
}

func proquint(v uint16) string {
	return string([]byte{
		wordConsonants[v>>12], wordVowels[v>>10&3], wordConsonants[v>>6&15], wordVowels[v>>4&3], wordConsonants[v&15],
	})
}
