package web

import (
	"errors"

	"kua/fieldclient"
	"kua/syncproto"
)

// gateway is what a visit's preparation says of the way to the gate: gate mode, and what else is on this laptop.
type gateway struct {
	Gate   fieldclient.GateState
	Others int // visits beside this one
	Away   int // visits that were removed from this laptop
}

func (a *ask) gateway(scope syncproto.ScopeID) (g gateway, err error) {
	if g.Gate, err = a.client.Gate(scope); err != nil {
		return g, err
	}
	for _, s := range a.client.Replica().Scopes() {
		if !s.Standing.Registry && s.Scope != scope {
			g.Others++
		}
	}
	g.Away = len(a.client.Away())
	return g, nil
}

// switchGate puts a visit into gate mode or out of it. While one is in it, the laptop locks itself sooner.
func switchGate(a *ask) error {
	scope, err := syncproto.ParseScopeID(a.PathValue("visit"))
	if err != nil {
		return errNoPage
	}
	if a.PostFormValue("on") == "yes" {
		err = a.client.EnterGate(a.Context(), scope)
	} else {
		err = a.client.LeaveGate(a.Context(), scope)
	}
	if err != nil {
		return err
	}
	if err := a.s.watchGate(a.client); err != nil {
		return err
	}
	return a.to("/visits/%s/prepare", scope)
}

// watchGate shortens the automatic lock while any visit is in gate mode.
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

// releaseGate opens what colleagues sealed at the gate for those who may read the visit.
func releaseGate(a *ask) error {
	scope, err := syncproto.ParseScopeID(a.PathValue("visit"))
	if err != nil {
		return errNoPage
	}
	if _, err := a.client.ReleaseGate(a.Context(), scope); err != nil {
		return err
	}
	return a.to("/visits/%s/prepare", scope)
}

// travelPage is ui/travel.html: what was removed, and what had to stay.
type travelPage struct {
	Page
	Removed int
	Stayed  []stayedRow
}

type stayedRow struct{ Title, Why string }

// travelLight removes every other visit from this laptop, where the server holds all of it.
func travelLight(a *ask) error {
	scope, err := syncproto.ParseScopeID(a.PathValue("visit"))
	if err != nil {
		return errNoPage
	}
	rep, err := a.client.TravelLight(a.Context(), []syncproto.ScopeID{scope})
	if err != nil {
		return err
	}
	p := &travelPage{Page: Page{Title: a.words.T("travel.title")}, Removed: len(rep.Removed)}
	for _, s := range rep.Stayed {
		card, err := cardOf(a.Context(), a.client, s.Scope, nil)
		if err != nil {
			return err
		}
		p.Stayed = append(p.Stayed, stayedRow{card.Title, s.Why})
	}
	return a.page("travel", p)
}

// bringBack lets the next sync fetch what was removed.
func bringBack(a *ask) error {
	if err := a.client.BringBack(a.Context(), a.client.Away()); err != nil {
		return err
	}
	return a.to("/sync")
}
