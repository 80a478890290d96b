package syncproto

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheVocabularyIsWrittenDown holds docs/vocabulary.md to the tables that the program judges by.
// `go test ./syncproto -run Vocabulary -update` writes it anew.
func TestTheVocabularyIsWrittenDown(t *testing.T) {
	path := filepath.Join("..", "docs", "vocabulary.md")
	got := vocabularyDoc()
	if flag.Lookup("update").Value.String() == "true" { // the flag of the vectors
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the tables say now: run with -update\n%s", path, cmp.Diff(string(want), got))
	}
}

// TestNumbersOfTheVocabularyMeanOneThing: merge and server go by number alone, and a field's number names its record.
func TestNumbersOfTheVocabularyMeanOneThing(t *testing.T) {
	seen := map[Field]string{FieldExistence: "existence", fieldAlias: "alias"}
	use := func(id Field, name string) {
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the number %d of %s", name, id, other)
		}
		seen[id] = name
	}
	for _, k := range Vocabulary {
		use(k.ID, k.Name)
		names := map[string]bool{}
		for _, f := range k.Fields {
			use(f.ID, k.Name+"."+f.Name)
			if names[f.Name] {
				t.Errorf("%s has two fields called %s", k.Name, f.Name)
			}
			names[f.Name] = true
			if f.ID/100 != k.ID/100 {
				t.Errorf("%s.%s has the number %d, outside the hundred of its kind, %d", k.Name, f.Name, f.ID, k.ID)
			}
		}
	}
}

// TestEveryRightHasAName: a right without one would be missing from the document.
func TestEveryRightHasAName(t *testing.T) {
	all := RightWrite
	for _, s := range kinds {
		all |= s.right
	}
	for _, s := range roles {
		all |= s.rights | s.onTeam
	}
	for _, k := range Vocabulary {
		for _, f := range k.Fields {
			all |= f.Writer
		}
	}
	if named := Rights(1)<<len(rightNames) - 1; all&^named != 0 {
		t.Errorf("rights %b have no name", all&^named)
	}
}

// rightNames are the names of the bits from 1 on, as in docs/protocol.md §6.
var rightNames = []string{"write", "lead", "medical", "resolve", "remove", "endorse", "admit", "erase", "open-scope", "team", "registry", "roster"}

func rightsText(r Rights) string {
	var out []string
	for i, name := range rightNames {
		if r.Has(1 << i) {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

const vocabularyHead = `# Vocabulary, revision %d

Made from the tables in ` + "`syncproto/vocabulary.go` and `syncproto/kind.go`" + `. A test holds this page equal to them, and
` + "`go test ./syncproto -run Vocabulary -update`" + ` writes it anew. Numbers are never reused.

*shared*: one value for everybody; different values conflict. *personal*: one value for each author; differences stand side by
side. *writer*: the right that a field asks for beyond the right to write. ` + "`kua fields`" + ` prints the same on a laptop.
`

// vocabularyDoc returns docs/vocabulary.md.
func vocabularyDoc() string {
	var b strings.Builder
	fmt.Fprintf(&b, vocabularyHead, SchemaRevision)
	b.WriteString("\n## Records\n")
	for i := range Vocabulary {
		writeRecordKind(&b, &Vocabulary[i])
	}
	b.WriteString("\n## Kinds of operation\n\n" +
		"An *ordinary* operation retires its author's own earlier answers and at most one of somebody else's; one that *settles* retires\n" +
		"all that it lists, if its author held the right; *control* has no part in a field ([protocol.md](protocol.md) §3).\n\n" +
		"| number | name | in the merge | right |\n| --- | --- | --- | --- |\n")
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		s := kinds[k]
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", k, s.name, [...]string{"control", "ordinary", "settles"}[s.role], rightsText(s.right))
	}
	b.WriteString("\n## Roles\n\nA grant gives a role in one region, or in all of them (`*`).\n\n" +
		"| role | rights in its region | further, in visits whose team names the person | pulls all visits of the region | holds all their keys |\n" +
		"| --- | --- | --- | --- | --- |\n")
	for _, r := range slices.Sorted(maps.Keys(roles)) {
		s := roles[r]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r, rightsText(s.rights), rightsText(s.onTeam), yes(s.reads), yes(s.keyHeld))
	}
	return b.String()
}

func writeRecordKind(b *strings.Builder, k *EntityKind) {
	where := "In the registry, in clear"
	if k.Sealed {
		where = "In visits, values sealed"
	}
	fmt.Fprintf(b, "\n### %s (%d)\n\n%s%s. %s.\n", k.Name, k.ID, strings.ToUpper(k.Help[:1]), k.Help[1:], where)
	if len(k.Fields) == 0 {
		return
	}
	b.WriteString("\n| number | field | type | class | writer | meaning |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range k.Fields {
		meaning := f.Help
		if len(f.Codes) > 0 {
			meaning += " (" + strings.Join(f.Codes, ", ") + ")"
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s |\n", f.ID, f.Name, f.Type, f.Class, rightsText(f.Writer), meaning)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
