package syncproto

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// InvitationCard is what a coordinator hands to a new member, in person: where the server is, which keys to expect, and a
// secret code for one enrolment (docs/protocol.md §6).
type InvitationCard struct {
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
func (i InvitationCard) Text() (string, error) {
	b, err := EncodeMessage(i)
	if err != nil {
		return "", err
	}
	return invitationPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// ParseInvitationCard parses the form of InvitationCard.Text.
func ParseInvitationCard(text string) (InvitationCard, error) {
	var i InvitationCard
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), invitationPrefix)
	if !ok || len(rest) > 4096 {
		return i, errors.New("reading invitation: it does not begin with kua-invitation")
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

// SuggestPassphrase returns a passphrase of seven random words: 112 bits.
func SuggestPassphrase(rand io.Reader) (string, error) {
	var b [14]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", err
	}
	return strings.Join(proquints(b[:]), " "), nil
}
