package expr

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// almaty is five hours east of UTC, as Kazakhstan is since 1 March 2024.
var almaty = time.FixedZone("", 5*3600)

// environment is a full one: it is twenty past one at night in Almaty, and still the day before in UTC.
func environment(t testing.TB) *Env {
	doc := parseTree(t, cities)
	return &Env{
		Now:    func() time.Time { return time.Date(2026, 3, 14, 20, 20, 30, 456e6, time.UTC) },
		Zone:   almaty,
		Random: bytes.NewReader(bytes.Repeat([]byte{0x80, 0x12, 0xFF, 0x35, 0, 0x40, 0xC0}, 1000)),
		Instance: func(id string) (Node, bool) {
			return doc, id == "cities"
		},
		Itext:       func(id string) (string, bool) { return "Атауы", id == "/data/name:label" },
		ChoiceLabel: func(q Node, value string) (string, bool) { return "<" + q.Name() + ":" + value + ">", true },
		Property:    func(name string) (string, bool) { return "dev-" + name, name == "deviceid" },
		Version:     "2026-03",
	}
}

func TestTextFunctions(t *testing.T) {
	cases{
		{"concat()", ""}, {"concat('a')", "a"}, {"concat('a', 1, true(), '')", "a1true"}, {"concat(/data/cell/no)", "123"}, {"concat('<', //len, '>')", "<190200170>"},
		{"join(', ', /data/cell/no)", "1, 2, 3"}, {"join('-', 'a', /data/cell/no, 5)", "a-1-2-3-5"}, {"join(',')", ""}, {"join(' ', /data/none)", ""},
		{"substr('hello', 0)", "hello"}, {"substr('hello', 1, 4)", "ell"}, {"substr('hello', -2)", "lo"}, {"substr('hello', 0, -1)", "hell"},
		{"substr('hello', 4, 2)", ""}, {"substr('hello', 9)", ""}, {"substr('hello', -9, 2)", "he"}, {"substr('Айгүл', 1, 3)", "йг"}, {"substr('hello', 1.9, 3.9)", "el"},
		{"substring('12345', 2, 3)", "234"}, {"substring('12345', 2)", "2345"}, {"substring('12345', 1.5, 2.6)", "234"}, {"substring('12345', 0, 3)", "12"},
		{"substring('12345', 0 div 0, 3)", ""}, {"substring('12345', 1, 0 div 0)", ""}, {"substring('12345', -42, 1 div 0)", "12345"},
		{"substring('12345', -1 div 0, 1 div 0)", ""}, {"substring('12345', -1)", "12345"}, {"substring('Айгүл', 2, 2)", "йг"},
		{"substring-before('1999/04/01', '/')", "1999"}, {"substring-before('a', 'x')", ""}, {"substring-before('a', '')", ""},
		{"substring-after('1999/04/01', '/')", "04/01"}, {"substring-after('aab', 'aa')", "b"}, {"substring-after('a', '')", "a"}, {"substring-after('a', 'x')", ""},
		{"translate('bar', 'abc', 'ABC')", "BAr"}, {"translate('--aaa--', 'abc-', 'ABC')", "AAA"}, {"translate('aa', 'aa', 'xy')", "xx"}, {"translate('ғ', 'ғ', 'г')", "г"}, {"translate('a', '', 'x')", "a"},
		{"string-length('Айгүл')", 5}, {"string-length('')", 0}, {"string-length()", 2}, {"normalize-space('\n a \t b ')", "a b"}, {"normalize-space(' \u00A0 ')", "\u00A0"}, {"normalize-space()", "34"},
		{"contains('abc', 'bc')", true}, {"contains('abc', '')", true}, {"contains('', 'a')", false}, {"starts-with('abc', 'ab')", true}, {"starts-with('', '')", true},
		{"ends-with('abc', 'bc')", true}, {"ends-with('abc', 'a')", false}, {"ends-with('', '')", true},
		{"regex('12345', '[0-9]+')", true}, {"regex('12345', '[0-9]{4}')", false}, {"regex('ab', 'a|ab')", true}, {"regex('', '')", true},
		{"regex('a@b.kz', '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,4}')", true}, {"regex('Айгүл', '\\p{L}+')", true}, {"regex(., '^\\d*$')", true}, {"regex(., concat('\\d', '+'))", true},
		{"regex('a', '(?=a)a')", CodeRegex}, {"regex('a', 'a(')", CodeRegex}, {"regex('a', concat('(', ''))", CodeRegex}, {"regex('a', '((a{100}){100}){100}')", CodeRegex}, {"regex('a', '(a{1000}){1000}')", CodeRegex},
		{"digest('some text', 'MD5', 'hex')", "552e21cd4cd9918678e3c1a0df491bc3"}, {"digest('some text', 'SHA-1')", "N6pjx3OY2VRHMmLhoAV8HmMu2nc="},
		{"digest('abc', 'SHA-256', 'hex')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"digest('some text', 'SHA-384', 'base64')", "zJTsPphzwLmnJIZEKVj2cQZ833e5QnQW0DFEDMYgQeLuE0RJhEfsDO2fcENGG9Hz"},
		{"substr(digest('abc', 'SHA-512', 'hex'), 0, 16)", "ddaf35a193617aba"}, {"digest('a', 'SHA-3')", CodeArguments}, {"digest('a', 'MD5', 'octal')", CodeArguments},
		{"base64-decode('SGVsbG8=')", "Hello"}, {"base64-decode('0JDQudCz0q_Quw')", ""}, {"base64-decode('SGVsbG8')", "Hello"}, {"base64-decode('!')", ""}, {"base64-decode('/w==')", "\uFFFD"},
		{"selected('apple baby', 'baby')", true}, {"selected('apple baby', 'bab')", false}, {"selected('apple baby', ' apple ')", true}, {"selected('', '')", true}, {"selected('a', '')", false}, {"selected('', 'a')", false}, {"selected(/data/toilets, 'flush')", true},
		{"count-selected('a  b')", 2}, {"count-selected('')", 0}, {"selected-at('a b', 1)", "b"}, {"selected-at('a b', 2)", ""}, {"selected-at('a b', -1)", ""}, {"selected-at('a b', 0 div 0)", ""},
		{"extract-signed('AAAA', 'AAAA')", ""}, {"jr:itext('/data/name:label')", "Атауы"}, {"jr:itext('none')", CodeMissing}, {"jr:itext('')", ""},
		{"jr:choice-name('pit', '/data/toilets')", "<toilets:pit>"}, {"jr:choice-name(selected-at(/data/toilets, 1), ' ../toilets ')", "<toilets:flush>"}, {"jr:choice-name('x', '/data/none')", ""},
		{"jr:choice-name('x', concat('../', 'toilets'))", "<toilets:x>"}, {"jr:choice-name('x', '1 + 1')", CodeArguments}, {"jr:choice-name('x', 'a b')", CodeArguments},
	}.run(t, "/data/age", environment(t))
}

func TestNumberFunctions(t *testing.T) {
	cases{
		{"int(2.9)", 2}, {"int(-2.9)", -2}, {"int('12.5')", 12}, {"int('')", nan}, {"int(-0.5)", minusZero}, {"floor(-2.1)", -3}, {"ceiling(2.1)", 3}, {"ceiling(-0.5)", minusZero},
		{"round(1.5)", 2}, {"round(-1.5)", -1}, {"round(2.44)", 2}, {"round(-0.2)", minusZero}, {"round(0 div 0)", nan}, {"round(1 div 0)", inf}, {"round(0.49999999999999994)", 0},
		{"round(4503599627370497)", 4503599627370497}, {"round(23.7825, 2)", 23.78}, {"round(2.15, 1)", 2.2}, {"round(2.149, 1)", 2.1}, {"round(-1.475, 2)", -1.47}, {"round(1.005, 2)", 1.01},
		{"round(33.33, -1)", 30}, {"round(626.3, -3)", 1000}, {"round(-50.55, -2)", -100}, {"round(1.98, -1)", 0}, {"round(5, 31)", nan}, {"round('a', 1)", nan}, {"round(-1.475, -2)", minusZero},
		{"abs(-3)", 3}, {"pow(2, 10)", 1024}, {"pow(4, .5)", 2}, {"sqrt(9)", 3}, {"sqrt(-1)", nan}, {"exp(0)", 1}, {"exp10(2)", 100}, {"log(exp(2))", 2}, {"log10(1000)", 3}, {"log(0)", -inf},
		{"sin(pi() div 2)", 1}, {"cos(0)", 1}, {"tan(0)", 0}, {"asin(1) * 2 = pi()", true}, {"acos(1)", 0}, {"acos(2)", nan}, {"atan(1) * 4 = pi()", true}, {"atan2(1, 1) * 4 = pi()", true},
		{"min(3, 1, 2)", 1}, {"max(3, 1, 2)", 3}, {"min('')", nan}, {"max(-3, -17)", -3}, {"min(/data/cell/persons)", 4}, {"max(/data/cell/persons, 12)", 12}, {"max(/data/none)", nan}, {"max(/data/cell/persons)", 11},
		{"sum(/data/cell/persons)", 15}, {"sum(/data/none)", 0}, {"sum(//len)", 560}, {"sum(/data/bad | /data/age)", 34}, {"count(/data/cell)", 3}, {"count(/data/none)", 0}, {"count-non-empty(/data/cell/persons)", 2},
		{"round(5 div (sqrt(cos(atan( /data/age  div 100)))),2)", 5.14}, {"sum(5)", CodeArguments}, {"count('a')", CodeArguments}, {"count(if(true(), 'a', /data))", CodeArguments},
	}.run(t, "/data/age", nil)
}

func TestConditionFunctions(t *testing.T) {
	cases{
		{"if(true(), 5, 'abc')", 5}, {"if('', 5, 'abc')", "abc"}, {"if(/data/age > 30, /data/name, '')", list{"Айгүл"}}, {"if(true(), 1, instance('none'))", 1}, {"if(false(), 1, instance('none'))", CodeMissing},
		{"coalesce('', 'b')", "b"}, {"coalesce('a', instance('none'))", "a"}, {"coalesce(/data/empty, 'b')", "b"}, {"coalesce(/data/none, '')", ""}, {"coalesce(0 div 0, 5)", 5}, {"coalesce(0, 5)", 0}, {"coalesce(/data/age, 5) + 1", 35},
		{"once('new')", "34"}, {"once(instance('none'))", "34"}, {"true()", true}, {"false()", false}, {"not('')", true}, {"not(1)", false},
		{"boolean-from-string('true')", true}, {"boolean-from-string('1')", true}, {"boolean-from-string(1.0)", true}, {"boolean-from-string('yes')", false}, {"boolean-from-string(/data/done)", false},
		{"checklist(-1, 2, 2>1)", true}, {"checklist(-1, 2, 1=1, 2=2, 3=3)", false}, {"checklist(1, 2, 1=1, 2=2, 3=3)", false}, {"checklist(3, -1, 'foo', 'bar')", false}, {"checklist(1, 1, true(), false(), false())", true},
		{"checklist(0, 0)", true}, {"checklist(2, 2, /data/cell/persons)", true}, {"checklist(3, 3, /data/cell/no)", true}, {"checklist(1, -1, /data/empty)", false},
		{"weighted-checklist(-1, 2, 2>1, 2)", true}, {"weighted-checklist(-1, 2, 2>1, 3)", false}, {"weighted-checklist(2, 2, true(), 2, false(), 5, false(), 6)", true}, {"weighted-checklist(2, -1, true(), 999, false(), 5)", true},
		{"weighted-checklist(6, 6, /data/cell/no, /data/cell/no)", true}, {"weighted-checklist(1, 2, /data/cell/no, 1)", CodeArguments}, {"weighted-checklist(1, 2, true())", CodeArguments},
		{"if(true(), 1)", CodeArguments}, {"true(1)", CodeArguments}, {"not()", CodeArguments}, {"string(1, 2)", CodeArguments}, {"concat('a', nope())", CodeFunction},
	}.run(t, "/data/age", environment(t))
	cases{{"once('new')", "new"}, {"once(5) + 1", 6}, {"string-length()", 0}}.run(t, "/data/empty", nil)
}

func TestDatesAreDaysOnTheCalendarOfTheZone(t *testing.T) {
	cases{
		{"today()", "2026-03-15"}, {"now()", "2026-03-15T01:20:30.456+05:00"}, {"string(today())", "2026-03-15"},
		{"number('1970-01-01')", 0}, {"number('1970-01-02')", 1}, {"number('1969-12-31')", -1}, {"number('2008-09-05')", 14127}, {"number('1941-12-07')", -10252},
		{"number('1970-01-02T12:00:00')", 1.5}, {"number('1970-01-02T12:00:00Z')", 1 + 17.0/24}, {"number('1969-12-31T20:00:00.000Z')", 1.0 / 24}, {"number('1970-01-01T00:00:00.000+05:00')", 0},
		{"number('2023-02-29')", nan}, {"number('2024-02-29') > 0", true}, {"number('1900-02-29')", nan}, {"number('2000-13-01')", nan}, {"number('2000-00-01')", nan}, {"number('2000-01-01T24:00')", nan}, {"number('2000-1-1')", nan},
		{"number('2000-01-01T10:00:00+15:00')", nan}, {"number('2000-01-01T10:00:00+05:60')", nan}, {"number('2000-01-01x')", nan}, {"number('-2000-01-01')", nan},
		{"today() + 1 - today()", 1}, {"date('2008-09-08') - date('1983-10-06')", 9104}, {"'2018-01-01' + 1", 17533}, {"int((today() - /data/born) div 365.25)", 34},
		{"/data/born < today()", true}, {"/data/born > '1992-02-28'", true}, {"/data/born = '1992-02-29'", true}, {"today() <= now()", true}, {"now() < today() + 1", true}, {"now() > today()", true}, {". < today()", true},
		{"date('2012-01-01') < today()", true}, {"date('2100-01-02') < today()", false}, {"today() = date(today())", true}, {"date(now()) = today()", true}, {"number(date('1970-01-01')) = 0", true},
		{"date(0)", "1970-01-01"}, {"date(6.5)", "1970-01-07"}, {"date(-0.5)", "1969-12-31"}, {"date(14127)", "2008-09-05"}, {"date(today() + 10)", "2026-03-25"}, {"date(10 + today())", "2026-03-25"},
		{"date('1970-1-2')", "1970-01-02"}, {"date('2026-03-14T20:20:30Z')", "2026-03-15"}, {"date('')", ""}, {"date('not a date')", ""}, {"date(true())", ""}, {"date(1 div 0)", ""}, {"date(99999999)", ""}, {"date('1983-09-31')", ""}, {"date(/data/born)", "1992-02-29"},
		{"date-time('2000-01-01T10:20:30')", "2000-01-01T10:20:30.000+05:00"}, {"date-time('2000-01-01T10:20:30.5Z')", "2000-01-01T15:20:30.500+05:00"}, {"date-time(0)", "1970-01-01T05:00:00.000+05:00"}, {"date-time('x')", ""},
		{"date-time(decimal-date-time(now()))", "2026-03-15T01:20:30.456+05:00"}, {"date-time(decimal-date-time(now()) + 1 div 24)", "2026-03-15T02:20:30.456+05:00"},
		{"decimal-date-time('1970-01-01T00:00:00Z')", 0.0}, {"decimal-date-time('1970-01-02')", 1 - 5.0/24}, {"decimal-date-time('2018-04-24T15:30:00.000+06:00')", 17645.395833333332}, {"decimal-date-time('x')", nan}, {"decimal-date-time(5)", 5},
		{"decimal-time('06:00:00.000+05:00')", 0.25}, {"decimal-time('12:00')", 0.5}, {"decimal-time('01:00:00.000Z')", 0.25}, {"decimal-time('06:00:59.000+05:00')", 0.25068287037037035}, {"decimal-time('23:59:00.000-13:00')", 0.7493055555555556},
		{"decimal-time('24:00:00.000')", nan}, {"decimal-time('06:60:00')", nan}, {"decimal-time('06:00:60')", nan}, {"decimal-time('06')", nan}, {"decimal-time('a')", nan}, {"decimal-time('2000-01-01T18:00:00')", 0.75}, {"decimal-time(1.25)", 0.25},
		{"format-date('2018-01-02', '%Y-%y %m %n %b %d %e %a %%')", "2018-18 01 1 Jan 02 2 Tue %"}, {"format-date-time('2018-01-02T10:20:30.123', '%Y-%m-%e %H:%M:%S.%3')", "2018-01-2 10:20:30.123"},
		{"format-date('2018-01-02T03:04:05', '%h|%H|%W')", "3|03|1"}, {"format-date('', '%Y')", ""}, {"format-date('x', '%Y')", ""}, {"format-date(0, '%Y')", "1970"}, {"format-date(today(), '%Q')", CodeArguments}, {"format-date(today(), '%')", CodeArguments}, {"format-date(today(), '%ү')", CodeArguments},
	}.run(t, "/data/born", environment(t))
	cases{{"today()", CodeMissing}, {"now()", CodeMissing}, {"random()", CodeMissing}, {"uuid()", CodeMissing}, {"jr:itext('a')", CodeMissing}, {"jr:choice-name('a', '.')", CodeMissing}}.run(t, "/data", nil)
}

func TestNamesOfMonthsAndDaysAreTheFormsOwn(t *testing.T) {
	env := environment(t)
	env.Months[0], env.Days[2] = "қаң", "сс"
	cases{{"format-date('2018-01-02', '%a %e %b')", "сс 2 қаң"}, {"format-date('2018-02-01', '%a %b')", "Thu Feb"}}.run(t, "/data", env)
}

func TestRepeatFunctions(t *testing.T) {
	cases{
		{"position(..)", 2}, {"position(.)", 1}, {"position(/data/cell[3])", 3}, {"position(/data/none)", nan}, {"position()", 1}, {"last()", 1}, {"position(../bunk)", 1}, {"count(../bunk)", 1}, {"count(/data/cell)", 3},
		{"indexed-repeat(/data/cell/persons, /data/cell, 3)", list{"11"}}, {"indexed-repeat(../persons, .., 1)", list{"4"}}, {"indexed-repeat( /data/cell/no ,  /data/cell , position(..) - 1)", list{"1"}},
		{"indexed-repeat(/data/cell/bunk/len, /data/cell, 1, /data/cell/bunk, 2)", list{"200"}}, {"indexed-repeat(/data/cell/bunk/len, /data/cell/bunk, 2, /data/cell, 1)", list{"200"}},
		{"indexed-repeat(/data/cell/bunk/len, /data/cell, 1)", list{"190", "200"}}, {"indexed-repeat(/data/cell/no, /data/cell, 9)", list{}}, {"indexed-repeat(/data/cell/no, /data/cell, '')", list{"1"}}, {"indexed-repeat(/data/cell/no, /data/cell, 0)", list{"1"}},
		{"indexed-repeat(/data/cell/bunk/len, /data/cell/bunk, 1)", list{"170"}}, {"indexed-repeat(current()/../no, /data/cell, 3) + 1", 4}, {"indexed-repeat(/data/cell/no, /data/cell, 1 div 0)", list{}},
		{"indexed-repeat(/data/cell/no, /data/age, 1)", CodeArguments}, {"indexed-repeat(/data/cell/no, /data/cell)", CodeArguments}, {"indexed-repeat(/data/cell/no, /data/cell, 1, /data/cell)", CodeArguments}, {"indexed-repeat(//no, /data/cell, 1)", CodeArguments}, {"indexed-repeat('a', /data/cell, 1)", CodeArguments},
		{"sum(/data/cell[position() < position(current()/..)]/persons)", 4}, {"/data/cell[position() = position(current()/..) - 1]/no", list{"1"}},
	}.run(t, "/data/cell[2]/no", environment(t))
}

func TestListsAreReadThroughInstance(t *testing.T) {
	cases{
		{"instance('cities')/root/item[name = 'alm']/label", list{"Almaty"}}, {"instance('cities')/root/item[region = 'south']/name", list{"alm", "shy"}}, {"count(instance('cities')/root/item)", 3},
		{"instance('cities')/root/item[people > /data/zero + 1.5]/label", list{"Almaty"}}, {"instance('cities')/root/item[string-length(name) = string-length(current()) + 1]/name", list{"ast", "alm", "shy"}},
		{"instance('none')/root/item", CodeMissing}, {"sum(instance('cities')/root/item/people)", 4.2}, {"instance('cities')/root/item[name = current()/../none]/label", list{}},
		{"pulldata('cities', 'label', 'name', 'shy')", "Shymkent"}, {"pulldata('cities', 'label', 'name', 'none')", ""}, {"pulldata('cities', 'none', 'name', 'shy')", ""}, {"pulldata('cities', 'label', 'region', 'south')", "Almaty"}, {"pulldata('none', 'label', 'name', 'shy')", CodeMissing}, {"pulldata('', 'label', 'name', 'shy')", ""},
		{"join(' ', randomize(instance('cities')/root/item)/name)", "ast alm shy"}, {"count(randomize(/data/cell))", 3}, {"property('deviceid')", "dev-deviceid"}, {"property('x')", ""}, {"version()", "2026-03"},
	}.run(t, "/data/age", environment(t))
	env := environment(t)
	env.Lookup = func(table, column, key, value string) (string, bool) {
		return strings.Join([]string{column, key, value}, "/"), table == "t"
	}
	cases{{"pulldata('t', 'a', 'b', 3)", "a/b/3"}, {"pulldata('u', 'a', 'b', 3)", CodeMissing}}.run(t, "/data", env)
}

func TestChanceIsWhatTheSourceGives(t *testing.T) {
	cases{{"uuid()", "8012ff35-0040-4080-92ff-350040c08012"}, {"string-length(uuid(7))", 7}, {"uuid(0)", ""}, {"uuid(-1)", CodeArguments}, {"uuid(1 div 0)", CodeArguments}, {"uuid('x')", CodeArguments}, {"random() < 1", true}, {"random() >= 0", true}}.run(t, "/data", environment(t))
}

func TestASeedShufflesAsInODK(t *testing.T) {
	doc := parseTree(t, "<d><p>A</p><p>B</p><p>C</p><p>D</p><p>E</p><p>F</p><s>mirror</s><n>1</n></d>")
	for seed, want := range map[string]string{
		"42": "AFCBDE", "'42'": "AFCBDE", "-42": "EDAFBC", "1": "BFEACD", "11111111": "ACDBFE", "1.1": "BFEACD", "0": "CBEAFD", "0 div 0": "CBEAFD", "''": "CBEAFD",
		"1 div 0": "BFEACD", "/d/n": "BFEACD", "5989458117437254": "ACBEDF", "/d/s": "ACBEDF",
	} {
		v, err := mustParse(t, "randomize(/d/p, "+seed+")").Evaluate(Context{Node: doc})
		var got strings.Builder
		for _, n := range v.Nodes() {
			got.WriteString(n.Text())
		}
		if err != nil || got.String() != want {
			t.Errorf("seed %s: %s, want %s (%v)", seed, got.String(), want, err)
		}
	}
	if v, _ := mustParse(t, "join('', /d/p)").Evaluate(Context{Node: doc}); v.String() != "ABCDEF" {
		t.Errorf("shuffling moved the form's own nodes: %s", v.String())
	}
}

func TestPlaces(t *testing.T) {
	const shape = "7.9377 -11.5845 0 0;7.9324 -11.5902 0 0;7.927 -11.5857 0 0;7.925 -11.578 0 0;7.9267 -11.5722 0 0;7.9325 -11.5708 0 0;7.9372 -11.5737 0 0;7.9393 -11.579 0 0;7.9377 -11.5845 0 0"
	const unit = "'0 0 0 0;0 1 0 0;1 1 0 0;1 0 0 0;0 0 0 0'"
	cases{
		{"area('" + shape + "')", 2333220.77}, {"distance('" + shape + ";')", 5724.36}, {"area('0 0;0 1')", 0}, {"distance('0 0;0 1')", 111318.85}, {"distance('0 0;0 90')", 10018696.05}, {"distance('90 0;90 1')", 0},
		{"area('38.253094215699576 21.756382658677467;38.25021274773806 21.756382658677467;38.25007793942195 21.763892843919166;38.25290886154963 21.763935759263404;38.25146813817506 21.758421137528785')", 151451.76},
		{"distance('38.253094215699576 21.756382658677467;38.25021274773806 21.756382658677467;38.25007793942195 21.763892843919166;38.25290886154963 21.763935759263404;38.25146813817506 21.758421137528785')", 1800.69},
		{"distance('7.9377 -11.5845 0 0', '7.9324 -11.5902')", 861.99}, {"distance('7 7', '7 7')", 0}, {"distance('')", nan}, {"distance('a')", nan}, {"distance('5000 0;0 0')", nan}, {"area('')", 0}, {"area('5000 5000; 5000 5000')", 0},
		{"geofence('0.5 0.5 0 0', " + unit + ")", true}, {"geofence('-1 0.5', " + unit + ")", false}, {"geofence('2 0.5', " + unit + ")", false}, {"geofence('0.5 2', " + unit + ")", false}, {"geofence('0 -1', " + unit + ")", false},
		{"enclosed-area('0 0;0 1')", 0}, {"is-selected('a b', 'b')", true},
		{"geofence('', " + unit + ")", false}, {"geofence('0 0', '')", false}, {"geofence('0 0', '0 0;0 1;1 1;2 0')", false},
		{"intersects('0 0;1 1;0 1;1 0')", true}, {"intersects(" + unit + ")", false}, {"intersects('0 0;1 1')", false}, {"intersects('0 0;0 2;1 1;-1 1')", true}, {"intersects('')", false}, {"intersects('0 0;1 1;0 1;1 0;0 0')", true},
	}.run(t, "/data", nil)
}
