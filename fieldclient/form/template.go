package form

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Template is a form that may be used: read it, never change it. What the workbook said, cell by cell, is its canonical
// form, and the hash of that its identity; everything else here follows from it.
type Template struct {
	ID              string // the form's id (settings form_id), else the workbook's name without its ending
	Title           string // what people see; the ID where the form says nothing else
	Version         string
	Name            string // of the root element, "data" unless the settings say otherwise
	DefaultLanguage string // "default" unless the settings say otherwise
	InstanceName    string // expression that names a filled form; may be empty
	Style           string
	Settings        []Attr   // every other setting that has a value, by its canonical name, in the sheet's order
	Languages       []string // in which the form has words, in the columns' order; "default" for columns without one
	Root            *Node    // of kind KindForm
	Lists           []*List  // choices, in the sheet's order
	External        []*List  // of the sheet external_choices, for select_one_external

	byList    map[string]*List
	byName    map[string]*Node
	sheets    []Sheet
	fallback  string
	missing   []string
	canonical []byte
	hash      [32]byte
}

// Kind is a node's place in the form.
type Kind uint8

const (
	KindQuestion Kind = iota
	KindGroup
	KindRepeat
	KindForm // the root
	KindFile // an external instance: a file beside the form, no answer
)

// Node is a question or a section of a form. Expressions are as their author wrote them, with ${name} for other
// questions.
type Node struct {
	Kind      Kind
	Type      string // as https://xlsform.org documents it, such as "select_one"; "" for one that is not known
	Source    string // the type cell
	Name      string
	Row       int  // in the survey sheet, from 1
	Generated bool // stands in no row of its own: "…_other", "…_count", the parts of meta
	Control   string
	MediaType string
	Data      string // the type of the value in XForms, such as "int"; "" for none

	Label, Hint, Guidance                            Text
	Media                                            []Media
	Relevant, Required, ReadOnly                     string
	Constraint, Calculation                          string
	RequiredMessage, ConstraintMessage, NoAppMessage Text
	Default                                          string
	Dynamic                                          bool // Default is an expression, not a value
	Trigger                                          []string
	Appearance                                       string
	Parameters                                       map[string]string
	List                                             string // name of a List, for selects
	File                                             string // for selects from a file
	From                                             string // for selects from the answers to a question: that question's name
	ChoiceFilter                                     string
	RepeatCount                                      string
	Preload, PreloadParams                           string
	Bind, Body, Instance                             []Attr // further attributes, from bind::, body:: and instance:: columns
	Extra                                            []Attr // cells of columns that XLSForm does not know, by header
	Parent                                           *Node
	Children                                         []*Node
}

// Attr is a name with a value.
type Attr struct{ Name, Value string }

// Media is a picture, sound or film beside a text. Kind is "image", "big-image", "audio" or "video".
type Media struct {
	Kind string
	File Text
}

// Text is one wording, or one for each language.
type Text []Wording

// Wording is a text in one language; Lang is empty where the form has no languages.
type Wording struct{ Lang, Text string }

// In gives the wording in a language, else in one of the others that follow, else the first there is.
func (t Text) In(langs ...string) string {
	for _, l := range langs {
		for _, w := range t {
			if w.Lang == l {
				return w.Text
			}
		}
	}
	if len(t) > 0 {
		return t[0].Text
	}
	return ""
}

// Localised reports whether the text names its languages.
func (t Text) Localised() bool { return len(t) > 0 && t[0].Lang != "" }

// List is a list of choices.
type List struct {
	Name    string
	Choices []Choice
}

// Choice is one choice of a List. Fields are its further columns, by name, for choice filters.
type Choice struct {
	Name      string
	Label     Text
	Media     []Media
	Fields    []Attr
	Row       int  // in the choices sheet, from 1
	Generated bool // the "other" of "or other"
}

// List gives a list of choices by its name.
func (t *Template) List(name string) (*List, bool) {
	l, ok := t.byList[name]
	return l, ok
}

// list gives a list of either sheet by the name that expressions have for it.
func (t *Template) list(id string) (*List, bool) {
	name, external := strings.CutPrefix(id, externalID)
	if !external {
		return t.List(id)
	}
	i := slices.IndexFunc(t.External, func(l *List) bool { return l.Name == name })
	if i < 0 {
		return nil, false
	}
	return t.External[i], true
}

// Named gives the question or section of a name; nil where there is none, or more than one.
func (t *Template) Named(name string) *Node { return t.byName[name] }

// Setting gives a setting by its canonical name, such as "submission_url"; "" where there is none.
func (t *Template) Setting(name string) string { return valueOf(t.Settings, name) }

func valueOf(attrs []Attr, name string) string {
	for _, a := range attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// All gives the node and everything below it, in the form's order.
func (n *Node) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.each(yield) }
}

func (n *Node) each(yield func(*Node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, c := range n.Children {
		if !c.each(yield) {
			return false
		}
	}
	return true
}

// Path is the node's place in a filled form, such as "/data/cells/area".
func (n *Node) Path() string {
	var names []string
	for ; n != nil; n = n.Parent {
		names = append(names, n.Name)
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// InRepeat reports whether the node lies in a repeat.
func (n *Node) InRepeat() bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Kind == KindRepeat {
			return true
		}
	}
	return false
}

// canonicalForm is what a template's identity is the hash of: deterministic CBOR (RFC 8949 §4.2.1).
type canonicalForm struct {
	Format   uint    `cbor:"1,keyasint"`
	Fallback string  `cbor:"2,keyasint"` // the id of a form whose settings give none
	Sheets   []Sheet `cbor:"3,keyasint"`
}

const canonicalFormat = 1

// seal computes the identity.
func (t *Template) seal() error {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return err
	}
	if t.canonical, err = mode.Marshal(canonicalForm{canonicalFormat, t.fallback, t.sheets}); err != nil {
		return err
	}
	t.hash = sha256.Sum256(t.canonical)
	return nil
}

// Hash is the form's identity: SHA-256 of its canonical bytes. Two workbooks with the same cells have the same hash,
// whatever program wrote them in whichever format.
func (t *Template) Hash() [32]byte { return t.hash }

// Canonical gives the bytes that Decode makes the same template of.
func (t *Template) Canonical() []byte { return bytes.Clone(t.canonical) }

// Sheets gives a copy of every sheet of the workbook.
func (t *Template) Sheets() []Sheet { return cloneSheets(t.sheets) }

func cloneSheets(sheets []Sheet) []Sheet {
	out := slices.Clone(sheets)
	for i := range out {
		out[i].Rows = slices.Clone(out[i].Rows)
		for j := range out[i].Rows {
			out[i].Rows[j] = slices.Clone(out[i].Rows[j])
		}
	}
	return out
}

// Decode makes the template of its canonical bytes. Bytes that are not canonical are refused, so that a template has
// one form only.
func Decode(canonical []byte) (*Template, error) {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 8}.DecMode()
	if err != nil {
		return nil, err
	}
	var c canonicalForm
	if err := mode.Unmarshal(canonical, &c); err != nil {
		return nil, fmt.Errorf("decoding template: %w", err)
	}
	if c.Format != canonicalFormat {
		return nil, fmt.Errorf("decoding template: its format is %d, this program reads %d", c.Format, canonicalFormat)
	}
	book := &workbook{}
	for _, s := range c.Sheets {
		if err := book.copySheet(s); err != nil {
			return nil, fmt.Errorf("decoding template: %w", err)
		}
	}
	t, _ := build(book.sheets, c.Fallback, nil)
	if t == nil {
		return nil, fmt.Errorf("decoding template: %w", ErrHasErrors)
	}
	if !bytes.Equal(t.canonical, canonical) {
		return nil, errors.New("decoding template: the bytes are not canonical")
	}
	return t, nil
}

// copySheet takes a sheet over cell by cell, under the limits of any other.
func (w *workbook) copySheet(from Sheet) error {
	to, err := w.addSheet(from.Name)
	if err != nil {
		return err
	}
	for r, row := range from.Rows {
		for c, text := range row {
			if err := w.set(to, r, c, text); err != nil {
				return err
			}
		}
	}
	return nil
}
