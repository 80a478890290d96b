package fieldclient

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"kua/fieldclient/form"
	"kua/syncproto"
)

// itemKeys are the stable names of a template's questions and repeats: what an answer is filed under, so that it finds
// its question again in another version of the form.
type itemKeys struct {
	key  map[*form.Node]string
	node map[string]*form.Node
	// silences are the choices of each question that stand for one; see form.Template.Silences.
	silences map[*form.Node]map[string]form.Silence
}

// keysOf names each node by its kua::id where the form gives one that no other has, else by its name where that is
// the only one, else by its path. Ids come first, wherever they stand: what a question is called must not hang on the
// order of the others.
func keysOf(t *form.Template) *itemKeys {
	ids := map[string]int{}
	for n := range t.Root.All() {
		if id := questionID(n); id != "" {
			ids[id]++
		}
	}
	k := &itemKeys{map[*form.Node]string{}, map[string]*form.Node{}, map[*form.Node]map[string]form.Silence{}}
	for n := range t.Root.All() {
		key := ""
		switch id := questionID(n); {
		case ids[id] == 1:
			key = id
		case t.Named(n.Name) == n && ids[n.Name] == 0:
			key = n.Name
		default:
			key = n.Path()
		}
		key = shortKey(key)
		k.key[n], k.node[key] = key, n
		if s := t.Silences(n); s != nil {
			k.silences[n] = s
		}
	}
	return k
}

// questionID is a question's kua::id. One that looks like a path would be taken for one.
func questionID(n *form.Node) string {
	if id := kuaCell(n, "id"); n.Kind == form.KindQuestion && !strings.HasPrefix(id, "/") {
		return id
	}
	return ""
}

// shortKey makes a key fit the field that keeps it: a longer one is named by its hash.
func shortKey(key string) string {
	if oneLine(key) == key {
		return key
	}
	h := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(h[:])
}

// ItemKey is the stable id under which answers to a question are filed: its kua::id where the form gives one that no
// other question has, else its name, else its path.
func ItemKey(t *form.Template, n *form.Node) string { return keysOf(t).key[n] }

// kuaCell returns a cell of one of Kua's own columns, such as kua::id.
func kuaCell(n *form.Node, name string) string { return strings.TrimSpace(n.Kua(name)) }

// forExperts reports whether a question, or a section around it, is for health experts only.
func forExperts(n *form.Node) bool {
	for ; n != nil; n = n.Parent {
		if strings.EqualFold(kuaCell(n, "right"), "medical") {
			return true
		}
	}
	return false
}

// The names from which the ids of a checklist's records are derived (docs/protocol.md §1): whoever knows the name finds
// the record, and nobody can pass a record off under another name.
func answerName(checklist syncproto.EntityID, item string, row syncproto.EntityID) (name, instance string) {
	if row != (syncproto.EntityID{}) {
		instance = row.String()
	}
	return checklist.String() + "\x00" + item, instance
}

func rowName(checklist syncproto.EntityID, r *row) (name, instance string) {
	return "row\x00" + checklist.String() + "\x00" + r.repeat + "\x00" + r.parent.String(), r.order
}
