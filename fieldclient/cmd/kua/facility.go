package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) facility() *cobra.Command {
	var set []string
	add := &cobra.Command{Use: "add --set name=NAME --set region=REGION …", Short: "Add a place that may be visited",
		Long: "Add a place that may be visited. `kua fields facility` lists the fields. The registry of facilities is stored in clear\n" +
			"on the server: write nothing here that a source told you."}
	add.Flags().StringArrayVar(&set, "set", nil, "field=value; may be repeated")
	required(add, "set")
	a.command(add, func(ctx context.Context, _ []string) error {
		fields, err := a.pairs(set)
		if err != nil {
			return err
		}
		if fields["name"] == "" {
			return fmt.Errorf("a facility needs --set name=… (%w)", errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := c.Create(ctx, c.Roster().Registry(), "facility", fields)
			if err != nil {
				return err
			}
			return a.saved(id, "The facility is saved as %s.", id)
		})
	})
	list := a.command(&cobra.Command{Use: "list", Short: "List the places that may be visited"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			views, err := c.Records(ctx, c.Roster().Registry(), "facility")
			if err != nil {
				return err
			}
			return a.print(views, func(w io.Writer) {
				if len(views) == 0 {
					fmt.Fprintln(w, "No facility is known here. A coordinator adds them; `kua sync` fetches them.")
				}
				for _, v := range views {
					fmt.Fprintf(w, "%s  %s  %s%s\n", v.Entity, valueOf(v, "region"), valueOf(v, "name"), removedMark(v))
				}
			})
		})
	})
	return a.group("facility", "Places that may be visited", add, list)
}

// savedRecord is what a command that makes a record answers.
type savedRecord struct {
	Record syncproto.EntityID `json:"record"`
}

func (a *app) saved(id syncproto.EntityID, format string, args ...any) error {
	return a.made(id.String(), savedRecord{id}, format, args...)
}

func (a *app) fields() *cobra.Command {
	c := &cobra.Command{Use: "fields [KIND]", Short: "List the kinds of record and their fields", Args: cobra.MaximumNArgs(1)}
	return a.command(c, func(_ context.Context, args []string) error {
		kinds := syncproto.Vocabulary
		if len(args) == 1 {
			k, ok := syncproto.KindNamed(args[0])
			if !ok {
				return fmt.Errorf("there is no kind of record called %q: `kua fields` lists them (%w)", args[0], errUsage)
			}
			kinds = []syncproto.EntityKind{*k}
		}
		return a.print(vocabulary(kinds), func(w io.Writer) {
			for _, k := range kinds {
				where := "in clear on the server"
				if k.Sealed {
					where = "sealed under the visit's key"
				}
				fmt.Fprintf(w, "%s: %s; %s\n", k.Name, k.Help, where)
				for _, f := range k.Fields {
					fmt.Fprintf(w, "    %-12s %-9s %-9s %s\n", f.Name, f.Type, f.Class, f.Help)
				}
			}
		})
	})
}

type kindRow struct {
	Kind   string     `json:"kind"`
	Help   string     `json:"help"`
	Sealed bool       `json:"sealed"`
	Fields []fieldRow `json:"fields"`
}

type fieldRow struct {
	Field string              `json:"field"`
	Type  syncproto.ValueType `json:"type"`
	Class syncproto.Class     `json:"class"`
	Codes []string            `json:"codes,omitempty"`
	Help  string              `json:"help"`
}

func vocabulary(kinds []syncproto.EntityKind) []kindRow {
	out := make([]kindRow, len(kinds))
	for i, k := range kinds {
		out[i] = kindRow{Kind: k.Name, Help: k.Help, Sealed: k.Sealed, Fields: []fieldRow{}}
		for _, f := range k.Fields {
			out[i].Fields = append(out[i].Fields, fieldRow{f.Name, f.Type, f.Class, f.Codes, f.Help})
		}
	}
	return out
}
