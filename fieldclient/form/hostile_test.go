package form

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Two thousand times two thousand times two thousand instances are eight thousand million.
func TestRepeatsInRepeatsDoNotMultiplyBeyondTheBound(t *testing.T) {
	in := begin(t, "type|name|label|repeat_count", "begin repeat|a|A|2000", "begin repeat|b|B|2000", "begin repeat|c|C|2000", "text|q|Q", "end repeat", "end repeat", "end repeat")
	if in.items > MaxItems+4 {
		t.Errorf("%d questions and sections were made", in.items)
	}
	if got := in.Validate(); len(got) == 0 || got[0].Code != CodeFault || !strings.Contains(got[0].Message, fmt.Sprint(MaxItems)) {
		t.Errorf("nothing is said: %v", got[:min(len(got), 1)])
	}
}

func TestPeopleCannotAddBeyondTheBound(t *testing.T) {
	in := begin(t, "type|name|label", "begin repeat|a|A", "text|q|Q", "end repeat")
	in.items = MaxItems
	if _, _, err := in.Add("/data/a"); !errors.Is(err, ErrRepeatCount) {
		t.Errorf("Add: %v", err)
	}
	in.items = 4
	do(t, in, "+ a", "- a[1]", "- a[1]")
	if in.items != 2 {
		t.Errorf("%d are counted after all were removed again, want the form and what it begins with", in.items)
	}
}

// What a laptop loads comes from other laptops too.
func TestLoadedAnswersMakeNoMoreThanTheBound(t *testing.T) {
	in := begin(t, "type|name|label", "begin repeat|a|A", "begin repeat|b|B", "text|q|Q", "end repeat", "end repeat")
	var answers []Answer
	for i := 1; i <= 200; i++ {
		answers = append(answers, Answer{Ref: Ref(fmt.Sprintf("/data/a[%d]/b[%d]/q", i, MaxInstances)), Value: "x"})
	}
	again, homeless := in.graph.Load(testEnv, answers)
	if again.items > MaxItems+4 || len(homeless) == 0 {
		t.Errorf("%d questions and sections were made, %d answers given back", again.items, len(homeless))
	}
}

// Every question reads every other: two thousand of them would be four million links. The form is refused
// where it is imported, at the row that was too much, and not met as a program that hangs where it is opened.
func TestExpressionsThatReadWholeFormsAreRefusedWhereTheyAreTooMany(t *testing.T) {
	for name, condition := range map[string]string{"below": "count(//*) > 1", "the whole form": "/data = ''", "all children": "count(/data/*) > 1"} {
		t.Run(name, func(t *testing.T) {
			rows := []string{"type|name|label|constraint"}
			for i := range 2000 {
				rows = append(rows, fmt.Sprintf("text|a%d|A|%s", i, condition))
			}
			_, issues := build(survey(rows...), "form", nil)
			if got, ok := find(issues, "tangled"); !ok || got.Row < 300 || got.Row > 2000 || got.Column != "constraint" {
				t.Errorf("got %v among %d problems", got, len(issues))
			}
			if _, issues := build(survey(rows[:300]...), "form", nil); HasErrors(issues) {
				t.Errorf("three hundred questions are refused as well: %v", issues[0])
			}
		})
	}
}
