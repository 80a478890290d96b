package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"kua/fieldclient"
	"kua/fieldclient/vault"
)

// app is one run of the command: where it reads and writes, and what its flags say.
type app struct {
	in          *os.File
	out, err    io.Writer
	data, state string
	json, quiet bool
	started     bool // a command has begun: what fails from here on is not a matter of usage
	stdinTaken  bool
}

func newApp(in *os.File, out, problems io.Writer) *app {
	a := &app{in: in, out: out, err: problems, data: os.Getenv("KUA_DATA"), state: os.Getenv("KUA_STATE")}
	if base, err := os.UserConfigDir(); err == nil {
		if a.data == "" {
			a.data = filepath.Join(base, "kua", "data")
		}
		if a.state == "" {
			a.state = filepath.Join(base, "kua", "state")
		}
	}
	return a
}

// command finishes a command whose work is run.
func (a *app) command(c *cobra.Command, run func(ctx context.Context, args []string) error) *cobra.Command {
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.started = true
		return run(cmd.Context(), args)
	}
	return c
}

// group makes a command that only holds others.
func (a *app) group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
		}
		return cmd.Help()
	}}
	c.AddCommand(subs...)
	return c
}

// required marks flags without which a command does not run.
func required(c *cobra.Command, names ...string) {
	for _, n := range names {
		if err := c.MarkFlagRequired(n); err != nil {
			panic(err)
		}
	}
}

// config says where the laptop's data is.
func (a *app) config() fieldclient.Config {
	return fieldclient.Config{
		Vault: vault.Config{Dir: a.data, StateDir: a.state, Rand: rand.Reader},
		Now:   time.Now, Rand: rand.Reader, App: "kua " + version(),
	}
}

// open unlocks the laptop, works on it and locks it again.
func (a *app) open(ctx context.Context, work func(c *fieldclient.Client) error) (err error) {
	if _, err := os.Stat(filepath.Join(a.data, "keys")); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("opening %s: %w", a.data, vault.ErrMissing) // before anybody is asked for a passphrase
	}
	secret, err := a.secret("passphrase", "Passphrase: ")
	if err != nil {
		return err
	}
	c, err := fieldclient.Open(ctx, a.config(), secret)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if why := c.Restored(); why != "" {
		fmt.Fprintf(a.err, "Note: this data folder was put back from a copy, or moved (%s). Nothing is lost: new work goes on in new feeds, and\n"+
			"      the next sync fetches what the copy did not hold. `kua incidents` keeps a note of it.\n", why)
	}
	return work(c)
}

// secret returns a passphrase from KUA_<NAME>_FILE or KUA_<NAME>, or asks for it without echo.
func (a *app) secret(name, prompt string) (string, error) {
	env := "KUA_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if path := os.Getenv(env + "_FILE"); path != "" {
		b, err := readBounded(path)
		if err != nil {
			return "", fmt.Errorf("reading the file that %s_FILE names: %w", env, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	if s := os.Getenv(env); s != "" {
		return s, nil
	}
	if !term.IsTerminal(int(a.in.Fd())) {
		return "", fmt.Errorf("there is no terminal to ask for the %s: set %s_FILE or %s (%w)", strings.ToLower(strings.TrimSuffix(prompt, ": ")), env, env, errUsage)
	}
	fmt.Fprint(a.err, prompt)
	b, err := term.ReadPassword(int(a.in.Fd()))
	fmt.Fprintln(a.err)
	return string(b), err
}

// newSecret is secret, asked twice on a terminal.
func (a *app) newSecret(name, prompt string) (string, error) {
	first, err := a.secret(name, prompt)
	if err != nil {
		return "", err
	}
	again, err := a.secret(name, strings.TrimSuffix(prompt, ": ")+", again: ")
	if err == nil && first != again {
		err = errors.New("the two passphrases differ")
	}
	return first, err
}

const maxInput = 1 << 20

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("%s holds more than %d bytes", name, maxInput)
	}
	return b, err
}

// text returns a value as typed, or all of standard input where it is "-": arguments stay in the shell's history.
func (a *app) text(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	if a.stdinTaken {
		return "", fmt.Errorf("only one value can come from standard input (%w)", errUsage)
	}
	a.stdinTaken = true
	b, err := readAll(a.in, "standard input")
	return strings.TrimRight(string(b), "\r\n"), err
}

// print writes v as JSON, or what human writes.
func (a *app) print(v any, human func(w io.Writer)) error {
	if !a.json {
		human(shown{a.out})
		return nil
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// shown writes for people: what would turn round the order of a text unseen, or order a terminal about, is written as a
// mark. A JSON document is for programs, and has texts as they are.
type shown struct{ to io.Writer }

func (s shown) Write(text []byte) (int, error) {
	if _, err := io.WriteString(s.to, strings.Map(harmless, fieldclient.Visible(string(text), nil))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// harmless gives for a control character the sign that pictures it; only line breaks and tabs stay.
func harmless(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r < 0x20:
		return 0x2400 + r // ␀ and so on
	case r == 0x7f:
		return '␡'
	case r >= 0x80 && r < 0xa0:
		return '\ufffd'
	}
	return r
}

// say prints one sentence for people beside a JSON document.
func (a *app) say(v any, format string, args ...any) error {
	return a.print(v, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) })
}

// made says what a command has made: a sentence, a JSON document, or with --quiet only the id.
func (a *app) made(id string, v any, format string, args ...any) error {
	if a.quiet {
		_, err := fmt.Fprintln(a.out, id)
		return err
	}
	return a.say(v, format, args...)
}

// version is the build, as the Go toolchain knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return strings.Trim(info.Main.Version, "()")
}

func (a *app) version() *cobra.Command {
	return a.command(&cobra.Command{Use: "version", Short: "Show which build this is"}, func(context.Context, []string) error {
		return a.say(map[string]string{"version": version()}, "kua %s", version())
	})
}
