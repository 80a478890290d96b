package formtest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"kua/fieldclient/form"
	"kua/fieldclient/form/expr"

	"github.com/xuri/excelize/v2"
)

// Now is the moment at which the clock of every case stands still, in the zone of Kazakhstan since 1 March 2024.
var Now = time.Date(2026, 11, 24, 9, 30, 0, 0, time.FixedZone("", 5*3600))

// Device is what the device of every case knows of itself.
var Device = map[string]string{"deviceid": "laptop-1", "email": "a@example.org", "username": "Aigerim", "phonenumber": "77001234567"}

// Env is what a form needs from outside: always the same.
func Env() form.Env {
	return form.Env{Expr: expr.Env{
		Now:    func() time.Time { return Now },
		Zone:   Now.Location(),
		Random: sevens{},
		Property: func(name string) (string, bool) {
			v, ok := Device[name]
			return v, ok
		},
	}}
}

// sevens is a random source that is none.
type sevens struct{}

func (sevens) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

// Workbook writes the case's form as an .xlsx workbook.
func (c Case) Workbook() ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	for i, s := range c.Sheets {
		if i == 0 {
			if err := f.SetSheetName(f.GetSheetName(0), s.Name); err != nil {
				return nil, err
			}
		} else if _, err := f.NewSheet(s.Name); err != nil {
			return nil, err
		}
		for r, row := range s.Rows {
			for at, text := range row {
				cell, err := excelize.CoordinatesToCellName(at+1, r+1)
				if err != nil {
					return nil, err
				}
				if err := f.SetCellStr(s.Name, cell, text); err != nil {
					return nil, err
				}
			}
		}
	}
	var b bytes.Buffer
	err := f.Write(&b)
	return b.Bytes(), err
}

// Import makes the case's form, through the workbook that it is written to, with the tables that lie beside it.
func (c Case) Import(ctx context.Context) (*form.Template, []form.Issue, error) {
	book, err := c.Workbook()
	if err != nil {
		return nil, nil, err
	}
	tmpl, issues, err := form.Import(ctx, bytes.NewReader(book), int64(len(book)), c.Name+".xlsx")
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		if err == nil {
			tmpl, issues, err = tmpl.AddFile(name, strings.NewReader(c.Files[name]))
		}
	}
	return tmpl, issues, err
}
