package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// attachments compares each sealed original of a folder with the SHA-256 that is its name. Which record names it is sealed: that
// and what it opens to, a holder of the visit key checks with `kua verify`.
func (r *report) attachments(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		want, err := hex.DecodeString(e.Name())
		if err != nil || len(want) != sha256.Size || !e.Type().IsRegular() {
			r.fault("%q: it is no sealed original", e.Name())
			continue
		}
		got, err := sumOf(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if got != hex.EncodeToString(want) {
			r.fault("sealed original %s: its SHA-256 is %s", e.Name(), got)
			continue
		}
		r.Originals++
	}
	return nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("reading a sealed original: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
