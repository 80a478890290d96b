package form

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is calculated while a form is loaded is no change that a person made: it sets nothing off.
func TestLoadingAnswersSetsNothingOff(t *testing.T) {
	g, err := NewGraph(mustBuild(t, sheets("type|name|label|calculation|trigger|default|repeat_count",
		"integer|a|A", "integer|x|X|${a} + 1", "text|y|Y|concat('t', ${x})|${x}",
		"begin repeat|r|R||||2", "integer|n|N|||7", "end repeat")))
	if err != nil {
		t.Fatal(err)
	}
	said := []Answer{{Ref: "/data/a", Value: "1"}, {Ref: "/data/y", Value: "mine"}}
	in, homeless := g.Load(testEnv, said)
	if len(homeless) > 0 {
		t.Fatal(homeless)
	}
	want := []Answer{{Ref: "/data/a", Value: "1"}, {Ref: "/data/x", Value: "2"}, {Ref: "/data/y", Value: "mine"}, {Ref: "/data/r_count", Value: "2"}, {Ref: "/data/r[1]"}, {Ref: "/data/r[2]"}}
	if diff := cmp.Diff(want, in.Answers()); diff != "" {
		t.Error("loading changed what was said:", diff)
	}
	if _, err := in.Set("/data/a", "2"); err != nil {
		t.Fatal(err)
	}
	if v, _ := in.View("/data/y"); v.Value != "t3" {
		t.Errorf("afterwards a trigger sets %q", v.Value)
	}
}
