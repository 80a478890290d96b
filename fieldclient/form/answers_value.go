package form

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kua/fieldclient/form/expr"
)

// typed checks a value against a question's type, and writes it the one way.
func (in *Instance) typed(it *item, value string) (string, error) {
	if it.of.Type != "text" && it.of.Data != "string" || it.of.rules[offered] != nil {
		value = strings.TrimSpace(value)
	}
	if value == "" {
		return "", nil
	}
	if len(value) > maxAnswer {
		return "", fmt.Errorf("%w: want at most %d bytes, got %d", ErrTooLong, maxAnswer, len(value))
	}
	switch it.of.Type {
	case "select_one", "select_one_external", "select_multiple", "rank":
		return in.chosen(it, value)
	case "acknowledge", "trigger":
		if value != "OK" {
			return "", fmt.Errorf("%w: only OK or nothing", ErrBadValue)
		}
		return value, nil
	case "range":
		return it.of.onRange(value)
	}
	return ofType(it.of.Data, value)
}

// onRange checks that a value is one of the steps of a range.
func (s *spec) onRange(value string) (string, error) {
	value, err := ofType(s.Data, value)
	if err != nil {
		return "", err
	}
	num := func(key string) float64 { f, _ := strconv.ParseFloat(s.Parameters[key], 64); return f } // checked on import
	v, _ := strconv.ParseFloat(value, 64)
	start, end, step := num("start"), num("end"), num("step")
	if v < min(start, end) || v > max(start, end) || !multiple(v-start, step) {
		return "", fmt.Errorf("%w: want a number from %s to %s in steps of %s", ErrBadValue, s.Parameters["start"], s.Parameters["end"], s.Parameters["step"])
	}
	return value, nil
}

// maxAnswer bounds one answer, in bytes.
const maxAnswer = 1 << 16

// several reports whether the answer is a list of choices.
func (s *spec) several() bool { return s.Type == "select_multiple" || s.Type == "rank" }

// chosen checks choices. Several choices are one answer: all of them are right, or none is taken.
func (in *Instance) chosen(it *item, value string) (string, error) {
	names := []string{value}
	if it.of.several() {
		names = strings.Fields(value)
	}
	if it.of.rules[offered] == nil {
		return strings.Join(names, " "), nil
	}
	var allowed []string
	for _, n := range it.options {
		allowed = append(allowed, childText(n, it.of.value))
	}
	for i, name := range names {
		if !slices.Contains(allowed, name) {
			return "", fmt.Errorf("%w: %q is not one of the choices", ErrBadValue, name)
		}
		if slices.Contains(names[:i], name) {
			return "", fmt.Errorf("%w: %q stands in it twice", ErrBadValue, name)
		}
	}
	if it.of.Type == "rank" && len(names) != len(allowed) {
		return "", fmt.Errorf("%w: every choice has a rank", ErrBadValue)
	}
	return strings.Join(names, " "), nil
}

// ofType checks a value against the type of an answer, and writes it the one way in which expressions and norms read it.
func ofType(data, value string) (string, error) {
	bad := func(want string) (string, error) { return "", fmt.Errorf("%w: want %s", ErrBadValue, want) }
	switch data {
	case "int":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return bad("a whole number such as 12")
		}
		return strconv.FormatInt(n, 10), nil
	case "decimal":
		if !isDecimal(value) {
			return bad("a number such as 12.5")
		}
		return plainDecimal(value), nil
	case "date", "time", "dateTime":
		if !isMoment(data, value) {
			return bad("a " + data + " such as " + map[string]string{"date": "2026-11-24", "time": "14:30:00", "dateTime": "2026-11-24T14:30:00"}[data])
		}
		return plainMoment(value), nil
	case "geopoint":
		if !isPoint(value) {
			return bad("a place such as 51.16 71.47 0 5: latitude, longitude, altitude, accuracy")
		}
	case "geotrace", "geoshape":
		for p := range strings.SplitSeq(strings.TrimSuffix(value, ";"), ";") {
			if !isPoint(p) {
				return bad("places parted by semicolons")
			}
		}
	}
	return value, nil
}

func isDecimal(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && strings.Trim(s, "+-.0123456789") == ""
}

// plainDecimal writes a decimal number with a digit on both sides of its point, if it has one. The digits behind the
// point stay: they say how exactly something was measured.
func plainDecimal(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") && strings.ContainsAny(s, "123456789") {
		sign = "-"
	}
	whole, part, _ := strings.Cut(strings.TrimLeft(s, "+-"), ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if part != "" {
		part = "." + part
	}
	return sign + whole + part
}

// momentLayouts are what a date, a time and both may be written as; each reads an hour of one digit and a comma before
// the parts of a second too.
var momentLayouts = map[string][]string{
	"date":     {"2006-01-02"},
	"time":     {"15:04:05Z07:00", "15:04:05", "15:04Z07:00", "15:04"},
	"dateTime": {"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"},
}

func isMoment(data, s string) bool {
	const farthest = 15 * 3600 // seconds from UTC that no zone reaches, and no expression reads
	return slices.ContainsFunc(momentLayouts[data], func(layout string) bool {
		t, err := time.Parse(layout, s)
		if err != nil {
			return false
		}
		_, offset := t.Zone()
		return -farthest < offset && offset < farthest
	})
}

// plainMoment writes an hour with two digits and the parts of a second behind a point.
func plainMoment(s string) string {
	day, clock, both := strings.Cut(s, "T")
	if !both {
		day, clock = "", s
	}
	if strings.Index(clock, ":") == 1 {
		clock = "0" + clock
	}
	clock = strings.Replace(clock, ",", ".", 1)
	if both {
		return day + "T" + clock
	}
	return clock
}

func isPoint(s string) bool {
	f := strings.Fields(s)
	if len(f) < 2 || len(f) > 4 {
		return false
	}
	for i, part := range f {
		n, err := strconv.ParseFloat(part, 64)
		if most := []float64{90, 180, 1e6, 1e9}[i]; err != nil || !(n >= -most && n <= most) {
			return false
		}
	}
	return true
}

// computed writes what an expression gives as an answer to a question, as JavaRosa does: for a question about a whole
// number a number loses its fraction, for one about a date or a time a moment loses the other half, and a date becomes
// its midnight for one about both. Anything else stays as it is: a number is no date, a text no number.
func (in *Instance) computed(s *spec, v expr.Value) string {
	answer := v.Answer()
	switch s.Data {
	case "int":
		if f := v.Number(); isNumber(v) && !math.IsNaN(f) && math.Abs(f) < 1<<63 {
			return strconv.FormatFloat(math.Trunc(f)+0, 'f', 0, 64)
		}
	case "date":
		if t, err := time.Parse(time.RFC3339Nano, answer); err == nil {
			return t.In(in.zone()).Format(time.DateOnly)
		}
	case "time":
		if t, err := time.Parse(time.RFC3339Nano, answer); err == nil {
			return t.In(in.zone()).Format("15:04:05.000-07:00")
		}
	case "dateTime":
		if t, err := time.ParseInLocation(time.DateOnly, answer, in.zone()); err == nil {
			return t.Format("2006-01-02T15:04:05.000-07:00")
		}
	}
	return answer
}

// isNumber reports whether a value is a number, or the answer to a question about one.
func isNumber(v expr.Value) bool {
	if v.Kind() != expr.Nodes || len(v.Nodes()) == 0 {
		return v.Kind() == expr.Number
	}
	it, ok := v.Nodes()[0].(*item)
	return ok && (it.of.Data == "int" || it.of.Data == "decimal")
}

func (in *Instance) zone() *time.Location {
	if in.env.Zone == nil {
		return time.UTC
	}
	return in.env.Zone
}
