package fieldclient

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"kua/fieldclient/form"
	"kua/internal/replica"
	"kua/syncproto"
)

// row is one instance of a repeat, as its record says.
type row struct {
	id, parent syncproto.EntityID // parent is zero outside nested repeats
	repeat     string             // the repeat's key
	order      string
	by         []syncproto.PersonID // who added it, by id; of counted repeats several may have
	struck     map[syncproto.PersonID]bool
}

func (r *row) addedBy(p syncproto.PersonID) bool { return slices.Contains(r.by, p) }

// compare puts the instances of one repeat in their order.
func (r *row) compare(o *row) int {
	if a, b := r.number(), o.number(); a != b {
		return a - b
	}
	if c := strings.Compare(r.order, o.order); c != 0 {
		return c
	}
	return slices.Compare(r.id[:], o.id[:])
}

// lastNumber is behind everything that people add.
const lastNumber = 1 << 30

// number is where an instance stands: hexadecimal before a dash where people added it, decimal where a count did, for a
// newer version of the form may leave to people what was counted.
func (r *row) number() int {
	first, _, ok := strings.Cut(r.order, "-")
	if n, err := strconv.ParseUint(first, 16, 32); ok && len(first) == 8 && err == nil {
		return int(min(n, lastNumber))
	}
	if n := placeOf(r.order); n > 0 {
		return n
	}
	return lastNumber
}

// counted reports whether other answers say how many instances a repeat has.
func counted(n *form.Node) bool { return n.RepeatCount != "" }

func placeOf(order string) int {
	n, err := strconv.Atoi(order)
	if err != nil || n < 1 || n > form.MaxInstances || strconv.Itoa(n) != order {
		return 0
	}
	return n
}

// namer gives the ids of records that are derived from a visit's first key; see itemID.
type namer func(name, instance string) syncproto.EntityID

// namerOf returns a scope's namer, or nil where its first key has not come. It holds the key: nobody keeps it. The
// caller holds mu.
func (c *Client) namerOf(scope syncproto.ScopeID) namer {
	if _, err := c.itemID(scope, "", ""); err != nil {
		return nil
	}
	s := c.scopes[scope]
	key, _ := s.key(s.first)
	return func(name, instance string) syncproto.EntityID { return deriveID(key, name, instance) }
}

// claim is what one author's own operations say that a record is.
type claim struct {
	person syncproto.PersonID
	fields map[syncproto.Field][][]byte         // different values, at most claimsAtMost
	heads  map[syncproto.Field][]syncproto.Head // all that the author set
}

// claimsAtMost bounds what is tried for one field of one author, who sets it once.
const claimsAtMost = 4

// claimsOf gives what each of those who made a record says of it, by person. What somebody else writes into its fields
// later makes it no other record.
func claimsOf(v replica.RecordView, values map[syncproto.OpRef][]byte) []claim {
	made := map[syncproto.PersonID]*claim{}
	for i := range v.Log {
		for _, o := range v.Log[i].Ops {
			if p := v.Log[i].Person; o.Kind == syncproto.KindCreate && !v.Log[i].Quarantined && made[p] == nil {
				made[p] = &claim{p, map[syncproto.Field][][]byte{}, map[syncproto.Field][]syncproto.Head{}}
			}
		}
	}
	for i := range v.Log {
		log := &v.Log[i]
		cl := made[log.Person]
		if cl == nil || log.Quarantined {
			continue
		}
		for _, o := range log.Ops {
			if o.Kind.Settles() && o.Flags&syncproto.FlagPersonal == 0 {
				cl.add(o, log, values)
			}
		}
	}
	out := make([]claim, 0, len(made))
	for _, cl := range made {
		out = append(out, *cl)
	}
	slices.SortFunc(out, func(a, b claim) int { return slices.Compare(a.person[:], b.person[:]) })
	return out
}

func (cl *claim) add(o syncproto.MergeOp, by *syncproto.Contribution, values map[syncproto.OpRef][]byte) {
	ref := syncproto.OpRef{Changeset: by.Changeset, Index: o.Index}
	cl.heads[o.Field] = append(cl.heads[o.Field], syncproto.Head{OpRef: ref, Kind: o.Kind, Person: by.Person})
	b := values[ref]
	if b != nil && len(cl.fields[o.Field]) < claimsAtMost && !slices.ContainsFunc(cl.fields[o.Field], func(had []byte) bool { return string(had) == string(b) }) {
		cl.fields[o.Field] = append(cl.fields[o.Field], b)
	}
}

func (cl *claim) texts(f *syncproto.FieldSpec) (out []string) {
	for _, b := range cl.fields[f.ID] {
		out = append(out, syncproto.TextOf(b))
	}
	return out
}

// refs gives the records that are named, and at last the zero id: the author may have named none at first.
func (cl *claim) refs(f *syncproto.FieldSpec) (out []syncproto.EntityID) {
	for _, b := range cl.fields[f.ID] {
		out = append(out, refOf(b))
	}
	return append(out, syncproto.EntityID{})
}

func refOf(b []byte) (id syncproto.EntityID) {
	if p, ok := syncproto.BytesOf(b); ok && len(p) == len(id) {
		copy(id[:], p)
	}
	return id
}

func fieldOf(kind, name string) *syncproto.FieldSpec {
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(name)
	if err != nil {
		panic(err) // the vocabulary is part of the program
	}
	return f
}

// knownRow is the instance of this checklist that a record is: the one whose name its id is derived from. nil where it
// is none.
func (r *checklistReader) knownRow(id syncproto.EntityID, claims []claim) *row {
	for i := range claims {
		cl := &claims[i]
		if !slices.Contains(cl.refs(fieldOf("row", "checklist")), r.k.id) {
			continue
		}
		for _, repeat := range cl.texts(fieldOf("row", "repeat")) {
			for _, parent := range cl.refs(fieldOf("row", "parent")) {
				for _, order := range cl.texts(fieldOf("row", "order")) {
					out := &row{id: id, parent: parent, repeat: repeat, order: order}
					if r.name == nil || r.name(rowName(r.k.id, out)) == id {
						return out
					}
				}
			}
		}
	}
	return nil
}

// knownItem is the item of this checklist that a record is, in the same way. A record that only claims to be one is a
// stray; nil where it is of another checklist.
func (r *checklistReader) knownItem(id syncproto.EntityID, claims []claim) (s *saidItem, stray bool) {
	for i := range claims {
		cl := &claims[i]
		if !slices.Contains(cl.refs(fieldOf("answer", "checklist")), r.k.id) {
			continue
		}
		for _, item := range cl.texts(fieldOf("answer", "item")) {
			for _, at := range cl.refs(fieldOf("answer", "row")) {
				is := &saidItem{record: id, item: item, row: at, by: map[syncproto.PersonID]*Said{}}
				if r.name == nil || r.name(answerName(r.k.id, item, at)) == id {
					return is, false
				}
				if s == nil {
					s = is
				}
			}
		}
	}
	return s, true
}

// unnamedItem finds the item of a record of which nothing that says so can be read, by the id alone: what was answered
// first at the gate is there after a lock, too. nil where it is none of this checklist's.
func (r *checklistReader) unnamedItem(id syncproto.EntityID) *saidItem {
	if r.name == nil {
		return nil
	}
	if r.named == nil {
		r.named = map[syncproto.EntityID]itemKey{}
		for item, n := range r.k.keys.node {
			if n.Kind != form.KindQuestion {
				continue
			}
			around := n.Parent
			for around != nil && around.Kind != form.KindRepeat {
				around = around.Parent
			}
			if around == nil {
				r.named[r.name(answerName(r.k.id, item, syncproto.EntityID{}))] = itemKey{item: item}
				continue
			}
			for at, row := range r.rows {
				if row.repeat == r.k.keys.key[around] {
					r.named[r.name(answerName(r.k.id, item, at))] = itemKey{item, at}
				}
			}
		}
	}
	is, ok := r.named[id]
	if !ok {
		return nil
	}
	return &saidItem{record: id, item: is.item, row: is.row, by: map[syncproto.PersonID]*Said{}, unnamed: true}
}

func (r *checklistReader) row(ctx context.Context, v replica.RecordView) error {
	if !v.State.Exists {
		return nil
	}
	claims := claimsOf(v, r.values)
	out := r.knownRow(v.Entity, claims)
	if out == nil {
		return nil
	}
	out.struck = map[syncproto.PersonID]bool{}
	struck := fieldOf("row", "struck")
	for _, cl := range claims {
		out.by = append(out.by, cl.person)
		b, ok, err := r.head(ctx, cl.heads[struck.ID])
		if err != nil {
			return err
		}
		if ok && struck.FormatValue(b) == "yes" {
			out.struck[cl.person] = true
		}
	}
	r.rows[v.Entity] = out
	return nil
}
