package tilelog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// maxMark bounds the high-water file; a checkpoint of ours has about 250 bytes.
const maxMark = 8 << 10

// readHighWater returns the file's content, or nil if there is no file.
func readHighWater(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading high-water file: %w", err)
	}
	defer f.Close()
	mark, err := io.ReadAll(io.LimitReader(f, maxMark+1))
	if err != nil {
		return nil, fmt.Errorf("reading high-water file: %w", err)
	}
	if len(mark) > maxMark {
		return nil, fmt.Errorf("reading high-water file %s: larger than %d bytes", path, maxMark)
	}
	if mark == nil {
		mark = []byte{}
	}
	return mark, nil
}

// writeHighWater replaces the file so that a crash leaves the old or the new content, and returns once it is on disk.
func writeHighWater(path string, mark []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("writing high-water file: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("writing high-water file: %w", err)
		}
	}()
	if _, err := f.Write(mark); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// decimal reads a non-negative number as C2SP writes it: no sign, no leading zero.
func decimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("not a decimal number")
	}
	return n, nil
}
