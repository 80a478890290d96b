package web

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"regexp"
	"testing"
)

func TestVendoredFilesAreAsTheyWerePublished(t *testing.T) {
	list, err := files.ReadFile("static/VENDOR.md")
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]string{"VENDOR.md": "", "kua.css": "", "checklist.css": "", "checklist.js": "", "evidence.js": "", "kua.js": "", "kua.svg": ""} // ours
	for _, m := range regexp.MustCompile(`(?m)^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(list), -1) {
		recorded[m[1]] = m[2]
	}
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		want, ok := recorded[e.Name()]
		b, err := files.ReadFile("static/" + e.Name())
		switch {
		case err != nil:
			t.Fatal(err)
		case !ok:
			t.Errorf("%s is not in VENDOR.md", e.Name())
		case want != "" && want != fmt.Sprintf("%x", sha256.Sum256(b)):
			t.Errorf("%s is not the file that VENDOR.md records", e.Name())
		}
	}
}
