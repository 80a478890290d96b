package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) gate() *cobra.Command {
	return a.group("gate", "Seal what is saved inside a facility so that this laptop cannot show it again",
		a.onVisit("enter VISIT", "From now on, what you save in a visit cannot be read here once the laptop is locked", func(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) (any, string, error) {
			err := c.EnterGate(ctx, id)
			s, stateErr := c.Gate(id)
			if err == nil {
				err = stateErr
			}
			return s, "Gate mode is on. Who can give it back: " + strings.Join(s.Keepers, ", ") + ".", err
		}),
		a.onVisit("leave VISIT", "End gate mode; what was sealed stays sealed", func(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) (any, string, error) {
			err := c.LeaveGate(ctx, id)
			s, stateErr := c.Gate(id)
			if err == nil {
				err = stateErr
			}
			return s, "Gate mode is off. What was sealed at the gate stays sealed until somebody outside releases it.", err
		}),
		a.onVisit("release VISIT", "Give the team back what was sealed at the gate, as a coordinator outside", func(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) (any, string, error) {
			n, err := c.ReleaseGate(ctx, id)
			said := fmt.Sprintf("Released %d gate keys. The team reads after this laptop's sync and its own.", n)
			if n == 0 {
				said = "Nothing waits at the gate that this laptop could release."
			}
			return map[string]int{"released": n}, said, err
		}),
		a.gateStatus())
}

// onVisit makes a command that does one thing to a visit and says what it did.
func (a *app) onVisit(use, short string, do func(context.Context, *fieldclient.Client, syncproto.ScopeID) (any, string, error)) *cobra.Command {
	return a.command(&cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)}, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			v, said, err := do(ctx, c, id)
			if err != nil {
				return err
			}
			return a.say(v, "%s", said)
		})
	})
}

func (a *app) gateStatus() *cobra.Command {
	c := &cobra.Command{Use: "status [VISIT]", Short: "Show what is sealed at the gate, and who can give it back", Args: cobra.MaximumNArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			ids := visits(c)
			if len(args) == 1 {
				id, err := visitNamed(c, args[0])
				if err != nil {
					return err
				}
				ids = []syncproto.ScopeID{id}
			}
			rows := []fieldclient.GateState{}
			for _, id := range ids {
				s, err := c.Gate(id)
				if err != nil {
					return err
				}
				rows = append(rows, s)
			}
			return a.print(rows, func(w io.Writer) {
				for _, s := range rows {
					writeGate(w, s)
				}
			})
		})
	})
}

func writeGate(w io.Writer, s fieldclient.GateState) {
	mode := "off"
	if s.On {
		mode = "on; what you save can be given back by " + strings.Join(s.Keepers, ", ")
	}
	fmt.Fprintf(w, "%s  gate mode %s\n", s.Scope, mode)
	if s.Sealed > 0 {
		fmt.Fprintf(w, "    %d saves are sealed at the gate and do not open here\n", s.Sealed)
	}
	switch {
	case s.Waiting > 0 && s.MayRelease:
		fmt.Fprintf(w, "    %d gate keys wait: `kua gate release %s`\n", s.Waiting, s.Scope)
	case s.Waiting > 0:
		fmt.Fprintf(w, "    %d gate keys wait for a coordinator outside\n", s.Waiting)
	}
}
