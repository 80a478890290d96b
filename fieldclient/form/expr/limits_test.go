package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// wide is a form with so many instances of a repeat.
func wide(n int) *element {
	doc := &element{}
	data := doc.add("data")
	data.add("q").text = "yes"
	for i := range n {
		r := data.add("r")
		r.add("n").text = fmt.Sprint(i + 1)
		r.add("p").text = fmt.Sprintf("%d.%04d 0", i/10000, i%10000)
		r.add("text").text = strings.Repeat("x", 20)
	}
	return doc
}

func TestAHostileExpressionCostsAnErrorAndNotTime(t *testing.T) {
	doc := wide(5000)
	env := &Env{Random: zeros{}, Now: time.Now}
	for name, src := range map[string]string{
		"pairs":          "count(//n[//n = .])",
		"cubes":          "count(//n[../..//n[../..//n = 0]])",
		"a long join":    "join('" + strings.Repeat("x", 1000) + "', //n)",
		"siblings":       "count(//n[../following-sibling::*/n = .])",
		"back and forth": "count(//r" + strings.Repeat("/..//r[n]", 20) + ")",
		"positions":      "sum(//n[position(..) + position(..) + position(..) > 0])",
		"crossings":      "intersects(join(';', //p))",
		"patterns":       "//r[regex(text, '(x{1,30}){1,30}y') or regex(n, '(x{1,30}){1,30}y')]",
		"shuffles":       "//r[randomize(//r) = .]",
		"lists":          "//r[indexed-repeat(/data/r/n, /data/r, position()) = 0]",
		"short reads":    "//r[uuid(1000) = uuid(1000)]",
		"unions":         "//r[(..//n | ..//text | ..//n) = 'z']",
		"texts":          "//r[concat(.., .., .., ..) = '']",
	} {
		e, err := Parse(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = e.Evaluate(Context{Node: doc.children[0], Env: env, Steps: 500_000})
		var problem *Error
		if !errors.As(err, &problem) || problem.Code != CodeLimit {
			t.Errorf("%s: got %v, want the error %s", name, err, CodeLimit)
		}
	}
}

// zeros is a random source that ends never.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestWorkIsCountedAgainstWhatIsAllowed(t *testing.T) {
	doc := wide(100)
	e := mustParse(t, "sum(/data/r/n)")
	if v, err := e.Evaluate(Context{Node: doc, Steps: 2000}); err != nil || v.Number() != 5050 {
		t.Errorf("got %v, %v", v.Number(), err)
	}
	if _, err := e.Evaluate(Context{Node: doc, Steps: 100}); err == nil {
		t.Error("100 units were enough for 100 instances")
	}
}

func TestEveryFunctionHoldsItsPromises(t *testing.T) {
	doc, env := parseTree(t, form), environment(t)
	for name, fn := range functions {
		least, most := fn.arity()
		for n := least; n <= min(most, least+2); n++ {
			for _, arg := range []string{"/data/age", "/data/none", "/data/cell/no", "''", "'2020-02-03'", "0 div 0", "-1", "1 div 0", "true()"} {
				src := name + "(" + strings.TrimSuffix(strings.Repeat(arg+",", n), ",") + ")"
				e, err := Parse(src)
				if err != nil {
					var problem *Error
					if !errors.As(err, &problem) || problem.Code != CodeArguments && problem.Code != CodeRegex {
						t.Errorf("%s: %v", src, err)
					}
					continue
				}
				v, err := e.Evaluate(Context{Node: doc.children[0], Env: env})
				if err == nil && (v.Kind() == Any || e.Kind() != Any && e.Kind() != v.Kind()) {
					t.Errorf("%s: gives %s, and is said to give %s", src, v.Kind(), e.Kind())
				}
				v.Answer()
			}
		}
	}
}

func TestAnExpressionNeedsNoNodeAndNoEnvironment(t *testing.T) {
	for _, src := range append(seeds, "position()", "last()", "current()/a", "indexed-repeat(a, b, 1)", "name()", "once(1)", "/") {
		if e, err := Parse(src); err == nil {
			_, _ = e.Evaluate(Context{})
		}
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, "2020-01-02")
	}
	f.Fuzz(func(t *testing.T, src, answer string) {
		e, err := Parse(src)
		if err != nil {
			return
		}
		doc := parseTree(t, form)
		at := doc.children[0].Children()[1].(*element)
		at.text = answer
		list := parseTree(t, cities)
		env := &Env{Random: zeros{}, Now: func() time.Time { return time.Unix(1e9, 0) }, Instance: func(string) (Node, bool) { return list, true }}
		v, err := e.Evaluate(Context{Node: at, Env: env, Steps: 20_000})
		var problem *Error
		if err != nil {
			if !errors.As(err, &problem) || problem.Pos < 0 || problem.Pos > len(src) {
				t.Fatalf("%q: a bad error %#v", src, err)
			}
			return
		}
		if k := e.Kind(); k != Any && k != v.Kind() {
			t.Fatalf("%q: gives %s, and is said to give %s", src, v.Kind(), k)
		}
		for i, n := range v.Nodes() {
			if i > 0 && len(v.Nodes()) < 50 && n == v.Nodes()[i-1] {
				t.Fatalf("%q: a node comes twice", src)
			}
		}
		v.Boolean()
		v.Number()
		v.Answer()
	})
}
