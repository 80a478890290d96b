package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kua/syncproto"
)

func TestACountIsNotBelowZero(t *testing.T) {
	d := newDesk(t)
	form, _ := d.shown("entry", "population")
	for _, typed := range []string{"-5", "−5", "-1 000"} {
		res, html := d.put(form, typed)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(html, "A count cannot be below 0. What you typed was not saved.") {
			t.Errorf("%q is answered with %s\n%s", typed, res.Status, html)
		}
	}
	if n := d.writings("population"); n != 0 {
		t.Errorf("%d counts below 0 were saved", n)
	}
	if res, html := d.put(form, "0"); res.StatusCode != http.StatusOK || strings.Contains(html, "Is this number right?") {
		t.Errorf("0 is answered with %s\n%s", res.Status, html)
	}
}

// A value far from what is usual is saved, and the field asks about it as long as it stands.
func TestAFarValueIsSavedAndAskedAbout(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ part, field, value, asks string }{
		{"entry", "population", "1000000000000", "Is this number right?"},
		{"prepare", "date", "0001-01-01", "Is this date right?"},
		{"prepare", "date", "2999-12-31", "Is this date right?"},
	} {
		form, _ := d.shown(c.part, c.field)
		res, html := d.put(form, c.value)
		if res.StatusCode != http.StatusOK || !strings.Contains(html, c.asks) {
			t.Errorf("%s is answered with %s\n%s", c.value, res.Status, html)
		}
		if h := d.heads(c.field); len(h) != 1 || h[0].Value != c.value {
			t.Errorf("of %s is saved: %v", c.value, h)
		}
		if _, html := d.shown(c.part, c.field); !strings.Contains(html, c.asks) {
			t.Errorf("the page that shows %s asks nothing", c.value)
		}
	}
}

func TestUsualValuesAreNotAskedAbout(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		kind  syncproto.ValueType
		value string
		asks  bool
	}{
		{syncproto.TypeInt, "0", false}, {syncproto.TypeInt, "1240", false}, {syncproto.TypeInt, "20001", true}, {syncproto.TypeInt, "", false},
		{syncproto.TypeDate, "2026-11-26", false}, {syncproto.TypeDate, "2017-01-01", false}, {syncproto.TypeDate, "2030-01-01", false},
		{syncproto.TypeDate, "2062-11-26", true}, {syncproto.TypeDate, "1926-11-26", true}, {syncproto.TypeText, "2999-12-31", false},
	} {
		if got := far(c.kind, c.value, now) != ""; got != c.asks {
			t.Errorf("%s %q: asked about is %t", c.kind, c.value, got)
		}
	}
}
