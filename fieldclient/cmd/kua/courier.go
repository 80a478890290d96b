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
	var all, attachments bool
	c := &cobra.Command{Use: "export FILE", Short: "Write what no server has signed for yet to a file", Args: cobra.ExactArgs(1),
		Long: "Write what no server has signed for yet to a new file. Values of visits are sealed in it; what is in the registry,\n" +
			"such as facilities, is not. Any laptop can import it, and any enrolled laptop can deliver it. Sealed originals of evidence go\n" +
			"along only with --attachments: in a folder FILE.attachments beside the file, each named for its SHA-256, which import takes\n" +
			"in with the file. The server takes them from a sync of a laptop that imported them, not from `deliver`."}
	c.Flags().StringVar(&visit, "visit", "", "only this visit")
	c.Flags().BoolVar(&all, "all", false, "everything, also what the server has, with its receipts and the roster, which names people")
	c.Flags().BoolVar(&attachments, "attachments", false, "also the sealed originals of evidence, in FILE.attachments")
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
			out := exported{BundleReport: rep}
			if attachments {
				if out.Carried, err = c.ExportAttachments(ctx, args[0]+fieldclient.BesideBundle, scopes, all); err != nil {
					return err
				}
			} else if out.Left, err = leftBehind(ctx, c, scopes, all); err != nil {
				return err
			}
			return a.print(out, func(w io.Writer) { writeExported(w, args[0], out, attachments) })
		})
	})
}

// exported says what left on a stick.
type exported struct {
	fieldclient.BundleReport
	Carried fieldclient.CarriedAttachments `json:"attachments"`
	Left    int                            `json:"attachmentsLeft"` // sealed originals that did not go along
}

// leftBehind counts the sealed originals that a bundle without attachments leaves here.
func leftBehind(ctx context.Context, c *fieldclient.Client, scopes []syncproto.ScopeID, all bool) (n int, err error) {
	if len(scopes) == 0 {
		scopes = visits(c)
	}
	for _, s := range scopes {
		list, err := c.Evidence(ctx, s)
		if err != nil {
			return n, err
		}
		for _, v := range list {
			if v.Held && (all || v.State != fieldclient.StateStored) {
				n++
			}
		}
	}
	return n, nil
}

func writeExported(w io.Writer, path string, out exported, attachments bool) {
	fmt.Fprintf(w, "%d changesets are in %s.\n", out.Changesets, path)
	if attachments {
		fmt.Fprintf(w, "%d sealed originals, %d bytes, are in %s: carry both.\n", out.Carried.Taken, out.Carried.Bytes, path+fieldclient.BesideBundle)
	}
	if out.Left > 0 {
		fmt.Fprintf(w, "! %d sealed originals are NOT on the stick: export with --attachments to carry them\n", out.Left)
	}
}

func (a *app) courierImport() *cobra.Command {
	c := &cobra.Command{Use: "import FILE", Short: "Take in a bundle of another laptop, or the server's receipts", Args: cobra.ExactArgs(1),
		Long: "Take in a bundle of another laptop, or the server's receipts. Every changeset verifies alone: of a damaged file\n" +
			"everything whole is taken, and the exit code is 1. Sealed originals in FILE.attachments are taken in where a record names them."}
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
			out := imported{BundleReport: rep}
			if _, err := os.Stat(args[0] + fieldclient.BesideBundle); err == nil {
				if out.Carried, err = c.ImportAttachments(ctx, args[0]+fieldclient.BesideBundle); err != nil {
					return err
				}
			}
			if err := a.print(out, func(w io.Writer) { writeImported(w, out) }); err != nil {
				return err
			}
			if rep.Bad > 0 || !rep.Complete || out.Carried.Bad > 0 {
				return errDamagedBundle
			}
			return nil
		})
	})
}

var errDamagedBundle = errors.New("the bundle is not whole: what is whole was taken in; ask for a new copy")

// imported says what came from a stick.
type imported struct {
	fieldclient.BundleReport
	Carried fieldclient.CarriedAttachments `json:"attachments"`
}

func writeImported(w io.Writer, out imported) {
	writeBundle(w, out.BundleReport)
	at := out.Carried
	if at.Taken+at.Known > 0 {
		fmt.Fprintf(w, "%d sealed originals taken in, %d were here\n", at.Taken, at.Known)
	}
	if at.Unknown > 0 {
		fmt.Fprintf(w, "! %d sealed originals were left: no record here names them; sync, and import again when its record has come\n", at.Unknown)
	}
	if at.Bad > 0 {
		fmt.Fprintf(w, "! %d sealed originals are damaged: ask for a new copy\n", at.Bad)
	}
}

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
			if _, there := os.Stat(args[0] + fieldclient.BesideBundle); there == nil {
				fmt.Fprintf(a.err, "! The sealed originals in %s are not delivered: import the bundle on a laptop that may read the visit, and sync it.\n", args[0]+fieldclient.BesideBundle)
			}
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
