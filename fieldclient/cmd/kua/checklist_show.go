package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kua/fieldclient"
	"kua/fieldclient/form"
)

func (a *app) checklistShow(p *chosen) *cobra.Command {
	c := &cobra.Command{Use: "show [ID]", Short: "Show your answers, or one question with everybody's", Args: cobra.MaximumNArgs(1)}
	return a.command(c, func(ctx context.Context, args []string) error {
		return a.on(ctx, p, func(c *fieldclient.Client, k *fieldclient.Checklist) error {
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				ref, err := k.Find(ctx, args[0])
				if err != nil {
					return typedWrongly(err)
				}
				it, err := k.Item(ctx, ref)
				if err != nil {
					return err
				}
				norms, err := c.Norms(ctx, k.Info().Scope)
				if err != nil {
					return err
				}
				return a.print(itemOf(names, it), func(w io.Writer) {
					writeItem(w, names, it)
					comparisons(w, norms, it, p.lang)
					writeSaid(w, append([]fieldclient.Said{it.Mine}, it.Others...))
					writeAgreed(w, it.Agreed)
				})
			}
			var list []itemView
			if err := walkSection(ctx, k, k.Root(), func(it fieldclient.Item) { list = append(list, itemOf(names, it)) }); err != nil {
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
		fmt.Fprintf(w, "    %s: %s %s", s.Name, saidStatus(s), s.Value)
		if len(s.Sources) > 0 {
			fmt.Fprintf(w, " [%s]", strings.Join(s.Sources, ", "))
		}
		if s.Urgent {
			fmt.Fprint(w, " URGENT")
		}
		fmt.Fprintln(w)
		for _, o := range s.Also {
			fmt.Fprintf(w, "      also, from another laptop or from the gate: %s %s\n", answerStatus(o.Value, o.Silence), o.Value)
		}
		if s.Gate && !s.Sealed() {
			fmt.Fprintln(w, "      also, sealed at the gate: an answer that does not open here")
		}
		for _, part := range s.Closed {
			fmt.Fprintf(w, "      sealed: %s\n", part)
		}
		for _, text := range []string{s.Note, s.Minority} {
			if text != "" {
				fmt.Fprintf(w, "      %s\n", text)
			}
		}
	}
}

func writeAgreed(w io.Writer, all []fieldclient.Said) {
	for _, s := range all {
		fmt.Fprintf(w, "    agreed by %s: %s %s\n", s.Name, answerStatus(s.Value, s.Silence), s.Value)
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
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) {
				for _, s := range all {
					label := s.Label
					if s.Depth == 0 {
						label = "all"
					}
					if s.Empty > 0 && names[s.Ref] != "" {
						fmt.Fprintf(w, "%s%-50s none yet: `kua checklist add %s`\n", strings.Repeat("  ", s.Depth), label, names[s.Ref])
						continue
					}
					fmt.Fprintf(w, "%s%-50s answered %d, silent %d, open %d", strings.Repeat("  ", s.Depth), label, s.Answered, s.Silent, s.Open)
					if s.Sealed > 0 {
						fmt.Fprintf(w, ", sealed %d", s.Sealed)
					}
					fmt.Fprintln(w)
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
			names, err := k.Names(ctx)
			if err != nil {
				return err
			}
			empty, err := k.Empty(ctx)
			if err != nil {
				return err
			}
			list := make([]problemView, len(problems))
			for i, pr := range problems {
				list[i] = problemView{cmp.Or(names[pr.Ref], string(pr.Ref)), pr.Ref, string(pr.Code), problemText(pr)}
			}
			if err := a.print(list, func(w io.Writer) {
				for _, v := range list {
					fmt.Fprintf(w, "%s: %s (%s)\n", v.ID, v.Message, v.Place)
				}
				if len(list) == 0 {
					fmt.Fprintln(w, "Nothing is wrong.")
				}
				writeEmpty(w, emptyOf(names, empty))
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
