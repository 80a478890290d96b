package form

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
)

// sheet makes a sheet of lines whose cells are parted by "|".
func sheet(name string, rows ...string) Sheet {
	s := Sheet{Name: name}
	for _, r := range rows {
		cells := strings.Split(r, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for len(cells) > 0 && cells[len(cells)-1] == "" {
			cells = cells[:len(cells)-1]
		}
		s.Rows = append(s.Rows, cells)
	}
	return s
}

// survey makes a form of one sheet; its first line is the header.
func survey(rows ...string) []Sheet { return []Sheet{sheet("survey", rows...)} }

func mustBuild(t testing.TB, sheets []Sheet) *Template {
	t.Helper()
	tmpl, issues := build(sheets, "form", nil)
	if tmpl == nil {
		t.Fatalf("the form does not build:\n%s", lines(issues))
	}
	return tmpl
}

func codes(issues []Issue) []Code {
	var out []Code
	for _, i := range issues {
		out = append(out, i.Code)
	}
	return out
}

func find(issues []Issue, code Code) (Issue, bool) {
	i := slices.IndexFunc(issues, func(i Issue) bool { return i.Code == code })
	if i < 0 {
		return Issue{}, false
	}
	return issues[i], true
}

func xformOf(t testing.TB, tmpl *Template) string {
	t.Helper()
	var b bytes.Buffer
	if err := tmpl.WriteXForm(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// zipped makes a container of parts.
func zipped(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(parts) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(parts[name]))
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

// parts are those of the smallest workbook: one sheet named survey with these rows of XML.
func parts(rows string) map[string]string {
	return map[string]string{
		"_rels/.rels":                `<Relationships><Relationship Id="r1" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="x"><sheets><sheet name="survey" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="x/styles" Target="styles.xml"/><Relationship Id="r3" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`,
	}
}
