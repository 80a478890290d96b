//go:build unix

package server

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func tryLock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrInUse
	}
	return err
}

// unlock gives the file up and closes it. Closing alone does not: a program that is being started holds a copy of the
// descriptor for a moment, and the lock with it.
func unlock(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// syncOpenFolder makes names in a folder durable.
func syncOpenFolder(dir *os.File) error { return dir.Sync() }
