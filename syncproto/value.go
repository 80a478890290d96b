package syncproto

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of typed values, in bytes.
const (
	maxTextBytes = 500
	maxLongBytes = 64 << 10
)

// ErrTooLong is what ParseValue wraps for a text that is longer than its field takes.
var ErrTooLong = errors.New("the text is too long")

// ErrBelowZero is what ParseValue wraps for a count below 0.
var ErrBelowZero = errors.New("a count is 0 or more")

// Silence is one of the three different silences of a checklist answer. They are never mixed with values in a
// statistic (docs/protocol.md §3).
type Silence uint8

// The silences; Answered means that there is a value.
const (
	Answered      Silence = 0
	NotChecked    Silence = 1
	NotApplicable Silence = 2
	AccessRefused Silence = 3
)

var silences = [...]string{Answered: "answered", NotChecked: "not-checked", NotApplicable: "not-applicable", AccessRefused: "access-refused"}

// String returns the silence's word.
func (s Silence) String() string {
	if int(s) < len(silences) {
		return silences[s]
	}
	return fmt.Sprintf("silence %d", uint8(s))
}

// ParseValue encodes what a person typed as one canonical CBOR item of the field's type. The error says what the
// field wants, in words for the one who typed it.
func (f *FieldSpec) ParseValue(s string) ([]byte, error) {
	b, err := f.parseValue(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return b, nil
}

func (f *FieldSpec) parseValue(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("the text is not valid UTF-8")
	}
	switch f.Type {
	case TypeText:
		if len(s) > maxTextBytes {
			return nil, fmt.Errorf("%w: want at most %d bytes, got %d", ErrTooLong, maxTextBytes, len(s))
		}
		if strings.ContainsAny(s, "\r\n") {
			return nil, errors.New("want one line")
		}
		return appendText(nil, s), nil
	case TypeLong:
		if len(s) > maxLongBytes {
			return nil, fmt.Errorf("%w: want at most %d bytes, got %d", ErrTooLong, maxLongBytes, len(s))
		}
		return appendText(nil, s), nil
	case TypeInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("want a whole number, got %q", s)
		}
		if n < 0 {
			return nil, fmt.Errorf("%w, got %d", ErrBelowZero, n)
		}
		return appendInt(nil, n), nil
	case TypeDecimal:
		return parseDecimal(s)
	case TypeDate:
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return nil, fmt.Errorf("want a date such as 2026-11-23, got %q", s)
		}
		return appendInt(nil, d.Unix()/86400), nil
	case TypeTime:
		t, err := time.Parse("15:04", s)
		if err != nil {
			return nil, fmt.Errorf("want a time such as 09:30, got %q", s)
		}
		return appendInt(nil, int64(t.Hour()*60+t.Minute())), nil
	case TypeBool:
		return parseBool(s)
	case TypeCode:
		return f.parseCodes([]string{s}, false)
	case TypeCodes:
		return f.parseCodes(strings.Fields(strings.ReplaceAll(s, ",", " ")), true)
	case TypeRef:
		id, err := ParseEntityID(s)
		if err != nil {
			return nil, err
		}
		return appendBytes(nil, id[:]), nil
	case TypeAnswer:
		return AnswerValue(s), nil
	}
	return nil, fmt.Errorf("values of type %q cannot be typed", f.Type)
}

// BytesValue encodes a value of TypeBytes.
func BytesValue(b []byte) []byte { return appendBytes(nil, b) }

// BytesOf returns the bytes of a value of TypeBytes; ok is false where it is none.
func BytesOf(value []byte) (b []byte, ok bool) {
	c := cursor{b: value}
	m, n, err := c.head()
	if err != nil || m != majorBytes {
		return nil, false
	}
	b, err = c.take(n)
	return b, err == nil && c.done()
}

func parseBool(s string) ([]byte, error) {
	switch s {
	case "yes", "true", "1":
		return []byte{cborTrue}, nil
	case "no", "false", "0":
		return []byte{cborFalse}, nil
	}
	return nil, fmt.Errorf("want yes or no, got %q", s)
}

// parseDecimal encodes [mantissa, exponent] with the exponent as written, so that 4.0 and 4 stay different statements
// of precision.
func parseDecimal(s string) ([]byte, error) {
	whole, frac, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	if len(frac) > 9 {
		return nil, fmt.Errorf("want at most nine digits behind the point, got %q", s)
	}
	m, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || strings.HasPrefix(frac, "-") || strings.HasPrefix(frac, "+") {
		return nil, fmt.Errorf("want a number such as 3.75, got %q", s)
	}
	return appendInt(appendInt(appendArray(nil, 2), m), -int64(len(frac))), nil
}

func (f *FieldSpec) parseCodes(words []string, many bool) ([]byte, error) {
	for _, w := range words {
		if len(f.Codes) > 0 && !slices.Contains(f.Codes, w) {
			return nil, fmt.Errorf("want one of %s, got %q", strings.Join(f.Codes, ", "), w)
		}
		if w == "" || len(w) > maxTextBytes {
			return nil, fmt.Errorf("want a word, got %q", w)
		}
	}
	if !many {
		return appendText(nil, words[0]), nil
	}
	slices.Sort(words)
	words = slices.Compact(words)
	b := appendArray(nil, len(words))
	for _, w := range words {
		b = appendText(b, w)
	}
	return b, nil
}

// AnswerValue encodes a checklist answer: [0, value], the value a whole number where s is one and text otherwise.
func AnswerValue(s string) []byte {
	b := appendUint(appendArray(nil, 2), uint64(Answered))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return appendInt(b, n)
	}
	return appendText(b, s)
}

// SilenceValue encodes a checklist answer that is one of the silences: [silence].
func SilenceValue(s Silence) []byte { return appendUint(appendArray(nil, 1), uint64(s)) }

// FormatValue writes a canonical value for a person. It is total: what does not fit the type is shown as diagnostic
// text, never dropped.
func (f *FieldSpec) FormatValue(b []byte) string {
	c := cursor{b: b}
	switch f.Type {
	case TypeDate:
		if d, err := c.int(); err == nil && c.done() && d > -1e6 && d < 3e6 {
			return time.Unix(d*86400, 0).UTC().Format(time.DateOnly)
		}
	case TypeTime:
		if m, err := c.int(); err == nil && c.done() && m >= 0 && m < 24*60 {
			return fmt.Sprintf("%02d:%02d", m/60, m%60)
		}
	case TypeBool:
		if len(b) == 1 && b[0] == cborTrue {
			return "yes"
		}
		if len(b) == 1 && b[0] == cborFalse {
			return "no"
		}
	case TypeDecimal:
		if s, ok := formatDecimal(&c); ok {
			return s
		}
	case TypeBytes: // keys and sealed values are nothing to show
		if p, ok := BytesOf(b); ok {
			return fmt.Sprintf("(%d bytes)", len(p))
		}
	case TypeRef:
		var id EntityID
		if c.fixed(id[:]) == nil && c.done() {
			return id.String()
		}
	case TypeAnswer:
		if s, ok := formatAnswer(&c); ok {
			return s
		}
	}
	return formatItem(&cursor{b: b})
}

func formatDecimal(c *cursor) (string, bool) {
	if n, err := c.array(2); err != nil || n != 2 {
		return "", false
	}
	m, err1 := c.int()
	e, err2 := c.int()
	if err1 != nil || err2 != nil || e > 0 || e < -18 || m == math.MinInt64 {
		return "", false
	}
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	s := strconv.FormatInt(m, 10)
	if e == 0 {
		return sign + s, true
	}
	for len(s) <= int(-e) {
		s = "0" + s
	}
	return sign + s[:len(s)+int(e)] + "." + s[len(s)+int(e):], true
}

func formatAnswer(c *cursor) (string, bool) {
	n, err := c.array(2)
	if err != nil || n == 0 {
		return "", false
	}
	s, err := c.uint()
	if err != nil {
		return "", false
	}
	if n == 1 {
		return "(" + Silence(s).String() + ")", true
	}
	return formatItem(c), true
}

// formatItem writes any item: text as it is, lists with commas, the rest as in CBOR diagnostic notation.
func formatItem(c *cursor) string {
	at := c.off
	m, arg, err := c.head()
	if err != nil {
		return "?"
	}
	switch m {
	case majorUint:
		return strconv.FormatUint(arg, 10)
	case majorNint:
		return "-" + strconv.FormatUint(arg+1, 10)
	case majorText, majorBytes:
		p, err := c.take(arg)
		if err != nil {
			return "?"
		}
		if m == majorText {
			return string(p)
		}
		return fmt.Sprintf("h'%x'", p)
	case majorArray:
		var parts []string
		for range min(arg, MaxOps) {
			parts = append(parts, formatItem(c))
		}
		return strings.Join(parts, ", ")
	}
	switch c.b[at] {
	case cborTrue:
		return "true"
	case cborFalse:
		return "false"
	case cborNull:
		return ""
	}
	return "?"
}

// TextOf returns the text in a value for searching: text itself, or the texts of a list or an answer.
func TextOf(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if m := b[0] >> 5; m != majorText && m != majorArray {
		return ""
	}
	return formatItem(&cursor{b: b})
}

// AnswerOf returns what a value of TypeAnswer says: a text as a person typed it, or a silence. ok is false where it is
// no answer.
func AnswerOf(value []byte) (text string, silence Silence, ok bool) {
	c := cursor{b: value}
	n, err := c.array(2)
	if err != nil || n == 0 {
		return "", 0, false
	}
	s, err := c.uint()
	if err != nil || s > uint64(AccessRefused) || (n == 1) == (s == uint64(Answered)) {
		return "", 0, false
	}
	if n == 1 {
		return "", Silence(s), c.done()
	}
	text = formatItem(&c)
	return text, Answered, c.done()
}

// WordsOf returns the words of a value of TypeCodes, or of TypeCode; nil where it is neither.
func WordsOf(value []byte) []string {
	c := cursor{b: value}
	n, err := c.array(MaxOps)
	if err != nil {
		if s := TextOf(value); s != "" {
			return []string{s}
		}
		return nil
	}
	var out []string
	for range n {
		m, k, err := c.head()
		if err != nil || m != majorText {
			return nil
		}
		p, err := c.take(k)
		if err != nil {
			return nil
		}
		out = append(out, string(p))
	}
	return out
}
