package main

import (
	"context"

	"github.com/spf13/cobra"

	"kua/fieldclient"
)

func (a *app) checklistAdd(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "add REPEAT", Short: "Add an instance to a repeat, such as a cell that is measured", Args: cobra.ExactArgs(1),
		Long: "Add an instance to a repeat, by the repeat's id, such as COL-02, its name or its place, and print the instance's place."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			repeat, err := k.FindRepeat(ctx, args[0])
			if err != nil {
				return typedWrongly(err)
			}
			ref, _, err := k.AddRow(ctx, repeat)
			if err != nil {
				return typedWrongly(err)
			}
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			return a.made(string(ref), map[string]string{"id": names[ref], "place": string(ref)}, "Added: %s (%s)", names[ref], ref)
		})
	})
}

func (a *app) checklistStrike(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "strike INSTANCE", Short: "Take out an instance that you added; its history stays", Args: cobra.ExactArgs(1),
		Long: "Take out an instance that you added, by its id, such as COL-02:2, or its place; its history stays."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			ref, err := k.FindRow(ctx, args[0])
			if err != nil {
				return typedWrongly(err)
			}
			out, err := k.StrikeRow(ctx, ref)
			if err != nil {
				return typedWrongly(err)
			}
			return a.say(out.Saved, "Taken out. What stood there stays in the history, and in the group's checklist where others answered in it.")
		})
	})
}
