package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Wipe makes the vault unreadable for good, to anybody, at once: it overwrites and removes the key file, then the file
// outside, and then removes the rest. It needs no passphrase and works on a damaged vault. It goes on after an error
// and returns all of them. A vault that this process has open is wiped by its own Wipe.
func Wipe(cfg Config) error {
	cfg = cfg.withDefaults()
	b, _ := os.ReadFile(cfg.path(keysName))
	errs := []error{wipeKeys(cfg)}
	if f, err := parseKeyFile(b); err == nil {
		errs = append(errs, shred(cfg, outsidePath(cfg, f.id)))
	}
	errs = append(errs, removeStore(cfg))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("wiping the vault in %s: %w", cfg.Dir, err)
	}
	return nil
}

// Wipe is as the function Wipe, and closes the vault. The key file goes first, whatever is running; then it waits for
// running reads and writes, but no longer than ctx.
func (v *Vault) Wipe(ctx context.Context) error {
	v.keyMu.Lock()
	v.gone = true
	errs := []error{wipeKeys(v.cfg), shred(v.cfg, v.outsidePath())}
	v.keyMu.Unlock()
	if v.shut() {
		closed := make(chan error, 1)
		go func() {
			v.running.Wait()
			closed <- v.release()
		}()
		select {
		case err := <-closed:
			errs = append(errs, err)
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
	}
	errs = append(errs, removeStore(v.cfg))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("wiping the vault in %s: %w", v.cfg.Dir, err)
	}
	return nil
}

func wipeKeys(cfg Config) error {
	return errors.Join(shred(cfg, cfg.path(keysName)), shred(cfg, cfg.path(newKeysName)), syncDir(cfg.Dir))
}

// shred overwrites and removes a file, or a link but not what it points to.
func shred(cfg Config, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().IsRegular() {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_RDWR, 0); err == nil {
			err = errors.Join(overwrite(f, cfg.Rand), f.Close())
		}
	}
	return errors.Join(err, os.Remove(path))
}

// removeStore removes what cannot be read any more.
func removeStore(cfg Config) error {
	var errs []error
	for _, name := range []string{storeName, newStoreName} {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			errs = append(errs, os.Remove(cfg.path(name+suffix)))
		}
	}
	errs = append(errs, removeBlobs(cfg), os.Remove(cfg.path(lockName)))
	for i, err := range errs {
		if errors.Is(err, os.ErrNotExist) {
			errs[i] = nil
		}
	}
	return errors.Join(append(errs, syncDir(cfg.Dir))...)
}
