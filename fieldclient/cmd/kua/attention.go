package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) attention() *cobra.Command {
	c := &cobra.Command{Use: "attention [VISIT]", Short: "List everything that waits for a person", Args: cobra.MaximumNArgs(1)}
	return a.command(c, a.waiting(func(fieldclient.View) bool { return true }, "Nothing waits for a person."))
}

func (a *app) conflicts() *cobra.Command {
	c := &cobra.Command{Use: "conflicts [VISIT]", Short: "List where different values stand beside each other", Args: cobra.MaximumNArgs(1)}
	return a.command(c, a.waiting(func(v fieldclient.View) bool { return slices.Contains(v.Attention, "conflict") }, "There is no conflict."))
}

// waiting lists records that wait for a person, in one visit or everywhere.
func (a *app) waiting(keep func(fieldclient.View) bool, none string) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scopes, err := scopesNamed(c, args)
			if err != nil {
				return err
			}
			out := []fieldclient.View{}
			for _, s := range scopes {
				list, err := c.Attention(ctx, s)
				if err != nil {
					return err
				}
				out = append(out, slices.DeleteFunc(list, func(v fieldclient.View) bool { return !keep(v) })...)
			}
			return a.print(out, func(w io.Writer) {
				if len(out) == 0 {
					fmt.Fprintln(w, none)
				}
				for _, v := range out {
					writeWaiting(w, v)
				}
			})
		})
	}
}

// scopesNamed returns the visit that was named, or everything on this laptop.
func scopesNamed(c *fieldclient.Client, args []string) ([]syncproto.ScopeID, error) {
	if len(args) == 1 {
		s, err := visitNamed(c, args[0])
		return []syncproto.ScopeID{s}, err
	}
	var out []syncproto.ScopeID
	for _, s := range c.Replica().Scopes() {
		out = append(out, s.Scope)
	}
	return out, nil
}

// writeWaiting writes of a record only what waits.
func writeWaiting(w io.Writer, v fieldclient.View) {
	fmt.Fprintf(w, "\n%s %s, visit %s%s\n", v.Kind, v.Entity, v.Scope, removedMark(v))
	for _, f := range v.Fields {
		if f.Conflict || len(f.Review) > 0 {
			writeField(w, f)
		}
	}
	for _, r := range v.Attention {
		fmt.Fprintf(w, "    ! %s\n", plain(r))
	}
}

func (a *app) resolve() *cobra.Command {
	var file, reason string
	c := &cobra.Command{Use: "resolve RECORD FIELD VALUE --reason TEXT", Short: "Settle a conflict with a value and a reason", Args: cobra.RangeArgs(2, 3),
		Long: "Settle a conflict with a value and a reason, signed. It hides exactly the answers that stand now: one that arrives later\n" +
			"opens the conflict again." + historyNote}
	c.Flags().StringVar(&file, "file", "", "read the value from a file")
	c.Flags().StringVar(&reason, "reason", "", "why; it is kept sealed beside the value")
	required(c, "reason")
	return a.command(c, func(ctx context.Context, args []string) error {
		text, err := a.valueFrom(args[2:], file)
		if err != nil {
			return err
		}
		return a.onField(ctx, args[0], args[1], func(c *fieldclient.Client, t fieldclient.Target) (fieldclient.Saved, error) {
			value, err := t.Field.ParseValue(text)
			if err != nil {
				return fieldclient.Saved{}, fmt.Errorf("%w (%w)", err, errUsage)
			}
			if err := mayIn(c, t.Scope, syncproto.RightResolve); err != nil {
				return fieldclient.Saved{}, err
			}
			return c.Resolve(ctx, t, value, reason)
		})
	})
}

// mayIn refuses what would be saved and have no effect. Anybody's resolve counts as an ordinary edit at best.
func mayIn(c *fieldclient.Client, scope syncproto.ScopeID, right syncproto.Right) error {
	me, err := c.Person()
	if err != nil {
		return err
	}
	st, ok := c.Replica().Scope(scope)
	if !ok || !c.Roster().RightsNow(me.Person, &st.Standing).Has(right) {
		return fieldclient.ErrNoRight
	}
	return nil
}

func (a *app) endorse() *cobra.Command {
	c := &cobra.Command{Use: "endorse RECORD FIELD", Short: "Accept that somebody else's answer was replaced", Args: cobra.ExactArgs(2)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.onField(ctx, args[0], args[1], func(c *fieldclient.Client, t fieldclient.Target) (fieldclient.Saved, error) {
			return c.Endorse(ctx, t)
		})
	})
}

func (a *app) erase() *cobra.Command {
	var basis string
	c := &cobra.Command{Use: "erase RECORD FIELD --basis TEXT", Short: "Order that every value of a field be dropped, everywhere", Args: cobra.ExactArgs(2),
		Long: "Order that every value of a field be dropped, here and everywhere. Signatures and hashes stay, so that everything else\n" +
			"still verifies. The values do not come back."}
	c.Flags().StringVar(&basis, "basis", "", "the legal basis")
	required(c, "basis")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.onField(ctx, args[0], args[1], func(c *fieldclient.Client, t fieldclient.Target) (fieldclient.Saved, error) {
			return c.Erase(ctx, t, basis)
		})
	})
}
