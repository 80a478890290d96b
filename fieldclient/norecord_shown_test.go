package fieldclient

import (
	"strings"
	"testing"

	"kua/syncproto"
)

// What was written before a person took the record back is in no list, view, history and search, for whoever looks.
func TestWhatMayNotBeRecordedIsShownNowhere(t *testing.T) {
	ctx := t.Context()
	for _, how := range []string{"level", "withdrawn"} {
		b := newBuilding(t)
		id, err := b.aru.Create(ctx, b.visit, "interview", map[string]string{"pseudonym": "Heron", "consent": "C2", "summary": "kestrelword first"})
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := syncproto.KindNamed("interview")
		field := func(name string) Target {
			f, err := kind.FieldNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			return Target{Scope: b.visit, Entity: id, Field: f}
		}
		set := func(target Target, text string) {
			t.Helper()
			value, err := target.Field.ParseValue(text)
			if err == nil {
				_, err = b.aru.Set(ctx, target, value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		set(field("summary"), "kestrelword second")
		if found, err := b.aru.Search(ctx, "kestrelword"); err != nil || len(found) != 2 {
			t.Fatalf("%d of 2 found: %v", len(found), err)
		}
		if how == "level" {
			set(field("consent"), "C0")
		} else if _, err := b.aru.Create(ctx, b.visit, "consent", map[string]string{"interview": id.String(), "use": "record", "level": "C2", "withdrawn": "yes"}); err != nil {
			t.Fatal(err)
		}
		b.meet()
		for _, l := range []*laptop{b.aru, b.timur, b.saule} {
			if found, err := l.Search(ctx, "kestrelword"); err != nil || len(found) > 0 {
				t.Errorf("%s: %s finds %d texts: %v", how, l.name, len(found), err)
			}
			history, err := l.History(ctx, field("summary"))
			if err != nil || len(history) != 2 {
				t.Fatalf("%d statements: %v", len(history), err)
			}
			for _, h := range history {
				if strings.Contains(h.Value, "kestrel") || !h.Veiled {
					t.Errorf("%s: the history shows %s %q", how, l.name, h.Value)
				}
			}
			if v, err := l.Record(ctx, b.visit, id); err != nil || len(v.values("summary")) > 0 || len(v.values("pseudonym")) != 1 {
				t.Errorf("%s: %s is shown %q, %v", how, l.name, v.values("summary"), err)
			}
		}
		if how == "level" {
			set(field("consent"), "C2")
			if found, err := b.aru.Search(ctx, "kestrelword"); err != nil || len(found) != 2 {
				t.Errorf("allowed again, %d of 2 are found: %v", len(found), err)
			}
		}
	}
}

func TestAnAnswerChangedOnSiteIsNoLongerFromPaper(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	value, paper := "damp", true
	if _, err := s.on(s.a).Answer(t.Context(), "/data/smell", AnswerChange{Value: &value, Transcribed: &paper}); err != nil {
		t.Fatal(err)
	}
	sayAt(t, s.on(s.a), "/data/smell", "damp")
	if it := s.smell(s.a); !it.Mine.Transcribed {
		t.Error("what stood on the paper is no longer from there")
	}
	sayAt(t, s.on(s.a), "/data/smell", "none")
	s.a.reopen()
	if it := s.smell(s.a); it.Mine.Transcribed {
		t.Error("what was seen on site is said to be from paper")
	}
}
