package form

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says what an Issue means for the form.
type Severity uint8

const (
	// Warning: the form works; what the issue names is kept, but something is not as the author may expect.
	Warning Severity = iota
	// Error: the form cannot be used before its author changes it.
	Error
)

// String gives "warning" or "error".
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Code names a kind of problem; it never changes, so that words in other languages can be keyed by it.
type Code string

// Issue is one problem of a form, at the place where its author can mend it.
type Issue struct {
	Severity Severity
	Sheet    string // as the workbook names it; empty for the workbook as a whole
	Row      int    // as a spreadsheet program counts, from 1; 0 for the sheet as a whole
	Column   string // the column's header as its author wrote it; empty for the row as a whole
	Code     Code
	Message  string // English, for a form author
}

// String gives the place and the message on one line.
func (i Issue) String() string {
	var b strings.Builder
	b.WriteString(i.Severity.String())
	b.WriteString(": ")
	if i.Sheet != "" {
		fmt.Fprintf(&b, "sheet %q", i.Sheet)
		if i.Row > 0 {
			fmt.Fprintf(&b, ", row %d", i.Row)
		}
		if i.Column != "" {
			fmt.Fprintf(&b, ", column %q", i.Column)
		}
		b.WriteString(": ")
	}
	b.WriteString(i.Message)
	return b.String()
}

// HasErrors reports whether any issue forbids the use of the form.
func HasErrors(issues []Issue) bool {
	return slices.ContainsFunc(issues, func(i Issue) bool { return i.Severity == Error })
}

var (
	// ErrNotAForm: the bytes are no workbook that this package reads.
	ErrNotAForm = errors.New("not a readable workbook")
	// ErrTooLarge: the workbook goes beyond a limit; nothing of it was kept.
	ErrTooLarge = errors.New("workbook too large")
	// ErrHasErrors: the form has issues of severity Error and cannot become a Template.
	ErrHasErrors = errors.New("the form has errors")
)

// maxIssues bounds the list for a hostile workbook; a person reads no further.
const maxIssues = 1000

// report gathers issues.
type report struct {
	issues []Issue
	said   map[Issue]bool
	full   bool
	failed bool
}

func (r *report) add(i Issue) {
	r.failed = r.failed || i.Severity == Error
	if r.said[i] {
		return // a row of a loop is met once for each choice
	}
	if len(r.issues) < maxIssues {
		if r.said == nil {
			r.said = map[Issue]bool{}
		}
		r.said[i] = true
		r.issues = append(r.issues, i)
		return
	}
	r.full = true
}

func (r *report) errorf(at place, code Code, format string, args ...any) {
	r.add(Issue{Error, at.sheet, at.row, at.column, code, fmt.Sprintf(format, args...)})
}

func (r *report) warnf(at place, code Code, format string, args ...any) {
	r.add(Issue{Warning, at.sheet, at.row, at.column, code, fmt.Sprintf(format, args...)})
}

// sorted gives the issues in reading order: by sheet as first met, then by row.
func (r *report) sorted() []Issue {
	order := map[string]int{}
	for _, i := range r.issues {
		if _, ok := order[i.Sheet]; !ok {
			order[i.Sheet] = len(order)
		}
	}
	slices.SortStableFunc(r.issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(order[a.Sheet], order[b.Sheet]), cmp.Compare(a.Row, b.Row))
	})
	if r.full {
		sev := Warning
		if r.failed {
			sev = Error
		}
		r.issues = append(r.issues, Issue{Severity: sev, Code: "more", Message: fmt.Sprintf("there are more than %d problems; mend these first", maxIssues)})
		r.full = false
	}
	return r.issues
}

// place is where a problem lies.
type place struct {
	sheet  string
	row    int
	column string
}

func (p place) in(column string) place { p.column = column; return p }
