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
	place  map[syncproto.EntityID]int        // the place of each of them, from 1
	away   []*saidItem                       // answers for which this version of the form has no place
}

// placeKey names a repeat within an instance of the repeat around it; parent is zero where there is none.
type placeKey struct {
	parent syncproto.EntityID
	repeat string
}

// countedKey names an instance of a repeat that follows a count.
type countedKey struct {
	placeKey
	place int
}

func (k *Checklist) count(r *row) {
	if n := placeOf(r.order); n > 0 {
		k.counts[countedKey{placeKey{r.parent, r.repeat}, n}] = r.id
	}
}

// sheet fills in the form with the rows that have a place and with what pick says of each item.
func (k *Checklist) sheet(has func(*row) bool, pick func(*saidItem) (Said, bool)) *sheet {
	sh := &sheet{places: map[placeKey][]syncproto.EntityID{}, place: map[syncproto.EntityID]int{}}
	var answers []form.Answer
	for _, r := range k.rows {
		if has(r) {
			key := placeKey{r.parent, r.repeat}
			sh.places[key] = append(sh.places[key], r.id)
		}
	}
	for _, list := range sh.places {
		slices.SortFunc(list, func(a, b syncproto.EntityID) int { return k.rows[a].compare(k.rows[b]) })
		for i, id := range list {
			sh.place[id] = i + 1
		}
	}
	for id := range sh.place {
		if ref, ok := k.refOf(sh, k.keys.node[k.rows[id].repeat], id); ok {
			answers = append(answers, form.Answer{Ref: ref})
		}
	}
	items := map[form.Ref]*saidItem{}
	for _, s := range k.said {
		if r := k.rows[s.row]; r != nil && !has(r) {
			continue // struck, or not in this person's form
		}
		ref, ok := k.refOf(sh, k.keys.node[s.item], s.row)
		if !ok || k.keys.node[s.item].Kind != form.KindQuestion {
			if s.spoken() {
				sh.away = append(sh.away, s)
			}
			continue
		}
		if said, ok := pick(s); ok {
			if asksUser(k.keys.node[s.item]) && said.Value == said.Person.String() {
				said.Value = k.shownUser(said.Person)
			}
			items[ref] = s
			answers = append(answers, form.Answer{Ref: ref, Value: said.Value, Silence: said.Silence})
		}
	}
	// Outer instances before inner ones, and in one order: what a form makes of its answers must not hang on a map's.
	slices.SortFunc(answers, func(a, b form.Answer) int {
		if x, y := strings.Count(string(a.Ref), "/"), strings.Count(string(b.Ref), "/"); x != y {
			return x - y
		}
		return strings.Compare(string(a.Ref), string(b.Ref))
	})
	in, homeless := k.g.Load(k.env(), answers)
	for _, a := range homeless {
		if s := items[a.Ref]; s != nil {
			sh.away = append(sh.away, s)
		}
	}
	sh.away = append(sh.away, k.strays...)
	slices.SortFunc(sh.away, func(a, b *saidItem) int {
		if c := strings.Compare(a.item, b.item); c != 0 {
			return c
		}
		return slices.Compare(a.record[:], b.record[:])
	})
	sh.in = in
	return sh
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
				place = sh.place[at]
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
	node    *form.Node
	row     syncproto.EntityID // innermost instance; zero outside repeats
	new     []*row             // instances of counted repeats that have no record yet, outer ones first; row is zero then
	lasting form.Ref           // the same place, with instances named by their records; see Item.Lasting
}

// locate finds a place of a sheet.
func (k *Checklist) locate(sh *sheet, ref form.Ref) (at located, err error) {
	n := k.t.Root
	steps := strings.Split(string(ref), "/")
	if len(steps) < 2 || steps[1] != n.Name {
		return at, form.ErrNoPlace
	}
	for i, step := range steps[2:] {
		name, number, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		if n = childOf(n, name); n == nil {
			return at, form.ErrNoPlace
		}
		if n.Kind == form.KindRepeat {
			if err := k.enter(sh, n, number, &at); err != nil {
				return at, err
			}
			if steps[2+i] = name + "[" + number + "]"; !counted(n) {
				steps[2+i] = name + "[" + at.row.String() + "]"
			}
		}
	}
	at.node, at.lasting = n, form.Ref(strings.Join(steps, "/"))
	return at, nil
}

func childOf(n *form.Node, name string) *form.Node {
	i := slices.IndexFunc(n.Children, func(c *form.Node) bool { return c.Name == name && c.Kind != form.KindFile })
	if i < 0 {
		return nil
	}
	return n.Children[i]
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
		if place < 1 || place > len(list) || len(at.new) > 0 {
			return form.ErrNoPlace // what has no record has nothing in it
		}
		at.row = list[place-1]
		return nil
	}
	if place == 0 {
		return form.ErrNoPlace
	}
	if id, ok := k.counts[countedKey{key, place}]; ok && len(at.new) == 0 {
		at.row = id
		return nil
	}
	at.new = append(at.new, &row{repeat: key.repeat, parent: at.row, order: strconv.Itoa(place), by: []syncproto.PersonID{k.me}})
	at.row = syncproto.EntityID{}
	return nil
}

// resolve tells where a lasting place is now. A place without instances' records is the same at all times.
func (k *Checklist) resolve(sh *sheet, ref form.Ref) (form.Ref, error) {
	n := k.t.Root
	steps := strings.Split(string(ref), "/")
	for i, step := range steps {
		name, number, ok := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		if i > 1 && n != nil {
			n = childOf(n, name)
		}
		if !ok || len(number) < 32 {
			continue
		}
		id, err := syncproto.ParseEntityID(number)
		if err != nil || n == nil {
			return ref, form.ErrNoPlace
		}
		now, ok := k.refOf(sh, n, id)
		if !ok {
			return ref, form.ErrNoPlace
		}
		ref = form.Ref(strings.Join(append([]string{string(now)}, steps[i+1:]...), "/"))
	}
	return ref, nil
}

// settle gives the instances of counted repeats that have no record yet the ids that they have on every laptop. It runs
// under the client's mu.
func (k *Checklist) settle(at *located) error {
	for i, r := range at.new {
		if i > 0 {
			r.parent = at.new[i-1].id
		}
		if err := k.nameRow(r); err != nil {
			return err
		}
		at.row = r.id
	}
	return nil
}

func (k *Checklist) nameRow(r *row) (err error) {
	name, instance := rowName(k.id, r)
	r.id, err = k.c.itemID(k.scope, name, instance)
	return err
}

// recordOf is the record of an item's answers. It runs under the client's mu.
func (k *Checklist) recordOf(n *form.Node, at syncproto.EntityID) (syncproto.EntityID, error) {
	name, instance := answerName(k.id, k.keys.key[n], at)
	return k.c.itemID(k.scope, name, instance)
}

// isMine says which instances are in the form of the person of this laptop: those that they added, or answered in, and
// those around them.
func (k *Checklist) isMine() func(*row) bool {
	mine := map[syncproto.EntityID]bool{}
	for _, r := range k.rows {
		// Of a repeat that follows a count the record says nothing: whoever needs it first makes it, as a leader who agrees.
		if r.addedBy(k.me) && placeOf(r.order) == 0 && !k.struck(r, k.me) {
			k.takeRow(mine, r)
		}
	}
	for _, s := range k.said {
		// What was taken back counts: where a count grows again, no default comes in its place.
		if said, r := s.by[k.me], k.rows[s.row]; said != nil && r != nil && !k.struck(r, k.me) {
			k.takeRow(mine, r)
		}
	}
	return func(r *row) bool { return mine[r.id] }
}

// takeRow takes an instance with those around it.
func (k *Checklist) takeRow(into map[syncproto.EntityID]bool, r *row) {
	for ; r != nil && !into[r.id]; r = k.rows[r.parent] {
		into[r.id] = true
	}
}

// struck reports whether somebody has taken an instance, or one around it, out again.
func (k *Checklist) struck(r *row, by syncproto.PersonID) bool {
	for depth := 0; r != nil && depth < len(k.rows); depth++ { // who writes rows by hand can put one into itself
		if r.struck[by] {
			return true
		}
		r = k.rows[r.parent]
	}
	return false
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
// answer, as is what a newer version of the form sets once: a look leaves no trace.
func (k *Checklist) begin() {
	k.defaults = nil
	if !k.begun() {
		loaded := k.mine.in.Answers()
		for _, a := range k.g.Begin(k.env()).Answers() {
			if at, ok := k.unsaid(a); ok && !slices.ContainsFunc(loaded, func(o form.Answer) bool { return o.Ref == a.Ref }) && onlyCounted(at.node) {
				loaded = append(loaded, a)
			}
		}
		k.mine.in, _ = k.g.Load(k.env(), loaded)
	}
	for _, a := range k.mine.in.Answers() {
		if _, ok := k.unsaid(a); ok {
			k.defaults = append(k.defaults, a.Ref)
		}
	}
}

// begun reports whether this person has ever said anything here, taken back or not.
func (k *Checklist) begun() bool {
	for _, s := range k.said {
		if s.by[k.me] != nil {
			return true
		}
	}
	return false
}

// unsaid finds the place of an answer that is to be kept, that this person may give and has not.
func (k *Checklist) unsaid(a form.Answer) (located, bool) {
	if a.Value == "" {
		return located{}, false
	}
	at, err := k.locate(k.mine, a.Ref)
	if err != nil || !stored(at.node) || !k.mayAnswer(at.node) {
		return at, false
	}
	s := k.saidAt(at)
	return at, s == nil || s.by[k.me] == nil
}

// mayAnswer reports whether the person may answer a question, which some are for health experts only.
func (k *Checklist) mayAnswer(n *form.Node) bool {
	return !forExperts(n) || k.may(syncproto.RightMedical)
}

// onlyCounted reports whether a node lies in no instance that a person has to add.
func onlyCounted(n *form.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Kind == form.KindRepeat && !counted(n) {
			return false
		}
	}
	return true
}
