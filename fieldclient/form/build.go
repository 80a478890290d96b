package form

import (
	"slices"
	"strings"
)

// builder makes a template of sheets. It goes on after an error, so that an author hears of all of them at once.
type builder struct {
	report
	t          *Template
	survey     *Sheet
	choices    *Sheet
	external   *Sheet
	columns    []column // of the survey
	headers    map[string]string
	keepSpaces bool // settings clean_text_values = no
	duplicates bool // settings allow_choice_duplicates = yes
	externals  map[string]*List
	stack      []*Node
	meta       []*Node
	prefixes   map[string]bool // of names, that the exported form knows
	loop       *loop           // whose rows are being gathered
	unrolled   int             // rows that loops were written out into
	tableList  string          // the list that a table-list group asks about: "*" before its first question
	reported   map[string]bool
	guesses    int
	walked     int
}

// build makes a template, or nil where an issue is an error.
func build(sheets []Sheet, fallback string, lost []Issue) (*Template, []Issue) {
	b := &builder{t: &Template{sheets: sheets, fallback: fallback}, headers: map[string]string{}, reported: map[string]bool{}}
	for _, i := range lost {
		if used := slices.Contains(sheetNames, strings.ToLower(i.Sheet)) || len(sheets) == 1; used || !strings.HasPrefix(string(i.Code), "formula-") {
			b.add(i)
		}
	}
	if settings := b.findSheets(); b.survey != nil {
		b.readSettings(settings)
		b.readChoices()
		b.readSurvey()
		b.check()
	}
	if !b.failed {
		if err := b.t.seal(); err != nil {
			b.errorf(place{}, "internal", "the form cannot be written down: %v", err)
		}
	}
	if b.failed {
		return nil, b.sorted()
	}
	return b.t, b.sorted()
}

var sheetNames = []string{"survey", "choices", "settings", "external_choices", "entities", "osm"}

// findSheets tells the sheets apart by their names, whatever their case.
func (b *builder) findSheets() (settings *Sheet) {
	sheets := b.t.sheets
	found := map[string]*Sheet{}
	for i := range sheets {
		found[strings.ToLower(sheets[i].Name)] = &sheets[i]
	}
	if found["survey"] == nil && len(sheets) == 1 {
		found["survey"] = &sheets[0]
	}
	for i := range sheets {
		name := strings.ToLower(sheets[i].Name)
		if found["survey"] == &sheets[i] || slices.Contains(sheetNames, name) || strings.HasPrefix(name, fileSheet) && strings.HasSuffix(name, ".csv") {
			continue
		}
		meant := ""
		for _, known := range sheetNames {
			if found[known] == nil && known != "osm" && !strings.HasPrefix(name, "_") && editDistance(name, known) <= 2 {
				meant = known
			}
		}
		if meant != "" {
			b.warnf(place{sheet: sheets[i].Name}, "sheet-name", "this sheet is not used: did you mean %q? (A name that begins with an underscore says that you do not.)", meant)
			continue
		}
		b.warnf(place{sheet: sheets[i].Name}, "unknown-sheet", "this sheet is kept, but a form does not use a sheet of this name")
	}
	b.survey, b.choices, b.external = found["survey"], found["choices"], found["external_choices"]
	if b.survey == nil || len(b.survey.Rows) == 0 {
		b.survey = nil
		b.errorf(place{}, "no-survey", "the workbook has no sheet named %q with questions in it", "survey")
	}
	if s := found["entities"]; s != nil && len(s.Rows) > 1 {
		b.warnf(place{sheet: s.Name}, "entities", entitiesKept)
	}
	if s := found["osm"]; s != nil && len(s.Rows) > 1 {
		b.warnf(place{sheet: s.Name}, "osm", "tags for OpenStreetMap are kept in the form, but not used here")
	}
	return found["settings"]
}

const entitiesKept = "entities are kept in the form, but are not made or changed here"

// inert are settings that belong to programs which send forms to servers of other kinds.
var inert = map[string]string{
	"public_key":          "answers are not encrypted with this key: they are sealed for the members of the visit",
	"submission_url":      "answers are not sent there",
	"auto_send":           "it has no meaning here",
	"auto_delete":         "it has no meaning here",
	"client_editable":     "it has no meaning here",
	"add_none_option":     "it has no meaning any more; write the choice \"none\" into the list",
	"flat":                "it has no meaning any more",
	"sms_keyword":         "answers are not sent by SMS",
	"instance_xmlns":      "it only goes into the exported form",
	"namespaces":          "they only go into the exported form",
	"omit_instanceid":     "an answer's identity is never left out here; the exported form leaves it out",
	"delimiter":           "answers are not sent by SMS",
	"prefix":              "answers are not sent by SMS",
	"sms_separator":       "answers are not sent by SMS",
	"sms_allow_media":     "answers are not sent by SMS",
	"sms_response":        "answers are not sent by SMS",
	"sms_date_format":     "answers are not sent by SMS",
	"sms_datetime_format": "answers are not sent by SMS",
}

func (b *builder) readSettings(s *Sheet) {
	t := b.t
	defer func() {
		if t.Setting("id_string") != "" {
			t.fallback = "" // the file's name says nothing: the same cells are the same form
		}
		t.ID = firstOf(t.Setting("id_string"), t.fallback, "data")
		t.Title = firstOf(t.Setting("title"), t.ID)
		t.Name = firstOf(t.Setting("name"), "data")
		t.DefaultLanguage = firstOf(t.Setting("default_language"), "default")
		t.Version, t.InstanceName, t.Style = t.Setting("version"), t.Setting("instance_name"), t.Setting("style")
		if v, known := truth(t.Setting("clean_text_values")); known {
			b.keepSpaces = !v
		}
		b.duplicates, _ = truth(t.Setting("allow_choice_duplicates"))
		b.prefixes, _ = t.prefixes()
	}()
	if s == nil {
		return
	}
	if len(s.Rows) == 0 {
		return
	}
	columns := b.settingsColumns(s)
	row := slices.IndexFunc(s.Rows, func(cells []string) bool { return !blankRow(cells) })
	for i := row + 1; row == 0 && i < len(s.Rows); i++ {
		if blankRow(s.Rows[i]) {
			continue
		}
		if row > 0 {
			b.warnf(place{sheet: s.Name, row: i + 1}, "settings-row", "settings stand in one row; this one is kept, but not used")
			continue
		}
		row = i
		for _, c := range columns {
			value := c.value(s.Rows[i])
			at := place{s.Name, i + 1, c.header}
			switch {
			case value == "":
			case c.key == "":
				b.warnf(at, "unknown-column", "a form has no setting of this name; it is kept, but not used")
			case c.key == "name" && (!isName(value) || strings.Contains(value, ":")):
				b.errorf(at, "bad-name", badName, value)
			case c.key == "attribute":
				t.Settings = append(t.Settings, Attr{"attribute::" + c.sub, value})
			default:
				t.Settings = append(t.Settings, Attr{c.key, value})
				if why := inert[c.key]; why != "" {
					if v, known := truth(value); !known || v {
						b.warnf(at, "setting-not-used", "this setting is kept, but %s", why)
					}
				}
			}
		}
	}
}

// settingsColumns reads the headers. An old form may have form_id beside id_string; then form_id counts.
func (b *builder) settingsColumns(s *Sheet) []column {
	head := slices.Clone(s.Rows[0])
	if i := slices.IndexFunc(head, func(h string) bool { return snakeCase(plain(h)) == "id_string" }); i >= 0 &&
		slices.ContainsFunc(head, func(h string) bool { return snakeCase(plain(h)) == "form_id" }) {
		b.warnf(place{s.Name, 1, plain(head[i])}, "setting-not-used", "form_id counts, this older name of the same setting does not")
		head[i] = ""
	}
	return b.report.columns(&Sheet{Name: s.Name, Rows: [][]string{head}}, classifySettings, settingsAliases, settingsKnown)
}

const badName = "%q cannot be a name: a name begins with a letter or an underscore, and goes on with letters, digits, underscores, hyphens or points, without spaces"

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

func blankRow(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return !isBlank(c) })
}

// texts puts the wordings of a row together. Where any of them names its language, one that does not speaks the
// default language.
func (b *builder) texts(columns []column, key, sub string, row []string, spaces bool) Text {
	var out Text
	named := false
	for _, c := range columns {
		if c.key != key || c.sub != sub {
			continue
		}
		if v := c.value(row); v != "" {
			if !spaces {
				v = oneSpaced(v)
			}
			out = append(out, Wording{c.lang, v})
			named = named || c.lang != ""
		}
	}
	if !named {
		return out
	}
	for i := range out {
		if out[i].Lang == "" {
			out[i].Lang = b.t.DefaultLanguage
			if slices.ContainsFunc(out, func(w Wording) bool { return w != out[i] && w.Lang == b.t.DefaultLanguage }) {
				out = slices.Delete(out, i, i+1)
			}
			break
		}
	}
	return out
}

func (b *builder) media(columns []column, row []string) []Media {
	var out []Media
	for _, kind := range mediaKinds {
		if t := b.texts(columns, "media", kind, row, true); len(t) > 0 {
			out = append(out, Media{kind, t})
		}
	}
	return out
}

func (b *builder) readChoices() {
	b.t.Lists = b.lists(b.choices)
	b.t.byList = listIndex(b.t.Lists)
	b.t.External = b.lists(b.external)
	b.externals = listIndex(b.t.External)
}

func listIndex(lists []*List) map[string]*List {
	out := map[string]*List{}
	for _, l := range lists {
		out[l.Name] = l
	}
	return out
}

// maxEmptyRows is how many empty rows end a table, as in the reference converter: what lies further down are an
// author's notes.
const maxEmptyRows = 60

// table gives the rows of a sheet below its header.
func (b *builder) table(s *Sheet) [][]string {
	rows, empty := s.Rows[1:], 0
	for i, row := range rows {
		if !blankRow(row) {
			empty = 0
			continue
		}
		if empty++; empty > maxEmptyRows {
			b.warnf(place{sheet: s.Name, row: i + 2}, "after-the-end", "more than %d empty rows end the sheet; what lies below is kept, but not used", maxEmptyRows)
			return rows[:i]
		}
	}
	return rows
}

// lists reads a sheet of choices.
func (b *builder) lists(s *Sheet) (lists []*List) {
	if s == nil || len(s.Rows) == 0 {
		return nil
	}
	columns := b.report.columns(s, classifyList, listAliases, listKnown)
	has := func(key string) bool {
		return slices.ContainsFunc(columns, func(c column) bool { return c.key == key })
	}
	if len(s.Rows) > 1 && (!has("name") || !has("list name")) {
		b.errorf(place{s.Name, 1, ""}, "missing-column", "a sheet of choices needs the columns \"list_name\" and \"name\"")
		return nil
	}
	for _, c := range columns {
		if c.key == "" && !b.canFilter(c.header) {
			b.warnf(place{s.Name, 1, c.header}, "choices-column", "a choice filter cannot use a column whose header has spaces or other signs; the column is kept, but not used")
		}
	}
	b.noteLanguages(s.Name, columns)
	b.strayCells(s, columns)
	byName := map[string]*List{}
	seen := map[[2]string]int{}
	for i, row := range b.table(s) {
		at := place{sheet: s.Name, row: i + 2}
		c, list := b.choice(columns, row, at)
		if list == "" {
			if c.Name != "" || len(c.Label) > 0 {
				b.warnf(at, "choice-without-list", "this choice names no list; it is kept, but not used")
			}
			continue
		}
		l := byName[list]
		if l == nil {
			l = &List{Name: list}
			byName[list] = l
			lists = append(lists, l)
		}
		if c.Name == "" {
			b.errorf(at.in("name"), "choice-without-name", "a choice of the list %q has no name", list)
			continue
		}
		if first := seen[[2]string{list, c.Name}]; first > 0 && !b.duplicates && s == b.choices {
			b.errorf(at.in("name"), "duplicate-choice", "the list %q already has the choice %q in row %d; if that is meant, set allow_choice_duplicates to yes on the settings sheet", list, c.Name, first)
		}
		seen[[2]string{list, c.Name}] = at.row
		if len(c.Label) == 0 && len(c.Media) == 0 && s == b.choices {
			b.warnf(at.in("label"), "choice-without-label", "the choice %q of the list %q has no label", c.Name, list)
		}
		l.Choices = append(l.Choices, c)
	}
	return lists
}

// canFilter reports whether a column of a sheet of choices can be named in an expression.
func (b *builder) canFilter(header string) bool {
	return isName(header) && foreign(header, b.prefixes) == ""
}

func (b *builder) choice(columns []column, row []string, at place) (c Choice, list string) {
	c.Row = at.row
	for _, col := range columns {
		value := col.value(row)
		switch {
		case value == "":
		case col.key == "list name":
			list = value
		case col.key == "name":
			c.Name = value
		case col.key == "sms_option" || col.key == "" && b.canFilter(col.header):
			c.Fields = append(c.Fields, Attr{firstOf(col.key, col.header), value})
		}
	}
	c.Label = b.texts(columns, "label", "", row, true)
	c.Media = b.media(columns, row)
	return c, list
}

// noteLanguages gathers the languages of a sheet, and warns of two that differ only in their case.
func (b *builder) noteLanguages(sheet string, columns []column) {
	for _, c := range columns {
		if c.lang == "" || slices.Contains(b.t.Languages, c.lang) {
			continue
		}
		if i := slices.IndexFunc(b.t.Languages, func(l string) bool { return strings.EqualFold(l, c.lang) }); i >= 0 {
			b.warnf(place{sheet, 1, c.header}, "language-case", "the languages %q and %q differ only in their letters' case; a form takes them for two", b.t.Languages[i], c.lang)
		}
		b.t.Languages = append(b.t.Languages, c.lang)
	}
}

// strayCells warns once of cells that stand under no header.
func (b *builder) strayCells(s *Sheet, columns []column) {
	under := map[int]bool{}
	for i, h := range s.Rows[0] {
		under[i] = plain(h) != ""
	}
	for i, row := range s.Rows[1:] {
		for c, cell := range row {
			if !under[c] && !isBlank(cell) {
				b.warnf(place{sheet: s.Name, row: i + 2}, "cell-without-header", "the cell in column %s has no header; such cells are kept, but not used", columnLetters(c))
				return
			}
		}
	}
}
