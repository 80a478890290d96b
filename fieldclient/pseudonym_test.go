package fieldclient

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"kua/syncproto"
)

// The pseudonym is made without a network by two laptops, across locks, gate mode and removals: it must never come twice.
func TestAPseudonymIsNeverGivenTwice(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	shape := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{2}-[0-9A-HJKMNP-TV-Z]{3}-[0-9]{2}-[0-9A-HJKMNP-TV-Z]$`)
	seen := map[string]bool{}
	interview := func(l *laptop) syncproto.EntityID {
		t.Helper()
		p, err := l.Pseudonym(ctx, b.visit)
		if err != nil || !shape.MatchString(p) || seen[p] {
			t.Fatalf("%s got the pseudonym %q (given before: %v): %v", l.name, p, seen[p], err)
		}
		seen[p] = true
		id, err := l.Create(ctx, b.visit, "interview", map[string]string{"pseudonym": p, "kind": "private", "consent": "C1"})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	interview(b.aru)
	interview(b.timur)
	gone := interview(b.aru)
	if _, err := b.aru.Remove(ctx, b.visit, gone); err != nil {
		t.Fatal(err)
	}
	interview(b.aru)
	b.aru.enterGate(b.visit)
	interview(b.aru)
	b.aru.reopen() // what was sealed at the gate is closed, and counts all the same
	interview(b.aru)
	b.meet()
	interview(b.timur)
	interview(b.aru)
}

func TestInterviewsThatBeginAtOnceGetDifferentPseudonyms(t *testing.T) {
	b := newBuilding(t)
	got := make(chan string)
	for range 8 {
		go func() {
			_, name, err := b.aru.NewInterview(context.Background(), b.visit, map[string]string{"kind": "private", "consent": "C1"})
			if err != nil {
				t.Error(err)
			}
			got <- name
		}()
	}
	seen := map[string]bool{}
	for range 8 {
		seen[<-got] = true
	}
	if len(seen) != 8 {
		t.Errorf("8 persons got %d pseudonyms: %v", len(seen), seen)
	}
}

func TestThePieceOfAPseudonymSaysNothingAndDiffersByVisitAndLaptop(t *testing.T) {
	a, b := code(3, "laptop", []byte("one visit"), []byte("laptop 1")), code(3, "laptop", []byte("one visit"), []byte("laptop 2"))
	if a == b || a != code(3, "laptop", []byte("one visit"), []byte("laptop 1")) || len(a) != 3 || strings.Trim(a, letters) != "" {
		t.Errorf("codes %q and %q", a, b)
	}
}
