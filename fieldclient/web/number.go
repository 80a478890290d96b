package web

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// Why what was typed cannot be read as a number. The catalogue has a sentence for each.
const (
	codeNumber form.Code = "number" // it is none
	codeWhole  form.Code = "whole"  // it has a fraction, and a count is asked
	codeBelow  form.Code = "below"  // a count is below 0
	codeKeys   form.Code = "keys"   // the digit row of a Kazakh keyboard, where 6 and 7 are , and .
)

// digitRow is what the digit keys of the Kazakh layout write without the shift key, but for 6 and 7, which write the two
// signs that part a fraction.
var digitRow = map[rune]rune{'"': '1', 'ә': '2', 'і': '3', 'ң': '4', 'ғ': '5', 'ү': '8', 'ұ': '9', 'қ': '0'}

// typedNumber reads a number as people type and paste it here, and writes it as forms and the vocabulary take it: 3,5 and
// 3.5, 007, 1 234,50 with any kind of space, 1'234, 1.234,50, digits of other scripts, and the digit row of a Kazakh
// keyboard. whole asks for a number without a fraction. problem says why it cannot be read; nothing is guessed where two
// numbers are meant by the same signs.
func typedNumber(typed string, whole bool) (number string, problem form.Code) {
	s, problem := plainDigits(strings.TrimSpace(typed))
	if s == "" || problem != "" {
		return "", problem
	}
	sign := ""
	if s[0] == '-' || s[0] == '+' {
		sign, s = strings.TrimPrefix(s[:1], "+"), strings.TrimLeft(s[1:], " ")
	}
	head, frac, parted := cutFraction(s, whole)
	digits, grouped := ungrouped(head)
	if !grouped || digits+frac == "" || strings.Trim(frac, "0123456789") != "" {
		return "", codeNumber
	}
	if whole && strings.Trim(frac, "0") != "" {
		return "", codeWhole
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		digits = "0"
	}
	if len(digits) > 18 {
		return "", codeNumber
	}
	if sign+digits == "-0" && strings.Trim(frac, "0") == "" {
		sign = ""
	}
	if whole || !parted || frac == "" {
		return sign + digits, ""
	}
	return sign + digits + "." + frac, ""
}

// plainDigits writes digits of all scripts, spaces and minus signs the one way.
func plainDigits(s string) (string, form.Code) {
	row := strings.ContainsFunc(s, func(r rune) bool { return digitRow[unicode.ToLower(r)] != 0 })
	if row && strings.ContainsAny(s, ".,") {
		return "", codeKeys
	}
	if s != "" && strings.Trim(s, ".,") == "" {
		return "", codeKeys
	}
	bad := false
	out := strings.Map(func(r rune) rune {
		switch d := digitRow[unicode.ToLower(r)]; {
		case r >= '0' && r <= '9', r == '.', r == ',', r == '+':
			bad = bad || row
			return r
		case d != 0:
			return d
		case unicode.IsDigit(r):
			for _, zero := range unicode.Digit.R16 {
				if uint16(r) >= zero.Lo && uint16(r) <= zero.Hi && r <= 0xffff {
					return '0' + (r-rune(zero.Lo))%10
				}
			}
		case r == '-', r == '−', r == '–', r == '‒':
			return '-'
		case unicode.IsSpace(r), r == '\'', r == '’':
			return ' '
		case r == '٫':
			return '.'
		case r == '٬':
			return ' '
		}
		bad = true
		return -1
	}, s)
	if bad {
		return "", codeNumber
	}
	return out, ""
}

// cutFraction cuts a number at the sign before its fraction. The last of two different signs is that; one that stands more
// than once is none. In a count, one sign before exactly three digits parts thousands.
func cutFraction(s string, whole bool) (head, frac string, parted bool) {
	i := strings.LastIndexAny(s, ".,")
	if i < 0 {
		return s, "", false
	}
	other := strings.ContainsAny(strings.ReplaceAll(s[:i], s[i:i+1], ""), ".,")
	if strings.Count(s, s[i:i+1]) > 1 || whole && !other && len(s)-i == 4 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// ungrouped takes out what parts the thousands: one kind of sign, and three digits behind each.
func ungrouped(s string) (digits string, ok bool) {
	i := strings.IndexAny(s, " .,")
	if i < 0 {
		return s, strings.Trim(s, "0123456789") == ""
	}
	for n, group := range strings.Split(s, s[i:i+1]) {
		if n == 0 && (group == "" || len(group) > 3) || n > 0 && len(group) != 3 || strings.Trim(group, "0123456789") != "" {
			return "", false
		}
		digits += group
	}
	return digits, true
}

// readAs is a number in the way of the language, where that is not what was typed; "" where it is.
func (w *words) readAs(typed, number string) string {
	said := number
	if w.Language != "en" {
		said = strings.ReplaceAll(number, ".", ",")
	}
	if said == strings.TrimSpace(typed) {
		return ""
	}
	return said
}

// What is farther than this is asked about. It is saved all the same: who typed it may be right.
const (
	manyPeople = 20_000 // more than any one place holds
	yearsBack  = 10
	yearsAhead = 5
)

// far returns the key of the question whether a saved value of a field is right, "" where nothing is to ask. now is what
// this laptop takes for the present.
func far(kind syncproto.ValueType, value string, now time.Time) string {
	switch kind {
	case syncproto.TypeInt:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && (n > manyPeople || n < 0) {
			return "field.far.count"
		}
	case syncproto.TypeDate:
		if d, err := time.Parse(time.DateOnly, value); err == nil && (d.Before(now.AddDate(-yearsBack, 0, 0)) || d.After(now.AddDate(yearsAhead, 0, 0))) {
			return "field.far.date"
		}
	}
	return ""
}
