package checklists

import (
	"bytes"
	"strings"
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
			if i.Code == "unknown-column" && strings.HasPrefix(i.Column, "kua::") {
				continue // Kua's own columns are no part of XLSForm
			}
			t.Errorf("%s: %s", c.Name, i)
		}
	}
}
