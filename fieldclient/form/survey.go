package form

import (
	"fmt"
	"slices"
	"strings"
)

// surveyRow is one row of the survey sheet, by what its columns mean.
type surveyRow struct {
	place
	cells map[string]string
	b     *builder
	raw   []string
}

// at is the place of a cell, by its column's meaning.
func (r *surveyRow) at(key string) place {
	return r.in(firstOf(r.b.headers[key], key))
}

func (b *builder) readSurvey() {
	s := b.survey
	b.columns = b.report.columns(s, classifySurvey, surveyAliases, surveyKnown)
	for _, c := range b.columns {
		if c.key == "" {
			b.warnf(place{s.Name, 1, c.header}, "unknown-column", "a form does not know this column; it is kept, but not used%s", ownColumns(c.header))
			continue
		}
		switch prefix := foreign(c.sub, b.prefixes); {
		case prefix == "entities":
			b.warnf(place{s.Name, 1, c.header}, "entities", entitiesKept)
		case prefix != "":
			b.warnf(place{s.Name, 1, c.header}, "unknown-prefix", "the column is kept, but left out of the exported XForm: the setting namespaces does not say what %q stands for", prefix)
		}
		if b.headers[c.key] == "" {
			b.headers[c.key] = c.header
		}
	}
	if b.headers["type"] == "" {
		b.errorf(place{s.Name, 1, ""}, "missing-column", "the survey sheet needs a column with the header \"type\"")
		return
	}
	b.noteLanguages(s.Name, b.columns)
	b.strayCells(s, b.columns)
	b.t.Root = &Node{Kind: KindForm, Type: "survey", Name: b.t.Name}
	b.stack = []*Node{b.t.Root}
	for i, cells := range b.table(s) {
		b.row(&surveyRow{place: place{sheet: s.Name, row: i + 2}, raw: cells, b: b})
	}
	if l := b.loop; l != nil {
		b.errorf(l.begin.at("type"), "unbalanced", "the loop that begins here has no end: add a row with the type \"end_loop\"")
	}
	for _, n := range b.stack[1:] {
		b.errorf(place{s.Name, n.Row, b.headers["type"]}, "unbalanced", "the %s %q that begins here has no end: add a row with the type \"end_%s\"", n.Type, n.Name, n.Type)
	}
	b.addMeta()
}

func (b *builder) row(r *surveyRow) {
	r.cells = map[string]string{}
	for _, c := range b.columns {
		if v := c.value(r.raw); v != "" && c.lang == "" && c.sub == "" && c.key != "" {
			if !b.keepSpaces {
				v = oneSpaced(v)
			}
			r.cells[c.key] = v
		}
	}
	if blankRow(r.raw) {
		return
	}
	if d := r.cells["disabled"]; d != "" {
		b.warnf(r.at("disabled"), "disabled", "the column \"disabled\" is not part of the standard; use relevant")
		if off, _ := truth(d); off {
			return
		}
	}
	if b.inLoop(r) {
		return
	}
	typ := r.cells["type"]
	if typ == "" {
		b.untyped(r)
		return
	}
	if setting := settingsAliases[strings.ReplaceAll(strings.ToLower(typ), " ", "_")]; setting != nil {
		b.settingRow(setting[0], r)
		return
	}
	cell := parseType(typ)
	word, _, _ := strings.Cut(strings.ToLower(typ), " ")
	switch {
	case cell.begin == "loop":
		b.beginLoop(r, cell)
	case obsolete[word] != "" || obsolete[strings.ToLower(typ)] != "":
		b.errorf(r.at("type"), "obsolete", "the type %q is no longer part of the standard; %s", typ, firstOf(obsolete[word], obsolete["cascading_select"]))
	case cell.end != "":
		b.endSection(r, cell)
	case cell.begin != "":
		b.beginSection(r, cell)
	default:
		b.question(r, cell)
	}
}

// untyped handles a row without a type: a comment, or a question that its author has not finished.
func (b *builder) untyped(r *surveyRow) {
	if r.cells["name"] == "" && len(b.texts(b.columns, "label", "", r.raw, true)) == 0 {
		b.warnf(r.place, "comment-row", "this row has no type, name or label; it is kept as a comment")
		return
	}
	b.errorf(r.at("type"), "missing-type", "this question has no type")
}

// settingRow is a setting that an old form gives on its survey sheet.
func (b *builder) settingRow(key string, r *surveyRow) {
	t, value := b.t, r.cells["name"]
	t.Settings = slices.DeleteFunc(t.Settings, func(a Attr) bool { return a.Name == key })
	t.Settings = append(t.Settings, Attr{key, value})
	switch key {
	case "title":
		t.Title = value
	case "id_string":
		t.ID = value
	}
}

func (b *builder) top() *Node { return b.stack[len(b.stack)-1] }

func (b *builder) endSection(r *surveyRow, cell typeCell) {
	kind := sectionNames[cell.end]
	b.tableList = ""
	if top := b.top(); top.Kind != kind || cell.end == "loop" {
		if len(b.stack) == 1 || cell.end == "loop" {
			b.errorf(r.at("type"), "unbalanced", "this row ends a %s, but none has begun", cell.end)
			return
		}
		b.errorf(r.at("type"), "unbalanced", "this row ends a %s, but the %s %q that began in row %d is still open: end that first", cell.end, top.Type, top.Name, top.Row)
		// Close the section that was meant, so that one slip is one message.
		if i := slices.IndexFunc(b.stack, func(n *Node) bool { return n.Kind == kind }); i > 0 {
			for b.top().Kind != kind {
				b.stack = b.stack[:len(b.stack)-1]
			}
			b.stack = b.stack[:len(b.stack)-1]
		}
		return
	}
	b.stack = b.stack[:len(b.stack)-1]
}

// maxSections bounds the depth of sections in sections.
const maxSections = 32

func (b *builder) beginSection(r *surveyRow, cell typeCell) {
	n := b.node(r)
	n.Kind, n.Control = sectionNames[cell.begin], "group"
	n.Type = map[Kind]string{KindGroup: "group", KindRepeat: "repeat"}[n.Kind]
	b.nameNode(r, n)
	if len(b.stack) > maxSections {
		b.errorf(r.at("type"), "too-deep", "sections lie more than %d deep in one another", maxSections)
	}
	if len(n.Trigger) > 0 {
		b.warnf(r.at("trigger"), "not-a-question", "only a question can be set by a trigger; here it is kept, but not used")
		n.Trigger = nil
	}
	if n.Kind == KindRepeat {
		if len(n.Label) == 0 && len(n.Media) == 0 {
			b.warnf(r.at("label"), "missing-label", "the repeat %q has no label", n.Name)
		}
		b.repeatCount(r, n)
	} else if n.RepeatCount != "" {
		b.warnf(r.at("repeat_count"), "not-a-repeat", "only a repeat has a repeat_count; here it is kept, but not used")
	}
	b.attach(n)
	if words := strings.Fields(n.Appearance); slices.Contains(words, "table-list") {
		b.tableList = "*"
		n.Appearance = strings.Join(append([]string{"field-list"}, slices.DeleteFunc(words, func(w string) bool { return w == "table-list" })...), " ")
		if len(n.Label) > 0 || len(n.Hint) > 0 {
			note := &Node{Type: "note", Name: fmt.Sprintf("generated_table_list_label_%d", r.row), Row: r.row, Generated: true, Control: "input", Data: "string", ReadOnly: "true()", Label: n.Label, Hint: n.Hint}
			n.Label, n.Hint = nil, nil
			note.Parent = n
			n.Children = append(n.Children, note)
		}
	}
	b.stack = append(b.stack, n)
}

// repeatCount gives a count that is more than one reference a question of its own, as ODK does.
func (b *builder) repeatCount(r *surveyRow, n *Node) {
	if n.RepeatCount == "" {
		return
	}
	if _, sole := soleReference(n.RepeatCount); sole {
		return
	}
	b.attach(&Node{Type: "calculate", Name: n.Name + "_count", Row: r.row, Generated: true, Data: "string", ReadOnly: "true()", Calculation: n.RepeatCount})
	n.RepeatCount = "${" + n.Name + "_count}"
}

// attach puts a node at the end of the section that is open.
func (b *builder) attach(n *Node) {
	n.Parent = b.top()
	n.Parent.Children = append(n.Parent.Children, n)
}

// node reads what every row can have.
func (b *builder) node(r *surveyRow) *Node {
	text := func(key string) Text { return b.texts(b.columns, key, "", r.raw, b.keepSpaces) }
	n := &Node{
		Source: r.cells["type"], Name: r.cells["name"], Row: r.row,
		Label: text("label"), Hint: text("hint"), Guidance: text("guidance_hint"), Media: b.media(b.columns, r.raw),
		Relevant: r.cells["relevant"], Required: r.cells["required"], ReadOnly: r.cells["read_only"],
		Constraint: r.cells["constraint"], Calculation: r.cells["calculation"],
		RequiredMessage: text("required_message"), ConstraintMessage: text("constraint_message"), NoAppMessage: text("no_app_error_string"),
		Default: r.cells["default"], Appearance: r.cells["appearance"], ChoiceFilter: r.cells["choice_filter"], RepeatCount: r.cells["repeat_count"],
	}
	for _, c := range b.columns {
		v := c.value(r.raw)
		if v == "" {
			continue
		}
		switch c.key {
		case "bind":
			n.Bind = append(n.Bind, Attr{c.sub, v})
		case "body":
			n.Body = append(n.Body, Attr{c.sub, v})
		case "instance":
			n.Instance = append(n.Instance, Attr{c.sub, v})
		case "intent":
			n.Body = append(n.Body, Attr{"intent", v})
		case "kua", "":
			n.Extra = append(n.Extra, Attr{c.header, v})
		}
	}
	if p := r.cells["parameters"]; p != "" {
		var ok bool
		if n.Parameters, ok = parameters(p); !ok {
			b.errorf(r.at("parameters"), "bad-parameters", "parameters are written as key=value key=value")
		}
	}
	if slices.ContainsFunc(n.Media, func(m Media) bool { return m.Kind == "big-image" }) && !slices.ContainsFunc(n.Media, func(m Media) bool { return m.Kind == "image" }) {
		b.errorf(r.at("media"), "big-image", "a big-image needs an image beside it")
	}
	b.trigger(r, n)
	return n
}

func (b *builder) trigger(r *surveyRow, n *Node) {
	for part := range strings.SplitSeq(r.cells["trigger"], ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue // a comma too many
		}
		name, ok := soleReference(part)
		if !ok {
			b.errorf(r.at("trigger"), "bad-reference", "a trigger is written as ${name}; several are parted by commas")
			return
		}
		n.Trigger = append(n.Trigger, name)
	}
}

// nameNode checks a name within its section.
func (b *builder) nameNode(r *surveyRow, n *Node) {
	at := r.at("name")
	switch {
	case n.Name == "" && n.Type == "note":
		n.Name = fmt.Sprintf("generated_note_name_%d", r.row)
	case n.Name == "":
		b.errorf(at, "missing-name", "this row has no name; write one that no other row around it has, such as q_%d", r.row)
		n.Name = fmt.Sprintf("unnamed_%d", r.row)
		return
	case !isName(n.Name) || foreign(n.Name, b.prefixes) != "":
		b.errorf(at, "bad-name", badName, n.Name)
	case n.Name == "meta":
		b.errorf(at, "reserved-name", "the name \"meta\" is reserved for what identifies a filled form; give this row another name")
	case n.Kind == KindRepeat && n.Name == b.t.Name:
		b.errorf(at, "reserved-name", "a repeat cannot have the name of the form, %q", n.Name)
	}
}

// addMeta adds what identifies a filled form.
func (b *builder) addMeta() {
	t := b.t
	if omit, _ := truth(t.Setting("omit_instanceid")); !omit {
		b.meta = append(b.meta, &Node{Type: "calculate", Name: "instanceID", Generated: true, Data: "string", ReadOnly: "true()", Preload: firstOf(t.Setting("instance_id"), "uid")})
	}
	if t.InstanceName != "" {
		b.meta = append(b.meta, &Node{Type: "calculate", Name: "instanceName", Generated: true, Data: "string", Calculation: t.InstanceName})
	}
	if len(b.meta) == 0 {
		return
	}
	group := &Node{Kind: KindGroup, Type: "group", Name: "meta", Generated: true, Parent: t.Root, Children: b.meta}
	for _, n := range b.meta {
		n.Parent = group
	}
	t.Root.Children = append(t.Root.Children, group)
}
