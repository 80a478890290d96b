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
)

// filled is what came of one line of a file of answers.
type filled struct {
	Line  int    `json:"line"`
	ID    string `json:"id"`
	Error string `json:"error,omitempty"`
}

var errLines = errors.New("some lines are not answers")

func (a *app) checklistFill(p *chosen) *cobra.Command {
	var paper bool
	c := &cobra.Command{Use: "fill FILE", Short: "Save many answers at once, as from a paper form", Args: cobra.ExactArgs(1),
		Long: "Save many answers at once, from a file or with - from standard input: a line for each, the item's id, a tab, and the value, or one of\n" +
			"(not-checked), (not-applicable), (access-refused). A line +REPEAT adds an instance to a repeat. Lines that are no answers are\n" +
			"listed, and the others are saved."}
	c.Flags().BoolVar(&paper, "transcribed", false, "the answers were written on paper")
	return a.command(c, func(ctx context.Context, args []string) error {
		read := func() (string, error) { return a.valueFrom(nil, args[0]) }
		if args[0] == "-" {
			read = func() (string, error) { return a.text("-") }
		}
		text, err := read()
		if err != nil {
			return err
		}
		return a.on(ctx, p, func(_ *fieldclient.Client, k *fieldclient.Checklist) error {
			var done []filled
			var broken error
			failed, saved, stopped := false, 0, 0
			for i, line := range strings.Split(text, "\n") {
				if line = strings.TrimRight(line, "\r"); strings.TrimSpace(line) == "" {
					continue
				}
				id, value, tab := strings.Cut(line, "\t")
				f := filled{Line: i + 1, ID: id}
				if err := fillLine(ctx, k, id, value, tab, paper); err != nil {
					f.Error, failed = err.Error(), true
					if !ofThisLine(err) {
						broken, stopped = err, i+1
					}
				} else {
					saved++
				}
				if done = append(done, f); broken != nil {
					break
				}
			}
			if err := a.print(done, func(w io.Writer) { writeFilled(w, done) }); err != nil || broken != nil { // what is saved is said in any case
				return &partly{saved, stopped, errors.Join(err, broken)}
			}
			if failed {
				return &partly{saved, 0, fmt.Errorf("%w (%w)", errLines, errUsage)}
			}
			return nil
		})
	})
}

func writeFilled(w io.Writer, done []filled) {
	saved := 0
	for _, f := range done {
		if f.Error == "" {
			saved++
			continue
		}
		fmt.Fprintf(w, "line %d, %s: %s\n", f.Line, f.ID, f.Error)
	}
	fmt.Fprintf(w, "%d answers are saved.\n", saved)
}

// ofThisLine reports whether an error is a matter of one line, so that the next ones can be saved.
func ofThisLine(err error) bool {
	return errors.Is(typedWrongly(err), errUsage) || errors.Is(err, fieldclient.ErrNoRight)
}

func fillLine(ctx context.Context, k *fieldclient.Checklist, id, value string, tab, paper bool) error {
	if name, ok := strings.CutPrefix(id, "+"); ok {
		repeat, err := k.FindRepeat(ctx, name)
		if err == nil {
			_, _, err = k.AddRow(ctx, repeat)
		}
		return err
	}
	if !tab { // it would take an answer back that nobody wanted to
		return fmt.Errorf("%w: there is no tab behind the item's id (%w)", errLines, errUsage)
	}
	ref, err := k.Find(ctx, id)
	if err != nil {
		return err
	}
	ch := fieldclient.AnswerChange{Value: &value}
	if word, ok := strings.CutPrefix(value, "("); ok {
		word, closed := strings.CutSuffix(word, ")")
		if s, ok := formSilences[word]; ok && closed && s != form.None {
			ch = fieldclient.AnswerChange{Silence: &s}
		}
	}
	if paper {
		ch.Transcribed = &paper
	}
	_, err = k.Answer(ctx, ref, ch)
	return err
}
