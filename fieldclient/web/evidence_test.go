package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kua/fieldclient"
	"kua/syncproto"
)

// photo is a JPEG that tells where it was taken.
func photo(t testing.TB, place string) []byte {
	t.Helper()
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 640, 480)), nil))
	exif := append([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"), place...)
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(bytes.Clone(b.Bytes()[:2]), segment...), b.Bytes()[2:]...)
}

// upload sends an original as evidence.js does.
func (c *corridor) upload(file io.Reader, fields map[string]string, token string) (*http.Response, string) {
	c.t.Helper()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		for name, value := range fields {
			_ = form.WriteField(name, value)
		}
		part, err := form.CreateFormFile("file", `C:\Users\aru\cell.jpg`)
		if err == nil {
			_, err = io.Copy(part, file)
		}
		if err == nil {
			err = form.Close()
		}
		w.CloseWithError(err)
	}()
	req, err := http.NewRequest("POST", c.base+c.path+"/evidence", r)
	check(c.t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("HX-Request", "true")
	if token != "" {
		req.Header.Set(csrfHeader, token)
	}
	res, err := c.Do(req)
	check(c.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(c.t, err)
	return res, string(b)
}

func TestAPhotoIsSealedShownAndNowhereInClear(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	id := at[strings.LastIndexByte(at, '/')+1:]
	c.get(c.path + "/evidence")
	original := photo(t, "51.1605N-71.4704E")
	res, card := c.upload(bytes.NewReader(original), map[string]string{"link": id}, c.csrf)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("adding a photo: %s %s", res.Status, card)
	}
	has(t, "the answer", card, "/picture/thumb", "only on this laptop")
	has(t, "the interview", c.page(at), "/picture/thumb")
	url := regexp.MustCompile(c.path + `/evidence/[0-9a-f-]{36}`).FindString(card)
	sum := sha256.Sum256(original)
	body := c.page(url)
	has(t, "its page", body, hex.EncodeToString(sum[:]), "cell.jpg", "/picture/view", "Saved on this laptop")
	hasNot(t, "its page", body, `Users`)
	for _, side := range []string{"thumb", "view"} {
		res, view := c.get(url + "/picture/" + side)
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(res.Header.Get("Content-Type"), "image/") {
			t.Errorf("%s: %s, %v", side, res.Status, res.Header)
		}
		if _, _, err := image.Decode(strings.NewReader(view)); err != nil || strings.Contains(view, "71.4704") {
			t.Errorf("%s is no picture, or tells the place: %v", side, err)
		}
	}
	if res, _ := c.get(url + "/sound"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a photo is played: %s", res.Status)
	}
	if bytes.Contains(everyFile(t, c.aru.cfg.Vault.Dir, c.aru.cfg.Vault.StateDir, temp), []byte("71.4704")) {
		t.Error("the photo is on the disk in clear")
	}
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnUploadIsBoundedAndNeverATemporaryFile(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	big := func() io.Reader { return io.LimitReader(zeros{}, 40<<20) } // more than net/http keeps of a form in memory
	// net/http removes its temporary files with the request: look while the body is still coming.
	watched := func() io.Reader {
		return io.MultiReader(io.LimitReader(zeros{}, 64<<20), readerFunc(func([]byte) (int, error) {
			if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
				t.Errorf("during an upload the temporary folder holds %v: %v", entries, err)
			}
			return 0, io.EOF
		}))
	}
	if res, _ := c.upload(watched(), nil, ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("without the token of a page: %s", res.Status)
	}
	if res, _ := c.upload(watched(), map[string]string{"csrf": c.csrf}, ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("with the token in the body alone: %s", res.Status)
	}
	if res, body := c.upload(watched(), nil, c.csrf); res.StatusCode != http.StatusOK {
		t.Errorf("64 MiB: %s %s", res.Status, body)
	}
	if res, _ := c.upload(big(), map[string]string{"link": strings.Repeat("x", 8<<10)}, c.csrf); res.StatusCode != http.StatusNotFound {
		t.Errorf("a form with a long field: %s", res.Status)
	}
	if entries, err := os.ReadDir(temp); err != nil || len(entries) > 0 {
		t.Errorf("the temporary folder holds %v: %v", entries, err)
	}
	if testing.Short() {
		return
	}
	req, err := http.NewRequest("POST", c.base+"/field", io.LimitReader(zeros{}, 3<<20))
	check(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set(csrfHeader, c.csrf)
	if res, err := c.Do(req); err == nil { // the server may hang up before it has read all of it
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Error("another door takes 3 MiB")
		}
	}
}

func TestALockDoesNotWaitForAnUpload(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	r, w := io.Pipe()
	defer w.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		req, err := http.NewRequest("POST", c.base+c.path+"/evidence", io.MultiReader(strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nabc"), r))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set(csrfHeader, c.csrf)
		if res, err := c.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	for len(partial(t, c)) == 0 {
		time.Sleep(time.Millisecond) // until the upload has begun
	}
	c.s.end(EndLocked)
	<-c.ended
	w.CloseWithError(io.ErrUnexpectedEOF)
	<-gone
}

// partial lists the sealed files of a laptop, finished or not.
func partial(t *testing.T, c *corridor) []fs.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.aru.cfg.Vault.Dir, "blobs"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return entries
}

func TestARecordingIsSealedAsItIsSpokenAndKeptAtALock(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	id := at[strings.LastIndexByte(at, '/')+1:]
	c.get(at)
	res, rec := c.post(c.path+"/recordings", url.Values{"link": {id}, "media": {"audio/webm"}})
	if res.StatusCode != http.StatusOK {
		t.Fatalf("beginning: %s", res.Status)
	}
	if res, _ := c.post(c.path+"/recordings", url.Values{"media": {"audio/webm"}}); res.StatusCode != http.StatusConflict {
		t.Errorf("a second one at the same time: %s", res.Status)
	}
	said := make([]byte, 150_000)
	_, _ = rand.Read(said)
	slice := func(n int, b []byte) int {
		req, err := http.NewRequest("POST", fmt.Sprintf("%s%s/recordings/%s/%d", c.base, c.path, rec, n), bytes.NewReader(b))
		check(t, err)
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set(csrfHeader, c.csrf)
		res, err := c.Do(req)
		check(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	for n, status := range map[int]int{0: http.StatusNoContent} {
		if got := slice(n, said[:100_000]); got != status {
			t.Fatalf("slice %d: %d", n, got)
		}
	}
	if got := slice(0, said[:100_000]); got != http.StatusNoContent { // its answer was lost
		t.Errorf("the same slice again: %d", got)
	}
	if got := slice(2, []byte("later")); got != http.StatusConflict {
		t.Errorf("a slice after a missing one: %d", got)
	}
	if got := slice(1, said[100_000:]); got != http.StatusNoContent {
		t.Fatalf("slice 1: %d", got)
	}
	c.s.end(EndLocked) // nobody has pressed stop
	<-c.ended

	again, err := fieldclient.Open(context.Background(), c.aru.cfg, passphrase)
	check(t, err)
	defer again.Close()
	list, err := again.Evidence(context.Background(), c.visit)
	check(t, err)
	if len(list) != 1 || list[0].Kind != "audio" || list[0].Size != int64(len(said)) || len(list[0].Links) != 1 || list[0].Links[0].String() != id {
		t.Fatalf("after the lock: %+v", list)
	}
	o, _, err := again.OpenEvidence(context.Background(), c.visit, list[0].Record)
	check(t, err)
	defer o.Close()
	if got, err := io.ReadAll(o); err != nil || !slices.Equal(got, said) {
		t.Errorf("the recording is another one: %v", err)
	}
}

func TestAPictureIsShownInAPageAndNotInAWindowOfItsOwn(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	_, card := c.upload(bytes.NewReader(photo(t, "x")), nil, c.csrf)
	at := regexp.MustCompile(c.path + `/evidence/[0-9a-f-]{36}/picture/[a-z]+`).FindString(card)
	for dest, want := range map[string]int{"image": http.StatusOK, "document": http.StatusNotFound} {
		if res, _ := c.send("GET", at, nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", dest); at == "" || res.StatusCode != want {
			t.Errorf("%s as %s: %s", at, dest, res.Status)
		}
	}
}

func TestARecordingIsNoSignOfLife(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	now, w := watched()
	c.get(c.path + "/evidence")
	c.s.watch.mu.Lock()
	c.s.watch.mono = w.mono // a clock that the test moves
	c.s.watch.wall = w.wall
	c.s.watch.active, c.s.watch.at = now.mono, w.at
	c.s.watch.mu.Unlock()
	move := func(d time.Duration) {
		c.s.watch.mu.Lock()
		defer c.s.watch.mu.Unlock()
		now.pass(d)
	}
	idle := func() time.Duration {
		c.s.watch.mu.Lock()
		defer c.s.watch.mu.Unlock()
		return now.mono - c.s.watch.active
	}
	move(time.Second)
	_, rec := c.post(c.path+"/recordings", url.Values{"media": {"audio/webm"}})
	for n := range 3 {
		move(time.Second)
		if res, _ := c.send("POST", fmt.Sprintf("%s/recordings/%s/%d", c.path, rec, n), url.Values{}, "Sec-Fetch-Site", "same-origin", csrfHeader, c.csrf); res.StatusCode != http.StatusNoContent {
			t.Fatalf("slice %d: %s", n, res.Status)
		}
	}
	if got := idle(); got != 4*time.Second {
		t.Fatalf("after 4 s of a recording, somebody was there %v ago", got)
	}
	if res, _ := c.post("/alive", url.Values{}); res.StatusCode != http.StatusNoContent || idle() != 0 {
		t.Fatalf("a hand on the keys is no sign of life: %s, %v", res.Status, idle())
	}
	move(IdleDefault * time.Minute) // nobody moves, and the microphone goes on
	c.send("POST", c.path+"/recordings/"+rec+"/3", url.Values{}, "Sec-Fetch-Site", "same-origin", csrfHeader, c.csrf)
	if end := <-c.ended; end.Why != EndLocked {
		t.Errorf("it ended with %+v", end)
	}
}

func TestARecordingEndsWithItsCardAndCanBeHeard(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	_, rec := c.post(c.path+"/recordings", url.Values{"media": {"audio/webm"}})
	res, _ := c.send("POST", c.path+"/recordings/"+rec+"/0", url.Values{}, "Sec-Fetch-Site", "same-origin", csrfHeader, c.csrf)
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("an empty slice: %s", res.Status)
	}
	req, err := http.NewRequest("POST", c.base+c.path+"/recordings/"+rec+"/1", strings.NewReader("words"))
	check(t, err)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set(csrfHeader, c.csrf)
	got, err := c.Do(req)
	check(t, err)
	got.Body.Close()
	res, card := c.post(c.path+"/recordings/"+rec+"/end", url.Values{})
	if res.StatusCode != http.StatusOK {
		t.Fatalf("ending: %s %s", res.Status, card)
	}
	at := regexp.MustCompile(c.path + `/evidence/[0-9a-f-]{36}`).FindString(card)
	has(t, "its page", c.page(at), "<audio controls")
	if res, body := c.send("GET", at+"/sound", nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "document"); res.StatusCode != http.StatusNotFound || strings.Contains(body, "words") {
		t.Errorf("in a window of its own: %s", res.Status)
	}
	res, sound := c.get(at + "/sound")
	if sound != "words" || res.Header.Get("Content-Type") != "audio/webm" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("heard %q as %s", sound, res.Header.Get("Content-Type"))
	}
}

func TestWhatIsForHealthExpertsIsNotShownToOthers(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	res, card := c.upload(bytes.NewReader(photo(t, "x")), nil, c.csrf)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("adding: %s", res.Status)
	}
	at := regexp.MustCompile(c.path + `/evidence/[0-9a-f-]{36}`).FindString(card)
	c.set(at, "evidence", "caption", "burns on the left arm")
	caption := regexp.MustCompile(`/at/[^"]+/2708`).FindString(c.page(at))
	c.set(at, "evidence", "restricted", "yes")
	for _, path := range []string{c.path + "/evidence", at, caption, strings.TrimSuffix(caption, "2708") + "2702"} {
		body := c.page(path)
		has(t, path, body, "For health experts only")
		hasNot(t, path, body, "burns", "/picture/", "cell.jpg")
	}
	for _, word := range []string{"burns", "cell"} {
		_, body := c.post("/search", url.Values{"words": {word}})
		hasNot(t, "the search for "+word, body, "left arm", "cell.jpg")
	}
	if res, _ := c.get(at + "/picture/view"); res.StatusCode != http.StatusForbidden {
		t.Errorf("the picture: %s", res.Status)
	}
}
