//go:build unix

package web

import (
	"fmt"
	"net"
	"os"
	"os/exec"
)

// canInherit says that a process can hand an open port to another: nobody else can take the port between a lock and the
// next unlock, and an open page comes back by itself.
const canInherit = true

// inherit gives the port to a process that is about to be started, as its file 3.
func inherit(cmd *exec.Cmd, l net.Listener) error {
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("handing on the port: %w", err)
	}
	cmd.ExtraFiles = []*os.File{f}
	return nil
}

// Inherited returns the port that the host handed to this process.
func Inherited() (net.Listener, error) {
	f := os.NewFile(3, "port")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking over the port: %w", err)
	}
	return l, nil
}
