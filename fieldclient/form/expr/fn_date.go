package expr

import (
	"fmt"
	"math"
	"strings"
	"time"
)

func (r *run) now(c *call) (time.Time, error) {
	if r.env.Now == nil {
		return time.Time{}, fail(CodeMissing, c.at(), "there is no clock here")
	}
	return r.env.Now().In(r.zone), nil
}

func fnToday(r *run, _ focus, c *call, _ []Value) (Value, error) {
	t, err := r.now(c)
	return r.text(t.Format(dateLayout)), err
}

func fnNow(r *run, _ focus, c *call, _ []Value) (Value, error) {
	t, err := r.now(c)
	return r.text(t.Format(dateTimeLayout)), err
}

// when reads a date from a text, or from a number of days since 1970-01-01T00:00:00Z.
func (r *run) when(v Value) (t time.Time, ok bool) {
	switch v.kind {
	case Boolean:
		return t, false
	case Number:
		return fromEpochDays(v.num, r.zone)
	}
	s := v.String()
	r.spend(500 + len(s))
	m, ok := parseMoment(strings.Trim(s, " \t\r\n"), true)
	if !ok {
		return t, false
	}
	t = m.in(r.zone)
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// fnDate gives the date alone. A number of days is counted on the calendar, so that date(today() + 1) is tomorrow.
func fnDate(r *run, _ focus, _ *call, args []Value) (Value, error) {
	v := args[0]
	if v.kind == Number {
		t, ok := fromEpochDays(math.Floor(v.num), time.UTC)
		return r.written(t, ok, dateLayout)
	}
	t, ok := r.when(v)
	return r.written(t, ok, dateLayout)
}

func fnDateTime(r *run, _ focus, _ *call, args []Value) (Value, error) {
	t, ok := r.when(args[0])
	return r.written(t, ok, dateTimeLayout)
}

func (r *run) written(t time.Time, ok bool, layout string) (Value, error) {
	if !ok {
		return r.text(""), nil
	}
	return r.text(t.Format(layout)), nil
}

func fnDecimalDateTime(r *run, _ focus, _ *call, args []Value) (Value, error) {
	if args[0].kind == Number {
		return args[0], nil
	}
	t, ok := r.when(args[0])
	if !ok {
		return r.number(math.NaN()), nil
	}
	return r.number(epochDays(t)), nil
}

// fnDecimalTime gives the part of the day that is over on the clock of the zone.
func fnDecimalTime(r *run, _ focus, _ *call, args []Value) (Value, error) {
	v := args[0]
	if v.kind == Number {
		return r.number(v.num - math.Floor(v.num)), nil
	}
	if m, ok := parseTimeOfDay(strings.Trim(v.String(), " \t\r\n")); ok {
		return r.number(timeOfDay(m.in(r.zone))), nil
	}
	t, ok := r.when(v)
	if !ok {
		return r.number(math.NaN()), nil
	}
	return r.number(timeOfDay(t)), nil
}

func fnFormatDate(r *run, _ focus, c *call, args []Value) (Value, error) {
	t, ok := r.when(args[0])
	if !ok {
		return r.text(""), nil
	}
	var b strings.Builder
	for rest := args[1].text; rest != ""; {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			break
		}
		if after == "" {
			return Value{}, fail(CodeArguments, c.at(), "the pattern ends with %%: write %%%% for a per cent sign")
		}
		s, ok := r.datePart(t, after[0])
		if !ok {
			return Value{}, fail(CodeArguments, c.at(), "%%%c is not known in a pattern; there are %%Y %%y %%m %%n %%b %%d %%e %%a %%W, and for times %%H %%h %%M %%S %%3", []rune(after)[0])
		}
		b.WriteString(s)
		rest = after[1:]
	}
	return r.made(b.String())
}

func (r *run) datePart(t time.Time, letter byte) (string, bool) {
	two := func(n int) string { return fmt.Sprintf("%02d", n) }
	switch letter {
	case '%':
		return "%", true
	case 'Y':
		return fmt.Sprintf("%04d", t.Year()), true
	case 'y':
		return two(t.Year() % 100), true
	case 'm':
		return two(int(t.Month())), true
	case 'n':
		return fmt.Sprint(int(t.Month())), true
	case 'b':
		return orWord(r.env.Months[t.Month()-1], t.Format("Jan")), true
	case 'd':
		return two(t.Day()), true
	case 'e':
		return fmt.Sprint(t.Day()), true
	case 'a':
		return orWord(r.env.Days[t.Weekday()], t.Format("Mon")), true
	case 'W':
		_, week := t.ISOWeek()
		return fmt.Sprint(week), true
	case 'H':
		return two(t.Hour()), true
	case 'h':
		return fmt.Sprint(t.Hour()), true
	case 'M':
		return two(t.Minute()), true
	case 'S':
		return two(t.Second()), true
	case '3':
		return fmt.Sprintf("%03d", t.Nanosecond()/int(time.Millisecond)), true
	}
	return "", false
}

func orWord(word, english string) string {
	if word == "" {
		return english
	}
	return word
}
