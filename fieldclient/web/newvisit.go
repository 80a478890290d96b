package web

import (
	"net/http"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// openingPage is ui/newvisit.html.
type openingPage struct {
	Page
	Places  []option
	Regions []option // where the place is in none of the lists
	Kinds   []string
	Members []memberRow
	Typed   map[string]string
	Wrong   string // key of what is missing
}

// memberRow is a member who may be on a team.
type memberRow struct {
	ID    string
	Name  string
	Roles []roleIn
	On    bool
	Me    bool
}

type roleIn struct{ Role, Region string }

func newVisitPage(a *ask) error { return a.opening(http.StatusOK, nil, "") }

func (a *ask) opening(status int, typed map[string]string, wrong string) error {
	p := &openingPage{Page: Page{Title: a.words.T("new.title")}, Typed: typed, Wrong: wrong}
	kind, _ := syncproto.KindNamed("visit")
	f, err := kind.FieldNamed("kind")
	if err != nil {
		return err
	}
	p.Kinds = f.Codes
	places, err := a.client.Records(a.Context(), a.client.Roster().Registry(), "facility")
	if err != nil {
		return err
	}
	var named []string
	for _, v := range places {
		if v.Removed || v.AliasOf != nil {
			continue
		}
		region := valueOf(v, "region")
		named = append(named, region)
		p.Places = append(p.Places, option{v.Entity.String(), strings.TrimPrefix(a.words.Region(region)+" · "+valueOf(v, "name"), " · ")})
	}
	p.Regions = a.regions(named...)
	slices.SortFunc(p.Places, func(x, y option) int { return strings.Compare(x.Label, y.Label) })
	if p.Members, err = a.members(a.PostForm["team"]); err != nil {
		return err
	}
	return a.pageAs(status, "newvisit", p)
}

// members returns everybody who holds a role now.
func (a *ask) members(on []string) ([]memberRow, error) {
	me, err := a.client.Person()
	if err != nil {
		return nil, err
	}
	var out []memberRow
	for _, m := range a.client.Roster().Members() {
		row := memberRow{ID: m.Person.String(), Name: m.Name, Me: m.Person == me.Person, On: slices.Contains(on, m.Person.String())}
		for _, g := range a.client.Roster().ActiveGrants(m.Person) {
			row.Roles = append(row.Roles, roleIn{string(g.Role), g.Region})
		}
		if len(row.Roles) > 0 {
			out = append(out, row)
		}
	}
	return out, nil
}

// newVisit opens a visit. Its key is wrapped to the team before anything is written.
func newVisit(a *ask) error {
	typed := map[string]string{}
	for _, name := range []string{"facility", "title", "kind", "date", "region", "order"} {
		if s := strings.TrimSpace(a.field(name)); s != "" {
			typed[name] = s
		}
	}
	region, err := a.regionOf(typed)
	if err != nil {
		return err
	}
	if region == "" {
		return a.opening(http.StatusUnprocessableEntity, typed, "new.noplace")
	}
	fields := map[string]string{"status": "planned"}
	for name, value := range typed {
		if name != "region" {
			fields[name] = value
		}
	}
	team, err := a.teamTyped()
	if err != nil {
		return err
	}
	team, err = a.client.TeamWithMe(region, team)
	if err != nil {
		return err
	}
	id, err := a.client.OpenVisit(a.Context(), region, team, fields)
	if err != nil {
		return err
	}
	return a.to("/visits/%s/prepare", id)
}

func (a *ask) regionOf(typed map[string]string) (string, error) {
	if typed["facility"] == "" {
		return typed["region"], nil
	}
	id, err := syncproto.ParseEntityID(typed["facility"])
	if err != nil {
		return "", errNoPage
	}
	v, err := a.client.Record(a.Context(), a.client.Roster().Registry(), id)
	if err != nil {
		return "", err
	}
	return valueOf(v, "region"), nil
}

func (a *ask) teamTyped() ([]syncproto.PersonID, error) {
	var out []syncproto.PersonID
	for _, s := range a.PostForm["team"] {
		p, err := syncproto.ParsePersonID(s)
		if err != nil {
			return nil, errNoPage
		}
		out = append(out, p)
	}
	return out, nil
}

// addToTeam puts members on a visit's team; their laptops get the key with the next sync of one that holds it.
func addToTeam(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	if err := a.ParseForm(); err != nil {
		return err
	}
	people, err := a.teamTyped()
	if err != nil {
		return err
	}
	if len(people) == 0 {
		return a.to("/visits/%s/prepare", scope)
	}
	if !a.client.May(scope, syncproto.RightTeam) {
		return fieldclient.ErrNoRight
	}
	if _, err := a.client.AddToTeam(a.Context(), scope, people); err != nil {
		return err
	}
	return a.to("/visits/%s/prepare", scope)
}
