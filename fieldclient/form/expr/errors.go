package expr

import (
	"fmt"
	"strings"
)

// Bounds of one expression and of one evaluation. What goes over them is an error with [CodeLimit].
const (
	MaxLength    = 1 << 17   // bytes of an expression
	MaxDepth     = 256       // brackets, functions and predicates inside each other
	MaxNodes     = 1 << 18   // nodes in one set
	MaxText      = 1 << 20   // bytes of one text that a function makes
	MaxPattern   = 1 << 12   // bytes of a regular expression
	DefaultSteps = 5_000_000 // units of work in one evaluation; one unit is about one node looked at
)

// Code names a kind of error; it never changes, so that words in other languages can be keyed by it.
type Code string

// The kinds of error.
const (
	CodeSyntax      Code = "syntax"      // not an expression
	CodeFunction    Code = "function"    // no function of that name
	CodeArguments   Code = "arguments"   // too many, too few, or of the wrong kind
	CodeRegex       Code = "regex"       // a pattern that is wrong or not supported
	CodeUnsupported Code = "unsupported" // valid XPath that no ODK form has a use for
	CodeReference   Code = "reference"   // a ${name} that is malformed or means nothing
	CodeMissing     Code = "missing"     // a list, a text or an instance that the form does not have
	CodeLimit       Code = "limit"       // over a bound of this package
)

// Error says what is wrong with an expression, and where.
type Error struct {
	Code Code
	Pos  int    // byte offset in the source of the expression
	Msg  string // English, for a form author
}

// Error gives the place, counted from 1, and the message.
func (e *Error) Error() string { return fmt.Sprintf("at character %d: %s", e.Pos+1, e.Msg) }

func fail(code Code, pos int, format string, args ...any) error {
	return &Error{Code: code, Pos: pos, Msg: fmt.Sprintf(format, args...)}
}

// Mark gives the part of src around the byte offset pos, and under it a line with a caret; for a terminal.
func Mark(src string, pos int) string {
	const around = 30
	pos = max(0, min(pos, len(src)))
	before, after := []rune(src[:pos]), []rune(src[pos:])
	before = before[max(0, len(before)-around):]
	after = after[:min(around, len(after))]
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, string(before)+string(after))
	return line + "\n" + strings.Repeat(" ", len(before)) + "^"
}

// shown quotes a part of an expression for a message, cut to a readable length.
func shown(s string) string {
	const most = 40
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return "“" + s + "”"
}
