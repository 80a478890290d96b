package checklists

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// languages are the three that every text has, by the suffix of its column.
var languages = []string{"Қазақша (kk)", "Русский (ru)", "English (en)"}

// words calls f with every text of the tables that people read, in its three languages.
func words(t *testing.T, f func(where string, texts []string)) {
	t.Helper()
	for _, name := range append(names(), "choices", "norms") {
		of := readTable(t, name)
		for _, row := range of.rows {
			where := name + ": " + of.of(row, "list_name") + " " + of.of(row, "name") + of.of(row, "key")
			for _, column := range []string{"label", "hint", "guidance_hint", "constraint_message"} {
				var texts []string
				for _, lang := range languages {
					texts = append(texts, of.of(row, column+"::"+lang))
				}
				if strings.Join(texts, "") != "" {
					f(where+" "+column, texts)
				}
			}
		}
	}
	for _, c := range All() {
		f(c.Name+": title", []string{c.Title.KK, c.Title.RU, c.Title.EN})
	}
}

func names() []string {
	var names []string
	for _, c := range All() {
		names = append(names, c.Name)
	}
	return names
}

func TestEveryTextHasThreeLanguagesAndFitsTheScreen(t *testing.T) {
	words(t, func(where string, texts []string) {
		for i, text := range texts {
			if text == "" {
				t.Errorf("%s lacks %s", where, languages[i])
			}
			if n := utf8.RuneCountInString(text); n > 300 {
				t.Errorf("%s has %d characters in %s", where, n, languages[i])
			}
			if text != strings.Join(strings.Fields(text), " ") {
				t.Errorf("%s has stray white space in %s", where, languages[i])
			}
			if strings.Contains(text, "|") {
				t.Errorf("%s has a stray mark in %s: %q", where, languages[i], text)
			}
		}
	})
}

func TestWhatIsReadHasALabelAndWhatIsConstrainedAMessage(t *testing.T) {
	for _, name := range names() {
		s := readTable(t, name)
		for _, row := range s.rows {
			kind := s.of(row, "type")
			if kind == "calculate" || kind == "include" || strings.HasPrefix(kind, "end_") {
				continue
			}
			for _, lang := range languages {
				if s.of(row, "label::"+lang) == "" {
					t.Errorf("%s: %s has no label in %s", name, s.of(row, "name"), lang)
				}
				if (s.of(row, "constraint") == "") != (s.of(row, "constraint_message::"+lang) == "") {
					t.Errorf("%s: %s has a constraint or its message in %s, but not both", name, s.of(row, "name"), lang)
				}
			}
		}
	}
}

const kazakhLetters = "әғқңөұүһіӘҒҚҢӨҰҮҺІ"

// code takes out what belongs to no language: references and identifiers of standards.
var code = regexp.MustCompile(`\$\{[^}]*\}|CPT|C[0-5]|QualityRights|[AN]/[AFPIN]|м²|°C`)

func TestEachLanguageIsWrittenInItsOwnLetters(t *testing.T) {
	words(t, func(where string, texts []string) {
		kk, ru, en := code.ReplaceAllString(texts[0], ""), code.ReplaceAllString(texts[1], ""), code.ReplaceAllString(texts[2], "")
		if utf8.RuneCountInString(kk) > 32 && !strings.ContainsAny(kk, kazakhLetters) {
			t.Errorf("%s: no Kazakh letter in %q", where, texts[0])
		}
		if strings.ContainsAny(ru, kazakhLetters) {
			t.Errorf("%s: a Kazakh letter in %q", where, texts[1])
		}
		for _, text := range []string{kk, ru} {
			if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Latin, r) }) {
				t.Errorf("%s: a Latin letter in %q", where, text)
			}
		}
		if strings.ContainsFunc(en, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
			t.Errorf("%s: a Cyrillic letter in %q", where, texts[2])
		}
	})
}

func TestKazakhWordsWithoutAnOfficialSourceAreMarkedForReview(t *testing.T) {
	for _, of := range append(names(), "choices", "settings", "norms") {
		table := readTable(t, of)
		for _, row := range table.rows {
			review := table.of(row, "kua::review") + table.of(row, "kua_review")
			var kazakh []string
			for i, column := range table.head {
				if (strings.Contains(column, "(kk)") || column == "kua_title_kk") && row[i] != "" {
					kazakh = append(kazakh, row[i])
				}
			}
			official := !slices.ContainsFunc(kazakh, func(text string) bool { return !slices.Contains(officialTerms, text) })
			if want := map[bool]string{true: "", false: "kk"}[official]; review != want {
				t.Errorf("%s: %s is marked %q, want %q", of, table.of(row, "name")+table.of(row, "form_id")+table.of(row, "key"), review, want)
			}
			for _, text := range row {
				if strings.ContainsAny(text, "✔○◐") || strings.Contains(strings.ToUpper(text), "TODO") {
					t.Errorf("%s: a mark of review stands in the text %q", of, text)
				}
			}
		}
	}
}

// officialTerms are the Kazakh texts that stand word for word in an official Kazakh text.
var officialTerms = []string{
	"Адам құқықтары жөніндегі уәкіл",
	"Кәмелетке толмаған",
	"Кәмелетке толмағандар",
	"Тергеу изоляторы",
	"Ұстау жағдайлары",
}
