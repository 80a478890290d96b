package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kua/fieldclient"
	starters "kua/fieldclient/checklists"
	"kua/fieldclient/form"
	"kua/syncproto"
)

// catalogue is the keys of a language with all their forms, read without the library that the screens use.
func catalogue(t *testing.T, language string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	names, err := fs.Glob(locales, "locales/"+language+"/*.po")
	if err != nil || len(names) == 0 {
		t.Fatalf("no words in %s: %v", language, err)
	}
	line := regexp.MustCompile(`^(msgid|msgstr(?:\[\d\])?) "(.*)"$`)
	for _, name := range names {
		b, err := locales.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		key := ""
		for l := range strings.Lines(string(b)) {
			m := line.FindStringSubmatch(strings.TrimSpace(l))
			switch {
			case m == nil:
			case m[1] == "msgid":
				if key = m[2]; out[key] != nil {
					t.Errorf("%s: %q stands twice in %s", name, key, language)
				}
				out[key] = []string{}
			default:
				out[key] = append(out[key], m[2])
			}
		}
	}
	return out
}

func TestEveryLanguageSaysTheSame(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z%]`)
	forms := map[string]int{"kk": 2, "ru": 3, "en": 2}
	ru := catalogue(t, "ru")
	for _, language := range Languages {
		words := catalogue(t, language)
		for key, texts := range words {
			want := ru[key]
			switch {
			case len(want) == 0:
				t.Errorf("%s has %q, ru has not", language, key)
				continue
			case len(texts) != 1 && len(texts) != forms[language], (len(texts) == 1) != (len(want) == 1):
				t.Errorf("%s: %q has %d forms", language, key, len(texts))
			}
			for _, text := range texts {
				if text == "" {
					t.Errorf("%s: %q says nothing", language, key)
				}
				if a, b := verbs.FindAllString(text, -1), verbs.FindAllString(want[0], -1); !slices.Equal(a, b) {
					t.Errorf("%s: %q fills in %v, in ru %v", language, key, a, b)
				}
			}
		}
		for key := range ru {
			if words[key] == nil {
				t.Errorf("%s lacks %q", language, key)
			}
		}
	}
}

// made returns the keys that are put together from tables, and holds that each table is spoken in full.
func made() map[string]bool {
	out := map[string]bool{"field.existence": true}
	for _, k := range syncproto.Vocabulary {
		out["kind."+k.Name] = true
		for _, f := range k.Fields {
			out["field."+k.Name+"."+f.Name] = true
			for _, c := range f.Codes {
				out["code."+k.Name+"."+f.Name+"."+c] = true
			}
		}
	}
	for _, r := range []syncproto.Role{syncproto.RoleAuditor, syncproto.RoleCoordinator, syncproto.RoleCustodian, syncproto.RoleHealth, syncproto.RoleLeader, syncproto.RoleMonitor, syncproto.RoleProtection} {
		out["role."+string(r)] = true
	}
	for _, s := range []syncproto.Silence{syncproto.NotChecked, syncproto.NotApplicable, syncproto.AccessRefused} {
		out["silence."+s.String()] = true
	}
	for _, yes := range []string{"yes", "no"} {
		out["value."+yes] = true
	}
	known := slices.Clone(problems)
	for _, p := range refusals {
		known = append(known, p)
	}
	for _, p := range append(known, problem{name: "unknown"}) {
		for _, s := range []string{"what", "safe", "do"} {
			out["error."+p.name+"."+s] = true
		}
	}
	for _, p := range parts {
		out["part."+p] = true
	}
	for _, k := range kinds {
		out["add."+k.kind] = true
		if len(k.group) > 0 || k.kind == "document" {
			out["part."+k.kind], out["hint."+k.kind] = true, true
		}
	}
	for _, k := range []syncproto.Kind{syncproto.KindSet, syncproto.KindClear, syncproto.KindResolve, syncproto.KindEndorse, syncproto.KindErase, syncproto.KindCreate, syncproto.KindRemove, syncproto.KindRestore} {
		out["op."+k.String()] = true
	}
	for _, f := range []syncproto.FateKind{syncproto.FateSuperseded, syncproto.FateQuarantined, syncproto.FateErased} {
		out["fate."+f.String()] = true
	}
	for _, p := range []string{"roster", "send", "receive", "proofs", fieldclient.PhaseAttachments} {
		out["phase."+p] = true
	}
	for _, w := range []string{"exported", "imported", "delivered"} {
		out["courier."+w] = true
	}
	for _, why := range quarantineReasons {
		out["quarantine.why."+string(why)] = true
	}
	for _, w := range []string{"conflict", "review"} {
		out["attention."+w] = true
	}
	for _, l := range starters.All() {
		out["checklist.title."+l.Name] = true
	}
	for _, st := range []fieldclient.Standing{fieldclient.StandsOpen, fieldclient.StandsAlone, fieldclient.StandsUnanimous, fieldclient.StandsDiffering, fieldclient.StandsAgreed, fieldclient.StandsContested} {
		out["debrief.standing."+string(st)] = true
	}
	for _, b := range []starters.Bound{starters.AtLeast, starters.AtMost} {
		out["norm.bound."+string(b)] = true
	}
	for _, u := range consentUses() {
		out["consent.for."+u] = true
	}
	consent, _ := syncproto.KindNamed("consent")
	level, _ := consent.FieldNamed("level")
	for _, l := range level.Codes {
		out["consent.means."+l] = true
	}
	for _, r := range regionCodes {
		out["region."+strings.ToLower(r)] = true
	}
	for _, g := range guides {
		out["guide."+g] = true
	}
	for _, why := range whyStayed {
		out["stay."+why] = true
	}
	for _, theme := range append(interviewThemes(), themes...) {
		out["theme."+theme] = true
	}
	for _, code := range []form.Code{form.CodeRequired, form.CodeConstraint, form.CodeChoice, form.CodeType, form.CodeFault, codeValue, codeLong, codeEmpty, codeNumber, codeWhole, codeBelow, codeKeys} {
		out["checklist.problem."+string(code)] = true
	}
	for _, b := range append(legalBasis("other"), legalBasis("ivs")...) {
		out["basis."+b.Role], out["act."+b.Sector] = true, true
	}
	return out
}

func TestEveryKeyIsSpokenAndUsed(t *testing.T) {
	words := catalogue(t, "ru")
	used := made()
	for key := range used {
		if words[key] == nil {
			t.Errorf("nobody says %q", key)
		}
	}
	key := regexp.MustCompile(`"([a-z]+(?:\.[a-z0-9-]+)+)"`)
	call := regexp.MustCompile(`(?:\bt|\bn|\bT|\bN) ?\(?"([a-z][a-z0-9.-]+)"`)
	for _, pattern := range []string{"*.go", "ui/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range call.FindAllStringSubmatch(string(b), -1) {
				if strings.Contains(m[1], ".") && words[m[1]] == nil && !strings.HasSuffix(m[1], ".") {
					t.Errorf("%s says %q, which has no words", name, m[1])
				}
			}
			for _, m := range key.FindAllStringSubmatch(string(b), -1) {
				used[m[1]] = true
			}
		}
	}
	for key := range words {
		if !used[key] {
			t.Errorf("nobody uses %q", key)
		}
	}
}

func TestNumbersTakeTheFormOfTheLanguage(t *testing.T) {
	want := map[string]map[int]string{
		"ru": {1: "1 минута", 2: "2 минуты", 5: "5 минут", 11: "11 минут", 21: "21 минута", 112: "112 минут"},
		"kk": {1: "1 минут", 5: "5 минут"},
		"en": {1: "1 minute", 0: "0 minutes", 2: "2 minutes"},
	}
	for language, forms := range want {
		w, err := readWords(language)
		if err != nil {
			t.Fatal(err)
		}
		for n, text := range forms {
			if got := w.N("span.minutes", n); got != text {
				t.Errorf("%s, %d: got %q, want %q", language, n, got, text)
			}
		}
	}
}

func TestDatesAreWrittenAsTheLanguageDoes(t *testing.T) {
	day := time.Date(2026, 12, 1, 9, 5, 0, 0, time.UTC)
	for language, want := range map[string]string{"kk": "2026\u00a0ж. 1\u00a0желтоқсан", "ru": "1\u00a0декабря 2026\u00a0г.", "en": "1 December 2026"} {
		w, err := readWords(language)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Day(day); got != want {
			t.Errorf("%s: got %q, want %q", language, got, want)
		}
		if got := w.Date("2026-12-01"); got != want {
			t.Errorf("%s: got %q, want %q", language, got, want)
		}
	}
}

func TestAmountsAreWrittenAsTheLanguageDoes(t *testing.T) {
	want := map[string]map[int64]string{
		"kk": {0: "0 КБ", 1 << 10: "1 КБ", 7<<19 + 1: "3,5 МБ"},
		"ru": {1023: "меньше 1 КБ", 3100: "3 КБ", 200 << 20: "200,0 МБ"},
		"en": {1: "less than 1 KB", 3100: "3 KB", 7 << 19: "3.5 MB"},
	}
	for language, amounts := range want {
		w, err := readWords(language)
		if err != nil {
			t.Fatal(err)
		}
		for n, text := range amounts {
			if got := w.Amount(n); got != text {
				t.Errorf("%s, %d: got %q, want %q", language, n, got, text)
			}
			if got := w.Amount(uint64(n)); got != text {
				t.Errorf("%s, %d as progress counts it: got %q, want %q", language, n, got, text)
			}
		}
	}
}

func TestRegionsHaveNames(t *testing.T) {
	for language, want := range map[string]string{"kk": "Алматы қаласы", "ru": "город Алматы", "en": "Almaty city"} {
		w, err := readWords(language)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.value("facility", "region", "KZ-75"); got != want {
			t.Errorf("%s: got %q, want %q", language, got, want)
		}
		if got := w.Region("GE-TB"); got != "GE-TB" {
			t.Errorf("%s: a region without a name is %q", language, got)
		}
	}
}

func TestAVersionThatIsADayIsWrittenOut(t *testing.T) {
	w, err := readWords("en")
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"2026112601": "2026112601 (" + w.Date("2026-11-26") + ")", "2026139901": "2026139901", "3": "3", "": ""} {
		if got := w.Version(version); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
