package expr

import (
	"math"
	"time"
)

// moment is a date, or a date with a time of day, as it is written in an answer (ISO 8601).
type moment struct {
	year, month, day int
	timed            bool
	clock            time.Duration // since midnight
	zoned            bool
	offset           int // seconds east of UTC
}

// scanner reads fixed parts of a text from the left.
type scanner struct {
	rest string
	ok   bool
}

func (s *scanner) skip(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// digits reads a number of least to most digits that is at most limit.
func (s *scanner) digits(least, most, limit int) int {
	n, v := 0, 0
	for n < len(s.rest) && n < most && s.rest[n] >= '0' && s.rest[n] <= '9' {
		v = v*10 + int(s.rest[n]-'0')
		n++
	}
	s.rest = s.rest[n:]
	s.ok = s.ok && n >= least && v <= limit
	return v
}

// parseMoment reads YYYY-MM-DD with an optional THH[:MM[:SS[.s…]]] and an optional Z or ±HH:MM. Loose allows months
// and days of one digit, as JavaRosa's date() does.
func parseMoment(s string, loose bool) (moment, bool) {
	least := 2
	if loose {
		least = 1
	}
	in := scanner{rest: s, ok: true}
	m := moment{year: in.digits(4, 4, 9999)}
	dash := in.skip('-')
	m.month = in.digits(least, 2, 12)
	dash = in.skip('-') && dash
	m.day = in.digits(least, 2, 31)
	if !dash || !in.ok || m.month == 0 || m.day == 0 || m.day > daysIn(m.year, m.month) {
		return m, false
	}
	if in.rest == "" {
		return m, true
	}
	if !in.skip('T') {
		return m, false
	}
	m.timed = true
	return m, m.readTime(&in, 1)
}

// readTime reads a time of day of at least so many parts, with its zone, up to the end.
func (m *moment) readTime(in *scanner, least int) bool {
	m.clock = time.Duration(in.digits(2, 2, 23)) * time.Hour
	parts := 1
	if in.skip(':') {
		m.clock += time.Duration(in.digits(2, 2, 59)) * time.Minute
		parts++
		if in.skip(':') {
			m.clock += time.Duration(in.digits(2, 2, 59)) * time.Second
			if in.skip('.') {
				m.clock += in.fraction()
			}
		}
	}
	switch east := in.skip('+'); {
	case east || in.skip('-'):
		m.zoned = true
		m.offset = in.digits(2, 2, 14) * 3600
		if in.skip(':') {
			m.offset += in.digits(2, 2, 59) * 60
		}
		if !east {
			m.offset = -m.offset
		}
	default:
		m.zoned = in.skip('Z')
	}
	return in.ok && in.rest == "" && parts >= least
}

// fraction reads digits behind a point as a part of a second.
func (s *scanner) fraction() time.Duration {
	n, v := 0, time.Duration(0)
	for unit := time.Second / 10; n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9'; n++ {
		v += time.Duration(s.rest[n]-'0') * unit
		unit /= 10
	}
	s.rest = s.rest[n:]
	s.ok = s.ok && n > 0
	return v
}

// parseTimeOfDay reads HH:MM[:SS[.s…]] with an optional zone, as of 1970-01-01.
func parseTimeOfDay(s string) (moment, bool) {
	m := moment{year: 1970, month: 1, day: 1, timed: true}
	in := scanner{rest: s, ok: true}
	return m, m.readTime(&in, 2)
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// in gives the moment as a time in the zone; what has no zone of its own is meant in that one.
func (m moment) in(zone *time.Location) time.Time {
	from := zone
	if m.zoned {
		from = time.FixedZone("", m.offset)
	}
	h, rest := int(m.clock/time.Hour), m.clock%time.Hour
	return time.Date(m.year, time.Month(m.month), m.day, h, int(rest/time.Minute), int(rest%time.Minute/time.Second), int(rest%time.Second), from).In(zone)
}

const secondsOfDay = 24 * 60 * 60

// calendarDay counts days since 1970-01-01 on the calendar of t's zone.
func calendarDay(t time.Time) int64 {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay
}

// dateNumber gives a date as days since 1970-01-01 in the zone: whole for a date, with a fraction for a time. NaN
// for what is no date.
func dateNumber(s string, zone *time.Location) float64 {
	m, ok := parseMoment(s, false)
	if !ok {
		return math.NaN()
	}
	t := m.in(zone)
	day := float64(calendarDay(t))
	if !m.timed {
		return day
	}
	return day + timeOfDay(t)
}

// timeOfDay gives the part of the day that is over on the clock of t's zone, from 0 up to 1.
func timeOfDay(t time.Time) float64 {
	h, m, s := t.Clock()
	return (float64(h*3600+m*60+s) + float64(t.Nanosecond())/1e9) / secondsOfDay
}

// epochDays gives the days since 1970-01-01T00:00:00Z, to the millisecond.
func epochDays(t time.Time) float64 { return float64(t.UnixMilli()) / (secondsOfDay * 1000) }

// fromEpochDays is the inverse of epochDays; it refuses what lies outside the years 1 to 9999.
func fromEpochDays(days float64, zone *time.Location) (time.Time, bool) {
	const first, last = -719162, 2932896
	if !(days >= first && days < last) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(days * secondsOfDay * 1000))).In(zone), true
}

// Layouts of a date and of a time in an answer (ODK XForms, data types date and dateTime).
const (
	dateLayout     = "2006-01-02"
	dateTimeLayout = "2006-01-02T15:04:05.000-07:00"
)
