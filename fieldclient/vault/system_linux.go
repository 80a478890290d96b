package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// identity tells a file from its copies: it stays while the file is written, moved within its file system or the
// machine restarted. The number of the device would not.
func identity(path string) (id [32]byte, err error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return id, fmt.Errorf("looking at %s: %w", path, err)
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		st.Btime = unix.StatxTimestamp{}
	}
	return sha256.Sum256(fmt.Appendf(nil, "linux %d %d %d", st.Ino, st.Btime.Sec, st.Btime.Nsec)), nil
}

// Harden keeps the memory of the process out of core dumps, crash reports and other processes of the same user. Call it
// first of all, before any secret is read. An error tells what could not be had; it is no reason to stop.
func Harden() error {
	debug.SetTraceback("none")
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}
