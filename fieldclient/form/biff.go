package form

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf16"

	"github.com/richardlehane/mscfb"
)

// Records of BIFF8 ([MS-XLS] §2.3) that carry what a form needs.
const (
	recFormula    = 0x0006
	recEOF        = 0x000A
	recDate1904   = 0x0022
	recFilePass   = 0x002F
	recContinue   = 0x003C
	recBoundSheet = 0x0085
	recMulRK      = 0x00BD
	recRString    = 0x00D6
	recXF         = 0x00E0
	recSST        = 0x00FC
	recLabelSST   = 0x00FD
	recNumber     = 0x0203
	recLabel      = 0x0204
	recBoolErr    = 0x0205
	recString     = 0x0207
	recRK         = 0x027E
	recFormat     = 0x041E
	recBOF        = 0x0809
)

// maxStrings bounds the shared strings of a workbook; each takes at least three bytes of the file.
const maxStrings = maxCells

var errXLS = fmt.Errorf("%w: the .xls file is of a kind that cannot be read safely; open it in a spreadsheet program and save it as .xlsx", ErrNotAForm)

// readXLS reads a BIFF8 workbook (Excel 97 to 2003) from its compound file.
func readXLS(ctx context.Context, r io.ReaderAt, size int64) (book *workbook, err error) {
	defer func() {
		if p := recover(); p != nil { // the container library reads offsets that the file chose
			book, err = nil, errXLS
		}
	}()
	stream, macros, err := workbookStream(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	b := &biff{data: stream, book: &workbook{}}
	if macros {
		b.book.lost = append(b.book.lost, Issue{Severity: Warning, Code: "macros", Message: "the workbook holds macros; they are neither run nor kept"})
	}
	return b.book, b.read(ctx)
}

// maxDirectory bounds the sectors of a compound file's directory and of its table of tables; a workbook needs ten. The
// library keeps each entry's whole path, which grows with the square of a hostile directory.
const maxDirectory = 64

type sectorBudget struct {
	*io.SectionReader
	left int
}

func (s *sectorBudget) ReadAt(p []byte, off int64) (int, error) {
	if len(p) >= 512 {
		if s.left--; s.left < 0 {
			return 0, errXLS
		}
	}
	return s.SectionReader.ReadAt(p, off)
}

func workbookStream(r *io.SectionReader) (stream []byte, macros bool, err error) {
	budget := &sectorBudget{SectionReader: r, left: maxDirectory}
	doc, err := mscfb.New(budget)
	if err != nil {
		return nil, false, errXLS
	}
	budget.left = math.MaxInt
	old := false
	for n := 0; n < maxEntries; n++ {
		entry, err := doc.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, errXLS
		}
		switch {
		case strings.EqualFold(entry.Name, "Workbook") && len(entry.Path) == 0 && stream == nil:
			if stream, err = io.ReadAll(io.LimitReader(entry, r.Size())); err != nil {
				return nil, false, errXLS
			}
		case strings.EqualFold(entry.Name, "Book") && len(entry.Path) == 0:
			old = true
		case strings.EqualFold(entry.Name, "EncryptedPackage"):
			return nil, false, fmt.Errorf("%w: the workbook is protected with a password; save it without one", ErrNotAForm)
		case entry.Name == "_VBA_PROJECT_CUR" || entry.Name == "VBA":
			macros = true
		}
	}
	switch {
	case stream != nil:
		return stream, macros, nil
	case old:
		return nil, false, fmt.Errorf("%w: the workbook is of Excel 95 or older; open it in a spreadsheet program and save it as .xlsx", ErrNotAForm)
	}
	return nil, false, fmt.Errorf("%w: the file holds no workbook; save the form as .xlsx", ErrNotAForm)
}

// biff walks the records of a workbook stream.
type biff struct {
	data    []byte
	pos     int
	book    *workbook
	strings []string
	formats map[uint16]string
	dates   []bool // by XF: numbers are dates
	is1904  bool
}

// record is one record with those that continue it, each as it lies in the file: strings treat the borders specially.
type record struct {
	kind  uint16
	parts [][]byte
}

func (r record) body() []byte { return r.parts[0] }

// next reads a record; false at the end of the stream or where it breaks off.
func (b *biff) next() (record, bool) {
	kind, body, ok := b.one()
	if !ok {
		return record{}, false
	}
	r := record{kind, [][]byte{body}}
	if kind != recSST && kind != recString && kind != recLabel && kind != recRString {
		return r, true
	}
	for {
		at := b.pos
		kind, body, ok := b.one()
		if !ok || kind != recContinue {
			b.pos = at
			return r, true
		}
		r.parts = append(r.parts, body)
	}
}

func (b *biff) one() (uint16, []byte, bool) {
	if b.pos < 0 || len(b.data)-b.pos < 4 {
		return 0, nil, false
	}
	kind := binary.LittleEndian.Uint16(b.data[b.pos:])
	n := int(binary.LittleEndian.Uint16(b.data[b.pos+2:]))
	if len(b.data)-b.pos-4 < n {
		return 0, nil, false
	}
	body := b.data[b.pos+4 : b.pos+4+n]
	b.pos += 4 + n
	return kind, body, true
}

type boundSheet struct {
	name   string
	offset uint32
	cells  bool
}

func (b *biff) read(ctx context.Context) error {
	first, ok := b.next()
	if !ok || first.kind != recBOF || len(first.body()) < 4 || binary.LittleEndian.Uint16(first.body()) != 0x0600 {
		return errXLS
	}
	sheets, err := b.globals()
	if err != nil {
		return err
	}
	for _, s := range sheets {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !s.cells {
			b.book.lost = append(b.book.lost, Issue{Warning, s.name, 0, "", "sheet-not-kept", "this sheet holds a chart or macros, not cells; it is not kept"})
			continue
		}
		if err := b.sheet(s); err != nil {
			return err
		}
	}
	return nil
}

func (b *biff) globals() (sheets []boundSheet, err error) {
	b.formats = map[uint16]string{}
	for {
		r, ok := b.next()
		if !ok {
			return nil, errXLS
		}
		body := r.body()
		switch r.kind {
		case recEOF:
			return sheets, nil
		case recFilePass:
			return nil, fmt.Errorf("%w: the workbook is protected with a password; save it without one", ErrNotAForm)
		case recDate1904:
			b.is1904 = len(body) > 0 && body[0] == 1
		case recFormat:
			if len(body) > 2 {
				c := &chars{parts: [][]byte{body[2:]}}
				b.formats[binary.LittleEndian.Uint16(body)] = c.long()
			}
		case recXF:
			if len(body) >= 4 {
				id := binary.LittleEndian.Uint16(body[2:])
				b.dates = append(b.dates, isDateFormat(int(id), b.formats[id]))
			}
		case recBoundSheet:
			if len(body) < 8 {
				return nil, errXLS
			}
			c := &chars{parts: [][]byte{body[6:]}}
			s := boundSheet{c.short(), binary.LittleEndian.Uint32(body), body[5] == 0}
			if sheets = append(sheets, s); c.bad || len(sheets) > maxSheets {
				return nil, errXLS
			}
		case recSST:
			if err := b.sst(r); err != nil {
				return nil, err
			}
		}
	}
}

func (b *biff) sst(r record) error {
	if len(r.body()) < 8 {
		return errXLS
	}
	n := binary.LittleEndian.Uint32(r.body()[4:])
	c := &chars{parts: append([][]byte{r.body()[8:]}, r.parts[1:]...)}
	if n > maxStrings || int64(n)*3 > int64(len(b.data)) {
		return errXLS
	}
	for range n {
		b.strings = append(b.strings, c.long())
		if c.bad {
			return errXLS
		}
	}
	return nil
}

func (b *biff) sheet(at boundSheet) error {
	s, err := b.book.addSheet(at.name)
	if err != nil {
		return err
	}
	if int64(at.offset) >= int64(len(b.data)) {
		return errXLS
	}
	b.pos = int(at.offset)
	first, ok := b.next()
	if !ok || first.kind != recBOF {
		return errXLS
	}
	depth, formulas := 1, 0
	var pending *cellAt // of a formula whose text follows
	for depth > 0 {
		r, ok := b.next()
		if !ok {
			return errXLS
		}
		switch r.kind {
		case recBOF: // an embedded chart
			depth++
			continue
		case recEOF:
			depth--
			continue
		}
		if depth > 1 {
			continue
		}
		if r.kind == recFormula {
			formulas++
		}
		if pending, err = b.cells(s, r, pending); err != nil {
			return err
		}
	}
	if formulas > 0 {
		b.book.lost = append(b.book.lost, Issue{Warning, s.Name, 0, "", "formula", fmt.Sprintf("%d cells hold formulas; the values that they last had are used and kept, the formulas are not", formulas)})
	}
	return nil
}

type cellAt struct{ row, col int }

// cells puts what one record says into the sheet.
func (b *biff) cells(s *Sheet, r record, pending *cellAt) (*cellAt, error) {
	body := r.body()
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(body[at:])) }
	set := func(text string) error { return b.book.set(s, u16(0), u16(2), text) }
	need := map[uint16]int{recLabelSST: 10, recNumber: 14, recRK: 10, recMulRK: 6, recLabel: 8, recRString: 8, recBoolErr: 8, recFormula: 14, recString: 3}[r.kind]
	if len(body) < need {
		return nil, errXLS
	}
	switch r.kind {
	case recLabelSST:
		i := binary.LittleEndian.Uint32(body[6:])
		if int64(i) >= int64(len(b.strings)) {
			return nil, errXLS
		}
		return nil, set(b.strings[i])
	case recLabel, recRString:
		c := &chars{parts: append([][]byte{body[6:]}, r.parts[1:]...)}
		text := c.long()
		if c.bad {
			return nil, errXLS
		}
		return nil, set(text)
	case recNumber:
		return nil, set(b.number(math.Float64frombits(binary.LittleEndian.Uint64(body[6:])), u16(4)))
	case recRK:
		return nil, set(b.number(rkValue(binary.LittleEndian.Uint32(body[6:])), u16(4)))
	case recMulRK:
		for i := 0; 4+6*i+6 <= len(body)-2; i++ {
			at := 4 + 6*i
			text := b.number(rkValue(binary.LittleEndian.Uint32(body[at+2:])), u16(at))
			if err := b.book.set(s, u16(0), u16(2)+i, text); err != nil {
				return nil, err
			}
		}
	case recBoolErr:
		return nil, set(boolErrText(body[6], body[7] == 1))
	case recFormula:
		if u16(12) != 0xFFFF {
			return nil, set(b.number(math.Float64frombits(binary.LittleEndian.Uint64(body[6:])), u16(4)))
		}
		switch body[6] {
		case 0:
			return &cellAt{u16(0), u16(2)}, nil
		case 1, 2:
			return nil, set(boolErrText(body[8], body[6] == 2))
		}
	case recString:
		if pending == nil {
			return nil, nil
		}
		c := &chars{parts: r.parts}
		text := c.long()
		if c.bad {
			return nil, errXLS
		}
		return nil, b.book.set(s, pending.row, pending.col, text)
	default:
		return pending, nil // such as the shared formula between a formula and its text
	}
	return nil, nil
}

func (b *biff) number(v float64, xf int) string {
	if xf < len(b.dates) && b.dates[xf] {
		if text, ok := dateText(v, b.is1904); ok {
			return text
		}
	}
	return numberText(v)
}

// rkValue unpacks the short form of a number ([MS-XLS] §2.5.217).
func rkValue(rk uint32) float64 {
	v := math.Float64frombits(uint64(rk&^3) << 32)
	if rk&2 != 0 {
		v = float64(int32(rk) >> 2)
	}
	if rk&1 != 0 {
		v /= 100
	}
	return v
}

func boolErrText(v byte, isErr bool) string {
	if isErr {
		return map[byte]string{0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}[v]
	}
	if v == 0 {
		return "FALSE"
	}
	return "TRUE"
}

// chars reads strings that may run over from one record into those that continue it. Where letters break off, the next
// part begins with a new flag byte that says how wide they are there ([MS-XLS] §2.5.293).
type chars struct {
	parts [][]byte
	bad   bool
}

// take gives up to n bytes of the present part, moving to the next one when it is used up.
func (c *chars) take(n int) []byte {
	for len(c.parts) > 0 && len(c.parts[0]) == 0 {
		c.parts = c.parts[1:]
	}
	if len(c.parts) == 0 {
		c.bad = c.bad || n > 0
		return nil
	}
	n = min(n, len(c.parts[0]))
	out := c.parts[0][:n]
	c.parts[0] = c.parts[0][n:]
	return out
}

func (c *chars) uint(n int) int {
	v := 0
	for i := range n {
		b := c.take(1)
		if c.bad {
			return 0
		}
		v |= int(b[0]) << (8 * i)
	}
	return v
}

func (c *chars) skip(n int) {
	for n > 0 && !c.bad {
		n -= len(c.take(n))
	}
}

// short reads a string with a length of one byte, long one with two.
func (c *chars) short() string { return c.text(c.uint(1)) }
func (c *chars) long() string  { return c.text(c.uint(2)) }

func (c *chars) text(n int) string {
	flags := c.uint(1)
	runs, extra := 0, 0
	if flags&8 != 0 {
		runs = c.uint(2)
	}
	if flags&4 != 0 {
		extra = c.uint(4)
	}
	units := make([]uint16, 0, n)
	wide := flags&1 != 0
	for len(units) < n && !c.bad {
		if len(c.parts) > 0 && len(c.parts[0]) == 0 {
			c.parts = c.parts[1:]
			wide = c.uint(1)&1 != 0
			continue
		}
		if !wide {
			for _, b := range c.take(n - len(units)) {
				units = append(units, uint16(b))
			}
			continue
		}
		pair := c.take(2)
		if len(pair) < 2 {
			c.bad = true
			break
		}
		units = append(units, binary.LittleEndian.Uint16(pair))
	}
	c.skip(4 * runs)
	c.skip(extra)
	return string(utf16.Decode(units))
}
