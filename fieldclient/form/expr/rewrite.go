package expr

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Mention is one ${name} in the source of an expression.
type Mention struct {
	Name      string
	LastSaved bool // ${last-saved#name}: the answer in the form that was saved last
	Pos       int  // byte offset of the $
	Quoted    bool // inside a text, as the second value of jr:choice-name
	// InList is set inside a condition in [ ] of an expression that uses instance(): a relative path must begin with
	// current() there, because . is an item of the list.
	InList bool
	// Function and Argument are the innermost function around the mention and its argument, from 0; "" for none.
	// In arguments 0, 1, 3, 5, … of indexed-repeat a path must not choose an instance.
	Function string
	Argument int
}

// Rewritten is an expression whose mentions were replaced.
type Rewritten struct {
	Text  string
	spans []span
}

// span is a replaced part: from here on, offsets differ.
type span struct{ from, to, oldFrom, oldTo int }

// Source gives the byte offset in the author's text for one in Text. Inside a path that replaced a mention, it is the
// offset of the mention.
func (w Rewritten) Source(pos int) int {
	shift := 0
	for _, s := range w.spans {
		switch {
		case pos < s.from:
			return pos + shift
		case pos < s.to:
			return s.oldFrom
		}
		shift = s.oldTo - s.to
	}
	return pos + shift
}

// Rewrite replaces every ${name} by the path that resolve gives, with a space on either side, so that ${a}-1 is a
// difference and never a longer name. Mentions inside texts are replaced too: that is how pyxform reads them, and how
// jr:choice-name gets its question. An error of resolve becomes an [*Error] with [CodeReference] at the mention.
func Rewrite(src string, resolve func(Mention) (path string, err error)) (Rewritten, error) {
	if len(src) > MaxLength {
		return Rewritten{}, fail(CodeLimit, MaxLength, "the expression has %d bytes; %d are allowed: move parts of it into calculations of their own", len(src), MaxLength)
	}
	var (
		out  Rewritten
		b    strings.Builder
		scan = surroundings{src: src, lists: strings.Contains(src, "instance(")}
		done = 0
	)
	for {
		at := strings.Index(src[done:], "${")
		if at < 0 {
			break
		}
		at += done
		m, end, err := mention(src, at)
		if err != nil {
			return Rewritten{}, err
		}
		if err := scan.advance(at, &m); err != nil {
			return Rewritten{}, err
		}
		path, err := resolve(m)
		if err != nil {
			return Rewritten{}, fail(CodeReference, at, "%v", err)
		}
		b.WriteString(src[done:at])
		from := b.Len()
		b.WriteString(" " + path + " ")
		if b.Len() > 8*MaxLength {
			return Rewritten{}, fail(CodeLimit, at, "the expression mentions too many questions: move parts of it into calculations of their own")
		}
		out.spans = append(out.spans, span{from, b.Len(), at, end})
		done, scan.pos = end, end
	}
	b.WriteString(src[done:])
	out.Text = b.String()
	return out, nil
}

// Mentions gives every ${name} of an expression, in order.
func Mentions(src string) ([]Mention, error) {
	var all []Mention
	_, err := Rewrite(src, func(m Mention) (string, error) {
		all = append(all, m)
		return "", nil
	})
	return all, err
}

// mention reads ${name} at an offset.
func mention(src string, at int) (m Mention, end int, err error) {
	m = Mention{Pos: at}
	inside, _, closed := strings.Cut(src[at+2:], "}")
	if !closed {
		return m, 0, fail(CodeReference, at, "a reference starts here with ${ and never ends: put } behind the name")
	}
	end = at + 2 + len(inside) + 1
	m.Name, m.LastSaved = strings.CutPrefix(inside, "last-saved#")
	if m.Name == "" || !nameStart(m.Name) || nameLength(m.Name) != len(m.Name) {
		return m, end, fail(CodeReference, at, "%s is not a reference: between ${ and } stands the name of one question, without spaces", shown(src[at:end]))
	}
	return m, end, nil
}

// surroundings follows quotes and brackets through an expression that cannot be parsed yet.
type surroundings struct {
	src   string
	pos   int
	quote byte
	open  []opened
	lists bool // the expression uses instance()
	list  int  // conditions in [ ] that are open
}

type opened struct {
	bracket  byte
	function string
	argument int
}

// advance goes on to the offset of a mention and says what is around it.
func (s *surroundings) advance(to int, m *Mention) error {
	for ; s.pos < to; s.pos++ {
		c := s.src[s.pos]
		switch {
		case s.quote != 0:
			if c == s.quote {
				s.quote = 0
			}
		case c == '\'' || c == '"':
			s.quote = c
		case c == '(' || c == '[':
			o := opened{bracket: c}
			if c == '(' {
				o.function = nameBefore(s.src[:s.pos])
			} else {
				s.list++
			}
			if s.open = append(s.open, o); len(s.open) > MaxDepth {
				return fail(CodeLimit, s.pos, "more than %d brackets inside each other: move parts into calculations of their own", MaxDepth)
			}
		case c == ')' || c == ']':
			s.close(c)
		case c == ',' && len(s.open) > 0:
			s.open[len(s.open)-1].argument++
		}
	}
	m.Quoted = s.quote != 0
	m.InList = s.list > 0 && s.lists
	for _, o := range slices.Backward(s.open) {
		if o.function != "" {
			m.Function, m.Argument = o.function, o.argument
			break
		}
	}
	return nil
}

func (s *surroundings) close(c byte) {
	n := len(s.open) - 1
	if n < 0 || (s.open[n].bracket == '(') != (c == ')') {
		return // it does not fit; the parser will say so
	}
	if c == ']' {
		s.list--
	}
	s.open = s.open[:n]
}

// nameBefore gives the name that a text ends with.
func nameBefore(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	start := len(s)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		if r != ':' && nameLength("a"+string(r)) == 1 {
			break
		}
		start -= size
	}
	return s[start:]
}
