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
	root.SetArgs(args)
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

// errUsage marks what was typed wrongly.
var errUsage = errors.New("usage")
