package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind is a type of XPath 1.0.
type Kind uint8

// The kinds of value. Any is what is known of a function that gives back what it was given.
const (
	Any Kind = iota
	Nodes
	Text
	Number
	Boolean
)

// String names the kind in a message.
func (k Kind) String() string {
	return [...]string{"a value", "a question", "a text", "a number", "a yes or no"}[k]
}

// Value is the result of an expression. It converts as XPath 1.0 §4 says, except that a text which looks like a date
// is a number of days too.
type Value struct {
	kind  Kind
	nodes []Node
	text  string
	num   float64
	yes   bool
	zone  *time.Location
}

// Kind gives the kind of the value; never Any.
func (v Value) Kind() Kind { return v.kind }

// Nodes gives the nodes of a set in document order (after randomize, in that order), or nil. The caller must not
// change the slice.
func (v Value) Nodes() []Node { return v.nodes }

// Boolean converts: a set is true when it has nodes, a number when it is neither 0 nor NaN, a text when it is not
// empty.
func (v Value) Boolean() bool {
	switch v.kind {
	case Nodes:
		return len(v.nodes) > 0
	case Number:
		return v.num != 0 && !math.IsNaN(v.num)
	case Boolean:
		return v.yes
	}
	return v.text != ""
}

// Number converts: the text of the first node, digits with a sign and a point or comma, a date as days since 1970-01-01, true
// as 1 and false as 0; NaN for all else.
func (v Value) Number() float64 {
	switch v.kind {
	case Number:
		return v.num
	case Boolean:
		if v.yes {
			return 1
		}
		return 0
	}
	return parseNumber(v.String(), v.zone)
}

// String converts: the text of the first node, a number without exponent, "true" or "false".
func (v Value) String() string {
	switch v.kind {
	case Nodes:
		if len(v.nodes) == 0 {
			return ""
		}
		return v.nodes[0].Text()
	case Number:
		return formatNumber(v.num)
	case Boolean:
		return strconv.FormatBool(v.yes)
	}
	return v.text
}

// Answer is String, but empty for NaN: what a calculation stores as the answer to a question.
func (v Value) Answer() string {
	if v.kind == Number && math.IsNaN(v.num) {
		return ""
	}
	return v.String()
}

// formatNumber writes a number as XPath 1.0 §4.2 (string) says.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+") + "inity"
	case f == 0:
		return "0" // minus zero too
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// parseNumber reads a number as XPath 1.0 §4.4 (number) says, or a date. As in JavaRosa the point may be a comma,
// which is how most languages write it.
func parseNumber(s string, zone *time.Location) float64 {
	s = strings.Trim(s, " \t\r\n")
	digits, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.', c == ',':
			dots++
		case c == '-' && i == 0:
		default:
			return dateNumber(s, zone)
		}
	}
	if digits == 0 || dots > 1 {
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64) // out of range gives an infinity, as IEEE 754 says
	return f
}
