package checklists

import (
	"slices"
	"strings"
	"testing"
)

// What a person agreed to decides where an allegation may go: C1 stays with the group, C2 goes no further than the
// Ombudsman, C3 leaves the NPM without identity, and identity needs C4 or C5.
func TestAnAllegationGoesNoFurtherThanTheConsent(t *testing.T) {
	const record, anonymous, identity = "recorded_only", "forwarded_anonymous", "forwarded_identity"
	may := map[string]map[string]string{ // "" where nobody may be told, else who
		"":   {record: "-"},
		"C1": {record: "-"},
		"C2": {record: "-", anonymous: "ombudsman"},
		"C3": {record: "-", anonymous: "all"},
		"C4": {record: "-", anonymous: "all", identity: "all"},
		"C5": {record: "-", anonymous: "all", identity: "all"},
	}
	choices := readTable(t, "choices")
	var recipients []string
	for _, row := range choices.rows {
		if choices.of(row, "list_name") == "recipient" {
			recipients = append(recipients, choices.of(row, "name"))
		}
	}
	recipients = append(recipients, "ombudsman prosecutor", "prosecutor lawyer")
	for _, consent := range []string{"", "C1", "C2", "C3", "C4", "C5"} {
		for _, do := range []string{record, anonymous, identity} {
			whom := may[consent][do]
			in := fill(t, "allegation", [2]string{"alg_04", consent}, [2]string{"alg_27", do})
			if got := see(t, in, "alg_27").Invalid; got != (whom == "") {
				t.Errorf("%q, %s: refused: %v", consent, do, got)
			}
			if do == record {
				if see(t, in, "alg_28").Relevant {
					t.Errorf("%q, %s: asks for a recipient", consent, do)
				}
				continue
			}
			for _, to := range recipients {
				if _, err := in.Set(at(in, "alg_28"), to); err != nil {
					t.Fatal(err)
				}
				allowed := whom == "all" || whom == to
				v := see(t, in, "alg_28")
				if v.Invalid == allowed {
					t.Errorf("%q, %s to %s: refused: %v", consent, do, to, v.Invalid)
				}
			}
		}
	}
	in := fill(t, "allegation", [2]string{"alg_04", "C3"}, [2]string{"alg_27", anonymous}, [2]string{"alg_28", "prosecutor"}, [2]string{"alg_04", "C1"})
	var wrong []string
	for _, p := range in.Validate() {
		wrong = append(wrong, string(p.Ref[strings.LastIndex(string(p.Ref), "/")+1:]))
	}
	if !slices.Contains(wrong, "alg_27") || !slices.Contains(wrong, "alg_28") {
		t.Errorf("after the consent was narrowed, only %v are said to be wrong", wrong)
	}
}
