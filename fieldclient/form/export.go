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
	if streamed(s) < excelize.StreamChunkSize {
		return streamSheet(f, s)
	}
	for r, row := range s.Rows {
		for c, text := range row {
			if text == "" {
				continue
			}
			if err := f.SetCellStr(s.Name, fmt.Sprintf("%s%d", columnLetters(c), r+1), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// streamed bounds the bytes of a sheet's XML. Above its chunk size the library's faster writer would put them on disk.
func streamed(s Sheet) (bytes int) {
	for _, row := range s.Rows {
		bytes += 64
		for _, text := range row {
			if text != "" {
				bytes += 80 + 6*len(text)
			}
		}
	}
	return bytes
}

func streamSheet(f *excelize.File, s Sheet) error {
	out, err := f.NewStreamWriter(s.Name)
	if err != nil {
		return err
	}
	for r, row := range s.Rows {
		if len(row) == 0 {
			continue
		}
		cells := make([]any, len(row))
		for c, text := range row {
			if text != "" {
				cells[c] = text
			}
		}
		if err := out.SetRow(fmt.Sprintf("A%d", r+1), cells); err != nil {
			return err
		}
	}
	return out.Flush()
}
