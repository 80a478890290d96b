package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

// accessList is the roster as people read it.
type accessList struct {
	Organisation string        `json:"organisation"`
	Records      int           `json:"records"`
	Servers      []rosterEntry `json:"servers"`
	Members      []member      `json:"members"`
}

type rosterEntry struct {
	ID      string `json:"id"`
	Label   string `json:"label,omitempty"`
	Revoked bool   `json:"revoked"`
}

type member struct {
	Person  syncproto.PersonID `json:"person"`
	Name    string             `json:"name"`
	Grants  []grant            `json:"grants"`
	Devices []rosterEntry      `json:"devices"`
}

type grant struct {
	ID     syncproto.EntityID `json:"grant"`
	Role   syncproto.Role     `json:"role"`
	Region string             `json:"region"`
}

// readRoster gathers the members in the order in which they came.
func readRoster(r *syncproto.Roster) (accessList, error) {
	out := accessList{Records: r.Len(), Servers: []rosterEntry{}, Members: []member{}}
	if org := r.Organisation(); org != nil {
		out.Organisation = org.Name
	}
	at := map[syncproto.PersonID]int{}
	for _, message := range r.Records(0) {
		signed, err := syncproto.ParseSigned(message, syncproto.ContextRoster)
		if err != nil {
			return out, err
		}
		var rec syncproto.RosterRecord
		if err := syncproto.DecodeMessage(signed.Payload, &rec); err != nil {
			return out, err
		}
		switch {
		case rec.Server != nil:
			_, trusted := r.ServerKey(rec.Server.ID)
			out.Servers = append(out.Servers, rosterEntry{rec.Server.ID.String(), rec.Server.Origin, !trusted})
		case rec.Member != nil:
			if i, again := at[rec.Member.Person]; again {
				out.Members[i].Name = rec.Member.Name
				continue
			}
			at[rec.Member.Person] = len(out.Members)
			m := member{Person: rec.Member.Person, Name: rec.Member.Name, Grants: []grant{}, Devices: []rosterEntry{}}
			for _, g := range r.ActiveGrants(m.Person) {
				m.Grants = append(m.Grants, grant{g.ID, g.Role, g.Region})
			}
			out.Members = append(out.Members, m)
		case rec.Device != nil:
			d, _ := r.Device(rec.Device.ID)
			m := &out.Members[at[rec.Device.Owner]]
			m.Devices = append(m.Devices, rosterEntry{d.ID.String(), d.Label, d.Revoked()})
		}
	}
	return out, nil
}

func (a *app) roster() *cobra.Command {
	return a.command(&cobra.Command{Use: "roster", Short: "Show members, their roles and their laptops"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			list, err := readRoster(c.Roster())
			if err != nil {
				return err
			}
			return a.print(list, list.write)
		})
	})
}

func (l accessList) write(w io.Writer) {
	if l.Records == 0 {
		fmt.Fprintln(w, "This laptop knows no organisation yet: `kua enrol` with your invitation.")
		return
	}
	fmt.Fprintf(w, "%s, %d signed records\n", l.Organisation, l.Records)
	for _, m := range l.Members {
		fmt.Fprintf(w, "\n%s  %s\n", m.Name, m.Person)
		for _, g := range m.Grants {
			fmt.Fprintf(w, "    role %s  %s in %s\n", g.ID, g.Role, regionName(g.Region))
		}
		for _, d := range m.Devices {
			fmt.Fprintf(w, "    laptop %s  %s%s\n", d.ID, d.Label, revokedMark(d.Revoked))
		}
	}
	for _, s := range l.Servers {
		fmt.Fprintf(w, "\nserver %s  log %s%s\n", s.ID, s.Label, revokedMark(s.Revoked))
	}
}

func regionName(region string) string {
	if region == syncproto.AllRegions {
		return "all regions"
	}
	return region
}

func revokedMark(revoked bool) string {
	if revoked {
		return "  REVOKED"
	}
	return ""
}

func (a *app) revoke() *cobra.Command {
	var reason string
	var role bool
	c := &cobra.Command{Use: "revoke LAPTOP|ROLE --reason TEXT", Short: "End a laptop's trust, or with --role a member's role", Args: cobra.ExactArgs(1),
		Long: "End a laptop's trust: lost, stolen, or its owner has left. With --role, end a member's role; `kua roster` shows its id.\n" +
			"What the server has received so far stands; what comes later is kept and shown, and waits until a person decides\n" +
			"(`kua quarantine`)."}
	c.Flags().StringVar(&reason, "reason", "", "why; it is signed into the roster")
	c.Flags().BoolVar(&role, "role", false, "the id is that of a role, not of a laptop")
	required(c, "reason")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			list, err := readRoster(c.Roster())
			if err != nil {
				return err
			}
			if role {
				return a.revokeRole(ctx, c, list, args[0], reason)
			}
			return a.revokeLaptop(ctx, c, list, args[0], reason)
		})
	})
}

func (a *app) revokeLaptop(ctx context.Context, c *fieldclient.Client, list accessList, typed, reason string) error {
	var ids []syncproto.DeviceID
	for _, m := range list.Members {
		for _, d := range m.Devices {
			id, err := syncproto.ParseDeviceID(d.ID)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
	}
	id, err := match("laptop", typed, ids)
	if err != nil {
		return err
	}
	if err := c.RevokeDevice(ctx, id, reason); err != nil {
		return err
	}
	return a.say(map[string]string{"device": id.String()}, "Revoked %s. What it delivers from now on waits for a decision.", id)
}

func (a *app) revokeRole(ctx context.Context, c *fieldclient.Client, list accessList, typed, reason string) error {
	var ids []syncproto.EntityID
	for _, m := range list.Members {
		for _, g := range m.Grants {
			ids = append(ids, g.ID)
		}
	}
	id, err := match("role", typed, ids)
	if err != nil {
		return err
	}
	if err := c.RevokeGrant(ctx, id, reason); err != nil {
		return err
	}
	return a.say(map[string]string{"role": id.String()}, "The role has ended. What was written by it and comes later waits for a decision.")
}

func (a *app) giveRole() *cobra.Command {
	var role, region string
	c := &cobra.Command{Use: "grant PERSON --role ROLE --region REGION", Short: "Give a member a further role", Args: cobra.ExactArgs(1),
		Long: "Give a member a further role in a region, or in all of them with --region '*'. `kua revoke --role` ends one."}
	c.Flags().StringVar(&role, "role", "", "what the person may do")
	c.Flags().StringVar(&region, "region", "", "ISO 3166-2 code, such as KZ-75")
	required(c, "role", "region")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			person, err := personNamed(c, args[0])
			if err != nil {
				return err
			}
			id, err := c.GrantRole(ctx, person, syncproto.Role(role), region)
			if err != nil {
				return err
			}
			return a.say(map[string]string{"role": id.String()}, "Given. The role's id is %s.", id)
		})
	})
}
