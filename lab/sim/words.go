package sim

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// noWords holds that nothing that anybody typed is on any disk in clear (I15).
func (w *World) noWords(dir string) {
	w.T.Helper()
	mark := fmt.Appendf(nil, "zq%dx", w.Seed)
	w.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, mark) {
			w.failf("I15: %s holds words in clear", filepath.Base(path))
		}
		return err
	}))
}
