package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) invite() *cobra.Command {
	var name, role, region, person, out string
	var life time.Duration
	c := &cobra.Command{Use: "invite --name NAME --role ROLE --region REGION | --person ID", Short: "Invite somebody new, or another laptop of a member",
		Long: "Invite somebody new, or another laptop of a member. The invitation is secret until it is used: hand it over in person.\n" +
			"Roles: coordinator, leader, monitor, health, auditor, protection. Region: an ISO 3166-2 code such as KZ-75, or * for all."}
	c.Flags().StringVar(&name, "name", "", "name of the person")
	c.Flags().StringVar(&role, "role", "", "what the person may do")
	c.Flags().StringVar(&region, "region", "", "where")
	c.Flags().StringVar(&person, "person", "", "a member, by name or id: this is for a second laptop")
	c.Flags().StringVar(&out, "out", "", "new file for the invitation, instead of the screen")
	c.Flags().DurationVar(&life, "life", 7*24*time.Hour, "how long it holds")
	return a.command(c, func(ctx context.Context, _ []string) error {
		if person == "" && (name == "" || region == "" || !syncproto.Role(role).Known()) {
			return fmt.Errorf("want --name, --region and --role with one of coordinator, leader, monitor, health, auditor, protection, or --person (%w)", errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			var of *syncproto.PersonID
			if person != "" {
				p, err := personNamed(c, person)
				if err != nil {
					return err
				}
				m, _ := c.Roster().Member(p)
				of, name = &p, m.Name
			}
			card, err := c.Invite(ctx, name, syncproto.Role(role), region, of, life)
			if err != nil {
				return err
			}
			text, err := card.Text()
			if err != nil {
				return err
			}
			result := map[string]string{"invitation": card.ID.String(), "name": name, "expires": time.UnixMilli(int64(card.Expires)).UTC().Format(time.RFC3339)}
			if out != "" {
				if err := writeNew(out, []byte(text+"\n")); err != nil {
					return err
				}
				result["file"] = out
				return a.made(card.ID.String(), result, "The invitation for %s is in %s. Hand it over in person; it is secret until it is used.", name, out)
			}
			result["text"] = text
			return a.made(text, result, "Invitation for %s, secret until it is used:\n\n%s", name, text)
		})
	})
}

// writeNew writes a file that must not exist, for the user only.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (a *app) enrol() *cobra.Command {
	var label string
	c := &cobra.Command{Use: "enrol INVITATION", Short: "Ask to join with an invitation: a file, or its text", Args: cobra.ExactArgs(1),
		Long: "Ask to join with an invitation: a file, its text, or - for standard input. It prints six words: read them to your\n" +
			"coordinator, by voice, and let them be compared. Then, when the coordinator has approved: `kua enrol finish`."}
	c.Flags().StringVar(&label, "label", "", "what this laptop is called in the roster")
	a.command(c, func(ctx context.Context, args []string) error {
		text := args[0]
		if !strings.HasPrefix(text, "kua-invitation:") && text != "-" {
			b, err := readBounded(text)
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			text = string(b)
		}
		text, err := a.text(text)
		if err != nil {
			return err
		}
		card, err := syncproto.ParseInvitationCard(text)
		if err != nil {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			words, err := c.Enrol(ctx, card, label)
			if err != nil {
				return err
			}
			return a.made(card.ID.String()+" "+strings.Join(words, " "), map[string]any{"invitation": card.ID.String(), "words": words},
				"Read these six words to your coordinator, by voice:\n\n    %s\n\nWhen your coordinator has approved: `kua enrol finish`.", strings.Join(words, " "))
		})
	})
	finish := a.command(&cobra.Command{Use: "finish", Short: "Take up the work once the coordinator has approved"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			if err := c.FinishEnrol(ctx); err != nil {
				return err
			}
			m, err := c.Person()
			if err != nil {
				return err
			}
			return a.say(map[string]string{"organisation": c.Roster().Organisation().Name, "person": m.Person.String(), "name": m.Name},
				"Welcome, %s. This laptop belongs to %s now. Next: `kua sync`.", m.Name, c.Roster().Organisation().Name)
		})
	})
	c.AddCommand(finish)
	return c
}

func (a *app) enrolments() *cobra.Command {
	return a.command(&cobra.Command{Use: "enrolments", Short: "List laptops that wait for your approval"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			list, err := c.Enrolments(ctx)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) {
				if len(list) == 0 {
					fmt.Fprintln(w, "No laptop waits for approval.")
				}
				for _, p := range list {
					fmt.Fprintf(w, "%s  %s, %s in %s  %s\n", p.Invitation, p.Name, p.Role, p.Region, p.Label)
					if p.Fault != "" {
						fmt.Fprintf(w, "    DO NOT APPROVE: %s\n", p.Fault)
					} else {
						fmt.Fprintf(w, "    compare by voice: %s\n", strings.Join(p.Words, " "))
					}
				}
			})
		})
	})
}

func (a *app) approve() *cobra.Command {
	c := &cobra.Command{Use: "approve INVITATION WORD WORD WORD WORD WORD WORD", Short: "Approve a laptop after the six words were compared",
		Args: cobra.MinimumNArgs(2),
		Long: "Approve a laptop after the six words were compared. Type the words that you heard, not those on your screen."}
	return a.command(c, func(ctx context.Context, args []string) error {
		words := strings.Fields(strings.ToLower(strings.ReplaceAll(strings.Join(args[1:], " "), "-", " ")))
		if len(words) != 6 {
			return fmt.Errorf("want the invitation and the six words that you heard, got %d words after %q: `kua enrolments` lists who waits (%w)", len(words), args[0], errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			list, err := c.Enrolments(ctx)
			if err != nil {
				return err
			}
			var ids []syncproto.Nonce
			for _, p := range list {
				var n syncproto.Nonce
				if err := n.UnmarshalText([]byte(p.Invitation)); err != nil {
					return err
				}
				ids = append(ids, n)
			}
			id, err := match("invitation that waits", args[0], ids)
			if err != nil {
				return err
			}
			device, err := c.Approve(ctx, id.String(), words)
			if err != nil {
				return err
			}
			return a.made(device.String(), map[string]string{"device": device.String()}, "Approved. The laptop's id is %s.", device)
		})
	})
}
