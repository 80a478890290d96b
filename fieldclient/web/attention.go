package web

import (
	"kua/fieldclient"
	"kua/syncproto"
)

// waitingPage is ui/attention.html: everything that waits for a person, on all visits or one.
type waitingPage struct {
	VisitPage
	One      bool // of one visit, inside its rail
	Rows     []waitingRow
	Blocked  []blockedWork
	Deciders []string // who may decide on that
	Decides  bool     // this person is one of them
}

// waitingRow is one field that waits, or a record that was removed and edited.
type waitingRow struct {
	Scope, Entity string
	Where         string // title of the visit
	Kind, Name    string
	Number        syncproto.Field
	Why           string // conflict, review or removed
	Stand         []fieldclient.Statement
	CSRF          string
}

func attentionAll(a *ask) error {
	p := &waitingPage{VisitPage: VisitPage{Page: Page{Title: a.words.T("attention.title")}}}
	for _, s := range a.client.Replica().Scopes() {
		if err := a.waitingIn(p, s.Scope); err != nil {
			return err
		}
	}
	return a.page("attention", p)
}

func attentionOne(a *ask) error {
	v, err := a.visit("attention")
	if err != nil {
		return err
	}
	p := &waitingPage{VisitPage: v, One: true}
	if err := a.waitingIn(p, v.Visit.ID); err != nil {
		return err
	}
	return a.page("attention", p)
}

// waitingIn adds what waits in one scope.
func (a *ask) waitingIn(p *waitingPage, scope syncproto.ScopeID) error {
	views, err := a.client.Attention(a.Context(), scope)
	if err != nil {
		return err
	}
	where := ""
	if scope != a.client.Roster().Registry() {
		visit, err := a.client.Record(a.Context(), scope, syncproto.EntityID(scope))
		if err != nil {
			return err
		}
		if where = valueOf(visit, "title"); where == "" {
			where = a.words.T("visit.untitled")
		}
	}
	for _, v := range views {
		p.Rows = append(p.Rows, a.rowsOf(v, where)...)
	}
	blocked, err := a.blockedIn(scope, where)
	if err != nil || len(blocked) == 0 {
		return err
	}
	p.Blocked, p.Decides = append(p.Blocked, blocked...), p.Decides || mayDecide(a.client, scope)
	p.Deciders, err = a.deciders()
	return err
}

func (a *ask) rowsOf(v fieldclient.View, where string) (out []waitingRow) {
	row := waitingRow{Scope: v.Scope.String(), Entity: v.Entity.String(), Where: where, Kind: v.Kind}
	if v.Removed && v.Edited > 0 {
		row.Why, row.CSRF = "removed", a.csrf()
		out = append(out, row)
	}
	kind, ok := syncproto.KindNamed(v.Kind)
	if !ok {
		return out
	}
	for i := range v.Fields {
		f := &v.Fields[i]
		spec, err := kind.FieldNamed(f.Name)
		if err != nil || !f.Conflict && len(f.Review) == 0 {
			continue
		}
		r := row
		r.CSRF, r.Name, r.Number, r.Stand, r.Why = "", f.Name, spec.ID, f.Heads, "conflict"
		if !f.Conflict {
			r.Why = "review"
		}
		out = append(out, r)
	}
	return out
}
