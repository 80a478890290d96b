package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFolderThatIsCopiedToANetworkHoldsNoVault(t *testing.T) {
	root := t.TempDir()
	mk := func(parts ...string) string {
		dir := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	bad := []string{mk("OneDrive", "kua"), mk("OneDrive - Ministry", "a", "b"), mk("Dropbox"), mk("Dropbox (Team)", "kua"), mk("Library", "Mobile Documents", "kua"),
		mk("iCloudDrive"), filepath.Join(mk("Yandex.Disk"), "not", "there", "yet")}
	marked := mk("work", "shared")
	if err := os.Mkdir(filepath.Join(marked, ".dropbox.cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	bad = append(bad, mk("work", "shared", "kua"))
	link := filepath.Join(root, "link")
	if err := os.Symlink(filepath.Join(root, "OneDrive"), link); err != nil {
		t.Fatal(err)
	}
	bad = append(bad, filepath.Join(link, "kua"))
	for _, dir := range bad {
		if SyncedBy(dir) == "" {
			t.Errorf("%s passes", dir)
		}
	}
	for _, dir := range []string{mk("kua", "data"), mk("one drive"), mk("mega-visit-notes"[5:]), mk("dropboxes")} {
		if at := SyncedBy(dir); at != "" {
			t.Errorf("%s is refused for %s", dir, at)
		}
	}
	cfg := Config{Dir: filepath.Join(root, "OneDrive", "data"), StateDir: filepath.Join(root, "state"), KDF: KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}}
	if _, _, err := Create(context.Background(), cfg, "seven quiet words for a test"); !errors.Is(err, ErrSynced) {
		t.Errorf("creating a vault there: %v", err)
	}
}
