package syncproto

import (
	"bytes"
	"cmp"
	"slices"
)

// A Contribution is what one changeset says about one record, as the merge sees it. Handles are the store's own
// small numbers for changesets and feeds; the result of Fold names operations by them and does not depend on their
// order.
type Contribution struct {
	Changeset   uint64
	Feed        uint64
	N           uint64
	Person      PersonID // the author
	Rights      Rights   // the author's, at the roster head that the changeset cites
	Quarantined bool     // kept and shown, without effect
	Forked      bool     // its feed has two changesets of one number somewhere, perhaps on other records
	Ops         []MergeOp
}

// MergeOp is one operation of a contribution.
type MergeOp struct {
	Index   int // in the changeset
	Seq     uint64
	Kind    Kind
	Field   Field
	Flags   Flags
	Targets []Target
}

// Target is a dot that has been resolved to an operation. Dangling means that the changeset that pins it has not come
// yet: it has no effect so far, and counts as somebody else's when an ordinary edit is judged.
type Target struct {
	Changeset uint64
	Seq       uint64
	Dangling  bool
}

// OpRef names one operation of a record.
type OpRef struct {
	Changeset uint64
	Index     int
}

// Attention is a set of reasons why a record waits for a person (docs/protocol.md §9, attention).
type Attention uint8

// The reasons.
const (
	AttentionHeads    Attention = 1 << iota // a shared field has several heads; holders of the key see whether they differ
	AttentionReview                         // somebody else's answer was replaced by an ordinary edit
	AttentionEdited                         // removed, but edited meanwhile
	AttentionExists                         // removed and restored by people who did not see each other
	AttentionCritical                       // holds a critical operation that this program does not know: read-only
	AttentionWaiting                        // quarantined work touches the record
)

// FieldState is the merged state of one field: for a personal field, of one author's statement.
type FieldState struct {
	Field    Field
	Personal bool
	Person   PersonID // whose statement, where Personal
	Heads    []Head   // operations that nothing accepted supersedes
	Reviews  []Review // foreign retirements that wait for an endorsement
}

// Head is an operation that stands.
type Head struct {
	OpRef
	Kind   Kind
	Person PersonID
}

// Review is one foreign retirement: the ordinary operation By replaced Replaced.
type Review struct {
	By, Replaced OpRef
}

// RecordState is the merged state of one record.
type RecordState struct {
	Kind      Field // number of the entity kind, from the create operation; 0 while it has not come
	Exists    bool  // false where never created or removed
	Removed   bool
	Edited    []OpRef // what a standing removal must not hide: its author had not seen it, or had no right to remove it
	Fields    []FieldState
	Aliases   []Head // standing alias operations
	Attention Attention
	Fates     map[OpRef]Fate // only where asked for
}

// FateKind says what became of an operation. Every operation has exactly one (docs/protocol.md §11, I4).
type FateKind uint8

// The fates.
const (
	FateHead FateKind = iota
	FateSuperseded
	FateQuarantined
	FateErased
)

// Fate is what became of an operation, and by which operations.
type Fate struct {
	Kind FateKind
	By   []OpRef
}

// entry is one operation with its author, inside Fold.
type entry struct {
	ref      OpRef
	op       *MergeOp
	c        *Contribution
	by       []*entry // what effectively supersedes it
	named    *entry   // what listed it last
	foreign  []*entry // what an ordinary edit of it retired of others'
	endorsed bool
	erasedBy []OpRef
}

type fieldKey struct {
	field    Field
	personal bool
	person   PersonID
}

// fold is the working state of Fold.
type fold struct {
	entries []entry
	at      map[Target]*entry // by changeset and sequence number
	waiting map[Target]OpRef  // quarantined operations: they have no effect, but an erasure reaches them
	dropped map[OpRef][]OpRef // of those, what orders to erase name, by which
	fields  map[fieldKey][]*entry
	keys    []fieldKey
	state   RecordState
}

// Fold merges all contributions to one record. It is a pure function of their set: their order, and how they came,
// cannot matter (docs/protocol.md §3, I1, I2). fates asks for RecordState.Fates. It takes time in proportion to the
// operations and what they list, but for putting the result in order: nobody can make a record slow by more than they write.
func Fold(contributions []Contribution, fates bool) RecordState {
	f := fold{at: make(map[Target]*entry), fields: make(map[fieldKey][]*entry)}
	f.collect(contributions)
	for i := range f.entries {
		f.supersede(&f.entries[i])
	}
	for i := range f.entries {
		f.control(&f.entries[i])
	}
	for _, k := range f.keys {
		f.settle(k)
	}
	f.removal(contributions)
	slices.SortFunc(f.state.Fields, compareFields)
	slices.SortFunc(f.state.Edited, compareRefs)
	slices.SortFunc(f.state.Aliases, func(a, b Head) int { return compareRefs(a.OpRef, b.OpRef) })
	if fates {
		f.fates(contributions)
	}
	return f.state
}

// collect files every operation that takes effect under its field.
func (f *fold) collect(contributions []Contribution) {
	n := 0
	for i := range contributions {
		n += len(contributions[i].Ops)
	}
	f.entries = make([]entry, 0, n) // pointers into it stay valid: it never grows
	for i := range contributions {
		c := &contributions[i]
		if c.Quarantined {
			f.state.Attention |= AttentionWaiting
			f.wait(c)
			continue
		}
		for j := range c.Ops {
			f.file(c, &c.Ops[j])
		}
	}
}

func (f *fold) wait(c *Contribution) {
	if f.waiting == nil {
		f.waiting, f.dropped = make(map[Target]OpRef), make(map[OpRef][]OpRef)
	}
	for i := range c.Ops {
		f.waiting[Target{Changeset: c.Changeset, Seq: c.Ops[i].Seq}] = OpRef{c.Changeset, c.Ops[i].Index}
	}
}

func (f *fold) file(c *Contribution, o *MergeOp) {
	if f.at[Target{Changeset: c.Changeset, Seq: o.Seq}] != nil {
		return // delivered twice
	}
	f.entries = append(f.entries, entry{ref: OpRef{c.Changeset, o.Index}, op: o, c: c})
	e := &f.entries[len(f.entries)-1]
	f.at[Target{Changeset: c.Changeset, Seq: o.Seq}] = e
	if !o.Kind.Known() && o.Flags&FlagCritical != 0 {
		f.state.Attention |= AttentionCritical
	}
	if !o.settles() {
		return
	}
	k := keyOf(e)
	if f.fields[k] == nil {
		f.keys = append(f.keys, k)
	}
	f.fields[k] = append(f.fields[k], e)
}

// fieldAlias is the pseudo-field of alias operations; no vocabulary uses the highest number.
const fieldAlias = ^Field(0)

// settles reports whether the operation acts on a field. An operation of an unknown or a control kind does not; nor
// does one that names a pseudo-field which belongs to other kinds: it must not pass for a creation or an alias.
func (o *MergeOp) settles() bool {
	switch o.Kind {
	case KindCreate, KindRemove, KindRestore, KindAlias:
		return true
	}
	return o.Kind.Settles() && o.Field != FieldExistence && o.Field != fieldAlias
}

// keyOf returns the field that an operation acts on. What a record is (create, remove, restore) is one field.
func keyOf(e *entry) fieldKey {
	switch e.op.Kind {
	case KindCreate, KindRemove, KindRestore:
		return fieldKey{field: FieldExistence}
	case KindAlias:
		return fieldKey{field: fieldAlias}
	}
	if e.op.Flags&FlagPersonal != 0 {
		return fieldKey{e.op.Field, true, e.c.Person}
	}
	return fieldKey{field: e.op.Field}
}

// supersede applies the rule of docs/protocol.md §3: a settling operation of a right-holder retires all that it
// lists; an ordinary edit retires its author's own and at most one of somebody else's.
func (f *fold) supersede(e *entry) {
	if !e.op.settles() {
		return
	}
	spec := kinds[e.op.Kind]
	var own, foreign []*entry
	unknown := 0
	for _, t := range e.op.Targets {
		target := f.at[t]
		switch {
		case t.Dangling:
			unknown++
		case target == nil || target == e || target.named == e || !sameField(target, e):
		case target.c.Person == e.c.Person:
			own = append(own, target)
		default:
			foreign = append(foreign, target)
		}
		if target != nil {
			target.named = e
		}
	}
	full := spec.role == roleSettle && e.c.Rights.Has(spec.right)
	if !full && len(foreign)+unknown > 1 {
		foreign = nil
	}
	for _, t := range own {
		t.by = append(t.by, e)
	}
	for _, t := range foreign {
		t.by = append(t.by, e)
	}
	if !full {
		e.foreign = foreign
	}
}

func sameField(a, b *entry) bool { return a.op.settles() && keyOf(a) == keyOf(b) }

// control applies endorsements and erasures, and lets a resolve stand for an endorsement of what it names.
func (f *fold) control(e *entry) {
	endorses := e.op.Kind == KindEndorse && e.c.Rights.Has(RightEndorse) ||
		e.op.Kind == KindResolve && e.c.Rights.Has(RightResolve)
	erases := e.op.Kind == KindErase && e.c.Rights.Has(RightErase)
	if !endorses && !erases {
		return
	}
	for _, t := range e.op.Targets {
		target := f.at[t]
		if ref, ok := f.waiting[t]; ok && erases {
			if by := f.dropped[ref]; len(by) == 0 || by[len(by)-1] != e.ref { // e may list it twice
				f.dropped[ref] = append(by, e.ref)
			}
		}
		if target == nil || t.Dangling {
			continue
		}
		if endorses {
			target.endorsed = true
		}
		if erases {
			target.erasedBy = append(target.erasedBy, e.ref)
		}
	}
}

// settle writes down the heads and reviews of one field.
func (f *fold) settle(k fieldKey) {
	s := FieldState{Field: k.field, Personal: k.personal, Person: k.person}
	for _, e := range f.fields[k] {
		if len(e.by) == 0 {
			s.Heads = append(s.Heads, Head{e.ref, e.op.Kind, e.c.Person})
		}
		if e.endorsed {
			continue
		}
		for _, o := range e.foreign {
			s.Reviews = append(s.Reviews, Review{e.ref, o.ref})
		}
	}
	slices.SortFunc(s.Heads, func(a, b Head) int { return compareRefs(a.OpRef, b.OpRef) })
	slices.SortFunc(s.Reviews, func(a, b Review) int {
		return cmp.Or(compareRefs(a.By, b.By), compareRefs(a.Replaced, b.Replaced))
	})
	if len(s.Reviews) > 0 {
		f.state.Attention |= AttentionReview
	}
	switch {
	case k.field == FieldExistence:
		f.existence(s)
	case k.field == fieldAlias:
		f.state.Aliases = s.Heads
	case len(s.Heads) > 1 && !k.personal:
		f.state.Attention |= AttentionHeads
	}
	if pseudo := k.field == FieldExistence || k.field == fieldAlias; !pseudo || len(s.Reviews) > 0 {
		f.state.Fields = append(f.state.Fields, s)
	}
}

// existence reads the record's kind and whether it is there.
func (f *fold) existence(s FieldState) {
	for _, e := range f.fields[fieldKey{field: FieldExistence}] {
		if e.op.Kind != KindCreate || e.op.Field == 0 || e.op.Field == f.state.Kind {
			continue
		}
		if f.state.Kind != 0 { // two creations do not agree on what the record is
			f.state.Attention |= AttentionHeads
		}
		if f.state.Kind == 0 || e.op.Field < f.state.Kind {
			f.state.Kind = e.op.Field
		}
	}
	for _, h := range s.Heads {
		if h.Kind == KindRemove {
			f.state.Removed = true
		} else {
			f.state.Exists = true
		}
	}
	if f.state.Removed && f.state.Exists {
		f.state.Attention |= AttentionExists
	}
}

func (f *fold) fates(contributions []Contribution) {
	f.state.Fates = make(map[OpRef]Fate)
	for i := range contributions {
		for _, o := range contributions[i].Ops {
			ref := OpRef{contributions[i].Changeset, o.Index}
			f.state.Fates[ref] = Fate{Kind: FateQuarantined}
			if by := f.dropped[ref]; len(by) > 0 {
				slices.SortFunc(by, compareRefs)
				f.state.Fates[ref] = Fate{FateErased, by}
			}
		}
	}
	for i := range f.entries {
		e := &f.entries[i]
		fate := Fate{Kind: FateHead}
		if len(e.erasedBy) > 0 {
			fate = Fate{FateErased, e.erasedBy}
		} else if len(e.by) > 0 {
			fate.Kind = FateSuperseded
			for _, b := range e.by {
				fate.By = append(fate.By, b.ref)
			}
		}
		slices.SortFunc(fate.By, compareRefs)
		f.state.Fates[e.ref] = fate
	}
}

func compareRefs(a, b OpRef) int {
	return cmp.Or(cmp.Compare(a.Changeset, b.Changeset), cmp.Compare(a.Index, b.Index))
}

func compareFields(a, b FieldState) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), bytes.Compare(a.Person[:], b.Person[:]))
}

// Settles reports whether the kind is judged by the merge at all: control kinds have no heads.
func (k Kind) Settles() bool { spec, ok := kinds[k]; return ok && spec.role != roleControl }

// Field returns the state of a shared field, or nil where nobody ever wrote it.
func (s *RecordState) Field(id Field) *FieldState {
	for i := range s.Fields {
		if s.Fields[i].Field == id && !s.Fields[i].Personal {
			return &s.Fields[i]
		}
	}
	return nil
}

// Conflict reports whether the heads hold more than one value. value returns the canonical encoding of an
// operation's value; heads whose value is not at hand (nil) are left out.
func (s *FieldState) Conflict(value func(OpRef) []byte) bool {
	var first []byte
	for _, h := range s.Heads {
		v := value(h.OpRef)
		switch {
		case v == nil:
		case first == nil:
			first = v
		case !bytes.Equal(first, v):
			return true
		}
	}
	return false
}

var attentionNames = [...]string{"several-heads", "review", "removed-but-edited", "removed-and-restored", "update-kua", "quarantined"}

// Reasons returns the names of the reasons, as the wire and the command line spell them.
func (a Attention) Reasons() []string {
	var out []string
	for i, name := range attentionNames {
		if a&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// String returns the fate's name.
func (k FateKind) String() string {
	return [...]string{"head", "superseded", "quarantined", "erased"}[k]
}
