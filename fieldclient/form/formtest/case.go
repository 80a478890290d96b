// Package formtest reads cases for form engines, and plays them: a form as tables of text, files beside it, answers,
// and what must follow from them. The product does not use it.
//
// A case begins with what it shows. Then come parts, each under a line "== NAME":
//
//	== survey, == choices, == settings
//	        a sheet: a row a line, cells between bars that have space on both sides
//	== file towns.csv
//	        a file beside the form, as it is
//	== expressions
//	        EXPRESSION => VALUE: a calculation of its own, and what it must give
//	== steps
//	        one step a line, see [Step]
package formtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kua/fieldclient/form"
)

// Case is a form, and how it must behave.
type Case struct {
	Name   string // of the file, without its ending
	About  string // what it shows
	Sheets []form.Sheet
	Files  map[string]string // beside the form, by name
	Steps  []Step

	expressions map[form.Ref]string
}

// Expression gives the expression that a line of the part "expressions" computes at a place; "" elsewhere.
func (c Case) Expression(ref form.Ref) string { return c.expressions[ref] }

// Read reads every case of a folder, in the order of their names.
func Read(folder string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.form"))
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		c, err := Parse(strings.TrimSuffix(filepath.Base(file), ".form"), string(text))
		if err != nil {
			return nil, fmt.Errorf("reading case %s: %w", file, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Parse reads one case.
func Parse(name, text string) (Case, error) {
	c := Case{Name: name, Files: map[string]string{}, expressions: map[form.Ref]string{}}
	part, file := "", ""
	sheets := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		if head, ok := strings.CutPrefix(line, "== "); ok {
			part, file, _ = strings.Cut(strings.TrimSpace(head), " ")
			if part == "survey" || part == "choices" || part == "settings" {
				sheets[part] = len(c.Sheets)
				c.Sheets = append(c.Sheets, form.Sheet{Name: part})
			}
			continue
		}
		if part != "file" && strings.TrimSpace(line) == "" {
			continue
		}
		var err error
		switch part {
		case "":
			c.About = strings.TrimSpace(c.About + " " + line)
		case "file":
			c.Files[file] += line + "\n"
		case "expressions":
			err = c.expression(i+1, line)
		case "steps":
			var s Step
			s, err = parseStep(i+1, line)
			c.Steps = append(c.Steps, s)
		default:
			at, ok := sheets[part]
			if !ok {
				return c, fmt.Errorf("line %d: no part is named %q", i+1, part)
			}
			c.Sheets[at].Rows = append(c.Sheets[at].Rows, cells(line))
		}
		if err != nil {
			return c, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return c, nil
}

// cells parts a line at its bars.
func cells(line string) []string {
	line = " " + strings.TrimSpace(line) + " "
	var out []string
	for {
		at := strings.Index(line, " | ")
		if at < 0 {
			break
		}
		out = append(out, strings.TrimSpace(line[:at]))
		line = line[at+2:]
	}
	if last := strings.TrimSpace(line); last != "" {
		out = append(out, last)
	}
	return out
}

// expression adds a calculation to the survey, and a step that looks at it. Those of a case follow one another.
func (c *Case) expression(line int, text string) error {
	at := strings.LastIndex(text+" ", " => ")
	if at < 0 || len(c.Sheets) == 0 {
		return fmt.Errorf("want EXPRESSION => VALUE below a survey, got %q", text)
	}
	survey := &c.Sheets[0]
	name := "e" + strconv.Itoa(len(c.expressions)+1)
	row := make([]string, len(survey.Rows[0]))
	for i, head := range survey.Rows[0] {
		row[i] = map[string]string{"type": "calculate", "name": name, "calculation": strings.TrimSpace(text[:at])}[head]
	}
	survey.Rows = append(survey.Rows, row)
	ref := form.Ref("/data/" + name)
	c.expressions[ref] = strings.TrimSpace(text[:at])
	c.Steps = append(c.Steps, Step{Line: line, Do: Gives, Ref: ref, Arg: strings.TrimSpace((text + " ")[at+4:])})
	return nil
}
