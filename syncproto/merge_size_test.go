package syncproto

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// foldAsWritten is Fold in the words of docs/protocol.md §3: it looks for every operation among all others, and its time
// grows with the product of what there is.
func foldAsWritten(contributions []Contribution) RecordState {
	f := fold{at: make(map[Target]*entry), fields: make(map[fieldKey][]*entry)}
	f.collect(contributions)
	for i := range f.entries {
		f.supersedeAsWritten(&f.entries[i])
	}
	for i := range f.entries {
		f.control(&f.entries[i])
	}
	for _, k := range f.keys {
		f.settle(k)
	}
	f.removalAsWritten(contributions)
	slices.SortFunc(f.state.Fields, compareFields)
	slices.SortFunc(f.state.Edited, compareRefs)
	slices.SortFunc(f.state.Aliases, func(a, b Head) int { return compareRefs(a.OpRef, b.OpRef) })
	f.fates(contributions)
	return f.state
}

func (f *fold) supersedeAsWritten(e *entry) {
	if !e.op.settles() {
		return
	}
	once := func(list []*entry, e *entry) []*entry {
		if slices.Contains(list, e) {
			return list
		}
		return append(list, e)
	}
	var own, foreign []*entry
	unknown := 0
	for _, t := range e.op.Targets {
		target := f.at[t]
		switch {
		case t.Dangling:
			unknown++
		case target == nil || target == e || !sameField(target, e):
		case target.c.Person == e.c.Person:
			own = once(own, target)
		default:
			foreign = once(foreign, target)
		}
	}
	spec := kinds[e.op.Kind]
	full := spec.role == roleSettle && e.c.Rights.Has(spec.right)
	if !full && len(foreign)+unknown > 1 {
		foreign = nil
	}
	for _, t := range slices.Concat(own, foreign) {
		t.by = once(t.by, e)
	}
	if !full {
		e.foreign = foreign
	}
}

func (f *fold) removalAsWritten(contributions []Contribution) {
	if !f.state.Removed {
		return
	}
	forked := forkedFeeds(contributions)
	for i := range f.entries {
		e := &f.entries[i]
		if !e.op.settles() || keyOf(e).field == FieldExistence {
			continue
		}
		hidden := slices.ContainsFunc(f.fields[fieldKey{field: FieldExistence}], func(r *entry) bool {
			if r.op.Kind != KindRemove || len(r.by) > 0 || len(e.by) == 0 && e.c.Person != r.c.Person && !r.c.Rights.Has(RightRemove) {
				return false
			}
			return slices.ContainsFunc(r.op.Targets, func(t Target) bool {
				seen := f.at[t]
				if seen == nil || forked[e.c.Feed] {
					return seen == e
				}
				return seen.c.Feed == e.c.Feed && seen.op.Seq >= e.op.Seq
			})
		})
		if !hidden {
			f.state.Edited = append(f.state.Edited, e.ref)
			f.state.Attention |= AttentionEdited
		}
	}
}

// anyContributions draws what no honest program writes too: operations that list themselves, what comes later, what is
// another field's, the same thing twice, and what is not there.
func anyContributions(t *rapid.T) []Contribution {
	n := rapid.IntRange(1, 12).Draw(t, "changesets")
	cs := make([]Contribution, n)
	next := map[uint64]uint64{}
	var at []Target
	for i := range cs {
		c := &cs[i]
		feed := uint64(rapid.IntRange(1, 4).Draw(t, "feed"))
		*c = Contribution{Changeset: uint64(i + 1), Feed: feed, N: uint64(rapid.IntRange(1, 6).Draw(t, "n")), Person: PersonID{byte(feed % 3)},
			Rights:      rapid.SampledFrom([]Rights{0, Rights(RightRemove), ^Rights(0)}).Draw(t, "rights"),
			Quarantined: rapid.IntRange(0, 6).Draw(t, "quarantined") == 0, Forked: rapid.IntRange(0, 9).Draw(t, "forked") == 0}
		for j := range rapid.IntRange(1, 4).Draw(t, "ops") {
			next[feed]++
			o := MergeOp{Index: j, Seq: next[feed], Field: rapid.SampledFrom([]Field{1, 2}).Draw(t, "field"),
				Kind:  rapid.SampledFrom([]Kind{KindSet, KindSet, KindClear, KindResolve, KindCreate, KindRemove, KindRemove, KindRestore, KindAlias, KindEndorse, KindErase}).Draw(t, "kind"),
				Flags: rapid.SampledFrom([]Flags{0, 0, 0, FlagPersonal}).Draw(t, "flags")}
			at = append(at, Target{Changeset: c.Changeset, Seq: o.Seq})
			c.Ops = append(c.Ops, o)
		}
	}
	at = append(at, Target{Changeset: 99, Seq: 1}, Target{Changeset: 1, Seq: 1, Dangling: true}, Target{Changeset: 2, Seq: 1, Dangling: true})
	for i := range cs {
		for j := range cs[i].Ops {
			cs[i].Ops[j].Targets = rapid.SliceOfN(rapid.SampledFrom(at), 0, 6).Draw(t, "targets")
		}
	}
	return cs
}

func TestFoldSaysWhatTheRulesSayAsWritten(t *testing.T) {
	edited, hidden := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		cs := anyContributions(t)
		got, want := Fold(cs, true), foldAsWritten(cs)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("Fold says\n%+v\nthe rules say\n%+v", got, want)
		}
		if edited += len(got.Edited); got.Removed && len(got.Edited) == 0 {
			hidden++
		}
	})
	if edited == 0 || hidden == 0 {
		t.Errorf("%d operations outlived a removal, %d removals hid everything: the test does not reach what it is for", edited, hidden)
	}
}

// troubled is a record that grew for years, or that somebody made to be slow: a third of its operations are removals that
// all stand, a third are answers of three people, and a third are resolves that list those, each several at a time. Its
// size is the number of operations; each lists about as many others as the protocol's limits let a changeset.
func troubled(size int) []Contribution {
	rng := rand.New(rand.NewPCG(uint64(size), 7))
	var cs []Contribution
	var answers []Target
	list := func() (out []Target) {
		for range min(8, len(answers)) {
			out = append(out, answers[rng.IntN(len(answers))])
		}
		return out
	}
	for i := range size {
		c := Contribution{Changeset: uint64(i + 1), Feed: uint64(i % 6), N: uint64(i/6 + 1), Person: PersonID{byte(i % 3)}}
		o := MergeOp{Seq: c.N, Field: 1, Kind: KindSet}
		switch i / 6 % 3 {
		case 0:
			answers = append(answers, Target{Changeset: c.Changeset, Seq: o.Seq})
		case 1:
			o.Kind, o.Targets = KindRemove, list()
		case 2:
			o.Kind, o.Targets, c.Rights = KindResolve, list(), Rights(RightResolve)
		}
		c.Ops = []MergeOp{o}
		cs = append(cs, c)
	}
	return cs
}

// A record of half a million operations, of which a third remove it: looking for each among all would not end today.
func TestFoldEndsOnARecordThatSomebodyMadeToBeSlow(t *testing.T) {
	cs := troubled(500_000)
	wide := MergeOp{Seq: 1, Field: 1, Kind: KindResolve} // and one that lists everything, twice
	for range 2 {
		for i := range cs {
			wide.Targets = append(wide.Targets, Target{Changeset: cs[i].Changeset, Seq: cs[i].Ops[0].Seq})
		}
	}
	cs = append(cs, Contribution{Changeset: 1 << 40, Feed: 99, N: 1, Person: PersonID{9}, Rights: Rights(RightResolve), Ops: []MergeOp{wide}})
	if s := Fold(cs, true); !s.Removed || len(s.Fates) != len(cs) || len(s.Field(1).Heads) == 0 {
		t.Errorf("removed %v, %d fates", s.Removed, len(s.Fates))
	}
}

// BenchmarkFold shows how the time for one operation of a record grows with the record: it must not.
func BenchmarkFold(b *testing.B) {
	for _, how := range []struct {
		name string
		fold func([]Contribution)
		most int
	}{
		{"linear", func(cs []Contribution) { Fold(cs, true) }, 256_000},
		{"as written", func(cs []Contribution) { foldAsWritten(cs) }, 4_000},
	} {
		for size := 1_000; size <= how.most; size *= 4 {
			cs := troubled(size)
			b.Run(fmt.Sprintf("%s/%d", how.name, size), func(b *testing.B) {
				for b.Loop() {
					how.fold(cs)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/operation")
			})
		}
	}
}
