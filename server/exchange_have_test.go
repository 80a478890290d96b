package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"kua/syncproto"
)

func TestHaveNamesAFeedAndANumberOrIsRefused(t *testing.T) {
	read := func(query string) (syncproto.FeedWant, error) {
		r := httptest.NewRequest(http.MethodGet, "/v1/scopes/x/pull?"+query, nil)
		return haveParam(echo.New().NewContext(r, httptest.NewRecorder()))
	}
	const feed = "000102030405060708090a0b0c0d0e0f"
	got, err := read("have=" + feed + "-7")
	if err != nil || got.From != 7 || got.Feed.String() != feed {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := read(""); err != nil || got != (syncproto.FeedWant{}) {
		t.Errorf("without it: got %+v, %v", got, err)
	}
	for _, bad := range []string{"7", feed, feed + "-", feed + "--1", feed + "-x", "00-7", feed + "-99999999999999999999"} {
		if _, err := read("have=" + bad); syncproto.CodeOf(err) != syncproto.CodeMalformed {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
