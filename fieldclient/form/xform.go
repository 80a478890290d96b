package form

import (
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// namespaces of an XForms document for ODK.
var namespaces = []Attr{
	{"xmlns", "http://www.w3.org/2002/xforms"},
	{"xmlns:h", "http://www.w3.org/1999/xhtml"},
	{"xmlns:ev", "http://www.w3.org/2001/xml-events"},
	{"xmlns:xsd", "http://www.w3.org/2001/XMLSchema"},
	{"xmlns:jr", "http://openrosa.org/javarosa"},
	{"xmlns:orx", "http://openrosa.org/xforms"},
	{"xmlns:odk", "http://www.opendatakit.org/xforms"},
}

// prefixes are the names of namespaces that a form's XML knows, with what each stands for where the form says it itself.
func (t *Template) prefixes() (known map[string]bool, own []Attr) {
	known = map[string]bool{"xml": true}
	for _, ns := range namespaces {
		known[strings.TrimPrefix(ns.Name, "xmlns:")] = true
	}
	for f := range strings.FieldsSeq(t.Setting("namespaces")) {
		if prefix, uri, ok := strings.Cut(f, "="); ok && isName(prefix) && !strings.Contains(prefix, ":") && !known[prefix] {
			known[prefix] = true
			own = append(own, Attr{"xmlns:" + prefix, strings.Trim(uri, `"'`)})
		}
	}
	return known, own
}

// foreign gives the prefix of a name that the form's XML does not know; "" for every name that may be written.
func foreign(name string, known map[string]bool) string {
	if prefix, _, ok := strings.Cut(name, ":"); ok && !known[prefix] {
		return prefix
	}
	return ""
}

// WriteXForm writes the form as ODK XForms XML (https://getodk.github.io/xforms-spec), the same document for the same
// template. Entities are left out.
func (t *Template) WriteXForm(w io.Writer) error {
	x := &xform{t: t, lists: map[string]*listUse{}, waits: map[string][]*Node{}, itext: newItext(t.DefaultLanguage)}
	doc := x.document()
	doc.WriteSettings.CanonicalAttrVal = true
	if _, err := doc.WriteTo(w); err != nil {
		return fmt.Errorf("writing XForm: %w", err)
	}
	return nil
}

// xform writes one document.
type xform struct {
	t     *Template
	lists map[string]*listUse
	itext *itext
	waits map[string][]*Node // by trigger
	known map[string]bool    // prefixes of names
}

// attr writes an attribute that a column names, where its name may be written.
func (x *xform) attr(el *etree.Element, name, value string) {
	if foreign(name, x.known) == "" {
		el.CreateAttr(name, value)
	}
}

// listUse is how a list of choices is written.
type listUse struct {
	itext  bool // its labels go through itext
	inline bool // its choices stand in the questions, for search()
}

func (x *xform) document() *etree.Document {
	t := x.t
	for n := range t.Root.All() {
		for _, name := range n.Trigger {
			x.waits[name] = append(x.waits[name], n)
		}
	}
	for _, l := range t.Lists {
		x.lists[l.Name] = &listUse{itext: slices.ContainsFunc(l.Choices, func(c Choice) bool {
			return len(c.Media) > 0 || c.Label.Localised() || hasReference(c.Label.In())
		})}
	}
	for n := range t.Root.All() {
		if u := x.lists[n.List]; u != nil && searchPattern.MatchString(n.Appearance) {
			u.inline = true
		}
	}
	x.gatherItext()

	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0"`)
	html := doc.CreateElement("h:html")
	for _, ns := range namespaces {
		html.CreateAttr(ns.Name, ns.Value)
	}
	known, own := t.prefixes()
	x.known = known
	for _, ns := range own {
		html.CreateAttr(ns.Name, ns.Value)
	}
	head := html.CreateElement("h:head")
	head.CreateElement("h:title").SetText(t.Title)
	x.model(head.CreateElement("model"))
	body := html.CreateElement("h:body")
	if t.Style != "" {
		body.CreateAttr("class", t.Style)
	}
	for _, n := range t.Root.Children {
		x.control(body, n)
	}
	return doc
}

var searchPattern = regexp.MustCompile(`search\(.*?\)`)

func (x *xform) model(m *etree.Element) {
	t := x.t
	m.CreateAttr("odk:xforms-version", "1.0.0")
	x.submission(m)
	x.itext.write(m, x)
	root := x.instance(t.Root, false)
	for _, a := range t.Settings {
		if name, ok := strings.CutPrefix(a.Name, "attribute::"); ok {
			x.attr(root, name, a.Value)
		}
	}
	root.CreateAttr("id", t.ID)
	for _, a := range []Attr{{"xmlns", t.Setting("instance_xmlns")}, {"version", t.Version}, {"odk:prefix", t.Setting("prefix")}, {"odk:delimiter", t.Setting("delimiter")}} {
		if a.Value != "" {
			root.CreateAttr(a.Name, a.Value)
		}
	}
	m.CreateElement("instance").AddChild(root)
	x.secondary(m)
	for n := range t.Root.All() {
		x.bind(m, n)
		x.actions(m, n, false)
	}
}

func (x *xform) submission(m *etree.Element) {
	t := x.t
	el := etree.NewElement("submission")
	if url := t.Setting("submission_url"); url != "" {
		el.CreateAttr("action", url)
		el.CreateAttr("method", "post")
	}
	for _, a := range []Attr{{"base64RsaPublicKey", "public_key"}, {"orx:auto-send", "auto_send"}, {"orx:auto-delete", "auto_delete"}} {
		if v := t.Setting(a.Value); v != "" {
			el.CreateAttr(a.Name, v)
		}
	}
	if v, _ := truth(t.Setting("client_editable")); v {
		el.CreateAttr("odk:client-editable", "true")
	}
	if len(el.Attr) > 0 {
		m.AddChild(el)
	}
}

// instance writes the empty answer of a node and all below it. A repeat stands twice: as the template of its instances,
// and as the first of them; one inside a first instance does not.
func (x *xform) instance(n *Node, inFirst bool) *etree.Element {
	el := etree.NewElement(n.Name)
	for _, a := range n.Instance {
		x.attr(el, a.Name, x.resolve(a.Value, n, false))
	}
	if n.Default != "" && !n.Dynamic && n.Kind == KindQuestion {
		el.SetText(n.Default)
	}
	for _, c := range n.Children {
		switch {
		case c.Kind == KindFile:
		case c.Kind == KindRepeat && !inFirst:
			el.AddChild(x.template(c))
			el.AddChild(x.instance(c, true))
		default:
			el.AddChild(x.instance(c, inFirst))
		}
	}
	return el
}

func (x *xform) template(n *Node) *etree.Element {
	el := etree.NewElement(n.Name)
	el.CreateAttr("jr:template", "")
	for _, c := range n.Children {
		switch c.Kind {
		case KindFile:
		case KindRepeat:
			el.AddChild(x.template(c))
		default:
			el.AddChild(x.instance(c, false))
		}
	}
	return el
}

// secondary writes the instances beside the answers: files, the last filled form, lists of choices.
func (x *xform) secondary(m *etree.Element) {
	seen := map[string]bool{}
	add := func(id, src string) {
		if !seen[id] {
			seen[id] = true
			el := m.CreateElement("instance")
			el.CreateAttr("id", id)
			el.CreateAttr("src", src)
		}
	}
	lastSaved := false
	for n := range x.t.Root.All() {
		for _, e := range n.expressions() {
			if refs, _ := references(e.text); e.key != "label" && slices.ContainsFunc(refs, func(r ref) bool { return r.lastSaved }) {
				lastSaved = true
			}
		}
		for _, i := range n.instances() {
			add(i.id, i.src)
		}
	}
	if lastSaved {
		add("__last-saved", "jr://instance/last-saved")
	}
	for _, l := range x.t.Lists {
		if !x.lists[l.Name].inline && !seen[l.Name] {
			x.listInstance(m, l)
		}
	}
}

// fileInstance is a file that a form has beside it.
type fileInstance struct{ id, src string }

// instances are the files that a node needs.
func (n *Node) instances() (out []fileInstance) {
	for _, e := range []string{n.Calculation, n.Constraint, n.ReadOnly, n.Required, n.Relevant, n.ChoiceFilter, n.Default} {
		for _, call := range pulldataPattern.FindAllStringSubmatch(e, -1) {
			id := strings.TrimSpace(strings.NewReplacer("'", "", `"`, "").Replace(call[1]))
			out = append(out, fileInstance{id, "jr://file-csv/" + id + ".csv"})
		}
	}
	switch ext := path.Ext(n.File); {
	case ext == ".csv":
		out = append(out, fileInstance{strings.TrimSuffix(n.File, ext), "jr://file-csv/" + n.File})
	case ext != "":
		out = append(out, fileInstance{strings.TrimSuffix(n.File, ext), "jr://file/" + n.File})
	case n.Type == "csv-external":
		out = append(out, fileInstance{n.Name, "jr://file-csv/" + n.Name + ".csv"})
	case n.Type == "xml-external":
		out = append(out, fileInstance{n.Name, "jr://file/" + n.Name + ".xml"})
	}
	return out
}

var pulldataPattern = regexp.MustCompile(`pulldata\s*\(\s*(.*?),`)

func (x *xform) listInstance(m *etree.Element, l *List) {
	inst := m.CreateElement("instance")
	inst.CreateAttr("id", l.Name)
	root := inst.CreateElement("root")
	itext := x.lists[l.Name].itext
	for i, c := range l.Choices {
		item := root.CreateElement("item")
		if itext {
			item.CreateElement("itextId").SetText(fmt.Sprintf("%s-%d", l.Name, i))
		}
		item.CreateElement("name").SetText(c.Name)
		if !itext && len(c.Label) > 0 {
			item.CreateElement("label").SetText(c.Label.In())
		}
		for _, f := range c.Fields {
			item.CreateElement(f.Name).SetText(f.Value)
		}
	}
}

// bind writes what is true of a node's value.
func (x *xform) bind(m *etree.Element, n *Node) {
	if n.Kind == KindForm || n.Kind == KindFile {
		return
	}
	el := etree.NewElement("bind")
	set := func(name, value string) {
		if value != "" {
			x.attr(el, name, x.resolve(value, n, false))
		}
	}
	set("type", n.Data)
	set("readonly", asExpression(n.ReadOnly))
	set("required", asExpression(n.Required))
	set("relevant", asExpression(n.Relevant))
	set("constraint", asExpression(n.Constraint))
	if len(n.Trigger) == 0 {
		set("calculate", asExpression(n.Calculation))
	}
	set("jr:preload", n.Preload)
	set("jr:preloadParams", n.PreloadParams)
	for _, msg := range []struct {
		name string
		text Text
	}{{"jr:constraintMsg", n.ConstraintMessage}, {"jr:requiredMsg", n.RequiredMessage}, {"jr:noAppErrorString", n.NoAppMessage}} {
		switch {
		case msg.text.Localised(), hasReference(msg.text.In()) && msg.name != "jr:noAppErrorString":
			el.CreateAttr(msg.name, "jr:itext('"+n.Path()+":"+msg.name+"')")
		default:
			set(msg.name, msg.text.In())
		}
	}
	for name, param := range bindParameters {
		if v := n.Parameters[param]; v != "" && slices.Contains(parameterNames[n.Type], param) && (param != "quality" || n.Type == "audio") {
			set(name, v)
		}
	}
	for _, a := range n.Bind {
		set(a.Name, a.Value)
	}
	if len(el.Attr) > 0 {
		el.CreateAttr("nodeset", n.Path())
		slices.SortFunc(el.Attr, func(a, b etree.Attr) int { return strings.Compare(a.FullKey(), b.FullKey()) })
		m.AddChild(el)
	}
}

// bindParameters are the parameters that become attributes of a bind.
var bindParameters = map[string]string{
	"orx:max-pixels": "max-pixels", "odk:quality": "quality", "odk:allow-mock-accuracy": "allow-mock-accuracy",
	"odk:track-changes": "track-changes", "odk:track-changes-reasons": "track-changes-reasons", "odk:identify-user": "identify-user",
	"odk:location-priority": "location-priority", "odk:location-min-interval": "location-min-interval", "odk:location-max-age": "location-max-age",
}

// actions writes what happens to a node when the form is opened, or (inRepeat) when an instance is added.
func (x *xform) actions(parent *etree.Element, n *Node, inRepeat bool) {
	event := "odk-instance-first-load"
	if inRepeat {
		event = "odk-new-repeat"
	}
	act := func(name, event, value string) *etree.Element {
		el := parent.CreateElement(name)
		el.CreateAttr("ref", n.Path())
		el.CreateAttr("event", event)
		if value != "" {
			el.CreateAttr("value", value)
		}
		return el
	}
	if n.Dynamic && (!inRepeat || n.InRepeat()) {
		act("setvalue", event, x.resolve(n.Default, n, false))
	}
	switch {
	case inRepeat:
	case n.Type == "start-geopoint":
		act("odk:setgeopoint", event, "")
	case n.Type == "background-audio":
		el := act("odk:recordaudio", "odk-instance-load", "")
		if q := n.Parameters["quality"]; q != "" {
			el.CreateAttr("odk:quality", q)
		}
	}
}

// sortedKeys gives a map's keys in order.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
