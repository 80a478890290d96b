package form

import (
	"fmt"

	"github.com/beevik/etree"
)

// itext gathers the words of a form by language.
type itext struct {
	fallback string // the default language
	langs    []string
	ids      []string
	forms    map[string][]string // of an id: which forms it has in any language
	words    map[itextKey]itextWords
	hasLang  map[string]bool
	hasForm  map[[2]string]bool
}

type itextKey struct{ lang, id, form string }

type itextWords struct {
	text    string
	context *Node
}

func newItext(fallback string) *itext {
	return &itext{fallback: fallback, forms: map[string][]string{}, words: map[itextKey]itextWords{}, hasLang: map[string]bool{}, hasForm: map[[2]string]bool{}}
}

// add takes a text over; one without a language speaks the default language.
func (i *itext) add(id, form string, t Text, context *Node) {
	for _, w := range t {
		lang := firstOf(w.Lang, i.fallback)
		if !i.hasLang[lang] {
			i.hasLang[lang] = true
			i.langs = append(i.langs, lang)
		}
		if i.forms[id] == nil {
			i.ids = append(i.ids, id)
		}
		if !i.hasForm[[2]string{id, form}] {
			i.hasForm[[2]string{id, form}] = true
			i.forms[id] = append(i.forms[id], form)
		}
		i.words[itextKey{lang, id, form}] = itextWords{w.Text, context}
	}
}

func (x *xform) gatherItext() {
	for _, l := range x.t.Lists {
		if !x.lists[l.Name].itext {
			continue
		}
		for i, c := range l.Choices {
			id := fmt.Sprintf("%s-%d", l.Name, i)
			x.itext.add(id, "", c.Label, nil)
			for _, m := range c.Media {
				x.itext.add(id, m.Kind, m.File, nil)
			}
		}
	}
	for n := range x.t.Root.All() {
		x.gatherNode(n)
	}
}

func (x *xform) gatherNode(n *Node) {
	at := n.Path()
	if n.ConstraintMessage.Localised() || hasReference(n.ConstraintMessage.In()) {
		x.itext.add(at+":jr:constraintMsg", "", n.ConstraintMessage, n)
	}
	if n.RequiredMessage.Localised() || hasReference(n.RequiredMessage.In()) {
		x.itext.add(at+":jr:requiredMsg", "", n.RequiredMessage, n)
	}
	if n.NoAppMessage.Localised() {
		x.itext.add(at+":jr:noAppErrorString", "", n.NoAppMessage, n)
	}
	if n.needsItext() {
		x.itext.add(at+":label", "", n.Label, n)
		for _, m := range n.Media {
			x.itext.add(at+":label", m.Kind, m.File, nil)
		}
	}
	if n.Hint.Localised() || len(n.Guidance) > 0 {
		x.itext.add(at+":hint", "", n.Hint, n)
		x.itext.add(at+":hint", "guidance", n.Guidance, n)
	}
}

// write writes the itext of a model. Every language has every text; a missing one is "-", as ODK's own forms have it.
func (i *itext) write(m *etree.Element, x *xform) {
	if len(i.langs) == 0 {
		return
	}
	el := m.CreateElement("itext")
	for _, lang := range i.langs {
		tr := el.CreateElement("translation")
		tr.CreateAttr("lang", lang)
		if lang == i.fallback {
			tr.CreateAttr("default", "true()")
		}
		for _, id := range i.ids {
			text := tr.CreateElement("text")
			text.CreateAttr("id", id)
			for _, form := range i.forms[id] {
				i.value(text, x, itextKey{lang, id, form})
			}
		}
	}
}

func (i *itext) value(parent *etree.Element, x *xform, key itextKey) {
	w, ok := i.words[key]
	prefix := map[string]string{"image": "jr://images/", "big-image": "jr://images/", "audio": "jr://audio/", "video": "jr://video/"}[key.form]
	if !ok || w.text == "-" {
		if prefix != "" {
			return
		}
		w.text = "-"
	}
	v := parent.CreateElement("value")
	if key.form != "" {
		v.CreateAttr("form", key.form)
	}
	if prefix != "" {
		v.CreateText(prefix)
	}
	x.words(v, w.text, w.context)
}
