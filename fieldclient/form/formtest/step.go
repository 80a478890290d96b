package formtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kua/fieldclient/form"
)

// Step is one line of the part "steps":
//
//	/data/a = 12            answers a question; "/data/a =" takes the answer back
//	/data/a ! not-checked   puts a silence in its place
//	/data/a refuses twelve  the value is no answer to this question
//	/data/cells +           appends an instance to a repeat
//	/data/cells[2] -        takes an instance out
//	/data/b gives 14        wants a value
//	/data/b is relevant     wants a state: relevant, irrelevant, valid, invalid, required, optional, fixed, free, missing
//	/data/c offers n s      wants choices
//	/data/c says Cell 2     wants a label
//
// All but a silence mean the same to every engine for ODK's forms.
type Step struct {
	Line int
	Do   string
	Ref  form.Ref
	Arg  string
}

// What steps do.
const (
	Answers = "="
	Silence = "!"
	Refuses = "refuses"
	Adds    = "+"
	Removes = "-"
	Gives   = "gives"
	Is      = "is"
	Offers  = "offers"
	Says    = "says"
)

var stepPattern = regexp.MustCompile(`^(/\S+) (=|!|refuses|\+|-|gives|is|offers|says)(?: (.*))?$`)

func parseStep(line int, text string) (Step, error) {
	m := stepPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Step{}, fmt.Errorf("no step is written %q", text)
	}
	return Step{Line: line, Do: m[2], Ref: form.Ref(m[1]), Arg: strings.TrimSpace(m[3])}, nil
}

// Wants reports whether the step looks, and changes nothing.
func (s Step) Wants() bool { return slices.Contains([]string{Gives, Is, Offers, Says}, s.Do) }

// Play does a step in a form, and says what is not as it must be.
func (s Step) Play(in *form.Instance) error {
	err := s.do(in)
	if s.Do == Refuses && err == nil {
		err = fmt.Errorf("%q was taken for an answer", s.Arg)
	} else if s.Do == Refuses {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("line %d: %s %s %s: %w", s.Line, s.Ref, s.Do, s.Arg, err)
	}
	return nil
}

func (s Step) do(in *form.Instance) error {
	switch s.Do {
	case Answers, Refuses:
		_, err := in.Set(s.Ref, s.Arg)
		return err
	case Silence:
		why := map[string]form.Silence{"not-checked": form.NotChecked, "not-applicable": form.NotApplicable, "access-refused": form.AccessRefused}[s.Arg]
		_, err := in.Silent(s.Ref, why)
		return err
	case Adds:
		_, _, err := in.Add(s.Ref)
		return err
	case Removes:
		_, err := in.Remove(s.Ref)
		return err
	}
	v, err := in.View(s.Ref)
	if err != nil {
		return err
	}
	switch got := s.shown(in, v); s.Do {
	case Is:
		if !slices.Contains(strings.Fields(got), s.Arg) {
			return fmt.Errorf("it is %s", got)
		}
	default:
		if got != s.Arg {
			return fmt.Errorf("got %q", got)
		}
	}
	return nil
}

func (s Step) shown(in *form.Instance, v form.View) string {
	switch s.Do {
	case Gives:
		return v.Value
	case Offers:
		var values []string
		for _, c := range v.Choices {
			values = append(values, c.Value)
		}
		return strings.Join(values, " ")
	case Says:
		return v.Label
	}
	missing := slices.ContainsFunc(in.Validate(), func(p form.Problem) bool { return p.Ref == s.Ref && p.Code == form.CodeRequired })
	return strings.Join([]string{either(v.Relevant, "relevant", "irrelevant"), either(v.Invalid, "invalid", "valid"), either(v.Required, "required", "optional"),
		either(v.ReadOnly, "fixed", "free"), either(missing, "missing", "complete")}, " ")
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}
