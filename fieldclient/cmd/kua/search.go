package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
)

func (a *app) search() *cobra.Command {
	c := &cobra.Command{Use: "search WORD…", Short: "Search everything that this laptop may read, with or without a network", Args: cobra.MinimumNArgs(1),
		Long: "Search everything that this laptop may read. Beginnings of words match; letters of the Kazakh alphabet match the letters\n" +
			"that people type instead. Words typed here land in the shell's history; - reads them from standard input."}
	return a.command(c, func(ctx context.Context, args []string) error {
		words, err := a.text(strings.Join(args, " "))
		if err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			found, err := c.Search(ctx, words)
			if err != nil {
				return err
			}
			return a.print(found, func(w io.Writer) {
				if len(found) == 0 {
					fmt.Fprintln(w, "Nothing on this laptop holds these words.")
				}
				for _, f := range found {
					old := ""
					if !f.Current {
						old = "  (an earlier text, replaced or removed since)"
					}
					fmt.Fprintf(w, "%s  %s %s: %s%s\n", f.Entity, f.Kind, f.Field, f.Text, old)
				}
			})
		})
	})
}

func (a *app) history() *cobra.Command {
	c := &cobra.Command{Use: "history RECORD FIELD", Short: "Show who wrote, replaced, resolved and endorsed a field, and when", Args: cobra.ExactArgs(2),
		Long: "Show who wrote, replaced, resolved and endorsed a field. The time by the author's laptop, the time corrected by its last\n" +
			"contact with a server, and the time of the server's receipt stand side by side."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			t, err := target(ctx, c, args[0], args[1])
			if err != nil {
				return err
			}
			list, err := c.History(ctx, t)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) {
				for _, s := range list {
					writeStatement(w, s)
				}
			})
		})
	})
}

func writeStatement(w io.Writer, s fieldclient.Statement) {
	fmt.Fprintf(w, "%s by %s: %s\n", s.Kind, s.Name, statementValue(s))
	if s.Reason != "" {
		fmt.Fprintf(w, "    reason      %s\n", s.Reason)
	}
	fmt.Fprintf(w, "    written     %s by the author's laptop\n", when(s.Written))
	if s.Corrected != 0 {
		fmt.Fprintf(w, "    corrected   %s ± %d ms\n", when(s.Corrected), s.ErrorMs)
	}
	fmt.Fprintf(w, "    received    %s by the server\n", when(s.Received))
	fmt.Fprintf(w, "    now         %s, %s\n", s.Fate, s.State)
	for _, by := range s.By {
		fmt.Fprintf(w, "    by          changeset %s\n", by)
	}
	fmt.Fprintf(w, "    changeset   %s\n", s.Changeset)
}
