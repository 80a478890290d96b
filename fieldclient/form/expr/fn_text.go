package expr

import (
	"math"
	"strings"
	"unicode/utf8"
)

// textOrContext is the first argument, or the text of the context node when it is left out.
func (r *run) textOrContext(f focus, args []Value) string {
	switch {
	case len(args) > 0:
		return args[0].text
	case f.node == nil:
		return ""
	}
	return r.textOf(f.node)
}

// texts gives every value as text, sets as one text a node.
func (r *run) texts(args []Value) []string {
	out := make([]string, 0, len(args))
	for _, v := range args {
		if v.kind != Nodes {
			out = append(out, v.String())
			continue
		}
		for _, n := range v.nodes {
			out = append(out, r.textOf(n))
		}
	}
	return out
}

func fnString(r *run, f focus, _ *call, args []Value) (Value, error) {
	return r.text(r.textOrContext(f, args)), nil
}

func fnConcat(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.joined("", r.texts(args))
}

func fnJoin(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.joined(args[0].text, r.texts(args[1:]))
}

func (r *run) joined(between string, texts []string) (Value, error) {
	size := len(between) * max(0, len(texts)-1)
	for _, s := range texts {
		size += len(s)
	}
	if size > MaxText {
		return Value{}, fail(CodeLimit, r.pos, "this makes a text of more than %d bytes", MaxText)
	}
	return r.made(strings.Join(texts, between))
}

// fnSubstr counts characters from 0, and from the end when negative; the end is not included.
func fnSubstr(r *run, _ focus, _ *call, args []Value) (Value, error) {
	s := []rune(args[0].text)
	place := func(f float64) int {
		if f < 0 {
			f += float64(len(s))
		}
		return int(max(0, min(math.Trunc(f), float64(len(s)))))
	}
	from, to := 0, len(s)
	if f := args[1].num; !math.IsNaN(f) {
		from = place(math.Trunc(f))
	}
	if len(args) > 2 {
		if to = 0; !math.IsNaN(args[2].num) {
			to = place(math.Trunc(args[2].num))
		}
	}
	if from > to {
		return r.text(""), nil
	}
	return r.made(string(s[from:to]))
}

// fnSubstring is XPath 1.0's: it counts from 1, and takes a length.
func fnSubstring(r *run, _ focus, _ *call, args []Value) (Value, error) {
	from, to := roundHalfUp(args[1].num), math.Inf(1)
	if len(args) > 2 {
		to = from + roundHalfUp(args[2].num)
	}
	var b strings.Builder
	at := 0.0
	for _, c := range args[0].text {
		if at++; at >= from && at < to {
			b.WriteRune(c)
		}
	}
	return r.made(b.String())
}

func fnSubstringBefore(r *run, _ focus, _ *call, args []Value) (Value, error) {
	before, _, found := strings.Cut(args[0].text, args[1].text)
	if !found {
		before = ""
	}
	return r.text(before), nil
}

func fnSubstringAfter(r *run, _ focus, _ *call, args []Value) (Value, error) {
	_, after, _ := strings.Cut(args[0].text, args[1].text)
	return r.text(after), nil
}

func fnTranslate(r *run, _ focus, _ *call, args []Value) (Value, error) {
	swap := map[rune]rune{}
	to := []rune(args[2].text)
	for i, c := range []rune(args[1].text) {
		if _, twice := swap[c]; twice {
			continue
		}
		swap[c] = -1
		if i < len(to) {
			swap[c] = to[i]
		}
	}
	return r.made(strings.Map(func(c rune) rune {
		if by, ok := swap[c]; ok {
			return by
		}
		return c
	}, args[0].text))
}

func fnStringLength(r *run, f focus, _ *call, args []Value) (Value, error) {
	return r.number(float64(utf8.RuneCountInString(r.textOrContext(f, args)))), nil
}

// words cuts at the white space of XML, which is what separates the choices of an answer too.
func words(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' })
}

func fnNormalizeSpace(r *run, f focus, _ *call, args []Value) (Value, error) {
	return r.made(strings.Join(words(r.textOrContext(f, args)), " "))
}

func fnContains(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.boolean(strings.Contains(args[0].text, args[1].text)), nil
}

func fnStartsWith(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.boolean(strings.HasPrefix(args[0].text, args[1].text)), nil
}

func fnEndsWith(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.boolean(strings.HasSuffix(args[0].text, args[1].text)), nil
}

func fnSelected(r *run, _ focus, _ *call, args []Value) (Value, error) {
	want := strings.Trim(args[1].text, " \t\r\n")
	if want == "" {
		return r.boolean(strings.Trim(args[0].text, " \t\r\n") == ""), nil
	}
	for _, w := range words(args[0].text) {
		if w == want {
			return r.boolean(true), nil
		}
	}
	return r.boolean(false), nil
}

// fnSelectedAt counts from 0.
func fnSelectedAt(r *run, _ focus, _ *call, args []Value) (Value, error) {
	all := words(args[0].text)
	if at := math.Trunc(args[1].num); at >= 0 && at < float64(len(all)) {
		return r.text(all[int(at)]), nil
	}
	return r.text(""), nil
}

func fnCountSelected(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.number(float64(len(words(args[0].text)))), nil
}

func fnChoiceName(r *run, f focus, c *call, args []Value) (Value, error) {
	if r.env.ChoiceLabel == nil {
		return Value{}, fail(CodeMissing, c.at(), "the labels of choices are not known here")
	}
	where := c.path
	if where == nil {
		e, err := r.parse(args[1].text)
		if err != nil || e.Kind() != Nodes {
			return Value{}, fail(CodeArguments, c.at(), "jr:choice-name(value, '${question}') takes the place of a question in quotation marks, and this is %s", shown(args[1].text))
		}
		r.steps -= 10 * (1 + len(args[1].text))
		where = e.root
	}
	v, err := r.eval(where, f)
	if r.pos = c.at(); err != nil || len(v.nodes) == 0 {
		return r.text(""), err
	}
	label, ok := r.env.ChoiceLabel(v.nodes[0], args[0].text)
	if !ok {
		label = ""
	}
	return r.made(label)
}

func fnItext(r *run, _ focus, c *call, args []Value) (Value, error) {
	if r.env.Itext == nil {
		return Value{}, fail(CodeMissing, c.at(), "the texts of the form are not known here")
	}
	if args[0].text == "" {
		return r.text(""), nil // the id is that of a choice which nobody has made yet
	}
	s, ok := r.env.Itext(args[0].text)
	if !ok {
		return Value{}, fail(CodeMissing, c.at(), "the form has no text %s", shown(args[0].text))
	}
	return r.made(s)
}
