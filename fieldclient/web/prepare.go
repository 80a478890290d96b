package web

import (
	_ "embed"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// preparePage is ui/prepare.html.
type preparePage struct {
	VisitPage
	Header   []*box
	Follows  *box
	Facility *fieldclient.View // nil where the visit names none, or it is not known here
	Facts    []fact
	Earlier  []visitCard
	Open     []followupRow
	Basis    []basis
	Sectors  []string
	Members  []memberRow // who is not on the team yet
	MayTeam  bool
	Way      gateway
}

type fact struct{ Name, Value string }

// basis is one row of the table of legal bases: which article of which act says what, from when to when.
type basis struct{ Sector, Role, Act, Article, From, To string }

//go:embed basis.tsv
var basisTable string

// legalBasis returns the articles that a visit to a kind of facility rests on. The table is data with dates: acts change.
func legalBasis(facility string) []basis {
	sectors := sectorsOf[facility]
	var out []basis
	for line := range strings.Lines(basisTable) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(c) == 6 && !strings.HasPrefix(line, "#") && slices.Contains(sectors, c[0]) {
			out = append(out, basis{c[0], c[1], c[2], c[3], c[4], c[5]})
		}
	}
	return out
}

// sectorsOf says which sector's act has the chapter for a kind of facility.
var sectorsOf = map[string][]string{
	"colony": {"penal"}, "sizo": {"penal", "special"}, "ivs": {"special"}, "special-reception": {"special"},
	"psychiatric": {"health"}, "social-care": {"social"}, "children": {"child", "minors"},
	"military": {"special"}, "other": {"penal", "special", "health", "social", "child", "minors"},
}

func visitPrepare(a *ask) error {
	v, err := a.visit("prepare")
	if err != nil {
		return err
	}
	p := &preparePage{VisitPage: v, MayTeam: a.client.May(v.Visit.ID, syncproto.RightTeam)}
	if p.Header, err = a.boxes(v.Record, "title", "kind", "date", "order", "status"); err != nil {
		return err
	}
	visitKind, _ := syncproto.KindNamed("visit")
	follows, err := visitKind.FieldNamed("follows")
	if err != nil {
		return err
	}
	if p.Follows, err = a.boxOf(v.Record, "follows", a.optionsOf(follows)...); err != nil {
		return err
	}
	if p.Way, err = a.gateway(v.Visit.ID); err != nil {
		return err
	}
	if err := a.facility(p); err != nil {
		return err
	}
	if p.Open, err = a.followups(v); err != nil {
		return err
	}
	all, err := a.members(nil)
	if err != nil {
		return err
	}
	st, _ := a.client.Replica().Scope(v.Visit.ID)
	for _, m := range all {
		if id, err := syncproto.ParsePersonID(m.ID); err == nil && !st.Standing.Team[id] {
			p.Members = append(p.Members, m)
		}
	}
	return a.page("prepare", p)
}

// facility adds what is known here of the place: its card and earlier visits.
func (a *ask) facility(p *preparePage) error {
	id, err := syncproto.ParseEntityID(valueOf(p.Record, "facility"))
	if err != nil {
		return nil // none is named
	}
	f, err := a.client.Record(a.Context(), a.client.Roster().Registry(), id)
	if err != nil {
		return nil // of a registry that has not come
	}
	p.Facility = &f
	for _, name := range []string{"type", "region", "address", "authority", "capacity", "note"} {
		if s := valueOf(f, name); s != "" {
			p.Facts = append(p.Facts, fact{name, a.words.value("facility", name, s)})
		}
	}
	p.Basis = legalBasis(valueOf(f, "type"))
	places, err := placeNames(a.Context(), a.client)
	if err != nil {
		return err
	}
	for _, s := range a.client.Replica().Scopes() {
		if s.Standing.Registry || s.Scope == p.Visit.ID {
			continue
		}
		v, err := a.client.Record(a.Context(), s.Scope, syncproto.EntityID(s.Scope))
		if err != nil || valueOf(v, "facility") != id.String() {
			continue
		}
		card, err := cardOf(a.Context(), a.client, s.Scope, places)
		if err != nil {
			return err
		}
		p.Earlier = append(p.Earlier, card)
	}
	slices.SortFunc(p.Earlier, func(x, y visitCard) int { return strings.Compare(y.Date, x.Date) })
	return nil
}
