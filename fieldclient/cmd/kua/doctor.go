package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient/vault"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func (a *app) doctor() *cobra.Command {
	return a.command(&cobra.Command{Use: "doctor", Short: "Check this laptop: permissions, swap, strangers in the data folder",
		Long: "Check this laptop without unlocking it: permissions, swap, strangers in the data folder, strength of the key file.\n" +
			"The exit code is 1 where something should be mended."},
		func(context.Context, []string) error {
			list := []finding{a.checkFolder(a.data), a.checkStrangers(), a.checkState(), checkKeyFile(filepath.Join(a.data, "keys")), checkSwap("/proc/swaps"),
				a.checkFolder(filepath.Join(a.data, "blobs"))}
			err := a.print(list, func(w io.Writer) {
				for _, f := range list {
					mark := "ok    "
					if !f.OK {
						mark = "MEND  "
					}
					fmt.Fprintf(w, "%s%-18s %s\n", mark, f.Check, f.Detail)
					if f.Remedy != "" {
						fmt.Fprintf(w, "      %-18s → %s\n", "", f.Remedy)
					}
				}
			})
			if err == nil && slices.ContainsFunc(list, func(f finding) bool { return !f.OK }) {
				err = errMend
			}
			return err
		})
}

var errMend = errors.New("something on this laptop should be mended")

// checkFolder looks whether others can look into a folder of ours. That of sealed originals need not be there: it is made at the
// next unlock.
func (a *app) checkFolder(dir string) finding {
	f := finding{Check: "data folder", Detail: dir}
	if dir != a.data {
		f.Check = "sealed originals"
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) && dir != a.data {
		f.OK, f.Detail = true, "none"
		return f
	}
	if err != nil {
		f.Detail, f.Remedy = err.Error(), "run `kua setup`, or name the folder with --data"
		return f
	}
	var open []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	if info.Mode().Perm()&0o077 != 0 {
		open = append(open, dir)
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && i.Mode().Perm()&0o077 != 0 {
			open = append(open, e.Name())
		}
	}
	f.OK = len(open) == 0 || runtime.GOOS == "windows"
	if !f.OK {
		f.Detail, f.Remedy = "other users can look into "+strings.Join(open, ", "), "run chmod -R go= "+dir
	}
	return f
}

func (a *app) checkStrangers() finding {
	own := []string{"keys", "keys.new", "lock", "blobs", "store.db", "store.db-wal", "store.db-shm", "store.db-journal", "store.new", "store.new-wal", "store.new-shm"}
	f := finding{Check: "strangers", OK: true, Detail: "only Kua's own files are in the data folder"}
	entries, err := os.ReadDir(a.data)
	if err != nil {
		f.Detail = "nothing to look at"
		return f
	}
	var strangers []string
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			strangers = append(strangers, e.Name())
		}
	}
	blobs, err := os.ReadDir(filepath.Join(a.data, "blobs"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.OK, f.Detail = false, err.Error()
		return f
	}
	for _, e := range blobs {
		if !vault.IsBlobName(e.Name()) {
			strangers = append(strangers, filepath.Join("blobs", e.Name()))
		}
	}
	if len(strangers) > 0 {
		f.OK, f.Detail, f.Remedy = false, "not Kua's: "+strings.Join(strangers, ", "), "look what it is, and move it elsewhere: it may be readable"
	}
	return f
}

func (a *app) checkState() finding {
	f := finding{Check: "state folder", OK: true, Detail: a.state}
	data, err1 := filepath.Abs(a.data)
	state, err2 := filepath.Abs(a.state)
	if rel, err := filepath.Rel(data, state); errors.Join(err1, err2, err) == nil && !strings.HasPrefix(rel, "..") {
		f.OK, f.Detail, f.Remedy = false, a.state+" lies inside the data folder", "choose another with --state: it tells a copy from the original"
	}
	return f
}

// checkKeyFile reads the cost of the passphrase from the key file's header, which is not secret: magic 8, version 2,
// zero 2, memory in KiB 4, passes 4.
func checkKeyFile(path string) finding {
	const floorKiB = 64 << 10
	f := finding{Check: "key file", Detail: "there is none"}
	b, err := readBounded(path)
	if err != nil || len(b) < 20 || string(b[:8]) != "KuaVault" {
		f.Remedy = "run `kua setup`, or put back a backup"
		return f
	}
	kib, passes := binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])
	f.OK, f.Detail = kib >= floorKiB, fmt.Sprintf("Argon2id with %d MiB, %d passes", kib>>10, passes)
	if !f.OK {
		f.Detail, f.Remedy = fmt.Sprintf("made for tests: Argon2id with only %d KiB", kib), "never keep real work in it: set up a new laptop without KUA_TEST_KDF"
	}
	return f
}

func checkSwap(path string) finding {
	f := finding{Check: "swap", OK: true, Detail: "none"}
	if runtime.GOOS != "linux" {
		f.Detail = "not checked on " + runtime.GOOS + ": encrypt the whole disk"
		return f
	}
	file, err := os.Open(path)
	if err != nil {
		f.Detail = "cannot be read here: encrypt the whole disk"
		return f
	}
	defer file.Close()
	var clear []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		name, _, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/dev/zram") && !strings.HasPrefix(name, "/dev/dm-") {
			clear = append(clear, name)
		}
	}
	if len(clear) > 0 {
		f.OK, f.Detail, f.Remedy = false, "may hold plain memory: "+strings.Join(clear, ", "), "encrypt the whole disk with its swap, or turn swap off"
	}
	return f
}
