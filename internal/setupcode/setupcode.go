// Package setupcode writes and reads the one-time code that a new server prints and the organisation's first
// coordinator types: it tells the laptop which server it talks to, and the server who may write the first roster.
package setupcode

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"kua/syncproto"
)

// Code is what a setup code carries.
type Code struct {
	Server syncproto.DeviceID // first 16 bytes of SHA-256 of the server's public key
	Secret [16]byte           // random; the server keeps only its hash
}

const (
	checkBytes = 3 // with them a code has 56 characters and no padding
	groupSize  = 7
)

// alphabet is Crockford's: no I, L, O and U, which are taken for others.
var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

var alike = strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "", "\r", "", "O", "0", "I", "1", "L", "1")

// String returns the code in eight groups of seven characters, the last of which check the others.
func (c Code) String() string {
	text := alphabet.EncodeToString(c.bytes())
	var groups []string
	for len(text) > 0 {
		n := min(groupSize, len(text))
		groups, text = append(groups, text[:n]), text[n:]
	}
	return strings.Join(groups, "-")
}

func (c Code) bytes() []byte {
	b := append(append([]byte(nil), c.Server[:]...), c.Secret[:]...)
	return append(b, check(b)...)
}

func check(b []byte) []byte {
	sum := sha256.Sum256(append([]byte("kua/setup/1"), b...))
	return sum[:checkBytes]
}

// Parse reads what String wrote, in any case, with or without hyphens and spaces, and with O, I and L for 0 and 1.
func Parse(text string) (Code, error) {
	var c Code
	const most = 256 // spaces included
	if len(text) > most {
		return c, errors.New("reading setup code: it is too long")
	}
	b, err := alphabet.DecodeString(alike.Replace(strings.ToUpper(text)))
	if err != nil {
		return c, fmt.Errorf("reading setup code: it holds a character that no code has: copy it again from the output of `kua-server init`")
	}
	if len(b) != len(c.Server)+len(c.Secret)+checkBytes {
		return c, fmt.Errorf("reading setup code: it has a wrong length: copy all of it from the output of `kua-server init`")
	}
	copy(c.Server[:], b)
	copy(c.Secret[:], b[len(c.Server):])
	if string(c.bytes()) != string(b) {
		return Code{}, errors.New("reading setup code: a character is mistyped: copy it again from the output of `kua-server init`")
	}
	return c, nil
}
