package form

import (
	"strconv"
	"strings"
	"testing"
)

func faultsOf(in *Instance) (out []string) {
	for _, p := range in.Validate() {
		if p.Code == CodeFault {
			out = append(out, p.Message)
		}
	}
	return out
}

func TestACountThatFeedsItselfIsStoppedAndSaid(t *testing.T) {
	for name, rows := range map[string][]string{
		"straight":     {"text|go|Go|", "begin repeat|p|P|if(${go} = 'y', count(${p}) + 1, 1)", "text|q|Q|", "end repeat|||"},
		"roundabout":   {"text|go|Go|", "calculate|c|||count(${p})", "begin repeat|p|P|if(${go} = 'y', ${c} + 1, 1)", "text|q|Q|", "end repeat|||"},
		"one another":  {"text|go|Go|", "begin repeat|p|P|if(${go} = 'y', count(${r}) + 1, 1)", "text|q|Q|", "end repeat|||", "begin repeat|r|R|if(${go} = 'y', count(${p}) + 1, 1)", "text|s|S|", "end repeat|||"},
		"by its parts": {"text|go|Go|", "begin repeat|p|P|if(${go} = 'y', position(${p}[last()]) + 1, 1)", "text|q|Q|", "end repeat|||"},
	} {
		in := begin(t, append([]string{"type|name|label|repeat_count|calculation"}, rows...)...)
		for range 5 { // again and again it costs no more, and leaves no more behind
			do(t, in, "go = y")
			if v, err := in.Evaluate("/data", "count(${p})"); err != nil || v.Number() > maxSteps {
				t.Errorf("%s: there are %v, %v", name, v.Number(), err)
			}
			if got := faultsOf(in); len(got) == 0 || !strings.Contains(got[0], "feeds itself") {
				t.Errorf("%s: the faults are %q", name, got)
			}
			if in.items > 8*maxSteps+20 {
				t.Errorf("%s: %d questions and sections were made", name, in.items)
			}
			do(t, in, "go = n")
			if v, err := in.Evaluate("/data", "count(${p})"); err != nil || v.Number() != 1 {
				t.Errorf("%s: after it was taken back there are %v, %v", name, v.Number(), err)
			}
			if got := faultsOf(in); len(got) > 0 {
				t.Errorf("%s: after it was taken back the faults are %q", name, got)
			}
		}
	}
}

// "Is there another?" is a count of a repeat's own instances that an answer in the last one lets grow.
func TestACountMayAskForAnotherInstance(t *testing.T) {
	in := begin(t, "type|name|label|repeat_count", "begin repeat|p|P|if(count(${p}[more = 'y']) = count(${p}), count(${p}) + 1, count(${p}))", "text|more|More|", "end repeat|||")
	for n := 1; n <= maxSteps+20; n++ {
		do(t, in, "p["+strconv.Itoa(n)+"]/more = y")
		if v, err := in.Evaluate("/data", "count(${p})"); err != nil || v.Number() != float64(n+1) {
			t.Fatalf("after %d answers there are %v, %v", n, v.Number(), err)
		}
	}
	again, homeless := in.graph.Load(Env{}, in.Answers())
	if v, err := again.Evaluate("/data", "count(${p})"); err != nil || v.Number() != maxSteps+21 || len(homeless) > 0 || len(faultsOf(again)) > 0 {
		t.Errorf("read again there are %v, %v, %v, %q", v.Number(), err, homeless, faultsOf(again))
	}
	if v, err := (in.Evaluate("/data", "count(${p})")); err != nil || v.Number() != maxSteps+21 || len(faultsOf(in)) > 0 {
		t.Errorf("there are %v, %v", v.Number(), err)
	}
}
