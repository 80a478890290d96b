package web

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leonelquinteros/gotext"
)

//go:embed locales
var locales embed.FS

// Languages are what the screens speak, in the order of the language switch.
var Languages = []string{"kk", "ru", "en"}

// words says things in one language. Its keys are short and stand in locales/LANGUAGE/*.po; a test fails on one that is
// missing, unused, or differs between the languages in what it fills in.
type words struct {
	Language string
	po       *gotext.Po
}

// plurals are the rules of CLDR for whole numbers.
var plurals = map[string]string{
	"kk": "nplurals=2; plural=(n != 1);",
	"ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
	"en": "nplurals=2; plural=(n != 1);",
}

// readWords reads all files of a language. The files have no header of their own: a screen brings its own file, and two
// people who add screens do not meet in one.
func readWords(language string) (*words, error) {
	names, err := fs.Glob(locales, "locales/"+language+"/*.po")
	if err != nil {
		return nil, err
	}
	var all strings.Builder
	fmt.Fprintf(&all, "msgid \"\"\nmsgstr \"\"\n\"Content-Type: text/plain; charset=UTF-8\\n\"\n\"Language: %s\\n\"\n\"Plural-Forms: %s\\n\"\n\n", language, plurals[language])
	for _, name := range names {
		b, err := locales.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all.Write(b)
		all.WriteString("\n\n")
	}
	po := gotext.NewPo()
	po.Parse([]byte(all.String()))
	return &words{language, po}, nil
}

// T says what a key stands for, with the values that it fills in.
func (w *words) T(key string, values ...any) string {
	text := w.po.Get(key, []any{}...) // it must not fill in: a text may hold a %
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// N says what a key stands for with a number, in the form that the number asks for. The number is the first value that
// is filled in.
func (w *words) N(key string, n int, values ...any) string {
	return fmt.Sprintf(w.po.GetN(key, key, n), append([]any{n}, values...)...)
}

// Has reports whether the language has words for a key.
func (w *words) Has(key string) bool { return w.po.IsTranslated(key) }

var months = map[string][12]string{
	"kk": {"қаңтар", "ақпан", "наурыз", "сәуір", "мамыр", "маусым", "шілде", "тамыз", "қыркүйек", "қазан", "қараша", "желтоқсан"},
	"ru": {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"},
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// Day writes a date as the language does: 2026 ж. 23 қараша, 23 ноября 2026 г., 23 November 2026. No line ends before
// a word that says nothing alone.
func (w *words) Day(t time.Time) string {
	month := months[w.Language][t.Month()-1]
	switch w.Language {
	case "kk":
		return fmt.Sprintf("%d\u00a0ж. %d\u00a0%s", t.Year(), t.Day(), month)
	case "ru":
		return fmt.Sprintf("%d\u00a0%s %d\u00a0г.", t.Day(), month, t.Year())
	}
	return fmt.Sprintf("%d %s %d", t.Day(), month, t.Year())
}

// Date is Day of a date as the vocabulary writes it, such as 2026-11-23; what is none is shown as it is.
func (w *words) Date(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return w.Day(t)
}

// Version writes the version of a form. Forms are numbered by their day (2026112601), which is written out beside it.
func (w *words) Version(s string) string {
	if day, err := time.Parse("20060102", s[:min(8, len(s))]); err == nil && len(s) == 10 {
		return s + " (" + w.Day(day) + ")"
	}
	return s
}

// Moment writes a day with its time on this laptop's clock. ms are Unix milliseconds.
func (w *words) Moment(ms int64) string {
	t := time.UnixMilli(ms)
	return w.Day(t) + ", " + t.Format("15:04")
}

// Clock writes hours and minutes on this laptop's clock. ms are Unix milliseconds.
func (w *words) Clock(ms int64) string { return time.UnixMilli(ms).Format("15:04") }

// Span writes a length of time in its largest fitting unit.
func (w *words) Span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < time.Second:
		return w.T("span.moment")
	case d < time.Minute:
		return w.N("span.seconds", int(d/time.Second))
	case d < time.Hour:
		return w.N("span.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return w.N("span.hours", int(d/time.Hour))
	}
	return w.N("span.days", int(d/(24*time.Hour)))
}

// Amount writes a number of bytes as the language does, in steps of 1024 like the file managers of people's laptops:
// 3,5 МБ, 3.5 MB, 812 KB. n is an int64 or a uint64.
func (w *words) Amount(n any) string {
	bytes, _ := strconv.ParseFloat(fmt.Sprint(n), 64) // of a whole number it cannot fail
	switch {
	case bytes >= 1<<20:
		s := strconv.FormatFloat(bytes/(1<<20), 'f', 1, 64)
		if w.Language != "en" {
			s = strings.Replace(s, ".", ",", 1)
		}
		return w.T("amount.mega", s)
	case bytes > 0 && bytes < 1<<10:
		return w.T("amount.less")
	}
	return w.T("amount.kilo", int(bytes)>>10)
}

// languageOf picks a language that the screens speak from an Accept-Language header or a locale's name.
func languageOf(wishes string) string {
	for wish := range strings.SplitSeq(strings.ToLower(wishes), ",") {
		wish, _, _ = strings.Cut(strings.TrimSpace(wish), ";")
		if len(wish) >= 2 && slices.Contains(Languages, wish[:2]) {
			return wish[:2]
		}
	}
	return "ru"
}
