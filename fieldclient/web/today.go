package web

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// todayPage is ui/today.html.
type todayPage struct {
	Page
	Visits    []visitCard
	Registry  fieldclient.Whereabouts // facilities and such, that this laptop wrote
	Total     fieldclient.Whereabouts
	Confirmed int64         // last contact with the server, Unix milliseconds by this laptop's clock; 0 never
	Off       time.Duration // how far this laptop's clock was off then; zero where that is within bounds
	Restored  string        // why this laptop noticed that its data was put back from a copy
	Incidents int
	Away      int // visits that were removed from this laptop
	Waiting   int // records that wait for a person
	Blocked   int // changes that have no effect until a coordinator has decided
}

// visitCard is one visit in the list.
type visitCard struct {
	ID      syncproto.ScopeID
	Title   string
	Place   string
	Date    string
	Status  string
	Locked  bool // its key has not come to this laptop
	Team    []string
	New     int // changesets of others since the last look
	Waiting int // records that wait for a person
	Work    fieldclient.Whereabouts
}

// clockMatters is from when on a wrong clock is said: times in a record are compared in minutes.
const clockMatters = 2 * time.Minute

func today(a *ask) error {
	ctx, c := a.Context(), a.client
	p := &todayPage{Page: Page{Title: a.words.T("today.title")}, Restored: c.Restored()}
	if at, off := c.LastContact(); !at.IsZero() {
		p.Confirmed = at.UnixMilli()
		if off.Abs() >= clockMatters {
			p.Off = off
		}
	}
	places, err := placeNames(ctx, c)
	if err != nil {
		return err
	}
	for _, s := range c.Replica().Scopes() {
		work, err := c.Whereabouts(ctx, s.Scope)
		if err != nil {
			return err
		}
		p.Total.Add(work)
		if s.Standing.Registry {
			p.Registry = work
			continue
		}
		card, err := cardOf(ctx, c, s.Scope, places)
		if err != nil {
			return err
		}
		card.Work = work
		p.Waiting += card.Waiting
		p.Visits = append(p.Visits, card)
	}
	slices.SortFunc(p.Visits, func(x, y visitCard) int { // the newest first; those without a date are being planned
		if (x.Date == "") != (y.Date == "") {
			return len(x.Date) - len(y.Date)
		}
		return strings.Compare(y.Date+x.Title, x.Date+y.Title)
	})
	incidents, err := c.Incidents(ctx)
	if err != nil {
		return err
	}
	p.Incidents, p.Away = len(incidents), len(c.Away())
	if p.Blocked, err = a.blockedCount(); err != nil {
		return err
	}
	return a.page("today", p)
}

// placeNames returns the names of facilities by their ids.
func placeNames(ctx context.Context, c *fieldclient.Client) (map[string]string, error) {
	views, err := c.Records(ctx, c.Roster().Registry(), "facility")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, v := range views {
		out[v.Entity.String()] = valueOf(v, "name")
	}
	return out, nil
}

func cardOf(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID, places map[string]string) (visitCard, error) {
	card := visitCard{ID: id}
	st, ok := c.Replica().Scope(id)
	if !ok {
		return card, fieldclient.ErrNotFound
	}
	for p := range st.Standing.Team {
		m, _ := c.Roster().Member(p)
		card.Team = append(card.Team, m.Name)
	}
	slices.Sort(card.Team)
	v, err := c.Record(ctx, id, syncproto.EntityID(id))
	if err != nil {
		return card, err
	}
	card.Title, card.Date, card.Status, card.Place = valueOf(v, "title"), valueOf(v, "date"), valueOf(v, "status"), places[valueOf(v, "facility")]
	_, err = c.ItemID(id, "", "")
	card.Locked = err != nil
	waiting, err := c.Attention(ctx, id)
	if err != nil {
		return card, err
	}
	card.Waiting = len(waiting)
	seen, err := seenOf(ctx, c, id)
	card.New = max(0, othersWork(c, id)-seen)
	return card, err
}

// othersWork counts the changesets of other laptops in a scope. It only grows, so the difference to what it was at the
// last look is what is new, whatever the clocks say.
func othersWork(c *fieldclient.Client, id syncproto.ScopeID) int {
	n := 0
	for _, f := range c.Replica().Feeds(id) {
		if f.Device != c.Device().ID {
			n += int(f.N)
		}
	}
	return n
}

func keepSeen(id syncproto.ScopeID) string { return "screens/seen/" + id.String() }

func seenOf(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) (int, error) {
	s, err := c.Remembered(ctx, keepSeen(id))
	if err != nil || s == "" {
		return 0, err
	}
	return strconv.Atoi(s)
}

// look notes that somebody has looked at a visit.
func look(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) error {
	n := othersWork(c, id)
	if seen, err := seenOf(ctx, c, id); err != nil || seen == n {
		return err
	}
	return c.Remember(ctx, keepSeen(id), strconv.Itoa(n))
}

// valueOf returns the value that stands on a field; different ones beside each other.
func valueOf(v fieldclient.View, field string) string {
	var values []string
	for _, f := range v.Fields {
		if f.Name != field {
			continue
		}
		for _, h := range f.Heads {
			if h.Value != "" && !slices.Contains(values, h.Value) {
				values = append(values, h.Value)
			}
		}
	}
	return strings.Join(values, " | ")
}
