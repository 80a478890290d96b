package oracle

import (
	"path"
)

// notLoaded are the forms that ODK's engine does not load, and why.
var notLoaded = map[string]string{}

// known is a difference with its reason. Ref is a pattern as path.Match has them, over the whole place.
type known struct {
	form, ref, what, why string
}

func (k known) key() string { return k.form + " " + k.ref + " " + k.what }

// differs are the differences that are not Kua's to mend.
var differs = []known{}

// reason gives why a difference is known, and notes that it was found.
func (s subject) reason(d difference, found map[string]bool) string {
	for _, k := range differs {
		if ok, _ := path.Match(k.ref, string(d.ref)); ok && k.form == s.name && k.what == d.what {
			found[k.key()] = true
			return k.what + " of " + k.ref + ": " + k.why
		}
	}
	return ""
}
