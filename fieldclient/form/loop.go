package form

import (
	"slices"
	"strings"
)

// loop gathers the rows between "begin loop over LIST" and its end. They stand once for each choice of the list, in a
// group of its own that has the choice's name and label; %(name)s and %(label)s in their cells are the choice's. Old
// forms have loops, and the reference converter still takes them.
type loop struct {
	begin *surveyRow
	list  string
	rows  []*surveyRow
	inner int // loops in this loop that are open
}

// inLoop takes a row into the loop that is open, or ends the loop with it; false where none is open.
func (b *builder) inLoop(r *surveyRow) bool {
	l := b.loop
	if l == nil {
		return false
	}
	switch cell := parseType(r.cells["type"]); {
	case cell.begin == "loop":
		l.inner++
	case cell.end == "loop" && l.inner > 0:
		l.inner--
	case cell.end == "loop":
		b.loop = nil
		b.unroll(l)
		return true
	}
	l.rows = append(l.rows, r)
	return true
}

func (b *builder) beginLoop(r *surveyRow, cell typeCell) {
	if cell.list == "" {
		b.errorf(r.at("type"), "missing-list", "a loop needs the name of a list: begin_loop over list_name")
	}
	b.loop = &loop{begin: r, list: cell.list}
}

// unroll writes the rows of a loop out.
func (b *builder) unroll(l *loop) {
	at := l.begin.at("type")
	list, ok := b.t.List(l.list)
	if !ok {
		if l.list != "" {
			b.errorf(at, "unknown-list", "there is no list %q on the choices sheet", l.list)
		}
		return
	}
	n := b.node(l.begin)
	n.Kind, n.Control, n.Type = KindGroup, "group", "group"
	b.nameNode(l.begin, n)
	b.push(l.begin, n)
	for _, c := range slices.Clone(list.Choices) {
		if c.Name == "none" {
			continue // nothing is asked about it, as in the reference converter
		}
		if b.unrolled += 1 + len(l.rows); b.unrolled > maxRows {
			b.errorf(at, "too-many-questions", "written out once for each choice, the rows of loops are more than %d; use a repeat", maxRows)
			break
		}
		if !isName(c.Name) {
			b.errorf(place{b.sheetName(b.choices), c.Row, "name"}, "bad-name", "the list %q is gone through by a loop, so its choices become names: "+badName, l.list, c.Name)
			break
		}
		g := &Node{Kind: KindGroup, Control: "group", Type: "group", Source: n.Source, Name: c.Name, Row: n.Row, Label: c.Label, Media: c.Media}
		b.push(l.begin, g)
		for _, r := range l.rows {
			b.row(&surveyRow{place: r.place, raw: b.filledIn(r.raw, c), b: b})
		}
		b.pop(g)
	}
	b.pop(n)
}

// filledIn gives a row with a choice's name and label in its cells.
func (b *builder) filledIn(row []string, c Choice) []string {
	out := slices.Clone(row)
	for _, col := range b.columns {
		if col.index < len(out) && strings.Contains(out[col.index], "%(") {
			words := strings.NewReplacer("%(name)s", c.Name, "%(label)s", firstOf(c.Label.In(col.lang, b.t.DefaultLanguage), c.Name))
			out[col.index] = words.Replace(out[col.index])
		}
	}
	return out
}

// push attaches a section and opens it.
func (b *builder) push(r *surveyRow, n *Node) {
	if len(b.stack) > maxSections {
		b.errorf(r.at("type"), "too-deep", "sections lie more than %d deep in one another", maxSections)
	}
	b.attach(n)
	b.stack = append(b.stack, n)
}

// pop closes a section; what is still open inside it has no end.
func (b *builder) pop(n *Node) {
	for b.top() != n && len(b.stack) > 1 {
		open := b.top()
		b.errorf(b.of(open, "type"), "unbalanced", "the %s %q that begins here has no end within its loop: add a row with the type \"end_%s\"", open.Type, open.Name, open.Type)
		b.stack = b.stack[:len(b.stack)-1]
	}
	b.stack = b.stack[:len(b.stack)-1]
}
