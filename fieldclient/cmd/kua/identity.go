package main

import (
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

func (a *app) identity() *cobra.Command {
	return a.group("identity", "Keep who a pseudonym is, sealed so that two custodians must act together",
		a.identitySeal(), a.identityRequest(), a.identityOpenFirst(), a.identityOpenSecond(), a.identityRecord())
}

// reasoned is a command that does not run without a reason.
func (a *app) reasoned(c *cobra.Command, help string, run func(ctx context.Context, args []string, reason string) error) *cobra.Command {
	var reason string
	c.Flags().StringVar(&reason, "reason", "", help)
	required(c, "reason")
	return a.command(c, func(ctx context.Context, args []string) error { return run(ctx, args, reason) })
}

func (a *app) identitySeal() *cobra.Command {
	c := &cobra.Command{Use: "seal VISIT INTERVIEW", Short: "Seal who the person of an interview is; you cannot read it again", Args: cobra.ExactArgs(2),
		Long: "Seal who the person of an interview is. Standard input holds lines such as `name: …`, `born: …`, `contact: …`, `note: …`: what is\n" +
			"typed as an argument would land in the shell's history. Nothing that opens it stays on this laptop."}
	return a.reasoned(c, "why the identity is kept; everybody on the visit reads this", func(ctx context.Context, args []string, reason string) error {
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			interview, err := recordNamed(ctx, c, args[1])
			if err != nil {
				return err
			}
			text, err := a.text("-")
			if err != nil {
				return err
			}
			card, err := cardOf(text)
			if err != nil {
				return err
			}
			id, err := c.SealIdentity(ctx, scope, interview.entity, card, reason)
			if err != nil {
				return err
			}
			return a.saved(id, "Sealed to two custodians. This laptop cannot open it.")
		})
	})
}

// cardOf reads a card from lines of "word: text".
func cardOf(text string) (fieldclient.IdentityCard, error) {
	var card fieldclient.IdentityCard
	into := map[string]*string{"name": &card.Name, "born": &card.Born, "contact": &card.Contact, "note": &card.Note}
	for i, line := range strings.Split(text, "\n") {
		word, value, ok := strings.Cut(line, ":")
		at := into[strings.ToLower(strings.TrimSpace(word))]
		switch {
		case strings.TrimSpace(line) == "":
		case !ok || at == nil:
			return card, fmt.Errorf("line %d begins with none of name:, born:, contact:, note: (%w)", i+1, errUsage)
		default:
			*at = strings.TrimSpace(value)
		}
	}
	if card.Name == "" {
		return card, fmt.Errorf("there is no line with a name (%w)", errUsage)
	}
	return card, nil
}

// newFile writes bytes to a file that is not there yet.
func newFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w (%w)", err, errUsage)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// fresh refuses a file that is there already, before anything is signed or opened for it.
func fresh(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there already: name another file (%w)", path, errUsage)
	}
	return nil
}

func (a *app) identityRequest() *cobra.Command {
	c := &cobra.Command{Use: "request VISIT IDENTITY FILE", Short: "Ask the custodians to open an identity; who asked and why stays in the visit", Args: cobra.ExactArgs(3)}
	return a.reasoned(c, "why it is to be opened", func(ctx context.Context, args []string, reason string) error {
		if err := fresh(args[2]); err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			record, err := recordNamed(ctx, c, args[1])
			if err != nil {
				return err
			}
			request, err := c.RequestIdentity(ctx, scope, record.entity, reason)
			if err != nil {
				return err
			}
			if err := newFile(args[2], request.File); err != nil {
				return err
			}
			said := map[string]string{"file": args[2], "first": request.First, "second": request.Second}
			return a.say(said, "Carry %s to %s, who opens first; then it goes to %s.", args[2], request.First, request.Second)
		})
	})
}

// opened is what came out of a custodian's part: the file to hand on, and what the screen or --json says of it.
type opened struct {
	file  []byte
	shown any
	write func(io.Writer)
}

// opening is the part of one custodian: it takes a file, a reason and the name of a file that is not there yet.
func (a *app) opening(c *cobra.Command, open func(ctx context.Context, c *fieldclient.Client, in []byte, reason, out string) (opened, error)) *cobra.Command {
	return a.reasoned(c, "why you agree", func(ctx context.Context, args []string, reason string) error {
		in, err := readBounded(args[0])
		if err != nil {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
		if err := fresh(args[1]); err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			o, err := open(ctx, c, in, reason, args[1])
			if err != nil {
				return err
			}
			if err := newFile(args[1], o.file); err != nil {
				return err
			}
			return a.print(o.shown, o.write)
		})
	})
}

func (a *app) identityOpenFirst() *cobra.Command {
	c := &cobra.Command{Use: "open-first FILE OUT", Short: "Take the first seal off, as a custodian; what is handed on is still sealed", Args: cobra.ExactArgs(2)}
	return a.opening(c, func(ctx context.Context, c *fieldclient.Client, request []byte, reason, out string) (opened, error) {
		half, asked, err := c.OpenIdentityFirst(ctx, request, reason)
		return opened{half, asked, func(w io.Writer) {
			writeAsked(w, asked)
			fmt.Fprintf(w, "Carry %s to the second custodian.\n", out)
		}}, err
	})
}

func (a *app) identityOpenSecond() *cobra.Command {
	c := &cobra.Command{Use: "open-second FILE RECORD", Short: "Take the second seal off, as a custodian, and show the identity once", Args: cobra.ExactArgs(2),
		Long: "Take the second seal off and show the identity on the screen, once. It is kept nowhere. RECORD is a new file for what both\n" +
			"custodians signed; it holds nothing of the identity, and goes back into the visit with `kua identity record`."}
	return a.opening(c, func(ctx context.Context, c *fieldclient.Client, half []byte, reason, out string) (opened, error) {
		card, record, asked, err := c.OpenIdentitySecond(ctx, half, reason)
		return opened{record, card, func(w io.Writer) {
			writeAsked(w, asked)
			fmt.Fprintf(w, "name:    %s\nborn:    %s\ncontact: %s\nnote:    %s\n", card.Name, card.Born, card.Contact, card.Note)
			fmt.Fprintf(w, "This is shown once. Send %s back to who asked.\n", out)
		}}, err
	})
}

func writeAsked(w io.Writer, asked fieldclient.IdentityAsked) {
	fmt.Fprintf(w, "%s asked on %s: %s\n", asked.Name, when(asked.At), asked.Reason)
}

func (a *app) identityRecord() *cobra.Command {
	c := &cobra.Command{Use: "record VISIT IDENTITY FILE", Short: "Put what both custodians signed into the visit", Args: cobra.ExactArgs(3)}
	return a.command(c, func(ctx context.Context, args []string) error {
		b, err := readBounded(args[2])
		if err != nil {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			record, err := recordNamed(ctx, c, args[1])
			if err != nil {
				return err
			}
			if err := c.RecordIdentity(ctx, scope, record.entity, b); err != nil {
				return err
			}
			return a.say(map[string]syncproto.EntityID{"record": record.entity}, "Saved: the visit tells who opened it.")
		})
	})
}
