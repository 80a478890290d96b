package web

import (
	"testing"

	"kua/fieldclient/form"
)

func TestANumberIsReadAsPeopleTypeIt(t *testing.T) {
	for _, c := range []struct {
		typed, whole, fraction string // what each kind of field takes; a problem stands in brackets
	}{
		{"12", "12", "12"},
		{" 12 ", "12", "12"},
		{"007", "7", "7"},
		{"000", "0", "0"},
		{"-5", "-5", "-5"},
		{"−5", "-5", "-5"}, // as word processors write it
		{"+5", "5", "5"},
		{"-0", "0", "0"},
		{"3,5", "(whole)", "3.5"},
		{"3.5", "(whole)", "3.5"},
		{"03,50", "(whole)", "3.50"},
		{",5", "(whole)", "0.5"},
		{"-,5", "(whole)", "-0.5"},
		{"3,", "3", "3"}, // somebody is still typing
		{"3,0", "3", "3.0"},
		{"1 234", "1234", "1234"},
		{"1\u00a0234,50", "(whole)", "1234.50"}, // as a Russian spreadsheet writes it
		{"1\u202f234\u202f567", "1234567", "1234567"},
		{"1'234.50", "(whole)", "1234.50"},
		{"1,234.50", "(whole)", "1234.50"},
		{"1.234,50", "(whole)", "1234.50"},
		{"1,234,567", "1234567", "1234567"},
		{"1,234", "1234", "1.234"},
		{"12 34", "(number)", "(number)"},
		{"1 2", "(number)", "(number)"},
		{"1234,567,8", "(number)", "(number)"},
		{"1.2.3", "(number)", "(number)"},
		{"1.234 567", "(number)", "(number)"},
		{"٣٫٥", "(whole)", "3.5"},
		{"１２", "12", "12"},
		{"ғі", "53", "53"}, // the digit row of a Kazakh keyboard
		{`"қ`, "10", "10"},
		{"ҒІ", "53", "53"}, // with the capitals locked
		{"ғ,ә", "(keys)", "(keys)"},
		{",", "(keys)", "(keys)"},
		{".,", "(keys)", "(keys)"},
		{`5"`, "(number)", "(number)"},
		{"5ә", "(number)", "(number)"},
		{"12 м²", "(number)", "(number)"},
		{"двенадцать", "(number)", "(number)"},
		{"1e5", "(number)", "(number)"},
		{"--5", "(number)", "(number)"},
		{"5-6", "(number)", "(number)"},
		{"99999999999999999999", "(number)", "(number)"},
		{"-", "(number)", "(number)"},
		{"", "", ""},
		{"  ", "", ""},
	} {
		for i, want := range []string{c.whole, c.fraction} {
			got, problem := typedNumber(c.typed, i == 0)
			if problem != "" {
				got = "(" + string(problem) + ")"
			}
			if got != want {
				t.Errorf("%q is read as %s, want %s (whole: %v)", c.typed, got, want, i == 0)
			}
		}
	}
}

func TestANumberThatWasReadOtherwiseIsSaidInTheLanguage(t *testing.T) {
	s, err := readScreens()
	check(t, err)
	for _, c := range []struct{ language, typed, number, want string }{
		{"ru", "3,5", "3.5", ""}, {"kk", "3.5", "3.5", "3,5"}, {"en", "3,5", "3.5", "3.5"}, {"ru", "1 234", "1234", "1234"}, {"en", " 12", "12", ""},
	} {
		if got := s.speaks[c.language].readAs(c.typed, c.number); got != c.want {
			t.Errorf("in %s, %q is said to be %q, want %q", c.language, c.typed, got, c.want)
		}
	}
}

// What is read must be what forms take, and what is not read must be what they refuse.
func FuzzWhatIsReadIsANumber(f *testing.F) {
	for _, s := range []string{"3,5", "1 234", "ғі", "-,5", "1.2.3", "٣"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, typed string, whole bool) {
		number, problem := typedNumber(typed, whole)
		if (problem != "") && number != "" {
			t.Errorf("%q is read as %q and refused: %s", typed, number, problem)
		}
		if again, p := typedNumber(number, whole); number != "" && (again != number || p != form.Code("")) {
			t.Errorf("%q is read as %q, and that as %q %s", typed, number, again, p)
		}
	})
}
