package prototest

import "kua/syncproto"

// Op is one operation before it is signed. Value and Clear are Go values that EncodeMessage accepts; nil is null and
// "no clear part".
type Op struct {
	Kind   syncproto.Kind
	Entity syncproto.EntityID
	Field  syncproto.Field
	Sees   []Ref
	Flags  syncproto.Flags
	Clear  any
	Value  any
}

// Ref names an earlier operation, or for admissions an earlier changeset, together with the changeset that pins it.
type Ref struct {
	Feed    syncproto.FeedID
	N       uint64
	Short   syncproto.Short
	Seq     uint64
	Foreign bool // refer through a dependency even on the own feed: the other branch of a fork
}

// OpOf returns a reference to operation i of a changeset.
func OpOf(cs *syncproto.Changeset, i int) Ref {
	return Ref{Feed: cs.Header.Feed(), N: cs.Header.N, Short: cs.ID.Short(), Seq: cs.Header.Seq0 + uint64(i)}
}

// OpsOf returns references to all operations of a changeset.
func OpsOf(cs *syncproto.Changeset) []Ref {
	out := make([]Ref, cs.Header.Count)
	for i := range out {
		out[i] = OpOf(cs, i)
	}
	return out
}

// Seeing returns the operation with further references to what its author saw and it replaces.
func (o Op) Seeing(refs ...Ref) Op {
	o.Sees = append(append([]Ref(nil), o.Sees...), refs...)
	return o
}

// Create begins a record of the entity kind with that number.
func Create(e syncproto.EntityID, kind syncproto.Field) Op {
	return Op{Kind: syncproto.KindCreate, Entity: e, Field: kind}
}

// Set gives a field a value. It carries the flags that the vocabulary asks for.
func Set(e syncproto.EntityID, field syncproto.Field, value any) Op {
	o := Op{Kind: syncproto.KindSet, Entity: e, Field: field, Value: value}
	if _, spec, ok := syncproto.LookupField(field); ok {
		o.Flags = spec.Flags()
	}
	return o
}

// Resolve settles a field by a value: it hides what it sees.
func Resolve(e syncproto.EntityID, field syncproto.Field, value any, refs ...Ref) Op {
	o := Set(e, field, value).Seeing(refs...)
	o.Kind = syncproto.KindResolve
	return o
}

// Remove removes a record in the context of what its author saw.
func Remove(e syncproto.EntityID, refs ...Ref) Op {
	return Op{Kind: syncproto.KindRemove, Entity: e, Sees: refs}
}

// Restore brings a removed record back.
func Restore(e syncproto.EntityID, refs ...Ref) Op {
	return Op{Kind: syncproto.KindRestore, Entity: e, Sees: refs}
}

// Endorse accepts that the operations it names replaced somebody else's answers.
func Endorse(e syncproto.EntityID, refs ...Ref) Op {
	return Op{Kind: syncproto.KindEndorse, Entity: e, Sees: refs}
}

// Erase orders that the values of the operations it names are dropped.
func Erase(e syncproto.EntityID, refs ...Ref) Op {
	return Op{Kind: syncproto.KindErase, Entity: e, Sees: refs}
}

// Admit lets quarantined changesets of one scope take effect.
func Admit(scope syncproto.ScopeID, changesets ...*syncproto.Changeset) Op {
	return decide(syncproto.KindAdmit, scope, changesets)
}

// Decline leaves quarantined changesets of one scope without effect.
func Decline(scope syncproto.ScopeID, changesets ...*syncproto.Changeset) Op {
	return decide(syncproto.KindDecline, scope, changesets)
}

func decide(kind syncproto.Kind, scope syncproto.ScopeID, changesets []*syncproto.Changeset) Op {
	o := Op{Kind: kind, Entity: syncproto.EntityID(scope)}
	for _, cs := range changesets {
		o.Sees = append(o.Sees, Ref{Feed: cs.Header.Feed(), N: cs.Header.N, Short: cs.ID.Short(), Seq: cs.Header.N})
	}
	return o
}

// AddTeam adds people to a visit's team.
func AddTeam(v *Visit, people ...*Person) Op {
	var change syncproto.TeamChange
	for _, p := range people {
		change.Add = append(change.Add, p.ID)
	}
	return Op{Kind: syncproto.KindTeam, Entity: syncproto.EntityID(v.Scope), Clear: change}
}
