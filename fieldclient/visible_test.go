package fieldclient_test

import (
	"testing"
	"unicode"

	"kua/fieldclient"
)

// What the Unicode tables call a control of the reading order has a name, and none is left in a text that is shown.
func TestEveryMarkOfTheReadingOrderIsShown(t *testing.T) {
	n := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.Is(unicode.Bidi_Control, r) {
			continue
		}
		n++
		text := "a" + string(r) + "b"
		if got := fieldclient.Visible(text, nil); fieldclient.HasOrderMarks(got) || len(got) != len("a⟪RLO⟫b") {
			t.Errorf("%U is shown as %q", r, got)
		}
	}
	if n != 12 {
		t.Errorf("the tables know %d marks", n)
	}
	for _, plain := range []string{"", "Камера 12, оң жақта", "سجن", "שלום", "a\xffb"} {
		if got := fieldclient.Visible(plain, nil); got != plain {
			t.Errorf("%q is shown as %q", plain, got)
		}
	}
}
