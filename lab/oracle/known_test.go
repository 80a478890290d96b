package oracle

import (
	"regexp"
)

// notLoaded are the forms that ODK's engine for the web does not load, and why.
var notLoaded = map[string]string{
	"functions-collect": "the engine has no extract-signed, property, version and intersects, takes one argument for distance, refuses an empty place, and cannot put the nodes of a union in order",
}

// scriptedOnly are the cases whose own steps alone are compared, and why no answers are made up for them.
var scriptedOnly = map[string]string{
	"count-blank": "where a count shrank before it became empty, Kua shows all instances that have answers, ODK those of the last count",
}

// known is a difference with its reason. Ref is a regular expression for the whole place; expr, where it is not empty,
// is the expression that is computed there. Theirs, where it is not empty, is a regular expression for what ODK's engine
// says: anything else is another difference.
type known struct {
	form, ref, expr, what, theirs, why string
}

// differs are the differences that are not Kua's to mend: mostly where ODK's engine for the web differs from ODK
// Collect, whose engine JavaRosa is the older one and the one that forms in the field are written for.
var differs = []known{
	{"functions-date", "", "date(0)", "value", "", "the web's date() keeps the time of a number of days; Collect's gives a date"},
	{"functions-date", "", "date(14127)", "value", "", "the web's date() keeps the time of a number of days; Collect's gives a date"},
	{"functions-date", "", "date(now()) = today()", "value", "", "the web's date() keeps the time of day; Collect's drops it"},
	{"functions-date", "", "number(date('1970-01-02'))", "value", "", "the web's number() gives a date back as it is"},
	{"functions-date", "", "number('1970-01-02')", "value", "", "the web counts the days of a text from UTC, Kua on the calendar of the zone"},
	{"functions-date", "", "format-date(today(), '%W')", "value", "", "the web does not know %W"},
	{"functions-logic", "", "${age} and ${name}", "value", "", "the web gives the last operand back in place of yes or no"},
	{"functions-number", "", "1000000000000000000000", "value", "", "XPath 1.0 writes no exponents"},
	{"functions-number", "", "round(-1.5)", "value", "", "XPath 1.0 and Collect round halves up"},
	{"functions-number", "", "sum(${empty})", "value", "^$", "Collect leaves out what is empty; the web gives nothing at all"},
	{"functions-number", "", "6.1 - 7.8 = -1.7", "value", "", "Collect does not let the last bit of a binary fraction decide; the web does"},
	{"functions-text", "", "substring-after('aab', 'aa')", "value", "", "the web cuts after the first letter of what it finds"},
	{"functions-text", "", "regex('12345', '[0-9]{4}')", "value", "", "in Collect a pattern must match the whole text; on the web a part is enough"},
	{"states", "/data/code", "", "constraint", "", "in Collect a pattern must match the whole text; on the web a part is enough"},
	{"repeats", "/data/(people|all_long|members)", "", "value", "^$", "Collect's sum leaves out what is empty; the web gives nothing at all"},
	{"repeats", `/data/(low|cell\[\d\]/longest)`, "", "value", "^$", "Collect's min and max leave out what is empty; the web gives nothing at all"},
	{"repeats", `/data/cell\[\d\]`, "", "label", "", "the web shows the first instance's answer in the label of every instance; Collect shows that of the instance"},
	{"repeats", "/data/maybes", "", "value", "^[1-9]$", "the web counts instances that are not relevant; Collect does not"},
	{"repeats", `/data/member\[\d\]/p`, "", "value", "^$", "Kua keeps the answers of instances beyond a repeat's count for when the count grows again"},
	{"inside-repeats", "/data/(rooms|whys|some)", "", "value", "", "the web counts instances that are not relevant; Collect does not"},
	{"inside-repeats", `/data/(all_days|room\[\d\]/total)`, "", "value", "^$", "Collect's sum leaves out what is empty; the web gives nothing at all"},
	{"inside-repeats", `/data/room\[\d\]/previous`, "", "value", "^0$", "Collect takes the first instance for a place below one; the web takes none"},
	{"inside-repeats", `/data/room\[\d\]/person\[\d+\]`, "", "label", "", "the web shows the first instance's answer in the label of every instance; Collect shows that of the instance"},
	{"computed", "/data/(day|started|clock)", "", "value", "^$", "Collect makes a moment the day or the time that the question is about; the web gives nothing at all"},
	{"choice_name_as_type.xls", "/data/atype", "", "value", "", "for the web a choice of an external list is any text"},
}

func (k known) key() string { return "known " + k.form + " " + k.ref + k.expr + " " + k.what }

// reason gives why a difference is known, and notes that it was found.
func (s subject) reason(d difference, found map[string]bool) string {
	e := s.test.Expression(d.ref)
	for _, k := range differs {
		if k.form != s.name || k.what != d.what || k.expr != e || e == "" && !regexp.MustCompile("^"+k.ref+"$").MatchString(string(d.ref)) {
			continue
		}
		if k.theirs != "" && !regexp.MustCompile(k.theirs).MatchString(d.theirs) {
			continue
		}
		found[k.key()] = true
		if e != "" {
			return e + ": " + k.why
		}
		return k.what + " of " + k.ref + ": " + k.why
	}
	return ""
}
