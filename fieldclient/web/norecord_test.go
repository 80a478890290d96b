package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kua/syncproto"
)

func TestARecordingEndsWhenThePersonTakesItBackAndNothingIsKept(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	id := at[strings.LastIndexByte(at, '/')+1:]
	c.get(at)
	begin := func() (*http.Response, string) {
		return c.post(c.path+"/recordings", url.Values{"link": {id}, "media": {"audio/webm"}})
	}
	res, rec := begin()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("beginning: %s", res.Status)
	}
	slice := func(n string) int {
		req, err := http.NewRequest("POST", c.base+c.path+"/recordings/"+rec+"/"+n, bytes.NewReader([]byte("a voice")))
		check(t, err)
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set(csrfHeader, c.csrf)
		res, err := c.Do(req)
		check(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	if got := slice("0"); got != http.StatusNoContent {
		t.Fatalf("slice 0: %d", got)
	}
	c.post(at+"/consents", url.Values{"use": {"record"}, "answer": {"no"}})
	if got := slice("1"); got != http.StatusConflict {
		t.Errorf("a slice after the refusal: %d", got)
	}
	if res, _ := c.post(c.path+"/recordings/"+rec+"/end", url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("ending it: %s", res.Status)
	}
	if res, _ := begin(); res.StatusCode != http.StatusConflict {
		t.Errorf("another one: %s", res.Status)
	}
	hasNot(t, "the interview", c.page(at), "data-evidence")
	if list, err := c.s.client.Load().Evidence(t.Context(), c.visit); err != nil || len(list) != 0 {
		t.Errorf("kept: %+v %v", list, err)
	}
}
