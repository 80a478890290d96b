package form

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

func (b *builder) question(r *surveyRow, cell typeCell) {
	n := b.node(r)
	if cell.def == nil {
		meant := ""
		if near := nearestType(n.Source); near != "" {
			meant = fmt.Sprintf(" Did you mean %q?", near)
		}
		if len(n.Label) == 0 && len(n.Hint) == 0 {
			b.errorf(r.at("type"), "unknown-type", "the type %q is not known, and the row has no label by which it could be asked as text.%s", n.Source, meant)
			return
		}
		b.warnf(r.at("type"), "unknown-type", "the type %q is not known. The question is kept and asked as text.%s", n.Source, meant)
		n.Control, n.Data = "input", "string"
	} else {
		n.apply(cell.def)
	}
	if n.Type == "audit" {
		b.audit(r, n)
		return
	}
	b.nameNode(r, n)
	b.setDefault(r, n)
	switch n.Type {
	case "csv-external", "xml-external":
		n.Kind = KindFile
	case "select_one", "select_multiple", "select_one_external", "rank":
		if b.selection(r, n, cell) {
			return
		}
	case "calculate":
		if n.Calculation == "" && !n.Dynamic {
			b.errorf(r.at("calculation"), "missing-calculation", "a question of the type calculate needs a calculation")
		}
	case "range":
		b.rangeParameters(r, n)
	case "background-geopoint":
		if len(n.Trigger) == 0 {
			b.errorf(r.at("trigger"), "missing-trigger", "a background-geopoint needs a trigger")
		}
		if n.Calculation != "" {
			b.errorf(r.at("calculation"), "unwanted-calculation", "a background-geopoint cannot have a calculation")
		}
	case "simserial", "subscriberid":
		b.warnf(r.at("type"), "unsupported-device", "devices no longer tell their %s; the answer stays empty", n.Type)
	case "osm":
		n.List = cell.list
	}
	b.checkParameters(r, n)
	b.attach(n)
}

// apply takes over what a type brings along; columns of the row go before it.
func (n *Node) apply(d *typeDef) {
	n.Type, n.Control, n.MediaType, n.Data, n.Preload, n.PreloadParams = d.name(), d.control, d.media, d.data, d.preload, d.params
	if n.Type == "note" && n.ReadOnly == "" {
		n.ReadOnly = "true()"
	}
	if n.Constraint == "" {
		n.Constraint = d.constraint
	}
	if len(n.Hint) == 0 && d.hint != "" {
		n.Hint = Text{{"", d.hint}}
	}
	if data := valueOf(n.Bind, "type"); data != "" {
		n.Data = data
	}
}

func (b *builder) setDefault(r *surveyRow, n *Node) {
	n.Dynamic = isDynamic(n.Default, n.Data)
	if n.Data == "dateTime" && !n.Dynamic {
		n.Default = strings.Replace(n.Default, " ", "T", 1)
	}
	if n.Type == "image" && n.Default != "" && !n.Dynamic && !strings.Contains(n.Default, "jr://images/") {
		n.Default = "jr://images/" + n.Default
	}
}

func (b *builder) audit(r *surveyRow, n *Node) {
	if n.Name != "" && n.Name != "audit" {
		b.errorf(r.at("name"), "bad-name", "an audit has no other name than \"audit\"; leave its name empty")
	}
	n.Name = "audit"
	b.checkParameters(r, n)
	b.warnf(r.at("type"), "audit", "every change is recorded here whether a form asks for it or not; the audit's parameters are kept, but not used")
	b.meta = append(b.meta, n)
}

// selection reads where a select has its choices from, and attaches it itself (true) where it brings other questions.
func (b *builder) selection(r *surveyRow, n *Node, cell typeCell) bool {
	ext := path.Ext(cell.list)
	isFile := ext == ".csv" || ext == ".xml" || ext == ".geojson"
	from, fromAnswers := soleReference(cell.list)
	at := r.at("type")
	switch {
	case cell.list == "":
		b.errorf(at, "missing-list", "a select needs the name of a list: %s list_name", n.Type)
	case n.Type == "select_one_external":
		n.List = cell.list
		if b.externals[cell.list] == nil {
			b.errorf(at, "unknown-list", "there is no list %q on the sheet external_choices", cell.list)
		}
		if n.ChoiceFilter == "" {
			b.warnf(at, "external-without-filter", "select_one_external is meant for filtered lists; this one has no choice_filter")
		}
	case isFile && strings.TrimSuffix(cell.list, ext) != "":
		n.File = cell.list
	case strings.Contains(cell.command, "file"):
		b.errorf(at, "bad-file", "the file %q must end in .csv, .xml or .geojson", cell.list)
	case fromAnswers:
		n.From = from
	default:
		n.List = cell.list
		b.checkList(r, n)
	}
	if searchPattern.MatchString(n.Appearance) {
		b.warnf(r.at("appearance"), "search", "search() is kept, but only ODK Collect understands it; every choice of the list is offered")
		if n.File != "" {
			b.errorf(r.at("appearance"), "search", "a select from a file cannot use search() as well")
		}
	}
	b.checkParameters(r, n)
	b.tableQuestion(r, n)
	b.attach(n)
	if cell.other {
		b.orOther(r, n)
	}
	return true
}

func (b *builder) checkList(r *surveyRow, n *Node) {
	l, ok := b.t.List(n.List)
	if !ok {
		if len(b.t.Lists) == 0 {
			b.errorf(r.at("type"), "unknown-list", "there is no list %q, for the workbook has no sheet \"choices\" with the columns list_name, name and label", n.List)
			return
		}
		b.errorf(r.at("type"), "unknown-list", "there is no list %q on the choices sheet", n.List)
		return
	}
	if n.Type != "select_multiple" || b.reported[n.List] {
		return
	}
	b.reported[n.List] = true
	for _, c := range l.Choices {
		if strings.Contains(c.Name, " ") {
			b.errorf(place{b.choices.Name, c.Row, "name"}, "choice-with-space", "the choice %q of the list %q is used where several can be chosen; its name must not have spaces", c.Name, n.List)
		}
	}
}

// tableQuestion makes a select in a table-list group a row of the table, the first one with a heading.
func (b *builder) tableQuestion(r *surveyRow, n *Node) {
	if b.tableList == "" {
		return
	}
	if b.tableList == "*" {
		b.tableList = n.List
		if n.ChoiceFilter != "" {
			b.errorf(r.at("choice_filter"), "table-list", "questions of a table-list cannot have a choice_filter")
		}
		b.attach(&Node{Type: n.Type, Name: fmt.Sprintf("reserved_name_for_field_list_labels_%d", r.row), Row: r.row, Generated: true,
			Control: n.Control, Data: n.Data, List: n.List, Appearance: "label"})
	}
	if b.tableList != n.List {
		b.errorf(r.at("type"), "table-list", "the questions of a table-list must all have the same list: here %q and %q", b.tableList, n.List)
	}
	n.Appearance = "list-nolabel"
}

// orOther adds the choice "other" and the question for it.
func (b *builder) orOther(r *surveyRow, n *Node) {
	if n.ChoiceFilter != "" {
		b.errorf(r.at("choice_filter"), "or-other", "a select with \"or_other\" cannot have a choice_filter; write the choice \"other\" and a question for it yourself")
	}
	l, ok := b.t.List(n.List)
	if !ok {
		if n.List == "" {
			b.errorf(r.at("type"), "or-other", "\"or_other\" needs a list of the choices sheet")
		}
		return
	}
	if seen := "other:" + n.List; !b.reported[seen] && !slices.ContainsFunc(l.Choices, func(c Choice) bool { return c.Name == "other" }) {
		b.reported[seen] = true
		l.Choices = append(l.Choices, Choice{Name: "other", Label: otherLabel(l), Generated: true})
	}
	if len(b.t.Languages) > 1 {
		b.warnf(r.at("type"), "or-other-language", "\"or_other\" adds an English choice in every language; write the choice \"other\" and a question for it yourself")
	}
	b.attach(&Node{Type: "text", Name: n.Name + "_other", Row: r.row, Generated: true, Control: "input", Data: "string",
		Label: Text{{"", "Specify other."}}, Relevant: "selected(../" + n.Name + ", 'other')"})
}

func otherLabel(l *List) Text {
	var out Text
	for _, c := range l.Choices {
		for _, w := range c.Label {
			if w.Lang != "" && !slices.ContainsFunc(out, func(o Wording) bool { return o.Lang == w.Lang }) {
				out = append(out, Wording{w.Lang, "Other"})
			}
		}
	}
	if out == nil {
		return Text{{"", "Other"}}
	}
	return out
}

// parameterNames of each type; others have none.
var parameterNames = map[string][]string{
	"audio": {"quality"}, "background-audio": {"quality"}, "image": {"app", "max-pixels"}, "text": {"rows"},
	"audit":    {"identify-user", "location-max-age", "location-min-interval", "location-priority", "track-changes", "track-changes-reasons"},
	"geopoint": {"allow-mock-accuracy", "capture-accuracy", "reference-geometry", "warning-accuracy"},
	"geotrace": {"allow-mock-accuracy", "incremental", "reference-geometry"}, "geoshape": {"allow-mock-accuracy", "incremental", "reference-geometry"},
	"range":      {"start", "end", "step", "tick_interval", "placeholder", "tick_labelset"},
	"select_one": {"label", "value", "randomize", "seed"}, "select_multiple": {"label", "value", "randomize", "seed"}, "rank": {"randomize", "seed"},
}

func (b *builder) checkParameters(r *surveyRow, n *Node) {
	at := r.at("parameters")
	for _, key := range slices.Sorted(maps.Keys(n.Parameters)) {
		if known := parameterNames[n.Type]; !slices.Contains(known, key) {
			of := "has none"
			if len(known) > 0 {
				of = "has " + strings.Join(known, ", ")
			}
			b.warnf(at, "unknown-parameter", "the parameter %q is kept, but not used: the type %q %s", key, n.Source, of)
			continue
		}
		if v, _ := truth(n.Parameters[key]); v && key == "incremental" {
			n.Parameters[key] = "true"
		}
		if want := badParameter(key, n.Parameters[key], n); want != "" {
			b.errorf(at, "bad-parameters", "the parameter %q must be %s, not %q", key, want, n.Parameters[key])
		}
	}
	if n.Parameters["seed"] != "" && n.Parameters["randomize"] != "true" {
		b.errorf(at, "bad-parameters", "a seed needs randomize=true beside it")
	}
	if where := n.Parameters["reference-geometry"]; where != "" {
		if name, ok := soleReference(where); ok {
			n.From = name
		} else {
			n.List = where
		}
	}
}

// badParameter says what a value must be, "" if it is.
func badParameter(key, value string, n *Node) string {
	_, intErr := strconv.Atoi(value)
	_, numErr := strconv.ParseFloat(value, 64)
	oneOf := func(allowed ...string) string {
		if slices.Contains(allowed, value) {
			return ""
		}
		return strings.Join(allowed, " or ")
	}
	switch key {
	case "rows", "max-pixels", "location-max-age", "location-min-interval":
		if intErr != nil {
			return "a whole number"
		}
	case "capture-accuracy", "warning-accuracy":
		if numErr != nil {
			return "a number"
		}
	case "randomize", "allow-mock-accuracy", "track-changes", "identify-user":
		return oneOf("true", "false")
	case "track-changes-reasons":
		return oneOf("on-form-edit")
	case "location-priority":
		return oneOf("no-power", "low-power", "balanced", "high-accuracy")
	case "incremental":
		return oneOf("true")
	case "quality":
		if n.Type == "audio" {
			return oneOf("voice-only", "low", "normal", "external")
		}
		return oneOf("voice-only", "low", "normal")
	case "seed":
		if _, sole := soleReference(value); !sole && numErr != nil {
			return "a number or a reference to a question"
		}
	case "label", "value":
		if !isName(value) {
			return "a column's name"
		}
	}
	return ""
}

// rangeParameters fills in what a range lacks, and checks that it can be walked.
func (b *builder) rangeParameters(r *surveyRow, n *Node) {
	p := map[string]string{"start": "1", "end": "10", "step": "1"}
	maps.Copy(p, n.Parameters)
	n.Parameters = p
	at := r.at("parameters")
	num := map[string]float64{}
	for _, key := range []string{"start", "end", "step", "tick_interval", "placeholder"} {
		if p[key] == "" {
			continue
		}
		v, err := strconv.ParseFloat(p[key], 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			b.errorf(at, "bad-range", "the parameter %q of a range must be a number, not %q", key, p[key])
			return
		}
		if num[key] = v; v != math.Trunc(v) {
			n.Data = "decimal"
		}
	}
	width := math.Abs(num["end"] - num["start"])
	for _, key := range []string{"step", "tick_interval"} {
		switch v, ok := num[key], p[key] != ""; {
		case ok && v == 0:
			b.errorf(at, "bad-range", "the parameter %q of a range must not be 0", key)
		case ok && v > width:
			b.errorf(at, "bad-range", "the parameter %q of a range must not be larger than the range from %s to %s", key, p["start"], p["end"])
		case ok && key == "tick_interval" && !multiple(v, num["step"]):
			b.errorf(at, "bad-range", "the parameter %q of a range must be a multiple of its step", key)
		}
	}
	if p["placeholder"] != "" && (!multiple(num["placeholder"]-num["start"], num["step"]) ||
		num["placeholder"] < min(num["start"], num["end"]) || num["placeholder"] > max(num["start"], num["end"])) {
		b.errorf(at, "bad-range", "the placeholder of a range must be one of its steps")
	}
	if list := p["tick_labelset"]; list != "" {
		n.List = list
		if _, ok := b.t.List(list); !ok {
			b.errorf(at, "unknown-list", "there is no list %q on the choices sheet", list)
		}
	}
}

func multiple(v, step float64) bool {
	if step == 0 {
		return true
	}
	q := v / step
	return math.Abs(q-math.Round(q)) < 1e-9
}
