package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/server"
)

var errFaults = errors.New("something is wrong with the server's data: see the report")

func verifyCommand() *cobra.Command {
	var cfg server.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify --data DIR",
		Short: "Check every signature, chain, position, right, log entry and derived table, without a running server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := server.Verify(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				printReport(cmd.OutOrStdout(), r)
			}
			if err == nil && !r.Good() {
				err = errFaults
			}
			return err
		},
	}
	stringFlag(cmd, &cfg.Dir, "data", "", "folder of the server's data")
	stringFlag(cmd, &cfg.HighWater, "high-water", "", "file with the newest published checkpoint")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printReport(w io.Writer, r *server.Report) {
	fmt.Fprintf(w, "server      %s\nepoch       %s\nlog         %s\n", r.Server, r.Epoch, r.Origin)
	fmt.Fprintf(w, "entries     %d, root %s, %d checkpoints\n", r.Entries, r.Root, r.Checkpoints)
	fmt.Fprintf(w, "roster      %d records\nscopes      %d, feeds %d of which forked %d\n", r.Roster, r.Scopes, r.Feeds, r.Forked)
	fmt.Fprintf(w, "changesets  %d, quarantined %d, held %d, erasures %d\n", r.Changesets, r.Quarantined, r.Held, r.Erasures)
	fmt.Fprintf(w, "attachments %d\n", r.Attachments)
	if r.Good() {
		fmt.Fprintln(w, "\nNothing is wrong.")
		return
	}
	fmt.Fprintln(w, "\nWrong:")
	for _, f := range r.Faults {
		fmt.Fprintln(w, "  "+f)
	}
}
