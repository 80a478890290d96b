package syncproto

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheGrammarKnowsEveryKey holds docs/protocol.cddl and the structs together: the same rules, the same keys.
func TestTheGrammarKnowsEveryKey(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "protocol.cddl"))
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`;[^\n]*`).ReplaceAllString(string(b), "")
	rules := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?s)([a-z-]+) = \{(.*?)\n?\}`).FindAllStringSubmatch(text, -1) {
		for _, k := range regexp.MustCompile(`(\d+):`).FindAllStringSubmatch(m[2], -1) {
			rules[m[1]] = append(rules[m[1]], k[1])
		}
	}
	seen := map[string]bool{"header": true}
	var compare func(reflect.Type)
	compare = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		name := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(typ.Name(), "$1-$2"))
		var keys []string
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("cbor"), ",")
			keys = append(keys, key)
			compare(typ.Field(i).Type)
		}
		seen[name] = true
		if !slices.Equal(rules[name], keys) {
			t.Errorf("%s: the grammar has keys %v, the struct %v", name, rules[name], keys)
		}
	}
	for _, m := range append(messages(), &Invitation{}, &Enrolment{}, &PendingEnrolment{}) {
		compare(reflect.TypeOf(m))
	}
	for name := range rules {
		if !seen[name] {
			t.Errorf("no struct has the rule %s", name)
		}
	}
	var header []string
	for k := hVersion; k <= hApp; k++ {
		header = append(header, fmt.Sprint(k))
	}
	if !slices.Equal(rules["header"], header) {
		t.Errorf("header: the grammar has keys %v", rules["header"])
	}
}

// TestTheDocumentKnowsEveryWord looks for each kind, role and code in docs/protocol.md.
func TestTheDocumentKnowsEveryWord(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for k, spec := range kinds {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| %s[ :;]`, k, spec.name)).MatchString(doc) {
			t.Errorf("kind %d, %s, is not in the document", k, spec.name)
		}
	}
	for r := range roles {
		if !strings.Contains(doc, "| "+string(r)+" |") {
			t.Errorf("role %s is not in the document", r)
		}
	}
	for _, c := range []Code{CodeMalformed, CodeTooLarge, CodeBadSignature, CodeBadSkeleton, CodeBadValues, CodeBadChain, CodeVersion, CodeHeldPrev, CodeHeldDevice,
		CodeHeldRoster, CodeHeldScope, CodeQuarantineLate, CodeQuarantineNoRight, CodeQuarantineField, CodeOpaque, CodeFork, CodeRosterStale,
		CodeUnauthorized, CodeNotFound, CodeLimited} {
		if !strings.Contains(doc, string(c)) {
			t.Errorf("code %s is not in the document", c)
		}
	}
	for _, c := range []Context{ContextChangeset, ContextRoster, ContextReceipt, ContextBundle, ContextSnapshot, ContextEnrol,
		ContextIdentityRequest, ContextIdentityOpening} {
		if !strings.Contains(doc, string(c)) {
			t.Errorf("context %s is not in the document", c)
		}
	}
}
