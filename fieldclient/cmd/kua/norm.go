package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/checklists"
	"kua/syncproto"
)

func (a *app) norm() *cobra.Command {
	return a.group("norm", "Show and set the dated figures that measurements are compared with", a.normList(), a.normSet())
}

// normView is one norm in force.
type normView struct {
	Key       string `json:"key"`
	Bound     string `json:"bound"`
	Value     string `json:"value"`
	Unit      string `json:"unit"`
	Reference string `json:"reference"`
	Confirmed bool   `json:"confirmed"`
}

func (a *app) normList() *cobra.Command {
	c := &cobra.Command{Use: "list VISIT", Short: "List the norms in force on a visit's day", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			norms, err := c.Norms(ctx, scope)
			if err != nil {
				return err
			}
			list := make([]normView, len(norms))
			for i, n := range norms {
				list[i] = normView{n.Key, string(n.Bound), n.Value, n.Unit, n.Reference, n.Confirmed}
			}
			return a.print(list, func(w io.Writer) {
				for _, n := range list {
					mark := ""
					if !n.Confirmed {
						mark = "  (not yet held against the text)"
					}
					fmt.Fprintf(w, "%-34s %s %s %s  %s%s\n", n.Key, n.Bound, n.Value, n.Unit, n.Reference, mark)
				}
			})
		})
	})
}

func (a *app) normSet() *cobra.Command {
	var from, to, unit, reference string
	c := &cobra.Command{Use: "set KEY VALUE --from DAY", Short: "Put a dated figure into the registry, as a coordinator", Args: cobra.ExactArgs(2),
		Long: "Put a dated figure into the registry, as a coordinator. KEY is measure/source/whom, such as m2_per_person/KZ/men. From its first\n" +
			"day on it takes the place of the figure of that key that comes with Kua; visits before keep what was in force on their day."}
	c.Flags().StringVar(&from, "from", "", "first day in force, such as 2026-07-01")
	c.Flags().StringVar(&to, "to", "", "last day in force, if it has one")
	c.Flags().StringVar(&unit, "unit", "", "its unit, such as m²")
	c.Flags().StringVar(&reference, "reference", "", "where it stands")
	required(c, "from", "unit", "reference")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			if err := mayIn(c, c.Roster().Registry(), syncproto.RightRegistry); err != nil {
				return err
			}
			id, err := c.SetNorm(ctx, args[0], args[1], unit, from, to, reference)
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			return a.saved(id, "The norm is in the registry as %s.", id)
		})
	})
}

// comparisons writes how a measurement stands to each norm, in the language of the questions.
func comparisons(w io.Writer, norms []checklists.Norm, it fieldclient.Item, lang string) {
	for _, c := range it.Compare(norms) {
		met := "not met"
		if c.Met {
			met = "met"
		}
		fmt.Fprintf(w, "    %s, %s: %s (%s %s %s; %s%s)\n", c.Norm.Source, c.Norm.In(lang), met, boundWords[c.Norm.Bound], c.Norm.Value, c.Norm.Unit, c.Norm.Reference, unconfirmed(&c.Norm))
	}
}

var boundWords = map[checklists.Bound]string{checklists.AtLeast: "at least", checklists.AtMost: "at most"}

func unconfirmed(n *checklists.Norm) string {
	if n.Confirmed {
		return ""
	}
	return "; not confirmed: nobody has held the figure against the text yet"
}
