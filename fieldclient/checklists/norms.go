package checklists

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed source/norms.tsv
var normTable string

// Bound says on which side of a norm's figure it is met; the figure itself is on that side.
type Bound string

// The bounds.
const (
	AtLeast Bound = "at-least"
	AtMost  Bound = "at-most"
)

// Norm is a figure that measurements are compared with, for as long as it is in force.
type Norm struct {
	Key       string   // measure, source and whom it applies to, parted by slashes, such as m2_per_person/CPT/shared
	Measure   string   // as in the column kua::measure
	Source    string   // CPT, UN or KZ
	Applies   string   // shared, single, men, women, minors, medical, all, …
	Kinds     []string // of rooms that it is for, as questions about the kind of a room have them; empty for all
	Bound     Bound
	Value     string    // a decimal number
	Unit      string    // m², m, h
	From, To  time.Time // first and last day in force; zero where there is none on record
	Reference string    // where it stands
	Label     Title
	Confirmed bool // somebody has held it against the text where it stands
}

// ErrNotANorm: what says to be a norm lacks a part, or has one that cannot be read.
var ErrNotANorm = errors.New("this is no norm")

// decimal is a number as questions and norms have it. It is short, for numbers come from outside.
var decimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,18})?$`)

const day = "2006-01-02"

// NewNorm makes a norm of the fields of a registry record (docs/vocabulary.md, norm); from and to are days such as
// 2026-11-24, or empty. Its bound and its label are those of the norm of the same key that came with the program, else
// the bound of another norm of its measure.
func NewNorm(key, value, unit, from, to, reference string) (Norm, error) {
	n := Norm{Key: key, Value: value, Unit: unit, Reference: reference, Bound: AtLeast, Confirmed: true}
	parts := strings.Split(key, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return Norm{}, fmt.Errorf("reading norm %q: %w: a key is written measure/source/applies", key, ErrNotANorm)
	}
	n.Measure, n.Source, n.Applies = parts[0], parts[1], parts[2]
	if !decimal.MatchString(value) {
		return Norm{}, fmt.Errorf("reading norm %q: %w: %q is no decimal number", key, ErrNotANorm, value)
	}
	for _, d := range []struct {
		text string
		to   *time.Time
	}{{from, &n.From}, {to, &n.To}} {
		if d.text == "" {
			continue
		}
		t, err := time.Parse(day, d.text)
		if err != nil {
			return Norm{}, fmt.Errorf("reading norm %q: %w: %q is no day", key, ErrNotANorm, d.text)
		}
		*d.to = t
	}
	if !n.To.IsZero() && n.To.Before(n.From) {
		return Norm{}, fmt.Errorf("reading norm %q: %w: it ends before it begins", key, ErrNotANorm)
	}
	for _, own := range embedded() {
		if own.Measure == n.Measure {
			n.Bound = own.Bound
		}
		if own.Key == key {
			n.Label, n.Kinds = own.Label, own.Kinds
			break
		}
	}
	return n, nil
}

// embedded are the norms that come with the program. A test holds the table to be readable.
func embedded() []Norm {
	lines := strings.Split(strings.TrimSuffix(normTable, "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	var out []Norm
	for _, line := range lines[1:] {
		row := make(map[string]string, len(head))
		for i, cell := range strings.Split(line, "\t") {
			row[head[i]] = cell
		}
		n := Norm{Key: row["key"], Measure: row["measure"], Source: row["source"], Applies: row["applies"], Kinds: strings.Fields(row["kinds"]), Bound: Bound(row["bound"]), Value: row["value"],
			Unit: row["unit"], Reference: row["reference"], Confirmed: row["confirmed"] == "yes",
			Label: Title{KK: row["label::Қазақша (kk)"], RU: row["label::Русский (ru)"], EN: row["label::English (en)"]}}
		n.From, _ = time.Parse(day, row["from"])
		n.To, _ = time.Parse(day, row["to"])
		out = append(out, n)
	}
	return out
}

// NormsOn gives the norms in force on a day, which for a measurement is the day of the visit. The clock and zone of that
// moment do not matter, its date does. More are the norms of the registry: from the first day of any of them it alone
// decides about their key, so that a norm it has ended does not come back from what the program knows. Of two in force
// under one key the younger one counts. Norms that came with the program come first, in the order of their table.
func NormsOn(when time.Time, more []Norm) []Norm {
	on := dayOf(when)
	ruled, keys := map[string]bool{}, []string{}
	for _, n := range more {
		ruled[n.Key] = ruled[n.Key] || !n.From.After(on)
	}
	best := map[string]Norm{}
	take := func(n Norm) {
		if n.From.After(on) || !n.To.IsZero() && n.To.Before(on) {
			return
		}
		if old, ok := best[n.Key]; ok && old.From.After(n.From) {
			return
		} else if !ok {
			keys = append(keys, n.Key)
		}
		best[n.Key] = n
	}
	own := embedded()
	for _, n := range own {
		if !ruled[n.Key] {
			take(n)
		}
	}
	for _, n := range more {
		take(n)
	}
	rank := func(key string) int {
		i := slices.IndexFunc(own, func(n Norm) bool { return n.Key == key })
		if i < 0 {
			return len(own)
		}
		return i
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	out := make([]Norm, len(keys))
	for i, k := range keys {
		out[i] = best[k]
	}
	return out
}

// dayOf is the date of a moment on its own clock, as norms have it.
func dayOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// In gives whom the norm is about in a language: kk, ru or en.
func (n *Norm) In(language string) string {
	return cmp.Or(map[string]string{"kk": n.Label.KK, "ru": n.Label.RU, "en": n.Label.EN}[language], n.Applies)
}

// For reports whether the norm is one for what was measured: kind is the kind of room that was answered among those
// offered. Where nothing is known of it, or none of the norm's kinds was offered, it is.
func (n *Norm) For(kind string, offered []string) bool {
	asked := slices.ContainsFunc(n.Kinds, func(k string) bool { return slices.Contains(offered, k) })
	known := slices.Contains(offered, kind) && kind != "other"
	return !asked || !known || slices.Contains(n.Kinds, kind)
}

// Comparison is a measurement held against one norm.
type Comparison struct {
	Norm Norm
	Met  bool
}

// Compare holds a measurement against every norm of its measure, international and national ones alike and each of
// them: which applies to a room or a person is for people to say. The numbers are compared as they are written, without
// rounding. A value that is no number, such as the answer to a question that is still open, is compared with nothing.
func Compare(measure, value string, norms []Norm) []Comparison {
	v, ok := exact(value)
	if !ok {
		return nil
	}
	var out []Comparison
	for _, n := range norms {
		figure, ok := exact(n.Value)
		if n.Measure != measure || !ok {
			continue
		}
		side := v.Cmp(figure)
		out = append(out, Comparison{n, side == 0 || side > 0 == (n.Bound != AtMost)})
	}
	return out
}

func exact(s string) (*big.Rat, bool) {
	if !decimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}
