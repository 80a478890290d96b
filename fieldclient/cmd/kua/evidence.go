package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/syncproto"
)

func (a *app) evidence() *cobra.Command {
	return a.group("evidence", "Keep photos, sounds and files, sealed as they were taken",
		a.evidenceAdd(), a.evidenceList(), a.evidenceExport(), a.evidenceFetch(), a.evidenceDrop())
}

func (a *app) evidenceAdd() *cobra.Command {
	var e fieldclient.Evidence
	var caption string
	var links []string
	c := &cobra.Command{Use: "add VISIT FILE", Short: "Seal a photo, sound or file as evidence of a visit", Args: cobra.ExactArgs(2),
		Long: fmt.Sprintf("Seal a photo, sound or file as evidence of a visit; - reads it from standard input. The original is sealed while it is\n"+
			"read, with its SHA-256 in the record; it has at most %d MiB. FILE stays where it is, in clear: remove it from the camera or\n"+
			"card when it is no longer needed.", fieldclient.MaxEvidence>>20) + historyNote}
	fl := c.Flags()
	fl.StringVar(&e.Kind, "kind", "", "photo, audio or file; told from the file where it is not given")
	fl.StringVar(&e.Media, "media", "", "media type; told from the file where it is not given")
	fl.StringVar(&e.Name, "name", "", "a name for it; the file's own where it is not given")
	fl.StringVar(&caption, "caption", "", "what it shows, no names; - reads it from standard input")
	fl.StringArrayVar(&links, "link", nil, "a record that it belongs to; may be repeated")
	fl.StringVar(&e.Consent, "consent", "", "consent of whom it shows: given, refused, not-needed, not-asked")
	fl.BoolVar(&e.Restricted, "restricted", false, "for health experts only")
	return a.command(c, func(ctx context.Context, args []string) (err error) {
		if caption != "" {
			if e.Caption, err = a.text(caption); err != nil {
				return err
			}
		}
		in, err := a.input(args[1])
		if err != nil {
			return err
		}
		defer in.Close()
		if e.Name == "" && args[1] != "-" {
			e.Name = args[1]
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			for _, l := range links {
				p, err := recordNamed(ctx, c, l)
				if err != nil {
					return err
				}
				e.Links = append(e.Links, p.entity)
			}
			id, err := c.AddEvidence(ctx, scope, e, in)
			if err != nil {
				return err
			}
			return a.saved(id, "Sealed and saved as %s. The file that it was read from is still in clear.", id)
		})
	})
}

// input opens a file, or standard input where path is "-".
func (a *app) input(path string) (io.ReadCloser, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", err, errUsage)
		}
		return f, nil
	}
	if a.stdinTaken {
		return nil, fmt.Errorf("only one value can come from standard input (%w)", errUsage)
	}
	a.stdinTaken = true
	return io.NopCloser(a.in), nil
}

func (a *app) evidenceList() *cobra.Command {
	c := &cobra.Command{Use: "list VISIT", Short: "List the evidence of a visit", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			list, err := c.Evidence(ctx, scope)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) {
				if len(list) == 0 {
					fmt.Fprintln(w, "There is no evidence in this visit.")
				}
				for _, v := range list {
					writeEvidence(w, v)
				}
			})
		})
	})
}

func writeEvidence(w io.Writer, v fieldclient.EvidenceView) {
	fmt.Fprintf(w, "%s  %-5s %9d bytes  %s  (%s, %s)\n", v.Record, v.Kind, v.Size, v.Name, v.By, whereIs(v))
	if v.Caption != "" {
		fmt.Fprintf(w, "    %s\n", v.Caption)
	}
	for _, mark := range []struct {
		is   bool
		text string
	}{
		{v.Restricted, "for health experts only"},
		{v.Barred, "sealed: a person whom it belongs to does not allow it. `kua set EVIDENCE links` takes a wrong link away"},
		{v.Locked, "sealed: its key has not come to this laptop, or was erased"},
		{v.Altered, "! somebody later stated another original: this is the first, `kua history` shows who"},
		{v.Removed, "removed"},
		{v.Waiting, "quarantined: `kua quarantine list`"},
	} {
		if mark.is {
			fmt.Fprintf(w, "    %s\n", mark.text)
		}
	}
}

// whereIs says where a sealed original is.
func whereIs(v fieldclient.EvidenceView) string {
	stored := v.State == fieldclient.StateStored
	switch {
	case v.Held && stored:
		return "here and at the server"
	case v.Held:
		return "only here: not at the server yet"
	case stored:
		return "at the server: `kua evidence fetch`"
	}
	return "not here: `kua evidence fetch`"
}

// evidenceNamed returns a piece of evidence by the id, or its first digits, of its record.
func evidenceNamed(ctx context.Context, c *fieldclient.Client, visit, typed string) (scope syncproto.ScopeID, id syncproto.EntityID, err error) {
	if scope, err = visitNamed(c, visit); err != nil {
		return scope, id, err
	}
	list, err := c.Evidence(ctx, scope)
	if err != nil {
		return scope, id, err
	}
	ids := make([]syncproto.EntityID, len(list))
	for i := range list {
		ids[i] = list[i].Record
	}
	id, err = match("evidence", typed, ids)
	return scope, id, err
}

const leavesProtection = "The file %s is in clear: from here on nothing but its place protects it."

func (a *app) evidenceExport() *cobra.Command {
	var derived bool
	var side int
	c := &cobra.Command{Use: "export VISIT ID OUTFILE", Short: "Write an original, or a view without metadata, to a file in clear", Args: cobra.ExactArgs(3),
		Long: "Write an original to a new file, in clear: it leaves the protection of this laptop, with all that it carries, such as the place\n" +
			"and time of a photo. --derived writes a picture that shows the same and carries nothing. Sounds and other files have no\n" +
			"such view. A file that exists is never overwritten."}
	c.Flags().BoolVar(&derived, "derived", false, "the picture without metadata, not the original")
	c.Flags().IntVar(&side, "pixels", 0, "longest side of the derived picture; 0 keeps its size")
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, id, err := evidenceNamed(ctx, c, args[0], args[1])
			if err != nil {
				return err
			}
			f, err := os.OpenFile(args[2], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			media, err := exportTo(ctx, c, f, scope, id, derived, side)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return errors.Join(err, os.Remove(args[2]))
			}
			fmt.Fprintf(a.err, leavesProtection+"\n", args[2])
			return a.say(map[string]string{"record": id.String(), "file": args[2], "media": media}, "Written.")
		})
	})
}

func exportTo(ctx context.Context, c *fieldclient.Client, w io.Writer, scope syncproto.ScopeID, id syncproto.EntityID, derived bool, side int) (media string, err error) {
	if derived {
		b, media, err := c.DerivedView(ctx, scope, id, side)
		if err == nil {
			_, err = w.Write(b)
		}
		return media, err
	}
	o, v, err := c.OpenEvidence(ctx, scope, id)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(w, o)
	return v.Media, errors.Join(err, o.Close())
}

func (a *app) evidenceFetch() *cobra.Command {
	c := &cobra.Command{Use: "fetch VISIT [ID]", Short: "Bring sealed originals of a visit from the server; may be broken off at any time", Args: cobra.RangeArgs(1, 2)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			r, err := c.Remote()
			if err != nil {
				return err
			}
			if len(args) == 2 {
				scope, id, err := evidenceNamed(ctx, c, args[0], args[1])
				if err != nil {
					return err
				}
				if err := c.FetchEvidence(ctx, r, scope, id); err != nil {
					return err
				}
				return a.say(fieldclient.Fetched{Fetched: 1}, "It is here, sealed.")
			}
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			show, done := a.progress()
			got, err := c.FetchAllEvidence(ctx, r, []syncproto.ScopeID{scope}, show)
			done()
			if err != nil {
				return err
			}
			return a.say(got, "%d fetched, %d bytes; %d are not at the server yet.", got.Fetched, got.Bytes, got.Absent)
		})
	})
}

func (a *app) evidenceDrop() *cobra.Command {
	c := &cobra.Command{Use: "drop VISIT ID", Short: "Remove a sealed original from this laptop that the server has whole", Args: cobra.ExactArgs(2),
		Long: "Remove a sealed original from this laptop. Its record stays, and `kua evidence fetch` brings it back. What the server has not\n" +
			"acknowledged to the last byte is never removed."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, id, err := evidenceNamed(ctx, c, args[0], args[1])
			if err != nil {
				return err
			}
			if err := c.DropOriginal(ctx, scope, id); err != nil {
				return err
			}
			return a.say(map[string]string{"record": id.String()}, "Removed from this laptop; the server has it.")
		})
	})
}
