package web

import (
	"os"
	"os/exec"

	"golang.org/x/sys/windows"
)

func lockLease(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
}

// ours is true: the folders lie in the user's own temporary folder.
func ours(os.FileInfo) bool { return true }

// lend does nothing: files that a living browser has open cannot be removed here.
func (d *runDir) lend(*exec.Cmd) {}
