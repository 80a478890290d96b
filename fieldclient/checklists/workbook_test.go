package checklists

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

var update = flag.Bool("update", false, "write the workbooks anew from their sources")

func TestWorkbooksSayWhatTheirSourcesSay(t *testing.T) {
	for _, c := range All() {
		t.Run(c.Name, func(t *testing.T) {
			want := sheets(t, c.Name)
			if *update {
				b, err := workbook(want)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(c.File, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f, err := excelize.OpenFile(c.File)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if diff := cmp.Diff(sheetOrder, f.GetSheetList()); diff != "" {
				t.Fatalf("sheets (-want +got):\n%s", diff)
			}
			for _, name := range sheetOrder {
				got, err := f.GetRows(name)
				if err != nil {
					t.Fatal(err)
				}
				for i := range got { // a reader leaves off the empty cells at the end of a row
					got[i] = append(got[i], make([]string, len(want[name].head)-len(got[i]))...)
				}
				if diff := cmp.Diff(append([][]string{want[name].head}, want[name].rows...), got); diff != "" {
					t.Errorf("sheet %s is not its source any more; run with -update (-source +workbook):\n%s", name, diff)
				}
			}
		})
	}
}

func TestEqualSourcesGiveEqualBytes(t *testing.T) {
	for _, c := range All() {
		of := sheets(t, c.Name)
		first, err := workbook(of)
		if err != nil {
			t.Fatal(err)
		}
		again, err := workbook(of)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Errorf("%s: two workbooks of one source differ", c.Name)
		}
	}
}

func TestWorkbooksAreEmbedded(t *testing.T) {
	for _, c := range All() {
		if b, err := Workbook(c.Name); err != nil || len(b) == 0 {
			t.Errorf("%s: %d bytes, %v", c.Name, len(b), err)
		}
		if c.Title.KK == "" || c.Title.RU == "" || c.Title.EN == "" {
			t.Errorf("%s lacks a title: %+v", c.Name, c.Title)
		}
	}
	if _, err := Workbook("../core"); err == nil {
		t.Error("a checklist that does not exist was opened")
	}
}
