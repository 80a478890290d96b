package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"kua/internal/loopback"
)

// stage is where the walk plays: a temporary folder with a server and laptops.
type stage struct {
	bin, root string
	quick     bool
	out       io.Writer
	serving   *exec.Cmd
	url       string
	listen    string
	step      int
}

// failure ends the walk. It is thrown by whatever does not hold, and caught by run.
type failure struct{ error }

func fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// run plays the walk and cleans up.
func run(bin string, quick bool, out io.Writer) (err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "kua-walk-")
	if err != nil {
		return err
	}
	s := &stage{bin: bin, root: root, quick: quick, out: out}
	defer func() {
		f := recover()
		if caught, ok := f.(failure); ok {
			err = caught.error
		} else if f != nil {
			panic(f)
		}
		err = errors.Join(err, s.stopServer(), os.RemoveAll(root))
	}()
	s.play()
	fmt.Fprintln(out, "\nall steps passed")
	return nil
}

// title begins a step and says in plain words what it shows.
func (s *stage) title(text, shows string) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n   %s\n", s.step, text, shows)
}

// sees holds what came out to what is expected, and says so.
func (s *stage) sees(ok bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !ok {
		fail("step %d: this does not hold: %s", s.step, text)
	}
	fmt.Fprintf(s.out, "   ✓ %s\n", text)
}

// answer is what a command printed.
type answer struct{ out, err string }

// at follows keys and indexes into the JSON document that a command printed. In a list, a word picks the first entry
// that has it as its field, name, kind or title.
func (a answer) at(path ...string) string {
	v := a.value(path...)
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = fmt.Sprint(v[i])
		}
		return strings.Join(words, " ")
	default:
		return fmt.Sprint(v)
	}
}

func (a answer) count(path ...string) int {
	list, _ := a.value(path...).([]any)
	return len(list)
}

func (a answer) value(path ...string) (at any) {
	if err := json.Unmarshal([]byte(a.out), &at); err != nil {
		fail("the answer is not JSON: %v\n%s", err, a.out)
	}
	for _, step := range path {
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
		for _, key := range []string{"field", "name", "kind", "title"} {
			if m[key] == step {
				return e
			}
		}
	}
	return nil
}

// kua runs the command on somebody's laptop. It must succeed.
func (s *stage) kua(who string, args ...string) answer {
	return s.exits(0, who, args...)
}

// exits runs the command on somebody's laptop and holds it to an exit code.
func (s *stage) exits(code int, who string, args ...string) answer {
	a, got := s.exec(s.laptopEnv(who), filepath.Join(s.bin, "kua"), args...)
	if got != code {
		fail("step %d: on %s's laptop, kua %s: exit code %d, want %d\n%s%s", s.step, who, strings.Join(args, " "), got, code, a.out, a.err)
	}
	return a
}

// shown is kua, with the command printed for whoever reads along.
func (s *stage) shown(who string, args ...string) answer {
	quoted := make([]string, len(args))
	for i, w := range args {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " *'\"") {
			quoted[i] = strconv.Quote(w)
		}
	}
	fmt.Fprintf(s.out, "   %-8s $ kua %s\n", who, strings.Join(quoted, " "))
	return s.kua(who, args...)
}

func (s *stage) server(args ...string) answer {
	a, code := s.exec(nil, filepath.Join(s.bin, "kua-server"), args...)
	if code != 0 {
		fail("step %d: kua-server %s: exit code %d\n%s", s.step, strings.Join(args, " "), code, a.err)
	}
	return a
}

func (s *stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

func (s *stage) laptopEnv(who string) []string {
	env := []string{"KUA_DATA=" + s.path("laptops", who, "data"), "KUA_STATE=" + s.path("laptops", who, "state"),
		"KUA_PASSPHRASE=seven quiet words that " + who + " remembers", "KUA_KEYFILE_PASSPHRASE=two sealed envelopes in two safes"}
	if s.quick {
		env = append(env, "KUA_TEST_KDF=quick")
	}
	return env
}

func (s *stage) exec(env []string, name string, args ...string) (answer, int) {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fail("step %d: %v: run `make build` first", s.step, err)
	}
	return answer{out.String(), errs.String()}, cmd.ProcessState.ExitCode()
}

func (s *stage) startServer() {
	if s.url == "" { // and kept: laptops remember the address
		var err error
		s.listen, err = loopback.Address()
		check(err)
		s.url = "http://" + s.listen
	}
	s.serving = exec.Command(filepath.Join(s.bin, "kua-server"), "serve", "--data", s.path("server"), "--json",
		"--metrics", "127.0.0.1:0", "--listen", s.listen, "--url", s.url)
	var log bytes.Buffer
	s.serving.Stderr = &log
	out, err := s.serving.StdoutPipe()
	check(err)
	check(s.serving.Start())
	if _, err := bufio.NewReader(out).ReadBytes('\n'); err != nil { // it says where it listens
		fail("the server did not start: %v\n%s", err, log.Bytes())
	}
}

func (s *stage) stopServer() error {
	if s.serving == nil {
		return nil
	}
	defer func() { s.serving = nil }()
	if err := s.serving.Process.Signal(os.Interrupt); err != nil {
		return s.serving.Process.Kill()
	}
	return s.serving.Wait()
}

// replace puts a copy of a folder in the place of another.
func (s *stage) replace(from, to string) {
	check(os.RemoveAll(to))
	check(filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	}))
}

// holding returns which of the words are in a folder, in names or bytes of files.
func (s *stage) holding(folder string, words ...string) (found []string) {
	check(filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		text := bytes.ToLower(append([]byte(d.Name()+"\x00"), b...))
		for _, w := range words {
			if bytes.Contains(text, bytes.ToLower([]byte(w))) {
				found = append(found, w+" in "+path)
			}
		}
		return err
	}))
	return found
}
