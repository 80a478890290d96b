package expr

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// described writes references on one line: the places with what matters of them, then what else there is.
func described(r References) string {
	var out []string
	for _, p := range r.Paths {
		s := p.String()
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Filtered }) {
			s += "?"
		}
		s += [...]string{"", " exists", " place"}[p.Use]
		if p.Across {
			s += " across"
		}
		out = append(out, s)
	}
	for _, id := range r.Instances {
		out = append(out, "instance "+id)
	}
	for _, f := range r.Volatile {
		out = append(out, "volatile "+f)
	}
	for i, on := range []bool{r.Computed, r.Device, r.Language} {
		if on {
			out = append(out, []string{"computed", "device", "language"}[i])
		}
	}
	return strings.Join(out, ", ")
}

func TestReferencesNameEveryPlaceThatMatters(t *testing.T) {
	for src, want := range map[string]string{
		"1 + 1":                              "",
		". > 10.51 and . < 18.39":            ".",
		"../a + /data/b":                     "../a, /data/b",
		"./../a/./b/../c":                    "../a/c",
		"/data/a/../../x":                    "/x",
		"../..":                              "../..",
		"/":                                  "/",
		"a/b":                                "a/b",
		"//x":                                "//x",
		".//x":                               ".//x",
		"../a//x/y":                          "../a//x/y",
		"/data/*/x":                          "/data/*/x",
		"/data/orx:*":                        "/data/orx:*",
		"/data/@version":                     "/data/@version",
		"//x/../y":                           "/y, //y",
		"//x/..":                             "/, //*",
		"/data/descendant::x":                "/data//x",
		"/data/descendant-or-self::x":        "/data, /data//x",
		"ancestor::x/y":                      "//x/y?",
		"ancestor::node()/y":                 "//*/y?, /y",
		"parent::node()/..":                  "../..",
		"../preceding-sibling::cell/no":      "../../cell/no?",
		"/data/cell[no = ../age]/persons":    "/data/cell/no?, /data/age, /data/cell/persons?",
		"/data/cell[persons]/no":             "/data/cell/persons? exists, /data/cell/no?",
		"sum(/data/cell[position() < 3]/no)": "/data/cell? place, /data/cell/no?",
		"(/data/cell)[2]/no":                 "/data/cell exists, /data/cell/no?",
		"a | ../b":                           "a, ../b",
		"count(/data/cell)":                  "/data/cell exists",
		"position(..)":                       ".. place",
		"position()":                         ". place",
		"/data/a and not(/data/b) and c = 1": "/data/a exists, /data/b exists, c",
		"if(a, b, c)/d":                      "a exists, b exists, c exists, b/d, c/d",
		"if(a = 1, b, c)":                    "a, b, c",
		"current()/../a":                     "../a",
		"current()":                          ".",
		"string-length()":                    ".",
		"/data/x[string-length() > 1]":       "/data/x?",
		"once(random())":                     "., volatile random",
		"concat(today(), now(), uuid(), today())":        "volatile today, volatile now, volatile uuid",
		"randomize(/data/a)":                             "/data/a, volatile randomize",
		"version()":                                      "device",
		"property('deviceid')":                           "device",
		"jr:itext('x')":                                  "language",
		"format-date(., '%b')":                           "., language",
		"jr:choice-name(selected-at(/d/q, 0), ' /d/q ')": "/d/q, /d/q exists, language",
		"jr:choice-name(a, '../q')":                      "a, ../q exists, language",
		"jr:choice-name(a, b)":                           "a, b, computed, language",
		"pulldata('t', 'c', 'k', ../x)":                  "../x, instance t",
		"pulldata(a, 'c', 'k', 'x')":                     "a, computed",
		"instance('c')/root/item[name = current()/../x and n > /d/y]/label":   "../x, /d/y, instance c",
		"instance('c')/root/item[name = instance('d')/root/item[k = ../m]/v]": "instance c, instance d",
		"indexed-repeat(/d/r/a, /d/r, position(..) - 1)":                      "/d/r/a exists, /d/r exists, .. place, /d/r/a across",
		"indexed-repeat(../a, .., ../i)":                                      "../a exists, .. exists, ../i, ../a across",
	} {
		if got := described(mustParse(t, src).References()); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestAReferencePointsToItsMention(t *testing.T) {
	var at []int
	for _, p := range mustParse(t, "../a + /data/b * ../a").References().Paths {
		at = append(at, p.Pos)
	}
	if diff := cmp.Diff([]int{0, 7}, at); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyWaysBecomeTheWholeForm(t *testing.T) {
	src := "//a" + strings.Repeat("/..//b", 40)
	if got := described(mustParse(t, src).References()); got != "//*?" && !strings.Contains(got, "//*") && !strings.Contains(got, "//b") {
		t.Errorf("got %s", got)
	}
}

// covers says whether a reference means a node at the given names, seen from origin.
func (r Reference) covers(origin, names []string) bool {
	from := []string{}
	if !r.Absolute {
		if len(origin) < r.Up {
			return false
		}
		from = origin[:len(origin)-r.Up]
	}
	return len(names) >= len(from) && slices.Equal(from, names[:len(from)]) && stepsCover(r.Steps, names[len(from):])
}

func stepsCover(steps []Step, names []string) bool {
	if len(steps) == 0 {
		return len(names) == 0
	}
	for skip := 0; skip < len(names) && (skip == 0 || steps[0].Deep); skip++ {
		if n := steps[0].Name; (n == "*" || n == names[skip] || strings.HasSuffix(n, ":*") && strings.HasPrefix(names[skip], n[:len(n)-1])) && stepsCover(steps[1:], names[skip+1:]) {
			return true
		}
	}
	return false
}

func namesOf(n Node) []string {
	var out []string
	for _, m := range ancestry(n)[1:] {
		out = append(out, m.Name())
	}
	return out
}

// TestNothingIsReadThatReferencesDoNotName changes one answer at a time: the value of an expression may only change
// when the references cover that answer or a node that holds it.
func TestNothingIsReadThatReferencesDoNotName(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, err := Parse((&Expr{root: anyCondition(2).Draw(rt, "expression")}).String())
		if err != nil {
			rt.Skip(err)
		}
		doc := parseTree(t, "<a><b-1>1</b-1><e>2</e><a><e>3</e><div>4</div></a><a><e>5</e><a><e/></a></a><c.d>1</c.d></a>")
		all := leaves(doc)
		origin := rapid.SampledFrom(all).Draw(rt, "origin")
		changed := rapid.SampledFrom(all).Draw(rt, "changed")
		before, err := e.Evaluate(Context{Node: origin})
		if err != nil {
			return
		}
		was := before.String()
		changed.text = rapid.SampledFrom([]string{"", "1", "2", "x"}).Draw(rt, "answer")
		after, err := e.Evaluate(Context{Node: origin})
		if err != nil || after.String() == was {
			return
		}
		for n := Node(changed); n != nil; n = n.Parent() { // up to the whole form
			if slices.ContainsFunc(e.refs.Paths, func(r Reference) bool { return r.Use == UseText && r.covers(namesOf(origin), namesOf(n)) }) {
				return
			}
		}
		rt.Fatalf("%s at %v: %q became %q when %v changed, and only %s is named", e, namesOf(origin), was, after.String(), namesOf(changed), described(e.refs))
	})
}

// anyCondition draws comparisons over paths, for which answers matter.
func anyCondition(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		fn := functions["concat"]
		c := &call{name: "concat", fn: &fn}
		for range rapid.IntRange(1, 2).Draw(t, "paths") {
			c.args = append(c.args, anyPath(depth).Draw(t, "path"))
		}
		return c
	})
}

func leaves(n Node) (out []*element) {
	for _, c := range n.Children() {
		out = append(out, leaves(c)...)
	}
	if e := n.(*element); len(e.children) == 0 {
		out = append(out, e)
	}
	return out
}
