package vault

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// identity tells a file from its copies: it stays while the file is written, moved within its file system or the
// machine restarted.
func identity(path string) (id [32]byte, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return id, fmt.Errorf("looking at %s: %w", path, err)
	}
	return sha256.Sum256(fmt.Appendf(nil, "darwin %d %d %d", st.Ino, st.Btim.Sec, st.Btim.Nsec)), nil
}

// Harden keeps the memory of the process out of core dumps and away from debuggers. Call it first of all, before any
// secret is read. An error tells what could not be had; it is no reason to stop.
func Harden() error {
	debug.SetTraceback("none")
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.PtraceDenyAttach(),
	)
}
