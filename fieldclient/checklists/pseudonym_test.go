package checklists

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"kua/fieldclient/form"
	"kua/fieldclient/form/expr"
)

// What is saved is never unsaid: where a pseudonym is asked, a name is not taken at all.
func TestWhereAPseudonymIsAskedNoNameIsSaved(t *testing.T) {
	for _, c := range []struct{ checklist, question string }{{"core", "core_26_pseudonym"}, {"interview", "int_01"}, {"allegation", "alg_01"}} {
		in := answered(t, c.checklist)
		if c.checklist == "core" {
			in = answered(t, c.checklist, [2]string{"core_26", "yes"})
		}
		for _, name := range []string{"Ivanov", "Иванов", "Akhmetov-Serik", "7K-R4M-03", "7K-R4M-03-XX", "7K-R4M-OI-X", "7k-r4m-03-x", "AZ-AMA-TU-L"} {
			if _, err := in.Set(at(in, c.question), name); !errors.Is(err, form.ErrBadValue) {
				t.Errorf("%s: %q is taken: %v", c.question, name, err)
			}
			if got := see(t, in, c.question).Value; got != "" {
				t.Errorf("%s: %q is kept", c.question, got)
			}
		}
		for _, name := range []string{"7K-R4M-03-X", "0Z-000-123-9", ""} {
			if _, err := in.Set(at(in, c.question), name); err != nil || see(t, in, c.question).Value != name {
				t.Errorf("%s: %q is not taken: %v", c.question, name, err)
			}
		}
	}
}

func TestAPseudonymThatIsKnownIsNotAsked(t *testing.T) {
	for _, name := range []string{"interview", "allegation"} {
		b, err := Workbook(name)
		if err != nil {
			t.Fatal(err)
		}
		template, _, err := form.Import(t.Context(), bytes.NewReader(b), int64(len(b)), name)
		if err != nil {
			t.Fatal(err)
		}
		for id, asked := range map[string]bool{"": true, "0b1f": false} {
			in, err := form.NewInstance(template, form.Env{Expr: expr.Env{Property: func(p string) (string, bool) { return id, p == "interview" }}})
			if err != nil {
				t.Fatal(err)
			}
			question := map[string]string{"interview": "int_01", "allegation": "alg_01"}[name]
			if got := see(t, in, question).Relevant; got != asked {
				t.Errorf("%s of the interview %q asks for the pseudonym: %v", name, id, got)
			}
			if wanted := slices.ContainsFunc(in.Validate(), func(p form.Problem) bool { return strings.HasSuffix(string(p.Ref), question) }); wanted != asked {
				t.Errorf("%s of the interview %q wants the pseudonym: %v", name, id, wanted)
			}
		}
	}
}
