package oracle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
)

// answerer makes up answers: every one that it gives is one that a person could give to the form as it stands.
type answerer struct {
	rand    *rand.Rand
	texts   []string // that the form's own expressions compare with, so that something follows from an answer
	numbers []float64
}

var (
	quoted  = regexp.MustCompile(`'([^']{1,40})'`)
	counted = regexp.MustCompile(`(^|[^\w'.-])(\d{1,6}(?:\.\d{1,3})?)`)
)

func newAnswerer(t *form.Template, seed uint64) *answerer {
	a := &answerer{rand: rand.New(rand.NewPCG(seed, 7)), texts: []string{"a", "Айгүл", "yes", "no", "12", "x y"}, numbers: []float64{0, 1, 2, 3}}
	for n := range t.Root.All() {
		for _, src := range []string{n.Relevant, n.Constraint, n.Calculation, n.Required, n.ReadOnly, n.ChoiceFilter} {
			for _, m := range quoted.FindAllStringSubmatch(src, -1) {
				a.texts = append(a.texts, m[1])
			}
			for _, m := range counted.FindAllStringSubmatch(src, -1) {
				f, _ := strconv.ParseFloat(m[2], 64)
				a.numbers = append(a.numbers, f-1, f, f+1)
			}
		}
	}
	return a
}

// maxRepeat bounds the instances that are made of one repeat.
const maxRepeat = 4

// next makes up one step; false where the form has nothing to answer.
func (a *answerer) next(in *form.Instance) (request, bool) {
	views := in.Views()
	if a.rand.IntN(8) == 0 {
		if r, ok := a.repeat(views); ok {
			return r, true
		}
	}
	var asked []form.View
	for _, v := range views {
		if v.Asked && v.Relevant && v.Node.Control != "upload" {
			asked = append(asked, v)
		}
	}
	if len(asked) == 0 {
		return request{}, false
	}
	v := asked[a.rand.IntN(len(asked))]
	return request{Do: "set", Ref: v.Ref, Value: a.value(v)}, true
}

// repeat adds or removes an instance of a repeat that people count.
func (a *answerer) repeat(views []form.View) (request, bool) {
	var can []request
	for _, v := range views {
		if !v.Relevant {
			continue
		}
		for _, n := range v.Node.Children {
			if n.Kind != form.KindRepeat || n.RepeatCount != "" {
				continue
			}
			whole := v.Ref + form.Ref("/"+n.Name)
			instances := 0
			for _, one := range views {
				if strings.HasPrefix(string(one.Ref), string(whole)+"[") && !strings.Contains(string(one.Ref[len(whole):]), "/") {
					instances++
				}
			}
			switch {
			case instances == 0:
				continue
			case instances > 1:
				can = append(can, request{Do: "remove", Ref: whole + form.Ref(fmt.Sprintf("[%d]", 1+a.rand.IntN(instances)))})
			}
			if instances < maxRepeat {
				can = append(can, request{Do: "add", Ref: whole})
			}
		}
	}
	if len(can) == 0 {
		return request{}, false
	}
	return can[a.rand.IntN(len(can))], true
}

// value makes up an answer to a question; one in ten takes it back.
func (a *answerer) value(v form.View) string {
	if a.rand.IntN(10) == 0 {
		return ""
	}
	n := a.numbers[a.rand.IntN(len(a.numbers))]
	switch v.Node.Type {
	case "select_one", "select_one_external", "select_multiple", "rank":
		return a.choices(v)
	case "acknowledge", "trigger":
		return "OK"
	case "range":
		return a.onRange(v.Node)
	}
	switch v.Node.Data {
	case "int":
		return strconv.Itoa(int(n))
	case "decimal":
		return strconv.FormatFloat(n+float64(a.rand.IntN(4))/4, 'f', -1, 64)
	case "date":
		return fmt.Sprintf("20%02d-%02d-%02d", 10+a.rand.IntN(20), 1+a.rand.IntN(12), 1+a.rand.IntN(28))
	case "time":
		return fmt.Sprintf("%02d:%02d:00.000+05:00", a.rand.IntN(24), a.rand.IntN(60))
	case "dateTime":
		return fmt.Sprintf("2026-%02d-%02dT%02d:%02d:00.000+05:00", 1+a.rand.IntN(12), 1+a.rand.IntN(28), a.rand.IntN(24), a.rand.IntN(60))
	case "geopoint":
		return a.point()
	case "geotrace":
		return strings.Join([]string{"44.5 59.5 0 5", a.point(), a.point()}, ";")
	case "geoshape":
		first := a.point()
		return strings.Join([]string{first, a.point(), a.point(), first}, ";")
	}
	return a.texts[a.rand.IntN(len(a.texts))]
}

func (a *answerer) point() string {
	return fmt.Sprintf("%d.%02d %d.%02d 0 5", 45+a.rand.IntN(9), a.rand.IntN(100), 60+a.rand.IntN(20), a.rand.IntN(100))
}

func (a *answerer) choices(v form.View) string {
	if len(v.Choices) == 0 {
		return ""
	}
	var names []string
	for _, c := range v.Choices {
		if !slices.Contains(names, c.Value) {
			names = append(names, c.Value)
		}
	}
	a.rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	switch v.Node.Type {
	case "select_one", "select_one_external":
		names = names[:1]
	case "select_multiple":
		chosen := names[:1+a.rand.IntN(min(3, len(names)))]
		names = nil
		for _, c := range v.Choices { // in the list's order: see conventions
			if slices.Contains(chosen, c.Value) && !slices.Contains(names, c.Value) {
				names = append(names, c.Value)
			}
		}
	}
	return strings.Join(names, " ")
}

// onRange makes up a step of a range.
func (a *answerer) onRange(n *form.Node) string {
	num := func(key string) float64 { f, _ := strconv.ParseFloat(n.Parameters[key], 64); return f }
	from, to, step := num("start"), num("end"), math.Abs(num("step"))
	steps := int((max(from, to) - min(from, to)) / step)
	return strconv.FormatFloat(min(from, to)+step*float64(a.rand.IntN(steps+1)), 'f', -1, 64)
}
