package web

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// checklistsPage is ui/checklists.html: the checklists of a visit.
type checklistsPage struct {
	VisitPage
	Lists      []listCard
	Templates  []templateChoice // of each form the version that was approved last
	Earlier    []templateChoice // the other approved ones, for who asks for them
	Interviews []link
}

// listCard is one checklist with how far this person's own is.
type listCard struct {
	fieldclient.ChecklistInfo
	Title    string
	URL      string
	Answered int
	Silent   int
	Open     int
	Sealed   int
	Away     bool   // the form's content has not come to this laptop
	Subject  string // pseudonym of the interview that it belongs to
}

type templateChoice struct {
	ID      syncproto.EntityID
	Title   string
	Version string
}

// Number tells versions of one form apart: the author's, or where there is none the beginning of the content's hash.
func (c templateChoice) Number() string { return cmp.Or(c.Version, c.ID.String()[:8]) }

// checklistsOf is GET /visits/{visit}/checklists.
func checklistsOf(a *ask) error {
	v, err := a.visit("checklists")
	if err != nil {
		return err
	}
	p := &checklistsPage{VisitPage: v}
	scope := v.Visit.ID
	if p.Interviews, err = interviews(a.Context(), a.client, scope); err != nil {
		return err
	}
	all, err := a.client.Checklists(a.Context(), scope)
	if err != nil {
		return err
	}
	for _, info := range all {
		card, err := a.listCard(info, p.Interviews)
		if err != nil {
			return err
		}
		p.Lists = append(p.Lists, card)
	}
	if p.Templates, p.Earlier, err = a.approved(); err != nil {
		return err
	}
	return a.page("checklists", p)
}

func (a *ask) listCard(info fieldclient.ChecklistInfo, people []link) (listCard, error) {
	card := listCard{ChecklistInfo: info, Title: a.titleOf(info), URL: "/visits/" + info.Scope.String() + "/checklists/" + info.ID.String()}
	if info.Subject != nil {
		for _, l := range people {
			if l.ID == *info.Subject {
				card.Subject = l.Label
			}
		}
	}
	k, err := a.client.Checklist(a.Context(), info.Scope, info.ID, a.words.Language, "ru", "kk", "en")
	if errors.Is(err, fieldclient.ErrTemplateAway) || errors.Is(err, fieldclient.ErrNotFound) {
		card.Away = true
		return card, nil
	}
	if err != nil {
		return card, err
	}
	progress, err := k.Progress(a.Context())
	if err == nil && len(progress) > 0 {
		card.Answered, card.Silent, card.Open, card.Sealed = progress[0].Answered, progress[0].Silent, progress[0].Open, progress[0].Sealed
	}
	return card, err
}

// approved gives the templates that may be used: of each form the one that was approved last, and apart the others.
func (a *ask) approved() (first, others []templateChoice, err error) {
	all, err := a.client.Approved(a.Context(), "")
	for i, t := range all { // by form
		c := templateChoice{t.ID, a.titleOf(fieldclient.ChecklistInfo{Form: t.Form, Title: t.Title}), t.Version}
		if i > 0 && all[i-1].Form == t.Form {
			others = append(others, c)
		} else {
			first = append(first, c)
		}
	}
	return first, others, err
}

func interviews(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID) ([]link, error) {
	all, err := linkable(ctx, c, scope)
	return slices.DeleteFunc(all, func(l link) bool { return l.Kind != "interview" }), err
}

// checklistOpen is POST /visits/{visit}/checklists: begins a checklist, or goes on with it.
func checklistOpen(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	template, err := syncproto.ParseEntityID(a.field("template"))
	if err != nil {
		return errNoPage
	}
	var subject *syncproto.EntityID
	if s := a.field("interview"); s != "" {
		id, err := syncproto.ParseEntityID(s)
		if err != nil {
			return errNoPage
		}
		subject = &id
	}
	id, err := a.client.OpenChecklist(a.Context(), scope, template, subject, strings.TrimSpace(a.field("area")))
	if err != nil && !errors.Is(err, fieldclient.ErrOtherVersion) { // the visit goes on with the version that it has
		return err
	}
	return a.to("/visits/%s/checklists/%s", scope, id)
}

// versionPage is ui/version.html: what another version of the form would mean.
type versionPage struct {
	Page
	Of      string // title of the checklist
	URL     string
	Info    fieldclient.ChecklistInfo
	Others  []templateChoice
	Chosen  *fieldclient.VersionPreview
	Current string
}

// checklistVersion is GET …/version and POST …/version: a preview, and with "go" the move.
func checklistVersion(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	info := k.Info()
	p := &versionPage{Page: Page{Title: a.words.T("version.title")}, URL: url, Of: a.titleOf(info), Info: info, Current: info.Version}
	all, err := a.client.Templates(a.Context())
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Form == info.Form && t.ID != info.Template && t.State != "draft" {
			p.Others = append(p.Others, templateChoice{t.ID, t.Title, t.Version})
		}
	}
	if a.Method == "POST" {
		to, err := syncproto.ParseEntityID(a.field("template"))
		if err != nil {
			return errNoPage
		}
		if a.field("go") != "" {
			if _, err := k.Move(a.Context(), to); err != nil {
				return err
			}
			return a.to("%s", url)
		}
		preview, err := k.PreviewMove(a.Context(), to)
		if err != nil {
			return err
		}
		p.Chosen = &preview
	}
	return a.page("version", p)
}
