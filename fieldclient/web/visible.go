package web

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"kua/fieldclient"
)

// A text that somebody wrote may hold characters that nobody sees and that turn round the order in which the rest is read.
// No template can forget to show them, because it is done to the page that the templates made (security §7): in what is
// read they are marks; in what is typed into, and in every value that comes back, they stay, and a line behind says so.

// spoken are the attributes that are shown or read out to people, and no others: a value must come back as it is.
var spoken = regexp.MustCompile(`\s(?:alt|title|aria-label|placeholder|label)="[^"]*"`)

var (
	typedInto = regexp.MustCompile(`(?i)^<input\s[^>]*\stype="(?:text|search|date|number)"`)
	itsValue  = regexp.MustCompile(`\svalue="([^"]*)"`)
)

// visible shows the marks of the reading order in a page, or a part of one, that html/template wrote.
func visible(page string, w *words) string {
	if !fieldclient.HasOrderMarks(page) {
		return page
	}
	var out strings.Builder
	mark := func(name string) string {
		said := html.EscapeString(w.T("marks.one", name))
		return fmt.Sprintf(`<bdi class="ordermark" role="img" aria-label="%s" title="%s">⟪%s⟫</bdi>`, said, said, name)
	}
	note := func(typed string) {
		if fieldclient.HasOrderMarks(typed) {
			fmt.Fprintf(&out, `<span class="ordernote" role="note">%s <bdi dir="auto">%s</bdi></span>`, html.EscapeString(w.T("marks.field")), fieldclient.Visible(typed, mark))
		}
	}
	for page != "" {
		text, rest := page, ""
		if i := strings.IndexByte(page, '<'); i >= 0 {
			text, rest = page[:i], page[i:]
		}
		out.WriteString(fieldclient.Visible(text, mark))
		tag := rest[:tagEnd(rest)]
		page = rest[len(tag):]
		out.WriteString(spoken.ReplaceAllStringFunc(tag, func(s string) string { return fieldclient.Visible(s, nil) }))
		switch name, _, _ := strings.Cut(strings.Trim(tag, "</>"), " "); {
		case strings.HasPrefix(tag, "</"):
		case name == "input" && typedInto.MatchString(tag):
			if m := itsValue.FindStringSubmatch(tag); m != nil {
				note(m[1])
			}
		case name == "textarea":
			typed, close := cutAtEnd(page, name)
			out.WriteString(typed + close)
			note(typed)
			page = page[len(typed)+len(close):]
		case name == "option" || name == "title": // no tag may stand in them
			said, _ := cutAtEnd(page, name)
			out.WriteString(fieldclient.Visible(said, nil))
			page = page[len(said):]
		}
	}
	return out.String()
}

// cutAtEnd cuts what stands before the end tag of an element that holds only text, and that tag.
func cutAtEnd(page, name string) (text, close string) {
	close = "</" + name + ">"
	text, _, ok := strings.Cut(page, close)
	if !ok {
		return text, ""
	}
	return text, close
}

// tagEnd returns where the tag ends that a page begins with. A > in quotes ends none.
func tagEnd(page string) int {
	quote := byte(0)
	for i := range len(page) {
		switch c := page[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(page)
}
