package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/vault"
	"kua/syncproto"
)

// unlockTime is how long a passphrase may take to check on this machine: as long for somebody who guesses.
const unlockTime = 2 * time.Second

// kdf returns the cost of the passphrase. KUA_TEST_KDF=quick is for tests only: such a vault is as weak as its
// passphrase, and its key file says so for ever (`kua doctor` reads it).
func kdf() vault.KDF {
	if os.Getenv("KUA_TEST_KDF") == "quick" {
		return vault.KDF{MemoryKiB: 64, Passes: 1, Lanes: 1}
	}
	return vault.Calibrate(unlockTime, time.Now)
}

func (a *app) setup() *cobra.Command {
	var suggest bool
	c := &cobra.Command{Use: "setup [--suggest]", Short: "Make this laptop ready: an encrypted store and the keys of this laptop",
		Long: "Make this laptop ready: an encrypted store and the keys of this laptop.\n\n" +
			"The passphrase comes from KUA_PASSPHRASE_FILE or KUA_PASSPHRASE, or is asked for. The recovery secret is printed\n" +
			"once: write it on paper and keep the paper away from the laptop."}
	c.Flags().BoolVar(&suggest, "suggest", false, "only print a good passphrase of seven random words")
	return a.command(c, func(ctx context.Context, _ []string) error {
		if suggest {
			p, err := syncproto.SuggestPassphrase(rand.Reader)
			if err != nil {
				return err
			}
			return a.say(map[string]string{"passphrase": p}, "%s", p)
		}
		secret, err := a.newSecret("passphrase", "New passphrase: ")
		if err != nil {
			return err
		}
		cfg := a.config()
		cfg.Vault.KDF = kdf()
		client, recovery, err := fieldclient.Create(ctx, cfg, secret)
		if err != nil {
			return err
		}
		device := client.Device().ID
		if err := client.Close(); err != nil {
			return err
		}
		return a.print(map[string]string{"device": device.String(), "recovery": recovery, "data": a.data}, func(w io.Writer) {
			fmt.Fprintf(w, "This laptop is ready. Its id is %s.\n\nRecovery secret, shown once and kept nowhere:\n\n    %s\n\n"+
				"Write it on paper and keep the paper away from the laptop. It opens your data if you forget the passphrase.\n"+
				"Next: `kua enrol` with your invitation, or `kua org create` if you are the first coordinator.\n", device, recovery)
		})
	})
}

func (a *app) passphraseCommands() *cobra.Command {
	change := a.command(&cobra.Command{Use: "change", Short: "Choose another passphrase",
		Long: "Choose another passphrase. The new one comes from KUA_NEW_PASSPHRASE_FILE or KUA_NEW_PASSPHRASE, or is asked for.\n" +
			"The old one may be the recovery secret."},
		func(ctx context.Context, _ []string) error {
			old, err := a.secret("passphrase", "Passphrase, or recovery secret: ")
			if err != nil {
				return err
			}
			v, err := vault.Open(ctx, a.config().Vault, old)
			if err != nil {
				return err
			}
			next, err := a.newSecret("new-passphrase", "New passphrase: ")
			if err == nil {
				err = v.ChangePassphrase(ctx, old, next)
			}
			if err := errors.Join(err, v.Close()); err != nil {
				return err
			}
			return a.say(map[string]bool{"changed": true}, "The passphrase is changed. Copies of the data folder made before still open with the old one.")
		})
	return a.group("passphrase", "Change the passphrase", change)
}

func (a *app) recovery() *cobra.Command {
	fresh := a.command(&cobra.Command{Use: "new", Short: "Make a new recovery secret; the old one stops working"},
		func(ctx context.Context, _ []string) error {
			secret, err := a.secret("passphrase", "Passphrase: ")
			if err != nil {
				return err
			}
			v, err := vault.Open(ctx, a.config().Vault, secret)
			if err != nil {
				return err
			}
			recovery, err := v.NewRecovery(ctx, secret)
			if err := errors.Join(err, v.Close()); err != nil {
				return err
			}
			return a.say(map[string]string{"recovery": recovery}, "Recovery secret, shown once and kept nowhere:\n\n    %s\n\nWrite it on paper and destroy the old paper.", recovery)
		})
	return a.group("recovery", "Make a new recovery secret", fresh)
}

func (a *app) device() *cobra.Command {
	return a.command(&cobra.Command{Use: "device", Short: "Show this laptop's id and to whom it belongs"}, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			out := struct {
				Device  syncproto.DeviceID `json:"device"`
				Person  string             `json:"person,omitempty"`
				Name    string             `json:"name,omitempty"`
				Revoked bool               `json:"revoked"`
			}{Device: c.Device().ID}
			m, err := c.Person()
			if err != nil && !errors.Is(err, fieldclient.ErrNotEnrolled) {
				return err
			}
			if err == nil {
				d, _ := c.Roster().Device(out.Device)
				out.Person, out.Name, out.Revoked = m.Person.String(), m.Name, d.Revoked()
			}
			return a.print(out, func(w io.Writer) {
				fmt.Fprintf(w, "device  %s\n", out.Device)
				switch {
				case out.Name == "":
					fmt.Fprintln(w, "not approved yet: `kua enrol` with your invitation")
				case out.Revoked:
					fmt.Fprintf(w, "owner   %s (%s)\nrevoked: what is written from now on waits for a decision\n", out.Name, out.Person)
				default:
					fmt.Fprintf(w, "owner   %s (%s)\n", out.Name, out.Person)
				}
			})
		})
	})
}

func (a *app) wipe() *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "wipe --yes", Short: "Make everything on this laptop unreadable for good, at once",
		Long: "Make everything on this laptop unreadable for good, at once: the keys first. It asks for no passphrase.\n" +
			"What was neither synced nor carried away on a stick is gone. What the server or a stick holds stays safe: visit keys\n" +
			"are wrapped to the rest of the team and to the organisation's recovery key."}
	c.Flags().BoolVar(&yes, "yes", false, "I know that what was not synced or carried is lost")
	return a.command(c, func(context.Context, []string) error {
		if !yes {
			return fmt.Errorf("wiping needs --yes: what was not synced or carried away is lost with it (%w)", errUsage)
		}
		if err := vault.Wipe(a.config().Vault); err != nil {
			return err
		}
		return a.say(map[string]bool{"wiped": true}, "Wiped. Nobody can read what was here.")
	})
}
