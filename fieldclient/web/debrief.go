package web

import (
	"errors"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// debriefPage is ui/debrief.html: where the members' answers differ, side by side, and what the group agrees on.
type debriefPage struct {
	VisitPage
	Lists []debriefList
	All   bool // answers that nobody disputes are shown, too
	Leads bool // this person may set the group's answer
	Count int  // of what is not settled
	// Sealed counts questions to which somebody's answer does not open here: nobody knows yet whether the members differ.
	Sealed int

	Followups []followupRow // what the team noted of earlier recommendations
	Unchecked int           // of them nobody has noted anything
}

// debriefList is one checklist with the items that are to be talked about.
type debriefList struct {
	Title string
	Items []debriefItem
}

// debriefItem is one question as the group stands to it.
type debriefItem struct {
	fieldclient.GroupItem
	List     syncproto.EntityID
	Visit    syncproto.ScopeID
	CSRF     string
	ID       string
	Sides    []side
	Agreed   []side
	Seen     []string
	Minority *box // this person's own view, where it differs from the group's
	Leads    bool
}

// side is what one member says, in words.
type side struct {
	fieldclient.Said
	Text    string // the value as the form words it
	Written int64  // Unix milliseconds by its author's clock
	Number  int
	Second  bool   // it stands beside another one of the same member
	Take    string // how a form names it; see agreed
}

// Status is the silence, or "none".
func (s side) Status() string { return s.Silence.String() }

// visitDebrief is GET /visits/{visit}/debrief.
func visitDebrief(a *ask) error {
	v, err := a.visit("debrief")
	if err != nil {
		return err
	}
	p := &debriefPage{VisitPage: v, All: a.URL.Query().Get("all") == "yes", Leads: a.client.May(v.Visit.ID, syncproto.RightLead)}
	rows, err := a.followups(v)
	if err != nil {
		return err
	}
	p.Unchecked = unchecked(rows)
	p.Followups = slices.DeleteFunc(rows, func(r followupRow) bool { return r.Boxes == nil })
	lists, err := a.client.Checklists(a.Context(), v.Visit.ID)
	if err != nil {
		return err
	}
	for _, info := range lists {
		k, err := a.client.Checklist(a.Context(), info.Scope, info.ID, a.words.Language, "ru", "kk", "en")
		if errors.Is(err, fieldclient.ErrTemplateAway) {
			continue
		}
		if err != nil {
			return err
		}
		list, unsettled, sealed, err := a.debriefList(k, p.All)
		if err != nil {
			return err
		}
		p.Count, p.Sealed = p.Count+unsettled, p.Sealed+sealed
		if len(list.Items) > 0 {
			p.Lists = append(p.Lists, list)
		}
	}
	return a.page("debrief", p)
}

func (a *ask) debriefList(k *fieldclient.Checklist, all bool) (list debriefList, unsettled, sealed int, err error) {
	list.Title = a.titleOf(k.Info())
	items, err := k.Group(a.Context())
	if err != nil {
		return list, 0, 0, err
	}
	for _, it := range items {
		open := it.Standing == fieldclient.StandsDiffering || it.Standing == fieldclient.StandsContested
		if open {
			unsettled++
		}
		if slices.ContainsFunc(it.Said, func(s fieldclient.Said) bool { return s.Locked }) {
			sealed++
		}
		if !open && (!all || len(it.Said) == 0) {
			continue
		}
		d, err := a.debriefItem(k, it)
		if err != nil {
			return list, 0, 0, err
		}
		list.Items = append(list.Items, d)
	}
	return list, unsettled, sealed, nil
}

func (a *ask) debriefItem(k *fieldclient.Checklist, it fieldclient.GroupItem) (debriefItem, error) {
	info := k.Info()
	d := debriefItem{GroupItem: it, List: info.ID, Visit: info.Scope, CSRF: a.csrf(), ID: idOf(it.Lasting) + info.ID.String()[:8], Leads: a.client.May(info.Scope, syncproto.RightLead)}
	record, err := a.client.Record(a.Context(), info.Scope, it.Record)
	if err != nil {
		return d, err
	}
	for i, s := range it.Said {
		d.Sides = append(d.Sides, side{Said: s, Text: worded(it.View, s.Value), Written: answeredAt(record, s.Person), Number: i, Take: "said:" + s.Person.String()})
		for _, o := range s.Also {
			d.Sides = append(d.Sides, side{Said: fieldclient.Said{Person: s.Person, Name: s.Name, Value: o.Value, Silence: o.Silence}, Text: worded(it.View, o.Value),
				Number: i, Second: true, Take: "also:" + s.Person.String() + ":" + o.Silence.String() + ":" + o.Value})
		}
	}
	for _, s := range it.Agreed {
		d.Agreed = append(d.Agreed, side{Said: s, Text: worded(it.View, s.Value)})
	}
	for _, s := range it.Seen {
		d.Seen = append(d.Seen, markOf(s))
	}
	me, err := a.client.Person()
	if err != nil {
		return d, err
	}
	if slices.ContainsFunc(it.Minorities(), func(s fieldclient.Said) bool { return s.Person == me.Person }) {
		d.Minority, err = a.boxOf(record, "minority")
	}
	return d, err
}

// worded is a value in the words of its choices.
func worded(v form.View, value string) string {
	if len(v.Choices) == 0 || value == "" {
		return value
	}
	var out []string
	for _, w := range strings.Fields(value) {
		i := slices.IndexFunc(v.Choices, func(o form.Option) bool { return o.Value == w })
		if i >= 0 {
			w = v.Choices[i].Label
		}
		out = append(out, w)
	}
	return strings.Join(out, ", ")
}

// answeredAt is when a member last answered.
func answeredAt(v fieldclient.View, person syncproto.PersonID) (at int64) {
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			if (f.Name == "value" || f.Name == "medical") && h.Person == person {
				at = max(at, h.Written)
			}
		}
	}
	return at
}

// debriefAgree is POST /visits/{visit}/debrief: the leader sets the group's answer to one question: a member's, or
// another one.
func debriefAgree(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	id, err := syncproto.ParseEntityID(a.field("list"))
	if err != nil {
		return errNoPage
	}
	k, err := a.client.Checklist(a.Context(), scope, id, a.words.Language, "ru", "kk", "en")
	if err != nil {
		return err
	}
	items, err := k.Group(a.Context())
	if err != nil {
		return err
	}
	place := form.Ref(a.field("place"))
	i := slices.IndexFunc(items, func(it fieldclient.GroupItem) bool { return it.Lasting == place })
	if i < 0 {
		return form.ErrNoPlace
	}
	value, silence, err := a.agreed(items[i])
	if err != nil {
		return err
	}
	seen, err := readSeen(a.PostForm["seen"])
	if err != nil {
		return err
	}
	if _, err := k.Agree(a.Context(), place, value, silence, a.field("reason"), seen); err != nil {
		return err
	}
	return a.to("/visits/%s/debrief", scope)
}

// agreed reads which answer was chosen: "said:PERSON" takes a member's, "also:PERSON:SILENCE:VALUE" one that stands beside
// it, "silence:WORD" a silence, "other" what was typed.
func (a *ask) agreed(it fieldclient.GroupItem) (value string, silence form.Silence, err error) {
	how, what, _ := strings.Cut(a.field("take"), ":")
	switch how {
	case "said":
		for _, s := range it.Said {
			if s.Person.String() == what {
				return s.Value, s.Silence, nil
			}
		}
	case "also":
		for _, s := range it.Said {
			for _, o := range s.Also {
				if what == s.Person.String()+":"+o.Silence.String()+":"+o.Value {
					return o.Value, o.Silence, nil
				}
			}
		}
	case "silence":
		for _, s := range []form.Silence{form.NotChecked, form.NotApplicable, form.AccessRefused} {
			if s.String() == what {
				return "", s, nil
			}
		}
	case "other":
		value = strings.Join(a.PostForm["value"], " ")
		if data := it.Node.Data; data == "int" || data == "decimal" {
			if number, unread := typedNumber(value, data == "int"); unread == "" {
				value = number
			}
		}
		return value, form.None, nil
	}
	return "", form.None, errNoPage
}
