package form

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Limits on the zip container, checked against its directory before anything is unpacked and again while unpacking.
const (
	maxEntries  = 1000
	maxRatio    = 100      // of unpacked to packed bytes, of one entry
	maxUnpacked = 64 << 20 // bytes of all entries
	maxPart     = 32 << 20 // bytes of one XML part; it is streamed, never held
	maxShared   = 500_000  // texts that cells share
)

// scanZip refuses a container whose directory already shows that it is no workbook of a person's making.
func scanZip(z *zip.Reader) error {
	if len(z.File) > maxEntries {
		return fmt.Errorf("%w: its container has %d entries, at most %d are read; save the form again as .xlsx with nothing but its sheets", ErrTooLarge, len(z.File), maxEntries)
	}
	var total uint64
	for _, f := range z.File {
		if f.UncompressedSize64 > maxUnpacked {
			return fmt.Errorf("%w: %q unpacks to %d MiB, at most %d are read; remove pictures and sheets that the form does not need", ErrTooLarge, f.Name, f.UncompressedSize64>>20, maxUnpacked>>20)
		}
		if total += f.UncompressedSize64; total > maxUnpacked {
			return fmt.Errorf("%w: it unpacks to more than %d MiB; remove pictures and sheets that the form does not need", ErrTooLarge, maxUnpacked>>20)
		}
		// Small parts of one repeated line pack better than any ratio would allow.
		if f.UncompressedSize64 > 1<<20 && f.UncompressedSize64 > maxRatio*max(f.CompressedSize64, 1) {
			return fmt.Errorf("%w: %q unpacks to more than %d times its size; delete empty rows and columns that are only formatted, and sheets that the form does not need", ErrTooLarge, f.Name, maxRatio)
		}
	}
	return nil
}

// xlsx reads an Office Open XML workbook (ECMA-376) from its zip container. It does not use a spreadsheet library: those
// either lose a cell's kind when they stream, or fill every gap of a hostile sheet in memory when they do not.
type xlsx struct {
	parts  map[string]*zip.File
	left   int64 // bytes that may still be unpacked
	shared []string
	dates  []bool // by cell style: numbers are dates
	is1904 bool
	book   *workbook
}

func readXLSX(ctx context.Context, r io.ReaderAt, size int64) (*workbook, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: its container is damaged (%v); open it in a spreadsheet program and save it as .xlsx again", ErrNotAForm, err)
	}
	if err := scanZip(z); err != nil {
		return nil, err
	}
	x := &xlsx{parts: map[string]*zip.File{}, left: maxUnpacked, book: &workbook{}}
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(f.Name, `\`, "/")), "/"))
		if x.parts[name] != nil && (strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels")) {
			return nil, fmt.Errorf("%w: its container holds %q twice, so that two programs may see two forms; open it in a spreadsheet program and save it as .xlsx again", ErrNotAForm, name)
		}
		x.parts[name] = f
	}
	return x.book, x.read(ctx)
}

func (x *xlsx) read(ctx context.Context) error {
	main, err := x.mainPart()
	if err != nil {
		return err
	}
	targets, err := x.relations(main)
	if err != nil {
		return err
	}
	sheets, err := x.sheetList(main)
	if err != nil {
		return err
	}
	dir := path.Dir(main)
	for _, t := range targets {
		switch path.Base(t.Type) {
		case "sharedStrings":
			err = x.readShared(resolve(dir, t.Target))
		case "styles":
			err = x.readStyles(resolve(dir, t.Target))
		case "vbaProject":
			x.book.lost = append(x.book.lost, Issue{Severity: Warning, Code: "macros", Message: "the workbook holds macros; they are neither run nor kept"})
		}
		if err != nil {
			return err
		}
	}
	for _, s := range sheets {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, ok := targets[s.Rel]
		if !ok || x.parts[resolve(dir, t.Target)] == nil {
			return fmt.Errorf("%w: sheet %q is missing from the container; open it in a spreadsheet program and save it as .xlsx again", ErrNotAForm, s.Name)
		}
		if path.Base(t.Type) != "worksheet" {
			x.book.lost = append(x.book.lost, Issue{Warning, s.Name, 0, "", "sheet-not-kept", "this sheet holds a chart or a dialogue, not cells; it is not kept"})
			continue
		}
		if err := x.readSheet(ctx, s.Name, resolve(dir, t.Target)); err != nil {
			return err
		}
	}
	return nil
}

// mainPart finds the workbook part through the package's relations, else where every program puts it.
func (x *xlsx) mainPart() (string, error) {
	rels, err := x.relations("")
	if err != nil {
		return "", err
	}
	for _, r := range rels {
		if path.Base(r.Type) == "officeDocument" {
			return resolve("", r.Target), nil
		}
	}
	if x.parts["xl/workbook.xml"] != nil {
		return "xl/workbook.xml", nil
	}
	return "", fmt.Errorf("%w: the zip file holds no workbook; save the form as .xlsx", ErrNotAForm)
}

type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

func (x *xlsx) relations(part string) (map[string]relation, error) {
	name := path.Join(path.Dir(part), "_rels", path.Base(part)+".rels")
	if part == "" {
		name = "_rels/.rels"
	}
	out := map[string]relation{}
	err := x.each(name, func(d *elements, el xml.StartElement) error {
		if el.Name.Local != "Relationship" {
			return nil
		}
		var r relation
		for _, a := range el.Attr {
			switch a.Name.Local {
			case "Id":
				r.ID = a.Value
			case "Type":
				r.Type = a.Value
			case "Target":
				r.Target = a.Value
			}
		}
		out[r.ID] = r
		return nil
	})
	return out, err
}

func resolve(dir, target string) string {
	if strings.HasPrefix(target, "/") {
		return strings.ToLower(strings.TrimPrefix(path.Clean(target), "/"))
	}
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+dir+"/"+target), "/"))
}

type sheetRef struct{ Name, Rel string }

func (x *xlsx) sheetList(main string) (sheets []sheetRef, err error) {
	if x.parts[strings.ToLower(main)] == nil {
		return nil, fmt.Errorf("%w: the zip file holds no workbook; save the form as .xlsx", ErrNotAForm)
	}
	err = x.each(main, func(d *elements, el xml.StartElement) error {
		switch el.Name.Local {
		case "workbookPr":
			v := attr(el, "date1904")
			x.is1904 = v == "1" || v == "true"
		case "sheet":
			s := sheetRef{Name: attr(el, "name")}
			for _, a := range el.Attr {
				if a.Name.Local == "id" && a.Name.Space != "" {
					s.Rel = a.Value
				}
			}
			if sheets = append(sheets, s); len(sheets) > maxSheets {
				return fmt.Errorf("%w: more than %d sheets; delete the sheets that the form does not need", ErrTooLarge, maxSheets)
			}
		}
		return nil
	})
	return sheets, err
}

func (x *xlsx) readShared(name string) error {
	return x.each(name, func(d *elements, el xml.StartElement) error {
		if el.Name.Local != "si" {
			return nil
		}
		if len(x.shared) == maxShared {
			return fmt.Errorf("%w: it has more than %d different texts; delete the sheets that the form does not need", ErrTooLarge, maxShared)
		}
		text, err := richText(d)
		x.shared = append(x.shared, text)
		return err
	})
}

func (x *xlsx) readStyles(name string) error {
	codes := map[string]string{}
	inCells := false
	return x.each(name, func(d *elements, el xml.StartElement) error {
		switch el.Name.Local {
		case "numFmt":
			codes[attr(el, "numFmtId")] = attr(el, "formatCode")
		case "cellStyleXfs", "cellStyles", "dxfs":
			inCells = false
		case "cellXfs":
			inCells = true
		case "xf":
			if inCells {
				id := attr(el, "numFmtId")
				n, err := strconv.Atoi(id)
				x.dates = append(x.dates, err == nil && isDateFormat(n, codes[id]))
			}
		}
		return nil
	})
}

func (x *xlsx) readSheet(ctx context.Context, name, part string) error {
	s, err := x.book.addSheet(name)
	if err != nil {
		return err
	}
	row, col, formulas := -1, -1, 0
	err = x.each(part, func(d *elements, el xml.StartElement) error {
		switch el.Name.Local {
		case "row":
			row++
			if r, err := strconv.Atoi(attr(el, "r")); err == nil {
				row = r - 1
			}
			if row < 0 {
				return fmt.Errorf("%w: sheet %q has a row numbered %d", ErrNotAForm, name, row+1)
			}
			col = -1
			if row%256 == 0 {
				return ctx.Err()
			}
		case "c":
			col++
			if ref := attr(el, "r"); ref != "" {
				c, ok := refColumn(ref)
				if !ok {
					return fmt.Errorf("%w: sheet %q has a cell named %q", ErrNotAForm, name, ref)
				}
				col = c
			}
			text, formula, err := x.cell(d, el)
			if err != nil {
				return err
			}
			if formula {
				formulas++
				x.book.formula(name, max(row, 0), col, attr(el, "t"), text)
			}
			if row < 0 && text != "" {
				return fmt.Errorf("%w: sheet %q has a cell outside any row", ErrNotAForm, name)
			}
			return x.book.set(s, max(row, 0), col, text)
		}
		return nil
	})
	if formulas > 0 {
		x.book.lost = append(x.book.lost, Issue{Warning, name, 0, "", "formula", fmt.Sprintf("%d cells hold formulas; the values that they last had are used and kept, the formulas are not", formulas)})
	}
	return err
}

// refColumn reads the column of a cell name such as "AB12", from 0.
func refColumn(ref string) (int, bool) {
	col := 0
	for i := 0; i < len(ref); i++ {
		switch c := ref[i] &^ 0x20; {
		case c >= 'A' && c <= 'Z' && i < 4:
			col = col*26 + int(c-'A') + 1
		default:
			return col - 1, i > 0
		}
	}
	return col - 1, col > 0
}

// cell reads the rest of a cell element.
func (x *xlsx) cell(d *elements, c xml.StartElement) (text string, formula bool, err error) {
	var value, inline string
	for {
		tok, err := d.next()
		if err != nil {
			return "", false, err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return x.cellText(attr(c, "t"), attr(c, "s"), value, inline), formula, nil
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				value, err = charData(d)
			case "is":
				inline, err = richText(d)
			case "f":
				formula = true
				err = d.skip()
			default:
				err = d.skip()
			}
			if err != nil {
				return "", false, err
			}
		}
	}
}

func (x *xlsx) cellText(kind, style, value, inline string) string {
	switch kind {
	case "s":
		if i, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && i >= 0 && i < len(x.shared) {
			return x.shared[i]
		}
		return ""
	case "inlineStr":
		return inline
	case "str", "e", "d":
		return unescapeST(value)
	case "b":
		return map[string]string{"1": "TRUE", "true": "TRUE", "0": "FALSE", "false": "FALSE"}[strings.TrimSpace(value)]
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return value
	}
	if s, err := strconv.Atoi(style); err == nil && s >= 0 && s < len(x.dates) && x.dates[s] {
		if t, ok := dateText(v, x.is1904); ok {
			return t
		}
	}
	return numberText(v)
}

// richText joins the runs of a string item, without the phonetic ones (§18.4.8).
func richText(d *elements) (string, error) {
	var b strings.Builder
	for depth := 1; depth > 0; {
		tok, err := d.next()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				text, err := charData(d)
				if err != nil {
					return "", err
				}
				b.WriteString(unescapeST(text))
			case "rPh":
				if err := d.skip(); err != nil {
					return "", err
				}
			default:
				depth++
			}
		}
	}
	return b.String(), nil
}

// charData reads text to the end of the element.
func charData(d *elements) (string, error) {
	var b strings.Builder
	for {
		tok, err := d.next()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return b.String(), nil
		case xml.CharData:
			b.Write(t)
		case xml.StartElement:
			if err := d.skip(); err != nil {
				return "", err
			}
		}
	}
}

// unescapeST undoes _xHHHH_ (ECMA-376 part 1 §22.9.2.19).
func unescapeST(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+7 <= len(s) && s[i] == '_' && s[i+1] == 'x' && s[i+6] == '_' {
			if v, err := strconv.ParseUint(s[i+2:i+6], 16, 16); err == nil {
				b.WriteRune(rune(v))
				i += 6
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
