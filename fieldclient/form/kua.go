package form

import (
	"slices"
	"strings"
)

// kuaColumns are Kua's own columns of the survey sheet, each with the header kua::NAME. Other programs for XLSForm keep
// them and do not look at them.
var kuaColumns = []string{"id", "theme", "sources", "standard", "measure", "right", "strict", "known", "review"}

// Kua gives the cell of one of Kua's own columns, by the name behind "kua::"; "" where the row or the form has none:
//
//	id        the item's stable id; what belongs to an item has a part of its own behind a slash
//	theme     what the item is about, such as "material"
//	sources   the kinds of source that may support an answer, parted by spaces, such as "observation interview"
//	standard  where the rule comes from, in words
//	measure   the figure that dated norms are compared with, such as "m2_per_person"
//	right     what the author of the answer needs beyond writing, such as "medical"
//	strict    "yes" where an answer that breaks the constraint is not even kept, as where a name might be typed
//	known     the property of the program, such as "interview", that answers the question: where it has one, nobody is asked
//	review    the languages in which a native speaker still has to look at the words
//
// The cell is among Extra too, under the header as its author wrote it.
func (n *Node) Kua(name string) string {
	for _, a := range n.Extra {
		if kuaName(a.Name) == name {
			return a.Value
		}
	}
	return ""
}

// ItemID is the stable id by which answers of different visits and versions are joined: kua::id, and the node's name
// where its row has none.
func (n *Node) ItemID() string { return firstOf(n.Kua("id"), n.Name) }

// kuaName is what follows "kua::" in the header of one of Kua's own columns; "" for every other column.
func kuaName(header string) string {
	first, rest, ok := strings.Cut(header, ":")
	rest = strings.TrimSpace(strings.TrimPrefix(rest, ":"))
	if !ok || snakeCase(first) != "kua" || !slices.Contains(kuaColumns, rest) {
		return ""
	}
	return rest
}

// ownColumns names Kua's columns to an author who meant one of them.
func ownColumns(header string) string {
	if first, _, ok := strings.Cut(header, ":"); !ok || snakeCase(first) != "kua" {
		return ""
	}
	return "; there are kua::" + strings.Join(kuaColumns, ", kua::")
}

// Silences gives, of a question's choices, those that stand for a silence, by their value: the column kua_silence of the
// choices sheet names it, as N/A of the QualityRights scale does. Such a choice is no value: it is counted, compared and
// reported as the silence that it names. nil where there are none.
func (t *Template) Silences(n *Node) map[string]Silence {
	l, ok := t.List(n.List)
	if !ok {
		return nil
	}
	var out map[string]Silence
	for _, c := range l.Choices {
		for _, f := range c.Fields {
			for s := NotChecked; s <= AccessRefused; s++ {
				if f.Name == "kua_silence" && strings.TrimSpace(f.Value) == s.String() {
					if out == nil {
						out = map[string]Silence{}
					}
					out[c.Name] = s
				}
			}
		}
	}
	return out
}
