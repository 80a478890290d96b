package checklists

import (
	"bytes"
	"testing"

	"kua/fieldclient/form"
)

func TestChecklistsImportWithoutAnyIssue(t *testing.T) {
	for _, c := range All() {
		b, err := Workbook(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		template, issues, err := form.Import(t.Context(), bytes.NewReader(b), int64(len(b)), c.File)
		if err != nil || template == nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for _, i := range issues {
			t.Errorf("%s: %s", c.Name, i)
		}
	}
}

func TestAnImportedItemSaysItsIdItsStandardAndItsMeasure(t *testing.T) {
	in := fill(t, "colony")
	n := see(t, in, "col_02_m2").Node
	if n.ItemID() != "COL-02/m2" || n.Kua("measure") != "m2_per_person" || n.Kua("sources") == "" || n.Kua("standard") == "" {
		t.Errorf("col_02_m2 is %q, measures %q, from %q, by %q", n.ItemID(), n.Kua("measure"), n.Kua("sources"), n.Kua("standard"))
	}
}
