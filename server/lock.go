package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const lockFile = "lock"

// ErrInUse says that another process works in a data folder.
var ErrInUse = errors.New("a server or a command works in this data folder: stop it first")

// lockFolder takes a data folder for this process. The lock ends with the file that it returns, or with the process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := tryLock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	return f, nil
}
