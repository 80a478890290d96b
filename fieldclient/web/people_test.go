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

// corridor is a visit with a monitor, whose screens run, and two custodians and a coordinator outside.
type corridor struct {
	*site
	m     *mechanism
	aru   *person
	visit syncproto.ScopeID
	path  string // of the visit
}

func newCorridor(t *testing.T, role syncproto.Role, custodians int) *corridor {
	t.Helper()
	m := newMechanism(t)
	c := &corridor{m: m, aru: m.join("Aru", role)}
	m.join("Saule", syncproto.RoleCoordinator)
	for i := range custodians {
		m.join(fmt.Sprintf("Custodian %d", i+1), syncproto.RoleCustodian)
	}
	m.share()
	var err error
	c.visit, err = c.aru.OpenVisit(context.Background(), "KZ-75", []syncproto.PersonID{c.aru.id}, map[string]string{"title": "SIZO visit"})
	check(t, err)
	c.path = "/visits/" + c.visit.String()
	c.site = unlockedSite(t, c.aru)
	return c
}

// client is the one behind the screens.
func (c *corridor) client() *fieldclient.Client { return c.s.client.Load() }

// begin makes an interview and returns its path.
func (c *corridor) begin(kind string) string {
	c.t.Helper()
	c.get(c.path + "/interviews")
	res, _ := c.post(c.path+"/interviews", url.Values{"kind": {kind}})
	if res.StatusCode != http.StatusSeeOther {
		c.t.Fatalf("beginning an interview: %s", res.Status)
	}
	return res.Header.Get("Location")
}

func (c *corridor) page(path string) string {
	c.t.Helper()
	res, body := c.get(path)
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s", path, res.Status)
	}
	return body
}

// set gives a field of a record a value, as the command line does.
func (c *corridor) set(path, kind, name, value string) {
	c.t.Helper()
	id, err := syncproto.ParseEntityID(path[strings.LastIndexByte(path, '/')+1:])
	check(c.t, err)
	k, _ := syncproto.KindNamed(kind)
	f, err := k.FieldNamed(name)
	check(c.t, err)
	v, err := f.ParseValue(value)
	check(c.t, err)
	_, err = c.client().Set(context.Background(), fieldclient.Target{Scope: c.visit, Entity: id, Field: f}, v)
	check(c.t, err)
}

func has(t *testing.T, what, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(body, w) {
			t.Errorf("%s does not say %q", what, w)
		}
	}
}

func hasNot(t *testing.T, what, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(body, w) {
			t.Errorf("%s says %q", what, w)
		}
	}
}

func TestTheListOfInterviewsDoesNotTellWhoComplained(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	quiet, loud := c.begin("private"), c.begin("private")
	c.set(loud, "interview", "summary", "beaten on arrival")
	c.set(loud, "interview", "themes", "treatment,reprisals")
	c.set(loud, "interview", "risk", "a threat by the shift leader")
	c.set(loud, "interview", "urgent", "yes")
	c.set(loud, "interview", "consent", "C4")
	c.set(loud, "interview", "vulnerability", "minor")
	list := c.page(c.path + "/interviews")
	row := func(path string) string {
		m := regexp.MustCompile(`(?s)<li><a href="` + path + `">(.*?)</a></li>`).FindStringSubmatch(list)
		if m == nil {
			t.Fatalf("no row leads to %s", path)
		}
		return regexp.MustCompile(`[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]|\d\d:\d\d`).ReplaceAllString(m[1], "")
	}
	if row(quiet) != row(loud) {
		t.Errorf("the two rows differ by more than pseudonym and time:\n%s\n%s", row(quiet), row(loud))
	}
	hasNot(t, "the list", list, "beaten", "threat", "treatment", "C4", "minor", "reprisals")
	has(t, "the list", list, "<strong>2</strong>")
}

func TestNoScreenButTheVaultAsksForAName(t *testing.T) {
	c := newCorridor(t, syncproto.RoleHealth, 2)
	at := c.begin("private")
	has(t, "the interview", c.page(at), "There is no field for a name")
	named := regexp.MustCompile(`(?i)(name|id)="(name|fullname|person|surname|born|birth\w*|contact)"`)
	for _, path := range []string{c.path + "/interviews", at, c.path + "/evidence"} {
		if m := named.FindString(c.page(path)); m != "" {
			t.Errorf("%s has the field %s", path, m)
		}
	}
}

func TestAtC0NothingOfTheContentIsAskedOrShown(t *testing.T) {
	c := newCorridor(t, syncproto.RoleHealth, 2)
	at := c.begin("private")
	c.set(at, "interview", "summary", "beaten on arrival")
	body := c.page(at)
	has(t, "an interview at C1", body, "beaten on arrival", "Medical findings", "data-evidence", `value="C1" autocomplete="off" checked`)
	res, _ := c.post(at+"/level", url.Values{"level": {"C0"}, "seen": levelSeen(body)})
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("setting C0: %s", res.Status)
	}
	body = c.page(at)
	has(t, "an interview at C0", body, `value="C0" autocomplete="off" checked`, "Themes", "1 field that was filled in before is not shown")
	hasNot(t, "an interview at C0", body, "beaten on arrival", "Medical findings", "What was said</label>", "Risk of reprisals", "data-evidence")
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]+)"`)

// levelSeen returns what the form of the level shows: it is the first on the page.
func levelSeen(body string) []string {
	if i := strings.Index(body, `/level"`); i >= 0 {
		body = body[i:]
	}
	if m := seenField.FindStringSubmatch(body[:strings.Index(body, "</form>")]); m != nil {
		return m[1:]
	}
	return nil
}

func TestOnlyHealthExpertsAreAskedForMedicalFindings(t *testing.T) {
	for role, may := range map[syncproto.Role]bool{syncproto.RoleMonitor: false, syncproto.RoleHealth: true} {
		c := newCorridor(t, role, 2)
		body := c.page(c.begin("private"))
		if got := strings.Contains(body, ">Medical findings</label>"); got != may {
			t.Errorf("%s is asked for medical findings: %v", role, got)
		}
	}
}

func TestConsentIsAskedUseByUseAndTakenBackForGood(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.get(at)
	for use, answer := range map[string]string{"report": "yes", "photo": "no"} {
		if res, _ := c.post(at+"/consents", url.Values{"use": {use}, "answer": {answer}}); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("asking about %s: %s", use, res.Status)
		}
	}
	if res, _ := c.post(at+"/consents", url.Values{"use": {"anything"}, "answer": {"yes"}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("a use that there is not: %s", res.Status)
	}
	body := c.page(at)
	has(t, "the interview", body, `class="use given" id="use-report"`, "yes, C3", `class="use refused" id="use-photo"`, `class="use unasked" id="use-publish"`)
	m := regexp.MustCompile(at + `/consents/([^/]+)/withdraw`).FindStringSubmatch(body[strings.Index(body, `id="use-report"`):])
	if m == nil {
		t.Fatal("the consent cannot be taken back")
	}
	if res, _ := c.post(m[0], url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("taken back by a slip: %s", res.Status)
	}
	if res, _ := c.post(m[0], url.Values{"sure": {"yes"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("taking back: %s", res.Status)
	}
	body = c.page(at)
	has(t, "the interview", body, `class="use withdrawn" id="use-report"`, "It wins over everything")
	hasNot(t, "the interview", body, m[0])
	c.post(at+"/consents", url.Values{"use": {"report"}, "answer": {"yes"}}) // on a page that was open meanwhile
	has(t, "the interview", c.page(at), `class="use withdrawn" id="use-report"`)
}

func TestWhoTakesBackTheRecordingItselfIsNotShownAnyMore(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.set(at, "interview", "summary", "beaten on arrival")
	c.get(at)
	c.post(at+"/consents", url.Values{"use": {"record"}, "answer": {"yes"}})
	withdraw := regexp.MustCompile(at + `/consents/[^/]+/withdraw`).FindString(c.page(at))
	c.post(withdraw, url.Values{"sure": {"yes"}})
	body := c.page(at)
	has(t, "the interview", body, "The person took it back")
	hasNot(t, "the interview", body, "beaten on arrival", "data-evidence")
}

// everyFile is all that is on the disk of a laptop, in one.
func everyFile(t *testing.T, dirs ...string) []byte {
	t.Helper()
	var all []byte
	for _, dir := range dirs {
		check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			b, err := os.ReadFile(path)
			all = append(all, b...)
			return err
		}))
	}
	return all
}

func TestANameIsSealedAndNeverShownAgain(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	vault := at + "/identity"
	pseudonym := regexp.MustCompile(`<code>|[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]`).FindString(c.page(vault))
	form := url.Values{"name": {"Zhanar Abisheva"}, "born": {"1991"}, "contact": {"through Dina"}, "note": {"call at night"}, "reason": {"asked to be found again"}, "confirm": {"not the pseudonym"}}
	res, body := c.post(vault, form)
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("without the typed confirmation: %s", res.Status)
	}
	has(t, "the form with an error", body, "Zhanar Abisheva", "Nothing was saved yet")
	if n := strings.Count(body, "Zhanar"); n != 1 {
		t.Errorf("the name stands %d times in the answer", n)
	}
	hasNot(t, "the form anew", c.page(vault), "Zhanar", "Dina")
	form.Set("confirm", strings.ToLower(pseudonym))
	if res, _ := c.post(vault, form); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != vault {
		t.Fatalf("sealing: %s to %s", res.Status, res.Header.Get("Location"))
	}
	for _, path := range []string{vault, at} {
		body := c.page(path)
		has(t, path, body, "Sealed by Aru", "asked to be found again")
		hasNot(t, path, body, "Zhanar", "Dina", "1991", "call at night")
	}
	list, err := c.client().Records(context.Background(), c.visit, "identity")
	check(t, err)
	if len(list) != 1 {
		t.Errorf("%d identities are sealed", len(list))
	}
	disk := everyFile(t, c.aru.cfg.Vault.Dir, c.aru.cfg.Vault.StateDir)
	if bytes.Contains(disk, []byte("Zhanar")) {
		t.Error("the name is on the disk in clear")
	}
}

func TestWithoutTwoCustodiansNoNameIsAsked(t *testing.T) {
	for custodians, says := range map[int]string{0: "0 custodians", 1: "1 custodian"} {
		c := newCorridor(t, syncproto.RoleMonitor, custodians)
		vault := c.begin("private") + "/identity"
		body := c.page(vault)
		has(t, "the vault", body, says, "Ask your coordinator for two custodians")
		hasNot(t, "the vault", body, `name="name"`)
		pseudonym := regexp.MustCompile(`[0-9A-Z]{2}-[0-9A-Z]{3}-\d\d-[0-9A-Z]`).FindString(body)
		res, body := c.post(vault, url.Values{"name": {"Zhanar"}, "reason": {"r"}, "confirm": {pseudonym}})
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a page that was open meanwhile: %s", res.Status)
		}
		hasNot(t, "the refusal", body, "Zhanar")
	}
}

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
	has(t, "the answer", card, "/picture/thumb", "only here")
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
	res, sound := c.get(at + "/sound")
	if sound != "words" || res.Header.Get("Content-Type") != "audio/webm" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("heard %q as %s", sound, res.Header.Get("Content-Type"))
	}
}

func TestWhatIsForHealthExpertsIsNotShownToOthers(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	c.get(c.path + "/evidence")
	res, card := c.upload(bytes.NewReader(photo(t, "x")), map[string]string{"restricted": "yes"}, c.csrf)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("adding: %s", res.Status)
	}
	at := regexp.MustCompile(c.path + `/evidence/[0-9a-f-]{36}`).FindString(card)
	c.set(at, "evidence", "caption", "burns on the left arm")
	for _, path := range []string{c.path + "/evidence", at} {
		body := c.page(path)
		has(t, path, body, "For health experts only")
		hasNot(t, path, body, "burns", "/picture/", "cell.jpg")
	}
	if res, _ := c.get(at + "/picture/view"); res.StatusCode != http.StatusForbidden {
		t.Errorf("the picture: %s", res.Status)
	}
}

func TestGateModeIsSaidOnEveryPageAndClosesAfterALock(t *testing.T) {
	c := newCorridor(t, syncproto.RoleMonitor, 2)
	at := c.begin("private")
	c.get(c.path + "/protect")
	if res, body := c.post(c.path+"/gate", url.Values{"do": {"enter"}}); res.StatusCode != http.StatusConflict || !strings.Contains(body, "tick first") {
		t.Errorf("without the tick: %s", res.Status)
	}
	if res, _ := c.post(c.path+"/gate", url.Values{"do": {"enter"}, "sure": {"yes"}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("entering: %s", res.Status)
	}
	if got := c.s.watch.idleMinutes(); got != IdleGate {
		t.Errorf("in gate mode the laptop locks after %d minutes", got)
	}
	for _, path := range []string{"/today", at, c.path + "/evidence", "/settings"} {
		has(t, path, c.page(path), `class="gatebar"`, "after 1 minute")
	}
	has(t, "the way to the gate", c.page(c.path+"/protect"), "Saule")
	c.set(at, "interview", "summary", "beaten on arrival")
	has(t, "before the lock", c.page(at), "beaten on arrival")
	inside := c.begin("private")
	c.s.end(EndLocked)
	<-c.ended

	after := serve(t, c.aru.cfg).enter()
	after.get("/unlock")
	if res, _ := after.post("/unlock", url.Values{"passphrase": {passphrase}}); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("unlocking: %s", res.Status)
	}
	c.site = after
	body := c.page(at)
	has(t, "after the lock", body, "ealed at the gate", `class="gatebar"`)
	hasNot(t, "after the lock", body, "beaten on arrival")
	body = c.page(inside)
	has(t, "one begun inside", body, "Ask again and mark it")
	if strings.Contains(body, `autocomplete="off" checked`) {
		t.Error("after the lock the page names a level that it cannot know")
	}
	hasNot(t, "one begun inside", body, "What was said</label>")
	if res, _ := c.post(inside+"/level", url.Values{"level": {"C2"}, "seen": levelSeen(body)}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("asking for the level again: %s", res.Status)
	}
	has(t, "after asking again", c.page(inside), `value="C2" autocomplete="off" checked`, "What was said</label>")
	c.post(c.path+"/gate", url.Values{"do": {"leave"}})
	hasNot(t, "after leaving", c.page("/today"), `class="gatebar"`)
}
