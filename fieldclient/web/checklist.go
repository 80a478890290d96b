package web

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// checklistPage is ui/checklist.html: one section of a checklist with its rail, or one question.
type checklistPage struct {
	Page
	Visit    syncproto.ScopeID
	List     fieldclient.ChecklistInfo
	URL      string // of the checklist
	Sections []railSection
	Done     int // sections with nothing open
	At       int // the section that is shown
	Items    []asked
	Only     *asked // in the mode of one question
	Before   int    // in that mode: the questions around it, from 1; 0 where there is none
	Behind   int
	Paper    bool // answers are being typed in from paper
	Swap     bool // the rail takes the place of one that a page shows
}

// Prev and Next are the sections around the one that is shown.
func (p *checklistPage) Prev() int { return p.At - 1 }
func (p *checklistPage) Next() int { return p.At + 1 }

// railSection is one entry of the rail. Not looked at is not the same as incomplete.
type railSection struct {
	form.Section
	Number int
	Here   bool
	Looked bool
}

// State names how far the section is.
func (s railSection) State() string {
	switch {
	case s.Open == 0 && s.Answered+s.Silent > 0:
		return "done"
	case s.Answered+s.Silent > 0:
		return "begun"
	case s.Looked:
		return "looked"
	}
	return "new"
}

// asked is one question, group or instance of a repeat as a page shows it.
type asked struct {
	fieldclient.Item
	ID      string // of the element
	URL     string // of the checklist
	At      int    // the section that is shown
	Kids    []asked
	Options []offer
	Problem form.Code // "" where nothing is wrong with the answer
	Words   string    // the form author's words for it
	Saved   string    // the time, where it was saved just now
	Swap    bool      // it takes the place of one that a page shows
	Paper   bool
}

// offer is a choice that is offered.
type offer struct {
	form.Option
	ID     string
	Chosen bool
}

// Widget names how the question is answered.
func (q asked) Widget() string {
	switch n := q.Node; {
	case n.Type == "select_one" && len(q.Options) > 12:
		return "list"
	case n.Type == "select_one":
		return "one"
	case n.Type == "select_multiple":
		return "many"
	case n.Type == "rank":
		return "rank"
	case n.Control == "trigger":
		return "tick"
	case n.Data == "int":
		return "int"
	case n.Data == "decimal":
		return "decimal"
	case n.Data == "date", n.Data == "time", n.Data == "dateTime":
		return n.Data
	case n.Control == "upload":
		return "file"
	case strings.Contains(n.Appearance, "multiline"):
		return "long"
	}
	return "text"
}

// Number is the place of an instance in its repeat.
func (q asked) Number() string {
	ref := string(q.Ref)
	return strings.TrimSuffix(ref[strings.LastIndexByte(ref, '[')+1:], "]")
}

// Problemname names what is wrong, for the catalogue.
func (q asked) Problemname() string { return string(q.Problem) }

// Trigger is when the browser sends the answer: a choice at once, a text a moment after the last key.
func (q asked) Trigger() string {
	switch q.Widget() {
	case "one", "many", "list", "tick", "date", "time", "dateTime":
		return "change"
	case "long":
		return "change, input changed delay:800ms"
	}
	return "change, input changed delay:400ms"
}

// Local is the value as the browser's field for times takes it.
func (q asked) Local() string {
	if q.Node.Data == "time" && len(q.Value) >= 5 {
		return q.Value[:5]
	}
	if q.Node.Data == "dateTime" && len(q.Value) >= 16 {
		return q.Value[:16]
	}
	return q.Value
}

// Status is the silence, or "none".
func (q asked) Status() string { return q.Silence.String() }

// Silences are the three, in the order of their keys.
func (q asked) Silences() []string {
	return []string{"not-checked", "not-applicable", "access-refused"}
}

// idOf makes an element's id of a place in the form: the same at each showing, and without the form's words.
func idOf(ref form.Ref) string {
	h := fnv.New64a()
	h.Write([]byte(ref))
	return strconv.FormatUint(h.Sum64(), 36)
}

// visitOf reads the visit that an address names.
func (a *ask) visitOf() (syncproto.ScopeID, error) {
	id, err := syncproto.ParseEntityID(a.PathValue("visit"))
	if err != nil {
		return syncproto.ScopeID{}, errNoPage
	}
	return syncproto.ScopeID(id), nil
}

// checklistOf opens the checklist that an address names, in the language of the screens.
func (a *ask) checklistOf() (*fieldclient.Checklist, string, error) {
	scope, err := a.visitOf()
	if err != nil {
		return nil, "", err
	}
	id, err := syncproto.ParseEntityID(a.PathValue("list"))
	if err != nil {
		return nil, "", errNoPage
	}
	k, err := a.client.Checklist(a.Context(), scope, id, a.words.Language, "ru", "kk", "en")
	return k, fmt.Sprintf("/visits/%s/checklists/%s", scope, id), err
}

// section of a form: what stands at its top. Questions that stand outside of all groups make a section of their own.
type section struct {
	ref   form.Ref
	label string
	items []fieldclient.Item // of the section of loose questions; nil for groups and repeats
	notes []fieldclient.Item // what stands before the section and asks nothing
}

// sectionsOf gives the sections that are relevant now.
func sectionsOf(ctx context.Context, k *fieldclient.Checklist) ([]section, error) {
	top, err := k.Section(ctx, k.Root())
	if err != nil {
		return nil, err
	}
	var out []section
	var loose []fieldclient.Item
	for _, it := range top {
		switch {
		case it.Node.Kind == form.KindQuestion:
			if it.Relevant && it.Node.Control != "" {
				loose = append(loose, it)
			}
		case it.Whole || it.Node.Kind == form.KindGroup:
			if it.Relevant {
				out = append(out, section{ref: it.Ref, label: it.Label})
			}
		}
	}
	asks := slices.ContainsFunc(loose, func(it fieldclient.Item) bool { return it.Asked })
	switch {
	case len(loose) > 0 && (asks || len(out) == 0):
		out = append([]section{{ref: k.Root(), items: loose}}, out...)
	case len(out) > 0:
		out[0].notes = loose
	}
	return out, nil
}

// checklistSection is GET /visits/{visit}/checklists/{list}/section/{section}.
func checklistSection(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	at, err := strconv.Atoi(a.PathValue("section"))
	if err != nil || at < 0 || at >= max(1, len(all)) {
		return errNoPage
	}
	p.At = at
	if len(all) == 0 {
		return a.page("checklist", p)
	}
	if err := a.lookAt(k, all[at].ref); err != nil {
		return err
	}
	p.Sections[at].Here, p.Sections[at].Looked = true, true
	if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
		return err
	}
	return a.page("checklist", p)
}

func (a *ask) checklistPage(k *fieldclient.Checklist, url string) (*checklistPage, []section, error) {
	ctx := a.Context()
	info := k.Info()
	p := &checklistPage{Page: Page{Title: a.titleOf(info)}, Visit: info.Scope, List: info, URL: url}
	all, err := sectionsOf(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	if p.Sections, p.Done, err = a.rail(k, all); err != nil {
		return nil, nil, err
	}
	p.Paper, err = a.paper(k)
	return p, all, err
}

// titleOf is a checklist's title in the language of the screens: starter checklists carry all of them, with a slash.
func (a *ask) titleOf(info fieldclient.ChecklistInfo) string {
	if key := "checklist.title." + strings.TrimPrefix(info.Form, "kua_"); a.words.Has(key) {
		return a.words.T(key)
	}
	return info.Title
}

// rail counts how far each section is.
func (a *ask) rail(k *fieldclient.Checklist, all []section) ([]railSection, int, error) {
	progress, err := k.Progress(a.Context())
	if err != nil {
		return nil, 0, err
	}
	looked, err := a.client.Remembered(a.Context(), stateLooked(k))
	if err != nil {
		return nil, 0, err
	}
	var out []railSection
	done := 0
	for i, s := range all {
		r := railSection{Number: i, Looked: strings.Contains(looked, " "+idOf(s.ref)+" ")}
		r.Label = s.label
		if s.label == "" {
			r.Label = a.words.T("checklist.general")
		}
		for _, it := range s.items {
			switch {
			case !it.Asked:
			case it.Silence != form.None:
				r.Silent++
			case it.Value != "":
				r.Answered++
			default:
				r.Open++
			}
		}
		for _, p := range progress {
			// A repeat as a whole is the sum of its instances.
			if s.items == nil && (p.Ref == s.ref || strings.HasPrefix(string(p.Ref), string(s.ref)+"[") && !strings.Contains(string(p.Ref[len(s.ref):]), "/")) {
				r.Answered, r.Silent, r.Open = r.Answered+p.Answered, r.Silent+p.Silent, r.Open+p.Open
			}
		}
		if r.State() == "done" {
			done++
		}
		out = append(out, r)
	}
	return out, done, nil
}

func stateLooked(k *fieldclient.Checklist) string { return "web/looked/" + k.Info().ID.String() }

// lookAt notes that a person has opened a section.
func (a *ask) lookAt(k *fieldclient.Checklist, ref form.Ref) error {
	looked, err := a.client.Remembered(a.Context(), stateLooked(k))
	if err != nil || strings.Contains(looked, " "+idOf(ref)+" ") {
		return err
	}
	return a.client.Remember(a.Context(), stateLooked(k), strings.TrimRight(looked, " ")+" "+idOf(ref)+" ")
}

// sectionItems shows all that is in a section.
func (a *ask) sectionItems(k *fieldclient.Checklist, p *checklistPage, s section) ([]asked, error) {
	sh := &shower{ctx: a.Context(), k: k, url: p.URL, at: p.At, paper: p.Paper}
	if err := sh.wrong(); err != nil {
		return nil, err
	}
	if s.items != nil {
		return sh.all(s.items)
	}
	if n := strings.LastIndexByte(string(s.ref), '/'); n > 0 {
		around, err := k.Section(a.Context(), s.ref[:n])
		if err != nil {
			return nil, err
		}
		var mine []fieldclient.Item // a repeat at the top comes with its instances
		for _, it := range around {
			if it.Ref == s.ref || strings.HasPrefix(string(it.Ref), string(s.ref)+"[") {
				mine = append(mine, it)
			}
		}
		if len(mine) > 0 && mine[0].Node.Kind == form.KindRepeat {
			return sh.all(append(slices.Clone(s.notes), mine...))
		}
	}
	items, err := k.Section(a.Context(), s.ref)
	if err != nil {
		return nil, err
	}
	return sh.all(append(slices.Clone(s.notes), items...))
}

// shower makes what pages show of what the form says.
type shower struct {
	ctx      context.Context
	k        *fieldclient.Checklist
	url      string
	at       int
	paper    bool
	problems map[form.Ref]form.Problem
}

func (sh *shower) wrong() error {
	list, err := sh.k.Problems(sh.ctx)
	sh.problems = map[form.Ref]form.Problem{}
	for _, p := range list {
		if p.Code != form.CodeRequired { // nobody is scolded for what is not answered yet
			sh.problems[p.Ref] = p
		}
	}
	return err
}

func (sh *shower) all(items []fieldclient.Item) ([]asked, error) {
	var out []asked
	for _, it := range items {
		if it.Node.Kind == form.KindQuestion && it.Node.Control == "" || it.Node.Generated && it.Node.Kind != form.KindQuestion {
			continue // what nobody sees
		}
		q, err := sh.one(it)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

func (sh *shower) one(it fieldclient.Item) (asked, error) {
	q := asked{Item: it, ID: idOf(it.Ref), URL: sh.url, At: sh.at, Paper: sh.paper}
	if it.Whole {
		q.ID += "w"
		return q, nil
	}
	if it.Node.Kind != form.KindQuestion {
		items, err := sh.k.Section(sh.ctx, it.Ref)
		if err != nil {
			return q, err
		}
		q.Kids, err = sh.all(items)
		return q, err
	}
	if p, ok := sh.problems[it.Ref]; ok {
		q.Problem, q.Words = p.Code, p.Message
	}
	chosen := []string{it.Value}
	if it.Node.Type != "select_one" {
		chosen = strings.Fields(it.Value)
	}
	for i, o := range it.Choices {
		q.Options = append(q.Options, offer{o, q.ID + "-" + strconv.Itoa(i), slices.Contains(chosen, o.Value)})
	}
	return q, nil
}

// checklistStart is GET /visits/{visit}/checklists/{list}: the section that was looked at last, or the first.
func checklistStart(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	all, err := sectionsOf(a.Context(), k)
	if err != nil {
		return err
	}
	rail, _, err := a.rail(k, all)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rail, func(r railSection) bool { return r.State() != "done" })
	return a.to("%s/section/%d", url, max(i, 0))
}

// checklistOne is GET /visits/{visit}/checklists/{list}/one/{number}: a single question, by its number among those
// that are asked now. Number 0 is the first open one.
func checklistOne(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p, _, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	all, err := k.Asked(a.Context())
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(a.PathValue("number"))
	if err != nil || n < 0 || n > len(all) {
		return errNoPage
	}
	if n == 0 {
		n = 1 + max(0, slices.IndexFunc(all, func(it fieldclient.Item) bool { return it.Value == "" && it.Silence == form.None }))
	}
	if len(all) == 0 {
		return a.to("%s/section/0", url)
	}
	sh := &shower{ctx: a.Context(), k: k, url: url, at: -1, paper: p.Paper}
	if err := sh.wrong(); err != nil {
		return err
	}
	q, err := sh.one(all[n-1])
	if err != nil {
		return err
	}
	p.Only, p.At, p.Before = &q, -1, n-1
	if n < len(all) {
		p.Behind = n + 1
	}
	return a.page("checklist", p)
}

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
	ch, err := a.answerTyped(k)
	if err != nil {
		return err
	}
	out, err := k.Answer(a.Context(), ref, ch)
	problem := form.Code("")
	switch {
	case errors.Is(err, form.ErrBadValue):
		problem, out.Changed = codeValue, []form.Ref{ref} // shown beside what was typed, which stays in its field
	case err != nil:
		return err
	}
	at, err := strconv.Atoi(a.field("at"))
	if err != nil {
		return errNoPage
	}
	return a.changedPart(k, url, ref, at, out.Changed, problem)
}

// answerTyped reads which part of the answer was changed.
func (a *ask) answerTyped(k *fieldclient.Checklist) (ch fieldclient.AnswerChange, err error) {
	yes := a.field("value") == "yes"
	text := a.field("value")
	switch a.field("part") {
	case "value":
		text = strings.Join(a.PostForm["value"], " ")
		if a.field("comma") != "" { // people type 3,5 as well as 3.5
			text = strings.ReplaceAll(strings.TrimSpace(text), ",", ".")
		}
		ch.Value = &text
	case "silence":
		s, ok := map[string]form.Silence{"none": form.None, "not-checked": form.NotChecked, "not-applicable": form.NotApplicable, "access-refused": form.AccessRefused}[text]
		if !ok {
			return ch, errNoPage
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
		return ch, errNoPage
	}
	if ch.Value != nil || ch.Silence != nil {
		paper, err := a.paper(k)
		if err != nil {
			return ch, err
		}
		if paper {
			ch.Transcribed = &paper
		}
	}
	return ch, nil
}

// codeValue says that what was typed is no answer at all: it stays in its field, and nothing was saved.
const codeValue form.Code = "value"

// themes are those of the methodology (APT); a form's own theme is shown as it stands.
var themes = []string{"visit", "treatment", "protection", "material", "regime", "medical", "staff", "vulnerable"}

// manyAtOnce is from when on a whole section is shown again, in place of its parts.
const manyAtOnce = 60

// changedPart answers with the question at ref and with whatever else changed and is on the page.
func (a *ask) changedPart(k *fieldclient.Checklist, url string, ref form.Ref, at int, changed []form.Ref, problem form.Code) error {
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	p.At = at
	if at >= 0 && at < len(all) {
		p.Sections[at].Here = true
	}
	sh := &shower{ctx: a.Context(), k: k, url: url, at: at, paper: p.Paper}
	if err := sh.wrong(); err != nil {
		return err
	}
	for _, r := range topmost(changed) {
		it, err := k.Item(a.Context(), r)
		if err != nil || it.Node.Kind == form.KindQuestion && it.Node.Control == "" || at < 0 && r != ref {
			continue
		}
		if it.Node.Kind == form.KindForm {
			continue
		}
		q, err := sh.one(it)
		if err != nil {
			return err
		}
		q.Swap = r != ref
		if r == ref {
			q.Saved = time.Now().Format("15:04")
			if problem != "" {
				q.Problem, q.Saved = problem, ""
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

// checklistRow is POST …/row: adds an instance to a repeat, or strikes one.
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
	if a.field("do") == "strike" {
		_, err = k.StrikeRow(a.Context(), place)
	} else {
		place, _, err = k.AddRow(a.Context(), place)
	}
	if err != nil {
		return err
	}
	p, all, err := a.checklistPage(k, url)
	if err != nil {
		return err
	}
	if p.At = at; at < 0 || at >= len(all) {
		return errNoPage
	}
	p.Sections[at].Here = true
	if p.Items, err = a.sectionItems(k, p, all[at]); err != nil {
		return err
	}
	if !a.htmx() {
		return a.to("%s/section/%d#q%s", url, at, idOf(place))
	}
	a.w.Header().Set("HX-Trigger", `{"kua:focus":"q`+idOf(place)+`"}`)
	return a.partOf("checklist", "section", p)
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
	m := &morePart{Q: asked{Item: it, ID: idOf(it.Ref), URL: url, At: at}, Visit: k.Info().Scope}
	for _, l := range links {
		l.Chosen = slices.Contains(it.Mine.Links, l.ID)
		m.Links = append(m.Links, l)
	}
	for _, s := range it.Sources() {
		m.Sources = append(m.Sources, choice{s, slices.Contains(it.Mine.Sources, s)})
	}
	return a.partOf("checklist", "more", m)
}

// morePart is the part of ui/checklist.html with all that an answer is beside its value.
type morePart struct {
	Q       asked
	Visit   syncproto.ScopeID
	Sources []choice
	Links   []link
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

// checkPage is ui/check.html: all that keeps a checklist from being complete.
type checkPage struct {
	Page
	Visit    syncproto.ScopeID
	URL      string
	Sections []checkSection
	Away     []fieldclient.AwayAnswer
	Count    int
}

type checkSection struct {
	Number int
	Label  string
	Items  []asked
}

// checklistCheck is GET …/check.
func checklistCheck(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	problems, err := k.Problems(a.Context())
	if err != nil {
		return err
	}
	all, err := sectionsOf(a.Context(), k)
	if err != nil {
		return err
	}
	p := &checkPage{Page: Page{Title: a.words.T("checklist.check")}, Visit: k.Info().Scope, URL: url, Count: len(problems)}
	for i, s := range all {
		cs := checkSection{Number: i, Label: s.label}
		for _, pr := range problems {
			if !inSection(pr.Ref, s) {
				continue
			}
			it, err := k.Item(a.Context(), pr.Ref)
			if err != nil {
				return err
			}
			cs.Items = append(cs.Items, asked{Item: it, ID: idOf(pr.Ref), URL: url, At: i, Problem: pr.Code, Words: pr.Message})
		}
		if len(cs.Items) > 0 {
			p.Sections = append(p.Sections, cs)
		}
	}
	if p.Away, err = k.Away(a.Context()); err != nil {
		return err
	}
	return a.page("check", p)
}

func inSection(ref form.Ref, s section) bool {
	if s.items != nil {
		return slices.ContainsFunc(s.items, func(it fieldclient.Item) bool { return it.Ref == ref })
	}
	return strings.HasPrefix(string(ref), string(s.ref)+"/") || strings.HasPrefix(string(ref), string(s.ref)+"[")
}

// checklistPrint is GET …/print: the checklist without answers, for paper.
func checklistPrint(a *ask) error {
	k, url, err := a.checklistOf()
	if err != nil {
		return err
	}
	p := &printPage{Page: Page{Title: a.titleOf(k.Info())}, Visit: k.Info().Scope, URL: url, Root: a.blank(k.Template(), k.Template().Root)}
	return a.page("print", p)
}

// printPage is ui/print.html.
type printPage struct {
	Page
	Visit syncproto.ScopeID
	URL   string
	Root  blank
}

// blank is a question or section on paper. Rows are how often a repeat stands there.
type blank struct {
	Key, Label, Hint, Kind string
	Options                []string
	Rows                   []int
	When                   bool // it is asked only after certain answers
	Kids                   []blank
}

// blank writes a form down as it stands on paper: what is not asked of everybody is marked, nothing is computed.
func (a *ask) blank(t *form.Template, n *form.Node) blank {
	langs := formLanguages(t, a.words.Language)
	b := blank{Key: fieldclient.ItemKey(t, n), Label: n.Label.In(langs...), Hint: n.Hint.In(langs...), Kind: n.Type, When: n.Relevant != ""}
	switch n.Kind {
	case form.KindGroup, form.KindForm:
		b.Kind = "group"
	case form.KindRepeat:
		b.Kind, b.Rows = "repeat", []int{1, 2, 3, 4}
	}
	if l, ok := t.List(n.List); ok {
		for _, c := range l.Choices {
			b.Options = append(b.Options, c.Label.In(langs...))
		}
	}
	for _, k := range n.Children {
		if k.Kind == form.KindFile || k.Generated && k.Name == "meta" || k.Kind == form.KindQuestion && k.Control == "" {
			continue
		}
		if k.Type == "note" && strings.Contains(k.Label.In(langs...), "${") {
			continue
		}
		b.Kids = append(b.Kids, a.blank(t, k))
	}
	return b
}

func formLanguages(t *form.Template, code string) []string {
	var out []string
	for _, want := range []string{code, "ru", "kk", "en"} {
		for _, l := range t.Languages {
			if l == want || strings.HasSuffix(l, "("+want+")") {
				out = append(out, l)
			}
		}
	}
	return append(out, t.DefaultLanguage)
}
