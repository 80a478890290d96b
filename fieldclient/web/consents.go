package web

import (
	"slices"

	"kua/fieldclient"
	"kua/syncproto"
)

// consentUse is one use that a person is asked about, with what they said.
type consentUse struct {
	Use       string
	Asked     []consentAsked // the newest first
	Withdrawn bool           // wins over everything else that was ever said of this use
	Level     string         // that stands; "" nobody asked
}

// State names how the use stands, for the page.
func (u consentUse) State() string {
	switch {
	case u.Withdrawn:
		return "withdrawn"
	case u.Level == "":
		return "unasked"
	case u.Level == "C0":
		return "refused"
	}
	return "given"
}

// consentAsked is one record of having asked.
type consentAsked struct {
	fieldclient.Consent
	Boxes []*box
}

func consentUses() []string {
	kind, _ := syncproto.KindNamed("consent")
	f, err := kind.FieldNamed("use")
	if err != nil {
		return nil
	}
	return f.Codes
}

// granted is the level that "yes" to a use means; it can be changed beside it.
var granted = map[string]string{"record": "C1", "group": "C1", "npm": "C2", "report": "C3", "recipient": "C4", "publish": "C5"}

// interviewUses lays what was asked beside what can be asked.
func (a *ask) interviewUses(v fieldclient.View, p *interviewPage) error {
	list, err := a.client.Consents(a.Context(), v.Scope, v.Entity)
	if err != nil {
		return err
	}
	all, err := a.client.Records(a.Context(), v.Scope, "consent")
	if err != nil {
		return err
	}
	for _, c := range all {
		if sealedAtGate(c) {
			p.Unknown++
		}
	}
	for _, name := range consentUses() {
		u := consentUse{Use: name}
		for _, c := range slices.Backward(list) {
			if c.Use != name {
				continue
			}
			one := consentAsked{Consent: c}
			if one.Boxes, err = a.boxes(c.View, consentFields(c)...); err != nil {
				return err
			}
			if u.Level == "" {
				u.Level = c.Level
			}
			u.Asked = append(u.Asked, one)
			u.Withdrawn = u.Withdrawn || c.Withdrawn
		}
		p.TakenBack = p.TakenBack || name == "record" && u.Withdrawn
		p.Uses = append(p.Uses, u)
	}
	return nil
}

// consentFields are what is asked beside yes and no. A recipient is named for C4 alone.
func consentFields(c fieldclient.Consent) []string {
	fields := []string{"level", "by", "explained"}
	if c.Use == "recipient" || c.Level == "C4" || c.Recipient != "" {
		fields = append(fields, "recipient")
	}
	return fields
}

// askConsent notes that the person was asked about a use, and what they answered.
func askConsent(a *ask) error {
	v, err := a.recordOf("interview")
	if err != nil {
		return err
	}
	use, level := a.field("use"), "C0"
	if !slices.Contains(consentUses(), use) {
		return errNoPage
	}
	if a.field("answer") == "yes" {
		if level = granted[use]; level == "" {
			level = "C1"
		}
	}
	_, err = a.client.Create(a.Context(), v.Scope, "consent", map[string]string{"interview": v.Entity.String(), "use": use, "level": level, "by": "person"})
	if err != nil {
		return err
	}
	return a.backToInterview()
}

// withdrawConsent notes that the person takes it back. There is no way to take that back in turn.
func withdrawConsent(a *ask) error {
	c, err := a.recordOf("consent")
	if err != nil {
		return err
	}
	if valueOf(c, "interview") != a.PathValue("interview") || a.field("sure") != "yes" {
		return errConsent
	}
	kind, _ := syncproto.KindNamed("consent")
	f, err := kind.FieldNamed("withdrawn")
	if err != nil {
		return err
	}
	yes, err := f.ParseValue("yes")
	if err != nil {
		return err
	}
	if _, err := a.client.Set(a.Context(), fieldclient.Target{Scope: c.Scope, Entity: c.Entity, Field: f}, yes); err != nil {
		return err
	}
	return a.backToInterview()
}
