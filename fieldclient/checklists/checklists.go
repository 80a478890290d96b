// Package checklists holds the starter checklists as XLSForm workbooks, in Kazakh, Russian and English.
//
// The workbooks are made from the tables in source, which are what to read, review and change; a test with -update
// writes them anew:
//
//	go test ./fieldclient/checklists -update
//
// A table has the columns of XLSForm and Kua's own: kua::id is the item's stable id, with what belongs to the item
// behind a slash; kua::theme, kua::sources and kua::standard are its theme, the kinds of source that may support an
// answer, and where the rule comes from; kua::measure names a figure that dated norms are compared with; kua::right is
// what the author of the answer needs beyond writing; kua::strict says that an answer that breaks its constraint is not
// even kept; kua::known names the property of the program that makes the question needless; kua::review says in which
// language a native speaker still has to look at the words. A row of the type include takes items from another table;
// "ITEM: law" as its standard adds the law of the checklist's own sector to what that item rests on.
//
// The table norms is no checklist: it holds the figures that measurements are compared with, international and national,
// each with the days on which it is in force and whether somebody has held it against its source. A figure of it stands
// in no hint of a checklist. The registry's own norms go before those of the same key.
//
// The scales have no word for not checked, not applicable and access refused: these are silences of an answer and no
// values of a question. Only QualityRights has N/A on its own scale, and there the choice names its silence.
package checklists

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.xlsx
var workbooks embed.FS

//go:embed source/settings.tsv
var settings string

// Checklist is one starter checklist.
type Checklist struct {
	Name  string // short and stable: core, colony, ivs, sizo, psychiatric, children, interview, allegation
	File  string // the workbook's file name
	Title Title
}

// Title is a checklist's title in the three languages.
type Title struct{ KK, RU, EN string }

// All returns the starter checklists in their own order, the core one first.
func All() []Checklist {
	var all []Checklist
	lines := strings.Split(strings.TrimSuffix(settings, "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	for _, line := range lines[1:] {
		row := make(map[string]string, len(head))
		for i, cell := range strings.Split(line, "\t") {
			row[head[i]] = cell
		}
		all = append(all, Checklist{
			Name:  row["file"],
			File:  row["file"] + ".xlsx",
			Title: Title{KK: row["kua_title_kk"], RU: row["kua_title_ru"], EN: row["kua_title_en"]},
		})
	}
	return all
}

// Workbook returns the bytes of a starter checklist's workbook by the checklist's name.
func Workbook(name string) ([]byte, error) {
	b, err := workbooks.ReadFile(name + ".xlsx")
	if err != nil {
		return nil, fmt.Errorf("opening starter checklist %q: there is none of that name", name)
	}
	return b, nil
}
