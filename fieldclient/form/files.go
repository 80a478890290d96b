package form

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// A file beside a form, such as facilities.csv for select_one_from_file or pulldata, travels in the form itself: as a
// sheet whose name is that of the file behind an underscore. Programs that do not know it take such a sheet for notes.
const fileSheet = "_"

// ErrBadFile says that a file beside a form cannot be read.
var ErrBadFile = errors.New("not a table that a form can read")

// AddFile gives a template with a CSV file beside it. Its first line names the columns. Like everything in a form it is
// bounded, and part of the form's identity.
func (t *Template) AddFile(name string, r io.Reader) (*Template, []Issue, error) {
	if path.Ext(name) != ".csv" || len([]rune(name)) > 30 || strings.ContainsAny(name, `/\:*?[]'`) {
		return nil, nil, fmt.Errorf("adding %s: %w: want a .csv file with a plain name of at most 30 letters", name, ErrBadFile)
	}
	w := &workbook{}
	for _, s := range t.sheets {
		if strings.EqualFold(s.Name, fileSheet+name) {
			continue
		}
		if err := w.copySheet(s); err != nil {
			return nil, nil, err
		}
	}
	sheet, err := w.addSheet(fileSheet + name)
	if err != nil {
		return nil, nil, fmt.Errorf("adding %s: %w", name, err)
	}
	if err := w.readCSV(sheet, io.LimitReader(r, maxFile)); err != nil {
		return nil, nil, fmt.Errorf("adding %s: %w", name, err)
	}
	out, issues := build(w.sheets, t.fallback, nil)
	if out == nil {
		return nil, issues, ErrHasErrors
	}
	return out, issues, nil
}

func (w *workbook) readCSV(to *Sheet, r io.Reader) error {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	for row := 0; ; row++ {
		cells, err := in.Read()
		if err == io.EOF {
			if row < 1 {
				return fmt.Errorf("%w: it is empty", ErrBadFile)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadFile, err)
		}
		for col, text := range cells {
			if row == 0 && col == 0 {
				text = strings.TrimPrefix(text, "\ufeff") // as spreadsheet programs begin a file
			}
			if err := w.set(to, row, col, text); err != nil {
				return err
			}
		}
	}
}

// file finds the table of a file beside the form by the file's name without its ending.
func (t *Template) file(name string) *Sheet {
	for i := range t.sheets {
		if strings.EqualFold(t.sheets[i].Name, fileSheet+name+".csv") {
			return &t.sheets[i]
		}
	}
	return nil
}

// tableNode makes the instance of a file: root, an item for each line, and in it the columns.
func tableNode(s *Sheet) *element {
	doc := &element{}
	root := doc.add("root", "")
	if len(s.Rows) == 0 {
		return doc
	}
	for _, row := range s.Rows[1:] {
		item := root.add("item", "")
		for col, name := range s.Rows[0] {
			text := ""
			if col < len(row) {
				text = row[col]
			}
			if name = strings.TrimSpace(name); name != "" {
				item.add(name, text)
			}
		}
	}
	return doc
}
