package web

import (
	"context"
	"slices"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// recordKind is a kind of record that a part of a visit lists, as cards whose fields save themselves.
type recordKind struct {
	kind   string
	fields []string // in the order of the card
	focus  string   // where the cursor stands in a new one
	group  []string // fields that the list can be grouped by
}

var (
	obstructions = recordKind{"obstruction", []string{"kind", "time", "what", "official", "reason"}, "kind", nil}
	observations = recordKind{"observation", []string{"text", "place", "theme", "time", "urgent"}, "text", []string{"place", "theme"}}
	documents    = recordKind{"document", []string{"title", "period", "checked", "discrepancy", "copy"}, "title", nil}
	findings     = recordKind{"finding", []string{"statement", "theme", "sources", "standing", "scale", "minority"}, "statement", []string{"theme", "standing"}}
	recommended  = recordKind{"recommendation", []string{"text", "addressee", "due", "status"}, "text", []string{"status"}}
)

// kinds are the records that the button of a list may make.
var kinds = []recordKind{obstructions, observations, documents, findings, recommended}

// recordCard is one record in a list.
type recordCard struct {
	CSRF, Scope, Entity string
	Removed             bool
	By                  string // who began it
	Boxes               []*box
	Group               string
	at                  int64
}

// cards returns the records of a kind, the newest first.
func (a *ask) cards(scope syncproto.ScopeID, k recordKind) ([]recordCard, error) {
	views, err := a.client.Records(a.Context(), scope, k.kind)
	if err != nil {
		return nil, err
	}
	var out []recordCard
	for _, v := range views {
		if v.AliasOf != nil || v.Removed && v.Edited == 0 {
			continue
		}
		c, err := a.card(v, k)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(x, y recordCard) int { return int(min(max(y.at-x.at, -1), 1)) })
	return out, nil
}

func (a *ask) card(v fieldclient.View, k recordKind) (recordCard, error) {
	c := recordCard{CSRF: a.csrf(), Scope: v.Scope.String(), Entity: v.Entity.String(), Removed: v.Removed}
	me, err := a.client.Person()
	if err != nil {
		return c, err
	}
	for _, f := range v.Fields {
		if f.Name == "existence" && len(f.Heads) > 0 {
			if c.at = f.Heads[0].Written; f.Heads[0].Person != me.Person {
				c.By = f.Heads[0].Name
			}
		}
	}
	c.Boxes, err = a.boxes(v, k.fields...)
	return c, err
}

func kindOf(name string) (recordKind, bool) {
	i := slices.IndexFunc(kinds, func(k recordKind) bool { return k.kind == name })
	if i < 0 {
		return recordKind{}, false
	}
	return kinds[i], true
}

// listPage is ui/records.html: a part of a visit that is a list of records.
type listPage struct {
	VisitPage
	Kind     string
	Groups   []recordGroup
	By       string   // the field that it is grouped by, or ""
	GroupsBy []string // the fields that it may be grouped by
}

type recordGroup struct {
	Name  string
	Cards []recordCard
}

func visitObservations(a *ask) error { return a.list("observations", observations) }
func visitDocuments(a *ask) error    { return a.list("documents", documents) }

// visitFindings lists what the group concludes; a finding is established only on two kinds of source (fieldclient/finding.go).
func visitFindings(a *ask) error        { return a.list("findings", findings) }
func visitRecommendations(a *ask) error { return a.list("recommendations", recommended) }

func (a *ask) list(part string, k recordKind) error {
	v, err := a.visit(part)
	if err != nil {
		return err
	}
	p := &listPage{VisitPage: v, Kind: k.kind, GroupsBy: k.group}
	if by := a.URL.Query().Get("by"); slices.Contains(k.group, by) {
		p.By = by
	}
	cards, err := a.cards(v.Visit.ID, k)
	if err != nil {
		return err
	}
	p.Groups = grouped(cards, p.By)
	return a.page("records", p)
}

// grouped puts the cards that agree in a field together, in the order in which the groups come up.
func grouped(cards []recordCard, by string) []recordGroup {
	var out []recordGroup
	for _, c := range cards {
		name := ""
		for _, b := range c.Boxes {
			if b.Name == by {
				name = b.Value
			}
		}
		i := slices.IndexFunc(out, func(g recordGroup) bool { return g.Name == name })
		if i < 0 {
			i, out = len(out), append(out, recordGroup{Name: name})
		}
		out[i].Cards = append(out[i].Cards, c)
	}
	return out
}

// addRecord makes a record and answers with its card, the cursor in its first field.
func addRecord(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	k, ok := kindOf(a.PathValue("kind"))
	if !ok {
		return errNoPage
	}
	fields := map[string]string{}
	if slices.Contains(k.fields, "time") {
		fields["time"] = a.s.cfg.Client.Now().In(time.Local).Format("15:04")
	}
	id, err := a.client.Create(a.Context(), scope, k.kind, fields)
	if err != nil {
		return err
	}
	if !a.htmx() {
		return a.to("/visits/%s", scope)
	}
	c, err := a.cardAt(scope, id)
	if err != nil {
		return err
	}
	for _, b := range c.Boxes {
		b.Focus = b.Name == k.focus
	}
	return a.part("card", c)
}

func (a *ask) cardAt(scope syncproto.ScopeID, id syncproto.EntityID) (recordCard, error) {
	v, err := a.client.Record(a.Context(), scope, id)
	if err != nil {
		return recordCard{}, err
	}
	k, ok := kindOf(v.Kind)
	if !ok {
		return recordCard{}, errNoPage
	}
	return a.card(v, k)
}

func removeRecord(a *ask) error  { return a.onRecord((*fieldclient.Client).Remove) }
func restoreRecord(a *ask) error { return a.onRecord((*fieldclient.Client).Restore) }

func (a *ask) onRecord(do func(*fieldclient.Client, context.Context, syncproto.ScopeID, syncproto.EntityID) (fieldclient.Saved, error)) error {
	scope, err := syncproto.ParseScopeID(a.PostFormValue("scope"))
	if err != nil {
		return errNoPage
	}
	id, err := syncproto.ParseEntityID(a.PostFormValue("entity"))
	if err != nil {
		return errNoPage
	}
	if _, err := do(a.client, a.Context(), scope, id); err != nil {
		return err
	}
	if !a.htmx() {
		return a.to("/visits/%s", scope)
	}
	c, err := a.cardAt(scope, id)
	if err != nil {
		return err
	}
	return a.part("card", c)
}
