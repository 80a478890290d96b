package web

import (
	"slices"
	"strings"
)

// regionCodes are the regions that the screens have names for: those of Kazakhstan in ISO 3166-2.
var regionCodes = []string{"KZ-10", "KZ-11", "KZ-15", "KZ-19", "KZ-23", "KZ-27", "KZ-31", "KZ-33", "KZ-35", "KZ-39", "KZ-43", "KZ-47", "KZ-55", "KZ-59",
	"KZ-61", "KZ-62", "KZ-63", "KZ-71", "KZ-75", "KZ-79"}

// Region names a region of ISO 3166-2 in the language; a code that it has no name for is shown as it is.
func (w *words) Region(code string) string {
	if key := "region." + strings.ToLower(code); w.Has(key) {
		return w.T(key)
	}
	return code
}

// regions are the regions that a visit can be opened in: those with a name, and what else places name. They come
// in the order of their codes, as lists of the regions do.
func (a *ask) regions(more ...string) []option {
	var out []option
	for _, code := range append(slices.Clone(regionCodes), more...) {
		if code != "" && code != "*" && !slices.ContainsFunc(out, func(o option) bool { return o.ID == code }) {
			out = append(out, option{code, a.words.Region(code)})
		}
	}
	return out
}
