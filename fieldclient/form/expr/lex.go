package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd      tokenKind = iota
	tokNumber             // text is the digits
	tokText               // text is what stands between the quotes
	tokName               // a name, with prefix; prefix:* and * are names too
	tokFunction           // a name before "("
	tokAxis               // a name before "::"
	tokOperator           // op is set
	tokSymbol             // ( ) [ ] , / // . .. @ :
)

type token struct {
	kind tokenKind
	pos  int
	text string
	op   op
}

func (t token) is(symbol string) bool { return t.kind == tokSymbol && t.text == symbol }

// String names the token in a message.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end of the expression"
	case tokText:
		return "the text " + shown(t.text)
	}
	return shown(t.text)
}

// lexer cuts an expression into tokens one at a time (XPath 1.0 §3.7).
type lexer struct {
	src  string
	pos  int
	last token
}

func (l *lexer) next() (token, error) {
	t, err := l.scan()
	l.last = t
	return t, err
}

// operand says that what comes next stands where a value is expected: * and the words and, or, div, mod are names
// there, and operators everywhere else (XPath 1.0 §3.7).
func (l *lexer) operand() bool {
	switch l.last.kind {
	case tokEnd, tokOperator:
		return true
	case tokSymbol:
		return !l.last.is(")") && !l.last.is("]") && !l.last.is(".") && !l.last.is("..")
	}
	return false
}

func (l *lexer) scan() (token, error) {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	t := token{pos: l.pos}
	if l.pos == len(l.src) {
		return t, nil
	}
	rest := l.src[l.pos:]
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return l.text(c)
	case c >= '0' && c <= '9', c == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		return l.number()
	case nameStart(rest):
		return l.name()
	case c == '*' && l.operand():
		return l.take(tokName, 1), nil
	}
	for _, s := range [...]string{"//", "..", "::"} {
		if strings.HasPrefix(rest, s) {
			return l.take(tokSymbol, 2), nil
		}
	}
	for _, o := range [...]op{opNotEqual, opLessEqual, opGreaterEqual, opEqual, opLess, opGreater, opAdd, opSubtract, opMultiply, opUnion} {
		if strings.HasPrefix(rest, opWords[o]) {
			if hint := wrongOperator(rest); hint != "" {
				return t, fail(CodeSyntax, l.pos, "%s", hint)
			}
			t = l.take(tokOperator, len(opWords[o]))
			t.op = o
			return t, nil
		}
	}
	if strings.IndexByte("()[],/.@", rest[0]) >= 0 {
		return l.take(tokSymbol, 1), nil
	}
	return t, l.stray(rest)
}

func (l *lexer) take(kind tokenKind, n int) token {
	t := token{kind: kind, pos: l.pos, text: l.src[l.pos : l.pos+n]}
	l.pos += n
	return t
}

func (l *lexer) text(quote byte) (token, error) {
	end := strings.IndexByte(l.src[l.pos+1:], quote)
	if end < 0 {
		return token{}, fail(CodeSyntax, l.pos, "a text starts here with %c and never ends: put another %c behind it", quote, quote)
	}
	t := l.take(tokText, end+2)
	t.text = t.text[1 : len(t.text)-1]
	return t, nil
}

func (l *lexer) number() (token, error) {
	n, dots := 0, 0
	for rest := l.src[l.pos:]; n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.'); n++ {
		if rest[n] == '.' {
			dots++
		}
	}
	if dots > 1 {
		return token{}, fail(CodeSyntax, l.pos, "%s is not a number", shown(l.src[l.pos:l.pos+n]))
	}
	return l.take(tokNumber, n), nil
}

// name scans a name with its prefix and tells operators, functions, axes and names apart.
func (l *lexer) name() (token, error) {
	wantsOperator := !l.operand()
	n := nameLength(l.src[l.pos:])
	rest := l.src[l.pos+n:]
	if !wantsOperator && strings.HasPrefix(rest, ":") && !strings.HasPrefix(rest, "::") {
		switch {
		case strings.HasPrefix(rest, ":*"):
			return l.take(tokName, n+2), nil
		case nameStart(rest[1:]):
			n += 1 + nameLength(rest[1:])
			rest = l.src[l.pos+n:]
		}
	}
	t := l.take(tokName, n)
	if wantsOperator {
		for _, o := range [...]op{opOr, opAnd, opDivide, opModulo} {
			if t.text == opWords[o] {
				t.kind, t.op = tokOperator, o
				return t, nil
			}
		}
		return t, fail(CodeSyntax, t.pos, "%s stands where an operator such as and, or, = or + is expected%s", shown(t.text), operatorHint(t.text))
	}
	switch rest = strings.TrimLeft(rest, " \t\r\n"); {
	case strings.HasPrefix(rest, "("):
		t.kind = tokFunction
	case strings.HasPrefix(rest, "::"):
		t.kind = tokAxis
	}
	return t, nil
}

func operatorHint(word string) string {
	for _, o := range [...]op{opOr, opAnd, opDivide, opModulo} {
		if strings.EqualFold(word, opWords[o]) {
			return ": write it in small letters, " + opWords[o]
		}
	}
	return ""
}

// wrongOperator knows operators of other languages.
func wrongOperator(rest string) string {
	for _, w := range [...][2]string{{"==", "="}, {"=<", "<="}, {"=>", ">="}, {"<>", "!="}, {"||", "or"}} {
		if strings.HasPrefix(rest, w[0]) {
			return "“" + w[0] + "” is not an operator here: write " + w[1]
		}
	}
	return ""
}

// stray says what is wrong with a character that starts no token.
func (l *lexer) stray(rest string) error {
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == utf8.RuneError && size <= 1:
		return fail(CodeSyntax, l.pos, "a byte here is not UTF-8 text: write the character again")
	case strings.ContainsRune("‘’‚‛“”„‟«»", r):
		return fail(CodeSyntax, l.pos, "%c is a typographic quotation mark: write ' or \" instead", r)
	case strings.HasPrefix(rest, "${"):
		return fail(CodeSyntax, l.pos, "%s was not replaced by the place of its question", shown(rest[:strings.IndexByte(rest+"}", '}')]+"}"))
	case r == '$':
		return fail(CodeUnsupported, l.pos, "there are no variables: write ${name} for the answer to a question")
	case strings.HasPrefix(rest, "&&"):
		return fail(CodeSyntax, l.pos, "“&&” is not an operator here: write and")
	case r == '!':
		return fail(CodeSyntax, l.pos, "“!” is not an operator here: write not(…), or != between two values")
	case r == '%':
		return fail(CodeSyntax, l.pos, "“%%” is not an operator here: write mod for a remainder, or div 100 for per cent")
	case unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
		return fail(CodeSyntax, l.pos, "an invisible character (U+%04X) stands here: write a plain space instead", r)
	case r == ':':
		return fail(CodeSyntax, l.pos, "“:” stands between a prefix and a name, as in jr:itext, and nowhere else")
	}
	return fail(CodeSyntax, l.pos, "%c has no meaning here", r)
}

// nameStart and nameLength know the characters of a name (Namespaces in XML, NCName).
func nameStart(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && isNameStart(r)
}

func isNameStart(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
	}
	return r >= 0xC0 && r <= 0xD6 || r >= 0xD8 && r <= 0xF6 || r >= 0xF8 && r <= 0x2FF || r >= 0x370 && r <= 0x37D ||
		r >= 0x37F && r <= 0x1FFF || r >= 0x200C && r <= 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF ||
		r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFC || r >= 0x10000 && r <= 0xEFFFF
}

func nameLength(s string) int {
	for i, r := range s {
		if !isNameStart(r) && (r < '0' || r > '9') && r != '-' && r != '.' && r != 0xB7 &&
			(r < 0x300 || r > 0x36F) && (r < 0x203F || r > 0x2040) {
			return i
		}
	}
	return len(s)
}
