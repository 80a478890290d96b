package oracle

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
)

// difference is one thing that the engines do not see alike.
type difference struct {
	ref          form.Ref
	what         string // value, relevant, fixed, required, constraint, missing, choices, label, place
	ours, theirs string
}

func (d difference) String() string {
	return fmt.Sprintf("%s: %s: Kua %q, ODK %q", d.ref, d.what, d.ours, d.theirs)
}

// compare holds a form against what ODK's engine sees. What is not relevant is compared no further; what a person
// cannot see or answer has no words and no choices.
func compare(in *form.Instance, theirs []state) (seen int, out []difference) {
	ours := map[form.Ref]form.View{}
	for _, v := range in.Views() {
		ours[v.Ref] = v
	}
	missing := map[form.Ref]bool{}
	for _, p := range in.Validate() {
		missing[p.Ref] = missing[p.Ref] || p.Code == form.CodeRequired
	}
	for _, s := range theirs {
		if strings.HasPrefix(s.Type, "repeat-range") {
			continue // a repeat as a whole is no place of Kua's
		}
		v, ok := ours[s.Ref]
		if !ok {
			out = append(out, difference{s.Ref, "place", "nothing", s.Type})
			continue
		}
		delete(ours, s.Ref)
		n, found := one(v, s, missing[s.Ref])
		seen += n
		out = append(out, found...)
	}
	for ref, v := range ours {
		if v.Relevant { // Kua keeps the instances beyond a repeat's count
			out = append(out, difference{ref, "place", v.Node.Type, "nothing"})
		}
	}
	return seen, out
}

func one(v form.View, s state, missing bool) (seen int, out []difference) {
	add := func(what, a, b string) {
		seen++
		if a != b {
			out = append(out, difference{v.Ref, what, a, b})
		}
	}
	add("relevant", fmt.Sprint(v.Relevant), fmt.Sprint(s.Relevant))
	if !v.Relevant || !s.Relevant {
		return seen, out
	}
	if v.Node.Kind == form.KindQuestion {
		if !byChance(v.Node) && !sameAnswer(v.Node, v.Value, s.Value) {
			out = append(out, difference{v.Ref, "value", v.Value, s.Value})
		}
		seen++
		add("fixed", fmt.Sprint(v.ReadOnly), fmt.Sprint(s.ReadOnly))
		add("required", fmt.Sprint(v.Required), fmt.Sprint(s.Required))
	}
	if s.Constraint != nil {
		add("constraint", fmt.Sprint(!v.Invalid), fmt.Sprint(*s.Constraint))
	}
	if v.Asked {
		add("missing", fmt.Sprint(missing), fmt.Sprint(s.Missing))
	}
	if s.Choices != nil {
		var names []string
		for _, c := range v.Choices {
			names = append(names, c.Value)
		}
		add("choices", strings.Join(names, " "), strings.Join(s.Choices, " "))
	}
	if s.Label != "-" && (s.Label != "" || v.Label != "" && !slices.Contains([]string{"model-value", "root"}, s.Type)) {
		add("label", squeeze(v.Label), squeeze(s.Label))
	}
	return seen, out
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// byChance reports whether a value is drawn by chance, so that no two engines have the same.
func byChance(n *form.Node) bool {
	return n.Preload == "uid" || drawn.MatchString(n.Calculation+" "+n.Default)
}

var drawn = regexp.MustCompile(`\b(random|uuid)\(`)

// conventions are the ways to write one and the same answer in which the engines differ.
var conventions = []string{
	"a decimal number and a place: ODK writes 20 as 20.0 and fills in the altitude and accuracy of a place; Kua keeps what was typed",
	"several choices: ODK writes them in the order of the list, Kua in the order in which they were chosen; here they are chosen in the list's order",
	"a form without words in its default language: the converter writes a dash, Kua shows the words of another language",
	"a trace that ends where it began: no trace to ODK; none is made here",
	"a choice that a filter no longer lets through: ODK takes the answer back, Kua keeps it and reports it; here it is taken back in both",
	"random(), uuid() and the identity of a filled form are drawn by chance and not compared",
}

// sameAnswer compares what two engines write for one answer, numbers as numbers.
func sameAnswer(n *form.Node, a, b string) bool {
	if a == b {
		return true
	}
	switch n.Data {
	case "decimal", "geopoint", "geotrace", "geoshape":
		x, y := numbers(a), numbers(b)
		return x != nil && slices.Equal(x, y)
	}
	return false
}

// numbers reads numbers that are parted by spaces and semicolons, -1e9 before each place; nil where there is something else.
func numbers(s string) (out []float64) {
	for place := range strings.SplitSeq(strings.Trim(s, "; "), ";") {
		out = append(out, -1e9)
		for _, part := range strings.Fields(place) {
			f, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return nil
			}
			out = append(out, f)
		}
	}
	return out
}
