package fieldclient

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
	"kua/internal/replica"
	"kua/syncproto"
)

// itemKeys are the stable names of a template's questions and repeats: what an answer is filed under, so that it finds
// its question again in another version of the form.
type itemKeys struct {
	key  map[*form.Node]string
	node map[string]*form.Node
}

// keysOf names each node by its kua::id where the form gives one that no other has, else by its name where that is
// the only one, else by its path.
func keysOf(t *form.Template) *itemKeys {
	ids := map[string]int{}
	for n := range t.Root.All() {
		if id := kuaCell(n, "id"); id != "" && n.Kind == form.KindQuestion {
			ids[id]++
		}
	}
	k := &itemKeys{map[*form.Node]string{}, map[string]*form.Node{}}
	for n := range t.Root.All() {
		key := n.Path()
		switch id := kuaCell(n, "id"); {
		case n.Kind == form.KindQuestion && id != "" && ids[id] == 1:
			key = id
		case t.Named(n.Name) == n:
			key = n.Name
		}
		if _, taken := k.node[key]; taken {
			key = n.Path()
		}
		k.key[n], k.node[key] = key, n
	}
	return k
}

// ItemKey is the stable id under which answers to a question are filed: its kua::id where the form gives one that no
// other question has, else its name, else its path.
func ItemKey(t *form.Template, n *form.Node) string { return keysOf(t).key[n] }

// kuaCell returns a cell of one of Kua's own columns, such as kua::id.
func kuaCell(n *form.Node, name string) string {
	for _, a := range n.Extra {
		if a.Name == "kua::"+name {
			return a.Value
		}
	}
	return ""
}

// row is one instance of a repeat, as its record says.
type row struct {
	id, parent syncproto.EntityID // parent is zero outside nested repeats
	repeat     string             // the repeat's key
	order      string
	by         syncproto.PersonID // who added it
	struck     bool
}

// Said is what one member says of one item.
type Said struct {
	Person      syncproto.PersonID   `json:"person"`
	Name        string               `json:"name"`
	Value       string               `json:"value,omitempty"`
	Silence     form.Silence         `json:"silence,omitempty"`
	Sources     []string             `json:"sources,omitempty"`
	Note        string               `json:"note,omitempty"`
	Urgent      bool                 `json:"urgent,omitempty"`
	Links       []syncproto.EntityID `json:"links,omitempty"`
	Transcribed bool                 `json:"transcribed,omitempty"` // typed in later from paper
	Minority    string               `json:"minority,omitempty"`
}

// answered reports whether there is a value or a silence.
func (s *Said) answered() bool { return s.Value != "" || s.Silence != form.None }

// saidItem is the record of one item.
type saidItem struct {
	record syncproto.EntityID
	item   string
	row    syncproto.EntityID
	by     map[syncproto.PersonID]*Said
	agreed []syncproto.Head // what stands of the group's answer
	values []Said           // the same, read
}

// itemKey names an item within an instance of a repeat; row is zero outside repeats.
type itemKey struct {
	item string
	row  syncproto.EntityID
}

// read builds everything from the records.
func (k *Checklist) read(ctx context.Context) error {
	c := k.c
	c.whole.RLock()
	defer c.whole.RUnlock()
	me, err := c.Person()
	if err != nil {
		return err
	}
	v, err := c.rep.Record(ctx, k.scope, k.id)
	if err != nil {
		return err
	}
	info, err := c.checklistInfo(ctx, v)
	if err != nil {
		return err
	}
	if k.t == nil || info.Template != k.info.Template {
		t, g, err := c.templateHeld(ctx, info.Template)
		if err != nil {
			return err
		}
		k.t, k.g, k.keys = t, g, keysOf(t)
	}
	k.info, k.me = info, me.Person
	r := &checklistReader{c: c, k: k, rows: map[syncproto.EntityID]*row{}, said: map[syncproto.EntityID]*saidItem{}}
	if err := r.read(ctx); err != nil {
		return err
	}
	k.rows, k.said, k.group = r.rows, r.said, nil
	k.items = make(map[itemKey]*saidItem, len(r.said))
	for _, s := range r.said { // of two records of one item, which no Kua writes, the one with this person's answer
		if old := k.items[itemKey{s.item, s.row}]; old == nil || old.by[k.me] == nil {
			k.items[itemKey{s.item, s.row}] = s
		}
	}
	k.mine = k.sheet(k.isMine(), func(s *saidItem) (Said, bool) {
		said := s.by[k.me]
		if said == nil || !said.answered() {
			return Said{}, false
		}
		return *said, true
	})
	k.begin()
	return nil
}

type checklistReader struct {
	c      *Client
	k      *Checklist
	values map[syncproto.OpRef][]byte
	rows   map[syncproto.EntityID]*row
	said   map[syncproto.EntityID]*saidItem
}

func (r *checklistReader) read(ctx context.Context) (err error) {
	answer, _ := syncproto.KindNamed("answer")
	rowKind, _ := syncproto.KindNamed("row")
	if r.values, err = r.c.valuesIn(ctx, r.k.scope, answer, rowKind); err != nil {
		return err
	}
	if err := r.c.rep.Records(ctx, r.k.scope, rowKind.ID, func(v replica.RecordView) error { return r.row(ctx, v) }); err != nil {
		return err
	}
	return r.c.rep.Records(ctx, r.k.scope, answer.ID, func(v replica.RecordView) error { return r.answer(ctx, v) })
}

// valuesIn returns the values of all fields of some kinds in a scope, in one pass.
func (c *Client) valuesIn(ctx context.Context, scope syncproto.ScopeID, kinds ...*syncproto.EntityKind) (map[syncproto.OpRef][]byte, error) {
	out := map[syncproto.OpRef][]byte{}
	for _, kind := range kinds {
		rows, err := c.mem.Write.QueryContext(ctx, `SELECT changeset, place, value FROM value WHERE scope = $1 AND field BETWEEN $2 AND $3`,
			scope[:], int64(kind.ID), int64(kind.ID)+99)
		if err != nil {
			return nil, err
		}
		if err := scanValues(rows, out); err != nil {
			return nil, fmt.Errorf("reading values: %w", err)
		}
	}
	return out, nil
}

func scanValues(rows *sql.Rows, into map[syncproto.OpRef][]byte) error {
	defer rows.Close()
	for rows.Next() {
		var ref syncproto.OpRef
		var value []byte
		if err := rows.Scan(&ref.Changeset, &ref.Index, &value); err != nil {
			return err
		}
		into[ref] = value
	}
	return rows.Err()
}

// head returns what stands on a field, and whether it is a value; see Client.newest.
func (r *checklistReader) head(ctx context.Context, s *syncproto.FieldState) ([]byte, bool, error) {
	if len(s.Heads) == 0 {
		return nil, false, nil
	}
	h, err := r.c.newest(ctx, s.Heads)
	if err != nil || h.Kind == syncproto.KindClear {
		return nil, false, err
	}
	b := r.values[h.OpRef]
	return b, b != nil, nil
}

func (r *checklistReader) row(ctx context.Context, v replica.RecordView) error {
	if !v.State.Exists {
		return nil
	}
	out := &row{id: v.Entity}
	checklist := syncproto.EntityID{}
	for i := range v.State.Fields {
		s := &v.State.Fields[i]
		b, ok, err := r.head(ctx, s)
		if err != nil {
			return err
		}
		_, spec, known := syncproto.LookupField(s.Field)
		if !ok || !known {
			continue
		}
		switch spec.Name {
		case "checklist":
			checklist = refOf(b)
		case "repeat":
			out.repeat = syncproto.TextOf(b)
		case "parent":
			out.parent = refOf(b)
		case "order":
			out.order = syncproto.TextOf(b)
		case "struck":
			out.struck = spec.FormatValue(b) == "yes"
		}
	}
	if checklist != r.k.id {
		return nil
	}
	out.by = creator(v)
	r.rows[v.Entity] = out
	return nil
}

// creator returns who made a record: of several the one with the smallest id, so that all laptops name the same.
func creator(v replica.RecordView) (by syncproto.PersonID) {
	found := false
	for _, contribution := range v.Log {
		for _, o := range contribution.Ops {
			if o.Kind == syncproto.KindCreate && (!found || slices.Compare(contribution.Person[:], by[:]) < 0) {
				by, found = contribution.Person, true
			}
		}
	}
	return by
}

func refOf(b []byte) (id syncproto.EntityID) {
	if p, ok := syncproto.BytesOf(b); ok && len(p) == len(id) {
		copy(id[:], p)
	}
	return id
}

func (r *checklistReader) answer(ctx context.Context, v replica.RecordView) error {
	if !v.State.Exists {
		return nil
	}
	s := &saidItem{record: v.Entity, by: map[syncproto.PersonID]*Said{}}
	checklist := syncproto.EntityID{}
	for i := range v.State.Fields {
		f := &v.State.Fields[i]
		_, spec, known := syncproto.LookupField(f.Field)
		if !known {
			continue
		}
		if spec.Name == "agreed" {
			s.agreed = f.Heads
			continue
		}
		b, ok, err := r.head(ctx, f)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		switch spec.Name {
		case "item":
			s.item = syncproto.TextOf(b)
		case "checklist":
			checklist = refOf(b)
		case "row":
			s.row = refOf(b)
		default:
			r.personal(s, f.Person).take(spec, b)
		}
	}
	if checklist != r.k.id {
		return nil
	}
	for _, h := range s.agreed {
		said := Said{Person: h.Person, Name: r.name(h.Person)}
		if b := r.values[h.OpRef]; h.Kind != syncproto.KindClear && b != nil {
			said.answer(b)
		}
		s.values = append(s.values, said)
	}
	r.said[v.Entity] = s
	return nil
}

func (r *checklistReader) name(p syncproto.PersonID) string {
	m, _ := r.c.rep.Roster().Member(p)
	return m.Name
}

func (r *checklistReader) personal(s *saidItem, p syncproto.PersonID) *Said {
	if s.by[p] == nil {
		s.by[p] = &Said{Person: p, Name: r.name(p)}
	}
	return s.by[p]
}

// take reads one field's value.
func (s *Said) take(spec *syncproto.FieldSpec, b []byte) {
	switch spec.Name {
	case "value", "medical":
		s.answer(b)
	case "sources":
		s.Sources = syncproto.WordsOf(b)
	case "note":
		s.Note = syncproto.TextOf(b)
	case "urgent":
		s.Urgent = spec.FormatValue(b) == "yes"
	case "transcribed":
		s.Transcribed = spec.FormatValue(b) == "yes"
	case "minority":
		s.Minority = syncproto.TextOf(b)
	case "links":
		s.Links = nil
		for _, w := range syncproto.WordsOf(b) {
			if id, err := syncproto.ParseEntityID(w); err == nil {
				s.Links = append(s.Links, id)
			}
		}
	}
}

func (s *Said) answer(b []byte) {
	if text, silence, ok := syncproto.AnswerOf(b); ok {
		s.Value, s.Silence = text, form.Silence(silence)
	}
}

// counted reports whether other answers say how many instances a repeat has.
func counted(n *form.Node) bool { return n.RepeatCount != "" }

func placeOf(order string) int {
	n, err := strconv.Atoi(strings.TrimSpace(order))
	if err != nil || n < 1 || n > form.MaxInstances {
		return 0
	}
	return n
}
