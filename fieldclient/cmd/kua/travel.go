package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) travelLight() *cobra.Command {
	var back, all bool
	c := &cobra.Command{Use: "travel-light VISIT…", Short: "Remove all visits but those named from this laptop, as far as the server has them",
		Long: "Remove all visits but those named from this laptop; with --all, every visit. Nothing goes that the server has not signed for or\n" +
			"that only this laptop holds: `kua sync` first. Removed visits do not come back by themselves; with --back the next `kua sync`\n" +
			"fetches those named, or with --all every one. What a drive or a backup keeps of old files is out of a program's reach."}
	c.Args = func(_ *cobra.Command, args []string) error {
		if all == (len(args) > 0) {
			return fmt.Errorf("name visits, or give --all")
		}
		return nil
	}
	c.Flags().BoolVar(&back, "back", false, "let the next sync fetch removed visits again")
	c.Flags().BoolVar(&all, "all", false, "every visit")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			if back {
				return a.bringBack(ctx, c, args)
			}
			keep, err := matchAll(args, visits(c))
			if err != nil {
				return err
			}
			rep, err := c.TravelLight(ctx, keep)
			if err != nil {
				return err
			}
			return a.print(rep, func(w io.Writer) { writeTravel(w, rep) })
		})
	})
}

func (a *app) bringBack(ctx context.Context, c *fieldclient.Client, args []string) error {
	ids, err := matchAll(args, c.Away())
	if err != nil {
		return err
	}
	if len(args) == 0 {
		ids = c.Away()
	}
	if err := c.BringBack(ctx, ids); err != nil {
		return err
	}
	return a.say(ids, "The next `kua sync` fetches %d visits.", len(ids))
}

func matchAll(args []string, among []syncproto.ScopeID) ([]syncproto.ScopeID, error) {
	out := []syncproto.ScopeID{}
	for _, typed := range args {
		id, err := match("visit", typed, among)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

func writeTravel(w io.Writer, r fieldclient.TravelReport) {
	fmt.Fprintf(w, "Removed %d visits with %d changesets; the server holds them.\n", len(r.Removed), r.Changesets)
	for _, s := range r.Stayed {
		fmt.Fprintf(w, "! %s stays: %s\n", s.Scope, s.Why)
	}
}
