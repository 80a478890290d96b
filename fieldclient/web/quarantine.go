package web

import (
	"slices"

	"kua/fieldclient"
	"kua/syncproto"
)

// blockedWork is signed work of one member in one place that has no effect until a coordinator has decided, for one
// reason.
type blockedWork struct {
	Where string // title of the visit; "" in the registry
	Name  string // of the author; "" where the list of members does not know them
	Mine  bool   // it was written on this laptop
	Why   syncproto.Code
	Ops   int // changes
}

// quarantineReasons are why work waits; the catalogue has a sentence for each.
var quarantineReasons = []syncproto.Code{syncproto.CodeQuarantineLate, syncproto.CodeQuarantineNoRight, syncproto.CodeQuarantineField}

// blockedIn gathers what waits in one scope. where is its title.
func (a *ask) blockedIn(scope syncproto.ScopeID, where string) ([]blockedWork, error) {
	list, err := a.client.Quarantine(a.Context(), scope)
	if err != nil {
		return nil, err
	}
	var out []blockedWork
	for _, q := range list {
		if q.Decision != "waiting" {
			continue
		}
		w := blockedWork{Where: where, Name: q.Name, Mine: q.Device == a.client.Device().ID, Why: q.Code}
		i := slices.IndexFunc(out, func(o blockedWork) bool { return o.Name == w.Name && o.Mine == w.Mine && o.Why == w.Why })
		if i < 0 {
			i, out = len(out), append(out, w)
		}
		out[i].Ops += q.Ops
	}
	return out, nil
}

// blockedCount counts the changes that wait in all scopes.
func (a *ask) blockedCount() (int, error) {
	n := 0
	for _, s := range a.client.Replica().Scopes() {
		list, err := a.blockedIn(s.Scope, "")
		if err != nil {
			return 0, err
		}
		for _, w := range list {
			n += w.Ops
		}
	}
	return n, nil
}

// deciders are the names of those who may decide on it.
func (a *ask) deciders() ([]string, error) {
	all, err := a.members(nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range all {
		if slices.ContainsFunc(m.Roles, func(r roleIn) bool { return r.Role == string(syncproto.RoleCoordinator) }) {
			out = append(out, m.Name)
		}
	}
	return out, nil
}

// mayDecide reports whether this person may decide on what waits in a scope.
func mayDecide(c *fieldclient.Client, scope syncproto.ScopeID) bool {
	return c.May(scope, syncproto.Rights(syncproto.RightAdmit))
}
