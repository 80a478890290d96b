package web

import (
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// checkPage is ui/check.html: all that keeps a checklist from being complete.
type checkPage struct {
	Page
	Visit    syncproto.ScopeID
	URL      string
	Of       string // title of the checklist
	Sealed   int    // answers that were sealed at the gate, and do not open here
	Open     int    // questions without an answer, whether they need one or not
	Sections []checkSection
	Away     []fieldclient.AwayAnswer
	Count    int
}

type checkSection struct {
	Number int
	Label  string
	Items  []asked
}

// checklistCheck is GET …/check.
func checklistCheck(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	problems, err := k.Problems(a.Context())
	if err != nil {
		return err
	}
	all, err := sectionsOf(a.Context(), k)
	if err != nil {
		return err
	}
	p := &checkPage{Page: Page{Title: a.words.T("checklist.checking")}, Visit: k.Info().Scope, URL: url, Of: a.titleOf(k.Info()), Count: len(problems)}
	progress, err := k.Progress(a.Context())
	if err != nil {
		return err
	}
	if len(progress) > 0 {
		p.Open, p.Sealed = progress[0].Open, progress[0].Sealed
	}
	empty, err := k.Empty(a.Context())
	if err != nil {
		return err
	}
	for i, s := range all {
		cs := checkSection{Number: i, Label: s.label}
		for _, it := range empty {
			if it.Ref == s.ref || inSection(it.Ref, s) {
				cs.Items = append(cs.Items, asked{Item: it, ID: idOf(it.Lasting), URL: url, At: i, Problem: codeEmpty})
			}
		}
		for _, pr := range problems {
			if !inSection(pr.Ref, s) {
				continue
			}
			it, err := k.Item(a.Context(), pr.Ref)
			if err != nil {
				return err
			}
			cs.Items = append(cs.Items, asked{Item: it, ID: idOf(it.Lasting), URL: url, At: i, Problem: pr.Code, Words: pr.Message})
		}
		if len(cs.Items) > 0 {
			p.Sections = append(p.Sections, cs)
		}
	}
	if p.Away, err = k.Away(a.Context()); err != nil {
		return err
	}
	return a.page("check", p)
}

// codeEmpty says that nobody has added anything to a repeat yet: what was not looked at is not complete.
const codeEmpty form.Code = "empty"

func inSection(ref form.Ref, s section) bool {
	if s.items != nil {
		return slices.ContainsFunc(s.items, func(it fieldclient.Item) bool { return it.Ref == ref })
	}
	return strings.HasPrefix(string(ref), string(s.ref)+"/") || strings.HasPrefix(string(ref), string(s.ref)+"[")
}

// checklistPrint is GET …/print: the checklist without answers, for paper.
func checklistPrint(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p := &printPage{Page: Page{Title: a.titleOf(k.Info())}, Visit: k.Info().Scope, URL: url, Root: a.blank(k.Template(), k.Template().Root)}
	return a.page("print", p)
}

// printPage is ui/print.html.
type printPage struct {
	Page
	Visit syncproto.ScopeID
	URL   string
	Root  blank
}

// blank is a question or section on paper. Rows are how often a repeat stands there.
type blank struct {
	Key, Label, Hint, Kind string
	Options                []string
	Rows                   []int
	When                   bool // it is asked only after certain answers
	Kids                   []blank
}

// blank writes a form down as it stands on paper: what is not asked of everybody is marked, nothing is computed.
func (a *ask) blank(t *form.Template, n *form.Node) blank {
	langs := formLanguages(t, a.words.Language)
	key := fieldclient.ItemKey(t, n)
	if strings.Contains(key, "/") { // a part of the item that stands above it
		key = ""
	}
	b := blank{Key: key, Label: n.Label.In(langs...), Hint: n.Hint.In(langs...), Kind: n.Type, When: n.Relevant != ""}
	switch n.Kind {
	case form.KindGroup, form.KindForm:
		b.Kind = "group"
	case form.KindRepeat:
		b.Kind, b.Rows = "repeat", []int{1, 2, 3, 4}
	}
	if l, ok := t.List(n.List); ok {
		for _, c := range l.Choices {
			b.Options = append(b.Options, c.Label.In(langs...))
		}
	}
	for _, k := range n.Children {
		if k.Kind == form.KindFile || k.Generated && k.Name == "meta" || k.Kind == form.KindQuestion && k.Control == "" {
			continue
		}
		if k.Type == "note" && strings.Contains(k.Label.In(langs...), "${") {
			continue
		}
		b.Kids = append(b.Kids, a.blank(t, k))
	}
	return b
}

func formLanguages(t *form.Template, code string) []string {
	var out []string
	for _, want := range []string{code, "ru", "kk", "en"} {
		for _, l := range t.Languages {
			if l == want || strings.HasSuffix(l, "("+want+")") {
				out = append(out, l)
			}
		}
	}
	return append(out, t.DefaultLanguage)
}
