package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

const turned = "Nobody was \u202ebeaten\u202c here"

func TestMarksThatTurnATextRoundAreShown(t *testing.T) {
	w, err := readWords("en")
	check(t, err)
	mark := func(name string) string {
		said := "invisible mark that changes the reading order (" + name + ")"
		return `<bdi class="ordermark" role="img" aria-label="` + said + `" title="` + said + `">⟪` + name + `⟫</bdi>`
	}
	note := `<span class="ordernote" role="note">This field holds invisible marks that change the reading order. With them shown it says: <bdi dir="auto">a` + mark("RLO") + `b</bdi></span>`
	for _, c := range []struct{ page, want string }{
		{`<p>a&lt;b</p>`, `<p>a&lt;b</p>`},
		{"<p title='>' class=\"x\">a\u202eb<b>\u2066c</b></p>", `<p title='>' class="x">a` + mark("RLO") + `b<b>` + mark("LRI") + `c</b></p>`},
		{"<textarea name=\"v\">a\u202eb</textarea>\u200f", "<textarea name=\"v\">a\u202eb</textarea>" + note + mark("RLM")},
		{"<input id=\"x\" type=\"text\" value=\"a\u202eb\">", "<input id=\"x\" type=\"text\" value=\"a\u202eb\">" + note},
		{"<input type=\"hidden\" value=\"a\u202eb\">", "<input type=\"hidden\" value=\"a\u202eb\">"},
		{"<option value=\"a\u202eb\">a\u202eb</option>", "<option value=\"a\u202eb\">a⟪RLO⟫b</option>"},
		{"<title>a\u202eb</title>", `<title>a⟪RLO⟫b</title>`},
		{"<img alt=\"a\u202e>b\">", `<img alt="a⟪RLO⟫>b">`},
	} {
		if got := visible(c.page, w); got != c.want {
			t.Errorf("%q is shown as\n%s, not\n%s", c.page, got, c.want)
		}
	}
}

// What a colleague wrote is shown with its marks on every page that shows it; what comes back of a field is as it was.
func TestNoPageTurnsRoundWhatSomebodyWrote(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	say(t, d.client(), d.scope, "visit", "title", turned)
	say(t, d.client(), d.scope, "visit", "summary", turned)
	id, err := d.client().Create(ctx, d.scope, "observation", map[string]string{"text": turned})
	check(t, err)
	_, err = d.client().Create(ctx, d.scope, "recommendation", map[string]string{"text": turned, "addressee": turned})
	check(t, err)
	visit := "/visits/" + d.scope.String()
	at := "/at/" + d.scope.String() + "/" + id.String() + "/" + fmt.Sprint(uint32(spec(t, "observation", "text").ID))
	for _, path := range []string{"/today", visit + "/prepare", visit + "/observations", visit + "/recommendations", visit + "/interviews", visit + "/protect", at} {
		res, body := d.get(path)
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
			continue
		}
		if !strings.Contains(body, "⟪RLO⟫") {
			t.Errorf("%s does not show the mark", path)
		}
		kept := strings.Count(body, `>`+turned+`</textarea>`) + strings.Count(body, `value="`+turned+`"`)
		if n := strings.Count(body, "\u202e"); n != kept {
			t.Errorf("%s: of %d marks only %d are in what may be edited", path, n, kept)
		}
	}
	if _, body := d.get(visit + "/observations"); !strings.Contains(body, `>`+turned+`</textarea><span class="ordernote"`) {
		t.Error("the box changes what it gives back, or does not say what it holds")
	}
}
