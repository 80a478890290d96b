package fieldclient

import (
	"strings"
	"unicode"
)

// orderMarks are the characters that nobody sees and that change the order in which a text is read, by the short names that
// Unicode gives them (UAX #9, section 2).
var orderMarks = map[rune]string{
	0x061c: "ALM", 0x200e: "LRM", 0x200f: "RLM", 0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO",
	0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI",
}

// HasOrderMarks reports whether a text holds a character that nobody sees and that changes the order in which it is read.
func HasOrderMarks(text string) bool { return strings.ContainsFunc(text, isOrderMark) }

func isOrderMark(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

// Visible writes a text with each character that changes the reading order unseen as show writes it. show is given its short
// name, such as RLO; nil writes ⟪RLO⟫. The stored text stays as it is: this is for showing it.
func Visible(text string, show func(name string) string) string {
	if !HasOrderMarks(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !isOrderMark(r):
			b.WriteRune(r)
		case show != nil:
			b.WriteString(show(orderMarks[r]))
		default:
			b.WriteString("⟪" + orderMarks[r] + "⟫")
		}
	}
	return b.String()
}
