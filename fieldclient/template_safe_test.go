package fieldclient

import (
	"errors"
	"testing"

	"kua/syncproto"
)

func TestWhatARegistrySaysOfATemplateDoesNotHideItsContent(t *testing.T) {
	template := workbook(t, "cells", "1", cells, smells)
	s := newSeason(t, template)
	registry, id := s.office.Roster().Registry(), TemplateID(template)
	for _, parts := range []string{"0", "2", "-1", "64", "1000000"} {
		f := field(t, "template", "parts")
		value, err := f.ParseValue(parts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.office.Set(t.Context(), Target{Scope: registry, Entity: id, Field: f}, value); err != nil {
			t.Fatal(err)
		}
		s.office.reopen()
		if got, _, err := s.office.Template(t.Context(), id); err != nil || got.Hash() != template.Hash() {
			t.Errorf("said to have %s parts: %v", parts, err)
		}
	}
}

func TestATemplateOfWhichNothingIsKnownIsNotWithdrawn(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	if err := s.office.WithdrawTemplate(t.Context(), anyID(t)); !errors.Is(err, ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	if err := s.office.ApproveTemplate(t.Context(), anyID(t)); !errors.Is(err, ErrNotFound) {
		t.Errorf("approved: %v", err)
	}
	var none syncproto.EntityID
	if err := s.office.WithdrawTemplate(t.Context(), none); !errors.Is(err, ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
}
