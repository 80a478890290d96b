package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

var quarantineWords = map[syncproto.Code]string{
	syncproto.CodeQuarantineLate:    "came after its laptop or its author's mandate was revoked",
	syncproto.CodeQuarantineNoRight: "its author had no right to write there",
	syncproto.CodeQuarantineField:   "it holds something that its author's role may not write",
}

func (a *app) quarantine() *cobra.Command {
	var all bool
	list := &cobra.Command{Use: "list", Short: "List signed work that waits for a decision"}
	list.Flags().BoolVar(&all, "all", false, "also what was decided")
	a.command(list, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			rows, err := quarantined(ctx, c, all)
			if err != nil {
				return err
			}
			return a.print(rows, func(w io.Writer) {
				if len(rows) == 0 {
					fmt.Fprintln(w, "Nothing is quarantined.")
				}
				for _, q := range rows {
					fmt.Fprintf(w, "%s\n    %d operations by %s, laptop %s: %s\n    %s\n", q.Changeset, q.Ops, q.Name, q.Device, quarantineWords[q.Code], q.Decision)
				}
			})
		})
	})
	return a.group("quarantine", "Decide on signed work that may not take effect yet", list,
		a.decide("admit CHANGESET… --reason TEXT", "Let it take effect: everything of its feed up to it", true),
		a.decide("decline CHANGESET… --reason TEXT", "Leave it without effect: it stays in the record and no longer waits", false))
}

func quarantined(ctx context.Context, c *fieldclient.Client, all bool) ([]fieldclient.Quarantined, error) {
	out := []fieldclient.Quarantined{}
	for _, s := range c.Replica().Scopes() {
		list, err := c.Quarantine(ctx, s.Scope)
		if err != nil {
			return nil, err
		}
		for _, q := range list {
			if all || q.Decision == "waiting" {
				out = append(out, q)
			}
		}
	}
	return out, nil
}

func (a *app) decide(use, short string, admit bool) *cobra.Command {
	var reason string
	c := &cobra.Command{Use: use, Short: short, Args: cobra.MinimumNArgs(1)}
	c.Flags().StringVar(&reason, "reason", "", "why; it is kept beside the decision")
	required(c, "reason")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			byScope := map[syncproto.ScopeID][]syncproto.ChangesetID{}
			for _, typed := range args {
				id, err := changesetNamed(ctx, c, typed)
				if err != nil {
					return err
				}
				l, err := c.Replica().Changeset(ctx, id)
				if err != nil {
					return err
				}
				byScope[l.Scope] = append(byScope[l.Scope], id)
			}
			if len(byScope) > 1 {
				return fmt.Errorf("these changesets are of different visits: decide on each visit by itself (%w)", errUsage)
			}
			for scope, ids := range byScope {
				saved, err := c.Decide(ctx, scope, ids, admit, reason)
				if err != nil {
					return err
				}
				return a.say(saved, "Decided. `kua sync` tells the others.")
			}
			return nil
		})
	})
}
