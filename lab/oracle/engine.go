// Package oracle drives ODK's own form engine beside Kua's: the same forms, the same answers, and after each answer the
// same values, relevance, validity, choices and words, or a reason why not.
package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"kua/fieldclient/form"
)

// request is what oracle.mjs does.
type request struct {
	Do    string            `json:"do"` // load, set, add, remove
	Form  string            `json:"form,omitempty"`
	Files map[string]string `json:"files,omitempty"`
	Ref   form.Ref          `json:"ref,omitempty"`
	Value string            `json:"value"`
}

// state is a node as ODK's engine sees it.
type state struct {
	Ref        form.Ref
	Type       string
	Value      string
	Relevant   bool
	ReadOnly   bool
	Required   bool
	Constraint *bool // holds; nil for what is no question
	Missing    bool
	Label      string
	Choices    []string
}

// engine is a process that runs ODK's engine.
type engine struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// errMissing: what the engine needs is not on this machine.
var errMissing = errors.New("not on this machine")

// install fetches the engine into lab/oracle/node_modules where it is not there yet.
func install(ctx context.Context) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is %w", program, errMissing)
		}
	}
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		return err
	}
	if done, err := os.Stat(filepath.Join("node_modules", ".package-lock.json")); err == nil && !done.ModTime().Before(lock.ModTime()) {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case unreachable.Match(out):
		return fmt.Errorf("the engine's packages are %w and npm cannot reach any: %s", errMissing, unreachable.Find(out))
	}
	return fmt.Errorf("fetching the engine's packages: %w\n%s", err, out) // wrong packages are no reason to compare nothing
}

// unreachable is what npm says without a network, or where nobody serves packages.
var unreachable = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|E40[1347]|E50\d|ENOTCACHED`)

// start runs the engine with its clock standing still.
func start(ctx context.Context, now time.Time) (*engine, error) {
	cmd := exec.CommandContext(ctx, "node", "oracle.mjs", now.UTC().Format(time.RFC3339))
	// Five hours east of UTC. The zone Asia/Almaty is that only for programs that know of the change of 2024.
	cmd.Env = append(os.Environ(), "TZ=Etc/GMT-5")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &engine{cmd, in, bufio.NewReader(out)}, cmd.Start()
}

// Close ends the process.
func (e *engine) Close() error {
	return errors.Join(e.in.Close(), e.cmd.Wait())
}

// errRefused: the engine does not do what was asked; the text is its own.
var errRefused = errors.New("ODK's engine refuses")

func (e *engine) ask(r request) ([]state, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if _, err := e.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	reply, err := e.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("reading a reply: %w", err)
	}
	var got struct {
		State []state
		Error string
	}
	if err := json.Unmarshal(reply, &got); err != nil {
		return nil, fmt.Errorf("reading a reply: %w", err)
	}
	if got.Error != "" {
		return nil, fmt.Errorf("%w: %s", errRefused, got.Error)
	}
	return got.State, nil
}
