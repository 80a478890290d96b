package expr

import (
	"math"
	"strconv"
	"strings"
)

// earthRadius is the equatorial radius in metres that ODK's engines use.
const earthRadius = 6_378_100.0

// point is a place, in radians.
type point struct{ lat, lon float64 }

// parsePoint reads "latitude longitude [altitude [accuracy]]", in degrees.
func parsePoint(s string) (p point, ok bool) {
	parts := words(s)
	if len(parts) < 2 || len(parts) > 4 {
		return p, false
	}
	lat, err := strconv.ParseFloat(parts[0], 64)
	lon, err2 := strconv.ParseFloat(parts[1], 64)
	if err != nil || err2 != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		return p, false
	}
	return point{lat * math.Pi / 180, lon * math.Pi / 180}, true
}

// points reads places from values: one text of a line or a shape, or several texts of one place each.
func (r *run) points(args []Value) ([]point, bool) {
	texts := r.texts(args)
	if len(texts) == 1 {
		texts = strings.Split(strings.TrimRight(texts[0], "; \t\r\n"), ";")
	}
	out := make([]point, 0, len(texts))
	for _, s := range texts {
		p, ok := parsePoint(s)
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	r.steps -= len(out)
	return out, true
}

func centimetres(f float64) float64 { return math.Round(f*100) / 100 }

// fnArea gives square metres, of a spherical earth; 0 for what is no shape.
func fnArea(r *run, _ focus, _ *call, args []Value) (Value, error) {
	shape, ok := r.points(args)
	if !ok || len(shape) < 3 {
		return r.number(0), nil
	}
	sum, last := 0.0, shape[len(shape)-1]
	for _, p := range shape {
		sum += (p.lon - last.lon) * (2 + math.Sin(p.lat) + math.Sin(last.lat))
		last = p
	}
	return r.number(centimetres(math.Abs(sum * earthRadius * earthRadius / 2))), nil
}

// fnDistance gives metres along the places; NaN for what is no place.
func fnDistance(r *run, _ focus, _ *call, args []Value) (Value, error) {
	line, ok := r.points(args)
	if !ok {
		return r.number(math.NaN()), nil
	}
	sum := 0.0
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		cos := math.Sin(a.lat)*math.Sin(b.lat) + math.Cos(a.lat)*math.Cos(b.lat)*math.Cos(a.lon-b.lon)
		sum += math.Acos(max(-1, min(1, cos))) * earthRadius // rounding can lead out of the domain
	}
	return r.number(centimetres(sum)), nil
}

// fnGeofence says whether a place is inside a closed shape, by counting the edges that a ray to the east crosses.
func fnGeofence(r *run, _ focus, _ *call, args []Value) (Value, error) {
	at, ok := parsePoint(args[0].text)
	shape, ok2 := r.points(args[1:])
	if !ok || !ok2 || len(shape) < 4 || shape[0] != shape[len(shape)-1] {
		return r.boolean(false), nil
	}
	inside := false
	for i := 1; i < len(shape); i++ {
		a, b := shape[i-1], shape[i]
		if (a.lat > at.lat) != (b.lat > at.lat) && at.lon < b.lon+(a.lon-b.lon)*(at.lat-b.lat)/(a.lat-b.lat) {
			inside = !inside
		}
	}
	return r.boolean(inside), nil
}

// fnIntersects says whether two edges of a line or a shape meet that do not follow each other.
func fnIntersects(r *run, _ focus, _ *call, args []Value) (Value, error) {
	line, ok := r.points(args)
	if !ok || len(line) < 4 {
		return r.boolean(false), nil
	}
	r.steps -= len(line) * len(line) / 2
	if err := r.check(); err != nil {
		return Value{}, err
	}
	last := len(line) - 1
	closed := line[0] == line[last]
	for i := 0; i < last; i++ {
		for j := i + 2; j < last; j++ {
			if closed && i == 0 && j == last-1 {
				continue // the ends of a shape meet in its first place
			}
			if crosses(line[i], line[i+1], line[j], line[j+1]) {
				return r.boolean(true), nil
			}
		}
	}
	return r.boolean(false), nil
}

// crosses says whether the edges ab and cd have a place in common.
func crosses(a, b, c, d point) bool {
	side := func(p, q, s point) float64 {
		return (q.lon-p.lon)*(s.lat-p.lat) - (q.lat-p.lat)*(s.lon-p.lon)
	}
	between := func(p, q, s point) bool {
		return min(p.lat, q.lat) <= s.lat && s.lat <= max(p.lat, q.lat) && min(p.lon, q.lon) <= s.lon && s.lon <= max(p.lon, q.lon)
	}
	abc, abd, cda, cdb := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	return abc*abd < 0 && cda*cdb < 0 ||
		abc == 0 && between(a, b, c) || abd == 0 && between(a, b, d) ||
		cda == 0 && between(c, d, a) || cdb == 0 && between(c, d, b)
}
