package dpop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxToken is the largest compact token, in bytes, that is looked at.
const MaxToken = 8 << 10

// maxTime is the last second that a claim may name (2^53: exact in every JSON reader).
const maxTime = 1 << 53

// split cuts a compact token into its three segments. It counts the dots before it does anything else
// (CVE-2025-30204) and refuses every byte outside the base64url alphabet, because encoding/base64 skips line
// breaks even when strict, which would let one token be spelled in many ways.
func split(raw string) (header, claims, signature string, err error) {
	if len(raw) > MaxToken {
		return "", "", "", fmt.Errorf("token of %d bytes is larger than %d", len(raw), MaxToken)
	}
	if n := strings.Count(raw, "."); n != 2 {
		return "", "", "", fmt.Errorf("token has %d dots instead of 2", n)
	}
	for i := range len(raw) {
		if c := raw[i]; c != '.' && !base64url(c) {
			return "", "", "", fmt.Errorf("token has byte 0x%02x, which base64url has not", c)
		}
	}
	header, rest, _ := strings.Cut(raw, ".")
	claims, signature, _ = strings.Cut(rest, ".")
	return header, claims, signature, nil
}

func base64url(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func decode64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// object reads one JSON object, exact member names, no name twice, nothing after it.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := make(map[string]json.RawMessage)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
		name, _ := t.(string)
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %q occurs twice", clip(name))
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("member %q: %w", clip(name), err)
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

// text reads a JSON string that is not empty.
func text(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", errors.New("not a string")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if s == "" {
		return "", errors.New("empty")
	}
	return s, nil
}

// seconds reads a JSON integer of seconds since 1970, without fraction or exponent.
func seconds(raw json.RawMessage) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 0 || n > maxTime {
		return 0, errors.New("not a whole number of seconds since 1970")
	}
	return n, nil
}

// clip bounds what an error message repeats of a stranger's bytes.
func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "…"
	}
	return s
}
