package web

import (
	"context"
	"slices"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// What a person says of a question takes the place of what their page showed, and of nothing else: each form of a question
// carries the statements that it shows. A page that was stale leaves two answers of one person beside each other, and the
// question asks which holds.

// seenMark is one statement that a form shows. Own ones were saved by the request that is answered: whoever goes on typing
// meanwhile knows them.
type seenMark struct {
	Text string
	Own  bool
}

// Marks are the statements that the form of one part of the answer shows.
func (q asked) Marks(part string) (out []seenMark) {
	for _, s := range q.Seen[part] {
		out = append(out, seenMark{markOf(s), slices.Contains(q.Wrote, s.Changeset)})
	}
	return out
}

// twice is a part of an answer that one person has given in two ways, with everything that stands of it.
type twice struct {
	Part string // a field of the vocabulary
	Seen []string
	Ways []way
}

// way is one of them, or what keeps all. Part and Values are what a form sends to let it hold.
type way struct {
	Part   string
	Values []string
	Text   string
	Whole  bool // it keeps all
}

// twiceOf gives the parts of a question that its person has to settle.
func (q asked) twiceOf(labels map[string]string) (out []twice) {
	if len(q.Mine.Also) > 0 {
		t := q.newTwice("value")
		for _, o := range append([]fieldclient.SaidValue{{Value: q.Mine.Value, Silence: q.Mine.Silence}}, q.Mine.Also...) {
			w := way{Part: "value", Values: []string{o.Value}, Text: worded(q.View, o.Value)}
			if o.Silence != form.None {
				w = way{Part: "silence", Values: []string{o.Silence.String()}}
			}
			t.Ways = append(t.Ways, w)
		}
		out = append(out, t)
	}
	for _, part := range []string{"note", "minority", "sources", "urgent", "links"} {
		texts := []string{partOf(q.Mine, part)}
		for _, o := range q.Mine.Beside {
			if o.Part == part {
				texts = append(texts, o.Text)
			}
		}
		if len(texts) == 1 {
			continue
		}
		t := q.newTwice(part)
		for _, text := range texts {
			t.Ways = append(t.Ways, wayOf(part, text, labels))
		}
		switch part {
		case "note", "minority":
			t.Ways = append(t.Ways, way{Part: part, Values: []string{strings.Join(texts, "\n")}, Whole: true})
		case "sources", "links":
			all := slices.Sorted(slices.Values(strings.Fields(strings.Join(texts, " "))))
			t.Ways = append(t.Ways, way{Part: part, Values: slices.Compact(all), Whole: true})
		}
		out = append(out, t)
	}
	return out
}

func (q asked) newTwice(part string) twice {
	t := twice{Part: part}
	for _, s := range append(slices.Clone(q.Seen[part]), q.Beside[part]...) {
		t.Seen = append(t.Seen, markOf(s))
	}
	return t
}

func wayOf(part, text string, labels map[string]string) way {
	w := way{Part: part, Values: []string{text}, Text: text}
	if part == "sources" || part == "links" {
		w.Values = strings.Fields(text)
		var said []string
		for _, v := range w.Values {
			said = append(said, labels[v])
		}
		w.Text = strings.Join(said, ", ")
	}
	return w
}

// partOf is a part of an answer as fieldclient.SaidPart writes it.
func partOf(s fieldclient.Said, part string) string {
	switch part {
	case "note":
		return s.Note
	case "minority":
		return s.Minority
	case "sources":
		return strings.Join(s.Sources, " ")
	case "urgent":
		if s.Urgent {
			return "yes"
		}
		return "no"
	}
	var out []string
	for _, id := range s.Links {
		out = append(out, id.String())
	}
	return strings.Join(out, " ")
}

// twiceLabels words the sources and the records that ways name.
func (sh *shower) twiceLabels() (map[string]string, error) {
	if sh.labels != nil {
		return sh.labels, nil
	}
	sh.labels = map[string]string{}
	for _, s := range []string{"observation", "interview", "document", "management"} {
		sh.labels[s] = sh.words.T("code.answer.sources." + s)
	}
	links, err := linkable(sh.ctx, sh.client, sh.visit)
	for _, l := range links {
		sh.labels[l.ID.String()] = sh.words.T("kind."+l.Kind) + ": " + l.Label
	}
	return sh.labels, err
}

// twice fills in what the person of a question has to settle.
func (sh *shower) twice(q *asked) error {
	if len(q.Mine.Also)+len(q.Mine.Beside) == 0 {
		return nil
	}
	labels, err := sh.twiceLabels()
	q.Twice = q.twiceOf(labels)
	return err
}

// refreshed is what an answer to one part changes in the page beside the question itself.
type refreshed struct {
	Q    asked
	Part string
	More *morePart // the whole of it, once something was settled
}

// refresh gives what the part of the page with note, sources and so on shows after a save of one of them.
func (a *ask) refresh(ctx context.Context, k *fieldclient.Checklist, q asked) (*refreshed, error) {
	r := &refreshed{Q: q, Part: a.field("part")}
	if a.field("settles") == "" {
		return r, nil
	}
	links, err := linkable(ctx, a.client, k.Info().Scope)
	if err != nil {
		return nil, err
	}
	r.More, err = a.more(k, q, links)
	if r.More != nil {
		r.More.Swap = true
	}
	return r, err
}

// more makes the part of a question with all that an answer is beside its value.
func (a *ask) more(k *fieldclient.Checklist, q asked, links []link) (m *morePart, err error) {
	m = &morePart{Q: q, Visit: k.Info().Scope}
	for _, l := range links {
		l.Chosen = slices.Contains(q.Mine.Links, l.ID)
		m.Links = append(m.Links, l)
	}
	if q.Record != (syncproto.EntityID{}) {
		m.Adder = a.adderFor(m.Visit, q.Record.String())
		if m.Proofs, err = a.evidenceCards(m.Visit, &q.Record); err != nil {
			return nil, err
		}
	}
	for _, s := range q.Sources() {
		m.Sources = append(m.Sources, choice{s, slices.Contains(q.Mine.Sources, s)})
	}
	return m, nil
}
