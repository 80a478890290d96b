package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/offline"
)

func (a *app) org() *cobra.Command {
	var f fieldclient.Founding
	var rootFile, recoveryFile string
	c := &cobra.Command{Use: "create --name NAME --coordinator NAME --server URL --setup CODE --root-key FILE --recovery-key FILE",
		Short: "Make an organisation on an empty server, with you as its first coordinator",
		Long: "Make an organisation on an empty server, with you as its first coordinator.\n\n" +
			"The root key and the recovery key are written to the two files, sealed under a passphrase of their own from\n" +
			"KUA_KEYFILE_PASSPHRASE_FILE or KUA_KEYFILE_PASSPHRASE, or asked for. Move both files to media that never meet a\n" +
			"network: the root names new servers, the recovery key opens every visit."}
	fl := c.Flags()
	fl.StringVar(&f.Organisation, "name", "", "name of the organisation")
	fl.StringVar(&f.Coordinator, "coordinator", "", "your name")
	fl.StringVar(&f.URL, "server", "", "the server's URL")
	fl.StringVar(&f.Setup, "setup", "", "the code that `kua-server init` printed")
	fl.StringVar(&rootFile, "root-key", "", "new file for the root key")
	fl.StringVar(&recoveryFile, "recovery-key", "", "new file for the recovery key")
	required(c, "name", "coordinator", "server", "setup", "root-key", "recovery-key")
	a.command(c, func(ctx context.Context, _ []string) error {
		for _, path := range []string{rootFile, recoveryFile} {
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s is there already: a key file is never overwritten (%w)", path, errUsage)
			}
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			secret, err := a.newSecret("keyfile-passphrase", "Passphrase of the two key files: ")
			if err != nil {
				return err
			}
			f.Keep = func(root, recovery []byte) error {
				if err := offline.Write(rootFile, secret, root); err != nil {
					return err
				}
				return offline.Write(recoveryFile, secret, recovery)
			}
			if err := c.Found(ctx, f); err != nil {
				return errors.Join(err, errKeysUnused)
			}
			return a.say(map[string]string{"organisation": f.Organisation, "registry": c.Roster().Registry().String(), "rootKey": rootFile, "recoveryKey": recoveryFile},
				"%s is founded. You are its first coordinator.\nMove %s and %s to two places without a network, now.", f.Organisation, rootFile, recoveryFile)
		})
	})
	return a.group("org", "Make an organisation, and use its recovery key", c, a.orgRecover())
}

// errKeysUnused says what to do with key files whose organisation never came to be.
var errKeysUnused = errors.New("if key files were written, they belong to no organisation: delete them before you try again")

func (a *app) orgRecover() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "recover --recovery-key FILE", Short: "Open every visit with the recovery key, where no holder of a key is left",
		Long: "Open every visit on this laptop with the organisation's recovery key, and wrap what it opens to this laptop. Its passphrase\n" +
			"comes from KUA_KEYFILE_PASSPHRASE_FILE or KUA_KEYFILE_PASSPHRASE, or is asked for. Sync first, so that the visits are here."}
	c.Flags().StringVar(&file, "recovery-key", "", "the file that `kua org create` wrote")
	required(c, "recovery-key")
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			secret, err := a.secret("keyfile-passphrase", "Passphrase of the key file: ")
			if err != nil {
				return err
			}
			key, err := offline.Read(file, secret)
			if err != nil {
				return err
			}
			opened, err := c.Recover(ctx, key)
			clear(key)
			if err != nil {
				return err
			}
			return a.say(map[string]int{"opened": opened}, "%d visits were opened. `kua sync` gives their keys to everybody who is entitled.", opened)
		})
	})
}
