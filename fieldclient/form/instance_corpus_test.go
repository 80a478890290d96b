package form

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sevens is a random source that is none.
type sevens struct{}

func (sevens) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

func TestEveryRealFormIsFilledInAndFoundAgain(t *testing.T) {
	env := testEnv
	for _, file := range corpusFiles(t) {
		tmpl, _, _ := importFile(t, file)
		if tmpl == nil {
			continue
		}
		in, err := NewInstance(tmpl, env)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		for _, v := range in.Views() {
			if !v.Asked || !v.Relevant {
				continue
			}
			value := "1"
			if len(v.Choices) > 0 {
				value = v.Choices[0].Value
			}
			_, _ = in.Set(v.Ref, value) // where the type allows
		}
		for _, p := range in.Validate() {
			if p.Code == CodeFault && !strings.Contains(p.Message, "the form has no list or table") { // a file beside the form
				t.Errorf("%s: %s: %s", filepath.Base(file), p.Ref, p.Message)
			}
		}
		again, homeless := in.graph.Load(env, in.Answers())
		if len(homeless) > 0 {
			t.Errorf("%s: no place for %v", filepath.Base(file), homeless)
		}
		if diff := cmp.Diff(state(again), state(in)); diff != "" {
			t.Errorf("%s: from nothing (-) and after edits (+):\n%s", filepath.Base(file), diff)
		}
	}
}
