package main

import (
	"context"

	"github.com/spf13/cobra"

	"kua/fieldclient"
)

func (a *app) note() *cobra.Command {
	var file, at, theme string
	c := &cobra.Command{Use: "note VISIT TEXT", Short: "Write down what you saw, heard or smelled", Args: cobra.RangeArgs(1, 2),
		Long: "Write down what you saw, heard or smelled, as an observation of its own." + historyNote}
	c.Flags().StringVar(&file, "file", "", "read the text from a file")
	c.Flags().StringVar(&at, "place", "", "where in the facility")
	c.Flags().StringVar(&theme, "theme", "", "theme of the methodology")
	return a.command(c, func(ctx context.Context, args []string) error {
		text, err := a.valueFrom(args[1:], file)
		if err != nil {
			return err
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			id, err := a.create(ctx, c, "observation", args[0], given(map[string]string{"text": text, "place": at, "theme": theme}))
			if err != nil {
				return err
			}
			return a.saved(id, "Saved as %s.", id)
		})
	})
}

// given leaves out what was not typed.
func given(fields map[string]string) map[string]string {
	for name, text := range fields {
		if text == "" {
			delete(fields, name)
		}
	}
	return fields
}

func (a *app) interview() *cobra.Command {
	var kind, consent, privacy, summary, themes, risk, medical string
	c := &cobra.Command{Use: "interview VISIT --kind KIND --consent LEVEL --summary -", Short: "Write down a conversation, under a pseudonym made here", Args: cobra.ExactArgs(1),
		Long: "Write down a conversation, under a pseudonym made here that encodes nothing about the person. Never write a name.\n" +
			"kind: private, group, staff, relative. consent: C0 to C5. `--summary -` reads the summary from standard input: an argument\n" +
			"lands in the shell's history."}
	fl := c.Flags()
	fl.StringVar(&kind, "kind", "", "kind of interview")
	fl.StringVar(&consent, "consent", "", "what the person agreed to")
	fl.StringVar(&privacy, "privacy", "", "who could see or hear")
	fl.StringVar(&summary, "summary", "", "what was said")
	fl.StringVar(&themes, "themes", "", "themes touched, with commas")
	fl.StringVar(&risk, "risk", "", "risk of reprisals and what was agreed")
	fl.StringVar(&medical, "medical", "", "medical findings, by a health expert only")
	required(c, "kind", "consent")
	return a.command(c, func(ctx context.Context, args []string) error {
		fields := given(map[string]string{"kind": kind, "consent": consent, "privacy": privacy, "summary": summary, "themes": themes, "risk": risk, "medical": medical})
		for name, typed := range fields {
			var err error
			if fields[name], err = a.text(typed); err != nil {
				return err
			}
		}
		return a.open(ctx, func(c *fieldclient.Client) error {
			scope, err := visitNamed(c, args[0])
			if err != nil {
				return err
			}
			id, pseudonym, err := c.NewInterview(ctx, scope, fields)
			if err != nil {
				return err
			}
			return a.made(id.String(), map[string]string{"record": id.String(), "pseudonym": pseudonym}, "Saved. The person is %s in this visit.", pseudonym)
		})
	})
}
