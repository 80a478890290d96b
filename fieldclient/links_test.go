package fieldclient

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"kua/syncproto"
)

// linkTo links an existing record to others, which replace those that it had.
func (l *laptop) linkTo(visit syncproto.ScopeID, id syncproto.EntityID, kind string, links ...syncproto.EntityID) error {
	l.t.Helper()
	text := ""
	for i, to := range links {
		if i > 0 {
			text += ","
		}
		text += to.String()
	}
	f := field(l.t, kind, "links")
	raw, err := f.ParseValue(text)
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = l.Set(l.t.Context(), Target{Scope: visit, Entity: id, Field: f}, raw)
	return err
}

func TestNothingIsLinkedToAConversationThatDoesNotAllowIt(t *testing.T) {
	b := newBuilding(t)
	closed := b.aru.make(b.visit, "interview", map[string]string{"kind": "private", "consent": "C0"})
	open := b.aru.make(b.visit, "interview", map[string]string{"kind": "private", "consent": "C2"})
	b.aru.make(b.visit, "consent", map[string]string{"interview": open.String(), "use": "photo", "level": "C0", "by": "person"})
	note := b.aru.make(b.visit, "observation", map[string]string{"text": "a corridor"})
	finding := b.aru.make(b.visit, "finding", map[string]string{"statement": "beaten"})
	photo := b.aru.add(b.visit, Evidence{Kind: "photo"}, []byte("a photo"))
	sound := b.aru.add(b.visit, Evidence{Kind: "audio"}, []byte("a voice"))
	for _, step := range []struct {
		what string
		got  error
		want error
	}{
		{"evidence, to nothing", b.aru.linkTo(b.visit, photo, "evidence", closed), ErrNoRecord},
		{"evidence, among others", b.aru.linkTo(b.visit, photo, "evidence", note, closed), ErrNoRecord},
		{"a finding", b.aru.linkTo(b.visit, finding, "finding", closed), ErrNoRecord},
		{"a photo, which was refused", b.aru.linkTo(b.visit, photo, "evidence", open), ErrNoUse},
		{"a sound, which was not", b.aru.linkTo(b.visit, sound, "evidence", open), nil},
		{"a finding, to what was told", b.aru.linkTo(b.visit, finding, "finding", open), nil},
		{"evidence, to what was seen", b.aru.linkTo(b.visit, photo, "evidence", note), nil},
	} {
		if !errors.Is(step.got, step.want) {
			t.Errorf("%s: %v, want %v", step.what, step.got, step.want)
		}
	}
	if _, err := b.aru.Create(t.Context(), b.visit, "finding", map[string]string{"statement": "x", "links": closed.String()}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("a finding that is made: %v", err)
	}
	if _, err := b.aru.AddEvidence(t.Context(), b.visit, Evidence{Kind: "photo", Links: []syncproto.EntityID{open}}, bytes.NewReader([]byte("x"))); !errors.Is(err, ErrNoUse) {
		t.Errorf("a photo that is taken: %v", err)
	}
}

func TestWhatWasLinkedBeforeConsentWasTakenBackIsNotShown(t *testing.T) {
	b := newBuilding(t)
	one := b.aru.make(b.visit, "interview", map[string]string{"kind": "private", "consent": "C2"})
	note := b.aru.make(b.visit, "observation", map[string]string{"text": "a corridor"})
	want := []byte("a back with marks")
	id := b.aru.add(b.visit, Evidence{Kind: "file", Links: []syncproto.EntityID{one, note}}, want)
	b.aru.put(b.visit, one, "interview", "consent", "C0")
	if v := b.aru.evidence(b.visit, id); !v.Barred || v.MayOpen || !slices.Contains(v.Links, one) {
		t.Errorf("taken back: %+v", v)
	}
	if _, err := b.aru.original(b.visit, id); !errors.Is(err, ErrNoRecord) {
		t.Errorf("it opens: %v", err)
	}
	if err := b.aru.linkTo(b.visit, id, "evidence", note); err != nil { // it was of somebody else
		t.Fatalf("taking the link away: %v", err)
	}
	if got, err := b.aru.original(b.visit, id); err != nil || !bytes.Equal(got, want) {
		t.Errorf("without the link: %v", err)
	}
	if err := b.aru.linkTo(b.visit, id, "evidence", note, one); !errors.Is(err, ErrNoRecord) {
		t.Errorf("linked anew: %v", err)
	}
	b.aru.put(b.visit, one, "interview", "consent", "C1") // they allow it
	if err := b.aru.linkTo(b.visit, id, "evidence", note, one); err != nil {
		t.Error(err)
	}
}

func TestAGuideOfAConversationKeepsNothingThatMayNotBeRecorded(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	of := s.a.make(s.visit, "interview", map[string]string{"kind": "private", "consent": "C1"})
	info, err := s.a.Checklists(t.Context(), s.visit)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (*Checklist, error) {
		id, err := s.a.OpenChecklist(t.Context(), s.visit, info[0].Template, &of, "")
		if err != nil {
			return nil, err
		}
		return s.a.Checklist(t.Context(), s.visit, id, "en")
	}
	k, err := open()
	if err != nil {
		t.Fatal(err)
	}
	sayAt(t, k, "/data/smell", "damp")
	s.a.put(s.visit, of, "interview", "consent", "C0")
	if _, err := k.Answer(t.Context(), "/data/smell", AnswerChange{Value: ptr("none")}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("an answer: %v", err)
	}
	if _, err := k.Answer(t.Context(), "/data/smell", AnswerChange{Note: ptr("beaten")}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("a note: %v", err)
	}
	if it, err := k.Item(t.Context(), "/data/smell"); err != nil || it.Value != "damp" {
		t.Errorf("the screen shows %q, which was not saved, %v", it.Value, err)
	}
	if _, err := k.Answer(t.Context(), "/data/smell", AnswerChange{Value: ptr("")}); err != nil {
		t.Errorf("taking an answer back: %v", err)
	}
	if _, err := open(); !errors.Is(err, ErrNoRecord) {
		t.Errorf("opened again: %v", err)
	}
	all := s.on(s.a)
	if _, err := all.Answer(t.Context(), "/data/smell", AnswerChange{Links: &[]syncproto.EntityID{of}}); !errors.Is(err, ErrNoRecord) {
		t.Errorf("a link from another checklist: %v", err)
	}
}
