package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/form"
	"kua/syncproto"
)

var formSilences = map[string]form.Silence{
	"not-checked": form.NotChecked, "not-applicable": form.NotApplicable, "access-refused": form.AccessRefused, "open": form.None,
}

// typedAnswer is what flags say about an answer.
type typedAnswer struct {
	status, note, file, minority string
	sources, links               []string
	urgent, paper                bool
}

func (t *typedAnswer) flags(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&t.status, "status", "", "no value, because: not-checked, not-applicable, access-refused; open takes an answer back")
	fl.StringSliceVar(&t.sources, "source", nil, "kinds of source, with commas: observation, interview, document, management")
	fl.StringVar(&t.note, "note", "", "a note to the answer")
	fl.StringVar(&t.minority, "minority", "", "your view where the group agreed on another answer")
	fl.StringSliceVar(&t.links, "link", nil, "records that support it: interviews (pseudonym or id), documents, evidence")
	fl.StringVar(&t.file, "file", "", "read the value from a file")
	fl.BoolVar(&t.urgent, "urgent", false, "it needs action at once")
	fl.BoolVar(&t.paper, "transcribed", false, "typed in from paper")
}

// change makes a change of what was typed; flags that were not typed leave their part as it is.
func (a *app) change(ctx context.Context, c *fieldclient.Client, k *fieldclient.Checklist, cmd *cobra.Command, t *typedAnswer, args []string) (ch fieldclient.AnswerChange, err error) {
	typed := cmd.Flags().Changed
	switch {
	case typed("status"):
		s, ok := formSilences[t.status]
		if !ok || len(args) > 0 || t.file != "" {
			return ch, fmt.Errorf("--status is not-checked, not-applicable, access-refused or open, and goes without a value (%w)", errUsage)
		}
		ch.Silence = &s
	case len(args) > 0 || t.file != "":
		value, err := a.valueFrom(args, t.file)
		if err != nil {
			return ch, err
		}
		ch.Value = &value
	case !typed("note") && !typed("source") && !typed("urgent") && !typed("link") && !typed("transcribed") && !typed("minority"):
		return ch, fmt.Errorf("want a value, --status, or a part of the answer such as --note (%w)", errUsage)
	}
	if typed("note") {
		if t.note, err = a.text(t.note); err != nil {
			return ch, err
		}
		ch.Note = &t.note
	}
	if typed("minority") {
		if t.minority, err = a.text(t.minority); err != nil {
			return ch, err
		}
		ch.Minority = &t.minority
	}
	if typed("source") {
		ch.Sources = &t.sources
	}
	if typed("urgent") {
		ch.Urgent = &t.urgent
	}
	if typed("transcribed") {
		ch.Transcribed = &t.paper
	}
	if typed("link") {
		links, err := linksNamed(ctx, c, k.Info().Scope, t.links)
		if err != nil {
			return ch, err
		}
		ch.Links = &links
	}
	return ch, nil
}

func linksNamed(ctx context.Context, c *fieldclient.Client, scope syncproto.ScopeID, names []string) ([]syncproto.EntityID, error) {
	var out []syncproto.EntityID
	for _, name := range names {
		if id, err := interviewNamed(ctx, c, scope, name); err == nil {
			out = append(out, *id)
			continue
		}
		p, err := recordNamed(ctx, c, name)
		if err != nil {
			return nil, err
		}
		if p.scope != scope {
			return nil, fmt.Errorf("%s is of another visit (%w)", name, errUsage)
		}
		out = append(out, p.entity)
	}
	return out, nil
}

func (a *app) checklistAnswer(p *chosen) *cobra.Command {
	t := &typedAnswer{}
	var cmd *cobra.Command
	c := &cobra.Command{Use: "answer ID [VALUE]", Short: "Answer a question, or change a part of the answer", Args: cobra.RangeArgs(1, 2),
		Long: "Answer a question, or change a part of the answer. ID is the item's stable id, such as COL-05; COL-02/area:2 is that of the second\n" +
			"instance of a repeat. Choices are given by their words, several with blanks; numbers with a point." + historyNote}
	t.flags(c)
	cmd = a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(c *fieldclient.Client, k *fieldclient.Checklist) error {
			ref, err := k.Find(ctx, args[0])
			if err != nil {
				return fmt.Errorf("%w (%w)", err, errUsage)
			}
			ch, err := a.change(ctx, c, k, cmd, t, args[1:])
			if err != nil {
				return err
			}
			out, err := k.Answer(ctx, ref, ch)
			if err != nil {
				return typedWrongly(err)
			}
			it, err := k.Item(ctx, ref)
			if err != nil {
				return err
			}
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			return a.print(itemOf(names, it), func(w io.Writer) { a.writeAnswered(ctx, w, k, names, it, out) })
		})
	})
	return cmd
}

// typedWrongly marks what the form refuses as a matter of usage.
func typedWrongly(err error) error {
	for _, is := range []error{form.ErrNoPlace, form.ErrNotAsked, form.ErrNotRelevant, form.ErrBadValue, form.ErrRepeatCount, fieldclient.ErrSource, fieldclient.ErrSeveralPlaces} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
	}
	return err
}

// writeAnswered says what was saved, what is wrong with it, and what the answer changed elsewhere.
func (a *app) writeAnswered(ctx context.Context, w io.Writer, k *fieldclient.Checklist, names map[form.Ref]string, it fieldclient.Item, out fieldclient.Answered) {
	fmt.Fprintf(w, "Saved: %s %s\n", names[it.Ref], answerStatus(it.Value, it.Means))
	problems, err := k.Problems(ctx)
	if err != nil {
		return
	}
	for _, pr := range problems {
		if pr.Ref == it.Ref {
			fmt.Fprintf(w, "  But: %s\n", problemText(pr))
		}
	}
	for _, ref := range out.Changed {
		if ref == it.Ref {
			continue
		}
		if o, err := k.Item(ctx, ref); err == nil && o.Node.Kind == form.KindQuestion && o.Relevant && (o.Asked || o.Node.Type == "note") && o.Label != "" {
			fmt.Fprintf(w, "  Now: %s  %s\n", names[o.Ref], o.Label)
		}
	}
}

func problemText(p form.Problem) string {
	words := map[form.Code]string{form.CodeRequired: "an answer is required", form.CodeConstraint: "the value breaks the form's rule", form.CodeChoice: "this choice is not offered any more",
		form.CodeType: "the answer is not of the question's type any more", form.CodeFault: "the form has a fault"}[p.Code]
	if p.Message != "" {
		return words + ": " + p.Message
	}
	return words
}
