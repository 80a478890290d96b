package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// valueOf returns the standing value of a field; different values stand beside each other.
func valueOf(v fieldclient.View, field string) string {
	var values []string
	for _, f := range v.Fields {
		if f.Name != field {
			continue
		}
		for _, h := range f.Heads {
			if s := h.Value; s != "" && (len(values) == 0 || values[len(values)-1] != s) {
				values = append(values, s)
			}
		}
	}
	return strings.Join(values, " | ")
}

func removedMark(v fieldclient.View) string {
	switch {
	case v.Removed && v.Edited > 0:
		return "  (removed, but edited meanwhile)"
	case v.Removed:
		return "  (removed)"
	}
	return ""
}

// writeView writes a record for a person: one line for each statement that stands.
func writeView(w io.Writer, v fieldclient.View) {
	kind := v.Kind
	if kind == "" {
		kind = "record"
	}
	fmt.Fprintf(w, "\n%s %s%s\n", kind, v.Entity, removedMark(v))
	if v.ReadOnly {
		fmt.Fprintln(w, "    holds something newer: update Kua to change it")
	}
	if v.AliasOf != nil {
		fmt.Fprintf(w, "    the same as %s, which shows both\n", v.AliasOf)
	}
	for _, id := range v.Aliases {
		fmt.Fprintf(w, "    together with %s\n", id)
	}
	for _, f := range v.Fields {
		if f.Name != existence.Name || len(f.Review) > 0 {
			writeField(w, f)
		}
	}
	for _, r := range v.Attention {
		fmt.Fprintf(w, "    ! %s\n", plain(r))
	}
}

func writeField(w io.Writer, f fieldclient.FieldView) {
	name := f.Name
	for _, h := range f.Heads {
		fmt.Fprintf(w, "    %-12s %s    (%s, %s)\n", name, statementValue(h), h.Name, h.State)
		name = ""
	}
	if f.Conflict {
		fmt.Fprintf(w, "    %-12s ! the values differ: `kua resolve` settles it\n", "")
	}
	for _, r := range f.Review {
		fmt.Fprintf(w, "    %-12s ! %s replaced what %s wrote: %s\n", "", r.By.Name, r.Replaced.Name, statementValue(r.Replaced))
	}
}

func statementValue(s fieldclient.Statement) string {
	switch {
	case s.Kind == syncproto.KindCreate || s.Kind == syncproto.KindRemove || s.Kind == syncproto.KindRestore:
		return "(" + s.Kind.String() + ")"
	case s.Veiled:
		return "(not shown: for health experts only, or the person allowed no record)"
	case s.Gate:
		return "(sealed at the gate: `kua gate release`, by somebody outside, gives it back)"
	case s.Locked:
		return "(sealed: the visit key has not come to this laptop)"
	case s.Fate == "erased":
		return "(erased)"
	case s.Kind == syncproto.KindClear:
		return "(asked, no answer)"
	}
	return strings.ReplaceAll(s.Value, "\n", "\n                 ")
}

var plainWords = map[string]string{
	"conflict":             "different values stand beside each other: `kua resolve`",
	"several-heads":        "several people wrote this",
	"review":               "somebody else's answer was replaced: `kua endorse` accepts it",
	"removed-but-edited":   "it was removed, but somebody edited it meanwhile",
	"removed-and-restored": "it was removed and restored by people who did not see each other",
	"update-kua":           "it holds something newer: update Kua",
	"quarantined":          "quarantined work touches it: `kua quarantine list`",
}

// plain says a reason for attention in plain words.
func plain(reason string) string {
	if s, ok := plainWords[reason]; ok {
		return s
	}
	return reason
}

// when writes Unix milliseconds for a person, in UTC.
func when(ms int64) string {
	if ms == 0 {
		return "not yet"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05") + " UTC"
}
