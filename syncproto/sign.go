package syncproto

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Context is the COSE external_aad of one kind of message. It keeps a signature made for one purpose from being
// valid for another (docs/protocol.md §2).
type Context string

// The contexts of protocol version 1.
const (
	ContextChangeset Context = "kua/changeset/1"
	ContextRoster    Context = "kua/roster/1"
	ContextReceipt   Context = "kua/receipt/1"
	ContextBundle    Context = "kua/bundle/1"
	ContextSnapshot  Context = "kua/snapshot/1"
	ContextEnrol     Context = "kua/enrol/1"

	ContextIdentityRequest Context = "kua/identity-request/1"
	ContextIdentityOpening Context = "kua/identity-opening/1"
)

// protectedEdDSA is the only protected header that version 1 accepts: {1: -8}, that is EdDSA with an Ed25519 key
// (RFC 9053 §2.2).
var protectedEdDSA = []byte{0xa1, 0x01, 0x27}

const coseSign1Tag = 0xd2 // tag 18, RFC 9052 §4.2

// sigStructure returns the bytes that COSE signs: ["Signature1", protected, external_aad, payload] (RFC 9052 §4.4).
func sigStructure(ctx Context, payload []byte) []byte {
	b := make([]byte, 0, 32+len(ctx)+len(payload))
	b = appendArray(b, 4)
	b = appendText(b, "Signature1")
	b = appendBytes(b, protectedEdDSA)
	b = appendBytes(b, []byte(ctx))
	return appendBytes(b, payload)
}

// Sign returns payload as a tagged COSE_Sign1 with an empty unprotected header, and the hash of what was signed.
func Sign(key ed25519.PrivateKey, ctx Context, payload []byte) (message []byte, id Hash) {
	tbs := sigStructure(ctx, payload)
	b := make([]byte, 0, len(payload)+90)
	b = append(b, coseSign1Tag)
	b = appendArray(b, 4)
	b = appendBytes(b, protectedEdDSA)
	b = append(b, majorMap<<5)
	b = appendBytes(b, payload)
	return appendBytes(b, ed25519.Sign(key, tbs)), sha256.Sum256(tbs)
}

// Signed is a COSE_Sign1 message that has been taken apart but not yet verified.
type Signed struct {
	Payload   []byte // as received, not copied
	Signature []byte
	tbs       []byte
}

// ParseSigned takes a COSE_Sign1 message apart. It accepts exactly the profile of docs/protocol.md §2: tag 18,
// protected header {1: -8}, empty unprotected header, embedded payload, 64-byte signature, nothing behind it.
func ParseSigned(message []byte, ctx Context) (Signed, error) {
	var s Signed
	if len(message) == 0 || message[0] != coseSign1Tag {
		return s, Refuse(CodeMalformed, "parsing signed message: it does not begin with COSE tag 18")
	}
	c := cursor{b: message, off: 1}
	n, err := c.array(4)
	if err == nil && n != 4 {
		err = fmt.Errorf("want 4 elements, got %d", n)
	}
	if err != nil {
		return s, Refuse(CodeMalformed, "parsing signed message: %w", err)
	}
	protected, err := c.bytes()
	if err != nil {
		return s, Refuse(CodeMalformed, "parsing protected header: %w", err)
	}
	if !bytes.Equal(protected, protectedEdDSA) {
		return s, Refuse(CodeMalformed, "parsing protected header: only {1: -8} (EdDSA) is accepted")
	}
	if m, err := c.want(majorMap); err != nil || m != 0 {
		return s, Refuse(CodeMalformed, "parsing unprotected header: it must be an empty map")
	}
	if s.Payload, err = c.bytes(); err != nil {
		return s, Refuse(CodeMalformed, "parsing payload: %w", err)
	}
	if s.Signature, err = c.bytes(); err != nil || len(s.Signature) != ed25519.SignatureSize || !c.done() {
		return s, Refuse(CodeMalformed, "parsing signature: want %d bytes and the end of the message", ed25519.SignatureSize)
	}
	s.tbs = sigStructure(ctx, s.Payload)
	return s, nil
}

// ID returns SHA-256 of what was signed.
func (s Signed) ID() Hash { return sha256.Sum256(s.tbs) }

// Verify checks the signature with crypto/ed25519, whose verdict is normative (docs/protocol.md §2).
func (s Signed) Verify(pub ed25519.PublicKey) error {
	if err := CheckKey(pub); err != nil {
		return Refuse(CodeBadSignature, "verifying signature: %w", err)
	}
	if !ed25519.Verify(pub, s.tbs, s.Signature) {
		return &Error{CodeBadSignature, errors.New("verifying signature: it does not match key and content")}
	}
	return nil
}
