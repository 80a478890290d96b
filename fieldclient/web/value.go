package web

import (
	"strings"

	"kua/fieldclient"
	"kua/syncproto"
)

// valued is a statement with its value in the words of the screens' language.
type valued struct {
	Statement fieldclient.Statement
	Text      string
	Recording bool // where it is veiled: because the person allowed no record
}

// value writes a field's value, as the vocabulary formats it, in the words of the language. What it does not know is shown
// as it is.
func (w *words) value(kind, field, value string) string {
	k, ok := syncproto.KindNamed(kind)
	if !ok || value == "" {
		return value
	}
	f, err := k.FieldNamed(field)
	if err != nil {
		return value
	}
	if kind == "facility" && field == "region" {
		return w.Region(value)
	}
	switch f.Type {
	case syncproto.TypeDate:
		return w.Date(value)
	case syncproto.TypeBool:
		return w.T("value." + value)
	case syncproto.TypeCode, syncproto.TypeCodes:
		var out []string
		for _, word := range strings.Split(value, ", ") {
			if key := "code." + kind + "." + field + "." + word; w.Has(key) {
				word = w.T(key)
			} else if key := "theme." + word; field == "themes" && w.Has(key) {
				word = w.T(key)
			}
			out = append(out, word)
		}
		return strings.Join(out, ", ")
	case syncproto.TypeAnswer:
		if key := "silence." + strings.Trim(value, "()"); strings.HasPrefix(value, "(") && w.Has(key) {
			return w.T(key)
		}
	}
	return value
}
