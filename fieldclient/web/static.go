package web

import (
	"embed"
	"mime"
	"net/http"
	"path"
)

// Everything that a page loads is in the program: see static/VENDOR.md for what comes from others.
//
//go:embed static
var files embed.FS

func static(a *ask) error {
	name := a.PathValue("name")
	b, err := files.ReadFile("static/" + path.Base(name))
	if err != nil {
		return errNoPage
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // the system's table may say something else
	case ".woff2":
		kind = "font/woff2"
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	}
	a.w.Header().Set("Content-Type", kind)
	a.w.WriteHeader(http.StatusOK)
	_, _ = a.w.Write(b)
	return nil
}
