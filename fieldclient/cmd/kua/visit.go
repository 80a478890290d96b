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

func (a *app) visit() *cobra.Command {
	return a.group("visit", "Prepare, list and show visits", a.visitNew(), a.visitList(), a.visitShow(), a.visitTeam())
}

func (a *app) visitNew() *cobra.Command {
	var facility, title, region string
	var set, team []string
	c := &cobra.Command{Use: "new --facility ID --title TITLE --team NAME,NAME", Short: "Open a visit, with or without a network",
		Long: "Open a visit, with or without a network. Its key is wrapped to the team, to the coordinators of the region and to the\n" +
			"organisation's recovery key before anything else is saved. You are on the team unless your role reads the visit anyway."}
	c.Flags().StringVar(&facility, "facility", "", "the facility, by id")
	c.Flags().StringVar(&title, "title", "", "working title; - reads it from standard input")
	c.Flags().StringVar(&region, "region", "", "region; that of the facility where it is not given")
	c.Flags().StringArrayVar(&team, "team", nil, "names or ids of the team, with commas; may be repeated")
	c.Flags().StringArrayVar(&set, "set", nil, "further field=value; may be repeated")
	return a.command(c, func(ctx context.Context, _ []string) error {
		fields, err := a.pairs(set)
		if err != nil {
			return err
		}
		if title != "" {
			if fields["title"], err = a.text(title); err != nil {
				return err
			}
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			if facility != "" {
				f, err := facilityNamed(ctx, c, facility)
				if err != nil {
					return err
				}
				fields["facility"] = f.Entity.String()
				if region == "" {
					region = valueOf(f, "region")
				}
			}
			if region == "" || region == syncproto.AllRegions {
				return fmt.Errorf("a visit belongs to one region: give --region, such as KZ-75 (%w)", errUsage)
			}
			members, err := people(c, strings.Join(team, ","))
			if err != nil {
				return err
			}
			members, err = c.TeamWithMe(region, members)
			if err != nil {
				return err
			}
			id, err := c.OpenVisit(ctx, region, members, fields)
			if err != nil {
				return err
			}
			return a.made(id.String(), map[string]string{"visit": id.String(), "region": region}, "The visit is open: %s.", id)
		})
	})
}

func facilityNamed(ctx context.Context, c *fieldclient.Client, typed string) (fieldclient.View, error) {
	views, err := c.Records(ctx, c.Roster().Registry(), "facility")
	if err != nil {
		return fieldclient.View{}, err
	}
	ids := make([]syncproto.EntityID, len(views))
	for i := range views {
		ids[i] = views[i].Entity
	}
	id, err := match("facility", typed, ids)
	if err != nil {
		return fieldclient.View{}, err
	}
	return c.Record(ctx, c.Roster().Registry(), id)
}

// visitRow is one line of the list of visits.
type visitRow struct {
	Visit     syncproto.ScopeID `json:"visit"`
	Region    string            `json:"region"`
	Title     string            `json:"title"`
	Date      string            `json:"date,omitempty"`
	Status    string            `json:"status,omitempty"`
	Team      []string          `json:"team"`
	Locked    bool              `json:"locked,omitempty"` // its key has not come to this laptop
	Attention int               `json:"attention"`        // records that wait for a person
}

func (a *app) visitList() *cobra.Command {
	return a.command(&cobra.Command{Use: "list", Short: "List the visits on this laptop"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			rows := []visitRow{}
			for _, id := range visits(c) {
				row, err := rowOf(ctx, c, id)
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
			return a.print(rows, func(w io.Writer) {
				if len(rows) == 0 {
					fmt.Fprintln(w, "No visit is on this laptop. `kua sync` fetches those that you may see.")
				}
				for _, r := range rows {
					fmt.Fprintf(w, "%s  %s  %s  %s\n", r.Visit, r.Region, r.Date, title(r))
					if r.Attention > 0 {
						fmt.Fprintf(w, "    %d waiting for a person: `kua attention %s`\n", r.Attention, r.Visit)
					}
				}
			})
		})
	})
}

func title(r visitRow) string {
	if r.Locked {
		return "(sealed: the visit key has not come to this laptop)"
	}
	return r.Title
}

func rowOf(ctx context.Context, c *fieldclient.Client, id syncproto.ScopeID) (visitRow, error) {
	row := visitRow{Visit: id, Team: []string{}}
	st, _ := c.Replica().Scope(id)
	row.Region = st.Standing.Region
	for p := range st.Standing.Team {
		m, _ := c.Roster().Member(p)
		row.Team = append(row.Team, m.Name)
	}
	v, err := c.Record(ctx, id, syncproto.EntityID(id))
	if err != nil {
		return row, err
	}
	row.Title, row.Date, row.Status = valueOf(v, "title"), valueOf(v, "date"), valueOf(v, "status")
	_, err = c.ItemID(id, "", "")
	row.Locked = err != nil
	waiting, err := c.Attention(ctx, id)
	row.Attention = len(waiting)
	return row, err
}

func (a *app) visitShow() *cobra.Command {
	c := &cobra.Command{Use: "show VISIT", Short: "Show everything that is written in a visit", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			row, err := rowOf(ctx, c, id)
			if err != nil {
				return err
			}
			views, err := c.Records(ctx, id, "")
			if err != nil {
				return err
			}
			out := struct {
				visitRow
				Records []fieldclient.View `json:"records"`
			}{row, views}
			return a.print(out, func(w io.Writer) {
				fmt.Fprintf(w, "visit %s in %s, team: %s\n", id, row.Region, strings.Join(row.Team, ", "))
				for _, v := range views {
					writeView(w, v)
				}
			})
		})
	})
}

func (a *app) visitTeam() *cobra.Command {
	add := &cobra.Command{Use: "add VISIT NAME…", Short: "Put members on a visit's team; their laptops get the key at the next sync", Args: cobra.MinimumNArgs(2)}
	a.command(add, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			members, err := people(c, strings.Join(args[1:], ","))
			if err != nil {
				return err
			}
			saved, err := c.AddToTeam(ctx, id, members)
			if err != nil {
				return err
			}
			return a.say(saved, "Saved. The visit key follows with the next sync of a laptop that holds it.")
		})
	})
	return a.group("team", "Change a visit's team", add)
}
