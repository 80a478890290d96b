package offline

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kua/fieldclient/vault"
)

func TestAKeyFileOpensOnlyWithItsPassphraseAndIsNeverOverwritten(t *testing.T) {
	quick := vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}
	path := filepath.Join(t.TempDir(), "root.key")
	secret := []byte("thirty-two bytes of root key ...")
	if err := write(path, "seven quiet words", secret, rand.Reader, quick); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %o", info.Mode().Perm())
	}
	if got, err := read(path, "seven quiet words", quick); err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("the key file does not open: %v", err)
	}
	if _, err := read(path, "seven quiet word", quick); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("a wrong passphrase gave %v", err)
	}
	before, _ := os.ReadFile(path)
	if write(path, "seven quiet words", secret, rand.Reader, quick) == nil {
		t.Error("a key file was overwritten")
	}
	for i := range before {
		changed := bytes.Clone(before)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(path, "seven quiet words", quick); err == nil {
			t.Fatalf("a change of byte %d was not noticed", i)
		}
	}
}
