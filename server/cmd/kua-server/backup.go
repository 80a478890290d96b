package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"kua/server"
)

func backupCommand() *cobra.Command {
	var cfg server.Config
	var withKey, asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FILE --data DIR",
		Short: "Write a consistent copy of the database to a file, also while the server runs",
		Long: "Write a consistent copy of the database to a file, also while the server runs.\n\n" +
			"FILE.blobs lists the attachments that belong to it; copy them from the folder blobs, they never change.\n" +
			"Keep the server's key and the high-water file elsewhere. With --with-key the backup holds the key: whoever has it can be the server.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := server.MakeBackup(cmd.Context(), cfg, args[0], withKey)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s holds %d changesets of server %s.\n%s lists %d attachments.\n", b.File, b.Changesets, b.Server, b.Blobs, b.Attachments)
			return err
		},
	}
	stringFlag(cmd, &cfg.Dir, "data", "", "folder of the server's data")
	cmd.Flags().BoolVar(&withKey, "with-key", false, "put the server's secret key into the backup")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
