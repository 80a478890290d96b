package expr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// counting is a random source that says how often it was asked.
type counting struct{ times int }

func (c *counting) Read(p []byte) (int, error) {
	c.times++
	for i := range p {
		p[i] = byte(c.times)
	}
	return len(p), nil
}

func TestChanceInAPredicateIsTakenForEveryNode(t *testing.T) {
	doc := parseTree(t, "<d><p/><p/><p/></d>")
	for src, want := range map[string]int{
		"/d/p[random() < 2]":                3,
		"/d/p[1 + random() > 0]":            3,
		"/d/p[/d/p[random() < 2]]":          9,
		"/d/p[count(/d/p[random() < 2])]":   9,
		"/d/p[(/d/p)[random() < 2]]":        9,
		"/d/p[true() or random()]":          0,
		"/d/p[current()[random() < 2]]":     3,
		"/d/p[/d/p[1] = /d/p[2]][random()]": 3,
	} {
		var source counting
		if _, err := mustParse(t, src).Evaluate(Context{Node: doc, Env: &Env{Random: &source}}); err != nil || source.times != want {
			t.Errorf("%s: chance was asked %d times, want %d (%v)", src, source.times, want, err)
		}
	}
}

// TestWhatIsRememberedChangesNoValue evaluates trees that were put together by hand, in which no path is marked as
// steady, and the same expressions parsed.
func TestWhatIsRememberedChangesNoValue(t *testing.T) {
	doc := parseTree(t, "<a><b-1>1</b-1><e>2</e><a><e>3</e><div>4</div></a><a><e>1</e><a><e/></a></a><c.d>1</c.d></a>")
	all := leaves(doc)
	rapid.Check(t, func(t *rapid.T) {
		plain := &Expr{root: anyPath(3).Draw(t, "path")}
		parsed, err := Parse(plain.String())
		if err != nil {
			t.Skip(err)
		}
		c := Context{Node: rapid.SampledFrom(all).Draw(t, "origin"), Env: &Env{}}
		want, err := plain.Evaluate(c)
		got, err2 := parsed.Evaluate(c)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%s: %v, and %v when parsed", parsed, err, err2)
		}
		same := len(got.nodes) == len(want.nodes)
		for i := range got.nodes {
			same = same && got.nodes[i] == want.nodes[i]
		}
		if !same {
			t.Fatalf("%s changed:\n%s", parsed, cmp.Diff(texts(want), texts(got)))
		}
	})
}

func texts(v Value) (out []string) {
	for _, n := range v.nodes {
		out = append(out, n.Name()+"="+n.Text())
	}
	return out
}
