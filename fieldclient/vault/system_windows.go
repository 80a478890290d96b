package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/windows"
)

// tryLock takes the file for this process or fails with ErrLocked.
func tryLock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	if err != nil {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return nil
}

// unlock gives the file up and closes it.
func unlock(f *os.File) error { return f.Close() }

func ownFile(os.FileInfo) bool { return true }

// identity tells a file from its copies: it stays while the file is written, moved within its volume or the machine
// restarted.
func identity(path string) (id [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return id, err
	}
	defer f.Close()
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return id, fmt.Errorf("looking at %s: %w", path, err)
	}
	return sha256.Sum256(fmt.Appendf(nil, "windows %d %d %d %d", info.VolumeSerialNumber, info.FileIndexHigh, info.FileIndexLow,
		info.CreationTime.Nanoseconds())), nil
}

// Harden keeps the memory of the process out of crash reports. Call it first of all, before any secret is read.
func Harden() error {
	debug.SetTraceback("none")
	windows.SetErrorMode(windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX)
	return nil
}
