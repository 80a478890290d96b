package web

import (
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// searchingPage is ui/search.html. What is searched for comes by POST: it never stands in an address.
type searchingPage struct {
	Page
	Words   string
	Asked   bool
	Current []foundRow
	Old     []foundRow // replaced or removed since
	Sealed  int        // changes that do not open here, and so are not searched
}

type foundRow struct {
	Scope, Entity string
	Kind, Name    string
	Number        syncproto.Field
	Where         string
	Text          string
}

func searchPage(a *ask) error {
	return a.page("search", &searchingPage{Page: Page{Title: a.words.T("search.title")}})
}

const longestHit = 400 // characters of a text that are shown

func search(a *ask) error {
	p := &searchingPage{Page: Page{Title: a.words.T("search.title")}, Words: strings.TrimSpace(a.field("words"))}
	if p.Words != "" {
		p.Asked = true
		found, err := a.client.Search(a.Context(), p.Words)
		if err != nil {
			return err
		}
		if err := a.found(p, found); err != nil {
			return err
		}
		for _, s := range a.client.Replica().Scopes() {
			if g, err := a.client.Gate(s.Scope); err == nil { // the registry has no gate
				p.Sealed += g.Sealed
			}
		}
	}
	if a.htmx() {
		return a.partOf("search", "results", p)
	}
	return a.page("search", p)
}

func (a *ask) found(p *searchingPage, found []fieldclient.Found) error {
	titles := map[syncproto.ScopeID]string{a.client.Roster().Registry(): ""}
	for _, f := range found {
		title, ok := titles[f.Scope]
		if !ok {
			v, err := a.client.Record(a.Context(), f.Scope, syncproto.EntityID(f.Scope))
			if err != nil {
				return err
			}
			if title = valueOf(v, "title"); title == "" {
				title = a.words.T("visit.untitled")
			}
			titles[f.Scope] = title
		}
		kind, ok := syncproto.KindNamed(f.Kind)
		if !ok {
			continue // a reason beside a decision
		}
		spec, err := kind.FieldNamed(f.Field)
		if err != nil {
			continue
		}
		row := foundRow{f.Scope.String(), f.Entity.String(), f.Kind, f.Field, spec.ID, title, shorten(a.words.value(f.Kind, f.Field, f.Text))}
		if f.Current {
			p.Current = append(p.Current, row)
		} else {
			p.Old = append(p.Old, row)
		}
	}
	return nil
}

func shorten(s string) string {
	if r := []rune(s); len(r) > longestHit {
		return string(r[:longestHit]) + "…"
	}
	return s
}
