package form

import (
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

// WriteXLSX writes the form back as an XLSForm workbook: every sheet with every cell, as text. Importing it under the
// same name gives a template with the same hash.
func (t *Template) WriteXLSX(w io.Writer) error {
	f := excelize.NewFile()
	defer f.Close()
	for i, s := range t.sheets {
		if err := writeSheet(f, i, s); err != nil {
			return fmt.Errorf("writing sheet %q: %w", s.Name, err)
		}
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("writing workbook: %w", err)
	}
	return nil
}

func writeSheet(f *excelize.File, i int, s Sheet) error {
	if i == 0 {
		if err := f.SetSheetName(f.GetSheetName(0), s.Name); err != nil {
			return err
		}
	} else if _, err := f.NewSheet(s.Name); err != nil {
		return err
	}
	out, err := f.NewStreamWriter(s.Name)
	if err != nil {
		return err
	}
	for r, row := range s.Rows {
		cells := make([]any, len(row))
		for c, text := range row {
			if text != "" {
				cells[c] = text
			}
		}
		if len(cells) == 0 {
			continue
		}
		if err := out.SetRow(fmt.Sprintf("A%d", r+1), cells); err != nil {
			return err
		}
	}
	return out.Flush()
}
