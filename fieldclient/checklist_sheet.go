package fieldclient

import (
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// sheet is a checklist filled in with one person's answers, or with the group's.
type sheet struct {
	in     *form.Instance
	places map[placeKey][]syncproto.EntityID // the instances of each repeat that people add to, in their order
	away   []*saidItem                       // answers for which this version of the form has no place
}

// placeKey names a repeat within an instance of the repeat around it; parent is zero where there is none.
type placeKey struct {
	parent syncproto.EntityID
	repeat string
}

// sheet fills in the form with the rows that have a place and with what pick says of each item.
func (k *Checklist) sheet(has func(*row) bool, pick func(*saidItem) (Said, bool)) *sheet {
	sh := &sheet{places: map[placeKey][]syncproto.EntityID{}}
	for _, r := range k.rows {
		if has(r) {
			key := placeKey{r.parent, r.repeat}
			sh.places[key] = append(sh.places[key], r.id)
		}
	}
	var answers []form.Answer
	for _, list := range sh.places {
		slices.SortFunc(list, func(a, b syncproto.EntityID) int { return k.rows[a].compare(k.rows[b]) })
	}
	for key, list := range sh.places {
		for i := range list {
			if ref, ok := k.refOf(sh, k.keys.node[key.repeat], list[i]); ok {
				answers = append(answers, form.Answer{Ref: ref})
			}
		}
	}
	items := map[form.Ref]*saidItem{}
	for _, s := range k.said {
		said, ok := pick(s)
		if !ok {
			continue
		}
		ref, ok := k.refOf(sh, k.keys.node[s.item], s.row)
		if !ok || k.keys.node[s.item].Kind != form.KindQuestion {
			sh.away = append(sh.away, s)
			continue
		}
		items[ref] = s
		answers = append(answers, form.Answer{Ref: ref, Value: said.Value, Silence: said.Silence})
	}
	// Outer instances before inner ones, and in one order: what a form makes of its answers must not hang on a map's.
	slices.SortFunc(answers, func(a, b form.Answer) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	slices.SortStableFunc(answers, func(a, b form.Answer) int {
		return strings.Count(string(a.Ref), "/") - strings.Count(string(b.Ref), "/")
	})
	in, homeless := k.g.Load(k.env(), answers)
	for _, a := range homeless {
		if s := items[a.Ref]; s != nil {
			sh.away = append(sh.away, s)
		}
	}
	slices.SortFunc(sh.away, func(a, b *saidItem) int { return strings.Compare(a.item, b.item) })
	sh.in = in
	return sh
}

func (r *row) compare(o *row) int {
	if c := strings.Compare(r.order, o.order); c != 0 {
		return c
	}
	return slices.Compare(r.id[:], o.id[:])
}

// refOf returns the place of a node in an instance of the repeats around it: at is the innermost instance, zero outside
// repeats. The node may be the repeat itself.
func (k *Checklist) refOf(sh *sheet, n *form.Node, at syncproto.EntityID) (form.Ref, bool) {
	if n == nil {
		return "", false
	}
	var steps []string
	for p := n; p != nil; p = p.Parent {
		step := p.Name
		if p.Kind == form.KindRepeat {
			r := k.rows[at]
			if r == nil || r.repeat != k.keys.key[p] {
				return "", false
			}
			place := placeOf(r.order)
			if !counted(p) {
				place = slices.Index(sh.places[placeKey{r.parent, r.repeat}], at) + 1
			}
			if place == 0 {
				return "", false
			}
			step += "[" + strconv.Itoa(place) + "]"
			at = r.parent
		}
		steps = append(steps, step)
	}
	slices.Reverse(steps)
	return form.Ref("/" + strings.Join(steps, "/")), at == syncproto.EntityID{}
}

// located is a place in the form with the instance of a repeat that it lies in.
type located struct {
	node *form.Node
	row  syncproto.EntityID // innermost instance; zero outside repeats
	new  []*row             // instances of counted repeats that have no record yet, outer ones first; row is zero then
}

// locate finds a place of a sheet.
func (k *Checklist) locate(sh *sheet, ref form.Ref) (at located, err error) {
	n := k.t.Root
	steps := strings.Split(string(ref), "/")
	if len(steps) < 2 || steps[1] != n.Name {
		return at, form.ErrNoPlace
	}
	for _, step := range steps[2:] {
		name, number, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		i := slices.IndexFunc(n.Children, func(c *form.Node) bool { return c.Name == name && c.Kind != form.KindFile })
		if i < 0 {
			return at, form.ErrNoPlace
		}
		if n = n.Children[i]; n.Kind == form.KindRepeat {
			if err := k.enter(sh, n, number, &at); err != nil {
				return at, err
			}
		}
	}
	at.node = n
	return at, nil
}

// enter goes into an instance of a repeat.
func (k *Checklist) enter(sh *sheet, n *form.Node, number string, at *located) error {
	place := 1
	if number != "" {
		place = placeOf(number)
	}
	key := placeKey{at.row, k.keys.key[n]}
	if !counted(n) {
		list := sh.places[key]
		if place < 1 || place > len(list) {
			return form.ErrNoPlace
		}
		at.row = list[place-1]
		return nil
	}
	if len(at.new) == 0 {
		for _, r := range k.rows {
			if r.parent == key.parent && r.repeat == key.repeat && placeOf(r.order) == place {
				at.row = r.id
				return nil
			}
		}
	}
	at.new = append(at.new, &row{repeat: key.repeat, parent: at.row, order: strconv.Itoa(place), by: k.me})
	at.row = syncproto.EntityID{}
	return nil
}

// settle gives the instances of counted repeats that have no record yet the ids that they have on every laptop. It runs
// under the client's mu.
func (k *Checklist) settle(at *located) error {
	for i, r := range at.new {
		if i > 0 {
			r.parent = at.new[i-1].id
		}
		id, err := k.c.itemID(k.scope, "row\x00"+k.id.String()+"\x00"+r.repeat+"\x00"+r.parent.String(), r.order)
		if err != nil {
			return err
		}
		r.id, at.row = id, id
	}
	return nil
}

// recordOf is the record of an item's answers. It runs under the client's mu.
func (k *Checklist) recordOf(n *form.Node, at syncproto.EntityID) (syncproto.EntityID, error) {
	instance := ""
	if at != (syncproto.EntityID{}) {
		instance = at.String()
	}
	return k.c.itemID(k.scope, k.id.String()+"\x00"+k.keys.key[n], instance)
}

// isMine says which instances are in the form of the person of this laptop: those that they added, or answered in, and
// those around them.
func (k *Checklist) isMine() func(*row) bool {
	mine := map[syncproto.EntityID]bool{}
	take := func(id syncproto.EntityID) {
		for r := k.rows[id]; r != nil && !mine[r.id]; r = k.rows[r.parent] {
			mine[r.id] = true
		}
	}
	for _, r := range k.rows {
		if r.by == k.me && !r.struck {
			take(r.id)
		}
	}
	for _, s := range k.said {
		if said := s.by[k.me]; said != nil && said.answered() && k.rows[s.row] != nil && !(k.rows[s.row].struck && k.rows[s.row].by == k.me) {
			take(s.row)
		}
	}
	return func(r *row) bool { return mine[r.id] }
}

// stored reports whether a question's answer is kept: what is calculated is calculated again at each reading, except
// what keeps its first value.
func stored(n *form.Node) bool {
	if n.Kind != form.KindQuestion {
		return false
	}
	return n.Calculation == "" || len(n.Trigger) > 0 || strings.Contains(n.Calculation, "once(")
}

// begin gives a person who has not begun yet the answers that the form starts with. They are saved with the first
// answer: a look leaves no trace.
func (k *Checklist) begin() {
	k.defaults = nil
	for _, s := range k.said {
		if said := s.by[k.me]; said != nil && said.answered() {
			return
		}
	}
	first := k.g.Begin(k.env())
	loaded := k.mine.in.Answers()
	for _, a := range first.Answers() {
		if v, err := first.View(a.Ref); err != nil || a.Value == "" || !stored(v.Node) || v.Node.InRepeat() {
			continue
		}
		k.defaults = append(k.defaults, a.Ref)
		loaded = append(loaded, a)
	}
	if len(k.defaults) > 0 {
		k.mine.in, _ = k.g.Load(k.env(), loaded)
	}
}
