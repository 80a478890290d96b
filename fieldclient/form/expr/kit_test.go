package expr

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// element is a tree for tests, read from XML.
type element struct {
	name     string
	parent   *element
	children []Node
	attrs    []Node
	text     string
}

func (e *element) Name() string       { return e.name }
func (e *element) Children() []Node   { return e.children }
func (e *element) Attributes() []Node { return e.attrs }

func (e *element) Parent() Node {
	if e.parent == nil {
		return nil
	}
	return e.parent
}

func (e *element) Text() string {
	if len(e.children) == 0 {
		return e.text
	}
	var b strings.Builder
	for _, c := range e.children {
		b.WriteString(c.Text())
	}
	return b.String()
}

func (e *element) add(name string) *element {
	child := &element{name: name, parent: e}
	e.children = append(e.children, child)
	return child
}

func parseTree(t testing.TB, src string) *element {
	t.Helper()
	doc := &element{}
	at := doc
	for d := xml.NewDecoder(strings.NewReader(src)); ; {
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return doc
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			at = at.add(qualified(tok.Name))
			for _, a := range tok.Attr {
				at.attrs = append(at.attrs, &element{name: qualified(a.Name), parent: at, text: a.Value})
			}
		case xml.EndElement:
			at = at.parent
		case xml.CharData:
			if len(at.children) == 0 {
				at.text += string(tok)
			} else if strings.TrimSpace(string(tok)) != "" {
				t.Fatalf("mixed content %q", tok)
			}
		}
		if len(at.children) > 0 {
			at.text = ""
		}
	}
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// find gives the first node of a path, for use as context.
func find(t testing.TB, doc Node, path string) Node {
	t.Helper()
	v, err := mustParse(t, path).Evaluate(Context{Node: doc})
	if err != nil || len(v.Nodes()) == 0 {
		t.Fatalf("no node %s: %v", path, err)
	}
	return v.Nodes()[0]
}

func mustParse(t testing.TB, src string) *Expr {
	t.Helper()
	e, err := Parse(src)
	if err != nil {
		t.Fatalf("parsing %s: %v\n%s", src, err, Mark(src, err.(*Error).Pos))
	}
	return e
}
