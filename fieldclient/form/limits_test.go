package form

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

// compound is a compound file whose directory has n sectors and nothing in them ([MS-CFB]).
func compound(n int) []byte {
	file := make([]byte, 512*(2+n))
	copy(file, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	put16 := func(at int, v uint16) { binary.LittleEndian.PutUint16(file[at:], v) }
	put32 := func(at int, v uint32) { binary.LittleEndian.PutUint32(file[at:], v) }
	put16(26, 3)
	put16(28, 0xFFFE)
	put16(30, 9)
	put16(32, 6)
	put32(44, 1)
	put32(48, 1)
	put32(56, 4096)
	put32(60, 0xFFFFFFFE)
	put32(68, 0xFFFFFFFE)
	for i := range 109 {
		put32(76+4*i, 0xFFFFFFFF)
	}
	put32(76, 0)
	put32(512, 0xFFFFFFFD)
	for i := 1; i <= n; i++ {
		put32(512+4*i, uint32(i+1))
	}
	put32(512+4*n, 0xFFFFFFFE)
	for at := 1024; at < len(file); at += 128 {
		put32(at+68, 0xFFFFFFFF)
		put32(at+72, 0xFFFFFFFF)
		put32(at+76, 0xFFFFFFFF)
		put32(at+116, 0xFFFFFFFE)
	}
	copy(file[1024:], "R\x00o\x00o\x00t\x00 \x00E\x00n\x00t\x00r\x00y\x00")
	put16(1024+64, 22)
	file[1024+66] = 5
	return file
}

func TestAnEndlessDirectoryOfACompoundFileIsNotWalked(t *testing.T) {
	for n, says := range map[int]string{2: "holds no workbook", 100: "cannot be read safely"} {
		if _, err := readBytes(t, compound(n)); !errors.Is(err, ErrNotAForm) || !strings.Contains(err.Error(), says) {
			t.Errorf("%d sectors: %v", n, err)
		}
	}
}

// One shared text in many cells unpacks to more than the file ever held.
func TestTheTextOfAllCellsIsBounded(t *testing.T) {
	p := parts(strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 2000))
	p["xl/sharedStrings.xml"] = "<sst><si><t>" + strings.Repeat("a", maxCellRunes) + "</t></si></sst>"
	if _, err := readBytes(t, stored(t, p)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	p = parts(`<row><c t="s"><v>0</v></c></row>`)
	p["xl/sharedStrings.xml"] = "<sst><si><t>" + strings.Repeat("a", maxCellRunes+1) + "</t></si></sst>"
	if _, err := readBytes(t, stored(t, p)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestACellRefersToABoundedNumberOfQuestions(t *testing.T) {
	_, issues := build(survey("type|name|label", "text|a|"+strings.Repeat("${a}", maxReferences+1)), "form", nil)
	if _, ok := find(issues, "too-many-references"); !ok {
		t.Error(lines(issues))
	}
}

func TestATextWithoutALanguageSpeaksTheDefaultLanguage(t *testing.T) {
	tmpl := mustBuild(t, []Sheet{
		sheet("survey", "type|name|label|label::ru|label::kk", "text|a|A|Р|", "text|b|B|Р|Қ", "text|c|C"),
		sheet("settings", "default_language", "kk")})
	want := []Text{{{"kk", "A"}, {"ru", "Р"}}, {{"ru", "Р"}, {"kk", "Қ"}}, {{"", "C"}}}
	for i, w := range want {
		if diff := cmp.Diff(w, tmpl.Root.Children[i].Label); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTheFileMayNotBeLargerThanItsLimit(t *testing.T) {
	r := bytes.NewReader([]byte("PK\x03\x04"))
	if _, _, err := Import(t.Context(), r, maxFile+1, "a.xlsx"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestADefaultIsAnExpressionOnlyIfItCalculates(t *testing.T) {
	for _, c := range []struct {
		text, data string
		want       bool
	}{
		{"today()", "date", true}, {"${a}", "string", true}, {"1 + 2", "int", true}, {"a - b", "string", true}, {"6 div 2", "int", true},
		{"a[1]", "string", true}, {"a|b", "string", true}, {"ns:f(1)", "string", true},
		{"2026-01-02", "date", false}, {"2026-01-02T10:00:00.000+05:00", "dateTime", false}, {"10:00:00", "time", false}, {"1 - 2", "geopoint", false},
		{"-5", "int", false}, {"word", "string", false}, {"a-b", "string", false}, {"'2 + 2'", "string", false}, {"jr://images/a.png", "string", false},
		{"Сәлем", "string", false}, {"", "string", false},
	} {
		if got := isDynamic(c.text, c.data); got != c.want {
			t.Errorf("%q (%s): %v", c.text, c.data, got)
		}
	}
}

// A large form takes the writer that stays in memory; both write the same cells.
func TestALargeFormSurvivesItsExport(t *testing.T) {
	rows := []string{"type|name|label|notes"}
	for i := range 600 {
		rows = append(rows, fmt.Sprintf("text|q%d|%s|\u0422 & <%d>", i, strings.Repeat("w ", 3000), i))
	}
	s := survey(rows...)
	if streamed(s[0]) < excelize.StreamChunkSize {
		t.Fatal("the form is not large")
	}
	roundTrip(t, mustBuild(t, s))
}

// Of two parts of one name some programs read the first and others the last: what one person checks is not what another
// fills in.
func TestAContainerWithAPartTwiceIsRefused(t *testing.T) {
	const question = `<row><c t="inlineStr"><is><t>type</t></is></c></row>`
	for _, name := range []string{"XL/worksheets/Sheet1.xml", `xl\worksheets\sheet1.xml`, "/xl/worksheets/sheet1.xml", "xl/./worksheets/sheet1.xml"} {
		p := parts(question)
		p[name] = p["xl/worksheets/sheet1.xml"]
		if _, err := readBytes(t, zipped(t, p)); !errors.Is(err, ErrNotAForm) || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASheetWithoutItsPartIsRefused(t *testing.T) {
	p := parts("")
	p["xl/workbook.xml"] = strings.Replace(p["xl/workbook.xml"], "</sheets>", `<sheet name="choices" r:id="r4"/></sheets>`, 1)
	p["xl/_rels/workbook.xml.rels"] = strings.Replace(p["xl/_rels/workbook.xml.rels"], "</R", `<Relationship Id="r4" Type="x/worksheet" Target="worksheets/sheet2.xml"/></R`, 1)
	if _, err := readBytes(t, zipped(t, p)); !errors.Is(err, ErrNotAForm) || !strings.Contains(err.Error(), `"choices" is missing`) {
		t.Error(err)
	}
}

func TestSharedTextsAreBounded(t *testing.T) {
	p := parts("")
	p["xl/sharedStrings.xml"] = "<sst>" + strings.Repeat("<si/>", maxShared+1) + "</sst>"
	if _, err := readBytes(t, stored(t, p)); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "different texts") {
		t.Error(err)
	}
}

// What an author calculates on a sheet of notes is no matter of the form.
func TestFormulasOfOtherSheetsAreNotNamed(t *testing.T) {
	form := append(survey("type|name|label", "text|a|A"), sheet("notes", "x"))
	lost := []Issue{{Warning, "notes", 2, "", "formula-error", "a"}, {Warning, "survey", 2, "", "formula-error", "b"}, {Warning, "notes", 0, "", "formula", "c"}}
	_, issues := build(form, "form", lost)
	var got []string
	for _, i := range issues {
		if strings.HasPrefix(string(i.Code), "formula") {
			got = append(got, i.Message)
		}
	}
	if diff := cmp.Diff([]string{"b", "c"}, got); diff != "" {
		t.Error(diff)
	}
}

// A program that writes a form without computing it leaves cells that look filled and are empty.
func TestAFormulaWithoutAUsefulValueIsNamed(t *testing.T) {
	for cell, want := range map[string]Issue{
		`<c><f>A1</f></c>`:                                   {Warning, "survey", 2, "", "formula-without-value", ""},
		`<c t="e"><f>1/0</f><v>#DIV/0!</v></c>`:              {Warning, "survey", 2, "", "formula-error", ""},
		`<c t="str"><f>CONCAT("a","b")</f><v>ab</v></c>`:     {},
		`<c t="str"><f>IFERROR(A1,"#5")</f><v>#5</v></c>`:    {},
		`<c><f>1+1</f><v>2</v></c>`:                          {},
		`<c t="str"><f>"#REF!"</f><v>#REF!</v></c>`:          {Warning, "survey", 2, "", "formula-error", ""},
		`<c t="inlineStr"><is><t>#DIV/0! ahead</t></is></c>`: {},
	} {
		book, err := readBytes(t, zipped(t, parts(`<row><c t="inlineStr"><is><t>type</t></is></c></row><row>`+cell+`</row>`)))
		if err != nil {
			t.Fatal(err)
		}
		var got Issue
		for _, i := range book.lost {
			if i.Code != "formula" {
				got = i
				if !strings.Contains(i.Message, "column A") {
					t.Errorf("%s: %q does not say where", cell, i.Message)
				}
			}
		}
		got.Message = ""
		if got != want {
			t.Errorf("%s: got %v, want %v", cell, got, want)
		}
	}
}
