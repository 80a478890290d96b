package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"kua/syncproto"
	"kua/syncproto/prototest"
)

func loadDescription(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// described turns the path of a route into that of the description.
func described(path string) string {
	path = regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}")
	return strings.ReplaceAll(path, "*", "{path}")
}

func TestEveryDoorIsDescribedAndEveryDescribedDoorIsThere(t *testing.T) {
	doc := loadDescription(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	var doors, words []string
	for _, r := range (&Server{}).routes() {
		doors = append(doors, r.method+" "+described(r.path))
		o := doc.Paths.Value(described(r.path)).GetOperation(r.method)
		if o == nil {
			t.Fatalf("%s %s is not described", r.method, r.path)
		}
		open := o.Security != nil // no token
		if shut := r.who != public && r.who != enrolling; open == shut {
			t.Errorf("%s %s: the description says that anybody may enter: %t", r.method, r.path, open)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			words = append(words, method+" "+path)
		}
	}
	slices.Sort(doors)
	slices.Sort(words)
	if !slices.Equal(doors, words) {
		t.Fatalf("doors\n%s\ndescribed\n%s", strings.Join(doors, "\n"), strings.Join(words, "\n"))
	}
}

// description holds answers to docs/openapi.yaml.
type description struct {
	t    testing.TB
	doc  *openapi3.T
	seen map[string]bool // "GET /path 200"
}

func newDescription(t testing.TB) *description {
	d := &description{t: t, doc: loadDescription(t), seen: map[string]bool{}}
	for _, kind := range []string{typeCBOR, typeSeq, typeKua, "application/zstd", "application/octet-stream", "text/plain"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	return d
}

// find returns the described operation of a request.
func (d *description) find(r *http.Request) *routers.Route {
	for _, route := range (&Server{}).routes() {
		pattern := regexp.MustCompile(`:\w+`).ReplaceAllString(regexp.QuoteMeta(route.path), `[^/]+`)
		pattern = strings.ReplaceAll(pattern, `\*`, `.*`)
		if route.method != r.Method || !regexp.MustCompile("^"+pattern+"$").MatchString(r.URL.Path) {
			continue
		}
		path := described(route.path)
		item := d.doc.Paths.Value(path)
		return &routers.Route{Spec: d.doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}
	}
	return nil
}

// check wants an answer to be one that the description promises.
func (d *description) check(r *http.Request, status int, header http.Header, body []byte) {
	route := d.find(r)
	if route == nil {
		return // no such door: the answer is none of a handler
	}
	d.seen[fmt.Sprintf("%s %s %d", r.Method, route.Path, status)] = true
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: r.Method == http.MethodHead},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		d.t.Errorf("%s %s answered %d, which docs/openapi.yaml does not promise: %v\n%.300q", r.Method, route.Path, status, err, body)
	}
}

// watching checks every answer of a handler.
func (d *description) watching(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		d.check(r, rec.Code, rec.Header(), rec.Body.Bytes())
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	})
}

// TestAnswersAreThoseDescribed goes through every door, with good requests and bad ones.
func TestAnswersAreThoseDescribed(t *testing.T) {
	d := newDescription(t)
	s := newSite(t)
	s.http.Config.Handler = d.watching(s.server.Handler())
	v, opening := s.Monitor.OpenVisit(prototest.Region, s.Monitor.Owner, s.Monitor2.Owner)
	e := s.Entity()
	one := s.Monitor.Feed(v).Sign(prototest.Create(e, 2200), prototest.Set(e, 2201, "beds"))
	l, above, revoked := s.laptop(s.Monitor), s.laptop(s.Coordinator), s.laptop(s.Monitor2)
	l.push(opening, one)
	l.push(s.Monitor2.Feed(v).Sign(prototest.Set(e, 2201, "no beds")), s.Health.Feed(v).Sign(prototest.Create(s.Entity(), 2300)))
	order := s.Protection.Feed(v).Sign(prototest.Erase(e, prototest.OpOf(one, 1)))
	s.laptop(s.Protection).push(order)
	s.RevokeDevice(s.Monitor2)
	s.giveRoster()
	data := []byte("sealed")
	path := blobPath(hashOf(data), v.Scope)
	scope := v.Scope.String()
	chunk := l.snapshot(v.Scope).Chunks[0].Hash.String()
	redaction := message(t, syncproto.Redaction{Changeset: one.ID, Body: one.Packet.WithBody(redactedBody(t, s, v, one, 1)).Body, Erased: []uint64{1}})
	asJSON := map[string]string{"Accept": "application/json"}
	piece := map[string]string{offsetHeader: "0", lengthHeader: "6"}
	s.server.signNow(t.Context())
	for _, step := range []struct {
		by   *laptop
		want int
		q    request
	}{
		{nil, 200, request{method: "GET", path: "/"}}, {nil, 200, request{method: "GET", path: "/healthz"}},
		{nil, 200, request{method: "GET", path: "/readyz"}}, {nil, 200, request{method: "GET", path: "/checkpoint"}},
		{nil, 200, request{method: "GET", path: "/tile/0/000.p/1"}}, {nil, 200, request{method: "GET", path: "/tile/entries/000.p/1"}},
		{nil, 404, request{method: "GET", path: "/tile/9/xyz"}},
		{nil, 200, request{method: "GET", path: "/v1/hello"}}, {nil, 200, request{method: "GET", path: "/v1/hello", header: asJSON}},
		{nil, 400, request{method: "POST", path: "/v1/token", body: []byte("{}")}},
		{nil, 400, request{method: "POST", path: "/v1/enrol", body: []byte("x")}},
		{nil, 401, request{method: "GET", path: "/v1/scopes"}},
		{l, 200, request{method: "GET", path: "/v1/roster?from=2"}}, {l, 400, request{method: "GET", path: "/v1/roster?from=x"}},
		{l, 403, request{method: "POST", path: "/v1/roster"}}, {above, 409, request{method: "POST", path: "/v1/roster", body: stringsOf(t, s.Roster.Records(0))}},
		{above, 200, request{method: "GET", path: "/v1/devices/" + s.Monitor.ID.String() + "/feeds"}},
		{above, 200, request{method: "GET", path: "/v1/devices/" + s.Monitor.ID.String() + "/feeds", header: asJSON}},
		{above, 404, request{method: "GET", path: "/v1/devices/x/feeds"}},
		{above, 400, request{method: "POST", path: "/v1/invitations", body: []byte("x")}},
		{above, 204, request{method: "POST", path: "/v1/invitations", body: message(t, syncproto.Invitation{ID: syncproto.Nonce{1}, Expires: 1 << 61})}},
		{above, 200, request{method: "GET", path: "/v1/enrolments"}},
		{above, 204, request{method: "DELETE", path: "/v1/enrolments/" + syncproto.Nonce{1}.String()}},
		{above, 404, request{method: "DELETE", path: "/v1/enrolments/" + syncproto.Nonce{1}.String()}},
		{l, 200, request{method: "GET", path: "/v1/scopes"}}, {l, 200, request{method: "GET", path: "/v1/scopes", header: asJSON}},
		{l, 200, request{method: "POST", path: "/v1/scopes/" + scope + "/offer", body: message(t, syncproto.Offer{})}},
		{l, 400, request{method: "POST", path: "/v1/scopes/" + scope + "/offer", body: []byte{0xff}}},
		{l, 413, request{method: "POST", path: "/v1/scopes/" + scope + "/push", body: make([]byte, largeBody+1)}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/pull"}}, {l, 404, request{method: "GET", path: "/v1/scopes/x/pull"}},
		{revoked, 403, request{method: "GET", path: "/v1/scopes/" + scope + "/pull"}},
		{l, 204, request{method: "POST", path: "/v1/scopes/" + scope + "/redactions", body: redaction}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/attention"}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/attention", header: asJSON}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/history?entity=" + e.String()}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/history?entity=" + e.String(), header: asJSON}},
		{l, 400, request{method: "GET", path: "/v1/scopes/" + scope + "/history"}},
		{l, 200, request{method: "GET", path: "/v1/scopes/" + scope + "/snapshot"}},
		{l, 404, request{method: "GET", path: "/v1/scopes/" + scope + "/chunk/" + chunk}}, // redacted meanwhile
		{l, 204, request{method: "PUT", path: path, body: data, header: piece}},
		{l, 400, request{method: "PUT", path: path, body: data}},
		{l, 409, request{method: "PUT", path: blobPath(hashOf([]byte("other")), v.Scope), body: []byte("o"), header: map[string]string{offsetHeader: "3", lengthHeader: "5"}}},
		{l, 204, request{method: "HEAD", path: path}}, {l, 404, request{method: "HEAD", path: blobPath(hashOf(nil), v.Scope)}},
		{l, 200, request{method: "GET", path: path}}, {l, 206, request{method: "GET", path: path, header: map[string]string{"Range": "bytes=2-"}}},
		{l, 416, request{method: "GET", path: path, header: map[string]string{"Range": "bytes=9-"}}},
		{l, 304, request{method: "GET", path: path, header: map[string]string{"If-None-Match": `"` + hashOf(data).String() + `"`}}},
		{l, 200, request{method: "POST", path: "/v1/bundles", body: bundle(t, s.Monitor.Key, packetItems(one)...)}},
		{l, 400, request{method: "POST", path: "/v1/bundles", body: []byte("x")}},
		{l, 200, request{method: "GET", path: "/v1/watch"}}, {l, 200, request{method: "GET", path: "/v1/watch", header: asJSON}},
		{l, 400, request{method: "GET", path: "/v1/watch?since=x"}},
	} {
		var a answer
		if step.by == nil {
			a = s.send(step.q)
		} else {
			a = step.by.send(step.q)
		}
		if a.status != step.want {
			t.Errorf("%s %s answered %v, want %d", step.q.method, step.q.path, a, step.want)
		}
	}
	now := l.snapshot(v.Scope).Chunks[0].Hash
	for span, want := range map[string]int{"": 200, "bytes=5-": 206, "bytes=99999999-": 416} {
		if a := l.chunk(v.Scope, now, span); a.status != want {
			t.Errorf("chunk %q: %d, want %d", span, a.status, want)
		}
	}
	d.complete()
}

// complete wants every door to have answered well at least once.
func (d *description) complete() {
	d.t.Helper()
	for path, item := range d.doc.Paths.Map() {
		for method, o := range item.Operations() {
			for status := range o.Responses.Map() {
				if strings.HasPrefix(status, "20") && !d.seen[method+" "+path+" "+status] && path != "/v1/enrol" {
					d.t.Errorf("%s %s never answered %s", method, path, status)
				}
			}
		}
	}
}
