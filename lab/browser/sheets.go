package browser

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kua/syncproto"
)

// sheet is a page of an unlocked laptop that can be opened by its address.
type sheet struct {
	name    string
	pattern string // as in routes.go
	path    string // "" where it is that of the pattern with the world's ids put in
}

// sheets are all pages that a member opens by address.
func (w *World) sheets() []sheet {
	return []sheet{
		{name: "today", pattern: "/today"},
		{name: "settings", pattern: "/settings"},
		{name: "new-visit", pattern: "/visits/new"},
		{name: "prepare", pattern: "/visits/{visit}/prepare"},
		{name: "entry", pattern: "/visits/{visit}/entry"},
		{name: "followups", pattern: "/visits/{visit}/followups"},
		{name: "observations", pattern: "/visits/{visit}/observations"},
		{name: "documents", pattern: "/visits/{visit}/documents"},
		{name: "protect", pattern: "/visits/{visit}/protect"},
		{name: "interviews", pattern: "/visits/{visit}/interviews"},
		{name: "interview", pattern: "/visits/{visit}/interviews/{interview}"},
		{name: "identity", pattern: "/visits/{visit}/interviews/{interview}/identity"},
		{name: "evidence", pattern: "/visits/{visit}/evidence"},
		{name: "photo", pattern: "/visits/{visit}/evidence/{evidence}"},
		{name: "debrief", pattern: "/visits/{visit}/debrief"},
		{name: "findings", pattern: "/visits/{visit}/findings"},
		{name: "recommendations", pattern: "/visits/{visit}/recommendations"},
		{name: "checklists", pattern: "/visits/{visit}/checklists"},
		{name: "checklist-first", pattern: "/visits/{visit}/checklists/{list}/section/{section}", path: w.list() + "/section/0"},
		{name: "checklist-second", pattern: "/visits/{visit}/checklists/{list}/section/{section}", path: w.list() + "/section/1"},
		{name: "checklist-one", pattern: "/visits/{visit}/checklists/{list}/one/{number}", path: w.list() + "/one/2"},
		{name: "checklist-check", pattern: "/visits/{visit}/checklists/{list}/check"},
		{name: "checklist-version", pattern: "/visits/{visit}/checklists/{list}/version"},
		{name: "checklist-print", pattern: "/visits/{visit}/checklists/{list}/print"},
		{name: "attention", pattern: "/attention"},
		{name: "visit-attention", pattern: "/visits/{visit}/attention"},
		{name: "settle", pattern: "/at/{scope}/{entity}/{field}", path: "/at/" + w.Visit + "/" + w.Visit + "/" + numberOf(w.T, "visit", "population")},
		{name: "history", pattern: "/at/{scope}/{entity}/{field}", path: "/at/" + w.Visit + "/" + w.Visit + "/" + numberOf(w.T, "visit", "title")},
		{name: "search", pattern: "/search"},
		{name: "sync", pattern: "/sync"},
		{name: "wipe", pattern: "/wipe"},
	}
}

func (w *World) pathOf(s sheet) string {
	if s.path != "" {
		return s.path
	}
	return strings.NewReplacer("{visit}", w.Visit, "{facility}", w.Facility, "{list}", w.Checklist, "{interview}", w.Interview, "{evidence}", w.Photo).Replace(s.pattern)
}

// list is the path of the visit's checklist.
func (w *World) list() string { return "/visits/" + w.Visit + "/checklists/" + w.Checklist }

// noPages are doors that answer with no page of their own, and why.
var noPages = map[string]string{
	"/static/{name}":  "style, script, fonts",
	"/events":         "a stream",
	"/{$}":            "leads on to where the laptop stands",
	"/visits/{visit}": "leads on to where the visit stands",
	"/sync/progress":  "the moving part of /sync",

	"/visits/{visit}/evidence/{evidence}/picture/{side}": "a picture",
	"/visits/{visit}/evidence/{evidence}/sound":          "a sound",

	"/visits/{visit}/checklists/{list}": "leads on to the first section that is open",
}

// numberOf is a field's number in the vocabulary, by which addresses name it.
func numberOf(t testing.TB, kind, name string) string {
	t.Helper()
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(name)
	must(t, err)
	return strconv.FormatUint(uint64(f.ID), 10)
}

// doors are the patterns of all GET doors in the program's routes.go.
func doors(t testing.TB) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "fieldclient", "web", "routes.go"), nil, 0)
	must(t, err)
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		row, ok := n.(*ast.CompositeLit)
		if !ok || len(row.Elts) != 3 {
			return true
		}
		if s, ok := row.Elts[0].(*ast.BasicLit); ok && s.Kind == token.STRING {
			pattern, err := strconv.Unquote(s.Value)
			must(t, err)
			if path, ok := strings.CutPrefix(pattern, "GET "); ok {
				out = append(out, path)
			}
		}
		return true
	})
	return out
}
