package form

import (
	"regexp"
	"strings"
)

// typeDef is what a question type means in XForms: its control, the type of its value, and what it brings along.
type typeDef struct {
	names      string // every name that XLSForm has had for it, the documented one first, parted by "|"
	control    string // "" for a question that nobody sees
	media      string // MIME type of an upload
	data       string // of the value; "" for none
	preload    string // where a program fills it from, and with what parameter
	params     string
	constraint string // which a column of the form may replace
	hint       string
}

var typeDefs = []typeDef{
	{names: "text|string|q string|add text prompt", control: "input", data: "string"},
	{names: "integer|int|q int|add integer prompt", control: "input", data: "int"},
	{names: "decimal|q decimal|add decimal prompt", control: "input", data: "decimal"},
	{names: "range", control: "range", data: "int"},
	{names: "percentage", control: "input", data: "int", constraint: "0 <= . and . <= 100"},
	{names: "phone number", control: "input", data: "string", constraint: `regex(., '^\d*$')`, hint: "Enter numbers only."},
	{names: "number of days in last month", control: "input", data: "int", constraint: "0 <= . and . <= 31", hint: "Enter a number 0-31."},
	{names: "number of days in last six months", control: "input", data: "int", constraint: "0 <= . and . <= 183", hint: "Enter a number 0-183."},
	{names: "number of days in last year", control: "input", data: "int", constraint: "0 <= . and . <= 365", hint: "Enter a number 0-365."},
	{names: "date|q date|add date prompt", control: "input", data: "date"},
	{names: "time", control: "input", data: "time"},
	{names: "dateTime|datetime|date time|q date time|q datetime|q dateTime|add date time prompt|add datetime prompt|add dateTime prompt", control: "input", data: "dateTime"},
	{names: "note|q note|add note prompt", control: "input", data: "string"},
	{names: "calculate|q calculate|add calculate prompt", data: "string"},
	{names: "hidden", data: "string"},
	{names: "acknowledge|q acknowledge|add acknowledge prompt", control: "trigger", data: "string"},
	{names: "trigger", control: "trigger"},
	{names: "image|photo|q picture|q image|add image prompt|add photo prompt", control: "upload", media: "image/*", data: "binary"},
	{names: "audio|q audio|add audio prompt", control: "upload", media: "audio/*", data: "binary"},
	{names: "video|q video|add video prompt", control: "upload", media: "video/*", data: "binary"},
	{names: "file|add file prompt", control: "upload", media: "application/*", data: "binary"},
	{names: "osm", control: "upload", media: "osm/*", data: "binary"},
	{names: "geopoint|gps|location|q geopoint|q location|add location prompt", control: "input", data: "geopoint"},
	{names: "geotrace|q geotrace", control: "input", data: "geotrace"},
	{names: "geoshape|q geoshape", control: "input", data: "geoshape"},
	{names: "barcode|q barcode|add barcode prompt", control: "input", data: "barcode"},
	{names: "start|start time|get start time", data: "dateTime", preload: "timestamp", params: "start"},
	{names: "end|end time|get end time", data: "dateTime", preload: "timestamp", params: "end"},
	{names: "today|get today", data: "date", preload: "date", params: "today"},
	{names: "deviceid|imei|device id|get device id", data: "string", preload: "property", params: "deviceid"},
	{names: "username", data: "string", preload: "property", params: "username"},
	{names: "email", data: "string", preload: "property", params: "email"},
	{names: "phonenumber|get phone number", data: "string", preload: "property", params: "phonenumber"},
	{names: "simserial|sim id|get sim id", data: "string", preload: "property", params: "simserial"},
	{names: "subscriberid|subscriber id|get subscriber id", data: "string", preload: "property", params: "subscriberid"},
	{names: "uri:deviceid", data: "string", preload: "property", params: "uri:deviceid"},
	{names: "uri:username", data: "string", preload: "property", params: "uri:username"},
	{names: "uri:email", data: "string", preload: "property", params: "uri:email"},
	{names: "uri:phonenumber", data: "string", preload: "property", params: "uri:phonenumber"},
	{names: "uri:simserial", data: "string", preload: "property", params: "uri:simserial"},
	{names: "uri:subscriberid", data: "string", preload: "property", params: "uri:subscriberid"},
	{names: "audit", data: "binary"},
	{names: "csv-external"},
	{names: "xml-external"},
	{names: "start-geopoint", data: "geopoint"},
	{names: "background-audio", data: "binary"},
	{names: "background-geopoint", control: "trigger", data: "geopoint"},
	// Selects carry a list after their name.
	{names: "select_one", control: "select1", data: "string"},
	{names: "select_multiple", control: "select", data: "string"},
	{names: "select_one_external", control: "input", data: "string"},
	{names: "rank", control: "odk:rank", data: "odk:rank"},
}

var typeByName = indexTypes()

func indexTypes() map[string]*typeDef {
	out := map[string]*typeDef{}
	for i := range typeDefs {
		for n := range strings.SplitSeq(typeDefs[i].names, "|") {
			out[n] = &typeDefs[i]
		}
	}
	return out
}

func (d *typeDef) name() string {
	name, _, _ := strings.Cut(d.names, "|")
	return name
}

// selectNames are the commands that take a list, as typeDefs name them.
var selectNames = map[string]string{
	"add select one prompt using": "select_one", "select one from": "select_one", "select1": "select_one", "select_one": "select_one",
	"select one": "select_one", "select one using": "select_one",
	"add select multiple prompt using": "select_multiple", "select all that apply from": "select_multiple", "select_multiple": "select_multiple",
	"select all that apply": "select_multiple", "select multiple from": "select_multiple", "select multiple using": "select_multiple",
	"select multiple": "select_multiple", "select one external": "select_one_external", "select_one_external": "select_one_external",
	"select_one_from_file": "select_one", "select one from file": "select_one",
	"select_multiple_from_file": "select_multiple", "select multiple from file": "select_multiple",
	"rank": "rank",
}

var sectionNames = map[string]Kind{"group": KindGroup, "repeat": KindRepeat, "lgroup": KindRepeat, "looped group": KindRepeat}

var (
	beginPattern = regexp.MustCompile(`^(?i:begin)[ _]((?i:group|lgroup|repeat|loop|looped group))(?: (?:over )?(\S+))?$`)
	endPattern   = regexp.MustCompile(`^(?i:end)[ _]((?i:group|lgroup|repeat|loop|looped group))$`)
	// A name of two words that is also the beginning of a longer one gives way to it where a list follows.
	selectPattern = regexp.MustCompile(`^((?i:select_one_from_file|select one from file|select_multiple_from_file|select multiple from file|` +
		`add select one prompt using|add select multiple prompt using|select all that apply from|select all that apply|` +
		`select one from|select one using|select one external|select_one_external|select1|select_one|select one|` +
		`select multiple from|select multiple using|select_multiple|select multiple|rank)) (\S+)( (?i:or specify other|or_other|or other))?$`)
	osmPattern = regexp.MustCompile(`^(?i:osm) (\S+)$`)
)

// typeCell is a type cell taken apart.
type typeCell struct {
	begin, end string // what section begins or ends: "group", "repeat", "loop"
	def        *typeDef
	command    string // of a select
	list       string // of a select or a loop
	other      bool   // a select with "or other"
}

func parseType(s string) typeCell {
	s = strings.Join(strings.Fields(s), " ")
	if m := beginPattern.FindStringSubmatch(s); m != nil {
		return typeCell{begin: strings.ToLower(m[1]), list: m[2]}
	}
	if m := endPattern.FindStringSubmatch(s); m != nil {
		return typeCell{end: strings.ToLower(m[1])}
	}
	if m := selectPattern.FindStringSubmatch(s); m != nil {
		command := strings.ToLower(m[1])
		return typeCell{def: typeByName[selectNames[command]], command: command, list: m[2], other: m[3] != ""}
	}
	if m := osmPattern.FindStringSubmatch(s); m != nil {
		return typeCell{def: typeByName["osm"], list: m[1]}
	}
	lower := strings.ToLower(s)
	if selectNames[lower] != "" {
		return typeCell{def: typeByName[selectNames[lower]], command: lower}
	}
	if d := typeByName[s]; d != nil {
		return typeCell{def: d}
	}
	return typeCell{def: typeByName[lower]}
}

// obsolete types, and what takes their place.
var obsolete = map[string]string{
	"include":          "copy the rows of the other form into this one",
	"cascading_select": "use select_one with a choice_filter",
	"cascading select": "use select_one with a choice_filter",
}

// nearest finds a known type that s is probably a misspelling of.
func nearestType(s string) string {
	word, rest, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	best, at := "", 3
	for i := range typeDefs {
		if n := typeDefs[i].name(); !strings.Contains(n, " ") {
			if d := editDistance(word, n); d < at && d < len(n) {
				best, at = n, d
			}
		}
	}
	for _, n := range []string{"begin_group", "end_group", "begin_repeat", "end_repeat"} {
		if d := editDistance(strings.ReplaceAll(strings.ToLower(s), " ", "_"), n); d < at {
			best, at, rest = n, d, ""
		}
	}
	if best != "" && rest != "" {
		return best + " " + rest
	}
	return best
}

// editDistance counts the letters to change (Levenshtein); long words are far from everything.
func editDistance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 40
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
