package web

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// openRecommendation is a recommendation of an earlier visit to the same place.
type openRecommendation struct {
	ID        syncproto.EntityID
	Visit     syncproto.ScopeID // where it was written down
	Title     string            // of that visit
	Text      string            // "" where it does not open here
	Status    string
	Due       string
	Addressee string
	Gone      bool // that visit is not on this laptop
}

// settled reports whether nobody has to look at it any more.
func (r openRecommendation) settled() bool {
	return r.Status == "implemented" || r.Status == "obsolete"
}

// recommendations gives those of earlier visits to the place of this one, and of the visit that it follows. What was taken
// along before the others left the laptop is among them.
func (a *ask) recommendations(v VisitPage) ([]openRecommendation, error) {
	out := []openRecommendation{}
	facility, follows := valueOf(v.Record, "facility"), valueOf(v.Record, "follows")
	for _, s := range a.client.Replica().Scopes() {
		if s.Standing.Registry || s.Scope == v.Visit.ID {
			continue
		}
		visit, err := a.client.Record(a.Context(), s.Scope, syncproto.EntityID(s.Scope))
		if err != nil || (facility == "" || valueOf(visit, "facility") != facility) && s.Scope.String() != follows {
			continue
		}
		views, err := a.client.Records(a.Context(), s.Scope, "recommendation")
		if err != nil {
			return nil, err
		}
		for _, r := range views {
			if r.Removed || r.AliasOf != nil {
				continue
			}
			out = append(out, openRecommendation{ID: r.Entity, Visit: s.Scope, Title: valueOf(visit, "title"),
				Text: valueOf(r, "text"), Status: valueOf(r, "status"), Due: valueOf(r, "due"), Addressee: valueOf(r, "addressee")})
		}
	}
	taken, err := a.takenAlong(v.Visit.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range taken {
		if !slices.ContainsFunc(out, func(o openRecommendation) bool { return o.ID == r.ID }) {
			r.Gone = true
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(x, y openRecommendation) int { return strings.Compare(x.Due, y.Due) })
	return out, nil
}

// takeAlong keeps on this laptop what is to be checked on a visit, sealed like all else: the visits that it comes from are
// about to leave it.
func (a *ask) takeAlong(v VisitPage) error {
	all, err := a.recommendations(v)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, openRecommendation.settled)
	if len(all) == 0 {
		return nil
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return a.client.Remember(a.Context(), fieldclient.TakenAlong(v.Visit.ID), string(b))
}

func (a *ask) takenAlong(visit syncproto.ScopeID) (out []openRecommendation, err error) {
	s, err := a.client.Remembered(a.Context(), fieldclient.TakenAlong(visit))
	if err != nil || s == "" {
		return nil, err
	}
	return out, json.Unmarshal([]byte(s), &out)
}

// followupRow is one recommendation with what the team has noted of it on this visit.
type followupRow struct {
	openRecommendation
	At      syncproto.ScopeID // the visit on which it is checked
	CSRF    string
	May     bool     // this person may note something
	Answers []string // what can be seen of it, as the vocabulary has it
	Record  syncproto.EntityID
	Boxes   []*box // nil while nobody has noted anything
	Sides   []followupSide
	Differ  bool // members saw different things
	Adder   evidenceAdder
	Proofs  []evidenceCard
}

// followupSide is what one member noted.
type followupSide struct {
	Name                string
	Written             int64 // Unix milliseconds by their clock
	Seen, Claimed, Note []fieldclient.Statement
}

// followupFields are the boxes of a follow-up in their order.
var followupFields = []string{"seen", "claimed", "note"}

// followups lays what was noted on this visit beside the recommendations: those that are open, and those that somebody
// has noted something of.
func (a *ask) followups(v VisitPage) ([]followupRow, error) {
	all, err := a.recommendations(v)
	if err != nil {
		return nil, err
	}
	views, err := a.client.Records(a.Context(), v.Visit.ID, "followup")
	if err != nil {
		return nil, err
	}
	var out []followupRow
	for _, f := range views {
		if f.Removed || f.AliasOf != nil {
			continue
		}
		id, err := syncproto.ParseEntityID(valueOf(f, "recommendation"))
		i := slices.IndexFunc(all, func(r openRecommendation) bool {
			own, problem := a.client.ItemID(v.Visit.ID, "followup", r.ID.String())
			return r.ID == id || problem == nil && own == f.Entity // which it was says its id, where that was sealed at the gate
		})
		if i < 0 && err != nil {
			continue
		}
		r := openRecommendation{ID: id, Gone: true}
		if i >= 0 {
			r = all[i]
		}
		row, err := a.followupRow(v.Visit.ID, r, &f)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	for _, r := range all {
		if r.settled() || slices.ContainsFunc(out, func(o followupRow) bool { return o.ID == r.ID }) {
			continue
		}
		row, err := a.followupRow(v.Visit.ID, r, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(x, y followupRow) int { return strings.Compare(x.Due+x.ID.String(), y.Due+y.ID.String()) })
	return out, nil
}

// followupRow makes the row of one recommendation. f is nil while nobody has noted anything.
func (a *ask) followupRow(visit syncproto.ScopeID, r openRecommendation, f *fieldclient.View) (followupRow, error) {
	kind, _ := syncproto.KindNamed("followup")
	seen, err := kind.FieldNamed("seen")
	if err != nil {
		return followupRow{}, err
	}
	row := followupRow{openRecommendation: r, At: visit, CSRF: a.csrf(), May: a.client.May(visit, syncproto.Rights(syncproto.RightWrite)), Answers: seen.Codes}
	if f == nil {
		return row, nil
	}
	row.Record, row.Sides = f.Entity, sidesOf(*f)
	var said []string
	for _, s := range row.Sides {
		for _, h := range s.Seen {
			said = append(said, h.Value)
		}
	}
	slices.Sort(said)
	row.Differ = len(slices.Compact(said)) > 1
	if row.Boxes, err = a.boxes(*f, followupFields...); err != nil {
		return row, err
	}
	row.Adder = a.adderFor(visit, f.Entity.String())
	row.Proofs, err = a.evidenceCards(visit, &f.Entity)
	return row, err
}

// sidesOf gathers what each member noted.
func sidesOf(v fieldclient.View) (out []followupSide) {
	var people []syncproto.PersonID
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			if !slices.Contains(followupFields, f.Name) || h.Value == "" && !h.Locked {
				continue
			}
			i := slices.Index(people, h.Person)
			if i < 0 {
				i, people, out = len(people), append(people, h.Person), append(out, followupSide{Name: h.Name})
			}
			s := &out[i]
			s.Written = max(s.Written, h.Written)
			switch f.Name {
			case "seen":
				s.Seen = append(s.Seen, h)
			case "claimed":
				s.Claimed = append(s.Claimed, h)
			case "note":
				s.Note = append(s.Note, h)
			}
		}
	}
	return out
}

// followupsPage is ui/followups.html: what became of what earlier visits recommended.
type followupsPage struct {
	VisitPage
	Rows []followupRow
	Left int // of them nobody has noted anything yet
}

// unchecked counts the recommendations of which nobody has noted anything.
func unchecked(rows []followupRow) (n int) {
	for _, r := range rows {
		if r.Boxes == nil {
			n++
		}
	}
	return n
}

// visitFollowups is GET /visits/{visit}/followups.
func visitFollowups(a *ask) error {
	v, err := a.visit("followups")
	if err != nil {
		return err
	}
	p := &followupsPage{VisitPage: v}
	if p.Rows, err = a.followups(v); err != nil {
		return err
	}
	p.Left = unchecked(p.Rows)
	return a.page("followups", p)
}

// checkRecommendation is POST /visits/{visit}/followups: the first word on one recommendation. The answer shows its row
// with the fields that go with it, the cursor where one says what shows it.
func checkRecommendation(a *ask) error {
	v, err := a.visit("followups")
	if err != nil {
		return err
	}
	id, err := syncproto.ParseEntityID(a.field("recommendation"))
	if err != nil {
		return errNoPage
	}
	all, err := a.recommendations(v)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(r openRecommendation) bool { return r.ID == id })
	if i < 0 {
		return fieldclient.ErrNotFound
	}
	record, err := a.client.CheckRecommendation(a.Context(), v.Visit.ID, id, a.field("seen"))
	if errors.Is(err, fieldclient.ErrNotFound) {
		return errNoPage
	}
	if err != nil {
		return err
	}
	if !a.htmx() {
		return a.to("/visits/%s/followups#fu-%s", v.Visit.ID, id)
	}
	f, err := a.client.Record(a.Context(), v.Visit.ID, record)
	if err != nil {
		return err
	}
	row, err := a.followupRow(v.Visit.ID, all[i], &f)
	if err != nil {
		return err
	}
	row.Boxes[len(row.Boxes)-1].Focus = true
	return a.partOf("followups", "followup", row)
}
