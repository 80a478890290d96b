package form_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kua/fieldclient/form"
	"kua/fieldclient/form/formtest"
)

// The same cases are driven through ODK's own engine in lab/oracle.
func TestEveryCaseBehavesAsItSays(t *testing.T) {
	cases, err := formtest.Read("testdata/cases")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	steps := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			in := filled(t, c)
			if faults := faultsOf(in); faults != "" {
				t.Errorf("expressions that cannot be evaluated:\n%s", faults)
			}
		})
		steps += len(c.Steps)
	}
	t.Logf("%d forms, %d answers and expectations", len(cases), steps)
}

// filled plays a case.
func filled(t *testing.T, c formtest.Case) *form.Instance {
	t.Helper()
	tmpl, issues, err := c.Import(t.Context())
	if err != nil {
		t.Fatalf("%v %v", err, issues)
	}
	in, err := form.NewInstance(tmpl, formtest.Env())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		if err := s.Play(in); err != nil {
			t.Errorf("%v  %s", err, c.Expression(s.Ref))
		}
	}
	return in
}

func faultsOf(in *form.Instance) string {
	var b strings.Builder
	for _, p := range in.Validate() {
		if p.Code == form.CodeFault {
			fmt.Fprintf(&b, "%s: %s\n", p.Ref, p.Message)
		}
	}
	return b.String()
}

// Every type and function that the standard has stands in some case, so that both engines are asked about it.
func TestEveryTypeAndFunctionHasACase(t *testing.T) {
	cases, err := formtest.Read("testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	var text strings.Builder
	for _, c := range cases {
		for _, s := range c.Sheets {
			for _, row := range s.Rows {
				text.WriteString(strings.Join(row, "\t") + "\n")
				if s.Name == "survey" {
					types = append(types, row[0])
				}
			}
		}
	}
	for _, want := range documentedTypes {
		if !slices.ContainsFunc(types, func(s string) bool { return s == want || strings.HasPrefix(s, want+" ") }) {
			t.Errorf("no case asks a question of the type %q", want)
		}
	}
	for _, want := range documentedFunctions {
		if !regexp.MustCompile(`(^|[^\w:-])` + regexp.QuoteMeta(want) + `\(`).MatchString(text.String()) {
			t.Errorf("no case uses the function %s()", want)
		}
	}
}

// documentedTypes are the question types of https://xlsform.org and of ODK's documentation.
var documentedTypes = strings.Split("text,integer,decimal,range,date,time,dateTime,select_one,select_multiple,select_one_from_file,select_multiple_from_file,rank,note,calculate,"+
	"acknowledge,image,audio,video,file,geopoint,geotrace,geoshape,barcode,hidden,start,end,today,deviceid,username,email,phonenumber,audit,"+
	"begin_group,end_group,begin_repeat,end_repeat,csv-external", ",")

// documentedFunctions are those of "Form Operators and Functions" in ODK's documentation, and of XPath 1.0.
var documentedFunctions = strings.Fields(`if coalesce once true false boolean boolean-from-string not checklist weighted-checklist
	selected selected-at count-selected jr:choice-name jr:itext instance pulldata current indexed-repeat position last count count-non-empty sum min max join randomize
	string concat substr substring substring-before substring-after translate string-length normalize-space contains starts-with ends-with regex
	number int round floor ceiling abs pow log log10 exp exp10 sqrt sin cos tan asin acos atan atan2 pi random
	today now date date-time decimal-date-time decimal-time format-date format-date-time
	area distance geofence intersects uuid digest base64-decode property version name local-name extract-signed`)
