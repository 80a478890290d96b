package form

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readBytes(t testing.TB, data []byte) (*workbook, error) {
	return readWorkbook(t.Context(), bytes.NewReader(data), int64(len(data)))
}

func TestTheFirstBytesTellTheKindOfFile(t *testing.T) {
	for _, file := range corpusFiles(t) {
		f, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wrong := map[string]string{".xls": "form.xlsx", ".xlsx": "form.xls"}[filepath.Ext(file)]
		_, _, err = importBytes(t, f, wrong)
		if err != nil && !errors.Is(err, ErrHasErrors) {
			t.Errorf("%s under the ending of another kind: %v", filepath.Base(file), err)
		}
	}
}

func TestWhatIsNoWorkbookIsRefusedWithTheRemedy(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "text": "type,name,label\ntext,a,A\n", "half a zip": "PK\x03\x04half", "half a compound file": "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1half",
	} {
		_, _, err := importBytes(t, []byte(data), "form.xlsx")
		if !errors.Is(err, ErrNotAForm) || !strings.Contains(err.Error(), ".xlsx") {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := zipped(t, map[string]string{"word/document.xml": "<document/>"})
	if _, _, err := importBytes(t, other, "form.xlsx"); !errors.Is(err, ErrNotAForm) || !strings.Contains(err.Error(), "holds no workbook") {
		t.Errorf("a text document: %v", err)
	}
}

func TestZipBombsAreRefusedBeforeTheyAreUnpacked(t *testing.T) {
	huge := parts("")
	huge["xl/sharedStrings.xml"] = "<sst>" + strings.Repeat("<si><t>a</t></si>", 500_000) + "</sst>"
	many := parts("")
	for i := range 1100 {
		many[fmt.Sprintf("xl/media/%d", i)] = "x"
	}
	wide := parts("")
	for i := range 70 {
		wide[fmt.Sprintf("xl/media/%d", i)] = string(bytes.Repeat([]byte{byte(i), 1, 2}, 340_000))
	}
	for name, p := range map[string]map[string]string{"ratio": huge, "entries": many, "sum": wide} {
		_, err := readBytes(t, zipped(t, p))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A directory that lies about sizes is caught while unpacking.
func TestAZipDirectoryThatLiesIsRefused(t *testing.T) {
	p := parts("")
	p["xl/sharedStrings.xml"] = "<sst>" + strings.Repeat("<si><t>a</t></si>", 300_000) + "</sst>"
	data := zipped(t, p)
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(p["xl/sharedStrings.xml"])))
	if n := bytes.Count(data, size[:]); n == 0 {
		t.Fatal("the directory does not name the size")
	}
	data = bytes.ReplaceAll(data, size[:], []byte{0x10, 0, 0, 0})
	if _, err := readBytes(t, data); err == nil {
		t.Error("the lie was believed")
	}
}

func TestHostileXMLCostsNoMemory(t *testing.T) {
	cells := `<row r="1"><c r="A1" t="inlineStr"><is><t>type</t></is></c></row>`
	for name, rows := range map[string]string{
		"deep":            strings.Repeat("<a>", 10_000) + strings.Repeat("</a>", 10_000),
		"attributes":      "<row" + strings.Repeat(` a="x"`, 300_000) + "/>",
		"long text":       `<row r="1"><c r="A1" t="str"><v>` + strings.Repeat("ab", 400_000) + `</v></c></row>`,
		"far row":         cells + `<row r="1048576"><c r="A1048576" t="str"><v>x</v></c></row>`,
		"far column":      cells + `<row r="2"><c r="XFD2" t="str"><v>x</v></c></row>`,
		"row of no worth": `<row r="-5"><c r="A1" t="str"><v>x</v></c></row>`,
		"no such cell":    `<row r="1"><c r="ZZZZZZZZ1" t="str"><v>x</v></c></row>`,
		"gaps":            cells + strings.Repeat(`<row><c r="SA2" t="str"><v>x</v></c></row>`, 5000),
	} {
		var before, after runtime.MemStats
		data := stored(t, parts(rows))
		runtime.ReadMemStats(&before)
		_, err := readBytes(t, data)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNotAForm) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
			t.Errorf("%s: took %d MiB", name, used>>20)
		}
	}
}

// stored makes a container without compression, past which the ratio cannot help.
func stored(t testing.TB, p map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(p) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(p[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCellsReadAsTheyAreMeant(t *testing.T) {
	p := parts(`<row r="1"><c t="inlineStr"><is><r><t>ty</t></r><r><t>pe</t></r><rPh><t>no</t></rPh></is></c><c t="s"><v>1</v></c><c r="D1"><v>18.31</v></c></row>` +
		`<row r="3"><c><v>1.0</v></c><c t="b"><v>1</v></c><c s="1"><v>40344</v></c><c s="2"><v>0.5</v></c><c s="1"><v>40344.25</v></c><c t="e"><v>#N/A</v></c><c t="str"><f>1+1</f><v>2</v></c><c s="3"><v>7</v></c></row>`)
	p["xl/sharedStrings.xml"] = `<sst><si><t>a</t></si><si><t xml:space="preserve"> b_x0041_ </t></si></sst>`
	p["xl/styles.xml"] = `<styleSheet><numFmts><numFmt numFmtId="200" formatCode="&quot;day&quot; 0.0"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="21"/><xf numFmtId="200"/></cellXfs></styleSheet>`
	book, err := readBytes(t, zipped(t, p))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"type", " bA ", "", "18.31"}, nil, {"1", "TRUE", "2010-06-15", "12:00:00", "2010-06-15 06:00:00", "#N/A", "2", "7"}}
	if diff := cmp.Diff(want, book.sheets[0].Rows); diff != "" {
		t.Error(diff)
	}
	if i, ok := find(book.lost, "formula"); !ok || i.Severity != Warning {
		t.Errorf("the formula went without a word: %v", book.lost)
	}
}

func TestNumbersAndDatesAsText(t *testing.T) {
	for v, want := range map[float64]string{1: "1", -3: "-3", 0.1: "0.1", 1e16: "10000000000000000", 0.00001: "1e-05", 18.31: "18.31", math.NaN(): "", math.Copysign(0, -1): "0"} {
		if got := numberText(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
	for _, c := range []struct {
		v    float64
		mac  bool
		want string
	}{{1, false, "1900-01-01"}, {59, false, "1900-02-28"}, {60, false, ""}, {61, false, "1900-03-01"}, {0, true, "1904-01-01"}, {0.25, false, "06:00:00"}, {-1, false, ""}, {3e6, false, ""}, {math.Inf(1), false, ""}} {
		if got, _ := dateText(c.v, c.mac); got != c.want {
			t.Errorf("day %v is %q, want %q", c.v, got, c.want)
		}
	}
}

// A form with 20,000 rows is read, checked and written in memory that follows its size.
func TestTwentyThousandRowsAreReadAndOneMoreIsNot(t *testing.T) {
	rows := func(n int) []byte {
		var b strings.Builder
		b.WriteString(`<row><c t="inlineStr"><is><t>type</t></is></c><c t="inlineStr"><is><t>name</t></is></c><c t="inlineStr"><is><t>label</t></is></c><c t="inlineStr"><is><t>constraint</t></is></c></row>`)
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, `<row><c t="inlineStr"><is><t>integer</t></is></c><c t="inlineStr"><is><t>q%d</t></is></c><c t="inlineStr"><is><t>How many %d?</t></is></c><c t="inlineStr"><is><t>${q1} &gt; %d</t></is></c></row>`, i, i, i)
		}
		return zipped(t, parts(b.String()))
	}
	data := rows(maxRows)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tmpl, issues, err := importBytes(t, data, "form.xlsx")
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err, lines(issues[:min(len(issues), 5)]))
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 600 {
		t.Errorf("took %d MiB in all", used)
	}
	if n := len(tmpl.Root.Children); n != maxRows { // and meta
		t.Errorf("%d questions", n)
	}
	xformOf(t, tmpl)
	if _, _, err := importBytes(t, rows(maxRows+1), "form.xlsx"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one row more: %v", err)
	}
}

// biffFile is a workbook stream of one sheet, for the reader below the container.
func biffFile(records ...[]byte) []byte {
	bof := func(kind byte) []byte { return rec(recBOF, 0x00, 0x06, kind, 0, 0, 0, 0, 0) }
	sst := rec(recSST, 1, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 't', 'e')
	cont := rec(recContinue, 1, 'x', 0, 't', 0, 's', 0)
	eof := rec(recEOF)
	globals := slices.Concat(bof(5), sst, cont)
	sheet := rec(recBoundSheet, 0, 0, 0, 0, 0, 0, 6, 0, 's', 'u', 'r', 'v', 'e', 'y')
	binary.LittleEndian.PutUint32(sheet[4:], uint32(len(globals)+len(sheet)+len(eof)))
	return slices.Concat(globals, sheet, eof, bof(0x10), slices.Concat(records...), eof)
}

func rec(kind uint16, body ...byte) []byte {
	head := binary.LittleEndian.AppendUint16(nil, kind)
	return append(binary.LittleEndian.AppendUint16(head, uint16(len(body))), body...)
}

func readBIFF(t testing.TB, data []byte) (*workbook, error) {
	b := &biff{data: data, book: &workbook{}}
	return b.book, b.read(t.Context())
}

func TestBIFFCellsReadAsTheyAreMeant(t *testing.T) {
	num := func(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }
	at := func(row, col byte, rest ...byte) []byte { return append([]byte{row, 0, col, 0, 0, 0}, rest...) }
	data := biffFile(
		rec(recLabelSST, at(0, 0, 0, 0, 0, 0)...),
		rec(recNumber, at(0, 1, num(18.31)...)...),
		rec(recRK, at(0, 2, byte(7<<2|2), 0, 0, 0)...),
		rec(recMulRK, 1, 0, 0, 0, 0, 0, 5<<2|3, 0, 0, 0, 0, 0, 9<<2|2, 0, 0, 0, 1, 0),
		rec(recBoolErr, at(1, 2, 1, 0)...),
		rec(recBoolErr, at(1, 3, 0x2A, 1)...),
		rec(recFormula, at(2, 0, append(num(3), make([]byte, 8)...)...)...),
		rec(recFormula, at(2, 1, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0)...),
		rec(recString, 2, 0, 0, 'o', 'k'),
		rec(recLabel, at(2, 2, 2, 0, 1, 0x9B, 0x04, 'k', 0)...),
	)
	book, err := readBIFF(t, data)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"texts", "18.31", "7"}, {"0.05", "9", "TRUE", "#N/A"}, {"3", "ok", "қk"}}
	if diff := cmp.Diff(want, book.sheets[0].Rows); diff != "" {
		t.Error(diff)
	}
}

func TestABIFFWorkbookThatBreaksOffIsRefused(t *testing.T) {
	whole := biffFile(rec(recLabelSST, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
	if _, err := readBIFF(t, whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := readBIFF(t, whole[:n]); err == nil {
			t.Fatalf("its first %d of %d bytes pass for a whole", n, len(whole))
		}
	}
	for name, bad := range map[string][]byte{
		"no such string": biffFile(rec(recLabelSST, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0)),
		"short cell":     biffFile(rec(recNumber, 0, 0)),
		"password":       bytes.Replace(whole, rec(recEOF), rec(recFilePass), 1),
	} {
		if _, err := readBIFF(t, bad); !errors.Is(err, ErrNotAForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzXLSX(f *testing.F) {
	f.Add(zipped(f, parts(`<row r="1"><c r="A1" t="inlineStr"><is><t>type</t></is></c></row>`)))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzImport(t, data) })
}

// FuzzSheetXML reaches the parser that a broken container would keep from it.
func FuzzSheetXML(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="inlineStr"><is><t>type</t></is></c><c t="b"><v>1</v></c><c s="1"><f>1</f><v>2</v></c></row>`, `<sst><si><t>a</t></si></sst>`, `<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>`)
	f.Fuzz(func(t *testing.T, rows, shared, styles string) {
		p := parts(rows)
		p["xl/sharedStrings.xml"], p["xl/styles.xml"] = shared, styles
		fuzzImport(t, stored(t, p))
	})
}

func FuzzXLS(f *testing.F) {
	for _, name := range []string{"hidden.xls", "gps.xls"} {
		if data, err := os.ReadFile(filepath.Join(corpus, name)); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzImport(t, data) })
}

func FuzzBIFF(f *testing.F) {
	f.Add(biffFile(rec(recLabelSST, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), rec(recMulRK, 1, 0, 0, 0, 0, 0, 5<<2|3, 0, 0, 0, 1, 0)))
	f.Fuzz(func(t *testing.T, data []byte) {
		book, err := readBIFF(t, data)
		if err != nil && !errors.Is(err, ErrNotAForm) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("an error without a remedy: %v", err)
		}
		if err == nil {
			build(book.sheets, "fuzz", book.lost)
		}
	})
}

// fuzzImport holds for any bytes: no panic, an error of a known kind, and what imports survives its export.
func fuzzImport(t *testing.T, data []byte) {
	tmpl, _, err := importBytes(t, data, "fuzz.xlsx")
	if err != nil && !errors.Is(err, ErrNotAForm) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrHasErrors) {
		t.Errorf("an error without a remedy: %v", err)
	}
	if tmpl != nil {
		roundTrip(t, tmpl)
		xformOf(t, tmpl)
	}
}
