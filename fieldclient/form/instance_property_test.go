package form

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// manyFeatures is a form in which everything depends on something else.
var manyFeatures = sheets("type | name | label | relevant | calculation | constraint | required | read_only | choice_filter | repeat_count | default | trigger",
	"integer|a|A|||. < 9|${b} = 2||||1",
	"integer|b|B ${sum}|${a} != 3||. != ${a}|||||",
	"select_one r|r|R|${b} != 4",
	"select_multiple d|d|D||||||region = ${r} or name = 'x'",
	"calculate|rname|||jr:choice-name(${r}, '${r}')",
	"calculate|fired|||concat(${a}, ${fired})|||||||${b}",
	"begin group|g|G|${a} > 1||||${b} = 5",
	"begin repeat|c|C ${n} ${p}|${b} != 6",
	"integer|p|P|position(..) != ${a}|||${a} = 4||||${a} + 1",
	"calculate|at|||position(..)",
	"calculate|share|||${p} div ${sum}",
	"begin repeat|i|I|||||||${p}",
	"integer|x|X ${p}||||||||${at}",
	"calculate|xx|||${x} + ${a} + position(../..)",
	"end repeat",
	"calculate|inner|||sum(${x})",
	"end repeat",
	"end group",
	"begin repeat|k|K|||||||if(${a} > 4, 4, ${a})",
	"integer|y|Y||||||||${b}",
	"calculate|prev|||indexed-repeat(${y}, ${k}, position(..) - 1)",
	"end repeat",
	"calculate|sum|||sum(${p})", "calculate|n|||count(${c})", "calculate|all|||sum(${xx}) + sum(${y})",
	"choices", "list_name|name|label|region", "r|1|One|", "r|2|Two|", "d|u|U|1", "d|v|V|2", "d|x|X|")

// state is all that people could see of a form.
func state(in *Instance) map[Ref]string {
	out := map[Ref]string{}
	for _, v := range in.Views() {
		v.Node = nil
		out[v.Ref] = fmt.Sprintf("%+v", v)
	}
	return out
}

func TestAFormAfterEditsIsTheFormOfItsAnswersEvaluatedFromNothing(t *testing.T) {
	g, err := NewGraph(mustBuild(t, manyFeatures))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := g.Begin(testEnv)
		before := state(in)
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			changed := edit(t, in)
			after := state(in)
			for ref, now := range after {
				if was, ok := before[ref]; ok && was != now && !slices.Contains(changed, ref) {
					t.Fatalf("%s changed unnamed\nwas %s\nnow %s", ref, was, now)
				}
			}
			before = after
			again, homeless := g.Load(testEnv, in.Answers())
			if len(homeless) > 0 {
				t.Fatalf("no place for %v", homeless)
			}
			if diff := cmp.Diff(state(again), after); diff != "" {
				t.Fatalf("from nothing (-) and after edits (+):\n%s", diff)
			}
			if diff := cmp.Diff(again.Validate(), in.Validate(), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(again.Progress(), in.Progress()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// edit does one thing that a person could do, and gives what it changed.
func edit(t *rapid.T, in *Instance) []Ref {
	var asked, instances []View
	repeats := []Ref{"/data/g/c"}
	for _, v := range in.Views() {
		if v.Asked && v.Relevant {
			asked = append(asked, v)
		}
		if v.Node.Kind == KindRepeat && v.Node.Name == "c" {
			instances = append(instances, v)
		}
	}
	var changed []Ref
	var err error
	switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
	case what == 0:
		_, changed, err = in.Add(repeats[0])
	case what == 1 && len(instances) > 0:
		changed, err = in.Remove(rapid.SampledFrom(instances).Draw(t, "instance").Ref)
	case what == 2 && len(asked) > 0:
		changed, err = in.Silent(rapid.SampledFrom(asked).Draw(t, "silent").Ref, Silence(rapid.IntRange(0, 3).Draw(t, "why")))
	case len(asked) > 0:
		v := rapid.SampledFrom(asked).Draw(t, "question")
		value := fmt.Sprint(rapid.IntRange(-1, 7).Draw(t, "value"))
		if value == "-1" {
			value = ""
		}
		if len(v.Choices) > 0 {
			value = rapid.SampledFrom(v.Choices).Draw(t, "choice").Value
		} else if v.Node.List != "" {
			value = ""
		}
		changed, err = in.Set(v.Ref, value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
