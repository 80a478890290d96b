package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"kua/fieldclient"
	"kua/syncproto"
)

// interviewPage is ui/interview.html: one conversation.
type interviewPage struct {
	VisitPage
	URL       string
	Entity    string
	Pseudonym string
	Seen      []string // statements about the level that the page shows
	Level     string   // what the person agreed to; the lowest where members wrote different ones
	Levels    []string
	Stands    []fieldclient.Statement // different levels beside each other
	Sealed    bool                    // the level was: nobody here knows it, and it must be asked again
	Unknown   int                     // consents of the visit that were sealed at the gate: a withdrawal may be among them
	TakenBack bool                    // to be recorded at all: nothing of the content is shown or asked any more
	NoRecord  bool                    // the laptop refuses content, for one of these reasons or another
	Kept      int                     // fields with content that the level does not cover
	Fixed     bool

	Themes        *box
	Counted       []*box
	Circumstances []*box
	Content       []*box
	Care          []*box
	Medical       *box // nil for who may not write it
	Uses          []consentUse
	Guides        []guide
	Evidence      []evidenceCard
	Adder         evidenceAdder
	Identities    []identityRow
	SealedHere    bool // some of it was sealed at the gate
}

// Recorded reports whether content may be written down.
func (p *interviewPage) Recorded() bool {
	return !p.NoRecord && !p.Sealed && p.Level != "C0" && !p.TakenBack
}

// guide is a checklist that helps in a conversation.
type guide struct{ Form, Template string }

// guides are the forms that are offered, in this order, where the registry has approved them.
var guides = []string{"kua_interview", "kua_allegation"}

// The fields of the page: what was said comes first, as it is what is forgotten first.
var (
	counted       = []string{"kind", "start", "end"} // what is left where nothing may be recorded
	circumstances = []string{"place", "conditions", "privacy", "present", "interpreter", "language"}
	content       = []string{"summary", "urgent", "risk"}
	care          = []string{"vulnerability"}
)

// interviewOf is GET /visits/{visit}/interviews/{interview}.
func interviewOf(a *ask) error {
	p, err := a.interview()
	if err != nil {
		return err
	}
	return a.page("interview", p)
}

func (a *ask) interview() (*interviewPage, error) {
	vp, v, err := a.visitRecord("interviews", "interview")
	if err != nil {
		return nil, err
	}
	p := &interviewPage{VisitPage: vp, URL: "/visits/" + vp.Visit.ID.String() + "/interviews/" + v.Entity.String(), Entity: v.Entity.String(),
		Pseudonym: valueOf(v, "pseudonym"), SealedHere: sealedAtGate(v)}
	if p.Pseudonym != "" {
		p.Title = p.Pseudonym
	}
	for _, fill := range []func(fieldclient.View, *interviewPage) error{a.interviewLevel, a.interviewFields, a.interviewUses, a.interviewProof} {
		if err := fill(v, p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (a *ask) interviewLevel(v fieldclient.View, p *interviewPage) error {
	b, err := a.boxOf(v, "consent")
	if err != nil {
		return err
	}
	p.Levels, p.Seen, p.Stands, p.Fixed = b.Codes, b.Seen, b.Stand, b.Fixed
	var said []string
	for _, f := range v.Fields {
		for _, h := range f.Heads {
			if f.Name == "consent" {
				said = append(said, h.Value)
			}
		}
	}
	if p.Sealed = v.Unknown("consent"); !p.Sealed {
		p.Level = fieldclient.LowestConsent(said)
	}
	err = a.client.MayRecord(a.Context(), v.Scope, v.Entity)
	if p.NoRecord = errors.Is(err, fieldclient.ErrNoRecord); p.NoRecord {
		return nil
	}
	return err
}

func (a *ask) interviewFields(v fieldclient.View, p *interviewPage) (err error) {
	if p.Themes, err = a.boxOf(v, "themes"); err != nil {
		return err
	}
	if p.Counted, err = a.boxes(v, counted...); err != nil {
		return err
	}
	if p.Circumstances, err = a.boxes(v, circumstances...); err != nil {
		return err
	}
	if p.Content, err = a.boxes(v, content...); err != nil {
		return err
	}
	if p.Care, err = a.boxes(v, care...); err != nil {
		return err
	}
	for _, name := range slices.Concat(circumstances, content, care, []string{"medical"}) {
		if holds(v, name) {
			p.Kept++
		}
	}
	if a.client.May(p.Visit.ID, syncproto.RightMedical) {
		p.Medical, err = a.boxOf(v, "medical")
	}
	return err
}

// holds reports whether there are words in a field, shown or not.
func holds(v fieldclient.View, name string) bool {
	return slices.ContainsFunc(v.Fields, func(f fieldclient.FieldView) bool {
		return f.Name == name && slices.ContainsFunc(f.Heads, func(h fieldclient.Statement) bool { return h.Value != "" || h.Veiled })
	})
}

// interviewProof adds what belongs to the conversation: guides, photos and sounds, and whether somebody's name is sealed.
func (a *ask) interviewProof(v fieldclient.View, p *interviewPage) error {
	var err error
	if p.Guides, err = a.guides(); err != nil {
		return err
	}
	if p.Evidence, err = a.evidenceCards(p.Visit.ID, &v.Entity); err != nil {
		return err
	}
	p.Adder = a.adderFor(p.Visit.ID, v.Entity.String())
	p.Identities, err = a.identities(p.Visit.ID, v.Entity)
	return err
}

// guides finds the version of each guide that was approved last.
func (a *ask) guides() ([]guide, error) {
	var out []guide
	for _, form := range guides {
		all, err := a.client.Approved(a.Context(), form)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 {
			out = append(out, guide{form, all[0].ID.String()})
		}
	}
	return out, nil
}

// interviewSetLevel saves how far the person agreed, and shows the page anew: what may be asked hangs on it.
func interviewSetLevel(a *ask) error {
	v, err := a.recordOf("interview")
	if err != nil {
		return err
	}
	if err := a.setCode(a.Context(), v, "consent", a.field("level")); err != nil {
		return err
	}
	return a.backToInterview()
}

// setCode saves one word of a list, replacing what the page showed.
func (a *ask) setCode(ctx context.Context, v fieldclient.View, name, word string) error {
	kind, _ := syncproto.KindNamed(v.Kind)
	f, err := kind.FieldNamed(name)
	if err != nil {
		return err
	}
	if !slices.Contains(f.Codes, word) {
		return errNoPage
	}
	value, err := f.ParseValue(word)
	if err != nil {
		return err
	}
	seen, err := readSeen(a.PostForm["seen"])
	if err != nil {
		return err
	}
	_, err = a.client.Set(ctx, fieldclient.Target{Scope: v.Scope, Entity: v.Entity, Field: f, Seen: seen}, value)
	return err
}

// backToInterview answers with the page's body where htmx asks, and leads to the page otherwise.
func (a *ask) backToInterview() error {
	if !a.htmx() {
		return a.to("/visits/%s/interviews/%s", a.PathValue("visit"), a.PathValue("interview"))
	}
	p, err := a.interview()
	if err != nil {
		return err
	}
	if p.Recorded() != (a.field("recorded") == "true") { // what may be added changes around the body as well
		a.w.Header().Set("HX-Refresh", "true")
		a.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	a.fill(&p.Page)
	return a.partOf("interview", "body", p)
}

var errConsent = errors.New("this consent is of another interview")
