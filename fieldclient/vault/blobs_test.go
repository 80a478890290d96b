package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func mustBlob(t *testing.T, v *Vault, b []byte) BlobHash {
	t.Helper()
	w, err := v.NewBlob()
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(b)
	if err == nil {
		_, err = w.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.Keep()
	if err != nil || kept.Hash != sha256.Sum256(b) || kept.Size != int64(len(b)) {
		t.Fatal(kept, err)
	}
	return kept.Hash
}

func blobNames(t *testing.T, cfg Config) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(cfg.Dir, blobsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	return names
}

func TestAnAttachmentIsThereUnderItsHashAfterUnlockingAgain(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	want := bytes.Repeat([]byte("sealed "), 50_000)
	h := mustBlob(t, v, want)
	mustClose(t, v)
	v = mustOpen(t, cfg)
	f, size, err := v.OpenBlob(h)
	if err != nil || size != int64(len(want)) {
		t.Fatal(size, err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Error(len(got), err)
	}
	if err := v.RemoveBlob(h); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.OpenBlob(h); !errors.Is(err, ErrNotFound) {
		t.Errorf("after removing: %v", err)
	}
}

func TestWhatWasHalfSealedIsSweptAndWhatWasHalfFetchedGoesOn(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	w, err := v.NewBlob()
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("half"))
	w.f.Close() // as a kill leaves it
	want := []byte("fetched in two halves")
	h := BlobHash(sha256.Sum256(want))
	part, n, err := v.PartBlob(h)
	if err != nil || n != 0 {
		t.Fatal(n, err)
	}
	part.Write(want[:9])
	part.Close()
	mustClose(t, v)
	v = mustOpen(t, cfg)
	if names := blobNames(t, cfg); len(names) != 1 || names[0] != h.String()+partSuffix {
		t.Fatalf("the folder holds %v", names)
	}
	if _, ok := v.HasBlob(h); ok {
		t.Error("a half counts as the whole")
	}
	part, n, err = v.PartBlob(h)
	if err != nil || n != 9 {
		t.Fatal(n, err)
	}
	part.Write(want[9:])
	part.Close()
	if err := v.KeepPart(h); err != nil {
		t.Fatal(err)
	}
	if _, ok := v.HasBlob(h); !ok {
		t.Error("the whole does not count")
	}
}

func TestFetchedBytesThatAreNotWhatTheirNameSaysAreThrownAway(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	h := BlobHash(sha256.Sum256([]byte("right")))
	part, _, err := v.PartBlob(h)
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte("wrong"))
	part.Close()
	if err := v.KeepPart(h); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
	if names := blobNames(t, cfg); len(names) != 0 {
		t.Errorf("the folder holds %v", names)
	}
}

func TestDiscardingLeavesNothing(t *testing.T) {
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	w, err := v.NewBlob()
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("half"))
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	h := mustBlob(t, v, []byte("kept"))
	if names := blobNames(t, cfg); len(names) != 1 || names[0] != h.String() {
		t.Errorf("the folder holds %v", names)
	}
}

func TestAFolderOfAttachmentsThatOthersCanLookIntoIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mode bits mean nothing there")
	}
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	h := mustBlob(t, v, []byte("sealed"))
	dir := filepath.Join(cfg.Dir, blobsName)
	if err := os.Chmod(filepath.Join(dir, h.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.OpenBlob(h); err == nil {
		t.Error("a file that others can read was opened")
	}
	mustClose(t, v)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if v, err := Open(t.Context(), cfg, passphrase); err == nil {
		v.Close()
		t.Error("opened beside a folder that others can list")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if v, err := Open(t.Context(), cfg, passphrase); err == nil {
		v.Close()
		t.Error("opened beside a link")
	}
}

func TestWipingRemovesAttachmentsAndSparesStrangers(t *testing.T) {
	for _, open := range []bool{true, false} {
		cfg := newConfig(t)
		v, _ := mustCreate(t, cfg)
		h := mustBlob(t, v, []byte("sealed"))
		part, _, err := v.PartBlob(BlobHash{1})
		if err != nil {
			t.Fatal(err)
		}
		part.Close()
		if open {
			err = v.Wipe(t.Context())
		} else {
			mustClose(t, v)
			err = Wipe(cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(cfg.Dir, blobsName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("open=%t: attachments are left (%s): %v", open, h, err)
		}
	}
	cfg := newConfig(t)
	v, _ := mustCreate(t, cfg)
	mustClose(t, v)
	outside := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("not Kua's"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cfg.Dir, blobsName)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), dir); err == nil {
		if err := Wipe(cfg); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("wiping reached beyond the folder: %v", err)
	}
}
