package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kua/internal/loopback"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kua": main})
}

// TestStories plays testdata/*.txtar: real laptops and a real server, each a process of its own, over real HTTP.
func TestStories(t *testing.T) {
	bin := buildServer(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_STORIES") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("KUA_TEST_KDF", "quick")
			env.Setenv("KUA_KEYFILE_PASSPHRASE", "two sealed envelopes in two safes")
			env.Values["server"] = &storyServer{dir: filepath.Join(env.WorkDir, "server")}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"laptop": cmdLaptop, "organisation": cmdOrganisation, "member": cmdMember, "server": cmdServer,
			"let": cmdLet, "is": cmdIs, "count": cmdCount, "exits": cmdExits, "putback": cmdPutBack, "grepall": cmdGrepAll, "photo": cmdPhoto,
		},
	})
}

func buildServer(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, "kua/server/cmd/kua-server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	return bin
}

// cmdLaptop: "laptop NAME" makes the following commands run on that laptop.
func cmdLaptop(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: laptop NAME")
	home := ts.MkAbs(filepath.Join("laptops", args[0]))
	ts.Setenv("KUA_DATA", filepath.Join(home, "data"))
	ts.Setenv("KUA_STATE", filepath.Join(home, "state"))
	ts.Setenv("KUA_PASSPHRASE", "the passphrase of "+args[0]+" is long")
}

// cmdOrganisation: "organisation NAME COORDINATOR" starts a server and founds the organisation on the coordinator's
// laptop. first_day.txtar plays the same by hand.
func cmdOrganisation(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: organisation NAME COORDINATOR")
	cmdServer(ts, false, []string{"init"})
	cmdServer(ts, false, []string{"start"})
	cmdLaptop(ts, false, args[1:])
	kua(ts, "setup")
	kua(ts, "org", "create", "--name", args[0], "--coordinator", args[1], "--server", ts.Getenv("URL"), "--setup", ts.Getenv("SETUP"),
		"--root-key", ts.MkAbs("root.key"), "--recovery-key", ts.MkAbs("recovery.key"))
	ts.Setenv("COORDINATOR", args[1])
}

// cmdMember: "member NAME ROLE REGION" lets the coordinator invite and approve somebody with a new laptop.
func cmdMember(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 3, "usage: member NAME ROLE REGION")
	cmdLaptop(ts, false, []string{ts.Getenv("COORDINATOR")})
	kua(ts, "invite", "--name", args[0], "--role", args[1], "--region", args[2], "--json")
	invitation := field(ts, "text")
	cmdLaptop(ts, false, args[:1])
	kua(ts, "setup")
	kua(ts, "enrol", invitation, "--label", args[0]+"'s laptop", "--json")
	id, words := field(ts, "invitation"), field(ts, "words")
	cmdLaptop(ts, false, []string{ts.Getenv("COORDINATOR")})
	kua(ts, append([]string{"approve", id}, strings.Fields(words)...)...)
	cmdLaptop(ts, false, args[:1])
	kua(ts, "enrol", "finish")
}

func kua(ts *testscript.TestScript, args ...string) {
	if err := ts.Exec("kua", args...); err != nil {
		ts.Fatalf("kua %s: %v\n%s", strings.Join(args, " "), err, ts.ReadFile("stderr"))
	}
}

// cmdLet: "let NAME PATH" keeps a value of the last JSON document in a variable.
func cmdLet(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: let NAME PATH")
	ts.Setenv(args[0], field(ts, args[1]))
}

// cmdIs: "is PATH VALUE" holds a value of the last JSON document to what is expected.
func cmdIs(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 2, "usage: [!] is PATH VALUE")
	if got := field(ts, args[0]); (got == args[1]) == neg {
		ts.Fatalf("%s is %q\n%s", args[0], got, ts.ReadFile("stdout"))
	}
}

// cmdCount: "count PATH N" holds the length of a list of the last JSON document to what is expected.
func cmdCount(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 2, "usage: [!] count PATH N")
	list, ok := lookup(ts, args[0]).([]any)
	if n, err := strconv.Atoi(args[1]); err != nil || !ok || (len(list) == n) == neg {
		ts.Fatalf("%s has %d entries\n%s", args[0], len(list), ts.ReadFile("stdout"))
	}
}

// cmdExits: "exits CODE COMMAND…" holds a command to an exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "usage: exits CODE COMMAND…")
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s%s", code, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// cmdPutBack: "putback FROM TO" replaces a folder by a copy of another, with its modes.
func cmdPutBack(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: putback FROM TO")
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(os.RemoveAll(to))
	ts.Check(copyTree(from, to))
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// cmdGrepAll: "grepall FOLDER WORD…" finds each word in the names and bytes of a folder's files; "! grepall" finds none.
func cmdGrepAll(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) > 1, "usage: [!] grepall FOLDER WORD…")
	hits, files := map[string]string{}, 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		text := bytes.ToLower(append([]byte(d.Name()+"\x00"), b...))
		for _, w := range args[1:] {
			if bytes.Contains(text, []byte(strings.ToLower(w))) {
				hits[w] = path
			}
		}
		return err
	}))
	want(ts, files > 0, "the folder is empty")
	for _, w := range args[1:] {
		if path, hit := hits[w]; hit == neg {
			ts.Fatalf("%q found: %v %s", w, hit, path)
		}
	}
}

func want(ts *testscript.TestScript, ok bool, usage string) {
	if !ok {
		ts.Fatalf("%s", usage)
	}
}

// field returns a value of the last JSON document as text; a list of texts with blanks.
func field(ts *testscript.TestScript, path string) string {
	switch v := lookup(ts, path).(type) {
	case string:
		return v
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = fmt.Sprint(v[i])
		}
		return strings.Join(words, " ")
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// lookup follows a path such as 0.fields.summary.heads.0.value. In a list, a word picks the first entry that has it as
// its field, name, kind, title or record.
func lookup(ts *testscript.TestScript, path string) any {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	dec.UseNumber()
	var at any
	if err := dec.Decode(&at); err != nil {
		ts.Fatalf("standard output is not JSON: %v\n%s", err, ts.ReadFile("stdout"))
	}
	if path == "." {
		return at
	}
	for _, step := range strings.Split(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			at = pick(v, step)
		default:
			return nil
		}
	}
	return at
}

func pick(list []any, step string) any {
	if i, err := strconv.Atoi(step); err == nil && i < len(list) {
		return list[i]
	}
	for _, e := range list {
		m, _ := e.(map[string]any)
		for _, key := range []string{"field", "name", "kind", "title", "record"} {
			if m[key] == step {
				return e
			}
		}
	}
	return nil
}

// storyServer is the server of one story.
type storyServer struct {
	dir         string
	url, listen string // from the first start on, and kept: laptops remember the URL
	running     *exec.Cmd
}

// cmdServer: "server init|start|stop|COMMAND…".
func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 0, "usage: server init|start|stop|COMMAND…")
	s := ts.Value("server").(*storyServer)
	switch args[0] {
	case "init":
		ts.Check(ts.Exec("kua-server", "init", "--data", s.dir, "--url", "http://127.0.0.1:0", "--json"))
		ts.Setenv("SETUP", field(ts, "setup"))
		ts.Defer(func() { s.stop() })
	case "start":
		ts.Check(s.start(ts.Getenv("PATH")))
		ts.Setenv("URL", s.url)
	case "stop":
		ts.Check(s.stop())
	default:
		if err := ts.Exec("kua-server", args...); err != nil {
			ts.Fatalf("kua-server %s: %v\n%s", strings.Join(args, " "), err, ts.ReadFile("stderr"))
		}
	}
}

func (s *storyServer) start(path string) error {
	if s.url == "" {
		listen, err := loopback.Address()
		if err != nil {
			return err
		}
		s.url, s.listen = "http://"+listen, listen
	}
	bin, _, _ := strings.Cut(path, string(filepath.ListSeparator))
	s.running = exec.Command(filepath.Join(bin, "kua-server"), "serve", "--data", s.dir, "--json", "--metrics", "", "--listen", s.listen, "--url", s.url)
	var log bytes.Buffer
	s.running.Stderr = &log
	out, err := s.running.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.running.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(out).ReadBytes('\n'); err != nil { // it says where it listens
		return errors.Join(fmt.Errorf("the server did not start: %w\n%s", err, log.Bytes()), s.stop())
	}
	return nil
}

func (s *storyServer) stop() error {
	if s.running == nil {
		return nil
	}
	defer func() { s.running = nil }()
	if err := s.running.Process.Signal(os.Interrupt); err != nil {
		return s.running.Process.Kill()
	}
	return s.running.Wait()
}
