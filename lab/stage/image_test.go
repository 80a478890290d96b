package stage

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"kua/syncproto"
)

// An image of a laptop's whole disk is put back: its data, and what shows that they are old. The next save forks its
// feed; the next syncs must bring back what was lost, and go on elsewhere.
func TestAnImageOfTheWholeDiskThatIsPutBackLosesNothing(t *testing.T) {
	s := New(t)
	aru := s.Laptop("Aru", syncproto.RoleMonitor, "KZ-75")
	visit := s.Lead.Visit("KZ-75", aru)
	s.Lead.Sync()
	aru.Sync()
	aru.SetField(visit, "population", "1")
	image := t.TempDir()
	check(t, aru.Client.Close())
	dirs := []string{aru.Cfg.Vault.Dir, aru.Cfg.Vault.StateDir}
	for i, d := range dirs {
		copyAll(t, d+"/.", image+"/"+[]string{"data", "state"}[i])
	}
	aru.Unlock()
	aru.SetField(visit, "summary", "lost with the image")
	aru.SetField(visit, "entry", "09:30")
	aru.Sync()
	check(t, aru.Client.Close())
	for i, d := range dirs { // in place: the files stay the same ones
		entries, err := os.ReadDir(d)
		check(t, err)
		for _, e := range entries {
			if e.IsDir() { // of sealed originals: there are none
				continue
			}
			from := image + "/" + []string{"data", "state"}[i] + "/" + e.Name()
			b, err := os.ReadFile(from)
			if os.IsNotExist(err) {
				check(t, os.Remove(d+"/"+e.Name()))
				continue
			}
			check(t, err)
			f, err := os.OpenFile(d+"/"+e.Name(), os.O_WRONLY|os.O_TRUNC, 0)
			check(t, err)
			_, err = f.Write(b)
			check(t, err)
			check(t, f.Close())
		}
	}
	aru.Unlock()
	if aru.Restored() != "" {
		t.Fatalf("the image was noticed here, and the test tests nothing: %s", aru.Restored())
	}
	for _, v := range []string{"after one", "after two", "after three"} {
		aru.SetField(visit, "refusals", v)
	}
	for range 4 {
		aru.Sync()
	}
	if got := aru.Field(visit, "summary"); len(got.Heads) != 1 || got.Heads[0].Value != "lost with the image" {
		t.Errorf("what was saved before the image was put back is not on its author's laptop: %+v", got.Heads)
	}
	forks, err := aru.Replica().Forks(context.Background(), visit)
	if err != nil || len(forks) == 0 {
		t.Errorf("the laptop does not know of its fork: %v %v", forks, err)
	}
	aru.SetField(visit, "refusals", "the end")
	aru.Sync()
	s.Lead.Sync()
	want, err := aru.Replica().Digest(context.Background(), visit)
	check(t, err)
	if got, err := s.Lead.Replica().Digest(context.Background(), visit); err != nil || got != want {
		t.Errorf("the laptops disagree: %v", err)
	}
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copying: %v %s", err, out)
	}
}
