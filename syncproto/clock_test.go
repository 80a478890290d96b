package syncproto_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

// I13: the same work signed under any clocks whatsoever has the same heads, conflicts, reviews and fates.
func TestClocksDecideNothing(t *testing.T) {
	want := workUnder(t, func(int) time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) })
	for name, clock := range map[string]func(step int) time.Time{
		"a year ahead":       func(int) time.Time { return time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC) },
		"before 1970":        func(int) time.Time { return time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC) },
		"backwards":          func(step int) time.Time { return time.Unix(1_800_000_000-int64(step)*86_400, 0) },
		"jumping":            func(step int) time.Time { return time.Unix(int64(step*7919%11)*400_000_000, 0) },
		"beyond the range":   func(int) time.Time { return time.UnixMilli(1 << 52) },
		"everybody the same": func(int) time.Time { return time.Unix(0, 0) },
	} {
		if diff := cmp.Diff(want, workUnder(t, clock)); diff != "" {
			t.Errorf("clocks that are %s change the state: %s", name, diff)
		}
	}
}

// workUnder plays one history under a clock and returns the state with operations named by their step.
func workUnder(t *testing.T, clock func(step int) time.Time) map[string]any {
	t.Helper()
	c := prototest.NewCast(t, 11)
	v, opening := c.Monitor.OpenVisit(prototest.Region, c.Monitor.Owner, c.Monitor2.Owner, c.Leader.Owner)
	all := []*syncproto.Changeset{opening}
	sign := func(d *prototest.Device, ops ...prototest.Op) *syncproto.Changeset {
		d.Now = func() time.Time { return clock(len(all)) }
		cs := d.Feed(v).Sign(ops...)
		all = append(all, cs)
		return cs
	}
	e := c.Entity()
	first := sign(c.Monitor, prototest.Create(e, 2200), prototest.Set(e, 2201, "cold"))
	second := sign(c.Monitor2, prototest.Set(e, 2201, "warm").Seeing(prototest.OpOf(first, 1)))
	sign(c.Monitor, prototest.Set(e, 2201, "very cold").Seeing(prototest.OpOf(first, 1)))
	third := sign(c.Leader, prototest.Resolve(e, 2202, "cell 4"), prototest.Remove(e, prototest.OpOf(first, 0), prototest.OpOf(second, 0)))
	c.RevokeDevice(c.Monitor2, c.Monitor2.Feed(v).Cut())
	late := sign(c.Monitor2, prototest.Set(e, 2202, "cell 5").Seeing(prototest.OpOf(third, 0)))
	sign(c.Coordinator, prototest.Admit(v.Scope, late), prototest.Endorse(e, prototest.OpOf(second, 0)))

	m := prototest.Model{Roster: c.Roster, Standing: v.Standing(), Changesets: slices.Clone(all)}
	state := m.Fold(true)[e]
	step := func(r syncproto.OpRef) [2]int {
		at := slices.IndexFunc(all, func(cs *syncproto.Changeset) bool { return cs.ID == m.ID(r.Changeset) })
		return [2]int{at, r.Index}
	}
	out := map[string]any{"attention": state.Attention, "exists": state.Exists, "removed": state.Removed, "kind": state.Kind}
	fates, heads, reviews := map[[2]int]syncproto.FateKind{}, map[[2]int]bool{}, map[[2]int][2]int{}
	for r, f := range state.Fates {
		fates[step(r)] = f.Kind
	}
	for _, f := range state.Fields {
		for _, h := range f.Heads {
			heads[step(h.OpRef)] = true
		}
		for _, r := range f.Reviews {
			reviews[step(r.Replaced)] = step(r.By)
		}
	}
	if len(fates) != 8 || len(heads) != 4 {
		t.Fatalf("the history does not say what this test is about: %d fates, heads %v, %+v", len(fates), heads, state)
	}
	out["fates"], out["heads"], out["reviews"] = fates, heads, reviews
	return out
}
