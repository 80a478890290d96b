package web

import (
	"bytes"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"kua/syncproto"
)

// examples has every page with its struct. A new screen adds a line.
var examples = map[string]paged{
	"at": &fieldPage{}, "attention": &waitingPage{}, "search": &searchingPage{}, "sync": &syncPage{},
	"enrol": &enrolmentPage{}, "entry": &entryPage{}, "error": &errorPage{}, "locked": &lockedPage{}, "newvisit": &openingPage{},
	"interviews": &interviewsPage{}, "interview": &interviewPage{}, "identity": &identityPage{}, "evidence": &evidencePage{}, "proof": &proofPage{}, "protect": &protectPage{},
	"prepare": &preparePage{}, "records": &listPage{}, "recovery": &recoveryPage{}, "settings": &settingPage{}, "setup": &settingUpPage{},
	"debrief": &debriefPage{}, "followups": &followupsPage{}, "checklist": &checklistPage{}, "checklists": &checklistsPage{}, "check": &checkPage{}, "print": &printPage{}, "version": &versionPage{},
	"today": &todayPage{}, "unlock": &unlockingPage{}, "wipe": &wipingPage{},
}

// fill puts something into everything that a template can reach, so that drawing a page looks at nearly every branch.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 && v.CanSet() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() {
				fill(v.Field(i), depth)
			}
		}
	case reflect.Slice:
		if depth > 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range 2 {
				fill(v.Index(i), depth-1)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint32:
		v.SetUint(3)
	}
}

// boxed puts empty boxes where a page always has one.
func boxed(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[*box]() {
			f.Set(reflect.ValueOf(&box{}))
		}
	}
}

// draw draws an example in all languages.
func draw(t *testing.T, name string, p any) (all string) {
	t.Helper()
	s, err := readScreens()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range Languages {
		var b bytes.Buffer
		if err := s.pages[language][name].ExecuteTemplate(&b, "layout", p); err != nil {
			t.Errorf("%s in %s: %v", name, language, err)
		}
		all += b.String()
	}
	return all
}

func TestEveryPageFitsItsTemplate(t *testing.T) {
	names, err := fs.Glob(ui, "ui/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if strings.HasPrefix(name, "_") {
			continue
		}
		p := examples[name]
		if p == nil {
			t.Errorf("%s has no example here", file)
			continue
		}
		for i := range reflect.TypeOf(p).Elem().NumField() {
			f := reflect.TypeOf(p).Elem().Field(i)
			if _, twice := reflect.TypeFor[Page]().FieldByName(f.Name); twice {
				t.Errorf("%s has a %s of its own: the frame of the page would show that", name, f.Name)
			}
		}
		empty := reflect.New(reflect.TypeOf(p).Elem())
		boxed(empty.Elem())
		draw(t, name, empty.Interface())
		full := reflect.New(reflect.TypeOf(p).Elem())
		fill(full.Elem(), 4)
		checkInputs(t, name, draw(t, name, full.Interface()))
	}
}

func TestAFieldOfEachTypeCanBeDrawn(t *testing.T) {
	s, err := readScreens()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range syncproto.Vocabulary {
		for _, f := range k.Fields {
			if f.Type == syncproto.TypeBytes {
				continue
			}
			full := box{}
			fill(reflect.ValueOf(&full).Elem(), 3)
			for _, b := range []box{{}, full} {
				b.Kind, b.Name, b.Type, b.Codes = k.Name, f.Name, f.Type, f.Codes
				var out bytes.Buffer
				if err := s.parts["kk"].ExecuteTemplate(&out, "field", &b); err != nil {
					t.Errorf("%s.%s: %v", k.Name, f.Name, err)
				}
				checkInputs(t, k.Name+"."+f.Name, out.String())
			}
		}
	}
}

var (
	control = regexp.MustCompile(`<(input|textarea|select)\b[^>]*>`)
	inline  = regexp.MustCompile(`(?i)<script\b[^>]*>[^<]|\son[a-z]+=|\sstyle=|javascript:|hx-on|hx-vals="js|https?://`)
)

// checkInputs holds that no browser completes, checks the spelling of, or capitalises what a person types: some send it
// out; and that the page has no script or style inside.
func checkInputs(t *testing.T, name, html string) {
	t.Helper()
	for _, tag := range control.FindAllString(html, -1) {
		if strings.Contains(tag, `type="hidden"`) {
			continue
		}
		if !strings.Contains(tag, `autocomplete="off"`) && !strings.Contains(tag, "data-reveal") {
			t.Errorf("%s: no autocomplete=off: %s", name, tag)
		}
		typed := strings.HasPrefix(tag, "<textarea") || strings.Contains(tag, `type="text"`) || strings.Contains(tag, `type="password"`) || strings.Contains(tag, `type="search"`)
		if typed && (!strings.Contains(tag, `spellcheck="false"`) || !strings.Contains(tag, `autocapitalize="off"`)) {
			t.Errorf("%s: a browser may read along: %s", name, tag)
		}
	}
	for _, bad := range inline.FindAllString(html, -1) {
		t.Errorf("%s holds what the policy forbids: %q", name, bad)
	}
}
