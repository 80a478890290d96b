package fieldclient

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"kua/syncproto"
)

// What cannot be read may have been "yes": a lock, a gate and an erasure open nothing.
func TestARestrictionThatCannotBeReadStands(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	aru, dana := o.laptop("Aru", syncproto.RoleMonitor, "KZ-75"), o.laptop("Dana", syncproto.RoleHealth, "KZ-75")
	dauren := o.laptop("Dauren", syncproto.RoleProtection, "KZ-75")
	o.share()
	visit := saule.visit(aru, dana)
	(&building{team: o}).meet()
	id := aru.add(visit, Evidence{Kind: "file"}, []byte("a back with marks"))
	carry(t, aru, dana)
	stick(t, aru, dana)
	dana.enterGate(visit)
	dana.put(visit, id, "evidence", "restricted", "yes")
	if _, err := dana.original(visit, id); err != nil {
		t.Fatalf("the health expert herself: %v", err)
	}
	carry(t, dana, aru)
	closed := func(when string) {
		t.Helper()
		if _, err := aru.original(visit, id); !errors.Is(err, ErrRestricted) {
			t.Errorf("%s: %v", when, err)
		}
		if v := aru.evidence(visit, id); !v.Restricted || v.MayOpen {
			t.Errorf("%s: %+v", when, v)
		}
	}
	closed("sealed at a gate")
	dana.reopen()
	if v := dana.evidence(visit, id); !v.Restricted {
		t.Errorf("closed to its writer it says: %+v", v)
	}
	aru.put(visit, id, "evidence", "restricted", "no")
	closed("a monitor's no")

	other := aru.add(visit, Evidence{Kind: "file", Restricted: true}, []byte("another"))
	carry(t, aru, dauren)
	if _, err := dauren.Erase(context.Background(), Target{Scope: visit, Entity: other, Field: field(t, "evidence", "restricted")}, "request no. 8"); err != nil {
		t.Fatal(err)
	}
	carry(t, dauren, aru)
	if _, err := aru.original(visit, other); !errors.Is(err, ErrRestricted) {
		t.Errorf("erased: %v", err)
	}
}

// words are what restricted evidence may say of somebody, each in a place of its own.
var words = []string{"kanarname", "kanarcaption", "kanarother", "kanarsettled", "kanarreason"}

func TestNoWordOfRestrictedEvidenceReachesWhoMayNotSeeIt(t *testing.T) {
	saule, aru, dana, visit := people(t)
	ctx := t.Context()
	id := aru.add(visit, Evidence{Kind: "file", Name: words[0] + ".txt", Caption: words[1]}, []byte("a back with marks"))
	for _, l := range []*laptop{saule, dana} {
		carry(t, aru, l)
	}
	caption := Target{Scope: visit, Entity: id, Field: field(t, "evidence", "caption")}
	saule.put(visit, id, "evidence", "caption", words[2])
	aru.put(visit, id, "evidence", "caption", words[1]+" twice")
	carry(t, aru, saule)
	raw, _ := caption.Field.ParseValue(words[3])
	if _, err := saule.Resolve(ctx, caption, raw, words[4]); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*laptop{aru, dana} {
		carry(t, saule, l)
	}
	for _, word := range words {
		if got := aru.everything(visit, id); !strings.Contains(got, word) {
			t.Fatalf("%s is nowhere to be read before: %s", word, got)
		}
	}
	dana.put(visit, id, "evidence", "restricted", "yes")
	for _, l := range []*laptop{aru, saule} {
		carry(t, dana, l)
		got := l.everything(visit, id)
		for _, word := range words {
			if i := strings.Index(got, word); i >= 0 {
				t.Errorf("%s reads %s", l.name, got[max(0, i-300):i+30])
			}
		}
		for name, do := range map[string]func() error{
			"set":     func() error { _, err := l.Set(ctx, caption, raw); return err },
			"clear":   func() error { _, err := l.Clear(ctx, caption); return err },
			"resolve": func() error { _, err := l.Resolve(ctx, caption, raw, "x"); return err },
			"endorse": func() error { _, err := l.Endorse(ctx, caption); return err },
		} {
			if err := do(); !errors.Is(err, ErrRestricted) {
				t.Errorf("%s by %s, who sees nothing of it: %v", name, l.name, err)
			}
		}
	}
	for _, word := range words {
		if got := dana.everything(visit, id); !strings.Contains(got, word) {
			t.Errorf("%s is kept from the health expert", word)
		}
	}
}

// everything is what a person can be shown of a visit, by every way of reading it.
func (l *laptop) everything(visit syncproto.ScopeID, id syncproto.EntityID) string {
	l.t.Helper()
	ctx := context.Background()
	var all []any
	note := func(v any, err error) {
		l.t.Helper()
		if err != nil {
			l.t.Fatal(err)
		}
		all = append(all, v)
	}
	v, err := l.Record(ctx, visit, id)
	note(v, err)
	every, err := l.Records(ctx, visit, "")
	note(every, err)
	waits, err := l.Attention(ctx, visit)
	note(waits, err)
	list, err := l.Evidence(ctx, visit)
	note(list, err)
	blocked, err := l.Quarantine(ctx, visit)
	note(blocked, err)
	kind, _ := syncproto.KindNamed("evidence")
	for i := range kind.Fields {
		h, err := l.History(ctx, Target{Scope: visit, Entity: id, Field: &kind.Fields[i]})
		note(h, err)
	}
	h, err := l.History(ctx, Target{Scope: visit, Entity: id, Field: &syncproto.FieldSpec{ID: ReasonField, Name: "reason", Class: syncproto.Personal, Type: syncproto.TypeText}})
	note(h, err)
	for _, w := range words {
		found, err := l.Search(ctx, w)
		note(found, err)
	}
	b, err := json.Marshal(all)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}
