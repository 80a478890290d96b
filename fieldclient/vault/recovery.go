package vault

import (
	"crypto/sha256"
	"encoding/base32"
	"io"
	"strings"
)

const (
	recoverySize  = 20 // bytes: 160 bits
	recoveryChars = 36
	groupChars    = 4
)

// crockford leaves out I, L, O and U, which are misread.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newRecovery returns a recovery secret as it is written on paper: nine groups of four, of which the last is computed
// from the others.
func newRecovery(rand io.Reader) (string, error) {
	b := make([]byte, recoverySize)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", err
	}
	chars := base32.NewEncoding(crockford).WithPadding(base32.NoPadding).EncodeToString(b)
	clear(b)
	return group(chars + checkChars(chars)), nil
}

func group(chars string) string {
	var groups []string
	for ; len(chars) > 0; chars = chars[groupChars:] {
		groups = append(groups, chars[:groupChars])
	}
	return strings.Join(groups, "-")
}

// checkChars returns 20 bits of a hash as four characters.
func checkChars(chars string) string {
	sum := sha256.Sum256([]byte("kua recovery secret\x00" + chars))
	bits := uint32(sum[0])<<12 | uint32(sum[1])<<4 | uint32(sum[2])>>4
	var b [groupChars]byte
	for i := range b {
		b[i] = crockford[bits>>(15-5*i)&31]
	}
	return string(b[:])
}

// parseRecovery returns the canonical form of a recovery secret, whose blanks, hyphens, case and easily confused
// letters do not matter. form says that s looks like one, ok that its check characters are right.
func parseRecovery(s string) (canonical string, form, ok bool) {
	var b strings.Builder
	for _, r := range strings.ToUpper(s) {
		switch r {
		case '-', ' ', '\t', '\n', '\r', '–', '—', '‑':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if !strings.ContainsRune(crockford, r) {
			return "", false, false
		}
		b.WriteRune(r)
	}
	chars := b.String()
	if len(chars) != recoveryChars {
		return "", false, false
	}
	body := chars[:recoveryChars-groupChars]
	return group(chars), true, checkChars(body) == chars[len(body):]
}
