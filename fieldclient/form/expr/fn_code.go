package expr

import (
	"crypto/ed25519"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxProgram bounds the instructions of a compiled pattern, and with them its memory and time.
const maxProgram = 10_000

// matcher is a compiled pattern that matches whole texts, and the size of its program.
type matcher struct {
	*regexp.Regexp
	size int
}

func compile(pattern string, pos int) (*matcher, error) {
	if len(pattern) > MaxPattern {
		return nil, fail(CodeRegex, pos, "the pattern has %d bytes; %d are allowed", len(pattern), MaxPattern)
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fail(CodeRegex, pos, "the pattern %s cannot be used: %s", shown(pattern), patternHint(pattern, err))
	}
	size := programSize(tree)
	if size > maxProgram {
		return nil, fail(CodeRegex, pos, "the pattern %s repeats too much", shown(pattern))
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, fail(CodeRegex, pos, "the pattern %s cannot be used: %v", shown(pattern), err)
	}
	return &matcher{re, size}, nil
}

func patternHint(pattern string, err error) string {
	for _, s := range [...]string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.Contains(pattern, s) {
			return "looking ahead or back with " + s + " is not supported: write two patterns, joined with and or not()"
		}
	}
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

// programSize estimates the instructions of a pattern once its repetitions are written out.
func programSize(re *syntax.Regexp) int {
	size := 1
	switch re.Op {
	case syntax.OpLiteral:
		size += len(re.Rune)
	case syntax.OpCharClass:
		size += len(re.Rune) / 8
	}
	for _, sub := range re.Sub {
		size += programSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return min(size, maxProgram+1)
}

func fnRegex(r *run, _ focus, c *call, args []Value) (Value, error) {
	re := c.regex
	if re == nil {
		var err error
		if re, err = compile(args[1].text, c.args[1].at()); err != nil {
			return Value{}, err
		}
		r.steps -= 100 * (1 + len(args[1].text))
	}
	// RE2 takes time in proportion to pattern times text.
	r.steps -= re.size * (len(args[0].text) + 1) / 16
	if err := r.check(); err != nil {
		return Value{}, err
	}
	return r.boolean(re.MatchString(args[0].text)), nil
}

// fnDigest is XForms 1.1's digest(). MD5 and SHA-1 are there because forms use them as short names of things; nothing
// of this program relies on them.
func fnDigest(r *run, _ focus, c *call, args []Value) (Value, error) {
	data, sum := []byte(args[0].text), []byte(nil)
	switch strings.ToUpper(args[1].text) {
	case "MD5":
		s := md5.Sum(data)
		sum = s[:]
	case "SHA-1":
		s := sha1.Sum(data)
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256(data)
		sum = s[:]
	case "SHA-384":
		s := sha512.Sum384(data)
		sum = s[:]
	case "SHA-512":
		s := sha512.Sum512(data)
		sum = s[:]
	default:
		return Value{}, fail(CodeArguments, c.args[1].at(), "digest knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512, and not %s", shown(args[1].text))
	}
	r.spend(1000 + 8*len(data))
	switch {
	case len(args) < 3 || strings.EqualFold(args[2].text, "base64"):
		return r.text(base64.StdEncoding.EncodeToString(sum)), nil
	case strings.EqualFold(args[2].text, "hex"):
		return r.text(hex.EncodeToString(sum)), nil
	}
	return Value{}, fail(CodeArguments, c.args[2].at(), "digest writes base64 or hex, and not %s", shown(args[2].text))
}

// fromBase64 decodes with or without padding; what is not base64 is nothing.
func fromBase64(s string) []byte {
	s = strings.TrimRight(strings.Join(words(s), ""), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func fnBase64Decode(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.made(strings.ToValidUTF8(string(fromBase64(args[0].text)), "\uFFFD"))
}

// fnExtractSigned gives the message behind an Ed25519 signature of 64 bytes, when the signature is the key's.
func fnExtractSigned(r *run, _ focus, _ *call, args []Value) (Value, error) {
	signed, key := fromBase64(args[0].text), fromBase64(args[1].text)
	r.steps -= 1000
	if len(signed) < ed25519.SignatureSize || len(key) != ed25519.PublicKeySize ||
		!ed25519.Verify(key, signed[ed25519.SignatureSize:], signed[:ed25519.SignatureSize]) {
		return r.text(""), nil
	}
	return r.made(strings.ToValidUTF8(string(signed[ed25519.SignatureSize:]), "\uFFFD"))
}
