package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func resolver(m Mention) (string, error) {
	if m.Name == "none" {
		return "", errors.New("there is no question none")
	}
	return "/data/" + m.Name, nil
}

func TestMentionsBecomePathsEverywhere(t *testing.T) {
	for src, want := range map[string]string{
		"":                             "",
		"1 + 1":                        "1 + 1",
		"${a}":                         " /data/a ",
		"${a}-1":                       " /data/a -1",
		"${a}${b}":                     " /data/a  /data/b ",
		"selected(${a}, 'x')":          "selected( /data/a , 'x')",
		"jr:choice-name(${a}, '${a}')": "jr:choice-name( /data/a , ' /data/a ')",
		"concat(\"it's ${a}\")":        "concat(\"it's  /data/a \")",
		"${қала} > 1":                  " /data/қала  > 1",
		"$ {a} $5":                     "$ {a} $5",
		"${last-saved#a}":              " /data/a ",
	} {
		got, err := Rewrite(src, resolver)
		if err != nil || got.Text != want {
			t.Errorf("%s: got %q (%v), want %q", src, got.Text, err, want)
		}
	}
}

func TestABadMentionIsAnErrorAtItsPlace(t *testing.T) {
	for src, at := range map[string]int{"1 + ${a": 4, "${ a }": 0, "x ${}": 2, "x${a b}": 1, "é${none}": 2, "${a} ${last-saved#}": 5, "${1a}": 0, "${a/b}": 0} {
		_, err := Rewrite(src, resolver)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeReference || e.Pos != at {
			t.Errorf("%s: got %v, want an error at %d", src, err, at)
		}
	}
	var e *Error
	if _, err := Rewrite(strings.Repeat("(", MaxDepth+1)+"${a}", resolver); !errors.As(err, &e) || e.Code != CodeLimit {
		t.Errorf("deep brackets: %v", err)
	}
	if _, err := Rewrite(strings.Repeat("${a}", MaxLength/4), func(Mention) (string, error) { return strings.Repeat("x", 1000), nil }); !errors.As(err, &e) || e.Code != CodeLimit {
		t.Errorf("many mentions: %v", err)
	}
}

func TestAMentionKnowsWhatIsAroundIt(t *testing.T) {
	got, err := Mentions("${a} + indexed-repeat(${b}, ${r}, (${i}) - 1) + instance('c')/root/item[x = ${d}]/y + jr:choice-name (')', '${e}') + ${last-saved#f}")
	if err != nil {
		t.Fatal(err)
	}
	want := []Mention{
		{Name: "a"},
		{Name: "b", Function: "indexed-repeat"},
		{Name: "r", Function: "indexed-repeat", Argument: 1},
		{Name: "i", Function: "indexed-repeat", Argument: 2},
		{Name: "d", InList: true},
		{Name: "e", Function: "jr:choice-name", Argument: 1, Quoted: true},
		{Name: "f", LastSaved: true},
	}
	for i := range got {
		got[i].Pos = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, _ := Mentions("/d/r[x = ${a}]"); got[0].InList {
		t.Error("a condition on a repeat was taken for one on a list")
	}
}

func TestAPlaceInTheRewrittenTextIsOneInTheAuthors(t *testing.T) {
	const src = "${a} + ${long} = nope(${b})"
	w, err := Rewrite(src, resolver)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(w.Text)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeFunction {
		t.Fatalf("%q: %v", w.Text, err)
	}
	if got := src[w.Source(e.Pos):]; got != "nope(${b})" {
		t.Errorf("the error points to %q", got)
	}
	for part, want := range map[string]string{"/data/a": "${a}", "/data/long": "${long}", "data/b": "${b}", "+": "+", ")": ")"} {
		if got := src[w.Source(strings.Index(w.Text, part)):]; !strings.HasPrefix(got, want) {
			t.Errorf("%s points to %q, want %s", part, got, want)
		}
	}
	if got := w.Source(len(w.Text)); got != len(src) {
		t.Errorf("the end is %d, want %d", got, len(src))
	}
}

func FuzzRewrite(f *testing.F) {
	for _, s := range append(seeds, "${a} + '${b}'", "concat(${a}[instance(${b", "${last-saved#x}}") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		w, err := Rewrite(src, func(m Mention) (string, error) {
			if !strings.HasPrefix(src[m.Pos:], "${") {
				t.Fatalf("%q: a mention at %d", src, m.Pos)
			}
			return "/" + m.Name, nil
		})
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Pos < 0 || e.Pos > len(src) {
				t.Fatalf("%q: %#v", src, err)
			}
			return
		}
		last := 0
		for pos := range len(w.Text) + 1 {
			if at := w.Source(pos); at < last || at > len(src) {
				t.Fatalf("%q: %s goes back from %d to %d", src, fmt.Sprintf("%q", w.Text), last, at)
			} else {
				last = at
			}
		}
	})
}
