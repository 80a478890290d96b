package expr

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestAnErrorPointsToItsPlaceAndSaysWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		src  string
		code Code
		at   string // the rest of src from the place of the error
		says string
	}{
		{"", CodeSyntax, "", "empty"},
		{" \n", CodeSyntax, " \n", "empty"},
		{"1 +", CodeSyntax, "", "a value is expected"},
		{"(1", CodeSyntax, "", "“)”"},
		{"1)", CodeSyntax, ")", "closes nothing"},
		{"concat('a'", CodeSyntax, "", "“,” or “)”"},
		{"concat('a',)", CodeSyntax, ")", "a value is expected"},
		{"'abc", CodeSyntax, "'abc", "put another '"},
		{"1 2", CodeSyntax, "2", "operator"},
		{"a b", CodeSyntax, "b", "operator"},
		{"a AND b", CodeSyntax, "AND b", "small letters, and"},
		{"a == b", CodeSyntax, "== b", "write ="},
		{"a <> b", CodeSyntax, "<> b", "write !="},
		{"a => b", CodeSyntax, "=> b", "write >="},
		{"a && b", CodeSyntax, "&& b", "write and"},
		{"a || b", CodeSyntax, "|| b", "write or"},
		{"!a", CodeSyntax, "!a", "not(…)"},
		{"a % 2", CodeSyntax, "% 2", "mod"},
		{"selected(., ‘a’)", CodeSyntax, "‘a’)", "typographic"},
		{"a\u00A0= 1", CodeSyntax, "\u00A0= 1", "U+00A0"},
		{"a = \xff", CodeSyntax, "\xff", "UTF-8"},
		{"'\xff'", CodeSyntax, "'\xff'", "UTF-8"},
		{"$x + 1", CodeUnsupported, "$x + 1", "${name}"},
		{"${x} + 1", CodeSyntax, "${x} + 1", "“${x}”"},
		{"${x", CodeSyntax, "${x", "“${x}”"},
		{"1.2.3", CodeSyntax, "1.2.3", "not a number"},
		{"a/", CodeSyntax, "", "a name"},
		{"//", CodeSyntax, "", "a name"},
		{"a//[1]", CodeSyntax, "[1]", "a name"},
		{"a[]", CodeSyntax, "]", "a value is expected"},
		{"a[1", CodeSyntax, "", "“]”"},
		{".[1]", CodeSyntax, "[1]", "self::node()"},
		{"/data/x/text()", CodeUnsupported, "text()", "without it"},
		{"following::x", CodeUnsupported, "following::x", "following-sibling"},
		{"slected(., 'a')", CodeFunction, "slected(., 'a')", "there is selected"},
		{"string_length(.)", CodeFunction, "string_length(.)", "there is string-length"},
		{"choice-name(., 'a')", CodeFunction, "choice-name(., 'a')", "there is jr:choice-name"},
		{"sqr(2)", CodeFunction, "sqr(2)", "sqrt"},
		{"frobnicate(2)", CodeFunction, "frobnicate(2)", "no function “frobnicate”"},
		{"1 + substr('a')", CodeArguments, "substr('a')", "substr(text, number, number?) takes 2 to 3 values, and 1 stand here"},
		{"not(true(), false())", CodeArguments, "not(true(), false())", "takes one value"},
		{"join()", CodeArguments, "join()", "takes 1 values or more"},
		{"sum(1)", CodeArguments, "1)", "takes a question as value 1, and this is a number"},
		{"'a'/b", CodeArguments, "/b", "before it stands a text"},
		{"1 | a", CodeArguments, "1 | a", "joins questions"},
		{"regex(., 'a(')", CodeRegex, "'a(')", "missing closing )"},
		{"regex(., '^(?!a).*$')", CodeRegex, "'^(?!a).*$')", "two patterns"},
		{strings.Repeat("(", MaxDepth+1) + "1", CodeLimit, "1", "inside each other"},
		{strings.Repeat("a/", MaxDepth) + "a", CodeLimit, "a", "steps"},
		{strings.Repeat("9", 400), CodeSyntax, strings.Repeat("9", 400), "too large a number"},
		{strings.Repeat(" ", MaxLength+1), CodeLimit, " ", "bytes"},
	} {
		_, err := Parse(c.src)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", shown(c.src))
			continue
		}
		if e.Code != c.code || c.src[e.Pos:] != c.at && e.Pos != 0 || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%s: %s at %s: %s\nwant %s at %s: %s", shown(c.src), e.Code, shown(c.src[e.Pos:]), e.Msg, c.code, shown(c.at), c.says)
		}
	}
}

func TestNestingIsAllowedUpToTheBound(t *testing.T) {
	deep := "1"
	for range MaxDepth {
		deep = "if(true(), " + deep + ", 2)"
	}
	if v, err := mustParse(t, deep).Evaluate(Context{}); err != nil || v.Number() != 1 {
		t.Errorf("got %v, %v", v, err)
	}
	long := strings.Repeat("1 + ", MaxLength/4-1) + "1"
	if v, err := mustParse(t, long).Evaluate(Context{}); err != nil || v.Number() != MaxLength/4 {
		t.Errorf("a long chain: got %v, %v", v.Number(), err)
	}
	minus := strings.Repeat("-", MaxLength-1) + "1"
	if v, err := mustParse(t, minus).Evaluate(Context{}); err != nil || v.Number() != -1 {
		t.Errorf("many signs: got %v, %v", v.Number(), err)
	}
}

func TestPrintingIsCanonical(t *testing.T) {
	for src, want := range map[string]string{
		"1+2*3":                                 "1 + 2 * 3",
		"(1+2)*3":                               "(1 + 2) * 3",
		"1-(2-3)":                               "1 - (2 - 3)",
		"((a))":                                 "a",
		"a-b - c":                               "a-b - c",
		"- - 5":                                 "--5",
		"-(a|b)":                                "-a | b",
		"-(1 + 2)":                              "-(1 + 2)",
		"a or(b and c)":                         "a or b and c",
		"(a or b)and c":                         "(a or b) and c",
		"child::a/self::node()/parent::node()":  "a/./..",
		"/descendant-or-self::node()/child::a":  "//a",
		"descendant-or-self::node()/a":          "descendant-or-self::node()/a",
		"a/descendant-or-self::node()":          "a/descendant-or-self::node()",
		"attribute::id":                         "@id",
		"/ = a":                                 "(/) = a",
		"(/)*2":                                 "(/) * 2",
		"instance('x')/root/item[a=1][2]/label": "instance('x')/root/item[a = 1][2]/label",
		"( a | b ) [ 1 ] / c":                   "(a | b)[1]/c",
		`concat("it's", '"')`:                   `concat("it's", '"')`,
		"div div div":                           "div div div",
		"and and and":                           "and and and",
		"* * *":                                 "* * *",
		"a/*":                                   "a/*",
		"@* | orx:*":                            "@* | orx:*",
		"0.10":                                  "0.1",
		"3 < 4 < 5 = 1":                         "3 < 4 < 5 = 1",
		"jr:itext( 'a' )":                       "jr:itext('a')",
	} {
		if got := mustParse(t, src).String(); got != want {
			t.Errorf("%s: printed %s, want %s", src, got, want)
		}
	}
}

// sameTree compares expressions but for their places and what is made ready from the text.
var sameTree = cmp.Options{
	cmp.AllowUnexported(number{}, text{}, call{}, chain{}, negation{}, path{}, step{}, test{}),
	cmpopts.IgnoreTypes(position(0), steady(false), &matcher{}, &function{}), cmpopts.EquateEmpty(),
}

func TestWhatIsPrintedParsesToTheSameExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := anyExpression(3).Draw(t, "expression")
		printed := (&Expr{root: n}).String()
		back, err := Parse(printed)
		if err != nil {
			t.Fatalf("%s: %v", printed, err)
		}
		if diff := cmp.Diff(n, back.root, sameTree); diff != "" {
			t.Fatalf("%s changed:\n%s", printed, diff)
		}
	})
}

// anyExpression draws trees that Parse can give.
func anyExpression(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		kinds := 6
		if depth == 0 {
			kinds = 3
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return &number{value: rapid.Float64Range(0, 1e9).Draw(t, "number")}
		case 1:
			return &text{value: rapid.SampledFrom([]string{"", "a", "it's", `"`, "${", "Айгүл", "  "}).Draw(t, "text")}
		case 2:
			return anyPath(depth).Draw(t, "path")
		case 3:
			return anyCall(depth).Draw(t, "call")
		case 4:
			arg := anyExpression(depth-1).Filter(func(n node) bool { return loose(n) != levelUnary }).Draw(t, "negated")
			return &negation{count: rapid.IntRange(1, 3).Draw(t, "signs"), arg: arg}
		}
		return anyChain(depth).Draw(t, "chain")
	})
}

func anyChain(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		first := rapid.SampledFrom([]op{opOr, opAnd, opEqual, opLess, opAdd, opMultiply, opUnion}).Draw(t, "level")
		c := &chain{level: opLevels[first]}
		var same []op
		for o, l := range opLevels {
			if l == c.level {
				same = append(same, op(o))
			}
		}
		arg := anyExpression(depth - 1)
		if c.level == levelUnion {
			arg = anyPath(depth - 1)
		}
		c.args = []node{arg.Draw(t, "operand")}
		for range rapid.IntRange(1, 3).Draw(t, "operators") {
			c.ops = append(c.ops, rapid.SampledFrom(same).Draw(t, "operator"))
			c.args = append(c.args, arg.Draw(t, "operand"))
		}
		return c
	})
}

func anyCall(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		c := &call{name: rapid.SampledFrom([]string{"true", "not", "concat", "substr", "count", "if", "instance", "current", "position", "last", "name", "string-length", "string"}).Draw(t, "name")}
		fn := functions[c.name]
		c.fn = &fn
		least, most := fn.arity()
		for i := range rapid.IntRange(least, min(most, least+2)).Draw(t, "arguments") {
			arg := anyExpression(depth - 1)
			if fn.param(i) == 'N' {
				arg = anyPath(depth - 1)
			}
			c.args = append(c.args, arg.Draw(t, "argument"))
		}
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		return c
	})
}

func anyPath(depth int) *rapid.Generator[node] {
	return rapid.Custom(func(t *rapid.T) node {
		p := &path{}
		kind := rapid.IntRange(0, 3).Draw(t, "start")
		switch {
		case kind == 1:
			p.absolute = true
		case kind == 2 && depth > 0:
			p.from = anyPath(depth-1).Draw(t, "from")
			p.filters = anyPredicates(depth).Draw(t, "filters")
		case kind == 3 && depth > 0:
			fn := functions["current"]
			p.from = &call{name: "current", fn: &fn, kind: Nodes}
		}
		least := 1
		if p.absolute || len(p.filters) > 0 {
			least = 0
		}
		for range rapid.IntRange(least, 3).Draw(t, "steps") {
			if len(p.steps) > 0 && rapid.IntRange(0, 3).Draw(t, "//") == 0 {
				p.steps = append(p.steps, everything(0))
			}
			p.steps = append(p.steps, anyStep(depth).Draw(t, "step"))
		}
		return p
	})
}

func anyStep(depth int) *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		s := step{axis: axis(rapid.IntRange(0, int(axisAttribute)).Draw(t, "axis"))}
		s.test.kind = testKind(rapid.IntRange(0, int(testNode)).Draw(t, "test"))
		switch s.test.kind {
		case testName:
			s.test.name = rapid.SampledFrom([]string{"a", "b-1", "c.d", "div", "and", "orx:meta", "қала", "node-1", "e"}).Draw(t, "name")
		case testPrefix:
			s.test.name = "orx:"
		}
		s.preds = anyPredicates(depth).Draw(t, "predicates")
		return s
	})
}

func anyPredicates(depth int) *rapid.Generator[[]node] {
	return rapid.Custom(func(t *rapid.T) []node {
		if rapid.IntRange(0, 3).Draw(t, "some") > 0 || depth == 0 {
			return nil
		}
		return rapid.SliceOfN(anyExpression(depth-1), 1, 2).Draw(t, "predicates")
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		e, err := Parse(src)
		var problem *Error
		if err != nil {
			if !errors.As(err, &problem) || problem.Pos < 0 || problem.Pos > len(src) || problem.Msg == "" || !utf8.ValidString(problem.Msg) && utf8.ValidString(src) {
				t.Fatalf("%q: a bad error %#v", src, err)
			}
			Mark(src, problem.Pos)
			return
		}
		printed := e.String()
		if len(printed) > MaxLength {
			return
		}
		back, err := Parse(printed)
		if err != nil {
			t.Fatalf("%q was printed as %q, which is no expression: %v", src, printed, err)
		}
		if again := back.String(); again != printed {
			t.Fatalf("%q was printed as %q, and that as %q", src, printed, again)
		}
	})
}

// seeds are expressions of real forms and the corners of the grammar.
var seeds = []string{
	"", "1", "'a'", ". > 10.51 and . < 18.39", "not(selected( /data/skip_to_end , 'yes'))", "regex(., '^\\d*$')", "../a-1 -1", "//a[b][1]/@c", "-(-1)",
	"round(5 div (sqrt(cos(atan( /data/location/slope  div 100)))),2)", "instance('c')/root/item[name = current()/../x]/label", "jr:choice-name(selected-at(/d/q, 0), '/d/q')",
	"indexed-repeat(/d/r/a, /d/r, position(..) - 1)", "if(a, 'x', if(b, 1, //c)) | d", "* * * div div mod mod", "self::node()[ancestor-or-self::*/preceding-sibling::x]", "count((/ | /a)[last()]/..)", "randomize(//x, 3)/y",
	"format-date(today() + 1, '%Y-%m-%d %a %b')", "concat(now(), uuid(), random(), digest('a','MD5'))", "substr(translate(., 'a', 'b'), -1, 5)", "pulldata('t', 'a', 'b', .)", "a<=b>=c!=d", "jr:itext('x')", "orx:*", "@*",
	"distance('0 0;1 1') + area(//p)", "weighted-checklist(1, 2, a, 3)", "date('2020-02-30') + decimal-time('10:00')", "string(1 div 0 - 1 div 3 * -0)", "1.2.3", "${a}", "“x”", "a\u00A0b", "join(' ', a, b, //c)",
}
