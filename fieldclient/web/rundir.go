package web

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Folders of one run: the browser's throw-away profile and the launch file. Each has a lease, a file that is locked for as
// long as the program or its browser lives. A program that is killed removes nothing; the next one removes the folders
// whose lease nobody holds, and nothing else.

// runDir is a folder of this run.
type runDir struct {
	path  string
	lease *os.File
}

const (
	runPrefix = "kua-run-"
	leaseName = "kua-lease"
)

// newRunDir makes a folder for this user only, where possible in memory.
func newRunDir(what string) (*runDir, error) {
	dir, err := os.MkdirTemp(memoryDir(), runPrefix+what+"-")
	if err != nil {
		return nil, err
	}
	d := &runDir{path: dir}
	if err := d.take(); err != nil {
		return nil, errors.Join(fmt.Errorf("making the folder %s: %w", dir, err), d.remove())
	}
	return d, nil
}

// take makes the lease. It has its name only once it is locked, so that no other program finds it free.
func (d *runDir) take() (err error) {
	name := filepath.Join(d.path, leaseName)
	if d.lease, err = os.OpenFile(name+".new", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := lockLease(d.lease); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// remove throws the folder away.
func (d *runDir) remove() error {
	if d.lease != nil {
		d.lease.Close()
	}
	return os.RemoveAll(d.path)
}

// sweepRuns removes the folders of runs that are over. What it cannot be sure of stays: what somebody else owns or could
// write into, a link, a folder without a lease.
func sweepRuns() error {
	found, err := os.ReadDir(memoryDir())
	if err != nil {
		return err
	}
	var failed error
	for _, e := range found {
		if path := filepath.Join(memoryDir(), e.Name()); strings.HasPrefix(e.Name(), runPrefix) {
			failed = errors.Join(failed, sweepRun(path))
		}
	}
	return failed
}

func sweepRun(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !ours(info) {
		return nil
	}
	lease := filepath.Join(path, leaseName)
	if info, err = os.Lstat(lease); err != nil || !info.Mode().IsRegular() || !ours(info) {
		return nil
	}
	f, err := os.OpenFile(lease, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	if lockLease(f) != nil {
		return f.Close() // it lives
	}
	d := &runDir{path, f}
	return d.remove()
}
