package form

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on what a workbook may hold. A form with a thousand questions has some 30,000 cells.
const (
	maxFile      = 32 << 20  // bytes of the file
	maxRows      = 20_000    // of one sheet
	maxColumns   = 512       // of one sheet
	maxCells     = 2_000_000 // of the workbook, counting the gaps to the left of a filled cell
	maxCellRunes = 32_767    // of one cell: what spreadsheet programs can hold
	maxText      = 32 << 20  // bytes of all cells
	maxSheets    = 64
)

// Sheet is one sheet of a workbook as text: a number as a spreadsheet shows it in full, a date as 2026-11-24, a truth
// value as TRUE or FALSE, a formula as its stored value. Rows and cells that are empty at the end are left out.
type Sheet struct {
	Name string     `cbor:"1,keyasint"`
	Rows [][]string `cbor:"2,keyasint"`
}

// workbook is every sheet, in order, and what could not be kept.
type workbook struct {
	sheets []Sheet
	cells  int
	text   int
	lost   []Issue
}

// addSheet begins a sheet.
func (w *workbook) addSheet(name string) (*Sheet, error) {
	if len(w.sheets) == maxSheets {
		return nil, fmt.Errorf("%w: more than %d sheets; delete the sheets that the form does not need", ErrTooLarge, maxSheets)
	}
	if err := checkSheetName(name); err != nil {
		return nil, err
	}
	for i := range w.sheets {
		if strings.EqualFold(w.sheets[i].Name, name) {
			return nil, fmt.Errorf("%w: two sheets are named %q; rename one", ErrNotAForm, name)
		}
	}
	w.sheets = append(w.sheets, Sheet{Name: name})
	return &w.sheets[len(w.sheets)-1], nil
}

// checkSheetName refuses what no spreadsheet program can have written, and no exporter could write again.
func checkSheetName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 31 || strings.ContainsAny(name, `:\/?*[]`) || strings.HasPrefix(name, "'") || strings.HasSuffix(name, "'") || cleanCell(name) != name {
		return fmt.Errorf("%w: the sheet name %q is not allowed; rename the sheet", ErrNotAForm, name)
	}
	return nil
}

// set puts text into a cell; row and col count from 0.
func (w *workbook) set(s *Sheet, row, col int, text string) error {
	text = lineEnds.Replace(text)
	clean := cleanCell(text)
	if clean != text {
		w.lose(s.Name, row, "control-character", "the cell in column %s holds characters that cannot be printed; they are left out", columnLetters(col))
	}
	if clean == "" {
		return nil
	}
	if row >= maxRows || col >= maxColumns {
		return fmt.Errorf("%w: sheet %q has a filled cell at %s%d; at most %d rows and %d columns are read: delete what lies beyond",
			ErrTooLarge, s.Name, columnLetters(col), row+1, maxRows, maxColumns)
	}
	if utf8.RuneCountInString(clean) > maxCellRunes {
		return fmt.Errorf("%w: sheet %q, cell %s%d is longer than %d characters", ErrTooLarge, s.Name, columnLetters(col), row+1, maxCellRunes)
	}
	if w.text += len(clean); w.text > maxText {
		return fmt.Errorf("%w: its cells hold more than %d MiB of text; delete the sheets and columns that the form does not need", ErrTooLarge, maxText>>20)
	}
	for len(s.Rows) <= row {
		s.Rows = append(s.Rows, nil)
	}
	cells := s.Rows[row]
	if grow := col + 1 - len(cells); grow > 0 {
		if w.cells += grow; w.cells > maxCells {
			return fmt.Errorf("%w: more than %d cells; delete the sheets and columns that the form does not need", ErrTooLarge, maxCells)
		}
		cells = append(cells, make([]string, grow)...)
	}
	cells[col] = clean
	s.Rows[row] = cells
	return nil
}

func (w *workbook) lose(sheet string, row int, code Code, format string, args ...any) {
	if len(w.lost) < maxIssues {
		w.lost = append(w.lost, Issue{Warning, sheet, row + 1, "", code, fmt.Sprintf(format, args...)})
	}
}

// formula warns of a formula whose stored value nobody would want: none, or an error.
func (w *workbook) formula(sheet string, row, col int, kind, text string) {
	switch {
	case text == "":
		w.lose(sheet, row, "formula-without-value", "the formula in column %s has no stored value, so the cell is empty; open the form in a spreadsheet program and save it again", columnLetters(col))
	case kind == "e" || strings.HasPrefix(text, "#") && strings.HasSuffix(text, "!"):
		w.lose(sheet, row, "formula-error", "the formula in column %s gives the error %s, which is used as the cell's text", columnLetters(col), text)
	}
}

// cleanCell drops what XML 1.0 cannot carry (§2.2) and joins line ends as XML does (§2.11), so that a text is the same
// after any number of exports.
func cleanCell(s string) string {
	ok := utf8.ValidString(s)
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] >= ' ' && s[i] != 0xEF || s[i] == '\t' || s[i] == '\n'
	}
	if ok {
		return s
	}
	s = lineEnds.Replace(s)
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return r
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// columnLetters names a column, from 0, as spreadsheet programs do.
func columnLetters(col int) string {
	var b []byte
	for col++; col > 0; col = (col - 1) / 26 {
		b = append([]byte{byte('A' + (col-1)%26)}, b...)
	}
	return string(b)
}

// numberText writes a number without its format: whole numbers without a point, others as short as they can be read
// back.
func numberText(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return ""
	case v == math.Trunc(v) && math.Abs(v) < 1e21:
		return strconv.FormatFloat(v+0, 'f', 0, 64)
	case math.Abs(v) < 1e-4 || math.Abs(v) >= 1e16:
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// dateText writes a spreadsheet's day number as a date, a time of day, or both with a space between. 1900 systems count 1900 as a
// leap year, so numbers below 61 are one day off.
func dateText(v float64, date1904 bool) (string, bool) {
	if math.IsNaN(v) || v < 0 || v >= 2_958_466 { // 10000-01-01
		return "", false
	}
	millis := int64(math.Round((v - math.Floor(v)) * 86_400_000))
	days := int64(math.Floor(v))
	clock := "15:04:05"
	if millis%1000 != 0 {
		clock = "15:04:05.000000"
	}
	if days == 0 && !date1904 {
		if millis == 86_400_000 {
			return "", false
		}
		return time.UnixMilli(millis).UTC().Format(clock), true
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case date1904:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60:
		epoch = epoch.AddDate(0, 0, 1)
	case days == 60:
		return "", false // 1900-02-29 never was
	}
	t := epoch.AddDate(0, 0, int(days)).Add(time.Duration(millis) * time.Millisecond)
	if millis == 0 {
		return t.Format("2006-01-02"), true
	}
	return t.Format("2006-01-02 " + clock), true
}

// isDateFormat tells a number format for dates or times: the built-in ones by number (ECMA-376 part 1 §18.8.30), others
// by a day, month, year, hour or second outside quotes, escapes and brackets.
func isDateFormat(id int, code string) bool {
	if code == "" {
		return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
	}
	code, _, _ = strings.Cut(code, ";")
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"', '[':
			end := strings.IndexByte(code[i+1:], map[byte]byte{'"': '"', '[': ']'}[c])
			if end < 0 {
				return false
			}
			if in := strings.ToLower(code[i+1 : i+1+end]); c == '[' && (in == "h" || in == "hh" || in == "m" || in == "mm" || in == "s" || in == "ss") {
				return true
			}
			i += end + 1
		case '\\', '_', '*':
			i++
		case 'd', 'D', 'm', 'M', 'y', 'Y', 'h', 'H', 's', 'S':
			return true
		}
	}
	return false
}

// plain is a cell's text as the rules of a form see it: no space at the ends, no-break spaces as spaces, curly quotes
// as straight ones, for an expression with curly quotes is one that a word processor has spoilt.
func plain(s string) string {
	return strings.TrimSpace(plainReplacer.Replace(s))
}

var plainReplacer = strings.NewReplacer("\u00a0", " ", "\u2018", "'", "\u2019", "'", "\u201c", `"`, "\u201d", `"`)

// oneSpaced joins runs of spaces.
func oneSpaced(s string) string {
	if !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != ' ' || i == 0 || s[i-1] != ' ' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func isBlank(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) }) < 0
}
