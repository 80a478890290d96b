package setupcode

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func draw(t *rapid.T) (c Code) {
	copy(c.Server[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "server"))
	copy(c.Secret[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "secret"))
	return c
}

func TestParseReadsWhatStringWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := draw(t)
		text := c.String()
		for _, form := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", ""), " " + strings.ReplaceAll(text, "-", " \n"), strings.ReplaceAll(text, "0", "o")} {
			if got, err := Parse(form); err != nil || got != c {
				t.Fatalf("%q: got %v, %v", form, got, err)
			}
		}
	})
}

func TestOneMistypedCharacterIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(draw(t).String())
		i := rapid.IntRange(0, len(text)-1).Filter(func(i int) bool { return text[i] != '-' }).Draw(t, "place")
		text[i] = rapid.SampledFrom([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ")).Filter(func(b byte) bool { return b != text[i] }).Draw(t, "instead")
		if _, err := Parse(string(text)); err == nil {
			t.Fatalf("%s was taken", text)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(Code{}.String())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := Parse(s); err == nil {
			if again, err := Parse(c.String()); err != nil || again != c {
				t.Fatalf("%q: %v", s, err)
			}
		}
	})
}
