package fieldclient

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kua/syncproto"
)

// looks returns the target of a field of the visit's record with what the laptop shows of it now.
func (l *laptop) looks(visit syncproto.ScopeID, name string) Target {
	l.t.Helper()
	return Target{Scope: visit, Entity: syncproto.EntityID(visit), Field: field(l.t, "visit", name), Seen: SeenOf(l.field(visit, name))}
}

// disagreement is a visit on which Saule looks, Aru's answer arrives, and Saule acts on what she saw.
func disagreement(t *testing.T, before string) (saule *laptop, looked Target) {
	o := newTeam(t)
	saule = o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	dana := o.laptop("Dana", syncproto.RoleMonitor, "KZ-75")
	o.share()
	visit := saule.visit(aru, dana)
	if before != "" {
		carry(t, saule, dana)
		dana.set(visit, "summary", before)
		carry(t, dana, saule)
	}
	carry(t, saule, aru)
	looked = saule.looks(visit, "summary")
	aru.set(visit, "summary", "from Aru")
	carry(t, aru, saule)
	return saule, looked
}

func TestAnAnswerThatArrivesBetweenTheLookAndTheSaveStands(t *testing.T) {
	ctx := context.Background()
	saule, looked := disagreement(t, "")
	value, _ := looked.Field.ParseValue("from Saule")
	if _, err := saule.Set(ctx, looked, value); err != nil {
		t.Fatal(err)
	}
	f := saule.field(looked.Scope, "summary")
	got := f.values()
	slices.Sort(got)
	if !slices.Equal(got, []string{"from Aru", "from Saule"}) || !f.Conflict || len(f.Review) != 0 {
		t.Errorf("an answer that nobody saw was replaced: %+v", f)
	}
	looked.Seen = nil // what stands now
	if _, err := saule.Resolve(ctx, looked, value, "counted"); err != nil {
		t.Fatal(err)
	}
	if f := saule.field(looked.Scope, "summary"); len(f.Heads) != 1 {
		t.Errorf("without a look, what stands is settled: %+v", f)
	}
}

func TestADecisionCoversWhatWasSeen(t *testing.T) {
	ctx := context.Background()
	for name, act := range map[string]func(*laptop, Target) error{
		"clear": func(l *laptop, at Target) error { _, err := l.Clear(ctx, at); return err },
		"resolve": func(l *laptop, at Target) error {
			value, _ := at.Field.ParseValue("settled")
			_, err := l.Resolve(ctx, at, value, "counted")
			return err
		},
	} {
		saule, looked := disagreement(t, "from Dana")
		if err := act(saule, looked); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := saule.field(looked.Scope, "summary")
		if len(f.Heads) != 2 || !slices.Contains(f.values(), "from Aru") || slices.Contains(f.values(), "from Dana") {
			t.Errorf("%s covers something else than what was seen: %+v", name, f)
		}
	}
}

func TestNobodyEndorsesWhatTheyDidNotSee(t *testing.T) {
	ctx := context.Background()
	saule, at := disagreement(t, "from Dana") // Aru replaces what Dana wrote
	f := saule.field(at.Scope, "summary")
	at.Seen = []Seen{}
	if _, err := saule.Endorse(ctx, at); err == nil {
		t.Error("an overwrite was endorsed unseen")
	}
	at.Seen = []Seen{{f.Review[0].Replaced.Changeset, f.Review[0].Replaced.Index}}
	if _, err := saule.Endorse(ctx, at); err == nil {
		t.Error("an overwrite was endorsed by who saw only what it replaced")
	}
	at.Seen = []Seen{{f.Review[0].By.Changeset, f.Review[0].By.Index}}
	if _, err := saule.Endorse(ctx, at); err != nil {
		t.Fatal(err)
	}
	if f := saule.field(at.Scope, "summary"); len(f.Review) != 0 {
		t.Errorf("an endorsement did not clear the review: %+v", f)
	}
}

func TestWhatIsNotOnTheFieldWasNotSeenThere(t *testing.T) {
	ctx := context.Background()
	saule, looked := disagreement(t, "from Dana")
	value, _ := looked.Field.ParseValue("from Saule")
	title := saule.looks(looked.Scope, "title").Seen[0]
	far := looked.Seen[0]
	far.Index = 500
	for name, s := range map[string]Seen{"another field": title, "an index that is not there": far, "a negative index": {looked.Seen[0].Changeset, -1}} {
		at := looked
		at.Seen = []Seen{s}
		if _, err := saule.Set(ctx, at, value); err == nil {
			t.Errorf("%s was taken for what was seen on the field", name)
		}
	}
	at := looked
	at.Seen = []Seen{{syncproto.ChangesetID{1}, 0}}
	if _, err := saule.Set(ctx, at, value); !errors.Is(err, ErrNotFound) {
		t.Errorf("a changeset that is not here: %v", err)
	}
	at.Seen = make([]Seen, syncproto.MaxDots+1)
	if _, err := saule.Set(ctx, at, value); syncproto.CodeOf(err) != syncproto.CodeTooLarge {
		t.Errorf("any number of statements is looked up: %v", err)
	}
}
