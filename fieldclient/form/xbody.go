package form

import (
	"fmt"
	"path"
	"strings"

	"github.com/beevik/etree"
)

// control writes how a node is asked.
func (x *xform) control(parent *etree.Element, n *Node) {
	switch {
	case n.Kind == KindFile || n.Generated && n.Name == "meta" && n.Parent == x.t.Root:
	case n.Kind == KindRepeat:
		x.repeat(parent, n)
	case n.Kind == KindGroup:
		g := parent.CreateElement("group")
		g.CreateAttr("ref", n.Path())
		x.bodyAttrs(g, n)
		if len(n.Label) > 0 {
			x.label(g, n)
		}
		for _, c := range n.Children {
			x.control(g, c)
		}
	case n.visible():
		x.questionControl(parent, n)
	}
}

func (x *xform) repeat(parent *etree.Element, n *Node) {
	g := parent.CreateElement("group")
	g.CreateAttr("ref", n.Path())
	x.label(g, n)
	r := g.CreateElement("repeat")
	r.CreateAttr("nodeset", n.Path())
	x.bodyAttrs(r, n)
	for _, c := range n.Children {
		x.control(r, c)
	}
	for c := range n.All() {
		if nearestRepeat(c) == n {
			x.actions(r, c, true)
		}
	}
}

// nearestRepeat is the repeat that a node lies in; nil outside any.
func nearestRepeat(n *Node) *Node {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Kind == KindRepeat {
			return p
		}
	}
	return nil
}

func (x *xform) bodyAttrs(el *etree.Element, n *Node) {
	set := func(name, value string) {
		if value != "" {
			x.attr(el, name, x.resolve(value, n, false))
		}
	}
	set("appearance", n.Appearance)
	if n.Kind == KindRepeat {
		set("jr:count", n.RepeatCount)
	}
	for _, a := range n.Body {
		set(a.Name, a.Value)
	}
}

func (x *xform) questionControl(parent *etree.Element, n *Node) {
	el := parent.CreateElement(n.Control)
	el.CreateAttr("ref", n.Path())
	x.bodyAttrs(el, n)
	if n.MediaType != "" {
		el.CreateAttr("mediatype", n.MediaType)
	}
	for _, key := range sortedKeys(n.Parameters) {
		if name := bodyParameter(n, key); name != "" {
			el.CreateAttr(name, x.resolve(n.Parameters[key], n, false))
		}
	}
	if len(n.Label) > 0 || len(n.Media) > 0 || len(n.Hint) > 0 || len(n.Guidance) > 0 || n.Appearance == "label" {
		x.label(el, n)
	}
	x.hint(el, n)
	switch {
	case n.Type == "select_one_external":
		q := "instance('" + n.List + "')/root/item"
		if n.ChoiceFilter != "" {
			q += "[" + x.resolve(n.ChoiceFilter, n, true) + "]"
		}
		el.CreateAttr("query", q)
	case x.lists[n.List] != nil && searchPattern.MatchString(n.Appearance):
		x.inlineItems(el, n)
	case n.List != "" && n.Type != "osm" || n.File != "" || n.From != "":
		x.itemset(el, n)
	}
	x.triggered(el, n)
}

// bodyParameter names the attribute of a control that a parameter becomes; "" for none.
func bodyParameter(n *Node, key string) string {
	switch {
	case n.Type == "range" && key == "tick_interval":
		return "odk:tick-interval"
	case n.Type == "range" && key == "placeholder":
		return "odk:placeholder"
	case n.Type == "range" && (key == "start" || key == "end" || key == "step"), n.Type == "text" && key == "rows",
		(n.Type == "geotrace" || n.Type == "geoshape") && key == "incremental":
		return key
	case n.Type == "image" && key == "app" && (n.Appearance == "" || n.Appearance == "annotate"):
		return "intent"
	case n.Type == "geopoint" && key == "capture-accuracy":
		return "accuracyThreshold"
	case n.Type == "geopoint" && key == "warning-accuracy":
		return "unacceptableAccuracyThreshold"
	}
	return ""
}

// needsItext reports whether a node's label goes through itext.
func (n *Node) needsItext() bool { return n.Label.Localised() || len(n.Media) > 0 }

func (x *xform) label(el *etree.Element, n *Node) {
	label := el.CreateElement("label")
	switch {
	case n.needsItext():
		label.CreateAttr("ref", "jr:itext('"+n.Path()+":label')")
	case len(n.Label) > 0:
		x.words(label, n.Label.In(), n)
	case n.Appearance == "label":
		label.SetText(" ")
	}
}

func (x *xform) hint(el *etree.Element, n *Node) {
	switch {
	case n.Hint.Localised() || len(n.Guidance) > 0:
		el.CreateElement("hint").CreateAttr("ref", "jr:itext('"+n.Path()+":hint')")
	case len(n.Hint) > 0:
		x.words(el.CreateElement("hint"), n.Hint.In(), n)
	}
}

// words writes a text, with the values of the questions that it names.
func (x *xform) words(el *etree.Element, text string, context *Node) {
	at := 0
	for _, in := range inserts(text) {
		el.CreateText(text[at:in.start])
		value := x.resolve(in.source, context, false)
		if in.source == "" {
			value = " " + x.t.path(in.name, context, in.lastSaved, false, false) + " "
		}
		el.CreateElement("output").CreateAttr("value", value)
		at = in.end
	}
	el.CreateText(text[at:])
}

func (x *xform) itemset(el *etree.Element, n *Node) {
	value, label := "name", "label"
	nodeset := "instance('" + n.List + "')/root/item"
	filter := ""
	switch ext := path.Ext(n.File); {
	case n.File != "":
		if ext == ".geojson" {
			value, label = "id", "title"
		}
		value, label = firstOf(n.Parameters["value"], value), firstOf(n.Parameters["label"], label)
		nodeset = "instance('" + strings.TrimSuffix(n.File, ext) + "')/root/item"
	case n.From != "" && n.Data != "string" && n.Data != "odk:rank":
		nodeset, value, label, filter = x.fromRepeat(n), "geometry", "geometry", "./geometry != ''"
	case n.From != "":
		target := x.t.byName[n.From]
		if target == nil || target.Parent == nil {
			return
		}
		nodeset, value = x.parentOf(n, target), target.Name
		label, filter = value, "./"+value+" != ''"
	case x.lists[n.List] != nil && x.lists[n.List].itext:
		label = "jr:itext(itextId)"
	}
	if n.ChoiceFilter != "" {
		filter = x.resolve(n.ChoiceFilter, n, true)
		if n.From != "" {
			filter = x.answerFilter(n, nodeset)
		}
	}
	if filter != "" {
		nodeset += "[" + filter + "]"
	}
	if n.Parameters["randomize"] == "true" {
		if seed := n.Parameters["seed"]; seed != "" {
			nodeset = "randomize(" + nodeset + ", " + strings.TrimSpace(x.resolve(seed, n, false)) + ")"
		} else {
			nodeset = "randomize(" + nodeset + ")"
		}
	}
	set := el.CreateElement("itemset")
	set.CreateAttr("nodeset", nodeset)
	set.CreateElement("value").CreateAttr("ref", value)
	set.CreateElement("label").CreateAttr("ref", label)
}

// inlineItems writes choices into the question, where ODK Collect's search() looks for them.
func (x *xform) inlineItems(el *etree.Element, n *Node) {
	l, ok := x.t.List(n.List)
	if !ok {
		return
	}
	for i, c := range l.Choices {
		item := el.CreateElement("item")
		label := item.CreateElement("label")
		if x.lists[n.List].itext {
			label.CreateAttr("ref", fmt.Sprintf("jr:itext('%s-%d')", l.Name, i))
		} else {
			x.words(label, c.Label.In(), nil)
		}
		item.CreateElement("value").SetText(c.Name)
	}
}

// triggered writes what a change of this question's answer calculates elsewhere.
func (x *xform) triggered(el *etree.Element, n *Node) {
	for _, o := range x.waits[n.Name] {
		name := "setvalue"
		if o.Type == "background-geopoint" {
			name = "odk:setgeopoint"
		}
		act := el.CreateElement(name)
		act.CreateAttr("ref", o.Path())
		act.CreateAttr("event", "xforms-value-changed")
		if name == "setvalue" && o.Calculation != "" {
			act.CreateAttr("value", x.resolve(o.Calculation, n, false))
		}
	}
}
