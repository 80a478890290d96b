package fieldclient

import (
	"context"
	"slices"
	"strings"

	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// Item is a question of a checklist as the person of this laptop sees it.
type Item struct {
	form.Part
	// Lasting is the item's place with instances of repeats named by their records: while the person looks, places move
	// as others' instances come in, and as their own are struck elsewhere. Whatever takes a place takes this one too.
	Lasting form.Ref
	Key     string             // the item's stable id
	Record  syncproto.EntityID // of the answers; zero before anybody has answered
	Mine    Said               // what this person says
	Seen    map[string][]Seen  // what is shown of it, for the change that follows: by "value", "note", "sources", "urgent", "links", "minority"
	Beside  map[string][]Seen  // what stands beside it (Said.Also, Said.Beside): who sees and settles both names these, too
	Others  []Said             // what the other members say, by name
	Agreed  []Said             // the group's answer; several where leaders differ
	Medical bool               // for health experts only, and this person is none
	Row     RowInfo            // of an instance of a repeat

	kinds []kindSaid // what is said of the kind of that which is measured
}

// kindSaid is the answer to a question beside a measurement, with the choices that were offered.
type kindSaid struct {
	value   string
	offered []string
}

// RowInfo says whose an instance of a repeat is.
type RowInfo struct {
	Record syncproto.EntityID
	By     syncproto.PersonID
	Name   string
	Mine   bool // may be struck by this person
}

// Theme, Sources, Standard and Measure are what the form's author says of the item (docs of package checklists).
func (it *Item) Theme() string    { return kuaCell(it.Node, "theme") }
func (it *Item) Standard() string { return kuaCell(it.Node, "standard") }
func (it *Item) Measure() string  { return kuaCell(it.Node, "measure") }

// Sources are the kinds of source that may support an answer; all where the form names none.
func (it *Item) Sources() []string {
	if s := strings.Fields(kuaCell(it.Node, "sources")); len(s) > 0 {
		return s
	}
	return []string{"observation", "interview", "document", "management"}
}

// Compare holds a measurement against the norms of its measure, without those for rooms of another kind than the one
// answered beside it; nothing where the item measures nothing or is open.
func (it *Item) Compare(norms []checklists.Norm) []checklists.Comparison {
	if it.Measure() == "" || it.Value == "" {
		return nil
	}
	fit := slices.DeleteFunc(slices.Clone(norms), func(n checklists.Norm) bool {
		return slices.ContainsFunc(it.kinds, func(k kindSaid) bool { return !n.For(k.value, k.offered) })
	})
	return checklists.Compare(it.Measure(), it.Value, fit)
}

// kindsBeside gives what is answered by choosing beside a measurement.
func (k *Checklist) kindsBeside(sh *sheet, p form.Part) (out []kindSaid) {
	for _, n := range p.Node.Parent.Children {
		list, ok := k.t.List(n.List)
		if !ok || n.Type != "select_one" {
			continue
		}
		v, err := sh.in.View(parentRef(p.Ref) + form.Ref("/"+n.Name))
		if err != nil || v.Value == "" || !v.Relevant {
			continue
		}
		said := kindSaid{value: v.Value}
		for _, c := range list.Choices {
			said.offered = append(said.offered, c.Name)
		}
		out = append(out, said)
	}
	return out
}

// Section gives what stands directly in a section of this person's form; see form.Instance.Parts. The form as a whole
// is the section Root().
func (k *Checklist) Section(ctx context.Context, section form.Ref) ([]Item, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	section, err := k.resolve(k.mine, section)
	if err != nil {
		return nil, err
	}
	parts, err := k.mine.in.Parts(section)
	if err != nil {
		return nil, err
	}
	out := make([]Item, len(parts))
	for i, p := range parts {
		out[i] = k.item(k.mine, p)
	}
	return out, nil
}

// Item gives one question, section or instance of this person's form.
func (k *Checklist) Item(ctx context.Context, ref form.Ref) (Item, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return Item{}, err
	}
	ref, err := k.resolve(k.mine, ref)
	if err != nil {
		return Item{}, err
	}
	v, err := k.mine.in.View(ref)
	if err != nil {
		return Item{}, err
	}
	return k.item(k.mine, form.Part{View: v}), nil
}

// Root is the place of the form as a whole.
func (k *Checklist) Root() form.Ref { return form.Ref("/" + k.Template().Root.Name) }

func (k *Checklist) item(sh *sheet, p form.Part) Item {
	it := Item{Part: p, Key: k.keys.key[p.Node], Lasting: p.Ref}
	if p.Whole {
		if around, err := k.locate(sh, parentRef(p.Ref)); err == nil {
			it.Lasting = around.lasting + form.Ref("/"+p.Node.Name)
		}
		it.Medical = !k.mayAnswer(p.Node)
		return it
	}
	at, err := k.locate(sh, p.Ref)
	if err != nil {
		return it
	}
	it.Lasting = at.lasting
	if it.Measure() != "" {
		it.kinds = k.kindsBeside(sh, p)
	}
	if r := k.rows[at.row]; p.Node.Kind == form.KindRepeat && r != nil {
		m, _ := k.c.rep.Roster().Member(r.by[0])
		it.Row = RowInfo{r.id, r.by[0], m.Name, r.addedBy(k.me) && !counted(p.Node)}
	}
	it.Medical = !k.mayAnswer(p.Node)
	if it.Medical {
		it.Asked = false
	}
	s := k.saidAt(at)
	if p.Node.Kind != form.KindQuestion || s == nil {
		return it
	}
	it.Record, it.Agreed = s.record, s.values
	for _, said := range s.by {
		if said.Person == k.me {
			it.Mine, it.Seen, it.Beside = *said, s.seen, s.beside
		} else {
			it.Others = append(it.Others, *said)
		}
	}
	slices.SortFunc(it.Others, func(a, b Said) int { return strings.Compare(a.Name, b.Name) })
	return it
}

// may reports whether this person has a right in the visit.
func (k *Checklist) may(right syncproto.Rights) bool { return k.c.May(k.scope, right) }

// May reports whether the person of this laptop has a right in a scope, by the roster as it is known here.
func (c *Client) May(scope syncproto.ScopeID, right syncproto.Rights) bool {
	me, err := c.Person()
	st, ok := c.rep.Scope(scope)
	if scope == c.Roster().Registry() {
		st.Standing, ok = syncproto.Standing{Registry: true}, true
	}
	return err == nil && ok && c.Roster().RightsNow(me.Person, &st.Standing).Has(right)
}

// ChecklistProgress says how far a section of a checklist is.
type ChecklistProgress struct {
	form.Section
	Sealed int `json:"sealed"` // this person's answers that stand and do not open here: they are neither known nor open
}

// Progress gives the form as a whole, then every group and instance, and repeats that nobody has begun; see
// form.Instance.Progress. Items for health experts count as not relevant for others.
func (k *Checklist) Progress(ctx context.Context) ([]ChecklistProgress, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	var out []ChecklistProgress
	for _, s := range k.mine.in.Progress() {
		out = append(out, ChecklistProgress{Section: s})
	}
	expert := k.may(syncproto.RightMedical)
	for _, p := range k.mine.in.All() {
		open := p.Node.Kind == form.KindQuestion && p.Relevant && p.Asked && p.Value == "" && p.Silence == form.None && (p.Node.Calculation == "" || len(p.Node.Trigger) > 0)
		if open && k.sealed(p.Ref) {
			for i := range out {
				if strings.HasPrefix(string(p.Ref), string(out[i].Ref)+"/") {
					out[i].Open, out[i].Sealed = out[i].Open-1, out[i].Sealed+1
				}
			}
			continue
		}
		if expert || !forExperts(p.Node) || !open && !p.Empty() {
			continue
		}
		for i := range out {
			switch within := strings.HasPrefix(string(p.Ref), string(out[i].Ref)+"/"); {
			case within && open:
				out[i].Open--
				out[i].NotRelevant++
			case within:
				out[i].Empty--
			}
		}
		out = slices.DeleteFunc(out, func(s ChecklistProgress) bool { return p.Empty() && s.Ref == p.Ref })
	}
	return out, nil
}

// sealed reports whether this person's answer at a place stands and does not open here.
func (k *Checklist) sealed(ref form.Ref) bool {
	at, err := k.locate(k.mine, ref)
	if err != nil {
		return false
	}
	s := k.saidAt(at)
	return s != nil && s.by[k.me] != nil && s.by[k.me].Sealed()
}

// Problems gives all that keeps this person's form from being complete, in document order.
func (k *Checklist) Problems(ctx context.Context) ([]form.Problem, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	return k.problems(), nil
}

func (k *Checklist) problems() []form.Problem {
	return slices.DeleteFunc(k.mine.in.Validate(), func(p form.Problem) bool {
		v, err := k.mine.in.View(p.Ref)
		return err == nil && p.Code == form.CodeRequired && (!k.mayAnswer(v.Node) || k.sealed(p.Ref))
	})
}

// Away gives this person's and the others' answers for which the version in use has no place: they are kept, and come
// back with a version that has one.
func (k *Checklist) Away(ctx context.Context) ([]AwayAnswer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	return k.awayFrom(k.everybody()), nil
}

// AwayAnswer is an answer without a place.
type AwayAnswer struct {
	Item   string             `json:"item"`
	Record syncproto.EntityID `json:"record"`
	Said   []Said             `json:"said"`
}

func (k *Checklist) awayFrom(sh *sheet) []AwayAnswer {
	out := []AwayAnswer{}
	for _, s := range sh.away {
		out = append(out, AwayAnswer{s.item, s.record, s.all()})
	}
	return out
}

// all gives what every member says, by name.
func (s *saidItem) all() []Said {
	var out []Said
	for _, said := range s.by {
		out = append(out, *said)
	}
	slices.SortFunc(out, func(a, b Said) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return slices.Compare(a.Person[:], b.Person[:])
	})
	return out
}

// Asked gives all questions of this person's form that are asked now, in document order.
func (k *Checklist) Asked(ctx context.Context) ([]Item, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	var out []Item
	for _, v := range k.mine.in.Views() {
		if it := k.item(k.mine, form.Part{View: v}); it.Asked && it.Relevant {
			out = append(out, it)
		}
	}
	return out, nil
}
