package form

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ncName is a name of XML without a colon, as the reference converter takes it.
const ncName = `[\p{L}_][\p{L}\p{M}\p{N}_.\-\x{b7}]*`

var (
	namePattern  = regexp.MustCompile(`^` + ncName + `(?::` + ncName + `)?$`)
	refPattern   = regexp.MustCompile(`\$\{(last-saved#)?(` + ncName + `)\}`)
	outerPattern = regexp.MustCompile(`\$\{[^}]*\}?`)
	// lexPattern takes an expression apart far enough to tell an expression from a value. The order is that of the
	// reference converter: a date is no subtraction.
	lexPattern = regexp.MustCompile(`^(?:(-?\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}\S*)?|\d{2}:\d{2}:\d{2}(?:\.\s+)?(?:[+-]\d{2}:\d{2}|Z)?)` +
		`|(-?\d+\.\d*|-?\.\d+|-?\d+)|([*+\-]| mod | div )|(\|)|("[^"]*"|'[^']*')|(\$\{(?:last-saved#)?` + ncName + `\})` +
		`|(` + ncName + `(?::` + ncName + `)?[(\[])|(` + ncName + `://)|(` + ncName + `(?::` + ncName + `)?))`)
)

// isName reports whether s can be an element's name.
func isName(s string) bool { return namePattern.MatchString(s) }

// ref is one ${name} in a text.
type ref struct {
	name      string
	lastSaved bool // the value that the last filled form had
	start     int
	end       int
}

// references finds every ${name}, and whether something that looks like one is none.
func references(s string) (refs []ref, bad string) {
	if !strings.Contains(s, "${") {
		return nil, ""
	}
	for _, m := range outerPattern.FindAllStringIndex(s, -1) {
		in := refPattern.FindStringSubmatchIndex(s[m[0]:m[1]])
		if in == nil || in[0] != 0 || in[1] != m[1]-m[0] {
			if bad == "" {
				bad = s[m[0]:m[1]]
			}
			continue
		}
		refs = append(refs, ref{s[m[0]+in[4] : m[0]+in[5]], in[2] >= 0, m[0], m[1]})
	}
	return refs, bad
}

// soleReference gives the name of a text that is one ${name} and nothing else.
func soleReference(s string) (string, bool) {
	refs, bad := references(s)
	if bad == "" && len(refs) == 1 && refs[0].start == 0 && refs[0].end == len(s) {
		return refs[0].name, true
	}
	return "", false
}

// insert is a part of a text in whose place something else is shown: the answer to a question, or where source is not
// empty what an expression gives.
type insert struct {
	ref
	source string
}

// inserts finds them all. Like the reference converter, a text may have no other expression than a path that begins with
// instance(…).
func inserts(text string) (out []insert) {
	refs, _ := references(text)
	done := 0
	for at := 0; len(out) < maxReferences; {
		i := strings.Index(text[at:], "instance(")
		if i < 0 {
			break
		}
		i += at
		length := instancePath(text[i:])
		if length < 0 {
			break
		}
		if before, _ := utf8.DecodeLastRuneInString(text[:i]); length == 0 || strings.ContainsRune("_-.:", before) || unicode.IsLetter(before) || unicode.IsDigit(before) {
			at = i + 1
			continue
		}
		at = i + length
		for ; len(refs) > 0 && refs[0].start < at; refs = refs[1:] {
			if refs[0].start < i {
				out = append(out, insert{ref: refs[0]})
			}
		}
		out = append(out, insert{ref{start: i, end: at}, text[i:at]})
		done = at
	}
	for _, r := range refs {
		if r.start >= done {
			out = append(out, insert{ref: r})
		}
	}
	return out
}

var instanceCall = regexp.MustCompile(`^instance\(\s*(?:'[^']*'|"[^"]*")\s*\)/`)

// instancePath gives the length of the path that begins a text with instance('…')/, 0 where there is none, -1 where its
// condition has no end. Outside its conditions it has no spaces.
func instancePath(s string) int {
	at := len(instanceCall.FindString(s))
	if at == 0 {
		return 0
	}
	open, quote := 0, byte(0)
	for ; at < len(s); at++ {
		switch c := s[at]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case open > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '[':
			open++
		case open > 0 && c == ']':
			if open--; open == 0 && !strings.HasPrefix(s[at+1:], "/") {
				return at + 1
			}
		case open == 0 && strings.IndexByte(" \t\r\n,;()'\"<>", c) >= 0:
			return at
		}
	}
	if open > 0 {
		return -1
	}
	return at
}

func hasReference(s string) bool {
	refs, _ := references(s)
	return len(refs) > 0
}

// isDynamic tells a default that is to be evaluated from one that is a value: it calls a function, refers to a
// question or calculates. A hyphen in a date or a place is no minus, nor is the zone of a time a sum.
func isDynamic(s, data string) bool {
	if _, err := ofType(data, s); err == nil && data == "time" {
		return false
	}
	for s != "" {
		m := lexPattern.FindStringSubmatchIndex(s)
		if m == nil {
			s = s[1:]
			continue
		}
		tok := s[m[0]:m[1]]
		switch {
		case m[6] >= 0 && tok == "-" && (data == "date" || data == "dateTime" || strings.HasPrefix(data, "geo")):
			return false
		case m[6] >= 0, m[8] >= 0, m[12] >= 0, m[14] >= 0:
			return true
		}
		s = s[m[1]:]
	}
	return false
}

// truth reads yes, no and their like.
func truth(s string) (value, known bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "yes", "true", "true()":
		return true, true
	case "no", "false", "false()":
		return false, true
	}
	return false, false
}

// asExpression writes yes and no as XPath.
func asExpression(s string) string {
	if v, known := truth(s); known {
		if v {
			return "true()"
		}
		return "false()"
	}
	return s
}

// parameters reads "key=value key=value"; commas and semicolons also part them.
func parameters(s string) (map[string]string, bool) {
	s = equalsPattern.ReplaceAllString(s, "=")
	var out map[string]string
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' }) {
		key, value, ok := strings.Cut(f, "=")
		if !ok || key == "" || value == "" || strings.Contains(value, "=") {
			return nil, false
		}
		key = strings.ToLower(key)
		if key != "label" && key != "value" && !strings.Contains(value, "${") {
			value = strings.ToLower(value)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = value
	}
	return out, true
}

var equalsPattern = regexp.MustCompile(`\s*=\s*`)
