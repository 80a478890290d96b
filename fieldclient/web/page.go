package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

//go:embed ui/*.html
var ui embed.FS

// screens are the templates of all pages, once for each language: a template says {{t "key"}} wherever it is.
type screens struct {
	speaks map[string]*words
	pages  map[string]map[string]*template.Template // by language, by page
	parts  map[string]*template.Template            // by language: what the files that begin with _ define
}

func readScreens() (*screens, error) {
	s := &screens{speaks: map[string]*words{}, pages: map[string]map[string]*template.Template{}, parts: map[string]*template.Template{}}
	names, err := fs.Glob(ui, "ui/*.html")
	if err != nil {
		return nil, err
	}
	for _, language := range Languages {
		w, err := readWords(language)
		if err != nil {
			return nil, err
		}
		s.speaks[language], s.pages[language] = w, map[string]*template.Template{}
		base, err := template.New("layout").Funcs(functions(w)).Option("missingkey=error").ParseFS(ui, "ui/_*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if strings.HasPrefix(page, "_") {
				continue
			}
			t, err := template.Must(base.Clone()).ParseFS(ui, name)
			if err != nil {
				return nil, err
			}
			s.pages[language][page] = t
		}
		s.parts[language] = base
	}
	return s, nil
}

// functions are what templates may call.
func functions(w *words) template.FuncMap {
	return template.FuncMap{
		"t": w.T, "n": w.N, "has": w.Has, "day": w.Day, "date": w.Date, "moment": w.Moment, "clock": w.Clock, "span": w.Span, "amount": w.Amount, "region": w.Region, "version": w.Version,
		"language":  func() string { return w.Language },
		"languages": func() []string { return Languages },
		"word":      func(parts ...string) string { return w.T(strings.Join(parts, ".")) },
		"key":       func(parts ...string) string { return strings.Join(parts, ".") },
		"lines":     func(s string) []string { return strings.Split(s, "\n") },
		"valued": func(kind, field string, s fieldclient.Statement) valued {
			return valued{s, w.value(kind, field, s.Value), kind == "interview"}
		},
		"adder":  func(csrf, visit, kind string) adder { return adder{csrf, visit, kind} },
		"opname": func(k syncproto.Kind) string { return k.String() },
		"stands": func(s fieldclient.Statement) bool {
			return s.Fate == syncproto.FateHead.String() && (s.Kind == syncproto.KindSet || s.Kind == syncproto.KindClear || s.Kind == syncproto.KindResolve)
		},
		"doubt":    func(ms int64) string { return w.Span(time.Duration(ms) * time.Millisecond) },
		"silences": func() []string { return []string{"not-checked", "not-applicable", "access-refused"} },
		"hour":     func(t time.Time) string { return t.Format("15:04") },
	}
}

// Page is what every page has. A page's own struct embeds it and gives Title.
type Page struct {
	Title    string
	CSRF     string // for the hidden field of forms; htmx takes it from the head
	Unlocked bool
	Member   bool   // the laptop belongs to a member
	Name     string // of the member
	Path     string // of this page, where that is not the address: the language switch comes back to it
	Here     string // first word of the path: which entry of the menu is marked
	Idle     int    // minutes until the laptop locks itself
	AtGate   bool   // a visit is in gate mode on this laptop
}

func (p *Page) base() *Page { return p }

type paged interface{ base() *Page }

// page answers with a page: ui/NAME.html inside the layout.
func (a *ask) page(name string, p paged) error {
	return a.pageAs(http.StatusOK, name, p)
}

func (a *ask) pageAs(status int, name string, p paged) error {
	t, ok := a.s.screens.pages[a.words.Language][name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	a.fill(p.base())
	return a.render(status, t, "layout", p)
}

// part answers with one named template, for htmx to put in place.
func (a *ask) part(name string, data any) error {
	return a.render(http.StatusOK, a.s.screens.parts[a.words.Language], name, data)
}

// partOf is part of a template that a page's own file defines.
func (a *ask) partOf(page, name string, data any) error {
	return a.render(http.StatusOK, a.s.screens.pages[a.words.Language][page], name, data)
}

// render writes to a buffer first: a template that fails never shows half a page.
func (a *ask) render(status int, t *template.Template, name string, data any) error {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	page := visible(b.String(), a.words)
	a.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	a.w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	a.w.WriteHeader(status)
	_, _ = io.WriteString(a.w, page) // a browser that went away is no failure of ours
	return nil
}

func (a *ask) fill(p *Page) {
	if p.CSRF = a.csrf(); p.Path == "" {
		p.Path = a.URL.Path
	}
	p.Here, _, _ = strings.Cut(strings.TrimPrefix(a.URL.Path, "/"), "/")
	p.Idle = a.s.watch.idleMinutes()
	if a.client == nil {
		return
	}
	p.Unlocked, p.AtGate = true, a.s.watch.gated()
	if m, err := a.client.Person(); err == nil {
		p.Member, p.Name = true, m.Name
	}
}

// to sends the browser to another page after something was done.
func (a *ask) to(format string, args ...any) error {
	http.Redirect(a.w, a.Request, fmt.Sprintf(format, args...), http.StatusSeeOther)
	return nil
}

// adder is the button that makes a record of a kind in a visit.
type adder struct{ CSRF, Visit, Kind string }
