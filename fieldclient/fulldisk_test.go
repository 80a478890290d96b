//go:build linux

package fieldclient

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

// smallDisk makes a disk of a few MiB the place of everything that the test's laptops write.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kua-disk-") // the first t.TempDir decides where all of them are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a disk of its own cannot be had here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// onDisk makes a coordinator's laptop on a disk.
func onDisk(t *testing.T, disk string) (*laptop, syncproto.ScopeID) {
	t.Helper()
	t.Setenv("TMPDIR", disk)
	o := newTeam(t)
	l := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	return l, l.visit()
}

// fill writes until the disk takes no more, and returns what makes room again.
func fillDisk(t *testing.T, disk string) (empty func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "others"))
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		t.Helper()
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// talker speaks until nobody listens, and counts what was taken.
type talker struct{ said bytes.Buffer }

func (e *talker) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte((e.said.Len() + i) * 31)
	}
	e.said.Write(p)
	return len(p), nil
}

func TestARecordingThatMeetsAFullDiskKeepsWhatTheDiskTook(t *testing.T) {
	disk := smallDisk(t, "12m")
	l, visit := onDisk(t, disk)
	spoken := &talker{}
	id, err := l.AddEvidence(t.Context(), visit, Evidence{Kind: "audio", Partial: true}, spoken)
	if !errors.Is(err, vault.ErrFull) || id == (syncproto.EntityID{}) {
		t.Fatalf("kept %s: %v", id, err)
	}
	got, err := l.original(visit, id)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, spoken.said.Bytes()) {
		t.Errorf("of %d bytes that were taken, %d are kept", spoken.said.Len(), len(got))
	}
	if len(got) < 4<<20 {
		t.Errorf("only %d bytes were kept on a disk of 12 MiB", len(got))
	}
	if n := len(sealedFiles(t, l)); n != 1 {
		t.Errorf("%d sealed files are left", n)
	}
	l.reopen()
	if v := l.evidence(visit, id); !v.Held || v.Size != int64(len(got)) {
		t.Errorf("opened again: %+v", v)
	}
}

func TestAFullDiskTakesNothingAndLosesNothing(t *testing.T) {
	disk := smallDisk(t, "12m")
	l, visit := onDisk(t, disk)
	note := l.make(visit, "observation", map[string]string{"text": "before"})
	empty := fillDisk(t, disk)
	f := field(t, "observation", "text")
	save := func(text string) error {
		raw, err := f.ParseValue(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Set(t.Context(), Target{Scope: visit, Entity: note, Field: f}, raw)
		return err
	}
	shows := func(want string) {
		t.Helper()
		v, err := l.Record(t.Context(), visit, note)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.values("text"); len(got) != 1 || got[0] != want {
			t.Errorf("it shows %q, want %q", got, want)
		}
	}
	last := "before"
	for i := 0; ; i++ { // the log has room of its own for a while
		text := string(bytes.Repeat([]byte{byte('a' + i%26)}, 20_000))
		err := save(text)
		if errors.Is(err, vault.ErrFull) {
			break
		}
		if err != nil || i > 2000 {
			t.Fatalf("save %d: %v", i, err)
		}
		last = text
	}
	shows(last)
	for _, partial := range []bool{false, true} {
		if id, err := l.AddEvidence(t.Context(), visit, Evidence{Kind: "photo", Partial: partial}, io.LimitReader(&talker{}, 3<<20)); !errors.Is(err, vault.ErrFull) || id != (syncproto.EntityID{}) {
			t.Errorf("a photo on a full disk: %s, %v", id, err)
		}
	}
	if left := sealedFiles(t, l); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
	empty()
	if err := save("after"); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	shows("after")
	l.reopen()
	shows("after")
}
