package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/internal/replica"
	"kua/syncproto"
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
			if fields["pseudonym"], err = pseudonym(ctx, c, scope); err != nil {
				return err
			}
			id, err := c.Create(ctx, scope, "interview", fields)
			if err != nil {
				return err
			}
			return a.made(id.String(), map[string]string{"record": id.String(), "pseudonym": fields["pseudonym"]},
				"Saved. The person is %s in this visit.", fields["pseudonym"])
		})
	})
}

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford: none is taken for another

// pseudonym makes a name for the next person interviewed with this laptop in this visit, such as 7K-R4M-03-X: a code
// of the visit, one of the laptop, a counter and a check character. Nothing in it says anything about the person. A
// laptop whose data was restored gets another code, so that no pseudonym is given twice.
func pseudonym(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID) (string, error) {
	incidents, err := c.Incidents(ctx)
	if err != nil {
		return "", err
	}
	device := c.Device().ID
	visitCode := code(2, "visit", scope[:])
	deviceCode := code(3, "laptop", scope[:], device[:], fmt.Append(nil, len(incidents)))
	body := visitCode + "-" + deviceCode + "-"
	n := 1 // counts what this person began, whatever became of it: an erased pseudonym is not given again
	me, err := c.Person()
	if err != nil {
		return "", err
	}
	kind, _ := syncproto.KindNamed("interview")
	err = c.Replica().Records(ctx, scope, kind.ID, func(v replica.RecordView) error {
		if slices.ContainsFunc(v.Log, func(l syncproto.Contribution) bool { return l.Person == me.Person }) {
			n++
		}
		return nil
	})
	body += fmt.Sprintf("%02d", n)
	return body + "-" + code(1, "check", []byte(body)), err
}

// code returns n letters that stand for a hash.
func code(n int, parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%s\x00", p)
	}
	sum := h.Sum(nil)
	out := make([]byte, n)
	for i := range out {
		out[i] = letters[sum[i]&31]
	}
	return string(out)
}
