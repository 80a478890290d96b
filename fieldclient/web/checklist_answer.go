package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// checklistAnswer is POST …/answer: one part of one answer. It returns the question and those that its answer changed.
func checklistAnswer(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	if err := a.ParseForm(); err != nil {
		return err
	}
	ref := form.Ref(a.field("place"))
	ch, unread, err := a.answerTyped(k)
	if err != nil {
		return err
	}
	if ch.Seen, err = readSeen(a.PostForm["seen"]); err != nil {
		return err
	}
	out, err := k.Answer(a.Context(), ref, ch)
	if out.Ref != "" {
		ref = out.Ref // where it is by now
	}
	problem := form.Code("")
	switch {
	case errors.Is(err, form.ErrTooLong), errors.Is(err, syncproto.ErrTooLong):
		problem, out.Changed = codeLong, []form.Ref{ref}
	case errors.Is(err, form.ErrBadValue):
		problem, out.Changed = cmp.Or(unread, codeValue), []form.Ref{ref} // shown beside what was typed, which stays in its field
	case err != nil:
		return err
	}
	at, err := strconv.Atoi(a.field("at"))
	if err != nil {
		return errNoPage
	}
	if !a.htmx() { // without the page's script, or before it came
		switch {
		case problem != "" && a.field("part") == "value":
			return a.refused(k, url, ref, at, problem)
		case problem != "":
			return a.changedPart(k, url, ref, at, out, problem)
		case at < 0:
			return a.to("%s", url)
		}
		return a.to("%s/section/%d#q%s", url, at, idOf(ref))
	}
	return a.changedPart(k, url, ref, at, out, problem)
}

// refused answers with the whole page, and on it what was typed and was not saved.
func (a *ask) refused(k *fieldclient.Checklist, url string, ref form.Ref, at int, problem form.Code) error {
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	it, err := k.Item(a.Context(), ref)
	if err != nil {
		return err
	}
	typed := func(q *asked) { q.Problem, q.Words, q.Value = problem, "", a.field("value") }
	if p.At = at; at < 0 || at >= len(all) {
		sh, err := a.shower(k, p)
		if err != nil {
			return err
		}
		q, err := sh.one(it)
		if err != nil {
			return err
		}
		typed(&q)
		p.Only = &q
		return a.pageAs(http.StatusUnprocessableEntity, "checklist", p)
	}
	p.Sections[at].Here, p.Open = true, idOf(it.Lasting)
	if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
		return err
	}
	eachOf(p.Items, func(q *asked) {
		if q.Ref == it.Ref {
			typed(q)
		}
	})
	return a.pageAs(http.StatusUnprocessableEntity, "checklist", p)
}

func eachOf(items []asked, do func(*asked)) {
	for i := range items {
		do(&items[i])
		eachOf(items[i].Kids, do)
	}
}

// answerTyped reads which part of the answer was changed. unread says why what was typed is no number, where one is asked.
func (a *ask) answerTyped(k *fieldclient.Checklist) (ch fieldclient.AnswerChange, unread form.Code, err error) {
	yes := a.field("value") == "yes"
	text := a.field("value")
	switch a.field("part") {
	case "value":
		text = strings.Join(a.PostForm["value"], " ")
		if kind := a.field("number"); kind != "" {
			var number string
			if number, unread = typedNumber(text, kind == "int"); unread == "" {
				text = number
			}
		}
		ch.Value = &text
	case "rank":
		it, err := k.Item(a.Context(), form.Ref(a.field("place")))
		if err != nil {
			return ch, "", err
		}
		if text, err = moved(it.View, a.field("move")); err != nil {
			return ch, "", err
		}
		ch.Value = &text
	case "silence":
		s, ok := map[string]form.Silence{"none": form.None, "not-checked": form.NotChecked, "not-applicable": form.NotApplicable, "access-refused": form.AccessRefused}[text]
		if !ok {
			return ch, "", errNoPage
		}
		ch.Silence = &s
	case "note":
		ch.Note = &text
	case "minority":
		ch.Minority = &text
	case "sources":
		sources := slices.DeleteFunc(slices.Clone(a.PostForm["value"]), func(s string) bool { return s == "" })
		ch.Sources = &sources
	case "urgent":
		ch.Urgent = &yes
	case "links":
		links := []syncproto.EntityID{}
		for _, s := range a.PostForm["value"] {
			id, err := syncproto.ParseEntityID(s)
			if err == nil {
				links = append(links, id)
			}
		}
		ch.Links = &links
	default:
		return ch, "", errNoPage
	}
	if ch.Value != nil || ch.Silence != nil {
		paper, err := a.paper(k)
		if err != nil {
			return ch, "", err
		}
		if paper {
			ch.Transcribed = &paper
		}
	}
	return ch, unread, nil
}

// codeValue says that what was typed is no answer at all: it stays in its field, and nothing was saved.
const codeValue form.Code = "value"

// codeLong says that a text is longer than its field takes: it stays there, and nothing was saved.
const codeLong form.Code = "long"

// themes are those of the methodology (APT); a form's own theme is shown as it stands.
var themes = []string{"visit", "treatment", "protection", "material", "regime", "medical", "staff", "vulnerable"}

// manyAtOnce is from when on a whole section is shown again, in place of its parts.
const manyAtOnce = 60

// changedPart answers with the question at ref and with whatever else changed and is on the page.
func (a *ask) changedPart(k *fieldclient.Checklist, url string, ref form.Ref, at int, out fieldclient.Answered, problem form.Code) error {
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	p.At = at
	if at >= 0 && at < len(all) {
		p.Sections[at].Here = true
	}
	sh, err := a.shower(k, p)
	if err != nil {
		return err
	}
	sh.wrote = out.Saved.Changesets
	for _, r := range topmost(out.Changed) {
		it, err := k.Item(a.Context(), r)
		if err != nil || !shows(it) || at < 0 && r != ref {
			continue
		}
		if it.Node.Kind == form.KindForm {
			continue
		}
		if sh.crowded, err = sh.inCrowd(it); err != nil {
			return err
		}
		q, err := sh.one(it)
		if err != nil {
			return err
		}
		q.Swap = r != ref
		if r == ref {
			q.Saved = time.Now().Format("15:04")
			switch {
			case problem != "":
				q.Problem, q.Saved = problem, ""
			case a.field("number") != "":
				q.ReadAs = a.words.readAs(a.field("value"), q.Value)
			case a.field("move") != "":
				q.Moved = a.words.movedTo(q, a.field("move"))
			}
			if p.Refreshed, err = a.refresh(a.Context(), k, q); err != nil {
				return err
			}
		}
		p.Items = append(p.Items, q)
	}
	p.Swap = true
	if len(p.Items) > manyAtOnce && at >= 0 && at < len(all) {
		a.w.Header().Set("HX-Retarget", "#section")
		if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
			return err
		}
		return a.partOf("checklist", "section", p)
	}
	return a.partOf("checklist", "changed", p)
}

// topmost leaves out places that lie inside others of the list.
func topmost(refs []form.Ref) []form.Ref {
	var out []form.Ref
	for _, r := range refs {
		if !slices.ContainsFunc(refs, func(o form.Ref) bool {
			return strings.HasPrefix(string(r), string(o)+"/") && strings.Count(string(o), "/") > 1
		}) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// checklistRow is POST …/row: adds an instance to a repeat, strikes one, or opens one of many.
func checklistRow(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	place := form.Ref(a.field("place"))
	at, err := strconv.Atoi(a.field("at"))
	if err != nil {
		return errNoPage
	}
	switch a.field("do") {
	case "strike":
		_, err = k.StrikeRow(a.Context(), place)
	case "add":
		place, err = added(a.Context(), k, place)
	}
	if err != nil {
		return err
	}
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	p.Open = idOf(place)
	if p.At = at; at < 0 || at >= len(all) {
		return errNoPage
	}
	p.Sections[at].Here = true
	if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
		return err
	}
	if !a.htmx() {
		return a.to("%s/section/%d?open=%s#q%s", url, at, idOf(place), idOf(place))
	}
	a.w.Header().Set("HX-Trigger", `{"kua:focus":"q`+idOf(place)+`"}`)
	return a.partOf("checklist", "section", p)
}

// added adds an instance and gives its lasting place, which elements are named by.
func added(ctx context.Context, k *fieldclient.Checklist, repeat form.Ref) (form.Ref, error) {
	place, _, err := k.AddRow(ctx, repeat)
	if err != nil {
		return place, err
	}
	it, err := k.Item(ctx, place)
	return it.Lasting, err
}

// checklistMore is POST …/more: note, sources, links, urgency and what the others say of one item.
func checklistMore(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	it, err := k.Item(a.Context(), form.Ref(a.field("place")))
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(a.field("at"))
	if err != nil {
		return errNoPage
	}
	links, err := linkable(a.Context(), a.client, k.Info().Scope)
	if err != nil {
		return err
	}
	m, err := a.more(k, asked{Item: it, ID: idOf(it.Lasting), CSRF: a.csrf(), URL: url, At: at}, links)
	if err != nil {
		return err
	}
	return a.partOf("checklist", "more", m)
}

// morePart is the part of ui/checklist.html with all that an answer is beside its value.
type morePart struct {
	Q       asked
	Visit   syncproto.ScopeID
	Sources []choice
	Links   []link
	Adder   evidenceAdder // takes a photo of what the question is about, once it has an answer
	Proofs  []evidenceCard
	Swap    bool // it takes the place of one that a page shows
}

type choice struct {
	Word   string
	Chosen bool
}

// link is a record of the visit that may support an answer.
type link struct {
	ID     syncproto.EntityID
	Kind   string
	Label  string
	Chosen bool
}

// linkable gives the interviews, documents, evidence and observations of a visit.
func linkable(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID) ([]link, error) {
	var out []link
	for _, kind := range [][2]string{{"interview", "pseudonym"}, {"document", "title"}, {"evidence", "name"}, {"observation", "text"}} {
		views, err := c.Records(ctx, scope, kind[0])
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			if v.Removed {
				continue
			}
			label := []rune(valueOf(v, kind[1]))
			if len(label) == 0 {
				label = []rune(v.Entity.String()[:8])
			}
			if len(label) > 60 {
				label = append(label[:60], '…')
			}
			out = append(out, link{ID: v.Entity, Kind: kind[0], Label: string(label)})
		}
	}
	return out, nil
}

func statePaper(k *fieldclient.Checklist) string { return "web/paper/" + k.Info().ID.String() }

// paper reports whether the person is typing in what was written on paper.
func (a *ask) paper(k *fieldclient.Checklist) (bool, error) {
	s, err := a.client.Remembered(a.Context(), statePaper(k))
	return s == "yes", err
}

// checklistPaper is POST …/paper: from now on answers are marked as typed in from paper, or no longer.
func checklistPaper(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	on := ""
	if a.field("on") == "yes" {
		on = "yes"
	}
	if err := a.client.Remember(a.Context(), statePaper(k), on); err != nil {
		return err
	}
	return a.to("%s", url)
}
