package fieldclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"kua/fieldclient/vault"
	"kua/syncproto"
)

const (
	evidenceChild  = "KUA_TEST_EVIDENCE_CHILD"
	evidenceCanary = "Kanarievsky-in-the-photo-7731"
)

// TestEvidenceChild is no test: it is the process that the tests below kill. Every line that it prints is an acknowledgement.
func TestEvidenceChild(t *testing.T) {
	mode, visit := os.Getenv(evidenceChild), syncproto.ScopeID{}
	if mode == "" {
		t.Skip("only as a child of the tests below")
	}
	b, err := hex.DecodeString(os.Getenv("KUA_TEST_VISIT"))
	if err != nil {
		t.Fatal(err)
	}
	copy(visit[:], b)
	cfg := Config{Vault: vault.Config{Dir: os.Getenv("KUA_TEST_DATA"), StateDir: os.Getenv("KUA_TEST_STATE"), KDF: quickKDF}, Now: time.Now, Rand: rand.Reader, App: "test"}
	c, err := Open(context.Background(), cfg, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	for n := 0; ; n++ {
		id, sum, err := addCanary(c, visit, mrand.IntN(300_000))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("saved %s %x\n", id, sum)
		if mode == "once" {
			r, _, err := c.OpenEvidence(context.Background(), visit, id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Fatal(err)
			}
			fmt.Println("read")
			bufio.NewReader(os.Stdin).ReadString('\n') // with everything open
			r.Close()
			c.Close()
			return
		}
	}
}

// addCanary adds evidence that is full of the canary's word, through a pipe, as from a camera.
func addCanary(c *Client, visit syncproto.ScopeID, size int) (id syncproto.EntityID, sum [sha256.Size]byte, err error) {
	original := append([]byte(fmt.Sprintf("%x", mrand.Uint64())), strings.Repeat(evidenceCanary+" ", 1+size/len(evidenceCanary))...)
	r, w := io.Pipe()
	go func() {
		_, err := w.Write(original)
		w.CloseWithError(err)
	}()
	id, err = c.AddEvidence(context.Background(), visit, Evidence{Name: evidenceCanary + ".jpg", Caption: evidenceCanary}, r)
	return id, sha256.Sum256(original), err
}

func (l *laptop) child(visit syncproto.ScopeID, mode, tmp string) *exec.Cmd {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestEvidenceChild$")
	cmd.Env = append(os.Environ(), evidenceChild+"="+mode, "KUA_TEST_DATA="+l.cfg.Vault.Dir, "KUA_TEST_STATE="+l.cfg.Vault.StateDir,
		"KUA_TEST_VISIT="+hex.EncodeToString(visit[:]), "TMPDIR="+tmp, "SQLITE_TMPDIR="+tmp, "TMP="+tmp, "TEMP="+tmp)
	return cmd
}

func TestAKillLosesNoEvidenceThatWasAcknowledged(t *testing.T) {
	o := newTeam(t)
	saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
	o.share()
	visit := saule.visit()
	acked := map[string]string{}
	for life := range 15 {
		if err := saule.Client.Close(); err != nil {
			t.Fatal(err)
		}
		saule.killed(visit, acked, life%4)
		saule.unlock()
		named := map[string]bool{}
		list, err := saule.Evidence(t.Context(), visit)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			named[v.Blob] = true
			if want, ok := acked[v.Record.String()]; ok && want != v.Hash {
				t.Fatalf("%s has another hash", v.Record)
			}
			if got, err := saule.original(visit, v.Record); err != nil || fmt.Sprintf("%x", sha256.Sum256(got)) != v.Hash {
				t.Fatalf("%s: %v", v.Record, err)
			}
		}
		if len(list) < len(acked) {
			t.Fatalf("%d pieces of evidence are there, %d were acknowledged", len(list), len(acked))
		}
		for _, name := range sealedFiles(t, saule) {
			if !named[name] {
				t.Fatalf("%s is left without a record", name)
			}
		}
	}
	if len(acked) < 15 {
		t.Errorf("only %d were saved: the test does not reach what it is for", len(acked))
	}
	t.Logf("%d acknowledged over 15 kills", len(acked))
}

// killed runs a child, kills it at a random moment after some saves, and books what it acknowledged.
func (l *laptop) killed(visit syncproto.ScopeID, acked map[string]string, saves int) {
	l.t.Helper()
	cmd := l.child(visit, "on", l.t.TempDir())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for done := -1; lines.Scan(); {
		text := lines.Text()
		if text == "open" {
			done = 0
		}
		var id, sum string
		if n, _ := fmt.Sscanf(text, "saved %s %s", &id, &sum); n == 2 && len(sum) == 64 {
			acked[id] = sum
			done++
		}
		if done == saves {
			time.AfterFunc(time.Duration(mrand.IntN(120))*time.Millisecond, func() { cmd.Process.Kill() })
		}
		if strings.Contains(text, "FAIL") || strings.Contains(text, "evidence_kill_test.go") {
			l.t.Errorf("the child says: %s", text)
		}
	}
	_ = cmd.Wait() // it was killed
}

func TestNoByteOfAnOriginalIsFoundOnTheDisk(t *testing.T) {
	for _, kill := range []bool{false, true} {
		o := newTeam(t)
		saule := o.laptop("Saule", syncproto.RoleCoordinator, syncproto.AllRegions)
		o.share()
		visit := saule.visit()
		if err := saule.Client.Close(); err != nil {
			t.Fatal(err)
		}
		tmp := t.TempDir()
		cmd := saule.child(visit, "once", tmp)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "read"; {
		}
		dirs := []string{saule.cfg.Vault.Dir, saule.cfg.Vault.StateDir, tmp}
		searchCanary(t, "open", append(openFilesOf(cmd.Process.Pid), dirs...))
		if kill {
			cmd.Process.Kill()
		}
		in.Close()
		if err := cmd.Wait(); err != nil && !kill {
			t.Fatal(err)
		}
		searchCanary(t, "after", dirs)
		saule.unlock()
		list, err := saule.Evidence(t.Context(), visit)
		if err != nil || len(list) != 1 || !strings.Contains(list[0].Name, evidenceCanary) {
			t.Fatalf("it is not in the vault either: %+v %v", list, err)
		}
		if got, err := saule.original(visit, list[0].Record); err != nil || !bytes.Contains(got, []byte(evidenceCanary)) {
			t.Errorf("nor in the original: %v", err)
		}
	}
}

// openFilesOf returns what a process has open, also what is deleted, on Linux.
func openFilesOf(pid int) (paths []string) {
	if runtime.GOOS != "linux" {
		return nil
	}
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // none where it has ended
	for _, e := range entries {
		path := fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths
}

// searchCanary looks for the canary's word in names and bytes, in the usual encodings.
func searchCanary(t *testing.T, when string, places []string) {
	t.Helper()
	forms := []string{evidenceCanary, hex.EncodeToString([]byte(evidenceCanary))}
	for shift := range 3 {
		s := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), evidenceCanary...))
		forms = append(forms, s[4:len(s)-4])
	}
	files := 0
	for _, place := range places {
		err := filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
				return nil
			}
			if err != nil {
				return err
			}
			files++
			b, err := os.ReadFile(path)
			if err != nil && strings.HasPrefix(path, "/proc/") { // closed meanwhile
				return nil
			}
			for _, f := range forms {
				if bytes.Contains(b, []byte(f)) || strings.Contains(path, f) {
					t.Errorf("%s: %q in %s", when, f, path)
				}
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if files < 3 {
		t.Fatalf("%s: only %d files were looked at", when, files)
	}
}
