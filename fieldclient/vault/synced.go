package vault

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrSynced says that a data folder lies where another program copies it to a network: copies of the sealed store would
// leave the laptop, and come back as if it had been restored.
var ErrSynced = errors.New("the data folder lies in a folder that another program copies to a network")

// clouds are names of folders that such programs make, in lower case.
var clouds = []string{"onedrive", "dropbox", "iclouddrive", "icloud drive", "mobile documents", "google drive", "googledrive", "yandex.disk", "yandexdisk", "nextcloud", "mega"}

// SyncedBy returns the folder above, or at, dir that another program copies to a network, or "". It goes by names and
// marks: it can be deceived, but not by accident.
func SyncedBy(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for at := abs; ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil && real != at {
			if found := SyncedBy(real); found != "" {
				return found
			}
		}
		if named(filepath.Base(at)) || marked(at) {
			return at
		}
		if filepath.Dir(at) == at {
			return ""
		}
	}
}

func named(base string) bool {
	base = strings.ToLower(base)
	for _, c := range clouds {
		// "OneDrive - Ministry", "Dropbox (Team)" and such
		if base == c || strings.HasPrefix(base, c+" ") || strings.HasPrefix(base, c+"-") {
			return true
		}
	}
	return false
}

// marked reports whether a program left its mark in a folder, or says by the environment that the folder is its own.
func marked(dir string) bool {
	for _, mark := range []string{".dropbox", ".dropbox.cache", ".sync_journal.db", ".stfolder"} {
		if _, err := os.Lstat(filepath.Join(dir, mark)); err == nil && !isHome(dir) {
			return true
		}
	}
	for _, name := range []string{"OneDrive", "OneDriveCommercial", "OneDriveConsumer"} {
		if at := os.Getenv(name); at != "" && runtime.GOOS == "windows" && strings.EqualFold(filepath.Clean(at), dir) {
			return true
		}
	}
	return false
}

// isHome keeps apart the folder ~/.dropbox, where Dropbox has its settings, from its mark in the synced folder.
func isHome(dir string) bool {
	home, err := os.UserHomeDir()
	return err == nil && filepath.Clean(home) == dir
}
