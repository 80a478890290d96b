package fieldclient

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"kua/syncproto"
)

// A browser drops requests all the time. What is acknowledged must stay, and the records in memory must stay whole.
func TestRequestsThatAreBrokenOffLeaveTheRecordsWhole(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	target := Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: field(t, "visit", "summary")}
	var wait sync.WaitGroup
	saved := 0
	for w := range 4 {
		wait.Go(func() {
			for i := range 60 {
				ctx, stop := context.WithTimeout(ctx, time.Duration(rand.Int64N(int64(3*time.Millisecond))))
				switch {
				case w == 0:
					if _, err := saule.Set(ctx, target, syncproto.AnswerValue("text " + strconv.Itoa(i))[2:]); err == nil {
						saved++
					}
				case w == 1:
					_, _ = saule.Search(ctx, "text")
				case w == 2:
					_, _ = saule.Record(ctx, visit, target.Entity)
				default:
					_, _ = saule.History(ctx, target)
				}
				stop()
			}
		})
	}
	wait.Wait()
	v, err := saule.Verify(ctx)
	if err != nil || len(v.Faults) > 0 {
		t.Fatalf("after %d saves: %+v %v", saved, v.Faults, err)
	}
	saule.set(visit, "summary", "the last word")
	if f := saule.field(visit, "summary"); len(f.Heads) != 1 || f.Heads[0].Value != "the last word" {
		t.Errorf("the author's own answers stand beside each other: %v", f.values())
	}
	want, err := saule.Replica().Digest(ctx, visit)
	if err != nil {
		t.Fatal(err)
	}
	saule.reopen()
	if got, err := saule.Replica().Digest(ctx, visit); err != nil || got != want {
		t.Errorf("another state after unlocking again: %v", err)
	}
}

func TestTwoWindowsOfOnePersonDoNotConflict(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	spec := field(t, "visit", "summary")
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for i := range 10 {
				v, _ := spec.ParseValue(strconv.Itoa(w*100 + i))
				if _, err := saule.Set(ctx, Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: spec}, v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if f := saule.field(visit, "summary"); len(f.Heads) != 1 {
		t.Errorf("one person disagrees with themselves: %v", f.values())
	}
}

// The screens read while they save: a box that is drawn anew beside a save must never say that something went wrong.
func TestWhoeverReadsBesideASaveReadsWhatIsOnTheDisk(t *testing.T) {
	ctx := context.Background()
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit(saule)
	target := Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: field(t, "visit", "summary")}
	saule.set(visit, "summary", "the first word")
	ended := make(chan struct{})
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				if _, err := saule.Record(ctx, visit, target.Entity); err != nil {
					t.Errorf("reading beside a save: %v", err)
					return
				}
			}
		})
	}
	for i := range 60 {
		saule.set(visit, "summary", "text "+strconv.Itoa(i))
	}
	close(ended)
	wait.Wait()
}
