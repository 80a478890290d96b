package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"kua/server"
)

func rebuildCommand() *cobra.Command {
	var cfg server.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rebuild --data DIR",
		Short: "Make every derived table anew from the log, without a running server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.Rebuild(cmd.Context(), cfg); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"data": cfg.Dir})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Everything derived in %s was made anew.\n", cfg.Dir)
			return err
		},
	}
	stringFlag(cmd, &cfg.Dir, "data", "", "folder of the server's data")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
