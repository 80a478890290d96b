package form

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	gocmp "github.com/google/go-cmp/cmp"
)

// corpus is where real forms and the documents that the reference converter makes of them lie.
const corpus = "../../../shared/xlsform"

// refused are the forms of the corpus that must not import, with the code of the reason that the name tells.
var refused = map[string]Code{
	"bad_calc.xlsx":             "bad-expression",
	"duplicate_columns.xlsx":    "duplicate-column",
	"include.xlsx":              "obsolete",
	"include_json.xls":          "obsolete",
	"unknown_question_type.xls": "unknown-type",
}

func corpusFiles(t testing.TB) []string {
	files, _ := filepath.Glob(filepath.Join(corpus, "*.xls*"))
	if len(files) == 0 {
		t.Skip("no corpus of real forms beside the repository: nothing compared")
	}
	return files
}

func importFile(t testing.TB, file string) (*Template, []Issue, error) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return Import(t.Context(), f, st.Size(), filepath.Base(file))
}

func importBytes(t testing.TB, data []byte, name string) (*Template, []Issue, error) {
	return Import(t.Context(), bytes.NewReader(data), int64(len(data)), name)
}

func TestEveryRealFormImportsOrIsRefusedForTheReasonThatItsNameTells(t *testing.T) {
	tried, imported, turned := 0, 0, 0
	for _, file := range corpusFiles(t) {
		base := filepath.Base(file)
		tmpl, issues, err := importFile(t, file)
		tried++
		if code, ok := refused[base]; ok {
			turned++
			if !errors.Is(err, ErrHasErrors) || !slices.ContainsFunc(issues, func(i Issue) bool { return i.Severity == Error && i.Code == code }) {
				t.Errorf("%s: want an error %q, got %v %v", base, code, err, issues)
			}
			continue
		}
		if err != nil || tmpl == nil {
			t.Errorf("%s does not import: %v\n%s", base, err, lines(issues))
			continue
		}
		imported++
	}
	t.Logf("tried %d, imported %d, refused as they should be %d", tried, imported, turned)
}

func lines(issues []Issue) string {
	var b strings.Builder
	for _, i := range issues {
		b.WriteString("\t" + i.String() + "\n")
	}
	return b.String()
}

func TestTheXFormOfARealFormIsTheReferenceConvertersOwn(t *testing.T) {
	tried, equal := 0, 0
	for _, file := range corpusFiles(t) {
		base := filepath.Base(file)
		want, err := os.ReadFile(filepath.Join(corpus, "expected", base+".xml"))
		if err != nil {
			continue
		}
		tried++
		if _, ok := refused[base]; ok {
			t.Logf("%s: differs: refused on purpose (%s)", base, refused[base])
			continue
		}
		tmpl, issues, err := importFile(t, file)
		if err != nil {
			t.Errorf("%s: %v\n%s", base, err, lines(issues))
			continue
		}
		var got bytes.Buffer
		if err := tmpl.WriteXForm(&got); err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		if diff := gocmp.Diff(canonicalXML(t, want), canonicalXML(t, got.Bytes())); diff != "" {
			known, ok := differs[base]
			if n := differing(canonicalXML(t, want), canonicalXML(t, got.Bytes())); ok && n == known.lines {
				t.Logf("%s: differs in %d lines: %s", base, n, known.why)
				continue
			} else if ok {
				t.Errorf("%s: differs in %d lines, not in the %d that are known", base, n, known.lines)
				continue
			}
			t.Errorf("%s: differs from the expected document (-want +got):\n%s", base, diff)
			continue
		}
		equal++
		if known, ok := differs[base]; ok {
			t.Errorf("%s: equal, though noted as different: %s", base, known.why)
		}
	}
	t.Logf("tried %d, equal %d", tried, equal)
}

// differs are the documents that are meant to differ from the reference converter's: in how many lines, and why.
var differs = map[string]struct {
	lines int
	why   string
}{
	"case_insensitivity.xls":    {17, "entities and OpenStreetMap tags are kept, but not written"},
	"case_insensitivity.xlsx":   {17, "entities and OpenStreetMap tags are kept, but not written"},
	"flat_xlsform_test.xlsx":    {525, "the setting \"flat\" has no meaning any more: sections stay sections"},
	"repeat_date_test.xls":      {2, "a date in a cell is written 2012-12-12, not 2012-12-12 00:00:00"},
	"xl_date_ambiguous_v1.xlsx": {2, "a date in a cell is written 1900-01-01, not 1900-01-01 00:00:00, which is no date to ODK"},
}

// differing counts the lines that only one of the documents has.
func differing(a, b []string) int {
	count := map[string]int{}
	for _, l := range a {
		count[l]++
	}
	for _, l := range b {
		count[l]--
	}
	n := 0
	for _, c := range count {
		n += max(c, -c)
	}
	return n
}

// canonicalXML writes one line for each element, in order but for the parts of an itext, whose order means nothing:
// attributes sorted, runs of white space as one space.
func canonicalXML(t testing.TB, data []byte) []string {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(data); err != nil {
		t.Fatalf("not XML: %v\n%s", err, data)
	}
	var out []string
	canonicalElement(doc.Root(), "", &out)
	return out
}

func canonicalElement(el *etree.Element, indent string, out *[]string) {
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	var attrs []string
	for _, a := range el.Attr {
		attrs = append(attrs, a.FullKey()+"="+squeeze(a.Value))
	}
	slices.Sort(attrs)
	line := indent + el.FullTag() + " " + strings.Join(attrs, " ")
	at := len(*out)
	*out = append(*out, "")
	children := el.ChildElements()
	var text []string
	for _, tok := range el.Child {
		switch c := tok.(type) {
		case *etree.CharData:
			text = append(text, squeeze(c.Data))
		case *etree.Element:
			text = append(text, "<>")
		}
	}
	if el.Tag == "itext" || el.Tag == "translation" || el.Tag == "text" {
		slices.SortFunc(children, func(a, b *etree.Element) int {
			key := func(e *etree.Element) string {
				return e.SelectAttrValue("lang", "") + e.SelectAttrValue("id", "") + e.SelectAttrValue("form", "")
			}
			return cmp.Compare(key(a), key(b))
		})
	}
	(*out)[at] = strings.TrimSpace(line + " | " + strings.Join(strings.Fields(strings.Join(text, " ")), " "))
	for _, c := range children {
		canonicalElement(c, indent+"  ", out)
	}
}
