package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kua/server"
)

func initCommand() *cobra.Command {
	var cfg server.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init --data DIR --url URL",
		Short: "Make a new server and print the code with which the first coordinator sets it up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Now, cfg.Rand = time.Now, rand.Reader
			code, err := server.Init(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"data": cfg.Dir, "url": cfg.PublicURL, "setup": code})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The server's data is in %s.\n\nSetup code, for one use:\n\n    %s\n\nIt is shown once and kept nowhere. Give it to the first coordinator in person.\n", cfg.Dir, code)
			return nil
		},
	}
	stringFlag(cmd, &cfg.Dir, "data", "", "folder of the server's data")
	stringFlag(cmd, &cfg.PublicURL, "url", "http://127.0.0.1:8440", "URL by which laptops will reach the server")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
