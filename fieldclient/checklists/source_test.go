package checklists

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// table is a sheet: a header and its rows, each as long as the header.
type table struct {
	head []string
	rows [][]string
}

// of returns a row's cell in the named column.
func (t table) of(row []string, column string) string {
	i := slices.Index(t.head, column)
	if i < 0 {
		return ""
	}
	return row[i]
}

// readTable reads one table of the source: cells between tabs, rows between newlines, no quoting.
func readTable(t *testing.T, name string) table {
	t.Helper()
	b, err := os.ReadFile("source/" + name + ".tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out table
	for i, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		cells := strings.Split(line, "\t")
		if i == 0 {
			out.head = cells
			continue
		}
		if len(cells) != len(out.head) {
			t.Fatalf("source/%s.tsv:%d has %d cells, want %d", name, i+1, len(cells), len(out.head))
		}
		out.rows = append(out.rows, cells)
	}
	return out
}

// survey returns a checklist's questions with what it includes from others.
func survey(t *testing.T, name string) table {
	t.Helper()
	own := readTable(t, name)
	out := table{head: own.head}
	for _, row := range own.rows {
		if own.of(row, "type") != "include" {
			out.rows = append(out.rows, row)
			continue
		}
		from := readTable(t, own.of(row, "name"))
		if !slices.Equal(from.head, own.head) {
			t.Fatalf("source/%s.tsv has other columns than source/%s.tsv", own.of(row, "name"), name)
		}
		first, last, ok := strings.Cut(own.of(row, "kua::id"), "..")
		if !ok {
			t.Fatalf("source/%s.tsv: an include names its first and last item as A..B, not %q", name, own.of(row, "kua::id"))
		}
		taken := between(t, from, first, last)
		if item, law, ok := strings.Cut(own.of(row, "kua::standard"), ": "); ok {
			taken = alsoBy(own, taken, item, law)
		}
		out.rows = append(out.rows, taken...)
	}
	return out
}

// alsoBy adds the law of a checklist's own sector to the standard of an item that it includes.
func alsoBy(of table, rows [][]string, item, law string) [][]string {
	standard := slices.Index(of.head, "kua::standard")
	for i, row := range rows {
		if base(of.of(row, "kua::id")) == item {
			rows[i] = slices.Clone(row)
			rows[i][standard] += "; " + law
		}
	}
	return rows
}

// between returns the rows of the items first to last, with the sections around them and the notes that stand among an
// item's own questions.
func between(t *testing.T, from table, first, last string) [][]string {
	t.Helper()
	prefix, lo := itemNumber(t, first)
	_, hi := itemNumber(t, last)
	in := func(id string) bool {
		if !strings.HasPrefix(id, prefix) {
			return false
		}
		_, n := itemNumber(t, base(id))
		return lo <= n && n <= hi
	}
	var keep []bool
	var sections []int // where the sections that are open began
	current := ""      // a note has no id and goes with the item before it
	keep = make([]bool, len(from.rows))
	for i, row := range from.rows {
		kind, id := from.of(row, "type"), from.of(row, "kua::id")
		switch {
		case id != "":
			current = id
		case strings.HasPrefix(kind, "begin_"):
			current = ""
		}
		if strings.HasPrefix(kind, "end_") {
			keep[i] = keep[sections[len(sections)-1]]
			sections = sections[:len(sections)-1]
			continue
		}
		keep[i] = current != "" && in(current)
		if strings.HasPrefix(kind, "begin_") {
			sections = append(sections, i)
		}
		if keep[i] {
			for _, s := range sections {
				keep[s] = true
			}
		}
	}
	var out [][]string
	for i, row := range from.rows {
		if keep[i] {
			out = append(out, row)
		}
	}
	return out
}

// base is the item that a stable id belongs to: CORE-04 of CORE-04/total.
func base(id string) string {
	item, _, _ := strings.Cut(id, "/")
	return item
}

func itemNumber(t *testing.T, id string) (prefix string, n int) {
	t.Helper()
	prefix, digits, _ := strings.Cut(id, "-")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("an include takes items with plain numbers, not %q", id)
	}
	return prefix + "-", n
}

// sheets returns a checklist's three sheets: choices has the lists that its questions use, settings its own row.
func sheets(t *testing.T, name string) map[string]table {
	t.Helper()
	s := survey(t, name)
	lists := map[string]bool{}
	for _, row := range s.rows {
		if f := strings.Fields(s.of(row, "type")); len(f) == 2 && strings.HasPrefix(f[0], "select_") {
			lists[f[1]] = true
		}
	}
	choices, settings := readTable(t, "choices"), readTable(t, "settings")
	choices.rows = slices.DeleteFunc(choices.rows, func(row []string) bool { return !lists[choices.of(row, "list_name")] })
	settings.rows = slices.DeleteFunc(settings.rows, func(row []string) bool { return settings.of(row, "file") != name })
	own := slices.Index(settings.head, "file") // from here on the columns are for Go and for review, not for the workbook
	settings.head = settings.head[:own]
	for i, row := range settings.rows {
		settings.rows[i] = row[:own]
	}
	return map[string]table{"survey": s, "choices": choices, "settings": settings}
}

// sheetOrder is the order of the sheets in a workbook.
var sheetOrder = []string{"survey", "choices", "settings"}

// workbook writes the sheets as a workbook: all cells are text, the dates are fixed, equal sheets give equal bytes.
func workbook(of map[string]table) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	const day = "2026-11-24T00:00:00Z"
	err := f.SetDocProps(&excelize.DocProperties{Created: day, Modified: day, Creator: "Kua", LastModifiedBy: "Kua"})
	if err != nil {
		return nil, err
	}
	for i, name := range sheetOrder {
		if i == 0 {
			err = f.SetSheetName("Sheet1", name)
		} else {
			_, err = f.NewSheet(name)
		}
		if err != nil {
			return nil, err
		}
		if err := writeSheet(f, name, of[name]); err != nil {
			return nil, fmt.Errorf("writing sheet %s: %w", name, err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return nil, err
	}
	return sorted(b.Bytes())
}

// sorted puts the parts of a workbook in one order: the library writes them in whatever order it comes upon them.
func sorted(b []byte) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(r.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range r.File {
		from, err := part.Open()
		if err != nil {
			return nil, err
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: part.Name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(to, from); err != nil {
			return nil, fmt.Errorf("copying %s: %w", part.Name, err)
		}
		if err := from.Close(); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeSheet(f *excelize.File, name string, of table) error {
	w, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	if err := w.SetColWidth(1, 2, 22); err != nil {
		return err
	}
	if err := w.SetColWidth(3, 5, 60); err != nil {
		return err
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	for i, row := range append([][]string{of.head}, of.rows...) {
		cells := make([]any, len(row))
		for j, text := range row {
			if text != "" {
				cells[j] = text
			}
		}
		at, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, cells); err != nil {
			return err
		}
	}
	return w.Flush()
}
