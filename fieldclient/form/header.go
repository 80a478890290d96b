package form

import (
	"slices"
	"strings"
)

// maxGap is how many columns without a header end the table, as in the reference converter: what lies further right are
// an author's notes.
const maxGap = 20

// column is one column of a sheet: what it means, and whose language it speaks.
type column struct {
	index  int
	header string // as the author wrote it
	key    string // what it means, in the words of the tables below; "" for a column that XLSForm does not know
	sub    string // of the keys media, bind, body and instance: which one
	lang   string
}

// tokens splits a header at its colons and undoes aliases. A single colon splits only where no header of the sheet has
// a double one, for it is also part of names such as jr:count.
func tokens(header string, double bool, aliases map[string][]string, known []string) []string {
	snake := snakeCase(header)
	if aliases[snake] == nil && slices.Contains(known, snake) {
		return []string{snake}
	}
	sep := ":"
	if double || strings.Contains(header, "::") {
		sep = "::"
	}
	parts := strings.Split(header, sep)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if i := slices.Index(parts, "jr"); sep == ":" && i >= 0 && i+1 < len(parts) {
		parts = slices.Replace(parts, i, i+2, "jr:"+parts[i+1])
	}
	first := snakeCase(parts[0])
	switch {
	case aliases[first] != nil:
		return append(slices.Clone(aliases[first]), parts[1:]...)
	case slices.Contains(known, first):
		parts[0] = first
	}
	return parts
}

func snakeCase(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "_")) }

// columns reads a header row.
func (r *report) columns(s *Sheet, classify func([]string) (key, sub, lang string), aliases map[string][]string, known []string) []column {
	if len(s.Rows) == 0 {
		return nil
	}
	double, gap := false, 0
	for _, h := range s.Rows[0] {
		double = double || strings.Contains(h, "::")
	}
	var out []column
	written := map[string]bool{}
	meaning := map[column]string{}
	for i, cell := range s.Rows[0] {
		header := oneSpaced(plain(cell))
		if header == "" {
			if gap++; gap > maxGap {
				break
			}
			continue
		}
		gap = 0
		at := place{s.Name, 1, header}
		if written[header] {
			r.errorf(at, "duplicate-column", "two columns have the header %q; keep one of them", header)
			continue
		}
		written[header] = true
		c := column{}
		c.key, c.sub, c.lang = classify(tokens(header, double, aliases, known))
		if c.key != "" {
			if other, ok := meaning[c]; ok {
				r.errorf(at, "duplicate-column", "the headers %q and %q mean the same column; keep one of them", other, header)
				continue
			}
			meaning[c] = header
		}
		c.index, c.header = i, header
		out = append(out, c)
	}
	return out
}

// value is the cell of a row under a column.
func (c column) value(row []string) string {
	if c.index >= len(row) {
		return ""
	}
	return plain(row[c.index])
}

// surveyKnown are the headers of the survey sheet that stand for themselves.
var surveyKnown = []string{
	"type", "name", "label", "hint", "guidance_hint", "default", "trigger", "choice_filter", "parameters",
	"bind", "control", "instance", "media", "intent", "disabled", "query",
	"sms_field", "sms_option", "sms_separator", "sms_allow_media", "sms_date_format", "sms_datetime_format", "sms_response",
	"kua",
}

// surveyAliases are other names for columns of the survey sheet, and the short names of attributes.
var surveyAliases = map[string][]string{
	"command": {"type"}, "tag": {"name"}, "value": {"name"}, "caption": {"label"}, "body": {"control"},
	"read_only": {"bind", "readonly"}, "readonly": {"bind", "readonly"},
	"relevant": {"bind", "relevant"}, "relevance": {"bind", "relevant"},
	"required": {"bind", "required"}, "constraint": {"bind", "constraint"},
	"calculation": {"bind", "calculate"}, "calculate": {"bind", "calculate"},
	"constraining_message": {"bind", "jr:constraintMsg"}, "constraint_message": {"bind", "jr:constraintMsg"},
	"requiredmsg": {"bind", "jr:requiredMsg"}, "required_message": {"bind", "jr:requiredMsg"},
	"noapperrorstring": {"bind", "jr:noAppErrorString"}, "no_app_error_string": {"bind", "jr:noAppErrorString"},
	"save_to":    {"bind", "entities:saveto"},
	"appearance": {"control", "appearance"}, "count": {"control", "jr:count"}, "repeat_count": {"control", "jr:count"},
	"jr:count": {"control", "jr:count"}, "autoplay": {"control", "autoplay"}, "rows": {"control", "rows"},
	"image": {"media", "image"}, "big-image": {"media", "big-image"}, "audio": {"media", "audio"}, "video": {"media", "video"},
	"compact_tag": {"instance", "odk:tag"},
}

// bindKeys are the attributes of a bind that have a column of their own.
var bindKeys = map[string]string{
	"relevant": "relevant", "required": "required", "readonly": "read_only", "constraint": "constraint", "calculate": "calculation",
	"jr:constraintMsg": "constraint_message", "jr:requiredMsg": "required_message", "jr:noAppErrorString": "no_app_error_string",
}

func classifySurvey(parts []string) (key, sub, lang string) {
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch parts[0] {
	case "label", "hint", "guidance_hint":
		if len(parts) <= 2 {
			return parts[0], "", at(1)
		}
	case "media":
		if slices.Contains(mediaKinds, at(1)) && len(parts) <= 3 {
			return "media", at(1), at(2)
		}
	case "bind":
		if key := bindKeys[at(1)]; key != "" && (len(parts) == 2 || len(parts) == 3 && strings.HasPrefix(parts[1], "jr:")) {
			return key, "", at(2)
		}
		if len(parts) == 2 && isName(parts[1]) {
			return "bind", parts[1], ""
		}
	case "control":
		switch {
		case len(parts) != 2:
		case parts[1] == "appearance":
			return "appearance", "", ""
		case parts[1] == "jr:count":
			return "repeat_count", "", ""
		case isName(parts[1]):
			return "body", parts[1], ""
		}
	case "instance":
		if len(parts) == 2 && isName(parts[1]) {
			return "instance", parts[1], ""
		}
	case "kua":
		if len(parts) == 2 && slices.Contains(kuaColumns, parts[1]) {
			return "kua", parts[1], ""
		}
	default:
		if len(parts) == 1 && slices.Contains(surveyKnown, parts[0]) {
			return parts[0], "", ""
		}
	}
	return "", "", ""
}

var mediaKinds = []string{"image", "big-image", "audio", "video"}

var (
	listKnown   = []string{"name", "label", "media", "list name", "sms_option"}
	listAliases = map[string][]string{
		"caption": {"label"}, "list_name": {"list name"}, "value": {"name"},
		"image": {"media", "image"}, "big-image": {"media", "big-image"}, "audio": {"media", "audio"}, "video": {"media", "video"},
	}
)

func classifyList(parts []string) (key, sub, lang string) {
	switch {
	case parts[0] == "media" && len(parts) > 1 && len(parts) <= 3 && slices.Contains(mediaKinds, parts[1]):
		return "media", parts[1], strings.Join(parts[2:], "")
	case parts[0] == "label" && len(parts) <= 2:
		return "label", "", strings.Join(parts[1:], "")
	case len(parts) == 1 && slices.Contains(listKnown, parts[0]) && parts[0] != "media":
		return parts[0], "", ""
	}
	return "", "", ""
}

// settingsKnown are the headers of the settings sheet that mean something to some program for XLSForm.
var settingsKnown = []string{
	"title", "id_string", "name", "version", "default_language", "instance_name", "style", "public_key", "submission_url",
	"auto_send", "auto_delete", "client_editable", "omit_instanceid", "instance_id", "instance_xmlns", "namespaces",
	"clean_text_values", "add_none_option", "allow_choice_duplicates", "attribute", "delimiter", "prefix", "flat",
	"sms_keyword", "sms_separator", "sms_allow_media", "sms_date_format", "sms_datetime_format", "sms_response",
}

var settingsAliases = map[string][]string{
	"form_title": {"title"}, "set_form_title": {"title"}, "form_id": {"id_string"}, "set_form_id": {"id_string"},
}

func classifySettings(parts []string) (key, sub, lang string) {
	switch {
	case parts[0] == "attribute" && len(parts) == 2 && isName(parts[1]):
		return "attribute", parts[1], ""
	case len(parts) == 1 && parts[0] != "attribute" && slices.Contains(settingsKnown, parts[0]):
		return parts[0], "", ""
	}
	return "", "", ""
}
