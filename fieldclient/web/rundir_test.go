//go:build unix

package web

import (
	"os"
	"path/filepath"
	"testing"
)

// dead makes the folder of a run that was killed.
func dead(t *testing.T, what string) string {
	t.Helper()
	d, err := newRunDir(what)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(d.path, "word"), nil, 0o600))
	check(t, d.lease.Close())
	return d.path
}

func TestTheNextStartRemovesTheFoldersOfDeadRunsAndNothingElse(t *testing.T) {
	memory := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", memory)
	outside := filepath.Join(t.TempDir(), "mine")
	check(t, os.WriteFile(outside, nil, 0o600))
	gone := []string{dead(t, "browser"), dead(t, "launch")}
	check(t, os.Symlink(outside, filepath.Join(gone[0], "word2")))

	living, err := newRunDir("browser")
	check(t, err)
	elsewhere := filepath.Join(t.TempDir(), "folder")
	check(t, os.Rename(dead(t, "browser"), elsewhere))
	link := filepath.Join(memory, runPrefix+"browser-link")
	check(t, os.Symlink(elsewhere, link))
	open := dead(t, "browser")
	check(t, os.Chmod(open, 0o770))
	bare := filepath.Join(memory, runPrefix+"browser-bare")
	check(t, os.Mkdir(bare, 0o700))
	linked := filepath.Join(memory, runPrefix+"browser-linked")
	check(t, os.Mkdir(linked, 0o700))
	check(t, os.Symlink(filepath.Join(elsewhere, leaseName), filepath.Join(linked, leaseName)))
	begun := dead(t, "browser") // between its making and its lease
	check(t, os.Rename(filepath.Join(begun, leaseName), filepath.Join(begun, leaseName+".new")))
	other := filepath.Join(memory, "kua-other")
	check(t, os.Rename(dead(t, "browser"), other))

	check(t, sweepRuns())
	for _, path := range gone {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s of a dead run stays: %v", path, err)
		}
	}
	for what, path := range map[string]string{"a living run": living.path, "what a link leads to": elsewhere, "a link": link, "a folder that others write into": open,
		"a folder without a lease": bare, "a folder whose lease is a link": linked, "a run that begins": begun, "another program's": other, "a file outside": outside} {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s was removed: %v", what, err)
		}
	}
	check(t, living.remove())
	if _, err := os.Lstat(living.path); !os.IsNotExist(err) {
		t.Errorf("a run leaves its folder: %v", err)
	}
}

func TestABrowserThatOutlivesItsProgramKeepsItsProfile(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "browser")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\nexec sleep 600\n"), 0o700))
	w, err := (&Browser{Path: path}).open(nil, filepath.Join(t.TempDir(), "open.html"))
	check(t, err)
	check(t, w.dir.lease.Close()) // the program is killed
	check(t, sweepRuns())
	if _, err := os.Stat(w.profile); err != nil {
		t.Errorf("the profile of a living browser: %v", err)
	}
	check(t, w.process.Kill())
	<-w.gone
	check(t, sweepRuns())
	if _, err := os.Stat(w.profile); !os.IsNotExist(err) {
		t.Errorf("the profile of a dead browser stays: %v", err)
	}
}
