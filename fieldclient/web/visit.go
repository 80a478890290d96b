package web

import (
	"slices"

	"kua/fieldclient"
	"kua/syncproto"
)

// parts are the parts of a visit in the order of its rail. A part shows as soon as there is a door for it:
// GET /visits/{visit}/NAME in routes.go.
var parts = []string{"prepare", "protect", "entry", "followups", "checklists", "observations", "documents", "interviews", "evidence", "debrief", "findings", "recommendations", "attention"}

// VisitPage is what every page of a visit has. A page's own struct embeds it instead of Page.
type VisitPage struct {
	Page
	Visit  visitCard
	Parts  []railPart
	Record fieldclient.View // the visit's own record
}

// railPart is one entry of the rail.
type railPart struct {
	Name, Path string
	Here       bool
	Count      int // of what waits in it; 0 shows nothing
}

// visit reads which visit the address names, and what its pages share. here is the part that is shown.
func (a *ask) visit(here string) (VisitPage, error) {
	var p VisitPage
	scope, err := a.scopeOf()
	if err != nil {
		return p, err
	}
	st, ok := a.client.Replica().Scope(scope)
	if !ok || st.Standing.Registry {
		return p, fieldclient.ErrNotFound
	}
	places, err := placeNames(a.Context(), a.client)
	if err != nil {
		return p, err
	}
	if p.Visit, err = cardOf(a.Context(), a.client, scope, places); err != nil {
		return p, err
	}
	if p.Record, err = a.client.Record(a.Context(), scope, syncproto.EntityID(scope)); err != nil {
		return p, err
	}
	p.Title = p.Visit.Title
	if p.Title == "" {
		p.Title = a.words.T("visit.untitled")
	}
	for _, name := range parts {
		if !slices.ContainsFunc(all(), func(d door) bool { return d.pattern == "GET /visits/{visit}/"+name }) {
			continue
		}
		r := railPart{Name: name, Path: "/visits/" + scope.String() + "/" + name, Here: name == here}
		if name == "attention" {
			r.Count = p.Visit.Waiting
		}
		p.Parts = append(p.Parts, r)
	}
	return p, look(a.Context(), a.client, scope)
}

// visitFront leads to where the visit stands: its preparation, or what happens on site.
func visitFront(a *ask) error {
	p, err := a.visit("")
	if err != nil {
		return err
	}
	part := "entry"
	if slices.Contains([]string{"", "planned", "mandated", "prepared"}, p.Visit.Status) && valueOf(p.Record, "entry") == "" {
		part = "prepare"
	}
	return a.to("/visits/%s/%s", p.Visit.ID, part)
}

// entryPage is ui/entry.html: times, population, what was refused, first impressions.
type entryPage struct {
	VisitPage
	Times       []*box
	Population  *box
	Refusals    *box
	Impression  *box
	Obstruction []recordCard
}

func visitEntry(a *ask) error {
	v, err := a.visit("entry")
	if err != nil {
		return err
	}
	p := &entryPage{VisitPage: v}
	if p.Times, err = a.boxes(v.Record, "arrival", "entry", "exit", "status"); err != nil {
		return err
	}
	if p.Population, err = a.boxOf(v.Record, "population"); err != nil {
		return err
	}
	if p.Refusals, err = a.boxOf(v.Record, "refusals"); err != nil {
		return err
	}
	if p.Impression, err = a.boxOf(v.Record, "impression"); err != nil {
		return err
	}
	if p.Obstruction, err = a.cards(v.Visit.ID, obstructions); err != nil {
		return err
	}
	return a.page("entry", p)
}
