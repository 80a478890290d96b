package formtest

import (
	"bytes"
	"context"
	"encoding/csv"
	"path"
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

// Env is what a form of the case needs from outside: always the same.
func (c Case) Env() form.Env { return Env(c.Files) }

// Env is what any form needs from outside, with the tables that lie beside it.
func Env(files map[string]string) form.Env {
	tables := map[string]expr.Node{}
	for name, text := range files {
		if ext := path.Ext(name); ext == ".csv" {
			tables[strings.TrimSuffix(path.Base(name), ext)] = csvNode(text)
		}
	}
	return form.Env{Expr: expr.Env{
		Now:    func() time.Time { return Now },
		Zone:   Now.Location(),
		Random: sevens{},
		Property: func(name string) (string, bool) {
			v, ok := Device[name]
			return v, ok
		},
		Instance: func(id string) (expr.Node, bool) {
			n, ok := tables[id]
			return n, ok
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

// node is one of a table beside a form.
type node struct {
	name, text string
	parent     expr.Node
	kids       []expr.Node
}

func (n *node) Name() string          { return n.name }
func (n *node) Parent() expr.Node     { return n.parent }
func (n *node) Children() []expr.Node { return n.kids }
func (n *node) Text() string {
	if len(n.kids) == 0 {
		return n.text
	}
	var b strings.Builder
	for _, k := range n.kids {
		b.WriteString(k.Text())
	}
	return b.String()
}

func (n *node) add(name, text string) *node {
	k := &node{name: name, text: text, parent: n}
	n.kids = append(n.kids, k)
	return k
}

// csvNode makes the instance of a table as ODK does: root, an item for each row, a child for each cell.
func csvNode(text string) expr.Node {
	rows, _ := csv.NewReader(strings.NewReader(text)).ReadAll() // what is no table is an empty one
	doc := &node{}
	root := doc.add("root", "")
	for i, row := range rows {
		if i == 0 {
			continue
		}
		item := root.add("item", "")
		for j, cell := range row {
			item.add(rows[0][j], cell)
		}
	}
	return doc
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

// Import makes the case's form, through the workbook that it is written to.
func (c Case) Import(ctx context.Context) (*form.Template, []form.Issue, error) {
	book, err := c.Workbook()
	if err != nil {
		return nil, nil, err
	}
	return form.Import(ctx, bytes.NewReader(book), int64(len(book)), c.Name+".xlsx")
}
