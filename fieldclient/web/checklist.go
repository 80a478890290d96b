package web

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// checklistPage is ui/checklist.html: one section of a checklist with its rail, or one question.
type checklistPage struct {
	Page
	Visit     syncproto.ScopeID
	List      fieldclient.ChecklistInfo
	URL       string // of the checklist
	Sections  []railSection
	Done      int // sections with nothing open
	At        int // the section that is shown
	Items     []asked
	Only      *asked // in the mode of one question
	Before    int    // in that mode: the questions around it, from 1; 0 where there is none
	Behind    int
	Paper     bool   // answers are being typed in from paper
	Open      string // the id of the instance that stands open among many
	Sealed    int    // changes of the visit that were sealed at the gate: whole instances may be among them
	Refreshed *refreshed
	Swap      bool // the rail takes the place of one that a page shows
}

// Prev and Next are the sections around the one that is shown.
func (p *checklistPage) Prev() int { return p.At - 1 }
func (p *checklistPage) Next() int { return p.At + 1 }

// railSection is one entry of the rail. Not looked at is not the same as incomplete.
type railSection struct {
	fieldclient.ChecklistProgress
	Number int
	Here   bool
	Looked bool
}

// State names how far the section is.
func (s railSection) State() string {
	switch {
	case s.Open == 0 && s.Empty == 0 && s.Answered+s.Silent+s.Sealed > 0:
		return "done"
	case s.Answered+s.Silent+s.Sealed > 0:
		return "begun"
	case s.Looked:
		return "looked"
	}
	return "new"
}

// checklistOf opens the checklist that an address names, in the language of the screens.
func (a *ask) checklistOf() (*fieldclient.Checklist, string, error) {
	scope, err := a.scopeOf()
	if err != nil {
		return nil, "", err
	}
	id, err := syncproto.ParseEntityID(a.PathValue("list"))
	if err != nil {
		return nil, "", errNoPage
	}
	k, err := a.client.Checklist(a.Context(), scope, id, a.words.Language, "ru", "kk", "en")
	return k, fmt.Sprintf("/visits/%s/checklists/%s", scope, id), err
}

// section of a form: what stands at its top. Questions that stand outside of all groups make a section of their own.
type section struct {
	ref   form.Ref
	label string
	items []fieldclient.Item // of the section of loose questions; nil for groups and repeats
	notes []fieldclient.Item // what stands before the section and asks nothing
}

// sectionsOf gives the sections that are relevant now.
func sectionsOf(ctx context.Context, k *fieldclient.Checklist) ([]section, error) {
	top, err := k.Section(ctx, k.Root())
	if err != nil {
		return nil, err
	}
	var out []section
	var loose []fieldclient.Item
	for _, it := range top {
		switch {
		case it.Node.Kind == form.KindQuestion:
			if it.Relevant && it.Node.Control != "" {
				loose = append(loose, it)
			}
		case it.Whole || it.Node.Kind == form.KindGroup:
			if it.Relevant {
				out = append(out, section{ref: it.Ref, label: it.Label})
			}
		}
	}
	asks := slices.ContainsFunc(loose, func(it fieldclient.Item) bool { return it.Asked })
	switch {
	case len(loose) > 0 && (asks || len(out) == 0):
		out = append([]section{{ref: k.Root(), items: loose}}, out...)
	case len(out) > 0:
		out[0].notes = loose
	}
	return out, nil
}

// checklistSection is GET /visits/{visit}/checklists/{list}/section/{section}.
func checklistSection(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(a.PathValue("section"))
	if err != nil || at < 0 || at >= max(1, len(all)) {
		return errNoPage
	}
	p.At, p.Open = at, a.URL.Query().Get("open")
	if len(all) == 0 {
		return a.page("checklist", p)
	}
	if err := a.lookAt(k, all[at].ref); err != nil {
		return err
	}
	p.Sections[at].Here, p.Sections[at].Looked = true, true
	if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
		return err
	}
	return a.page("checklist", p)
}

func (a *ask) checklistPage(k *fieldclient.Checklist, url string) (*checklistPage, []section, error) {
	ctx := a.Context()
	info := k.Info()
	p := &checklistPage{Page: Page{Title: a.titleOf(info)}, Visit: info.Scope, List: info, URL: url}
	all, err := sectionsOf(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	if p.Sections, p.Done, err = a.rail(k, all); err != nil {
		return nil, nil, err
	}
	g, err := a.client.Gate(info.Scope)
	if err != nil {
		return nil, nil, err
	}
	p.Sealed = g.Sealed
	p.Paper, err = a.paper(k)
	return p, all, err
}

// titleOf is a checklist's title in the language of the screens: starter checklists carry all of them, with a slash.
func (a *ask) titleOf(info fieldclient.ChecklistInfo) string {
	if key := "checklist.title." + strings.TrimPrefix(info.Form, "kua_"); a.words.Has(key) {
		return a.words.T(key)
	}
	return info.Title
}

// rail counts how far each section is.
func (a *ask) rail(k *fieldclient.Checklist, all []section) ([]railSection, int, error) {
	progress, err := k.Progress(a.Context())
	if err != nil {
		return nil, 0, err
	}
	looked, err := a.client.Remembered(a.Context(), stateLooked(k))
	if err != nil {
		return nil, 0, err
	}
	var out []railSection
	done := 0
	for i, s := range all {
		r := railSection{Number: i, Looked: strings.Contains(looked, " "+idOf(s.ref)+" ")}
		r.Label = s.label
		if s.label == "" {
			r.Label = a.words.T("checklist.general")
		}
		for _, it := range s.items {
			switch {
			case !it.Asked:
			case it.Means != form.None:
				r.Silent++
			case it.Value != "":
				r.Answered++
			case it.Mine.Sealed():
				r.Sealed++
			default:
				r.Open++
			}
		}
		for _, p := range progress {
			// A repeat as a whole is the sum of its instances.
			if s.items == nil && (p.Ref == s.ref || strings.HasPrefix(string(p.Ref), string(s.ref)+"[") && !strings.Contains(string(p.Ref[len(s.ref):]), "/")) {
				r.Answered, r.Silent, r.Open, r.Empty = r.Answered+p.Answered, r.Silent+p.Silent, r.Open+p.Open, r.Empty+p.Empty
				r.Sealed += p.Sealed
			}
		}
		if r.State() == "done" {
			done++
		}
		out = append(out, r)
	}
	return out, done, nil
}

func stateLooked(k *fieldclient.Checklist) string { return "web/looked/" + k.Info().ID.String() }

// lookAt notes that a person has opened a section.
func (a *ask) lookAt(k *fieldclient.Checklist, ref form.Ref) error {
	looked, err := a.client.Remembered(a.Context(), stateLooked(k))
	if err != nil || strings.Contains(looked, " "+idOf(ref)+" ") {
		return err
	}
	return a.client.Remember(a.Context(), stateLooked(k), strings.TrimRight(looked, " ")+" "+idOf(ref)+" ")
}

// sectionItems shows all that is in a section.
func (a *ask) sectionItems(k *fieldclient.Checklist, p *checklistPage, s section) ([]asked, error) {
	sh, err := a.shower(k, p)
	if err != nil {
		return nil, err
	}
	if s.items != nil {
		return sh.all(s.items)
	}
	if n := strings.LastIndexByte(string(s.ref), '/'); n > 0 {
		around, err := k.Section(a.Context(), s.ref[:n])
		if err != nil {
			return nil, err
		}
		var mine []fieldclient.Item // a repeat at the top comes with its instances
		for _, it := range around {
			if it.Ref == s.ref || strings.HasPrefix(string(it.Ref), string(s.ref)+"[") {
				mine = append(mine, it)
			}
		}
		if len(mine) > 0 && mine[0].Node.Kind == form.KindRepeat {
			return sh.all(append(slices.Clone(s.notes), mine...))
		}
	}
	items, err := k.Section(a.Context(), s.ref)
	if err != nil {
		return nil, err
	}
	return sh.all(append(slices.Clone(s.notes), items...))
}

// checklistStart is GET /visits/{visit}/checklists/{list}: the section that was looked at last, or the first.
func checklistStart(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	all, err := sectionsOf(a.Context(), k)
	if err != nil {
		return err
	}
	rail, _, err := a.rail(k, all)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rail, func(r railSection) bool { return r.State() != "done" })
	return a.to("%s/section/%d", url, max(i, 0))
}

// checklistOne is GET /visits/{visit}/checklists/{list}/one/{number}: a single question, by its number among those
// that are asked now. Number 0 is the first open one.
func checklistOne(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p, _, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	all, err := k.Asked(a.Context())
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(a.PathValue("number"))
	if err != nil || n < 0 || n > len(all) {
		return errNoPage
	}
	if n == 0 {
		n = 1 + max(0, slices.IndexFunc(all, func(it fieldclient.Item) bool { return it.Value == "" && it.Silence == form.None && !it.Mine.Sealed() }))
	}
	if len(all) == 0 {
		return a.to("%s/section/0", url)
	}
	p.At = -1
	sh, err := a.shower(k, p)
	if err != nil {
		return err
	}
	q, err := sh.one(all[n-1])
	if err != nil {
		return err
	}
	p.Only, p.At, p.Before = &q, -1, n-1
	if n < len(all) {
		p.Behind = n + 1
	}
	return a.page("checklist", p)
}
