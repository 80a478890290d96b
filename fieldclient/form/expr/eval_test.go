package expr

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// cases are expressions and their values: a string, a float64, a bool, the texts of nodes, or the code of an error.
type cases []struct {
	src  string
	want any
}

type list []string

const form = `<data id="f" version="7">
	<name>Айгүл</name><age>34</age><empty/><bad>x</bad><zero>0</zero><born>1992-02-29</born>
	<toilets>pit flush</toilets><consent>yes</consent><decimal>1.50</decimal><done>false</done>
	<meta><instanceID>uuid:1</instanceID></meta>
	<cell><no>1</no><persons>4</persons><bunk><len>190</len></bunk><bunk><len>200</len></bunk></cell>
	<cell><no>2</no><persons/><bunk><len>170</len></bunk></cell>
	<cell><no>3</no><persons>11</persons></cell>
	<orx:note>n</orx:note><end-1>dash</end-1><c.d>dot</c.d>
</data>`

const cities = `<root>
	<item><name>ast</name><label>Astana</label><region>north</region><people>1</people></item>
	<item><name>alm</name><label>Almaty</label><region>south</region><people>2</people></item>
	<item><name>shy</name><label>Shymkent</label><region>south</region><people>1.2</people></item>
</root>`

func (cs cases) run(t *testing.T, context string, env *Env) {
	t.Helper()
	doc := parseTree(t, form)
	at := find(t, doc, context)
	for _, c := range cs {
		e, err := Parse(c.src)
		var v Value
		if err == nil {
			v, err = e.Evaluate(Context{Node: at, Env: env})
		}
		var problem *Error
		if code, ok := c.want.(Code); ok {
			if !errors.As(err, &problem) || problem.Code != code {
				t.Errorf("%s: got %v (error %v), want the error %s", c.src, v.String(), err, code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var got any
		switch v.Kind() {
		case Number:
			got = v.Number()
		case Boolean:
			got = v.Boolean()
		case Text:
			got = v.String()
		case Nodes:
			texts := list{}
			for _, n := range v.Nodes() {
				texts = append(texts, n.Text())
			}
			got = texts
		}
		if !equal(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", c.src, got, c.want)
		}
		if k := e.Kind(); k != Any && k != v.Kind() {
			t.Errorf("%s: its kind is said to be %s, and is %s", c.src, k, v.Kind())
		}
	}
}

func equal(got, want any) bool {
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	switch got := got.(type) {
	case float64:
		want, ok := want.(float64)
		return ok && (got == want && math.Signbit(got) == math.Signbit(want) || got != got && want != want ||
			math.Abs(got-want) < 1e-9 && got != 0 && want != 0)
	case list:
		want, ok := want.(list)
		return ok && strings.Join(got, "\x00") == strings.Join(want, "\x00") && len(got) == len(want)
	}
	return got == want
}

var nan, inf, minusZero = math.NaN(), math.Inf(1), math.Copysign(0, -1)

func TestOperatorsAreThoseOfXPath(t *testing.T) {
	cases{
		{"1 + 2 * 3", 7}, {"(1 + 2) * 3", 9}, {"1 - 10 mod 3 div 3", 2.0 / 3}, {"4-3*4+5-1", -4},
		{"8 div 2 + 4", 8}, {"2 * 3 div 8 * 2", 1.5}, {"1 - 2 - 3", -4}, {"1 - (2 - 3)", 2},
		{"5 mod 2", 1}, {"5 mod -2", 1}, {"-5 mod 2", -1}, {"-5 mod -2", -1}, {"1.5 mod .5", 0.0}, {"5 mod 0", nan},
		{"1 div 0", inf}, {"-1 div 0", -inf}, {"0 div 0", nan}, {"-0", minusZero}, {"0 * -1", minusZero},
		{"-'19'", -19}, {"--5", 5}, {"- - -5", -5}, {"-(8*5)", -40}, {"3 + -4", -1}, {"-10 div -4", 2.5},
		{"true() + 8", 9}, {"'a' + 1", nan}, {"'' + 1", nan}, {"/data/empty + 1", nan}, {"/data/age+1", 35},
		{"1-1", 0}, {"6.1 - 7.8 = -1.7", true}, {"0.1 + 0.2 = 0.3", true}, {"0.1 + 0.2 != 0.3", false},
		{"1 = 1.0000001", false}, {"1 div 0 = 2 div 0", true}, {"0 div 0 = 0 div 0", false}, {"0 div 0 != 0 div 0", true},
		{"4 < 5", true}, {"5 < 5", false}, {"5 <= 5", true}, {"5 >= 6", false}, {"6 > 5", true}, {"-3 > -6", true},
		{"'abc' < 'abcd'", false}, {"'abc' >= 'abc'", false}, {"'-17' > '-172'", true}, {"true() > 0.9999", true},
		{"3 < 4 < 5", true}, {"3 < (4 < 5)", false}, {"-3 < 3 = 6 >= 6", true}, {"6 < 7 - 4", false}, {"(6 < 7) - 4", -3},
		{"'abc' = 'abc'", true}, {"'' = ''", true}, {"17 = '17.0000000'", true}, {"'0017.' = 17", true},
		{"'017.' = '17.000'", false}, {"true() = 17", true}, {"0 = false()", true}, {"true() = 'false'", true},
		{"true() != false()", true}, {"'1' != '1'", false},
		{"true() and false()", false}, {"true() or true() and false()", true}, {"(true() or true()) and false()", false},
		{"'' or 17", true}, {"false() or 0 + 2", true}, {"(false() or 0) + 2", 2}, {"1 and 'x'", true}, {"false() and false() < true()", false},
		{"true() or instance('none')", true}, {"false() and instance('none')", false}, {"true() and instance('none')", CodeMissing},
	}.run(t, "/data/age", nil)
}

func TestNumbersAreWrittenAndReadAsXPathSays(t *testing.T) {
	cases{
		{"string(0)", "0"}, {"string(-0)", "0"}, {"string(1 div 0)", "Infinity"}, {"string(-1 div 0)", "-Infinity"},
		{"string(0 div 0)", "NaN"}, {"string(123.)", "123"}, {"string(.5)", "0.5"}, {"string(-.1000)", "-0.1"},
		{"string(1230000000000000000000)", "1230000000000000000000"}, {"string(0.00000000000000000123)", "0.00000000000000000123"},
		{"string(1 div 3)", "0.3333333333333333"}, {"string(1000000 * 1000000)", "1000000000000"},
		{"string(true())", "true"}, {"string(1 = 2)", "false"}, {"string(/data/cell/no)", "1"}, {"string(/data/none)", ""},
		{"number('100.001')", 100.001}, {"number('.1001')", 0.1001}, {"number('0.')", 0}, {"number('-0')", minusZero},
		{"number(' -12345.6789\n ')", -12345.6789}, {"number('- 17')", nan}, {"number('')", nan}, {"number('  ')", nan}, {"number('.')", nan},
		{"number('-')", nan}, {"number('--1')", nan}, {"number('+1')", nan}, {"number('1e3')", nan}, {"number('0x10')", nan},
		{"number('Infinity')", nan}, {"number('NaN')", nan}, {"number('1,5')", 1.5}, {"round('14,6')", 15}, {"number('1,5,0')", nan}, {"number('1.234,5')", nan}, {"number(',')", nan}, {"number('34.56.7')", nan}, {"number('1 2')", nan},
		{"number('٣')", nan}, {"number(true())", 1}, {"number(1 = 2)", 0}, {"number(/data/cell/no)", 1}, {"number(/data/none)", nan},
		{"number()", 34}, {"string()", "34"}, {"555555.555", 555555.555}, {".000555", 0.000555},
	}.run(t, "/data/age", nil)
}

func TestASetIsTrueWhenItIsNotEmptyAndComparesByAnyOfItsNodes(t *testing.T) {
	cases{
		{"boolean(/data/empty)", true}, {"boolean(/data/none)", false}, {"not(/data/none)", true}, {"boolean('')", false},
		{"boolean('false')", true}, {"boolean(0)", false}, {"boolean(0 div 0)", false}, {"boolean(-0)", false}, {"boolean(0.0001)", true},
		{"/data/cell/no = 2", true}, {"/data/cell/no != 2", true}, {"/data/cell/no = '2'", true}, {"/data/cell/no = 9", false},
		{"not(/data/cell/no = 9)", true}, {"/data/none = ''", false}, {"/data/none != ''", false}, {"/data/empty = ''", true},
		{"/data/cell/no > 2", true}, {"/data/cell/no < 1", false}, {"2 < /data/cell/no", true}, {"3 < /data/cell/no", false},
		{"/data/cell/persons < /data/cell/no", false}, {"/data/cell/no < /data/cell/persons", true}, {"/data/cell/no <= /data/none", false},
		{"/data/cell/no = /data/age", false}, {"/data/cell/no != /data/cell/no", true}, {"/data/age = /data/age", true}, {"/data/age != /data/age", false},
		{"/data/cell/no = /data/cell[3]/no", true}, {"/data/age = true()", true}, {"/data/none = false()", true}, {"true() >= /data/none", true},
		{"/data/decimal = 1.5", true}, {"/data/decimal = '1.5'", false}, {"/data/persons = ''", false},
	}.run(t, "/data/age", nil)
}

func TestPathsLeadWhereXPathSays(t *testing.T) {
	cases{
		{".", list{"34"}}, {"../name", list{"Айгүл"}}, {"/data/cell/no", list{"1", "2", "3"}}, {"../cell[2]/no", list{"2"}},
		{"//no", list{"1", "2", "3"}}, {"//len", list{"190", "200", "170"}}, {"/data//len", list{"190", "200", "170"}},
		{"//bunk[1]/len", list{"190", "170"}}, {"(//bunk)[1]/len", list{"190"}}, {"(//bunk)[last()]/len", list{"170"}},
		{"/data/cell[persons = '']/no", list{"2"}}, {"/data/cell[not(bunk)]/no", list{"3"}}, {"/data/cell[bunk/len > 195]/no", list{"1"}},
		{"/data/cell[position() = 2]/no", list{"2"}}, {"/data/cell[position() > 1][1]/no", list{"2"}}, {"/data/cell[last()]/no", list{"3"}},
		{"/data/cell[last() - 1]/no", list{"2"}}, {"/data/cell[no = 1 or no = 3]/no", list{"1", "3"}}, {"/data/cell[0]", list{}}, {"/data/cell[1.5]", list{}},
		{"/data/cell[1]/following-sibling::cell/no", list{"2", "3"}}, {"/data/cell[3]/preceding-sibling::cell/no", list{"1", "2"}},
		{"/data/cell[3]/preceding-sibling::cell[1]/no", list{"2"}}, {"/data/cell[3]/preceding-sibling::*[last()]", list{"Айгүл"}},
		{"//len[. = 170]/ancestor::cell/no", list{"2"}}, {"count(//len[. = 170]/ancestor::*)", 3}, {"count(//len[. = 170]/ancestor::node())", 4},
		{"count(//len[. = 170]/ancestor-or-self::*)", 4}, {"name(//len[. = 170]/ancestor::*[2])", "cell"}, {"name(//len[1]/ancestor::*[last()])", "data"},
		{"name((//len[. = 170]/ancestor::*/*)[last()])", "c.d"}, {"/data/cell/bunk/../no", list{"1", "2"}}, {"/data/cell/descendant::len", list{"190", "200", "170"}}, {"//len/parent::bunk/parent::cell/no", list{"1", "2"}},
		{"count(/data/descendant-or-self::*)", 31}, {"count(//.)", 32}, {"count(/)", 1}, {"count(/*)", 1}, {"name(/*)", "data"}, {"count(/..)", 0},
		{"self::age", list{"34"}}, {"self::name", list{}}, {"child::x", list{}}, {"./../age/.", list{"34"}}, {"/data/*[1]", list{"Айгүл"}}, {"count(/data/node())", 17},
		{"/data/@version", list{"7"}}, {"/data/@*", list{"f", "7"}}, {"//@id", list{"f"}}, {"/data/attribute::id/..//age", list{"34"}}, {"/data/age/@id", list{}},
		{"/data/orx:note", list{"n"}}, {"/data/orx:*", list{"n"}}, {"/data/note", list{}}, {"/data/end-1", list{"dash"}}, {"/data/c.d", list{"dot"}},
		{"/data/age | /data/name", list{"Айгүл", "34"}}, {"//no | /data/cell[1]/no | //len", list{"1", "190", "200", "2", "170", "3"}},
		{"(/data/cell | /data/age)[last()]/no", list{"3"}}, {"current()/../name", list{"Айгүл"}}, {"/data/cell[no = string-length(current()) - 1]/no", list{"1"}},
		{"name()", "age"}, {"name(..)", "data"}, {"local-name(/data/orx:note)", "note"}, {"name(/data/none)", ""}, {"name(/)", ""},
		{"/data/cell[position() mod 2 = 1]/no", list{"1", "3"}}, {"/data/cell[string-length(persons) = 2]/no", list{"3"}}, {"//cell[.//len[. < 180]]/no", list{"2"}},
	}.run(t, "/data/age", nil)
}
