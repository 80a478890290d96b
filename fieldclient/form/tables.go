package form

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// MissingTables gives the names of the files, such as towns.csv, that questions of the form take choices or look things
// up in, and that are not with it: such a form cannot be filled in before AddFile has given them.
func (t *Template) MissingTables() []string { return slices.Clone(t.missing) }

// checkTables warns of a file that a row names and that is not beside the form.
func (b *builder) checkTables(n *Node) {
	switch file, ext := n.File, path.Ext(n.File); {
	case n.Type == "csv-external":
		b.needTable(b.of(n, "type"), n.Name, n.Name+".csv")
	case n.Type == "xml-external":
		b.needTable(b.of(n, "type"), n.Name, n.Name+".xml")
	case file != "":
		b.needTable(b.of(n, "type"), strings.TrimSuffix(file, ext), file)
	}
}

// needTable warns at a place that the form needs a table, by the name that expressions have for it, unless it has it.
func (b *builder) needTable(at place, id, file string) {
	if _, isList := b.t.list(id); isList || id == "__last-saved" || id == "" || b.t.file(id) != nil {
		return
	}
	if !slices.ContainsFunc(b.t.missing, func(m string) bool { return strings.EqualFold(stem(m), id) }) {
		b.t.missing = append(b.t.missing, file)
	}
	give := fmt.Sprintf("give %s.csv with the form when it is imported", id)
	b.warnf(at, "file", "this row needs the file %q beside the form, and it is not there: %s", file, give)
}
