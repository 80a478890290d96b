package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/fieldclient/form"
)

// groupView is a question as the group stands to it.
type groupView struct {
	ID       string             `json:"id"`
	Place    form.Ref           `json:"place"`
	Label    string             `json:"label"`
	Standing string             `json:"standing"`
	Said     []fieldclient.Said `json:"said"`
	Agreed   []fieldclient.Said `json:"agreed"`
	Value    string             `json:"value,omitempty"` // of what is computed
}

func (a *app) checklistGroup(p *chosen) *cobra.Command {
	var all bool
	c := &cobra.Command{Use: "group", Short: "Show where the members' answers differ, side by side"}
	c.Flags().BoolVar(&all, "all", false, "show the other questions, too, and what follows from the group's measurements")
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.on(ctx, p, func(c *fieldclient.Client, k *fieldclient.Checklist) error {
			items, err := k.Group(ctx)
			if err != nil {
				return err
			}
			list := []groupView{}
			for i, it := range items {
				if all || it.Standing == fieldclient.StandsDiffering || it.Standing == fieldclient.StandsContested {
					list = append(list, groupView{groupName(items, i), it.Ref, it.Label, string(it.Standing), it.Said, it.Agreed, ""})
				}
			}
			computed, norms, err := computedIn(ctx, c, k, all)
			if err != nil {
				return err
			}
			for _, it := range computed {
				list = append(list, groupView{it.Key, it.Ref, it.Label, "computed", []fieldclient.Said{}, []fieldclient.Said{}, it.Value})
			}
			return a.print(list, func(w io.Writer) {
				for _, it := range computed {
					fmt.Fprintf(w, "%s  %s (%s)\n", it.Key, it.Value, it.Ref)
					comparisons(w, norms, it, p.lang)
				}
				for _, it := range list[:len(list)-len(computed)] {
					fmt.Fprintf(w, "%s  %s: %s\n", it.ID, it.Standing, it.Label)
					writeSaid(w, it.Said)
					writeAgreed(w, it.Agreed)
				}
				if len(list) == 0 {
					fmt.Fprintln(w, "No answers differ.")
				}
			})
		})
	})
}

func (a *app) checklistAgree(p *chosen) *cobra.Command {
	var status, file, reason string
	c := &cobra.Command{Use: "agree ID [VALUE]", Short: "Set the group's answer, as its leader; minority views stay", Args: cobra.RangeArgs(1, 2)}
	c.Flags().StringVar(&status, "status", "", "no value, because: not-checked, not-applicable, access-refused")
	c.Flags().StringVar(&file, "file", "", "read the value from a file")
	c.Flags().StringVar(&reason, "reason", "", "why, where it replaces what was agreed before")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			items, err := k.Group(ctx)
			if err != nil {
				return err
			}
			it, err := groupItemNamed(items, args[0])
			if err != nil {
				return err
			}
			value, silence := "", formSilences[status]
			if status == "" {
				if value, err = a.valueFrom(args[1:], file); err != nil {
					return err
				}
			} else if silence == form.None || len(args) > 1 || file != "" {
				return fmt.Errorf("--status is not-checked, not-applicable or access-refused, and goes without a value (%w)", errUsage)
			}
			saved, err := k.Agree(ctx, it.Lasting, value, silence, reason, it.Seen)
			if err != nil {
				return typedWrongly(err)
			}
			return a.say(saved, "Agreed. Answers that differ stay as they are, as minority views.")
		})
	})
}

func computedIn(ctx context.Context, c *fieldclient.Client, k *fieldclient.Checklist, wanted bool) ([]fieldclient.Item, []checklists.Norm, error) {
	if !wanted {
		return nil, nil, nil
	}
	norms, err := c.Norms(ctx, k.Info().Scope)
	if err != nil {
		return nil, nil, err
	}
	items, err := k.Computed(ctx)
	return items, norms, err
}

// groupName is what groupItemNamed finds an item by.
func groupName(items []fieldclient.GroupItem, at int) string {
	before, all := 0, 0
	for i, it := range items {
		if it.Key == items[at].Key {
			all++
			if i < at {
				before++
			}
		}
	}
	if all == 1 {
		return items[at].Key
	}
	return items[at].Key + ":" + strconv.Itoa(before+1)
}

// groupItemNamed finds a question by its place or its id; of those in a repeat COL-02/area:2 is the second, and without a
// number there must be one only: the group's answer is not for any of them.
func groupItemNamed(items []fieldclient.GroupItem, name string) (it fieldclient.GroupItem, err error) {
	var found []fieldclient.GroupItem
	key, number, numbered := name, 0, false
	for _, it := range items {
		if string(it.Ref) == name || string(it.Lasting) == name {
			return it, nil
		}
	}
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil {
			key, number, numbered = name[:i], n, true
		}
	}
	for _, it := range items {
		if it.Key == name || numbered && it.Key == key {
			found = append(found, it)
		}
	}
	switch {
	case numbered && number > 0 && number <= len(found):
		return found[number-1], nil
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && !numbered:
		return it, fmt.Errorf("%s stands in %d instances: name one, such as %s:2 (%w)", name, len(found), name, errAmbiguous)
	}
	return it, fmt.Errorf("%s: %w (%w)", name, form.ErrNoPlace, errUsage)
}

func (a *app) checklistMove(p *chosen) *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "move TEMPLATE", Short: "Show what another version of the form would change, and go over to it with --yes", Args: cobra.ExactArgs(1),
		Long: "Show what another version of the form would change; with --yes, go over to it. No answer is lost: those whose question has gone are\n" +
			"kept and shown, and moving back shows everything again."}
	c.Flags().BoolVar(&yes, "yes", false, "go over to it")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(c *fieldclient.Client, k *fieldclient.Checklist) error {
			info, err := templateNamed(ctx, c, args[0], approvedState)
			if err != nil {
				return err
			}
			preview, err := k.PreviewMove(ctx, info.ID)
			if err != nil {
				return err
			}
			if yes {
				if _, err := k.Move(ctx, info.ID); err != nil {
					return err
				}
			}
			return a.print(preview, func(w io.Writer) { writePreview(w, preview, yes) })
		})
	})
}

func writePreview(w io.Writer, p fieldclient.VersionPreview, done bool) {
	fmt.Fprintf(w, "From version %s to %s.\n", orNone(p.From.Version), orNone(p.To.Version))
	for _, part := range []struct {
		words string
		list  []fieldclient.ItemWords
	}{{"new", p.New}, {"gone", p.Gone}, {"changed", p.Changed}, {"does not fit, kept:", p.Misfit}, {"not asked there, kept:", p.Hidden}} {
		for _, q := range part.list {
			fmt.Fprintf(w, "  %-8s %s  %s\n", part.words, q.Key, q.Label)
		}
	}
	for _, o := range p.Away {
		fmt.Fprintf(w, "  kept, without a place: %s\n", o.Item)
		writeSaid(w, o.Said)
	}
	fmt.Fprintf(w, "Open or wrong there: %d.\n", p.Problems)
	if done {
		fmt.Fprintln(w, "Moved. `kua checklist move` with the old version moves back.")
	} else {
		fmt.Fprintln(w, "Nothing was changed yet: --yes moves.")
	}
}
