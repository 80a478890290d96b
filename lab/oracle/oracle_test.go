package oracle

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/fieldclient/form/formtest"
)

const (
	corpus  = "../../fieldclient/form/testdata/cases"
	foreign = "../../../shared/xlsform" // real forms, where they lie beside the repository
	steps   = 40
	seeds   = 2
)

// subject is a form that both engines get.
type subject struct {
	name  string
	tmpl  *form.Template
	files map[string]string
	test  formtest.Case // the zero case where nothing is expected but that both agree
}

func TestBothEnginesSeeTheSameAfterEveryAnswer(t *testing.T) {
	e := begin(t)
	var all tally
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) { s.run(t, e, &all) })
	}
	all.report(t)
}

// begin starts ODK's engine, or says why nothing is compared with it.
func begin(t *testing.T) *engine {
	t.Helper()
	err := install(t.Context())
	if errors.Is(err, errMissing) {
		t.Skipf("nothing is compared with ODK's engine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := start(context.WithoutCancel(t.Context()), formtest.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// subjects are the project's own cases, the starter checklists, and the real forms beside the repository.
func subjects(t *testing.T) (out []subject) {
	t.Helper()
	cases, err := formtest.Read(corpus)
	if err != nil || len(cases) == 0 {
		t.Fatalf("the project's own cases: %d, %v", len(cases), err)
	}
	for _, c := range cases {
		tmpl, issues, err := c.Import(t.Context())
		if err != nil {
			t.Fatalf("%s: %v %v", c.Name, err, issues)
		}
		out = append(out, subject{c.Name, tmpl, c.Files, c})
	}
	for _, c := range checklists.All() {
		b, err := checklists.Workbook(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		tmpl, _, err := form.Import(t.Context(), bytes.NewReader(b), int64(len(b)), c.File)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, subject{name: "checklist-" + c.Name, tmpl: tmpl})
	}
	files, _ := filepath.Glob(filepath.Join(foreign, "*.xls*"))
	if len(files) == 0 {
		t.Logf("no real forms lie beside the repository: %s is skipped", filepath.Base(foreign))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if tmpl, _, err := form.Import(t.Context(), bytes.NewReader(b), int64(len(b)), filepath.Base(file)); err == nil {
			out = append(out, subject{name: filepath.Base(file), tmpl: tmpl})
		}
	}
	return out
}

// run plays a case's own steps, and then answers made up from seeds.
func (s subject) run(t *testing.T, e *engine, all *tally) {
	all.forms++
	var known []string
	if why, ok := notLoaded[s.name]; ok {
		_, _, err := s.load(t, e)
		if !errors.Is(err, errRefused) {
			t.Fatalf("ODK's engine loads it, though noted otherwise (%s): %v", why, err)
		}
		all.unsupported = append(all.unsupported, s.name+": "+why)
		return
	}
	found := map[string]bool{}
	look := func(in *form.Instance, got []state, last string) {
		seen, differ := compare(in, got)
		all.seen += seen
		for _, d := range differ {
			if why := s.reason(d, found); why != "" {
				known = append(known, why)
				all.known++
				continue
			}
			if key := d.what + string(d.ref); !found[key] {
				found[key] = true
				t.Errorf("after %s: %s %s", last, d, s.test.Expression(d.ref))
			}
		}
	}
	in, got, err := s.load(t, e)
	if err != nil {
		t.Fatal(err)
	}
	look(in, got, "the beginning")
	for _, step := range s.test.Steps {
		s.scripted(t, e, in, step, look)
	}
	for seed := range uint64(seeds) {
		if why := scriptedOnly[s.name]; why != "" {
			known = append(known, "no answers made up: "+why)
			break
		}
		if in, _, err = s.load(t, e); err != nil {
			t.Fatal(err)
		}
		s.made(t, e, in, seed, look)
	}
	slices.Sort(known)
	for _, why := range slices.Compact(known) {
		all.differing = append(all.differing, s.name+": "+why)
	}
	for _, k := range differs {
		if k.form == s.name && !found[k.key()] && !t.Failed() {
			t.Errorf("noted as different, but equal: %s %s %s", k.ref, k.what, k.why)
		}
	}
	if !t.Failed() {
		all.passed++
	}
}

func (s subject) load(t *testing.T, e *engine) (*form.Instance, []state, error) {
	t.Helper()
	var x bytes.Buffer
	if err := s.tmpl.WriteXForm(&x); err != nil {
		t.Fatal(err)
	}
	in, err := form.NewInstance(s.tmpl, formtest.Env())
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.ask(request{Do: "load", Form: x.String(), Files: s.files})
	return in, got, err
}

// scripted plays one step of a case in both engines. What the case expects is held against ODK's through compare.
func (s subject) scripted(t *testing.T, e *engine, in *form.Instance, step formtest.Step, look func(*form.Instance, []state, string)) {
	if step.Wants() || step.Do == formtest.Silence || step.Do == formtest.Refuses {
		return
	}
	if err := step.Play(in); err != nil {
		t.Fatal(err)
	}
	gone := letGo(t, in)
	do := map[string]string{formtest.Answers: "set", formtest.Adds: "add", formtest.Removes: "remove"}[step.Do]
	got, err := e.ask(request{Do: do, Ref: step.Ref, Value: step.Arg})
	if err != nil {
		t.Fatalf("%s %s %s: %v", step.Ref, step.Do, step.Arg, err)
	}
	look(in, got, string(step.Ref)+" "+step.Do+" "+step.Arg)
	forget(t, e, in, gone, look)
}

// made plays answers that are made up.
func (s subject) made(t *testing.T, e *engine, in *form.Instance, seed uint64, look func(*form.Instance, []state, string)) {
	a := newAnswerer(s.tmpl, seed)
	for range steps {
		r, ok := a.next(in)
		if !ok {
			return
		}
		var err error
		switch r.Do {
		case "set":
			_, err = in.Set(r.Ref, r.Value)
		case "add":
			_, _, err = in.Add(r.Ref)
		case "remove":
			_, err = in.Remove(r.Ref)
		}
		if v, seen := in.View(r.Ref); seen == nil && v.Node.Kua("strict") == "yes" && errors.Is(err, form.ErrBadValue) {
			continue // ODK keeps what breaks a constraint until the end
		}
		if err != nil {
			t.Fatalf("an answer was made up that Kua does not take: %v", err)
		}
		gone := letGo(t, in)
		got, err := e.ask(r)
		if err != nil {
			t.Fatalf("seed %d: %s %s %q: %v", seed, r.Do, r.Ref, r.Value, err)
		}
		look(in, got, strings.Join([]string{r.Do, string(r.Ref), r.Value}, " "))
		forget(t, e, in, gone, look)
	}
}

// letGo takes back what is no longer offered, as ODK's engine does of itself. Kua keeps such an answer and says so, for
// it never replaces an answer silently; what it says is what ODK must have taken back. It gives what it did.
func letGo(t *testing.T, in *form.Instance) (gone []request) {
	t.Helper()
	for again := true; again; {
		again = false
		for _, p := range in.Validate() {
			v, err := in.View(p.Ref)
			if err != nil || p.Code != form.CodeChoice {
				continue
			}
			var keep []string
			for _, name := range strings.Fields(v.Value) {
				if v.Node.Type != "select_one" && slices.ContainsFunc(v.Choices, func(c form.Option) bool { return c.Value == name }) {
					keep = append(keep, name)
				}
			}
			r := request{Do: "set", Ref: p.Ref, Value: strings.Join(keep, " ")}
			if _, err := in.Set(r.Ref, r.Value); err != nil {
				t.Fatal(err)
			}
			gone = append(gone, r)
			again = true
		}
	}
	return gone
}

// forget takes the same back in ODK's engine for good: it would come back when the choice is offered again.
func forget(t *testing.T, e *engine, in *form.Instance, gone []request, look func(*form.Instance, []state, string)) {
	t.Helper()
	for i, r := range gone {
		got, err := e.ask(r)
		if err != nil {
			t.Fatal(err)
		}
		if i == len(gone)-1 {
			look(in, got, "taking back "+string(r.Ref))
		}
	}
}

// tally is what the run has to say at its end.
type tally struct {
	forms, passed, seen, known int
	unsupported, differing     []string
}

func (a *tally) report(t *testing.T) {
	t.Logf("forms tried %d, driven through both engines %d; states compared %d, of them different for a known reason %d", a.forms, a.passed, a.seen, a.known)
	for _, s := range conventions {
		t.Logf("compared with this in mind: %s", s)
	}
	for _, s := range a.unsupported {
		t.Logf("not supported by ODK's engine: %s", s)
	}
	for _, s := range a.differing {
		t.Logf("differs: %s", s)
	}
}
