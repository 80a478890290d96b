//go:build linux

package web

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kua/syncproto"
)

// smallDisk is where everything of this test is written from now on.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kua-disk-") // the first t.TempDir decides where all of them are
	check(t, err)
	t.Cleanup(func() { os.Remove(dir) })
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a disk of its own cannot be had here: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	t.Setenv("TMPDIR", dir)
	return dir
}

func TestAFullDiskIsSaidAtOnceAndWhatItTookIsKept(t *testing.T) {
	disk := smallDisk(t, "16m")
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	res, rec := c.post(c.path+"/recordings", url.Values{"media": {"audio/webm"}})
	if res.StatusCode != http.StatusOK {
		t.Fatalf("beginning: %s", res.Status)
	}
	said, taken := "", 0
	for ; said == "" && taken < 1000; taken++ {
		req, err := http.NewRequest("POST", c.base+c.path+"/recordings/"+rec+"/"+strconv.Itoa(taken), bytes.NewReader(make([]byte, 100<<10)))
		check(t, err)
		for name, value := range map[string]string{"Content-Type": "application/octet-stream", "Sec-Fetch-Site": "same-origin", csrfHeader: c.csrf, "HX-Request": "true"} {
			req.Header.Set(name, value)
		}
		res, err := c.Do(req)
		check(t, err)
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		check(t, err)
		check(t, res.Body.Close())
		if res.StatusCode != http.StatusNoContent {
			said = b.String()
			if res.StatusCode != http.StatusInsufficientStorage {
				t.Errorf("a slice that the disk does not take: %s", res.Status)
			}
		}
	}
	has(t, "the slice", said, "The disk of this laptop is full", "saved before is safe", "Make room")
	if taken < 40 {
		t.Errorf("only %d slices were taken", taken)
	}
	if res, card := c.post(c.path+"/recordings/"+rec+"/end", url.Values{}, "HX-Request", "true"); res.StatusCode != http.StatusOK {
		t.Errorf("its end: %s %s", res.Status, card)
	}
	if list, err := c.s.client.Load().Evidence(t.Context(), c.visit); err != nil || len(list) != 1 || list[0].Size < int64(taken-3)*100<<10 {
		t.Errorf("after %d slices: %+v, %v", taken, list, err)
	}

	id, err := c.s.client.Load().Create(t.Context(), c.visit, "observation", map[string]string{"text": "before"})
	check(t, err)
	f, err := os.Create(filepath.Join(disk, "others"))
	check(t, err)
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	body := ""
	for i := 0; i < 1000 && body == ""; i++ {
		form := url.Values{"scope": {c.visit.String()}, "entity": {id.String()}, "field": {"2201"}, "value": {strings.Repeat(string(rune('a'+i%26)), 30_000)}}
		res, answer := c.post("/field", form, "HX-Request", "true")
		if res.StatusCode == http.StatusInsufficientStorage {
			body = answer
			if res.Header.Get("HX-Retarget") != "#notices" {
				t.Error("the answer takes the place of the field, and of the words in it")
			}
		}
	}
	has(t, "a field", body, "The disk of this laptop is full")
	check(t, f.Close())
}
