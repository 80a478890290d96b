//go:build unix

package web

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func lockLease(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// ours reports whether a file is this user's, and nobody else can write or read it.
func ours(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

// lend gives the lease to a program that is about to be started: a browser may outlive the program that opened it.
func (d *runDir) lend(cmd *exec.Cmd) { cmd.ExtraFiles = append(cmd.ExtraFiles, d.lease) }
