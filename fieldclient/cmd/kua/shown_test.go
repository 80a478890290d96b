package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A text that turns round what is behind it does so neither in what a command says nor in why it failed; a program gets it
// as it is.
func TestACommandShowsMarksOfTheReadingOrder(t *testing.T) {
	var out, problems bytes.Buffer
	a := &app{out: &out, err: &problems}
	if err := a.say(nil, "said: %s", "a\u202eb\u202c"); err != nil {
		t.Fatal(err)
	}
	a.explain(errors.New("no such thing: a\u202eb"))
	if got := out.String(); got != "said: a⟪RLO⟫b⟪PDF⟫\n" {
		t.Errorf("a command says %q", got)
	}
	if got := problems.String(); strings.Contains(got, "\u202e") || !strings.Contains(got, "a⟪RLO⟫b") {
		t.Errorf("a failure says %q", got)
	}
	out.Reset()
	a.json = true
	if err := a.say("a\u202eb", ""); err != nil || out.String() != "\"a\u202eb\"\n" {
		t.Errorf("a program gets %q (%v)", out.String(), err)
	}
}

// A text orders no terminal about: neither its colours, nor its title, nor what already stands on it.
func TestACommandSendsNoOrdersToATerminal(t *testing.T) {
	var out, problems bytes.Buffer
	a := &app{out: &out, err: &problems}
	if err := a.say(nil, "said:\t%s", "a\x1b[2J\x1b]0;x\a\r\u009bb\x7f\nЖә"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "said:\ta␛[2J␛]0;x␇␍\ufffdb␡\nЖә\n" {
		t.Errorf("a command says %q", got)
	}
	a.explain(errors.New("no such thing: \x1b[8m"))
	if strings.Contains(problems.String(), "\x1b") {
		t.Errorf("a failure says %q", problems.String())
	}
}
