package fieldclient

import (
	"errors"
	"strings"
	"testing"

	"kua/syncproto"
)

func TestWhatARegistrySaysOfATemplateDoesNotHideItsContent(t *testing.T) {
	template := workbook(t, "cells", "1", cells, smells)
	s := newSeason(t, template)
	registry, id := s.office.Roster().Registry(), TemplateID(template)
	f := field(t, "template", "parts")
	values := map[string][]byte{"-1": {0x20}} // in CBOR; nobody types it
	for _, parts := range []string{"0", "2", "64", "1000000"} {
		var err error
		if values[parts], err = f.ParseValue(parts); err != nil {
			t.Fatal(err)
		}
	}
	for parts, value := range values {
		if _, err := s.office.Set(t.Context(), Target{Scope: registry, Entity: id, Field: f}, value); err != nil {
			t.Fatal(err)
		}
		s.office.reopen()
		if got, _, err := s.office.Template(t.Context(), id); err != nil || got.Hash() != template.Hash() {
			t.Errorf("said to have %s parts: %v", parts, err)
		}
	}
}

func TestAFormIsNotApprovedWithoutItsTables(t *testing.T) {
	s := newSeason(t, workbook(t, "cells", "1", cells, smells))
	bare := workbook(t, "towns", "1", "type | name | label | constraint\ntext | town | Town | pulldata('towns', 'name', 'code', 'x') = .", "")
	info, err := s.office.ImportTemplate(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.office.ApproveTemplate(t.Context(), info.ID); !errors.Is(err, ErrNoTable) || !strings.Contains(err.Error(), "towns.csv") {
		t.Errorf("approved without its table: %v", err)
	}
	whole, _, err := bare.AddFile("towns.csv", strings.NewReader("code,name\nx,Aral\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.approve(whole)
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
