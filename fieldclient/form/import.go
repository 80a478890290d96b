package form

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
)

// Import reads an XLSForm workbook of size bytes. The first bytes tell an .xlsx from an .xls file; name, the file's
// name, only gives the form its id where the settings sheet gives none.
//
// The error is ErrNotAForm, ErrTooLarge (no workbook could be read: its text says what to do), ErrHasErrors, or the
// context's. The issues are all that is wrong with the form, in reading order; with an issue of severity Error the
// Template is nil and the error ErrHasErrors.
func Import(ctx context.Context, r io.ReaderAt, size int64, name string) (*Template, []Issue, error) {
	book, err := readWorkbook(ctx, r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("importing %s: %w", path.Base(name), err)
	}
	t, issues := build(book.sheets, stem(name), book.lost)
	if t == nil {
		return nil, issues, fmt.Errorf("importing %s: %w", path.Base(name), ErrHasErrors)
	}
	return t, issues, nil
}

// stem is a file's name without folders and ending.
func stem(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}
	return name
}

func readWorkbook(ctx context.Context, r io.ReaderAt, size int64) (*workbook, error) {
	if size > maxFile {
		return nil, fmt.Errorf("%w: it has %d MiB, at most %d are read; remove pictures and sheets that the form does not need", ErrTooLarge, size>>20, maxFile>>20)
	}
	head := make([]byte, min(size, 8))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		return nil, fmt.Errorf("reading its first bytes: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return readXLSX(ctx, r, size)
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return readXLS(ctx, r, size)
	}
	return nil, fmt.Errorf("%w: it is neither an .xlsx nor an .xls workbook; open it in a spreadsheet program and save it as .xlsx", ErrNotAForm)
}
