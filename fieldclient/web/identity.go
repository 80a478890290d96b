package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// identityPage is ui/identity.html: the one place where a name is typed. It is heavier than the others on purpose.
type identityPage struct {
	VisitPage
	URL        string // of the interview
	Pseudonym  string
	Custodians []string // who can open it together; fewer than two refuse
	Sealed     []identityRow

	Card    fieldclient.IdentityCard // what was typed, in the answer to this very form and nowhere else
	Reason  string
	Wrong   string // what is missing, for the catalogue
	MayKeep bool
}

// identityRow says that something is sealed: by whom, when and why. What it is nobody here can say.
type identityRow struct {
	By     string
	At     int64
	Reason string
	Gate   bool
}

// identities returns what is sealed of a conversation.
func (a *ask) identities(scope syncproto.ScopeID, interview syncproto.EntityID) ([]identityRow, error) {
	views, err := a.client.Records(a.Context(), scope, "identity")
	if err != nil {
		return nil, err
	}
	var out []identityRow
	for _, v := range views {
		if v.Removed || valueOf(v, "interview") != interview.String() {
			continue
		}
		row := identityRow{Reason: valueOf(v, "reason"), Gate: sealedAtGate(v)}
		for _, f := range v.Fields {
			if f.Name == "interview" && len(f.Heads) > 0 {
				row.By, row.At = f.Heads[0].Name, f.Heads[0].Written
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// custodians returns the names of those of a region who could open an identity.
func custodians(c *fieldclient.Client, scope syncproto.ScopeID) []string {
	st, _ := c.Replica().Scope(scope)
	var out []string
	for _, d := range c.Roster().Custodians(st.Standing.Region) {
		m, _ := c.Roster().Member(d.Owner)
		out = append(out, m.Name)
	}
	return out
}

func (a *ask) identity() (*identityPage, syncproto.EntityID, error) {
	vp, v, err := a.visitRecord("interviews", "interview")
	if err != nil {
		return nil, v.Entity, err
	}
	p := &identityPage{VisitPage: vp, URL: "/visits/" + vp.Visit.ID.String() + "/interviews/" + v.Entity.String(), Pseudonym: valueOf(v, "pseudonym")}
	p.Title = a.words.T("identity.title")
	p.Custodians = custodians(a.client, vp.Visit.ID)
	p.MayKeep = len(p.Custodians) >= 2 && p.Pseudonym != "" && a.client.May(vp.Visit.ID, syncproto.Rights(syncproto.RightWrite))
	p.Sealed, err = a.identities(vp.Visit.ID, v.Entity)
	return p, v.Entity, err
}

// identityForm is GET /visits/{visit}/interviews/{interview}/identity.
func identityForm(a *ask) error {
	p, _, err := a.identity()
	if err != nil {
		return err
	}
	return a.page("identity", p)
}

// sealIdentity seals what was typed to two custodians. From then on nobody on this visit can read it, its writer included.
func sealIdentity(a *ask) error {
	p, interview, err := a.identity()
	if err != nil {
		return err
	}
	line := func(name string) string { return strings.TrimSpace(a.field(name)) }
	p.Card = fieldclient.IdentityCard{Name: line("name"), Born: line("born"), Contact: line("contact"), Note: line("note")}
	p.Reason = line("reason")
	switch typed := strings.ToUpper(line("confirm")); {
	case p.Card.Name == "":
		p.Wrong = "name"
	case p.Reason == "" || len(p.Reason) > 500:
		p.Wrong = "reason"
	case p.Pseudonym == "" || typed != p.Pseudonym:
		p.Wrong = "confirm"
	}
	if p.Wrong == "" {
		p.Wrong, err = identityProblem(a.Context(), a.client, p.Visit.ID, interview, p.Card, p.Reason)
		if err != nil {
			return err
		}
	}
	if p.Wrong != "" {
		return a.pageAs(http.StatusUnprocessableEntity, "identity", p)
	}
	return a.to("%s/identity", p.URL)
}

// identityProblem seals, and names what a person can do something about.
func identityProblem(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID, interview syncproto.EntityID, card fieldclient.IdentityCard, reason string) (string, error) {
	_, err := c.SealIdentity(ctx, scope, interview, card, reason)
	var refusal *syncproto.Error
	switch {
	case errors.Is(err, fieldclient.ErrNoCustodians):
		return "custodians", nil
	case errors.As(err, &refusal) && refusal.Code == syncproto.CodeTooLarge:
		return "long", nil
	}
	return "", err
}
