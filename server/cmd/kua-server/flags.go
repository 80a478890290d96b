package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// stringFlag defines a flag whose default comes from the environment: --tls-cert from KUA_SERVER_TLS_CERT.
func stringFlag(cmd *cobra.Command, p *string, name, value, usage string) {
	env := "KUA_SERVER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if v, ok := os.LookupEnv(env); ok {
		value = v
	}
	cmd.Flags().StringVar(p, name, value, usage+" ($"+env+")")
	if value == "" && name == "data" {
		cmd.MarkFlagRequired(name)
	}
}
