package fieldclient

import (
	"context"
	"testing"

	"kua/syncproto"
)

func (l *laptop) consents(visit syncproto.ScopeID, interview syncproto.EntityID) []Consent {
	l.t.Helper()
	list, err := l.Consents(context.Background(), visit, interview)
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

func (l *laptop) put(visit syncproto.ScopeID, id syncproto.EntityID, kind, name, value string) {
	l.t.Helper()
	f := field(l.t, kind, name)
	v, err := f.ParseValue(value)
	if err == nil {
		_, err = l.Set(context.Background(), Target{Scope: visit, Entity: id, Field: f}, v)
	}
	if err != nil {
		l.t.Fatalf("%s sets %s: %v", l.name, name, err)
	}
}

// One laptop hears "no longer"; the other, without a network, writes on. Whatever is written and in whichever order it
// comes together, the consent is gone.
func TestAConsentThatWasTakenBackStaysSo(t *testing.T) {
	ctx := context.Background()
	b := newBuilding(t)
	interview, err := b.aru.Create(ctx, b.visit, "interview", map[string]string{"pseudonym": "AA-BBB-01-C", "consent": "C3"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.aru.Create(ctx, b.visit, "interview", map[string]string{"pseudonym": "AA-BBB-02-D"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := b.aru.Create(ctx, b.visit, "consent", map[string]string{"interview": interview.String(), "use": "report", "level": "C3", "by": "person"})
	if err != nil {
		t.Fatal(err)
	}
	b.meet()
	b.aru.put(b.visit, id, "consent", "withdrawn", "yes")
	b.timur.put(b.visit, id, "consent", "withdrawn", "no")
	b.timur.put(b.visit, id, "consent", "level", "C5")
	b.meet()
	f := field(t, "consent", "withdrawn")
	no, err := f.ParseValue("no")
	if err == nil { // somebody settles the two with the wrong one
		_, err = b.saule.Resolve(ctx, Target{Scope: b.visit, Entity: id, Field: f}, no, "misheard")
	}
	if err != nil {
		t.Fatal(err)
	}
	b.meet()
	for _, l := range b.laptops {
		for range 2 {
			got := l.consents(b.visit, interview)
			if len(got) != 1 || !got[0].Withdrawn || got[0].Use != "report" || got[0].Name != "Aru" {
				t.Errorf("%s sees %d consents, withdrawn: %v", l.name, len(got), len(got) == 1 && got[0].Withdrawn)
			}
			if got := l.consents(b.visit, other); len(got) != 0 {
				t.Errorf("%s sees %d consents of another person", l.name, len(got))
			}
			l.reopen()
		}
	}
}

func TestOfTwoLevelsTheLowerOneCounts(t *testing.T) {
	for _, c := range []struct {
		levels []string
		want   string
	}{{nil, "C1"}, {[]string{"C4", "C2"}, "C2"}, {[]string{"C0", "C5"}, "C0"}, {[]string{"yes", "C3"}, "C3"}, {[]string{"c0"}, "C1"}} {
		if got := LowestConsent(c.levels); got != c.want {
			t.Errorf("%v: got %s, want %s", c.levels, got, c.want)
		}
	}
}
