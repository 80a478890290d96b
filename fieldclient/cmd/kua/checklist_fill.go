package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
			return a.print(itemOf(it), func(w io.Writer) { a.writeAnswered(ctx, w, k, it, out) })
		})
	})
	return cmd
}

// typedWrongly marks what the form refuses as a matter of usage.
func typedWrongly(err error) error {
	for _, is := range []error{form.ErrNoPlace, form.ErrNotAsked, form.ErrNotRelevant, form.ErrBadValue, form.ErrRepeatCount, fieldclient.ErrSource} {
		if errors.Is(err, is) {
			return fmt.Errorf("%w (%w)", err, errUsage)
		}
	}
	return err
}

// writeAnswered says what was saved, what is wrong with it, and what the answer changed elsewhere.
func (a *app) writeAnswered(ctx context.Context, w io.Writer, k *fieldclient.Checklist, it fieldclient.Item, out fieldclient.Answered) {
	fmt.Fprintf(w, "Saved: %s %s\n", it.Key, answerStatus(it.Value, it.Silence))
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
			fmt.Fprintf(w, "  Now: %s  %s\n", o.Key, o.Label)
		}
	}
}

func problemText(p form.Problem) string {
	words := map[form.Code]string{form.CodeRequired: "an answer is required", form.CodeConstraint: "the value breaks the form's rule", form.CodeChoice: "this choice is not offered any more",
		form.CodeFault: "the form has a fault"}[p.Code]
	if p.Message != "" {
		return words + ": " + p.Message
	}
	return words
}

func (a *app) checklistShow(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "show [ID]", Short: "Show your answers, or one question with everybody's", Args: cobra.MaximumNArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(c *fieldclient.Client, k *fieldclient.Checklist) error {
			if len(args) == 1 {
				ref, err := k.Find(ctx, args[0])
				if err != nil {
					return err
				}
				it, err := k.Item(ctx, ref)
				if err != nil {
					return err
				}
				return a.print(itemOf(it), func(w io.Writer) {
					writeItem(w, it)
					comparisons(ctx, w, c, k, it)
					writeSaid(w, append([]fieldclient.Said{it.Mine}, it.Others...))
				})
			}
			var list []itemView
			if err := walkSection(ctx, k, k.Root(), func(it fieldclient.Item) { list = append(list, itemOf(it)) }); err != nil {
				return err
			}
			away, err := k.Away(ctx)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) {
				for _, it := range list {
					fmt.Fprintf(w, "%-22s %-14s %-20s %s\n", it.ID, it.Status, it.Value, it.Label)
				}
				for _, o := range away {
					fmt.Fprintf(w, "%-22s kept: this version of the form has no place for it\n", o.Item)
					writeSaid(w, o.Said)
				}
			})
		})
	})
}

func writeSaid(w io.Writer, all []fieldclient.Said) {
	for _, s := range all {
		if s.Name == "" {
			continue
		}
		fmt.Fprintf(w, "    %s: %s %s", s.Name, answerStatus(s.Value, s.Silence), s.Value)
		if len(s.Sources) > 0 {
			fmt.Fprintf(w, " [%s]", strings.Join(s.Sources, ", "))
		}
		if s.Urgent {
			fmt.Fprint(w, " URGENT")
		}
		fmt.Fprintln(w)
		for _, o := range s.Also {
			fmt.Fprintf(w, "      also, from another laptop: %s %s\n", answerStatus(o.Value, o.Silence), o.Value)
		}
		for _, text := range []string{s.Note, s.Minority} {
			if text != "" {
				fmt.Fprintf(w, "      %s\n", text)
			}
		}
	}
}

// walkSection calls fn for the relevant questions of a section and of those inside it.
func walkSection(ctx context.Context, k *fieldclient.Checklist, section form.Ref, fn func(fieldclient.Item)) error {
	items, err := k.Section(ctx, section)
	if err != nil {
		return err
	}
	for _, it := range items {
		switch {
		case it.Whole || !it.Relevant:
		case it.Node.Kind == form.KindQuestion:
			if it.Asked || it.Value != "" {
				fn(it)
			}
		default:
			if err := walkSection(ctx, k, it.Ref, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) checklistProgress(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "progress", Short: "Show how far each section is: answered, silent and open are counted apart"}
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			all, err := k.Progress(ctx)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				for _, s := range all {
					label := s.Label
					if s.Depth == 0 {
						label = "all"
					}
					fmt.Fprintf(w, "%s%-50s answered %d, silent %d, open %d\n", strings.Repeat("  ", s.Depth), label, s.Answered, s.Silent, s.Open)
				}
			})
		})
	})
}

// problemView is what keeps a checklist from being complete.
type problemView struct {
	ID      string   `json:"id"`
	Place   form.Ref `json:"place"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
}

func (a *app) checklistValidate(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "validate", Short: "Show everything that keeps your checklist from being complete",
		Long: "Show everything that keeps your checklist from being complete, at once. The exit code is 1 where there is something. It is kept\n" +
			"all the same: nobody has to finish before saving or syncing."}
	return a.command(c, func(ctx context.Context, _ []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			problems, err := k.Problems(ctx)
			if err != nil {
				return err
			}
			list := make([]problemView, len(problems))
			for i, pr := range problems {
				list[i] = problemView{string(pr.Ref), pr.Ref, string(pr.Code), problemText(pr)}
				if it, err := k.Item(ctx, pr.Ref); err == nil {
					list[i].ID = it.Key
				}
			}
			if err := a.print(list, func(w io.Writer) {
				for _, v := range list {
					fmt.Fprintf(w, "%s: %s (%s)\n", v.ID, v.Message, v.Place)
				}
				if len(list) == 0 {
					fmt.Fprintln(w, "Nothing is wrong.")
				}
			}); err != nil {
				return err
			}
			if len(list) > 0 {
				return errIncomplete
			}
			return nil
		})
	})
}

var errIncomplete = errors.New("the checklist is not complete")

func (a *app) checklistAdd(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "add REPEAT", Short: "Add an instance to a repeat, such as a cell that is measured", Args: cobra.ExactArgs(1),
		Long: "Add an instance to a repeat, by the repeat's name or place, and print its place."}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			ref, _, err := k.AddRow(ctx, repeatNamed(k, args[0]))
			if err != nil {
				return typedWrongly(err)
			}
			return a.made(string(ref), map[string]string{"place": string(ref)}, "Added: %s", ref)
		})
	})
}

func (a *app) checklistStrike(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "strike PLACE", Short: "Take out an instance that you added; its history stays", Args: cobra.ExactArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			out, err := k.StrikeRow(ctx, form.Ref(args[0]))
			if err != nil {
				return typedWrongly(err)
			}
			return a.say(out.Saved, "Taken out. What stood there stays in the history, and in the group's checklist where others answered in it.")
		})
	})
}
