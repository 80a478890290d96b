package web

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// asked is one question, group or instance of a repeat as a page shows it.
type asked struct {
	fieldclient.Item
	ID      string // of the element
	CSRF    string
	URL     string // of the checklist
	At      int    // the section that is shown
	Kids    []asked
	Options []offer
	Problem form.Code // "" where nothing is wrong with the answer
	Words   string    // the form author's words for it
	Saved   string    // the time, where it was saved just now
	Moved   string    // where a choice of a ranking stands, where it was moved just now
	ReadAs  string    // the number that it was read as, where it was typed in another way
	Swap    bool      // it takes the place of one that a page shows
	Paper   bool
	Norms   []comparison // of what is measured
	Closed  bool         // an instance of a repeat of which only Summary is shown
	Summary string
	Below   int // measurements in it that do not meet a norm
	Sealed  int // answers in it that do not open here
	Twice   []twice
	Wrote   []syncproto.ChangesetID // by the request that is answered
}

// comparison is a measurement held against one norm, in the language of the screens.
type comparison struct {
	checklists.Comparison
	Label string
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
	case n.Control == "upload":
		return "proof"
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

// Kept reports whether an answer was saved in spite of what is wrong with it.
func (q asked) Kept() bool {
	return !slices.Contains([]form.Code{codeValue, codeLong, codeNumber, codeWhole, codeKeys}, q.Problem)
}

// Trigger is when the browser sends the answer: a choice at once, a text a moment after the last key, and on the way where
// no moment comes. Enter sends it too: without that, the browser would leave the page for the answer.
func (q asked) Trigger() string {
	switch q.Widget() {
	case "one", "many", "list", "proof", "tick", "date", "time", "dateTime":
		return "change, submit"
	case "long":
		return "change, input changed delay:800ms, ontheway, submit"
	}
	return "change, input changed delay:400ms, ontheway, submit"
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

// shower makes what pages show of what the form says.
type shower struct {
	ctx      context.Context
	k        *fieldclient.Checklist
	csrf     string
	url      string
	at       int
	paper    bool
	client   *fieldclient.Client
	visit    syncproto.ScopeID
	language string
	open     string // the id of the instance that stands open among many
	crowded  bool   // what is shown now is one of many instances
	norms    []checklists.Norm
	problems map[form.Ref]form.Problem
	words    *words
	wrote    []syncproto.ChangesetID
	labels   map[string]string // see twiceLabels; nil until asked for
}

// shows reports whether a question is on the screen: what people answer or read, and figures that norms are compared with.
func shows(it fieldclient.Item) bool {
	if it.Node.Kind != form.KindQuestion {
		return !it.Node.Generated || it.Whole
	}
	return it.Node.Control != "" || it.Measure() != ""
}

// compare holds what is measured against the norms of the visit's day.
func (sh *shower) compare(it fieldclient.Item) (out []comparison) {
	for _, c := range it.Compare(sh.norms) {
		out = append(out, comparison{c, c.Norm.In(sh.language)})
	}
	return out
}

func (a *ask) shower(k *fieldclient.Checklist, p *checklistPage) (*shower, error) {
	sh := &shower{ctx: a.Context(), k: k, csrf: a.csrf(), url: p.URL, at: p.At, paper: p.Paper, client: a.client, visit: p.Visit, language: a.words.Language, words: a.words, open: p.Open}
	var err error
	if sh.norms, err = a.client.Norms(a.Context(), p.Visit); err != nil {
		return nil, err
	}
	return sh, sh.wrong()
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

// crowd is how many instances of a repeat stand open beside each other. Of more, one does; the others say what is in them.
const crowd = 4

// close shows of an instance what its first answers are.
func (sh *shower) close(q *asked, items []fieldclient.Item) {
	q.Closed = true
	var said []string
	for _, it := range items {
		for _, c := range it.Compare(sh.norms) {
			if !c.Met {
				q.Below++
			}
		}
		switch {
		case it.Node.Kind != form.KindQuestion || it.Node.Control == "" || it.Node.Type == "note" || len(said) == 4:
		case it.Silence != form.None:
			said = append(said, "–")
		case it.Value != "":
			said = append(said, worded(it.View, it.Value))
		case it.Mine.Sealed():
			q.Sealed++
		}
		if p := sh.problems[it.Ref]; p.Code != "" {
			q.Problem = p.Code
		}
	}
	q.Summary = strings.Join(said, " · ")
}

// crowdedBy reports whether a list holds more instances of one repeat than stand open beside each other.
func crowdedBy(items []fieldclient.Item) bool {
	n := 0
	for _, it := range items {
		if it.Node.Kind == form.KindRepeat && !it.Whole {
			n++
		}
	}
	return n > crowd
}

func (sh *shower) all(items []fieldclient.Item) ([]asked, error) {
	var out []asked
	was := sh.crowded
	sh.crowded = crowdedBy(items)
	defer func() { sh.crowded = was }()
	for _, it := range items {
		if !shows(it) {
			continue
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
	q := asked{Item: it, ID: idOf(it.Lasting), CSRF: sh.csrf, URL: sh.url, At: sh.at, Paper: sh.paper, Wrote: sh.wrote}
	if it.Whole {
		q.ID += "w"
		return q, nil
	}
	if it.Node.Kind != form.KindQuestion {
		items, err := sh.k.Section(sh.ctx, it.Ref)
		if err != nil {
			return q, err
		}
		if it.Node.Kind == form.KindRepeat && sh.crowded && q.ID != sh.open {
			sh.close(&q, items)
			return q, nil
		}
		q.Kids, err = sh.all(items)
		return q, err
	}
	q.Norms = sh.compare(it)
	if err := sh.twice(&q); err != nil {
		return q, err
	}
	if p, ok := sh.problems[it.Ref]; ok {
		q.Problem, q.Words = p.Code, p.Message
	}
	chosen := []string{it.Value}
	if it.Node.Type != "select_one" {
		chosen = strings.Fields(it.Value)
	}
	if it.Node.Control == "upload" {
		if err := sh.proofs(&q); err != nil {
			return q, err
		}
	}
	for i, o := range it.Choices {
		q.Options = append(q.Options, offer{o, q.ID + "-" + strconv.Itoa(i), slices.Contains(chosen, o.Value)})
	}
	return q, nil
}

// proofs offers the evidence of the visit to a question that asks for a photo, a sound or a file: its answer is the
// record's id, and the original stays where it is sealed.
func (sh *shower) proofs(q *asked) error {
	all, err := linkable(sh.ctx, sh.client, sh.visit)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Kind == "evidence" {
			q.Options = append(q.Options, offer{Option: form.Option{Value: l.ID.String(), Label: l.Label}, Chosen: l.ID.String() == q.Value})
		}
	}
	return nil
}

// inCrowd reports whether a place is one of many instances of its repeat.
func (sh *shower) inCrowd(it fieldclient.Item) (bool, error) {
	if it.Node.Kind != form.KindRepeat || it.Whole {
		return false, nil
	}
	beside, err := sh.k.Section(sh.ctx, it.Ref[:strings.LastIndexByte(string(it.Ref), '/')])
	return crowdedBy(beside), err
}
