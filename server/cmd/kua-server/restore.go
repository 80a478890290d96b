package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kua/server"
)

func restoreCommand() *cobra.Command {
	var cfg server.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE --data DIR",
		Short: "Put a backup into a data folder; laptops then bring what the server lost",
		Long: "Put a backup into a new or an existing data folder. A database that is there is renamed, never deleted.\n\n" +
			"The epoch is renewed, so that laptops bring what the server lost, and the log goes on under a new origin:\n" +
			"tell the coordinators to enter it in the roster.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Now, cfg.Rand = time.Now, rand.Reader
			r, err := server.Restore(cmd.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Server %s is restored in %s.\nepoch  %s\nlog    %s\n", r.Server, r.Dir, r.Epoch, r.Origin)
			if r.Kept != "" {
				fmt.Fprintf(out, "The database that was there is now %s.\n", r.Kept)
			}
			if r.Missing > 0 {
				fmt.Fprintf(out, "%d attachments are not in the folder blobs; laptops bring them again where they have them.\n", r.Missing)
			}
			return nil
		},
	}
	stringFlag(cmd, &cfg.Dir, "data", "", "folder of the server's data")
	stringFlag(cmd, &cfg.HighWater, "high-water", "", "file with the newest published checkpoint")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
