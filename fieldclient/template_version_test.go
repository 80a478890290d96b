package fieldclient

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kua/fieldclient/form"
)

// Which version a new visit gets is what the office decided last, whatever authors call their versions, or do not.
func TestTheVersionThatWasApprovedLastIsOfferedFirst(t *testing.T) {
	of := func(version, survey string) *form.Template { return workbook(t, "cells", version, survey, smells) }
	nine, ten, other := of("9", cells), of("10", cells), workbook(t, "other", "1", cells, smells)
	plain, mended, draft := of("", cells), of("", cells+"\ntext | more | More"), of("11", cells)
	s := newSeason(t, nine)
	offered := func(want ...*form.Template) {
		t.Helper()
		s.spread()
		for _, l := range s.laptops {
			got, err := l.Approved(t.Context(), "cells")
			if err != nil {
				t.Fatal(err)
			}
			var ids, wanted []string
			for i := range got {
				ids = append(ids, got[i].ID.String())
			}
			for _, w := range want {
				wanted = append(wanted, TemplateID(w).String())
			}
			if !slices.Equal(ids, wanted) {
				t.Errorf("offered are %s", cmp.Diff(wanted, ids))
			}
		}
	}
	s.approve(ten)
	s.approve(other)
	if _, err := s.office.ImportTemplate(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	offered(ten, nine)
	for _, pair := range [][2]*form.Template{{plain, mended}, {mended, plain}} { // one of the two orders is that of their hashes
		s.approve(pair[0])
		s.approve(pair[1])
		offered(pair[1], pair[0], ten, nine)
	}
	if err := s.office.WithdrawTemplate(t.Context(), TemplateID(plain)); err != nil {
		t.Fatal(err)
	}
	s.approve(nine) // the office has gone back to it
	offered(nine, mended, ten)
}
