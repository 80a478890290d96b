package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// fieldPage is ui/at.html: everything about one field of one record. What stands, how it came to be, and the forms that
// settle a difference.
type fieldPage struct {
	Page
	Scope, Entity string
	Number        syncproto.Field
	Kind, Field   string
	Where         string // title of the visit, or "" in the registry
	Stand         []fieldclient.Statement
	Conflict      bool
	Review        []fieldclient.ReviewRow
	History       []fieldclient.Statement
	Seen          []string
	Box           *box // for another value; nil for the one that stands
	MayResolve    bool
	MayEndorse    bool
	Shared        bool
	Wrong         string // key of what is missing in the form
	Reason        string // that was typed
	Other         string
}

// place reads which field the address names.
func (a *ask) place() (t fieldclient.Target, err error) {
	if t.Scope, err = syncproto.ParseScopeID(a.PathValue("scope")); err != nil {
		return t, errNoPage
	}
	if t.Entity, err = syncproto.ParseEntityID(a.PathValue("entity")); err != nil {
		return t, errNoPage
	}
	n, err := strconv.ParseUint(a.PathValue("field"), 10, 32)
	if err != nil {
		return t, errNoPage
	}
	_, f, ok := syncproto.LookupField(syncproto.Field(n))
	if !ok {
		return t, errNoPage
	}
	t.Field = f
	return t, nil
}

func fieldAt(a *ask) error {
	t, err := a.place()
	if err != nil {
		return err
	}
	return a.showField(http.StatusOK, t, &fieldPage{})
}

func (a *ask) showField(status int, t fieldclient.Target, p *fieldPage) error {
	v, err := a.client.Record(a.Context(), t.Scope, t.Entity)
	if err != nil {
		return err
	}
	kind, _, _ := syncproto.LookupField(t.Field.ID)
	p.Scope, p.Entity, p.Number, p.Kind, p.Field = t.Scope.String(), t.Entity.String(), t.Field.ID, kind.Name, t.Field.Name
	p.Title = a.words.T("field." + kind.Name + "." + t.Field.Name)
	p.Shared = t.Field.Class == syncproto.Shared
	p.MayResolve = p.Shared && a.client.May(t.Scope, syncproto.RightResolve|t.Field.Writer)
	p.MayEndorse = a.client.May(t.Scope, syncproto.RightEndorse)
	for i := range v.Fields {
		f := &v.Fields[i]
		if f.Name != t.Field.Name {
			continue
		}
		p.Stand = append(p.Stand, f.Heads...)
		p.Review = append(p.Review, f.Review...)
		p.Conflict = p.Conflict || f.Conflict
		for _, s := range fieldclient.SeenOf(*f) {
			p.Seen = append(p.Seen, s.Changeset.String()+":"+strconv.Itoa(s.Index))
		}
	}
	if p.Box == nil {
		if p.Box, err = a.boxOf(v, t.Field.Name, a.optionsOf(t.Field)...); err != nil {
			return err
		}
	}
	p.MayResolve, p.MayEndorse = p.MayResolve && !p.Box.Veiled, p.MayEndorse && !p.Box.Veiled
	if p.History, err = a.client.History(a.Context(), t); err != nil {
		return err
	}
	slices.Reverse(p.History)
	if t.Scope != a.client.Roster().Registry() {
		visit, err := a.client.Record(a.Context(), t.Scope, syncproto.EntityID(t.Scope))
		if err != nil {
			return err
		}
		if p.Where = valueOf(visit, "title"); p.Where == "" {
			p.Where = a.words.T("visit.untitled")
		}
	}
	return a.pageAs(status, "at", p)
}

// resolve settles a difference, with a reason, signed. It hides exactly the answers that the page showed.
func resolve(a *ask) error {
	t, err := a.place()
	if err != nil {
		return err
	}
	if err := a.ParseForm(); err != nil {
		return err
	}
	if t.Seen, err = readSeen(a.PostForm["seen"]); err != nil {
		return err
	}
	typed, reason := a.field("choice"), strings.TrimSpace(a.field("reason"))
	var unread form.Code
	if typed == "other" {
		if typed, unread = a.typed(t.Field); a.field("value") == "" {
			typed = ""
		}
	} else if i, err := strconv.Atoi(typed); err == nil {
		if typed, err = a.standing(t, i); err != nil {
			return err
		}
	}
	page := &fieldPage{Reason: reason, Other: a.field("value")}
	if typed == "" || reason == "" {
		page.Wrong = "at.incomplete"
		return a.showField(http.StatusUnprocessableEntity, t, page)
	}
	value, err := t.Field.ParseValue(typed)
	if err != nil {
		page.Wrong = wrongWords(unread)
		return a.showField(http.StatusUnprocessableEntity, t, page)
	}
	if !a.client.May(t.Scope, syncproto.RightResolve|t.Field.Writer) {
		return fieldclient.ErrNoRight
	}
	if _, err := a.client.Resolve(a.Context(), t, value, reason); err != nil {
		return err
	}
	return a.to("/at/%s/%s/%d", t.Scope, t.Entity, t.Field.ID)
}

// standing returns the value of one of the answers that the page showed, in their order.
func (a *ask) standing(t fieldclient.Target, i int) (string, error) {
	if i < 0 || i >= len(t.Seen) {
		return "", errNoPage
	}
	history, err := a.client.History(a.Context(), t)
	if err != nil {
		return "", err
	}
	for _, s := range history {
		if s.Changeset == t.Seen[i].Changeset && s.Index == t.Seen[i].Index {
			return s.Value, nil
		}
	}
	return "", fieldclient.ErrNotFound
}

// endorse accepts that somebody else's answer was replaced.
func endorse(a *ask) error {
	t, err := a.place()
	if err != nil {
		return err
	}
	if !a.client.May(t.Scope, syncproto.RightEndorse) {
		return fieldclient.ErrNoRight
	}
	if _, err := a.client.Endorse(a.Context(), t); err != nil {
		return err
	}
	return a.to("/at/%s/%s/%d", t.Scope, t.Entity, t.Field.ID)
}
