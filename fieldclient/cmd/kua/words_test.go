package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

func TestEveryAdviceSaysWhetherSomethingIsLostAndWhatToDo(t *testing.T) {
	all := append([]advice{elsewise}, catalogue...)
	for _, ad := range wire {
		all = append(all, ad)
	}
	for _, ad := range all {
		if ad.exit == exitOK || ad.safe == "" || !strings.HasSuffix(ad.do, ".") {
			t.Errorf("advice for %v: %+v", ad.is, ad)
		}
	}
}

func TestAnErrorKeepsItsExitCodeThroughEveryWrapping(t *testing.T) {
	refusal := &fieldclient.RemoteError{Status: 403, Problem: syncproto.Problem{Code: syncproto.CodeUnauthorized}}
	for _, c := range []struct {
		err  error
		want int
	}{
		{vault.ErrWrongPassphrase, exitPassphrase},
		{vault.ErrMistyped, exitPassphrase},
		{fieldclient.ErrUnreachable, exitUnreachable},
		{fieldclient.ErrNoRight, exitRefused},
		{fieldclient.ErrNotEnrolled, exitRefused},
		{refusal, exitRefused},
		{syncproto.Refuse(syncproto.CodeUnauthorized, "no"), exitRefused},
		{&fieldclient.RemoteError{Status: 503, Problem: syncproto.Problem{Code: syncproto.CodeLimited}}, exitUnreachable},
		{vault.ErrDamaged, exitFailure},
		{errUsage, exitUsage},
		{errors.New("anything else"), exitFailure},
	} {
		err := errors.Join(fmt.Errorf("doing: %w", fmt.Errorf("more: %w", c.err)), nil)
		if got := adviceFor(err).exit; got != c.want {
			t.Errorf("%v exits with %d, want %d", c.err, got, c.want)
		}
	}
	if adviceFor(vault.ErrMistyped).do == adviceFor(vault.ErrWrongPassphrase).do {
		t.Error("a mistyped recovery secret gets the advice for a passphrase")
	}
}

func TestAPrefixNamesOneThingOrIsRefused(t *testing.T) {
	id := func(s string) syncproto.EntityID {
		out, err := syncproto.ParseEntityID(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	one, two := id("aaaaaaaa-0000-4000-8000-000000000001"), id("aaaaaaaa-0000-4000-8000-000000000002")
	three := id("bbbbbbbb-0000-4000-8000-000000000003")
	all := []syncproto.EntityID{one, two, three, three}
	for _, c := range []struct {
		typed string
		want  syncproto.EntityID
		err   error
	}{
		{"bbbbbb", three, nil},
		{"BBBBBBBB-0", three, nil},
		{one.String(), one, nil},
		{"aaaaaaaa", syncproto.EntityID{}, errAmbiguous},
		{"bbbbb", syncproto.EntityID{}, errUsage},
		{"", syncproto.EntityID{}, errUsage},
		{"zzzzzzzz", syncproto.EntityID{}, errUsage},
		{"cccccc", syncproto.EntityID{}, fieldclient.ErrNotFound},
	} {
		got, err := match("record", c.typed, all)
		if got != c.want && c.err == nil || !errors.Is(err, c.err) {
			t.Errorf("%q names %s (%v), want %s (%v)", c.typed, got, err, c.want, c.err)
		}
	}
	_, err := match("record", "aaaaaa", all)
	if !strings.Contains(err.Error(), one.String()) || !strings.Contains(err.Error(), two.String()) {
		t.Errorf("the candidates are not listed: %v", err)
	}
}

func TestANegativeNumberIsAValue(t *testing.T) {
	for in, want := range map[string]string{
		"checklist answer COL-04/temperature -5":               "checklist answer COL-04/temperature -- -5",
		"checklist answer COL-04/temperature -5.5 --note cold": "checklist answer COL-04/temperature --note cold -- -5.5",
		"checklist answer --note -5 COL-04/temperature 3":      "checklist answer --note -5 COL-04/temperature 3",
		"checklist answer COL-04/temperature -- -5":            "checklist answer COL-04/temperature -- -5",
		"checklist answer COL-05 met -q":                       "checklist answer COL-05 met -q",
	} {
		if got := strings.Join(negativeLast(strings.Fields(in)), " "); got != want {
			t.Errorf("%s is read as %s, want %s", in, got, want)
		}
	}
}

func TestWhatWasSavedBesideAnErrorIsSaid(t *testing.T) {
	lines := fmt.Errorf("%w (%w)", errLines, errUsage)
	for want, err := range map[string]error{
		"3 lines are saved. Those that are listed above are not.": &partly{3, 0, lines},
		"2 lines are saved. Line 7 and those behind it are not.":  &partly{2, 7, vault.ErrDamaged},
		untouched: &partly{0, 0, lines},
	} {
		if ad := adviceFor(err); ad.safe != want {
			t.Errorf("%q, want %q", ad.safe, want)
		}
	}
}
