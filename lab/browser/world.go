package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kua/internal/loopback"
	"kua/lab/stage"
)

// Words opens every laptop of a World, as of a stage.
const Words = stage.Passphrase

// World is one mechanism of processes: a server, and laptops that only its commands and screens have touched. Whatever
// is written anywhere is under Dir, the home folder and the temporary folders of all processes included.
type World struct {
	T   testing.TB
	Dir string
	URL string

	Facility, Earlier, Visit string
	Checklist                string // what fill has written into the visit: Aigerim's checklist,
	Interview, Photo         string // a conversation of hers, a photo
	server                   *exec.Cmd
}

// The people of a World. Saule leads the organisation, Aigerim the visit.
const (
	Saule   = "Сәуле"
	Aigerim = "Айгерім"
	Daulet  = "Дәулет"
)

// Found starts a server and founds an organisation on it, with Saule as its first coordinator.
func Found(t testing.TB) *World {
	t.Helper()
	dir, err := os.MkdirTemp("", "kua-w-") // a short name: Chromium's socket has to fit
	must(t, err)
	w := &World{T: t, Dir: dir}
	t.Cleanup(func() { removeAll(dir) })
	for _, d := range []string{"home", "tmp", "run"} {
		must(t, os.Mkdir(filepath.Join(w.Dir, d), 0o700))
	}
	setup := w.run("", "kua-server", "init", "--data", w.path("server"), "--url", "http://127.0.0.1:0", "--json")
	w.serve()
	w.Kua(Saule, "setup")
	w.Kua(Saule, "org", "create", "--name", "Ұлттық превентивтік тетік", "--coordinator", Saule, "--server", w.URL, "--setup", field(t, setup, "setup"),
		"--root-key", w.path("root.key"), "--recovery-key", w.path("recovery.key"))
	return w
}

// NewWorld plays a season up to the evening before a visit: two monitors have joined, an earlier visit has left a
// recommendation, a checklist is approved.
func NewWorld(t testing.TB) *World {
	t.Helper()
	w := Found(t)
	w.Join(Aigerim, "leader")
	w.Join(Daulet, "monitor")
	w.Kua(Saule, "template", "import", "colony", "--approve")
	w.Facility = w.Kua(Saule, "facility", "add", "--set", "name=Түзеу мекемесі № 12", "--set", "type=colony", "--set", "region=KZ-75",
		"--set", "address=Алматы облысы, Іле ауданы", "--set", "capacity=900", "--quiet")
	w.Earlier = w.Open("Күзгі бару", "date=2025-10-14", "status=closed", "kind=periodic")
	w.Kua(Saule, "record", "create", "recommendation", "--visit", w.Earlier, "--set", "text=Камераларда ауа алмасуды қамтамасыз ету.",
		"--set", "addressee=Мекеме басшылығы", "--set", "due=2026-03-01", "--set", "status=sent")
	w.Visit = w.Open("Көктемгі бару", "date=2026-04-02", "status=mandated", "kind=interim", "order=№ 41, 25.03.2026")
	w.Sync()
	return w
}

// fill writes into the season what its pages show: records of every kind, and answers that differ.
func (w *World) fill() {
	w.T.Helper()
	for _, who := range []string{Saule, Daulet} { // of two, none reads an identity alone
		w.Kua(Saule, "grant", who, "--role", "custodian", "--region", "KZ-75")
	}
	w.Sync()
	w.Kua(Daulet, "note", w.Visit, "Екінші блоктың дәлізінде хлор иісі.")
	w.Kua(Daulet, "set", w.Visit, "population", "840")
	w.Kua(Aigerim, "set", w.Visit, "population", "812")
	w.Kua(Aigerim, "note", w.Visit, "Кереуеттер тот басқан; терезелер боялған, күн сәулесі түспейді.")
	w.Interview = w.Kua(Aigerim, "interview", w.Visit, "--kind", "private", "--consent", "C2", "--summary", "Түнде ешкім келмеді.", "--quiet")
	photo := w.path("photo.png")
	must(w.T, os.WriteFile(photo, drawing(), 0o600))
	w.Photo = field(w.T, w.Kua(Aigerim, "evidence", "add", w.Visit, photo, "--caption", "№ 4 камераның терезесі", "--json"), "record")
	must(w.T, os.Remove(photo))
	w.Checklist = w.Kua(Aigerim, "checklist", "open", w.Visit, "colony", "--quiet")
	w.Kua(Aigerim, "checklist", "answer", "COL-04", "partly", "--source", "observation", "--note", "Тор арқылы")
	w.Kua(Aigerim, "checklist", "answer", "COL-05", "--status", "access-refused")
	w.Kua(Daulet, "checklist", "open", w.Visit, "colony")
	w.Kua(Daulet, "checklist", "answer", "COL-04", "met", "--source", "observation")
	w.Kua(Aigerim, "record", "create", "finding", "--visit", w.Visit, "--set", "statement=Камераларда ауа алмаспайды.")
	w.Sync()
}

// drawing is a picture as of a camera.
func drawing() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			img.Set(x, y, color.RGBA{uint8(x / 3), uint8(y / 2), uint8((x ^ y) & 0x7f), 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // into memory
	return b.Bytes()
}

// Open opens a visit for the two monitors.
func (w *World) Open(title string, set ...string) string {
	w.T.Helper()
	args := []string{"visit", "new", "--facility", w.Facility, "--title", title, "--team", Aigerim + "," + Daulet, "--quiet"}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	return w.Kua(Saule, args...)
}

// Invite returns the file of an invitation.
func (w *World) Invite(who, role string) string {
	w.T.Helper()
	file := w.path(who + ".invitation")
	w.Kua(Saule, "invite", "--name", who, "--role", role, "--region", "KZ-75", "--out", file)
	return file
}

// Join brings somebody in by the commands: invitation, six words, approval.
func (w *World) Join(who, role string) {
	w.T.Helper()
	file := w.Invite(who, role)
	w.Kua(who, "setup")
	asked := w.Kua(who, "enrol", file, "--json")
	w.Kua(Saule, append([]string{"approve", field(w.T, asked, "invitation")}, strings.Fields(field(w.T, asked, "words"))...)...)
	w.Kua(who, "enrol", "finish")
}

// Sync brings all laptops together: what one has written, the others have afterwards.
func (w *World) Sync() {
	w.T.Helper()
	for range 2 {
		for _, who := range []string{Saule, Aigerim, Daulet} {
			w.Kua(who, "sync")
		}
	}
}

// Kua runs the command on somebody's laptop, which is locked otherwise. It must succeed; what it printed is returned.
func (w *World) Kua(who string, args ...string) string {
	w.T.Helper()
	return w.run(who, "kua", args...)
}

// Screens starts the program on somebody's laptop and unlocks it in a browser, in a language.
func (w *World) Screens(who, language string) (*App, *Tab) {
	w.T.Helper()
	app := w.App(who)
	b := Browse(w.T, w.env()...)
	b.Open(<-app.Launch)
	b.Language(language)
	b.Unlock()
	return app, b
}

// App starts the program on somebody's laptop.
func (w *World) App(who string) *App {
	w.T.Helper()
	return Start(w.T, w.Data(who), w.path("laptops", who, "state"), w.env()...)
}

// Data is the data folder of somebody's laptop.
func (w *World) Data(who string) string { return w.path("laptops", who, "data") }

func (w *World) path(parts ...string) string {
	return filepath.Join(append([]string{w.Dir}, parts...)...)
}

func (w *World) env() []string {
	return []string{"HOME=" + w.path("home"), "TMPDIR=" + w.path("tmp"), "XDG_RUNTIME_DIR=" + w.path("run"), "XDG_CONFIG_HOME=" + w.path("home"),
		"XDG_CACHE_HOME=" + w.path("home"), "KUA_TEST_KDF=quick"}
}

func (w *World) run(who, program string, args ...string) string {
	w.T.Helper()
	cmd := exec.Command(filepath.Join(filepath.Dir(Build(w.T)), program), args...)
	cmd.Dir = w.Dir
	cmd.Env = append(os.Environ(), w.env()...)
	if who != "" {
		cmd.Env = append(cmd.Env, "KUA_DATA="+w.Data(who), "KUA_STATE="+w.path("laptops", who, "state"), "KUA_PASSPHRASE="+Words, "KUA_KEYFILE_PASSPHRASE=two envelopes in two safes")
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		w.T.Fatalf("%s %s %s: %v\n%s%s", who, program, strings.Join(args, " "), err, &out, &problems)
	}
	return strings.TrimSpace(out.String())
}

// serve starts the server and waits until it says where it listens.
func (w *World) serve() {
	w.T.Helper()
	if w.URL == "" { // and kept: laptops remember the address
		listen, err := loopback.Address()
		must(w.T, err)
		w.URL = "http://" + listen
	}
	w.serveAt(strings.TrimPrefix(w.URL, "http://"))
}

// serveAt starts the server at an address of its own: at the one that laptops remember, somebody may stand between.
func (w *World) serveAt(listen string) {
	w.T.Helper()
	w.server = exec.Command(filepath.Join(filepath.Dir(Build(w.T)), "kua-server"), "serve", "--data", w.path("server"), "--json", "--metrics", "",
		"--listen", listen, "--url", w.URL)
	out, err := w.server.StdoutPipe()
	must(w.T, err)
	must(w.T, w.server.Start())
	w.T.Cleanup(w.StopServer)
	if _, err := bufio.NewReader(out).ReadBytes('\n'); err != nil {
		w.T.Fatalf("the server did not start: %v", err)
	}
}

// StopServer ends the server: there is no network from then on.
func (w *World) StopServer() {
	if w.server == nil {
		return
	}
	_ = w.server.Process.Signal(syscall.SIGTERM)
	_ = w.server.Wait() // how it ended is not what the test is about
	w.server = nil
}

// field reads a field of a JSON document; the words of a list are joined.
func field(t testing.TB, document, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		t.Fatalf("not a document: %v\n%s", err, document)
	}
	switch v := m[name].(type) {
	case string:
		return v
	case []any:
		var words []string
		for _, e := range v {
			words = append(words, e.(string))
		}
		return strings.Join(words, " ")
	}
	t.Fatalf("the document has no %s: %s", name, document)
	return ""
}
