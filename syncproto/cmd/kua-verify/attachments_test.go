package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASealedOriginalThatIsNotWhatItsNameSaysIsAFault(t *testing.T) {
	k := newKit(t)
	bundle := k.write("all.kua", k.Coordinator.Key, k.items())
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("sealed"))
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(hex.EncodeToString(sum[:]), "sealed")
	r, err := k.verify("--attachments", dir, bundle)
	if err != nil || r.Originals != 1 {
		t.Fatalf("%v: %d originals, %q", err, r.Originals, r.Faults)
	}
	put(strings.Repeat("ab", 32), "spoiled")
	put("notes.txt", "a stranger")
	r, err = k.verify("--attachments", dir, bundle)
	if !errors.Is(err, errFaults) || r.Originals != 1 || len(r.Faults) != 2 {
		t.Fatalf("%v: %d originals, %q", err, r.Originals, r.Faults)
	}
	if _, err := k.verify("--attachments", filepath.Join(dir, "none"), bundle); err == nil {
		t.Error("a folder that is not there holds")
	}
}
