package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
)

var errFaults = errors.New("something on this laptop does not verify")

func (a *app) verify() *cobra.Command {
	c := &cobra.Command{Use: "verify", Short: "Check every signature, chain, value and right on this laptop, without a network",
		Long: "Check every signature, chain, value and right on this laptop, without a network: the roster from the organisation's root\n" +
			"on, every changeset by its laptop's key, every feed's chain, every value against its signed root, every sealed original against its\n" +
			"hashes, every receipt, and that the merged records are what the signed work makes of them. The exit code is 1 where something does not hold."}
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			v, err := c.Verify(ctx)
			if err != nil {
				return err
			}
			err = a.print(v, func(w io.Writer) { writeVerification(w, v) })
			if err == nil && len(v.Faults) > 0 {
				err = errFaults
			}
			return err
		})
	})
}

func writeVerification(w io.Writer, v fieldclient.Verification) {
	fmt.Fprintf(w, "roster      %d records, each signed by who held the right before it\n", v.Roster)
	fmt.Fprintf(w, "changesets  %d in %d feeds of %d scopes: signatures and chains hold\n", v.Changesets, v.Feeds, v.Scopes)
	fmt.Fprintf(w, "values      %d opened and led to their signed root; %d bodies sealed for others, %d withheld after an erasure\n", v.Values, v.Sealed, v.Withheld)
	fmt.Fprintf(w, "rights      judged anew: %d changesets are quarantined, %d wait for something to come first\n", v.Quarantined, v.Held)
	fmt.Fprintf(w, "originals   %d sealed originals opened to the hashes in their records; %d are elsewhere\n", v.Attachments, v.Absent)
	fmt.Fprintf(w, "receipts    %d signed by a server that the roster names\n", v.Receipts)
	if len(v.Faults) == 0 {
		fmt.Fprintln(w, "Everything holds.")
	}
	for _, f := range v.Faults {
		fmt.Fprintf(w, "! %s\n", f)
	}
}
