package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	keysName     = "keys"
	storeName    = "store.db"
	lockName     = "lock"
	newKeysName  = "keys.new"
	newStoreName = "store.new"
)

// makeDir makes the data folder, and what it lies in, for the user only.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return checkDir(dir)
}

// checkDir refuses a folder that others can look into, or that may not be the one it seems.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder itself: give the folder's own path, not that of a link or file", dir)
	}
	return checkOwner(dir, info, 0o700)
}

// checkFile refuses a file that is a link, or that others can open.
func checkFile(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: put the file itself in its place", path)
	}
	return checkOwner(path, info, 0o600)
}

func checkOwner(path string, info os.FileInfo, mode os.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil // the folder's access list does this; mode bits mean nothing
	}
	if !ownFile(info) {
		return fmt.Errorf("%s belongs to another user: run Kua as that user, or choose another folder", path)
	}
	if perm := info.Mode().Perm(); perm&^mode != 0 {
		return fmt.Errorf("%s is open to other users (mode %04o): run chmod %04o %s", path, perm, mode, path)
	}
	return nil
}

func makeStateDir(cfg Config) error {
	if cfg.StateDir == "" {
		return errors.New("no state folder is given: name one outside the data folder")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return err
	}
	state, err := filepath.Abs(cfg.StateDir)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(dir, state); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("the state folder %s lies inside the data folder: it could not tell a copy from the original there", cfg.StateDir)
	}
	return os.MkdirAll(state, 0o700)
}

// lockDir takes the vault for this process. The system lets go of the lock when the process ends, however it does.
func lockDir(cfg Config) (*os.File, error) {
	path := cfg.path(lockName)
	if err := checkFile(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeFile writes a file under a temporary name and renames it: after it returns nil the file is durable, and at every
// moment path is the old file or the new one.
func writeFile(temp, path string, b []byte) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replaceFile is writeFile, and overwrites the blocks of the old file. On Windows, which does not rename over an open
// file, they are only freed.
func replaceFile(cfg Config, temp, path string, b []byte) error {
	var old *os.File
	if runtime.GOOS != "windows" {
		var err error
		if old, err = os.OpenFile(path, os.O_RDWR, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := writeFile(temp, path, b); err != nil {
		if old != nil {
			old.Close()
		}
		return err
	}
	if old == nil {
		return nil
	}
	return errors.Join(overwrite(old, cfg.Rand), old.Close())
}

// overwrite fills a file with random bytes, durably.
func overwrite(f *os.File, rand io.Reader) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(rand, b); err != nil {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a rename durable. Windows has no such call, and needs none on NTFS.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
