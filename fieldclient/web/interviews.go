package web

import (
	"slices"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// interviewsPage is ui/interviews.html: whom the team talked with. It says how many, of which kind and when, and nothing
// by which an onlooker could tell who complained: no theme, no consent, no flag, no word of what was said.
type interviewsPage struct {
	VisitPage
	Counts []kindCount
	Rows   []interviewRow
	Kinds  []string
}

type kindCount struct {
	Kind string
	N    int
}

// interviewRow is one conversation in the list.
type interviewRow struct {
	URL       string
	Pseudonym string // "" where it was sealed at the gate
	Kind      string
	Start     string // as it was typed
	Gate      bool
	at        int64
}

func interviewKinds() []string {
	kind, _ := syncproto.KindNamed("interview")
	f, err := kind.FieldNamed("kind")
	if err != nil {
		return nil
	}
	return f.Codes
}

// visitInterviews is GET /visits/{visit}/interviews.
func visitInterviews(a *ask) error {
	v, err := a.visit("interviews")
	if err != nil {
		return err
	}
	p := &interviewsPage{VisitPage: v, Kinds: interviewKinds()}
	views, err := a.client.Records(a.Context(), v.Visit.ID, "interview")
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, r := range views {
		if r.Removed || r.AliasOf != nil {
			continue
		}
		row := interviewRow{URL: "/visits/" + v.Visit.ID.String() + "/interviews/" + r.Entity.String(),
			Pseudonym: valueOf(r, "pseudonym"), Kind: valueOf(r, "kind"), Start: valueOf(r, "start"), Gate: sealedAtGate(r), at: writtenAt(r, "pseudonym")}
		counts[row.Kind]++
		p.Rows = append(p.Rows, row)
	}
	for _, k := range append(slices.Clone(p.Kinds), "") {
		if counts[k] > 0 {
			p.Counts = append(p.Counts, kindCount{k, counts[k]})
		}
	}
	slices.SortStableFunc(p.Rows, func(x, y interviewRow) int { return int(min(max(y.at-x.at, -1), 1)) })
	return a.page("interviews", p)
}

// sealedAtGate reports whether some of a record was sealed at the gate and does not open here.
func sealedAtGate(v fieldclient.View) bool {
	return slices.ContainsFunc(v.Fields, func(f fieldclient.FieldView) bool {
		return slices.ContainsFunc(f.Heads, func(h fieldclient.Statement) bool { return h.Gate })
	})
}

// writtenAt returns when a field was first given the value that stands, Unix milliseconds by its author's clock.
func writtenAt(v fieldclient.View, name string) int64 {
	for _, f := range v.Fields {
		if f.Name == name && len(f.Heads) > 0 {
			return f.Heads[0].Written
		}
	}
	return 0
}

// newInterview begins a conversation under a pseudonym that is made here and now.
func newInterview(a *ask) error {
	scope, err := a.scopeOf()
	if err != nil {
		return err
	}
	kind := a.field("kind")
	if !slices.Contains(interviewKinds(), kind) {
		return errNoPage
	}
	id, _, err := a.client.NewInterview(a.Context(), scope, map[string]string{"kind": kind, "consent": "C1",
		"start": a.s.cfg.Client.Now().In(time.Local).Format("15:04")})
	if err != nil {
		return err
	}
	return a.to("/visits/%s/interviews/%s", scope, id)
}

// removeInterview takes out one that was begun by mistake; what was in it stays in the history.
func removeInterview(a *ask) error {
	v, err := a.recordOf("interview")
	if err != nil {
		return err
	}
	if _, err := a.client.Remove(a.Context(), v.Scope, v.Entity); err != nil {
		return err
	}
	return a.to("/visits/%s/interviews", v.Scope)
}

// interviewThemes are offered for an interview: those of the methodology that are about people, and reprisals.
func interviewThemes() []string {
	return append(slices.DeleteFunc(slices.Clone(themes), func(t string) bool { return t == "visit" }), "reprisals")
}

// offered are the words that screens offer where the vocabulary takes any.
func offered(kind, field string) []string {
	if kind == "interview" && field == "themes" {
		return interviewThemes()
	}
	return nil
}

// addChosen offers the words that were chosen elsewhere beside those that are offered here.
func (b *box) addChosen() {
	for _, w := range b.Chosen {
		if !slices.Contains(b.Codes, w) && strings.TrimSpace(w) != "" {
			b.Codes = append(slices.Clone(b.Codes), w)
		}
	}
}
