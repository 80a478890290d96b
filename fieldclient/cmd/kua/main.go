// Command kua is the field record of a preventive mechanism on a laptop. It works without a network; `kua help` lists
// what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"kua/fieldclient/vault"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in. It returns the exit code.
func run(args []string, in *os.File, out, problems io.Writer) int {
	_ = vault.Harden() // what this system cannot give is no reason to stop
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := newApp(in, out, problems)
	root := a.root()
	root.SetArgs(negativeLast(args))
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case !a.started:
		fmt.Fprintf(problems, "kua: %v\n     Nothing was changed. `kua help` and `kua COMMAND --help` show how it goes.\n", err)
		return exitUsage
	}
	return a.explain(err)
}

func (a *app) root() *cobra.Command {
	root := a.group("kua", "Keep the field record of a preventive mechanism, with or without a network",
		a.setup(), a.passphraseCommands(), a.recovery(), a.device(), a.doctor(), a.wipe(),
		a.org(), a.invite(), a.enrol(), a.enrolments(), a.approve(), a.roster(), a.giveRole(), a.revoke(), a.template(), a.norm(),
		a.facility(), a.visit(), a.record(), a.set(), a.clear(), a.checklist(), a.answer(), a.agree(), a.note(), a.interview(), a.evidence(), a.fields(),
		a.search(), a.history(), a.status(), a.gate(), a.travelLight(), a.identity(), a.attention(), a.conflicts(), a.resolve(), a.endorse(), a.quarantine(), a.erase(),
		a.sync(), a.courier(), a.verify(), a.incidents(), a.version(),
	)
	a.screensFor(root)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.PersistentFlags().StringVar(&a.data, "data", a.data, "data folder ($KUA_DATA)")
	root.PersistentFlags().StringVar(&a.state, "state", a.state, "state folder, outside the data folder and its backups ($KUA_STATE)")
	root.PersistentFlags().BoolVarP(&a.quiet, "quiet", "q", false, "where something is made, print only its id")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print one JSON document on standard output")
	return root
}

// negative is a number below zero, which the flags' grammar would take for a row of flags.
var negative = regexp.MustCompile(`^-[0-9]+([.,][0-9]+)?$`)

// negativeLast lets a last negative number be a value, as in `kua checklist answer COL-04/temperature -5 --note cold`: it
// goes behind "--", where no flag can be. One right behind a flag is that flag's.
func negativeLast(args []string) []string {
	for i, s := range args {
		if s == "--" {
			break
		}
		if i > 0 && negative.MatchString(s) && !strings.HasPrefix(args[i-1], "-") {
			out := append(slices.Clone(args[:i]), args[i+1:]...)
			return append(out, "--", s)
		}
	}
	return args
}

// errUsage marks what was typed wrongly.
var errUsage = errors.New("usage")
