package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) record() *cobra.Command {
	return a.group("record", "Show, create, remove, restore and join records", a.recordShow(), a.recordCreate(), a.recordRemove(), a.recordRestore(), a.recordSame())
}

func (a *app) recordShow() *cobra.Command {
	c := &cobra.Command{Use: "show RECORD", Short: "Show one record: an id, or VISIT/ITEM for a checklist item", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			p, err := recordNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			v, err := c.Record(ctx, p.scope, p.entity)
			if err != nil {
				return fmt.Errorf("record %s: %w", args[0], err)
			}
			return a.print(v, func(w io.Writer) { writeView(w, v) })
		})
	})
}

func (a *app) recordCreate() *cobra.Command {
	var visit string
	var set []string
	c := &cobra.Command{Use: "create KIND --visit VISIT --set field=value …", Short: "Create a record of any kind", Args: cobra.ExactArgs(1),
		Long: "Create a record of any kind: `kua fields` lists them. A kind that is not sealed lives in the registry and needs no --visit.\n" +
			"A value typed here lands in the shell's history; field=- reads it from standard input."}
	c.Flags().StringVar(&visit, "visit", "", "the visit that it belongs to")
	c.Flags().StringArrayVar(&set, "set", nil, "field=value; may be repeated")
	return a.command(c, func(ctx context.Context, args []string) error {
		kind, ok := syncproto.KindNamed(args[0])
		switch {
		case !ok || len(kind.Fields) == 0:
			return fmt.Errorf("there is no kind of record called %q: `kua fields` lists them (%w)", args[0], errUsage)
		case kind.Name == "visit" || kind.Name == "answer":
			return fmt.Errorf("a %s is not made like this: use `kua visit new` or `kua answer` (%w)", kind.Name, errUsage)
		case kind.Sealed != (visit != ""):
			return fmt.Errorf("a %s belongs to a visit if it is sealed and to none otherwise: see `kua fields %s` and --visit (%w)", kind.Name, kind.Name, errUsage)
		}
		fields, err := a.pairs(set)
		if err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := a.create(ctx, c, kind.Name, visit, fields)
			if err != nil {
				return err
			}
			return a.saved(id, "The %s is saved as %s.", kind.Name, id)
		})
	})
}

// create makes a record in a visit, or in the registry where visit is empty.
func (a *app) create(ctx context.Context, c *fieldclient.Client, kind, visit string, fields map[string]string) (id syncproto.EntityID, err error) {
	scope := c.Roster().Registry()
	if visit != "" {
		if scope, err = visitNamed(c, visit); err != nil {
			return id, err
		}
	}
	return c.Create(ctx, scope, kind, fields)
}

func (a *app) recordRemove() *cobra.Command {
	c := &cobra.Command{Use: "remove RECORD", Short: "Remove a record; what others write meanwhile is not lost", Args: cobra.ExactArgs(1)}
	return a.command(c, a.onRecord((*fieldclient.Client).Remove, "Removed. Its history stays; `kua record restore` brings it back."))
}

func (a *app) recordRestore() *cobra.Command {
	c := &cobra.Command{Use: "restore RECORD", Short: "Bring a removed record back", Args: cobra.ExactArgs(1)}
	return a.command(c, a.onRecord((*fieldclient.Client).Restore, "Restored."))
}

type recordAction func(*fieldclient.Client, context.Context, syncproto.ScopeID, syncproto.EntityID) (fieldclient.Saved, error)

func (a *app) onRecord(do recordAction, done string) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			p, err := recordNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			saved, err := do(c, ctx, p.scope, p.entity)
			if err != nil {
				return err
			}
			return a.say(saved, "%s", done)
		})
	}
}

func (a *app) recordSame() *cobra.Command {
	c := &cobra.Command{Use: "same RECORD OTHER", Short: "Say that a record is the same as another one: both stay, seen as one", Args: cobra.ExactArgs(2),
		Long: "Say that a record is the same as another one of its kind: two people registered one thing. Both stay. The other one shows\n" +
			"the statements of both, and where they differ, a conflict."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			p, err := recordNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			other, err := recordNamed(ctx, c, args[1])
			if err != nil {
				return err
			}
			if p.scope != other.scope {
				return fmt.Errorf("the two records are of different visits (%w)", errUsage)
			}
			if err := mayIn(c, p.scope, syncproto.RightResolve); err != nil {
				return err
			}
			saved, err := c.Alias(ctx, p.scope, p.entity, other.entity)
			if err != nil {
				return err
			}
			return a.say(saved, "Saved.")
		})
	})
}
