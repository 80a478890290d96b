package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) courier() *cobra.Command {
	return a.group("courier", "Carry work on a stick where there is no network", a.courierExport(), a.courierImport(), a.courierDeliver())
}

func (a *app) courierExport() *cobra.Command {
	var visit string
	var all bool
	c := &cobra.Command{Use: "export FILE", Short: "Write what no server has signed for yet to a file", Args: cobra.ExactArgs(1),
		Long: "Write what no server has signed for yet to a new file. Values of visits are sealed in it; what is in the registry,\n" +
			"such as facilities, is not. Any laptop can import it, and any enrolled laptop can deliver it."}
	c.Flags().StringVar(&visit, "visit", "", "only this visit")
	c.Flags().BoolVar(&all, "all", false, "everything, also what the server has, with its receipts and the roster, which names people")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			var scopes []syncproto.ScopeID
			if visit != "" {
				s, err := visitNamed(c, visit)
				if err != nil {
					return err
				}
				scopes = append(scopes, s)
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			rep, err := c.ExportBundle(ctx, f, scopes, all)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return errors.Join(err, os.Remove(args[0]))
			}
			return a.say(rep, "%d changesets are in %s.", rep.Changesets, args[0])
		})
	})
}

func (a *app) courierImport() *cobra.Command {
	c := &cobra.Command{Use: "import FILE", Short: "Take in a bundle of another laptop, or the server's receipts", Args: cobra.ExactArgs(1),
		Long: "Take in a bundle of another laptop, or the server's receipts. Every changeset verifies alone: of a damaged file\n" +
			"everything whole is taken, and the exit code is 1."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			defer f.Close()
			rep, err := c.ImportBundle(ctx, f)
			if err != nil {
				return err
			}
			if err := a.print(rep, func(w io.Writer) { writeBundle(w, rep) }); err != nil {
				return err
			}
			if rep.Bad > 0 || !rep.Complete {
				return errDamagedBundle
			}
			return nil
		})
	})
}

var errDamagedBundle = errors.New("the bundle is not whole: what is whole was taken in; ask for a new copy")

func writeBundle(w io.Writer, r fieldclient.BundleReport) {
	fmt.Fprintf(w, "%d changesets, %d of them new here; %d receipts, %d new roster records\n", r.Changesets, r.Fresh, r.Receipts, r.Roster)
	if r.Bad > 0 {
		fmt.Fprintf(w, "! %d items do not verify and were left out\n", r.Bad)
	}
	if r.Away > 0 {
		fmt.Fprintf(w, "! %d changesets are of visits that were removed from this laptop, and were not taken: `kua travel-light --back`\n", r.Away)
	}
	if r.Damage != "" {
		fmt.Fprintf(w, "! %s\n", r.Damage)
	}
}

// maxBundle bounds what is read into memory for delivery.
const maxBundle = 256 << 20

func (a *app) courierDeliver() *cobra.Command {
	var out, server string
	c := &cobra.Command{Use: "deliver FILE", Short: "Bring a bundle to the server, for whoever wrote it", Args: cobra.ExactArgs(1),
		Long: "Bring a bundle to the server, for whoever wrote it. The server's receipts are written beside it, as FILE.receipts, for the\n" +
			"way back: the author's laptop imports them."}
	c.Flags().StringVar(&out, "out", "", "new file for the receipts")
	c.Flags().StringVar(&server, "server", "", "another address of the same server")
	return a.command(c, func(ctx context.Context, args []string) error {
		if out == "" {
			out = args[0] + ".receipts"
		}
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
		defer f.Close()
		bundle, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
		if err != nil {
			return err
		}
		if len(bundle) > maxBundle {
			return fmt.Errorf("%s is over %d MiB: export the visits one by one (%w)", args[0], maxBundle>>20, errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			r, err := c.Remote()
			if err != nil {
				return err
			}
			if server != "" {
				r = c.NewRemote(strings.TrimSuffix(server, "/"))
			}
			d, err := c.Deliver(ctx, r, bundle)
			if err != nil {
				return err
			}
			if err := writeNew(out, d.Receipts); err != nil {
				return err
			}
			n, err := countReceipts(d.Receipts)
			if err != nil {
				return err
			}
			result := map[string]any{"receipts": n, "file": out, "complete": d.Complete, "results": d.Results}
			err = a.say(result, "The server stored it (%s) and answered with %d receipts in %s. Carry them back: `kua courier import`.", d.Results, n, out)
			if err == nil && !d.Complete {
				err = errDamagedBundle
			}
			return err
		})
	})
}

func countReceipts(bundle []byte) (n int, err error) {
	_, err = syncproto.ReadBundle(bytes.NewReader(bundle), func(item syncproto.BundleItem) error {
		if item.Kind == syncproto.ItemReceipt {
			n++
		}
		return nil
	})
	return n, err
}
