package web

import (
	"net/http"
	"slices"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// evidencePage is ui/evidence.html: photos, sounds and files of a visit.
type evidencePage struct {
	VisitPage
	Cards    []evidenceCard
	Adder    evidenceAdder
	Unstored int // that are only here
}

// evidenceCard is one piece of evidence in a list.
type evidenceCard struct {
	fieldclient.EvidenceView
	URL     string
	Picture bool // a thumbnail can be shown
	Sealed  bool // at the gate: nothing of it is known here
}

// evidenceAdder is the template that takes a photo, a recording or a file.
type evidenceAdder struct {
	URL     string // of the visit
	Link    string // the record that it belongs to; "" none
	Health  bool   // this person may see what is restricted
	Allowed bool
	Most    int64 // bytes
}

func (a *ask) adderFor(scope syncproto.ScopeID, link string) evidenceAdder {
	return evidenceAdder{URL: "/visits/" + scope.String(), Link: link, Health: a.client.May(scope, syncproto.Rights(syncproto.RightMedical)),
		Allowed: a.client.May(scope, syncproto.Rights(syncproto.RightWrite)), Most: fieldclient.MaxEvidence}
}

// pictured are the media types that a view can be derived from (package picture).
var pictured = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

func (a *ask) evidenceCard(v fieldclient.EvidenceView) evidenceCard {
	c := evidenceCard{EvidenceView: v, URL: "/visits/" + v.Scope.String() + "/evidence/" + v.Record.String()}
	c.Picture = v.MayOpen && v.Held && slices.Contains(pictured, v.Media)
	c.Sealed = v.Locked && v.Blob == ""
	return c
}

// evidenceCards returns what belongs to a record, or everything of a visit.
func (a *ask) evidenceCards(scope syncproto.ScopeID, of *syncproto.EntityID) ([]evidenceCard, error) {
	list, err := a.client.Evidence(a.Context(), scope)
	if err != nil {
		return nil, err
	}
	var out []evidenceCard
	for _, v := range slices.Backward(list) {
		if !v.Removed && (of == nil || slices.Contains(v.Links, *of)) {
			out = append(out, a.evidenceCard(v))
		}
	}
	return out, nil
}

// visitEvidence is GET /visits/{visit}/evidence.
func visitEvidence(a *ask) error {
	v, err := a.visit("evidence")
	if err != nil {
		return err
	}
	p := &evidencePage{VisitPage: v, Adder: a.adderFor(v.Visit.ID, "")}
	if p.Cards, err = a.evidenceCards(v.Visit.ID, nil); err != nil {
		return err
	}
	if p.Unstored, _, err = a.client.Unstored(a.Context(), v.Visit.ID); err != nil {
		return err
	}
	return a.page("evidence", p)
}

// proofPage is ui/proof.html: one piece of evidence.
type proofPage struct {
	VisitPage
	Card    evidenceCard
	Sound   bool
	Caption *box
	Consent *box
	Only    *box // for health experts
	Links   []proofLink
	Health  bool
}

// proofLink is a record that the evidence belongs to.
type proofLink struct{ Kind, Label, URL string }

// evidenceOf is GET /visits/{visit}/evidence/{evidence}.
func evidenceOf(a *ask) error {
	vp, v, err := a.visitRecord("evidence", "evidence")
	if err != nil {
		return err
	}
	one, err := a.oneEvidence(v)
	if err != nil {
		return err
	}
	p := &proofPage{VisitPage: vp, Card: a.evidenceCard(one), Health: a.client.May(vp.Visit.ID, syncproto.Rights(syncproto.RightMedical))}
	p.Title = a.words.T("evidence.one")
	p.Sound = soundMedia(one.Media) != "" && one.MayOpen && one.Held
	if p.Caption, err = a.boxOf(v, "caption"); err != nil {
		return err
	}
	if p.Consent, err = a.boxOf(v, "consent"); err != nil {
		return err
	}
	if p.Only, err = a.boxOf(v, "restricted"); err != nil {
		return err
	}
	for _, id := range one.Links {
		p.Links = append(p.Links, a.proofLink(vp.Visit.ID, id))
	}
	return a.page("proof", p)
}

func (a *ask) oneEvidence(v fieldclient.View) (fieldclient.EvidenceView, error) {
	list, err := a.client.Evidence(a.Context(), v.Scope)
	if err != nil {
		return fieldclient.EvidenceView{}, err
	}
	i := slices.IndexFunc(list, func(e fieldclient.EvidenceView) bool { return e.Record == v.Entity })
	if i < 0 {
		return fieldclient.EvidenceView{}, fieldclient.ErrNotFound
	}
	return list[i], nil
}

func (a *ask) proofLink(scope syncproto.ScopeID, id syncproto.EntityID) proofLink {
	r, err := a.client.Record(a.Context(), scope, id)
	if err != nil {
		return proofLink{Kind: "evidence", Label: id.String()[:8]} // not here yet
	}
	l := proofLink{Kind: r.Kind}
	switch r.Kind {
	case "interview":
		l.Label, l.URL = valueOf(r, "pseudonym"), "/visits/"+scope.String()+"/interviews/"+id.String()
	case "document":
		l.Label = valueOf(r, "title")
	case "answer":
		l.Label = valueOf(r, "item")
	}
	return l
}

// Sides of a derived view, in pixels of its longest side.
var sides = map[string]int{"thumb": 320, "view": 1600}

// alone reports whether a browser would show the answer in a window of its own, where no page of ours hides it at a lock,
// and where saving and printing it is a key away.
func (a *ask) alone() bool { return a.Header.Get("Sec-Fetch-Dest") == "document" }

// evidencePicture answers with a view that carries nothing beside the picture. It is made in memory at each request: no
// cache, no file. One is drawn at a time, so that a page of large photos does not fill the memory.
func evidencePicture(a *ask) error {
	if a.alone() {
		return errNoPage
	}
	side, ok := sides[a.PathValue("side")]
	if !ok {
		return errNoPage
	}
	v, err := a.recordOf("evidence")
	if err != nil {
		return err
	}
	a.s.drawing.Lock()
	defer a.s.drawing.Unlock()
	if err := a.Context().Err(); err != nil {
		return nil // nobody looks any more
	}
	b, media, err := a.client.DerivedView(a.Context(), v.Scope, v.Entity, side)
	if err != nil {
		return err
	}
	a.w.Header().Set("Content-Type", media)
	a.w.WriteHeader(http.StatusOK)
	_, _ = a.w.Write(b)
	clear(b)
	return nil
}

// soundMedia returns the media type under which a browser may play evidence, or "".
func soundMedia(media string) string {
	switch media {
	case "audio/webm", "audio/ogg", "audio/mp4", "audio/mpeg", "audio/wav", "audio/aac":
		return media
	case "audio/wave", "audio/x-wav":
		return "audio/wav"
	case "application/ogg":
		return "audio/ogg"
	}
	return ""
}

// evidenceSound plays an original. It is opened piece by piece in memory.
func evidenceSound(a *ask) error {
	if a.alone() {
		return errNoPage
	}
	r, err := a.recordOf("evidence")
	if err != nil {
		return err
	}
	o, v, err := a.client.OpenEvidence(a.Context(), r.Scope, r.Entity)
	if err != nil {
		return err
	}
	defer o.Close()
	media := soundMedia(v.Media)
	if media == "" {
		return errNoPage
	}
	a.w.Header().Set("Content-Type", media)
	http.ServeContent(a.w, a.Request, "", time.Time{}, o)
	return nil
}
