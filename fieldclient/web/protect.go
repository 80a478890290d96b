package web

import (
	"errors"
	"net/http"

	"kua/fieldclient"
	"kua/syncproto"
)

// protectPage is ui/protect.html: what this laptop can still show of a visit, and of all others.
type protectPage struct {
	VisitPage
	gateway
	Did      string
	Released int
	Removed  int
	Stayed   []stayedRow
	MayWrite bool
}

// stayedRow is a visit that could not be removed, and why.
type stayedRow struct {
	Title string
	Why   string // name in the catalogue, "" where there is none
	Words string // the reason's own, in English
}

// whyStayed names the reasons of TravelLight in the catalogue.
var whyStayed = map[string]string{
	fieldclient.StayNoServer: "noserver", fieldclient.StayGate: "gate", fieldclient.StayOriginals: "originals", fieldclient.StayErasure: "erasure",
	fieldclient.StayRefused: "refused", fieldclient.StayEarly: "early", fieldclient.StayOwn: "own", fieldclient.StayOthers: "others",
}

// gateway is how a visit stands on the way to the gate: gate mode, and what else is on this laptop.
type gateway struct {
	Gate   fieldclient.GateState
	Others int // visits beside this one
	Away   int // visits that were removed from this laptop
}

func (a *ask) gateway(scope syncproto.ScopeID) (g gateway, err error) {
	for _, s := range a.client.Replica().Scopes() {
		if !s.Standing.Registry && s.Scope != scope {
			g.Others++
		}
	}
	g.Away = len(a.client.Away())
	g.Gate, err = a.client.Gate(scope)
	return g, err
}

func (a *ask) protect() (*protectPage, error) {
	v, err := a.visit("protect")
	if err != nil {
		return nil, err
	}
	p := &protectPage{VisitPage: v, MayWrite: a.client.May(v.Visit.ID, syncproto.RightWrite)}
	p.Path = "/visits/" + v.Visit.ID.String() + "/protect"
	p.gateway, err = a.gateway(v.Visit.ID)
	return p, err
}

// visitProtect is GET /visits/{visit}/protect.
func visitProtect(a *ask) error {
	p, err := a.protect()
	if err != nil {
		return err
	}
	return a.page("protect", p)
}

// setGate enters or leaves gate mode. Entering wants a tick: it cannot be undone for what is written meanwhile.
func setGate(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	switch a.field("do") {
	case "enter":
		if a.field("sure") != "yes" {
			return a.protectAgain("unsure")
		}
		err = a.client.EnterGate(a.Context(), scope)
	case "leave":
		err = a.client.LeaveGate(a.Context(), scope)
	default:
		err = errNoPage
	}
	if errors.Is(err, fieldclient.ErrNoKeeper) {
		return a.protectAgain("nokeeper")
	}
	if err != nil {
		return err
	}
	if err := a.s.watchGate(a.client); err != nil {
		return err
	}
	return a.to("/visits/%s/protect", scope)
}

// protectAgain shows the page with what was not done and why.
func (a *ask) protectAgain(did string) error {
	p, err := a.protect()
	if err != nil {
		return err
	}
	p.Did = did
	return a.pageAs(http.StatusConflict, "protect", p)
}

// releaseGate gives the team back what was sealed at the gate.
func releaseGate(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	n, err := a.client.ReleaseGate(a.Context(), scope)
	if err != nil {
		return err
	}
	p, err := a.protect()
	if err != nil {
		return err
	}
	p.Did, p.Released = "released", n
	return a.page("protect", p)
}

// travelLight removes all other visits from this laptop that are safe elsewhere, and says which are not.
func travelLight(a *ask) error {
	p, err := a.protect()
	if err != nil {
		return err
	}
	titles, err := a.titles()
	if err != nil {
		return err
	}
	if err := a.takeAlong(p.VisitPage); err != nil {
		return err
	}
	rep, err := a.client.TravelLight(a.Context(), []syncproto.ScopeID{p.Visit.ID})
	if err != nil {
		return err
	}
	if p, err = a.protect(); err != nil {
		return err
	}
	p.Did, p.Removed = "travelled", len(rep.Removed)
	for _, s := range rep.Stayed {
		p.Stayed = append(p.Stayed, stayedRow{titles[s.Scope], whyStayed[s.Why], s.Why})
	}
	return a.page("protect", p)
}

func (a *ask) titles() (map[syncproto.ScopeID]string, error) {
	out := map[syncproto.ScopeID]string{}
	for _, s := range a.client.Replica().Scopes() {
		if s.Standing.Registry {
			continue
		}
		v, err := a.client.Record(a.Context(), s.Scope, syncproto.EntityID(s.Scope))
		if err != nil {
			return nil, err
		}
		out[s.Scope] = valueOf(v, "title")
	}
	return out, nil
}

// bringBack lets the next sync bring the removed visits again.
func bringBack(a *ask) error {
	if err := a.client.BringBack(a.Context(), a.client.Away()); err != nil {
		return err
	}
	return a.to("/sync")
}

// watchGate shortens the automatic lock while any visit is in gate mode. Every page says so then.
func (s *Server) watchGate(c *fieldclient.Client) error {
	on := false
	for _, st := range c.Replica().Scopes() {
		if st.Standing.Registry {
			continue
		}
		g, err := c.Gate(st.Scope)
		if errors.Is(err, fieldclient.ErrNotEnrolled) {
			break
		}
		if err != nil {
			return err
		}
		on = on || g.On
	}
	s.watch.setGate(on)
	return nil
}
